//! Consent: an append-only ledger of who agreed to what, and who said stop.

use super::id::ConsentId;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Agreed, or taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Choice {
    OptIn,
    OptOut,
}

impl Choice {
    /// The word in columns and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OptIn => "opt_in",
            Self::OptOut => "opt_out",
        }
    }
}

/// How we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentSource {
    /// A text from the phone.
    Reply,
    /// The provider refused with 21610: the phone had said stop to it.
    Provider,
    /// Somebody at the clinic.
    Staff,
    /// The person, through a form of the clinic.
    Form,
}

impl ConsentSource {
    /// The word in columns and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reply => "reply",
            Self::Provider => "provider",
            Self::Staff => "staff",
            Self::Form => "form",
        }
    }
}

/// One line of the ledger. The newest line of a phone is its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentEntry {
    /// Ours.
    pub id: ConsentId,
    /// Keyed hash of the phone.
    pub phone_hash: Vec<u8>,
    /// The person, where one is known.
    pub recipient: Option<String>,
    /// Agreed, or taken back.
    pub choice: Choice,
    /// How we know.
    pub source: ConsentSource,
    /// When.
    pub at: DateTime<Utc>,
}

/// What a whole text means before any policy sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Keyword {
    Stop,
    Start,
    Help,
}

/// Twilio's words, as the whole message in any case (Twilio: Support for Opt-Out Keywords; REVOKE
/// and OPTOUT since the FCC's revocation rule). YES is left out of the start words: patients write
/// it to confirm a visit, and a phone that never said stop need not start.
const STOP: [&str; 8] = ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"];
const START: [&str; 2] = ["START", "UNSTOP"];
const HELP: [&str; 2] = ["HELP", "INFO"];

/// Reads a text as a keyword: the whole message, whatever its case and surrounding punctuation.
#[must_use]
pub fn keyword(text: &str) -> Option<Keyword> {
    let word = text.trim_matches(|c: char| !c.is_alphanumeric()).to_uppercase();
    let is_in = |words: &[&str]| words.contains(&word.as_str());
    if is_in(&STOP) {
        Some(Keyword::Stop)
    } else if is_in(&START) {
        Some(Keyword::Start)
    } else if is_in(&HELP) {
        Some(Keyword::Help)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_message_is_a_keyword() {
        assert_eq!(keyword(" stop. "), Some(Keyword::Stop));
        assert_eq!(keyword("Optout!"), Some(Keyword::Stop));
        assert_eq!(keyword("unstop"), Some(Keyword::Start));
        assert_eq!(keyword("HELP"), Some(Keyword::Help));
        for text in ["please stop", "STOP 12345", "yes", "", "?", "canceled"] {
            assert_eq!(keyword(text), None, "{text}");
        }
    }
}
