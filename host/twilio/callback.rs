//! The address that Twilio is given to tell how a text went, made so that it finds its attempt by
//! itself: a callback may come before the answer to the call does, and after a crash it is the only
//! one to bring the SID.
//!
//! ```text
//! https://sms.clinic.example/webhooks/twilio/status?m=<message>&a=<attempt>&k=<tag>#rc=5&rp=all
//! ```
//!
//! The tag is HMAC-SHA256 over both identifiers, cut to 128 bits: a signature of Twilio's proves who
//! calls, the tag proves that we asked to be called about this attempt. The fragment is for Twilio
//! alone: retry five times, whatever went wrong. By default a 5xx of ours is never retried.

use crate::domain::id::{AttemptId, MessageId};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

/// Where status callbacks arrive.
pub const STATUS_PATH: &str = "/webhooks/twilio/status";
/// Where inbound texts arrive.
pub const INBOUND_PATH: &str = "/webhooks/twilio/inbound";

const RETRY_ALL: &str = "#rc=5&rp=all";

/// Where Twilio is to post inbound texts: at a public address, and again when something went wrong. By default it
/// tries once more where it could not connect, and never where we answered an error.
#[must_use]
pub fn inbound_url(public_base: &str) -> String {
    format!("{}{INBOUND_PATH}{RETRY_ALL}", public_base.trim_end_matches('/'))
}

/// Writes and reads callback addresses by a key of this home.
#[derive(Clone)]
pub struct Callbacks {
    base: String,
    hmac: Hmac<Sha256>,
}

/// Why a callback's query is not one of ours. Never repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    /// A parameter is missing or is not an identifier.
    #[error("the callback does not say which attempt it is about")]
    NoAttempt,
    /// The tag is not the one we wrote.
    #[error("the callback's tag is not ours")]
    Forged,
}

impl Callbacks {
    /// Takes the public address of this host, without a path of its own but what a proxy takes off,
    /// and the key.
    #[must_use]
    pub fn new(public_base: &str, key: &[u8]) -> Self {
        Self { base: public_base.trim_end_matches('/').to_owned(), hmac: keyed(key) }
    }

    /// The address for one attempt.
    #[must_use]
    pub fn url(&self, message: MessageId, attempt: AttemptId) -> String {
        let tag = URL_SAFE_NO_PAD.encode(self.tag(message, attempt));
        format!("{}{STATUS_PATH}?m={message}&a={attempt}&k={tag}{RETRY_ALL}", self.base)
    }

    /// Which attempt a callback is about, by the query it came with.
    ///
    /// # Errors
    ///
    /// It is not an address that we wrote.
    pub fn read(&self, query: &str) -> Result<(MessageId, AttemptId), CallbackError> {
        let find = |name: &str| {
            query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default()
        };
        let message: MessageId = find("m").parse().map_err(|_| CallbackError::NoAttempt)?;
        let attempt: AttemptId = find("a").parse().map_err(|_| CallbackError::NoAttempt)?;
        let tag = URL_SAFE_NO_PAD.decode(find("k")).map_err(|_| CallbackError::Forged)?;
        if tag.ct_eq(&self.tag(message, attempt)).into() {
            Ok((message, attempt))
        } else {
            Err(CallbackError::Forged)
        }
    }

    fn tag(&self, message: MessageId, attempt: AttemptId) -> [u8; 16] {
        let mut hmac = self.hmac.clone();
        hmac.update(format!("{message}|{attempt}").as_bytes());
        let mut tag = [0; 16];
        tag.copy_from_slice(&hmac.finalize().into_bytes()[..16]);
        tag
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Chance;
    use chrono::DateTime;

    fn ids(seed: u64) -> (MessageId, AttemptId) {
        let chance = Chance::seeded(seed);
        let now = DateTime::from_timestamp_millis(1_700_000_000_000).unwrap();
        let message = MessageId::new(now, &mut *chance.lock());
        let attempt = AttemptId::new(now, &mut *chance.lock());
        (message, attempt)
    }

    fn query(url: &str) -> &str {
        url.split_once('?').unwrap().1.split('#').next().unwrap()
    }

    #[test]
    fn an_address_leads_back_to_its_attempt() {
        let callbacks = Callbacks::new("https://sms.clinic.example/", b"key");
        let (message, attempt) = ids(1);
        let url = callbacks.url(message, attempt);
        assert!(url.starts_with("https://sms.clinic.example/webhooks/twilio/status?m="), "{url}");
        assert!(url.ends_with("#rc=5&rp=all"), "{url}");
        let plain = |c: char| c.is_ascii_alphanumeric() || "._~/?=&-".contains(c);
        assert!(url.split_once("://").unwrap().1.split('#').next().unwrap().chars().all(plain), "{url}");
        assert_eq!(callbacks.read(query(&url)), Ok((message, attempt)));
    }

    #[test]
    fn an_address_for_another_attempt_or_by_another_key_is_forged() {
        let callbacks = Callbacks::new("https://sms.clinic.example", b"key");
        let (message, attempt) = ids(1);
        let (_, other) = ids(2);
        let url = callbacks.url(message, attempt);
        let moved = url.replace(&attempt.to_string(), &other.to_string());
        assert_eq!(callbacks.read(query(&moved)), Err(CallbackError::Forged));
        let stranger = Callbacks::new("https://sms.clinic.example", b"another key");
        assert_eq!(stranger.read(query(&url)), Err(CallbackError::Forged));
        for tag in ["", "AAAA", "%%"] {
            let query = format!("m={message}&a={attempt}&k={tag}");
            assert_eq!(callbacks.read(&query), Err(CallbackError::Forged), "{tag}");
        }
        assert_eq!(callbacks.read("m=1&a=2&k=3"), Err(CallbackError::NoAttempt));
        assert_eq!(callbacks.read(""), Err(CallbackError::NoAttempt));
    }
}
