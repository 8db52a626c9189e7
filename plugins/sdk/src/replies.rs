//! What people answer to a text about a visit.

use serde::{Deserialize, Serialize};

use crate::{Error, Inbound, ReplyAction, Request, Schema, reason};

/// The words that mean something as a whole reply. Any other reply is for a person to read.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default)]
pub struct ReplyWords {
    /// I will come.
    pub confirm_words: Vec<String>,
    /// I need another time.
    pub reschedule_words: Vec<String>,
    /// I will not come.
    pub cancel_words: Vec<String>,
}

/// What somebody wants done about a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// They will come.
    Confirm,
    /// They need another time.
    Reschedule,
    /// They will not come.
    Cancel,
}

impl Wish {
    /// The name of the request to the clinic's system.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Reschedule => "reschedule",
            Self::Cancel => "cancel",
        }
    }

    /// The wish of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Confirm, Self::Reschedule, Self::Cancel].into_iter().find(|wish| wish.name() == name)
    }

    const fn sentence(self) -> &'static str {
        match self {
            Self::Confirm => "The reply confirms the visit.",
            Self::Reschedule => "The reply asks for another time.",
            Self::Cancel => "The reply cancels the visit.",
        }
    }
}

/// The fact in which the host says what a reply wishes by the words of the reader's own language
/// (`locales/<tag>/keywords.ftl`). A policy that answers replies lists it in `describe.inputs`.
pub const REPLY_WISH: &str = "reply.wish";

/// Words with which people end all texts, at Twilio and by the rules of the FCC: a visit must not be
/// canceled by one, nor a person opted out who only wanted to cancel.
const OPT_OUT: [&str; 10] =
    ["STOP", "STOPALL", "STOP ALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT", "OPT OUT"];

const CONFIRM: [&str; 10] = ["1", "C", "Y", "YES", "OK", "CONFIRM", "SI", "SÍ", "SIM", "OUI"];
const RESCHEDULE: [&str; 4] = ["2", "R", "RESCHEDULE", "CAMBIAR"];
const CANCEL: [&str; 3] = ["3", "X", "N"];

impl Default for ReplyWords {
    fn default() -> Self {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self {
            confirm_words: words(&CONFIRM),
            reschedule_words: words(&RESCHEDULE),
            cancel_words: words(&CANCEL),
        }
    }
}

impl ReplyWords {
    /// The settings, for a policy's schema.
    #[must_use]
    pub fn schema(schema: Schema) -> Schema {
        schema
            .words("confirm_words", &CONFIRM, "Replies that confirm the visit.")
            .words("reschedule_words", &RESCHEDULE, "Replies that ask for another time.")
            .words(
                "cancel_words",
                &CANCEL,
                "Replies that cancel the visit; never an opt-out word such as CANCEL or STOP.",
            )
    }

    /// Refuses words that mean something else already.
    ///
    /// # Errors
    ///
    /// Names a word that ends all texts, or that stands in two lists.
    pub fn check(&self) -> Result<(), Error> {
        let mut seen: Vec<String> = Vec::new();
        for word in self.lists().into_iter().flat_map(|(_, words)| words) {
            let bare = bare(word);
            if OPT_OUT.contains(&bare.as_str()) {
                return Err(
                    format!("`{word}` ends all texts to whoever replies it; choose another word.").into()
                );
            }
            if bare.is_empty() || seen.contains(&bare) {
                return Err(format!("The reply `{word}` is empty or has two meanings.").into());
            }
            seen.push(bare);
        }
        Ok(())
    }

    /// What a reply wishes, if all of it is one of the words.
    #[must_use]
    pub fn wish(&self, text: &str) -> Option<Wish> {
        let said = bare(text);
        let means = |words: &[String]| words.iter().any(|word| bare(word) == said);
        self.lists().into_iter().find(|(_, words)| means(words)).map(|(wish, _)| wish)
    }

