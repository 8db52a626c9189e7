//! Words that a text asks its reader to send. In capitals they are seen wherever they stand; as other words are
//! written, they are told from those by what stands around them.

use super::wording::{is_keyword, is_latin, latin_words};
use crate::domain::keyword::{Keyword, keyword_of};

/// "Reply" in the languages of the house that are written with Latin letters.
const REPLY: [&str; 34] = [
    "reply",
    "respond",
    "answer",
    "text",
    "send",
    "write",
    "type",
    "responda",
    "responde",
    "conteste",
    "envíe",
    "envie",
    "mande",
    "escriba",
    "répondez",
    "répondre",
    "envoyez",
    "écrivez",
    "tapez",
    "escreva",
    "digite",
    "gửi",
    "lời",
    "soạn",
    "nhắn",
    "sumagot",
    "tumugon",
    "sagutin",
    "ipadala",
    "magpadala",
    "isulat",
    "replying",
    "texting",
    "sending",
];

/// Those of the reference that a single letter follows only where it is asked for: "reply Y by 5 pm", but "type B flu".
const ORDERS: [&str; 5] = ["reply", "respond", "answer", "text", "send"];

/// What a single letter in front of it belongs to: "please send X rays".
const NAMED_BY_LETTERS: [&str; 2] = ["ray", "rays"];

/// What may stand between that and a word: "reply C or", "responda con la palabra".
const BETWEEN: [&str; 27] = [
    "or", "and", "o", "u", "ou", "y", "et", "e", "hoặc", "và", "at", "with", "con", "avec", "com", "par",
    "ng", "ang", "the", "la", "le", "el", "letter", "word", "palabra", "palavra", "mot",
];

/// What such a word is followed by, "cancel to cancel"; and what a word of the sentence follows, "reply R to cancel".
const PURPOSE: [&str; 6] = ["to", "para", "pour", "để", "upang", "if"];

/// What stands before a word of the sentence: "we answer at the end".
const ARTICLES: [&str; 4] = ["the", "la", "le", "el"];

/// What stands before "text" or "send" where nobody is asked to: "a text", "the clinic will send".
const NO_ORDER: [&str; 20] = [
    "will", "ll", "can", "may", "our", "your", "us", "the", "a", "an", "this", "that", "any", "no", "not",
    "each", "every", "they", "by", "via",
];

/// What may follow a word to send that is a word like others too: "reply help for help".
const NEXT: [&str; 10] = ["or", "and", "o", "u", "ou", "y", "et", "hoặc", "và", "for"];

const QUOTES: [char; 12] = ['"', '\'', '“', '”', '„', '‘', '’', '«', '»', '「', '」', '`'];

/// A word that a text asks for, or seems to, and that carriers act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked<'a> {
    pub(super) word: &'a str,
    /// It is in capitals or in quotation marks, and no heading.
    pub(super) is_certain: bool,
}

/// The words that a text asks for and that carriers act on.
pub(super) fn opt_out_words(text: &str) -> impl Iterator<Item = Asked<'_>> {
    let words = latin_words(text).filter_map(|word| Some((word, keyword_of(word)?)));
    words.filter_map(|(word, keyword)| {
        let at = (word.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
        let (before, after) = (&text[..at], &text[at + word.len()..]);
        let is_foreign = || text.chars().any(|c| c.is_alphabetic() && !is_latin(c));
        let is_marked = is_keyword(word) || is_quoted(before, after);
        let is_asked = is_marked || is_asked_for(before, after, keyword, is_foreign);
        // "INFO: your visit" begins many a text.
        let is_certain = is_marked && (keyword != Keyword::Help || !is_heading(before, after));
        is_asked.then_some(Asked { word, is_certain })
    })
}

/// Whether a word heads a sentence, and says what it is about.
fn is_heading(before: &str, after: &str) -> bool {
    let begins =
        before.trim_end().chars().next_back().is_none_or(|c| matches!(c, '.' | '!' | '?' | '।' | '。'));
    begins && after.trim_start().starts_with([':', '：'])
}

fn is_quoted(before: &str, after: &str) -> bool {
    let is_guillemet = |c: char| matches!(c, '«' | '»');
    before.ends_with(QUOTES) && after.starts_with(QUOTES)
        || before.trim_end().ends_with(is_guillemet) && after.trim_start().starts_with(is_guillemet)
}

