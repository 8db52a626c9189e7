//! Words that mean something as a whole text, before any policy is asked: STOP, START and HELP, and
//! what each locale adds to them. Words are data (`locales/<tag>/keywords.ftl`), but for the provider's own.

/// What a whole text means before any policy sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Keyword {
    Stop,
    Start,
    Help,
}

impl Keyword {
    /// The word in columns and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Start => "start",
            Self::Help => "help",
        }
    }
}

/// Who answers STOP and START.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptOutAnswers {
    /// The provider's own filter: a second answer would be one too many, and is refused.
    Twilio,
    /// The host: the provider's filter was taken out of the account.
    Tidings,
}

/// Twilio's words (Twilio: Support for Opt-Out Keywords; REVOKE and OPTOUT since the FCC's revocation
/// rule). YES is left out of the start words: patients write it to confirm a visit, and a phone that
/// never said stop need not start; see [`provider_restarts`].
const STOP: [&str; 8] = ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"];
const START: [&str; 2] = ["START", "UNSTOP"];
const HELP: [&str; 2] = ["HELP", "INFO"];

/// The word that a clinic may take out of the provider's stop words, to let it cancel visits.
pub const CANCEL: &str = "CANCEL";

/// Reads a text as one of the provider's words: the whole message, whatever its case and surrounding
/// punctuation.
#[must_use]
pub fn keyword(text: &str) -> Option<Keyword> {
    keyword_of(&bare(text))
}

/// Reads a text that is bare already, or one word, as one of the provider's, whatever its case.
#[must_use]
pub fn keyword_of(bare: &str) -> Option<Keyword> {
    let is_in = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(bare));
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

/// Whether the provider's own filter takes the text for a keyword: it forgives case and spaces around, and
/// nothing else.
#[must_use]
pub fn provider_reads(text: &str) -> bool {
    text.trim().chars().all(char::is_alphanumeric) && keyword(text).is_some()
}

/// Whether the provider's own filter gives a phone that it blocks its texts back for this one, though it is
/// no word for START of ours (Twilio: YES).
#[must_use]
pub fn provider_restarts(text: &str) -> bool {
    text.trim().eq_ignore_ascii_case("YES")
}

/// Upper case, one space between words, no punctuation around: ` "Stop!" ` is `STOP`.
#[must_use]
pub fn bare(text: &str) -> String {
    let mut words = text.trim_matches(|c: char| !c.is_alphanumeric()).split_whitespace();
    let mut bare = words.next().unwrap_or_default().to_uppercase();
    for word in words {
        bare.push(' ');
        bare.push_str(&word.to_uppercase());
    }
    bare
}

/// A locale's own words, bare.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocaleWords {
    /// No more texts.
    pub stop: Vec<String>,
    /// Texts again.
    pub start: Vec<String>,
    /// Who is this.
    pub help: Vec<String>,
    /// I will come.
    pub confirm: Vec<String>,
    /// I need another time.
    pub reschedule: Vec<String>,
    /// I will not come.
    pub cancel: Vec<String>,
}

impl LocaleWords {
    /// Every list, by its name in the file.
    #[must_use]
    pub fn lists(&self) -> [(&'static str, &[String]); 6] {
        [
            ("stop", &self.stop),
            ("start", &self.start),
            ("help", &self.help),
            ("confirm", &self.confirm),
            ("reschedule", &self.reschedule),
            ("cancel", &self.cancel),
        ]
    }

    /// Reads a text as one of this locale's keywords.
    #[must_use]
    pub fn keyword(&self, text: &str) -> Option<Keyword> {
        let said = bare(text);
        [(&self.stop, Keyword::Stop), (&self.start, Keyword::Start), (&self.help, Keyword::Help)]
            .into_iter()
            .find(|(words, _)| words.contains(&said))
            .map(|(_, keyword)| keyword)
    }

    /// What the text wishes about a visit: `confirm`, `reschedule` or `cancel`.
    #[must_use]
    pub fn wish(&self, text: &str) -> Option<&'static str> {
        let said = bare(text);
        [(&self.confirm, "confirm"), (&self.reschedule, "reschedule"), (&self.cancel, "cancel")]
            .into_iter()
            .find(|(words, _)| words.contains(&said))
            .map(|(_, wish)| wish)
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

    #[test]
    fn the_provider_forgives_less_than_we_do() {
        assert!(provider_reads(" stop ") && provider_reads("Info"));
        assert!(!provider_reads("stop.") && !provider_reads("yes") && !provider_reads(""));
        assert!(provider_restarts(" yes ") && !provider_restarts("yes!") && !provider_restarts("START"));
    }

    #[test]
    fn a_locales_words_are_whole_messages_too() {
        let words = LocaleWords {
            stop: vec!["NO MÁS".to_owned()],
            confirm: vec!["SÍ".to_owned()],
            ..LocaleWords::default()
        };
        assert_eq!(words.keyword("¡No  más!"), Some(Keyword::Stop));
        assert_eq!((words.wish("sí."), words.wish("sí, pero tarde")), (Some("confirm"), None));
    }
}
