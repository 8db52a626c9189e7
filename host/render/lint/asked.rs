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

/// What may stand between that and a word: "reply C or", "responda con la palabra".
const BETWEEN: [&str; 26] = [
    "or", "and", "o", "u", "ou", "y", "et", "e", "hoặc", "và", "at", "with", "con", "avec", "com", "par",
    "ng", "ang", "the", "la", "le", "el", "word", "palabra", "palavra", "mot",
];

/// What such a word is followed by: "cancel to cancel".
const PURPOSE: [&str; 6] = ["to", "para", "pour", "để", "upang", "if"];

const QUOTES: [char; 12] = ['"', '\'', '“', '”', '„', '‘', '’', '«', '»', '「', '」', '`'];

/// The words among them that carriers act on.
pub(super) fn opt_out_words(text: &str) -> impl Iterator<Item = &str> {
    let words = latin_words(text).filter_map(|word| Some((word, keyword_of(word)?)));
    words
        .filter(|(word, keyword)| is_keyword(word) || is_asked_for(text, word, *keyword))
        .map(|(word, _)| word)
}

/// Whether a word of a text that is not in capitals is one to send.
fn is_asked_for(text: &str, word: &str, keyword: Keyword) -> bool {
    let at = (word.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    let (before, after) = (&text[..at], &text[at + word.len()..]);
    if before.ends_with(QUOTES) && after.starts_with(QUOTES) {
        return true;
    }
    let sentence = before.rsplit(['.', '!', '?', '।']).next().unwrap_or_default();
    let words: Vec<String> = latin_words(sentence).map(str::to_lowercase).collect();
    let is_between = |word: &String| word.len() == 1 || BETWEEN.contains(&word.as_str());
    let is_reply = |word: &String| REPLY.contains(&word.as_str());
    if words.iter().rev().find(|word| !is_between(word)).is_some_and(is_reply) {
        return true;
    }
    // HELP and START are words like others in many a language.
    if keyword != Keyword::Stop {
        return false;
    }
    let is_foreign = text.chars().any(|c| c.is_alphabetic() && !is_latin(c));
    let follows = latin_words(after).next().map(str::to_lowercase);
    is_foreign || words.iter().any(is_reply) && follows.is_some_and(|word| PURPOSE.contains(&word.as_str()))
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
        ] {
            assert_eq!(opt_out_words(text).collect::<Vec<_>>(), [expected], "{text}");
        }
        for text in [
            "Reply R to cancel.",
            "Please answer. End of the day.",
            "For help call us before the end.",
            "Responda R si quiere info.",
            "मदद के लिए info देखें।",
            "Canceled.",
        ] {
            assert_eq!(opt_out_words(text).next(), None, "{text}");
        }
    }
}
