//! STOP, START and HELP: the provider's words in every language, and each locale's own. A word that ends
//! texts is heard in any language, unless the writer's own gives it another meaning.

use super::super::Host;
use super::{Conversation, Inbound, Meaning, STOPPED};
use crate::domain::consent::Choice;
use crate::domain::keyword::{
    CANCEL, Keyword, LocaleWords, OptOutAnswers, bare, keyword, provider_reads, provider_restarts,
};
use crate::domain::kind::TypeName;
use crate::render::Catalogue;

/// A text that was read as a keyword.
pub(super) struct Read {
    word: Keyword,
    /// The provider has answered already, and says so.
    answered: bool,
    /// The provider's own filter takes it for a keyword, too.
    provider_reads: bool,
    /// The locale whose word it is.
    language: Option<String>,
}

impl Host {
    pub(super) fn read_keyword(&self, inbound: &Inbound, conversation: &Conversation) -> Option<Read> {
        if let Some(word) = inbound.answered
            && !(word == Keyword::Start && stays_stopped(&inbound.text, conversation))
        {
            return Some(Read { word, answered: true, provider_reads: true, language: None });
        }
        if self.cancels_visits(&inbound.text) {
            return None;
        }
        if let Some(word) = keyword(&inbound.text) {
            let provider_reads = provider_reads(&inbound.text);
            return Some(Read { word, answered: false, provider_reads, language: None });
        }
        if self.is_restarted(&inbound.text, conversation) {
            return Some(Read {
                word: Keyword::Start,
                answered: false,
                provider_reads: true,
                language: None,
            });
        }
        let catalogue = self.renderer.snapshot();
        let own = self.own_words(&catalogue, conversation);
        let read = |language: &str, word| Read {
            word,
            answered: false,
            provider_reads: false,
            language: Some(language.to_owned()),
        };
        for (language, words) in &own {
            if let Some(word) = words.keyword(&inbound.text) {
                return Some(read(language, word));
            }
        }
        if own.iter().any(|(_, words)| words.wish(&inbound.text).is_some()) {
            return None;
        }
        catalogue.all_keywords().find_map(|(tag, words)| Some(read(tag, words.keyword(&inbound.text)?)))
    }

    /// The provider's filter has lifted its block of the phone, and has told it so: what we know of that block
    /// must follow, or the phone would wait for texts that never come.
    fn is_restarted(&self, text: &str, conversation: &Conversation) -> bool {
        self.settings.opt_out_answers == OptOutAnswers::Twilio
            && provider_restarts(text)
            && conversation.consents.phone_stop().is_some_and(|stop| stop.held_by_provider)
    }

    /// A keyword of the provider's that is also said about a visit: YES, where it counts as START, and CANCEL,
    /// where the clinic took it out of the words that stop all texts.
    pub(super) fn is_wish_too(&self, read: &Read, text: &str, conversation: &Conversation) -> bool {
        match read.word {
            Keyword::Stop => read.answered && self.cancels_visits(text),
            // A phone that had stopped wants its texts back; only an open question is answered as well.
            Keyword::Start => {
                let may_answer = conversation.is_asked()
                    || (conversation.newest.is_some() && !conversation.consents.phone_stopped());
                may_answer && self.read_wish(text, conversation).is_some()
            }
            Keyword::Help => false,
        }
    }

    /// What is said by such a keyword, and about the visit.
    pub(super) fn with_wish(read: &Read, visit: Meaning, conversation: &Conversation) -> Meaning {
        let stopped = conversation.consents.phone_stopped();
        let visit = Meaning { held_by_provider: read.word == Keyword::Stop, ..visit };
        match read.word {
            // Nothing is sent to a phone that has stopped, no question back either.
            Keyword::Stop if !visit.ask_which.is_empty() => {
                let code = visit.code.clone();
                Meaning { choice: Some(Choice::OptOut), ..visit.handed_over(&code) }
            }
            Keyword::Stop => Meaning { choice: Some(Choice::OptOut), answer: None, ..visit },
            Keyword::Start => Meaning { choice: visit.choice.or(stopped.then_some(Choice::OptIn)), ..visit },
            Keyword::Help => visit,
        }
    }

    /// The clinic has taken this word out of those that stop all texts.
    pub(super) fn cancels_visits(&self, text: &str) -> bool {
        !self.settings.cancel_is_opt_out && bare(text) == CANCEL
    }

    /// What a text wishes about a visit, by the words of the writer's own languages.
    pub(super) fn read_wish(&self, text: &str, conversation: &Conversation) -> Option<&'static str> {
        if self.cancels_visits(text) {
            return Some("cancel");
        }
        let catalogue = self.renderer.snapshot();
        self.own_words(&catalogue, conversation).iter().find_map(|(_, words)| words.wish(text))
    }

    /// The words of the person's language, of the text they were sent last, of the clinic and of English.
    fn own_words<'a>(
        &self,
        catalogue: &'a Catalogue,
        conversation: &Conversation,
    ) -> Vec<(String, &'a LocaleWords)> {
        let sent = conversation.newest.as_ref().and_then(|message| message.text.as_ref());
        let languages = [
            conversation.person.as_ref().and_then(|person| person.language.as_deref()),
            sent.map(|text| text.locale_sent.as_str()),
            Some(self.settings.clinic.language.as_str()),
            Some(crate::render::REFERENCE),
        ];
        let mut own: Vec<(String, &LocaleWords)> = Vec::new();
        for language in languages.into_iter().flatten() {
            if let Some(words) = catalogue.keywords(language)
                && !own.iter().any(|(_, known)| std::ptr::eq(*known, words))
            {
                own.push((language.to_owned(), words));
            }
        }
        own
    }

    /// Who answers, if anybody: the provider where it does, and we where it does not.
    pub(super) fn by_keyword(&self, read: &Read, conversation: &Conversation) -> Meaning {
        let ours = self.settings.opt_out_answers == OptOutAnswers::Tidings;
        let stopped = conversation.consents.phone_stopped();
        let (choice, answer, is_ours) = match read.word {
            // Confirmed once: a phone that has said stop before is not told so again.
            Keyword::Stop => (Some(Choice::OptOut), STOPPED, (ours || !read.provider_reads) && !stopped),
            Keyword::Start => (Some(Choice::OptIn), "reply-started", ours || !read.provider_reads),
            // The provider refuses what goes to a phone that it blocks.
            Keyword::Help => (None, "reply-help", ours || !stopped),
        };
        let is_held = read.answered || (read.provider_reads && !ours);
        Meaning {
            choice,
            held_by_provider: is_held && choice == Some(Choice::OptOut),
            answer: (is_ours && !read.answered).then(|| TypeName::from(answer)),
            language: read.language.clone(),
            ..Meaning::plain(read.word.name(), "keyword")
        }
    }
}

/// What the phone has said against every text is none of the provider's: a word that only lifts the provider's
/// block says nothing about it.
fn stays_stopped(text: &str, conversation: &Conversation) -> bool {
    provider_restarts(text) && conversation.consents.phone_stop().is_some_and(|stop| !stop.held_by_provider)
}