/// Whether a word that is written like others seems to be one to send.
fn is_asked_for(before: &str, after: &str, keyword: Keyword, is_foreign: impl Fn() -> bool) -> bool {
    let sentence = before.rsplit(['.', '!', '?', '।']).next().unwrap_or_default();
    let words: Vec<(&str, String)> = latin_words(sentence).map(|word| (word, word.to_lowercase())).collect();
    let is_of = |list: &[&str], word: &str| list.contains(&word);
    if words.last().is_some_and(|(_, last)| is_of(&PURPOSE, last) || is_of(&ARTICLES, last)) {
        return false;
    }
    let is_reply = |(slice, word): &(&str, String)| is_of(&REPLY, word) && is_order(sentence, slice);
    let is_named = words.iter().rev().find(|(_, word)| !is_between(word)).is_some_and(is_reply);
    let next = latin_words(after).next().map(str::to_lowercase).unwrap_or_default();
    if keyword != Keyword::Stop {
        // HELP and START are words like others in many a language.
        let goes_on = after.trim_start().starts_with(is_latin);
        return is_named && (!goes_on || is_of(&PURPOSE, &next) || is_of(&NEXT, &next));
    }
    is_named || is_foreign() || is_of(&PURPOSE, &next) && words.iter().any(is_reply)
}

/// Whether a letter of the reference with this before and behind it is asked for.
pub(super) fn is_letter_asked_for(before: &str, after: &str) -> bool {
    let named = latin_words(before).map(str::to_lowercase).filter(|word| !is_between(word)).last();
    let next = latin_words(after).next().map(str::to_lowercase).unwrap_or_default();
    let is_order = named.is_some_and(|word| ORDERS.contains(&word.as_str()));
    // Whatever the sentence goes on with.
    let after = if is_order && !NAMED_BY_LETTERS.contains(&next.as_str()) { "" } else { after };
    is_asked_for(before, after, Keyword::Help, || false)
}

fn is_between(word: &str) -> bool {
    word.len() == 1 || BETWEEN.contains(&word)
}

/// Whether such a word asks the reader, as "text us" does and "we will text" or "a text" does not.
fn is_order(sentence: &str, reply: &str) -> bool {
    let at = (reply.as_ptr() as usize).saturating_sub(sentence.as_ptr() as usize);
    let clause = sentence[..at].rsplit([',', ';', ':']).next().unwrap_or_default();
    let words: Vec<String> = latin_words(clause).map(str::to_lowercase).collect();
    words.last().is_none_or(|last| !NO_ORDER.contains(&last.as_str()))
        && words.iter().all(|word| word != "we")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_to_send_is_known_from_a_word_of_the_sentence() {
        for (text, expected) in [
            ("Reply C to confirm or CANCEL.", "CANCEL"),
            ("Responda C, R o cancel.", "cancel"),
            ("Responda con la palabra Cancel", "Cancel"),
            ("Reply C to confirm, cancel to cancel.", "cancel"),
            ("Répondez « C » ou \"end\".", "end"),
            ("Trả lời quit", "quit"),
            ("Mag-reply ng cancel.", "cancel"),
            ("回复cancel取消", "cancel"),
            ("Responda info", "info"),
            ("Reply help for help.", "help"),
            ("If we are late, text cancel.", "cancel"),
            ("Reply C to confirm or cancel if you cannot come.", "cancel"),
            ("Responda\n C o\n cancel.", "cancel"),
        ] {
            let words: Vec<&str> = opt_out_words(text).map(|asked| asked.word).collect();
            assert_eq!(words, [expected], "{text}");
        }
        for text in [
            "Reply R to cancel.",
            "Please answer. End of the day.",
            "For help call us before the end.",
            "Responda R si quiere info.",
            "मदद के लिए info देखें।",
            "Canceled.",
            "Reply R to cancel if you cannot come.",
            "Reply R to cancel to avoid a fee.",
            "Text or call us to cancel if your plans change.",
            "We will send info before your visit.",
            "We will text the start time.",
            "We answer at the end of the week.",
            "The clinic will text start and end of your visit.",
            "Reply and help us improve.",
        ] {
            assert_eq!(opt_out_words(text).next(), None, "{text}");
        }
    }

    #[test]
    fn capitals_and_quotation_marks_are_certain_and_the_rest_is_a_guess() {
        for (text, expected) in [
            ("Reply C or CANCEL.", true),
            ("Reply C or \"cancel\".", true),
            ("Répondez « end ».", true),
            ("Reply C or cancel.", false),
            ("回复cancel取消", false),
            ("INFO : votre rendez-vous", false),
            ("Bonjour. INFO : votre rendez-vous", false),
            ("Reply C to confirm or INFO for directions.", true),
            ("回复INFO查询路线", true),
            ("Répondez INFO.", true),
            ("Reply 'help' for help.", true),
        ] {
            let certain: Vec<bool> = opt_out_words(text).map(|asked| asked.is_certain).collect();
            assert_eq!(certain, [expected], "{text}");
        }
    }
}
