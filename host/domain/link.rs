//! Short links: how a code is made, and where a link may lead.

use super::phone::PhoneNumber;
use url::Url;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Characters of a code: 95 bits. It can only be guessed by asking this host, for the database keeps a
/// keyed hash: a million links that live for a month, asked ten thousand times a second all that time,
/// are met with a chance of 1 in 10^12. The 128 bits of a key would cost six more characters, of the
/// 160 that a text has, and buy nothing.
pub const CODE_LENGTH: usize = 16;

/// A code of 16 bytes that nobody can foretell.
#[must_use]
pub fn code(bytes: [u8; 16]) -> String {
    let mut rest = u128::from_be_bytes(bytes);
    let digit = |rest: &mut u128| {
        let at = usize::try_from(*rest % 62).unwrap_or(0);
        *rest /= 62;
        char::from(ALPHABET[at])
    };
    (0..CODE_LENGTH).map(|_| digit(&mut rest)).collect()
}

/// Whether a text could be a code; nothing else is looked up.
#[must_use]
pub fn is_code(text: &str) -> bool {
    text.len() == CODE_LENGTH && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// A text as it is but for the codes of the short links in it, which stand behind `base`.
#[must_use]
pub fn without_codes(text: &str, base: &str) -> String {
    let stem = format!("{}/l/", base.trim_end_matches('/'));
    let mut pieces = text.split(stem.as_str());
    let mut words = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        words.push_str(&stem);
        let code = piece.get(..CODE_LENGTH).filter(|code| is_code(code));
        words.push_str(&piece[code.map_or(0, str::len)..]);
    }
    words
}

/// Where links may lead: `pay.clinic.example`, or `*.clinic.example` for every name below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts(pub Vec<String>);

impl Hosts {
    /// Why an address cannot stand in a text to this person; `None` when it can.
    #[must_use]
    pub fn refuse(&self, address: &str, phone: Option<&PhoneNumber>, name: Option<&str>) -> Option<String> {
        let Ok(url) = Url::parse(address) else { return Some("an https address".to_owned()) };
        let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
        if url.scheme() != "https" || !url.username().is_empty() || url.password().is_some() {
            return Some("an https address without user or password".to_owned());
        }
        if !self.0.iter().any(|allowed| matches(allowed, &host)) {
            let known = if self.0.is_empty() { "none yet".to_owned() } else { self.0.join(", ") };
            return Some(format!("an address at a host that links.hosts names ({known})"));
        }
        // A server in between, a screenshot, a search engine: an address is read by many.
        names_a_person(&url, phone, name)
            .then(|| "an address without a phone number, an e-mail address or the person's name".to_owned())
    }
}

fn matches(allowed: &str, host: &str) -> bool {
    match allowed.strip_prefix("*.") {
        Some(parent) => host.strip_suffix(parent).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
        None => allowed == host,
    }
}

fn names_a_person(url: &Url, phone: Option<&PhoneNumber>, name: Option<&str>) -> bool {
    let tail = &url[url::Position::BeforePath..];
    // `+` and `%20` are spaces; percent signs may stand for any letter.
    let pairs = form_urlencoded::parse(tail.as_bytes());
    let decoded =
        pairs.map(|(key, value)| [key, value].join(" ")).collect::<Vec<_>>().join(" ").to_lowercase();
    let digits: String = decoded.chars().filter(char::is_ascii_digit).collect();
    let has_phone = phone.is_some_and(|phone| {
        let number = phone.e164().trim_start_matches('+');
        // National, without the country's code and a leading zero.
        let tail_at = number.len().saturating_sub(9);
        digits.contains(&number[tail_at..])
    });
    let told: Vec<&str> = decoded.split(|c: char| !c.is_alphanumeric()).collect();
    let has_name = name.is_some_and(|name| {
        let name = name.to_lowercase();
        let mut words = name.split_whitespace().filter(|word| word.chars().count() > 1).peekable();
        words.peek().is_some() && words.all(|word| told.contains(&word))
    });
    has_phone || has_name || decoded.contains('@')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn refused(address: &str) -> Option<String> {
        let hosts = Hosts(vec!["pay.clinic.example".to_owned(), "*.lakeside.example".to_owned()]);
        let phone = PhoneNumber::kept("+12025550143".to_owned());
        hosts.refuse(address, Some(&phone), Some("Ana Maria Lee"))
    }

    #[test]
    fn links_lead_only_where_the_clinic_lets_them() {
        for address in [
            "https://pay.clinic.example/i/77",
            "https://PAY.clinic.example/i/77?amount=25.50",
            "https://a.b.lakeside.example/",
        ] {
            assert_eq!(refused(address), None, "{address}");
        }
        for address in [
            "http://pay.clinic.example/",
            "https://pay.clinic.example.evil.example/",
            "https://evil.example/?pay.clinic.example",
            "https://evil.example#pay.clinic.example",
            "https://pay.clinic.example@evil.example/",
            "https://evillakeside.example/",
            "https://lakeside.example/",
            "https://.lakeside.example/",
            "javascript:alert(1)",
        ] {
            assert!(refused(address).is_some(), "{address}");
        }
    }

    #[test]
    fn no_address_names_a_person() {
        for address in [
            "https://pay.clinic.example/?phone=%2B12025550143",
            "https://pay.clinic.example/202-555-0143",
            "https://pay.clinic.example/?to=ana%40mail.example",
            "https://pay.clinic.example/ana.maria.lee",
            "https://pay.clinic.example/?name=Ana+Maria&last=Lee",
        ] {
            assert!(refused(address).is_some_and(|why| why.contains("name")), "{address}");
        }
        assert_eq!(refused("https://pay.clinic.example/i/anatomy-2025"), None);
    }

    #[test]
    fn a_text_without_its_codes_is_the_same_whichever_message_it_belongs_to() {
        let base = "https://sms.clinic.example/";
        let text =
            |codes: [&str; 2]| format!("Pay {0}l/{1}, or see {0}l/{2}. /l/short", base, codes[0], codes[1]);
        let codes = [1u128, 2, 3, 4].map(|seed| code((seed << 90).to_be_bytes()));
        let (one, other) = (text([&codes[0], &codes[1]]), text([&codes[2], &codes[3]]));
        assert_ne!(one, other);
        assert_eq!(without_codes(&one, base), without_codes(&other, base));
        assert_eq!(
            without_codes(&one, base),
            "Pay https://sms.clinic.example/l/, or see https://sms.clinic.example/l/. /l/short"
        );
        assert_eq!(without_codes("Ünï/l/ü", ""), "Ünï/l/ü");
    }

    #[test]
    fn a_code_is_made_of_letters_and_digits_and_tells_bytes_apart() {
        let codes: BTreeSet<String> = (0..1000u128).map(|seed| code((seed << 60).to_be_bytes())).collect();
        assert_eq!(codes.len(), 1000);
        assert!(codes.iter().all(|code| is_code(code)));
        assert!(!is_code("../../etc/passwd") && !is_code("short") && !is_code(&"a".repeat(17)));
    }
}
