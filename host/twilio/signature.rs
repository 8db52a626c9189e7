//! `X-Twilio-Signature`: who called us really is Twilio, and nothing was changed on the way.
//!
//! The signed text is the URL *as Twilio was given it*. Behind a proxy we cannot see that, so the
//! caller builds it with [`called_url`] from the configured public address and the raw target of the
//! request. Twilio is inconsistent about the port, so the URL is tried as it is, without its port,
//! and with the usual one.

use crate::domain::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use subtle::ConstantTimeEq as _;

/// The header that carries it.
pub const HEADER: &str = "x-twilio-signature";

/// What was sent along with the URL.
#[derive(Clone, Copy)]
pub enum Body<'a> {
    /// Decoded pairs of a form, all of them; none for GET.
    Form(&'a [(String, String)]),
    /// Anything else, byte by byte: the URL carries its hash.
    Raw(&'a [u8]),
}

/// Why a request is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No token is configured, so nothing can be believed.
    #[error("no auth token is configured to check signatures by")]
    NoToken,
    /// The body is not the one whose hash is in the URL.
    #[error("the body does not belong to the hash in the URL")]
    Body,
    /// No token and no form of the URL gives this signature.
    #[error("the signature does not belong to this request")]
    Mismatch,
}

/// Checks signatures by the account's token, and by a second one while the token is being changed.
#[derive(Clone, Debug)]
pub struct Verifier {
    tokens: Vec<Secret>,
}

impl Verifier {
    /// Takes the primary token, and the one before or after it.
    #[must_use]
    pub fn new(token: Secret, previous: Option<Secret>) -> Self {
        let tokens = std::iter::once(token).chain(previous);
        // An empty key would let anyone sign.
        Self { tokens: tokens.filter(|token| !token.expose().is_empty()).collect() }
    }

    /// Checks one request: `url` as it was called, `header` as it was received.
    ///
    /// # Errors
    ///
    /// The request must not be believed.
    pub fn verify(&self, url: &str, body: Body<'_>, header: &str) -> Result<(), SignatureError> {
        if self.tokens.is_empty() {
            return Err(SignatureError::NoToken);
        }
        let params = match body {
            Body::Form(params) => params,
            Body::Raw(bytes) => {
                let promised = body_hash(url).ok_or(SignatureError::Body)?;
                if !same(promised, &hex(&Sha256::digest(bytes))) {
                    return Err(SignatureError::Body);
                }
                &[]
            }
        };
        // All are tried, so that the time tells nothing about which one fits.
        let mut fits = false;
        for url in spellings(url) {
            for token in &self.tokens {
                fits |= same(&sign(token, &url, params), header.trim());
            }
        }
        if fits { Ok(()) } else { Err(SignatureError::Mismatch) }
    }
}

/// The signature of a call: the URL without its fragment, then every name with its value, by name;
/// several values of one name are sorted, and the same pair counts once.
#[must_use]
pub fn sign(token: &Secret, url: &str, params: &[(String, String)]) -> String {
    let mut sorted: Vec<&(String, String)> = params.iter().collect();
    sorted.sort();
    sorted.dedup();
    let mut hmac = keyed(token);
    hmac.update(url.split('#').next().unwrap_or_default().as_bytes());
    for (name, value) in sorted {
        hmac.update(name.as_bytes());
        hmac.update(value.as_bytes());
    }
    STANDARD.encode(hmac.finalize().into_bytes())
}

fn keyed(token: &Secret) -> Hmac<Sha1> {
    Hmac::new_from_slice(token.expose().as_bytes()).expect("HMAC takes a key of any length")
}

/// The URL that Twilio called: our public address, and the target of the request byte by byte as it
/// came, for a parser might spell it differently.
#[must_use]
pub fn called_url(public_base: &str, raw_target: &str) -> String {
    format!("{}{raw_target}", public_base.trim_end_matches('/'))
}

fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn body_hash(url: &str) -> Option<&str> {
    let query = url.split('#').next()?.split_once('?')?.1;
    query.split('&').find_map(|pair| pair.strip_prefix("bodySHA256="))
}

