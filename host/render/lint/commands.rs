//! Words that a text asks its reader to send back: keywords of carriers, and the single letters that policies read.

use super::asked;
use super::content::Content;
use super::reading::{Dictionary, readings};
use super::wording::{is_keyword, is_latin, latin_words};
use fluent_syntax::ast::Pattern;

/// Those of a message of the reference, which every translation has to keep. It is read as a whole: a line or a
/// term may end between "reply" and the letter.
pub(super) fn commands<'a>(
    value: &'a Pattern<&'a str>,
    content: &Content<'a>,
    names: &Dictionary<'a>,
) -> Vec<String> {
    let mut words = content.texts.iter().copied().flat_map(latin_words);
    if content.names.is_empty() && !words.any(|word| is_keyword(word) || is_letter(word)) {
        return Vec::new();
    }
    let mut found: Vec<String> = Vec::new();
    for reading in readings(value, names) {
        for command in commands_in(&reading.text) {
            if !found.iter().any(|known| known == command) {
                found.push(command.to_owned());
            }
        }
    }
    found
}

/// Those of a text. A letter is one only where it is asked for: "X-ray", "vitamin D", "U.S." and "P.O. Box" are
/// none.
fn commands_in(text: &str) -> impl Iterator<Item = &str> {
    latin_words(text).filter(|word| is_keyword(word) || is_letter(word) && is_asked_for(text, word))
}

/// Whether a translation says one, in its own words or in those that it names.
pub(super) fn says<'a>(
    value: &'a Pattern<&'a str>,
    content: &Content<'a>,
    names: &Dictionary<'a>,
    command: &str,
) -> bool {
    content.texts.iter().any(|text| says_in(text, command))
        || !content.names.is_empty()
            && readings(value, names).iter().any(|reading| says_in(&reading.text, command))
}

/// Whether a text says one, and not as the beginning of another word: French "C'est" is no "C".
fn says_in(text: &str, command: &str) -> bool {
    latin_words(text).any(|word| {
        let (before, after) = around(text, word);
        word == command && !is_joined(before, after, &['.']) && !is_elided(word, after)
    })
}

fn is_letter(word: &str) -> bool {
    matches!(word.as_bytes(), [b'A'..=b'Z']) && word != "A" && word != "I"
}

/// "Reply C", "C to confirm, R for another time", "C: confirm", or nothing but the letter.
fn is_asked_for(text: &str, letter: &str) -> bool {
    let (before, after) = around(text, letter);
    if is_joined(before, after, &['.', '-', '\'', '’']) {
        return false;
    }
    let (behind, ahead) = (before.trim_end(), after.trim_start());
    let last = latin_words(behind).last();
    let begins = behind.is_empty()
        || behind.ends_with([',', ';', ':', '.', '!', '?', '/'])
        || last.is_some_and(|last| last == "or" || last == "and");
    let goes_on = ahead.starts_with([':', '=', '('])
        || ["to ", "for ", "if "].iter().any(|word| ahead.starts_with(word))
        || behind.ends_with(':') && (ahead.is_empty() || ahead.starts_with(['.', ',', ';']));
    text.trim() == letter || begins && goes_on || asked::is_letter_asked_for(before, after)
}

/// Whether a word goes on in front of it or behind it, after one of these marks.
fn is_joined(before: &str, after: &str, marks: &[char]) -> bool {
    before.strip_suffix(marks).is_some_and(|before| before.ends_with(is_latin))
        || after.strip_prefix(marks).is_some_and(|after| after.starts_with(is_latin))
}

/// "C'est", "D'accord"; but Turkish "C'yi" and "STOP'u".
fn is_elided(word: &str, after: &str) -> bool {
    if word.len() > 1 {
        return false;
    }
    let next = after.strip_prefix(['\'', '’']).and_then(|after| after.chars().next());
    next.is_some_and(|next| is_latin(next) && (!next.is_ascii() || "aeiouhAEIOUH".contains(next)))
}

/// What stands before a word of a text, and behind it.
fn around<'a>(text: &'a str, word: &str) -> (&'a str, &'a str) {
    let at = (word.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    (&text[..at], &text[at + word.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_one_to_send_where_it_is_asked_for() {
        for (text, expected) in [
            ("Reply C to confirm, R to reschedule.", &["C", "R"][..]),
            ("Bring your X-ray. Reply C to confirm.", &["C"]),
            ("C: confirm, R: reschedule.", &["C", "R"]),
            ("Reply 'C' or 'R'.", &["C", "R"]),
            ("Text C for yes or N for no.", &["C", "N"]),
            ("C = yes; X = no.", &["C", "X"]),
            ("Reply C (confirm) or R (reschedule).", &["C", "R"]),
            ("Confirm: C. Change: R.", &["C", "R"]),
            ("C", &["C"]),
            ("Reply STOP to opt out, or D for directions.", &["STOP", "D"]),
            ("Reply Y by 5 pm.", &["Y"]),
            ("Please text Y or N before Friday.", &["Y", "N"]),
            ("Send Y today.", &["Y"]),
            ("Answer with N within the hour.", &["N"]),
            ("Your U.S. visa, vitamin D and the X-ray.", &[]),
            ("Write to P.O. Box 7 or send X-rays.", &[]),
            ("Please send X rays before the visit.", &[]),
            ("We will text C section patients today.", &[]),
            ("Your blood type O donation is due.", &[]),
            ("Room D, 12 N. Main St.", &[]),
            ("Hepatitis C: the test is back.", &[]),
            ("It's plan B. A nurse will call.", &[]),
            ("Reply I will come.", &[]),
        ] {
            assert_eq!(commands_in(text).collect::<Vec<_>>(), expected, "{text}");
        }
    }

    #[test]
    fn a_translation_says_a_letter_where_it_is_a_word() {
        for said in [
            "Répondez C.",
            "Responda \"C\" o R",
            "回复C确认",
            "回复'C'确认",
            "Válaszoljon C-vel!",
            "C'yi gönderin.",
            "رد C للتأكيد",
        ] {
            assert!(says_in(said, "C"), "{said}");
        }
        for said in ["STOP'u gönderin.", "Durdurmak için STOP’u yazın.", "STOP'a basın."] {
            assert!(says_in(said, "STOP"), "{said}");
        }
        for unsaid in ["C'est noté.", "C’était bien.", "Aux U.C.L.", "Confirme."] {
            assert!(!says_in(unsaid, "C"), "{unsaid}");
        }
    }
}