    /// What becomes of a reply to a text about a visit: a request to the clinic's system where it is
    /// clear what is wished for and for which visit, else a person reads it.
    #[must_use]
    pub fn answer(&self, m: &Inbound) -> ReplyAction {
        let wish = self.wish(&m.text).or_else(|| m.facts().text(REPLY_WISH).and_then(Wish::named));
        if wish.is_none() && is_opt_out(&m.text) {
            let why = reason("opt-out-word", "This word ends all texts to whoever replies it.")
                .moment("received-at", m.received_at);
            return ReplyAction::OptOut(why);
        }
        let Some(wish) = wish else {
            let why = reason("not-understood", "The reply is none of the words that mean something.")
                .moment("received-at", m.received_at);
            return ReplyAction::HandToStaff(why);
        };
        let Some(message) = &m.in_reply_to else {
            let why = reason("no-message-to-answer", "It is not clear which visit the reply is about.")
                .fact("wish", wish.name());
            return ReplyAction::HandToStaff(why);
        };
        let starts_at = message.occurrence.or_else(|| m.facts().moment("data.starts_at"));
        if let Some(starts_at) = starts_at.filter(|starts_at| *starts_at <= m.received_at) {
            let why = reason("visit-passed", "The visit had begun when the reply came.")
                .fact("wish", wish.name())
                .moment("starts-at", starts_at);
            return ReplyAction::HandToStaff(why);
        }
        let why = reason(wish.name(), wish.sentence())
            .fact("message-id", message.id.as_str())
            .moment("received-at", m.received_at);
        ReplyAction::Request(Request { name: wish.name().to_owned(), why })
    }

    fn lists(&self) -> [(Wish, &[String]); 3] {
        [
            (Wish::Confirm, &self.confirm_words),
            (Wish::Reschedule, &self.reschedule_words),
            (Wish::Cancel, &self.cancel_words),
        ]
    }
}

/// Whether a reply as a whole asks for no more texts.
fn is_opt_out(text: &str) -> bool {
    OPT_OUT.contains(&bare(text).as_str())
}

/// Upper case, one space between words, no punctuation around it: ` "Yes!" ` is `YES`.
fn bare(text: &str) -> String {
    // Nearly all words are one of plain letters, and all of a policy's own are looked at before every question.
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return text.to_ascii_uppercase();
    }
    let trimmed = text.trim_matches(|c: char| !c.is_alphanumeric());
    trimmed.split_whitespace().collect::<Vec<_>>().join(" ").to_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Case, reply};

    fn visit() -> Case {
        Case::at("2026-11-24T09:00", "America/New_York").occurrence("2026-11-25T09:00")
    }

    fn answered(case: &Case, text: &str) -> String {
        reply(&ReplyWords::default().answer(&case.reply(text)))
    }

    #[test]
    fn a_word_that_is_the_whole_reply_is_understood() {
        for (text, expected) in [
            ("1", "request confirm: confirm"),
            (" c. ", "request confirm: confirm"),
            ("Sí!", "request confirm: confirm"),
            ("R", "request reschedule: reschedule"),
            ("x", "request cancel: cancel"),
            ("Yes, but can I bring my son?", "hand to staff: not-understood"),
            ("", "hand to staff: not-understood"),
        ] {
            assert_eq!(answered(&visit(), text), expected, "{text}");
        }
    }

    #[test]
    fn the_words_of_the_readers_language_are_understood_by_the_host() {
        let said = |wish: &str, text: &str| {
            answered(&visit().fact(REPLY_WISH, crate::Value::Text(wish.to_owned())), text)
        };
        assert_eq!(said("confirm", "xác nhận"), "request confirm: confirm");
        assert_eq!(said("reschedule", "otro día"), "request reschedule: reschedule");
        // The clinic has told Twilio to leave the word alone.
        assert_eq!(said("cancel", "CANCEL"), "request cancel: cancel");
        assert_eq!(said("sing", "la la"), "hand to staff: not-understood");
    }

    #[test]
    fn a_word_that_ends_all_texts_cancels_no_visit() {
        for word in OPT_OUT {
            assert_eq!(answered(&visit(), word), "opt out: opt-out-word", "{word}");
            let words = ReplyWords { cancel_words: vec![word.to_lowercase()], ..ReplyWords::default() };
            assert!(words.check().is_err(), "{word}");
        }
    }

    #[test]
    fn a_reply_that_can_change_nothing_goes_to_staff() {
        let late = visit().occurrence("2026-11-24T08:59");
        assert_eq!(answered(&late, "C"), "hand to staff: visit-passed");

        let mut inbound = visit().reply("C");
        inbound.in_reply_to = None;
        let action = ReplyWords::default().answer(&inbound);
        assert_eq!(reply(&action), "hand to staff: no-message-to-answer");
    }

    #[test]
    fn no_word_has_two_meanings() {
        ReplyWords::default().check().unwrap();
        let words = ReplyWords { cancel_words: vec!["yes".to_owned()], ..ReplyWords::default() };
        assert_eq!(words.check().unwrap_err().to_string(), "The reply `yes` is empty or has two meanings.");
    }
}