/// The URL as it is, without its port, and with its scheme's usual port.
fn spellings(url: &str) -> Vec<String> {
    let mut all = vec![url.to_owned()];
    let Some((scheme, rest)) = url.split_once("://") else { return all };
    let (authority, target) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let after_user = authority.rfind('@').map_or(0, |at| at + 1);
    // The colons of an IPv6 address are within brackets.
    let after_host = authority.rfind(']').map_or(after_user, |at| at + 1);
    if let Some(colon) = authority[after_host..].rfind(':') {
        all.push(format!("{scheme}://{}{target}", &authority[..after_host + colon]));
    } else {
        let port = if scheme.eq_ignore_ascii_case("http") { 80 } else { 443 };
        all.push(format!("{scheme}://{authority}:{port}{target}"));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const U: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";

    type Params = Vec<(String, String)>;

    fn pairs(list: &[(&str, &str)]) -> Params {
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn call() -> Params {
        pairs(&[
            ("CallSid", "CA1234567890ABCDE"),
            ("Caller", "+14158675309"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
            ("To", "+18005551212"),
        ])
    }

    fn reasons() -> Params {
        let mut reasons = call();
        reasons.extend(pairs(&[("ReasonConferenceEnded", "test"), ("Reason", "Participant")]));
        reasons
    }

    fn digits() -> Params {
        pairs(&[
            ("Sid", "CA123"),
            ("SidAccount", "AC123"),
            ("Digits", "5678"),
            ("Digits", "1234"),
            ("Digits", "1234"),
        ])
    }

    fn verifier() -> Verifier {
        Verifier::new(Secret::new("12345"), None)
    }

    #[test]
    fn the_official_vectors_of_forms_are_accepted() {
        let binding =
            [("MessagingBinding.Address", "+1415xxxxxxx"), ("MessagingBinding.Address", "+1325xxxxxxx")];
        let security = pairs(&[
            ("CallSid", "CA1234567890ABCDE"),
            ("Caller", "+14158675310"),
            ("Digits", "1234"),
            ("From", "+14158675310"),
            ("To", "+18005551212"),
        ]);
        let inbound = [
            ("From", "+33612345678"),
            ("To", "+15558675310"),
            ("Body", " Ça va 👍 "),
            ("NumMedia", "0"),
            ("FromCity", ""),
        ];
        let quoted = format!("{U}&Body=It%27s+amazing");
        let vectors: Vec<(u8, &str, Params, &str)> = vec![
            (1, U, call(), "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
            (2, U, call(), "kvajT1Ptam85bY51eRf/AJRuM3w="),
            (3, "http://mycompany.com/myapp.php?foo=1&bar=2", call(), "OyGYPqTF6ztdbRNCvuQO/oPvqQ4="),
            (4, "http://mycompany.com/myapp.php?foo=1&bar=2", call(), "0ZXoZLH/DfblKGATFgpif+LLRf4="),
            (5, "http://mycompany.com:1234/myapp.php?foo=1&bar=2", call(), "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
            (6, "https://mycompany.com:1234/myapp.php?foo=1&bar=2", call(), "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
            (
                7,
                "https://user:pass@mycompany.com/myapp.php?foo=1&bar=2",
                call(),
                "CukzLTc1tT5dXEDIHm/tKBanW10=",
            ),
            (8, &quoted, call(), "TfZzewPq8wqrGlMfyAud8+/IvJ0="),
            (9, U, pairs(&binding), "83O6e2vORAoJHUNzJjDWN1jz+BA="),
            (10, U, digits(), "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
            (14, U, reasons(), "vOEb5UThFn24KEfnOFLQY2AE5FY="),
            (14, "http://mycompany.com/myapp.php?foo=1&bar=2", reasons(), "n2xBNyzSW7rfYStDtOFiFMv7qNo="),
            (15, U, pairs(&[("property", "value"), ("boolean", "true")]), "NBdBDr/T/lgjI+tlgpXjKZQZs/k="),
            (16, "https://example.com/myapp.php?foo=1&bar=2", security, "L/OH5YylLD5NRKLltdqwSvS0BnU="),
            (17, U, vec![], "zYQTYrRWXE7LtzbG4PfP7/bkkGo="),
            (19, "https://h.example/twilio/in?t=7", pairs(&inbound), "gcyDUxoZsiz3FEbkhUyXTFdvUdo="),
        ];
        for (number, url, params, signature) in vectors {
            let checked = verifier().verify(url, Body::Form(&params), signature);
            assert_eq!(checked, Ok(()), "vector {number}");
        }
    }

    #[test]
    fn the_official_vectors_of_raw_bodies_are_accepted() {
        let json = br#"{"property": "value", "boolean": true}"#;
        let hash = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
        let empty = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        let vectors: [(u8, String, &[u8], &str); 4] = [
            (11, format!("{U}&bodySHA256={hash}"), json, "a9nBmqA0ju/hNViExpshrM61xv4="),
            (
                12,
                format!("https://mycompany.com/myapp.php?bodySHA256={hash}"),
                json,
                "y77kIzt2vzLz71DgmJGsen2scGs=",
            ),
            (13, format!("{U}&bodySHA256={empty}"), b"{}", "Ldidvp12m26NI7eqEvxnEpkd9Hc="),
            (13, format!("{U}&bodySHA256={empty}"), b"{}", "rw/jVviOgicj2+kHZULvebnA4ag="),
        ];
        for (number, url, body, signature) in vectors {
            assert_eq!(verifier().verify(&url, Body::Raw(body), signature), Ok(()), "vector {number}");
            let changed = verifier().verify(&url, Body::Raw(b"{ }"), signature);
            assert_eq!(changed, Err(SignatureError::Body), "vector {number}");
        }
        assert_eq!(verifier().verify(U, Body::Raw(b"{}"), "x"), Err(SignatureError::Body));
    }

    #[test]
    fn what_was_signed_in_another_way_is_refused() {
        let joined = "95+Bu0JVPi0r/SsESZCVf0dWAjw=";
        assert_eq!(verifier().verify(U, Body::Form(&reasons()), joined), Err(SignatureError::Mismatch));
        let first_value_only = "lwmwedXvBwAQyglWrAQmllAWLTQ=";
        assert_eq!(
            verifier().verify(U, Body::Form(&digits()), first_value_only),
            Err(SignatureError::Mismatch)
        );
        let good = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
        for (url, params) in [
            ("https://mycompany.com/myapp.php?foo=1&bar=3", call()),
            ("https://mycompany.com/myapp.php/?foo=1&bar=2", call()),
            ("https://mycompany.org/myapp.php?foo=1&bar=2", call()),
            (U, call()[1..].to_vec()),
            (U, [call(), pairs(&[("New", "")])].concat()),
        ] {
            let checked = verifier().verify(url, Body::Form(&params), good);
            assert_eq!(checked, Err(SignatureError::Mismatch), "{url}");
        }
        for header in ["", "x", &good[1..]] {
            assert_eq!(verifier().verify(U, Body::Form(&call()), header), Err(SignatureError::Mismatch));
        }
    }

    #[test]
    fn a_realistic_status_callback_is_accepted() {
        let token = Secret::new("0123456789abcdef0123456789abcdef");
        let account = format!("AC{}", "a".repeat(32));
        let sid = format!("SM{}", "b".repeat(32));
        let params = pairs(&[
            ("AccountSid", &account),
            ("ApiVersion", "2010-04-01"),
            ("From", "+15017122661"),
            ("MessageSid", &sid),
            ("SmsSid", &sid),
            ("MessageStatus", "delivered"),
            ("SmsStatus", "delivered"),
            ("RawDlrDoneDate", "2611221035"),
            ("To", "+15558675310"),
        ]);
        let url = called_url("https://sms.clinic.example/", "/twilio/status?clinic=7");
        let checked =
            Verifier::new(token, None).verify(&url, Body::Form(&params), "opGHa0/Inr5XQXuLsZ/toFMlCxQ=");
        assert_eq!(checked, Ok(()));
    }

    #[test]
    fn the_fragment_is_not_signed() {
        let token = Secret::new("12345");
        assert_eq!(sign(&token, &format!("{U}#rc=5&rp=all"), &call()), sign(&token, U, &call()));
    }

    #[test]
    fn both_tokens_count_while_the_token_is_changed() {
        let verifier = Verifier::new(Secret::new("new"), Some(Secret::new("12345")));
        assert_eq!(verifier.verify(U, Body::Form(&call()), "RSOYDt4T1cUTdK1PDd93/VVr8B8="), Ok(()));
        let signed = sign(&Secret::new("new"), U, &call());
        assert_eq!(verifier.verify(U, Body::Form(&call()), &signed), Ok(()));
    }

    #[test]
    fn without_a_token_nobody_is_believed() {
        let verifier = Verifier::new(Secret::new(""), None);
        let signed = sign(&Secret::new(""), U, &[]);
        assert_eq!(verifier.verify(U, Body::Form(&[]), &signed), Err(SignatureError::NoToken));
    }

    #[test]
    fn the_colons_of_an_ipv6_address_are_no_port() {
        assert_eq!(spellings("http://[::1]/a"), ["http://[::1]/a", "http://[::1]:80/a"]);
        assert_eq!(spellings("http://[::1]:8080?b"), ["http://[::1]:8080?b", "http://[::1]?b"]);
    }
}
