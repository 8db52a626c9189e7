//! Twilio's error codes and what each means for us. The table is data: `errors.toml`.

use crate::domain::failure::{FailureClass, ProviderError};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What an error code means for us, and what to tell people.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meaning {
    /// Who is to blame and what can be done.
    pub class: FailureClass,
    /// Every text of the account fares the same until somebody acts.
    #[serde(default)]
    pub account_wide: bool,
    /// The text may have arrived all the same.
    #[serde(default)]
    pub may_have_arrived: bool,
    /// Answered to a call: surely not sent, and the same text may be offered again later.
    #[serde(default)]
    pub wait: bool,
    /// What happened, for the staff of a clinic.
    pub sentence: String,
    /// What to do about it.
    pub hint: String,
}

static TABLE: LazyLock<BTreeMap<u32, Meaning>> = LazyLock::new(|| {
    let table: BTreeMap<String, Meaning> =
        toml::from_str(include_str!("errors.toml")).expect("the table is built in and read by a test");
    table.into_iter().filter_map(|(code, meaning)| Some((code.parse().ok()?, meaning))).collect()
});

static UNLISTED: LazyLock<Meaning> = LazyLock::new(|| Meaning {
    class: FailureClass::Unknown,
    account_wide: false,
    may_have_arrived: false,
    wait: false,
    sentence: "Twilio gave a code that this host does not know.".to_owned(),
    hint: "Open the link.".to_owned(),
});

/// What a code means. One that is not in the table is of the class `unknown`: never retried by
/// itself, shown to people with its link.
#[must_use]
pub fn meaning(code: u32) -> &'static Meaning {
    TABLE.get(&code).unwrap_or(&UNLISTED)
}

/// All codes that have a meaning of their own.
pub fn known() -> impl Iterator<Item = (u32, &'static Meaning)> {
    TABLE.iter().map(|(code, meaning)| (*code, meaning))
}

/// Twilio's page on a code.
#[must_use]
pub fn link(code: u32) -> String {
    format!("https://www.twilio.com/docs/errors/{code}")
}

/// The error of a text that was taken and did not arrive: `ErrorCode` of a callback, `error_code` of
/// a text that was looked up. Without Twilio's own words the table's sentence stands.
#[must_use]
pub fn of_receipt(code: Option<u32>, text: Option<&str>) -> ProviderError {
    let known = code.map_or(&*UNLISTED, meaning);
    let text = match text.filter(|text| !text.trim().is_empty()) {
        Some(text) => without_numbers(text),
        None if code.is_none() => "Twilio gave no reason.".to_owned(),
        None => known.sentence.clone(),
    };
    ProviderError {
        http_status: None,
        code,
        text,
        class: known.class,
        account_wide: known.account_wide,
        may_have_arrived: known.may_have_arrived,
    }
}

/// More than any sentence of Twilio's; a page of HTML is cut.
const LONGEST: usize = 300;

/// Takes every phone number out of a text that is going to be logged, stored or shown: whatever has
/// seven digits or more, however they are set apart. Twilio's identifiers stay.
#[must_use]
pub fn without_numbers(text: &str) -> String {
    let characters: Vec<char> = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut clean = String::with_capacity(text.len().min(LONGEST));
    let mut at = 0;
    while at < characters.len() && clean.len() < LONGEST {
        let rest = &characters[at..];
        let taken = sid_length(rest);
        if taken > 0 {
            clean.extend(&rest[..taken]);
            at += taken;
            continue;
        }
        let (length, digits) = number_length(rest);
        if digits >= 7 {
            clean.push_str("(number)");
        } else {
            clean.extend(&rest[..length.max(1)]);
        }
        at += length.max(1);
    }
    clean.trim().chars().take(LONGEST).collect()
}

/// The length of an identifier such as `SM…` at the start of a text, or 0.
fn sid_length(text: &[char]) -> usize {
    let is_sid = text.len() >= 34
        && text[..2].iter().all(char::is_ascii_uppercase)
        && text[2..34].iter().all(char::is_ascii_hexdigit);
    if is_sid { 34 } else { 0 }
}

/// The length of what may be a phone number at the start of a text, and how many digits it has.
fn number_length(text: &[char]) -> (usize, usize) {
    if !text.first().is_some_and(|c| c.is_numeric() || *c == '+') {
        return (0, 0);
    }
    let mut length = 0;
    let mut digits = 0;
    for (index, character) in text.iter().enumerate() {
        if character.is_numeric() {
            digits += 1;
            length = index + 1;
        } else if !" -.()/+\u{a0}\u{2010}\u{2011}".contains(*character) {
            break;
        }
    }
    (length, digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read_and_says_something() {
        let lines = include_str!("errors.toml").lines().filter(|line| line.contains(" = {")).count();
        assert_eq!(known().count(), lines);
        for (code, meaning) in known() {
            assert!(meaning.sentence.ends_with('.') && meaning.hint.ends_with('.'), "{code}");
            assert_ne!(meaning.class, FailureClass::Unknown, "{code}");
        }
    }

    #[test]
    fn the_codes_that_decide_something_have_their_class() {
        for (code, class) in [
            (20003, FailureClass::Sender),
            (20429, FailureClass::Congested),
            (21211, FailureClass::InvalidNumber),
            (21610, FailureClass::Blocked),
            (21614, FailureClass::InvalidNumber),
            (30003, FailureClass::Unreachable),
            (30006, FailureClass::InvalidNumber),
            (30007, FailureClass::Filtered),
            (30008, FailureClass::ProviderFault),
            (30034, FailureClass::Sender),
        ] {
            assert_eq!(meaning(code).class, class, "{code}");
        }
        assert!(meaning(20003).account_wide && meaning(20005).account_wide);
        assert!(meaning(30410).may_have_arrived);
    }

    #[test]
    fn a_code_we_do_not_know_is_shown_and_not_guessed() {
        let error = of_receipt(Some(39_999), None);
        assert_eq!((error.class, error.account_wide), (FailureClass::Unknown, false));
        assert_eq!(link(39_999), "https://www.twilio.com/docs/errors/39999");
        assert_eq!(of_receipt(None, None).text, "Twilio gave no reason.");
    }

    #[test]
    fn no_phone_number_is_left_in_a_text() {
        for (text, clean) in [
            ("The 'To' number +15005550001 is not valid.", "The 'To' number (number) is not valid."),
            ("To: (202) 555-0143, from 21610", "To: ((number), from 21610"),
            ("call 1 202 555 0143 now", "call (number) now"),
            ("whatsapp:+33612345678", "whatsapp:(number)"),
            ("To=%2B15005550001&x", "To=%2B(number)&x"),
            ("٠٦١٢٣٤٥٦٧٨", "(number)"),
            ("code 21211 at HTTP 400", "code 21211 at HTTP 400"),
            ("SM0123456789abcdef0123456789abcdef is gone\r\n", "SM0123456789abcdef0123456789abcdef is gone"),
        ] {
            assert_eq!(without_numbers(text), clean, "{text}");
        }
        assert!(without_numbers(&"<p>".repeat(5000)).len() <= LONGEST);
    }
}
