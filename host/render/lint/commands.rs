//! Words that a text asks its reader to send back: keywords of carriers, and the single letters that policies read.

use super::asked;
use super::wording::{is_keyword, is_latin, latin_words};

/// Those of the reference, which every translation has to keep. A letter is one only where it is asked for: "X-ray",
/// "vitamin D", "U.S." and "P.O. Box" are none.
pub(super) fn commands<'a>(texts: &[&'a str]) -> impl Iterator<Item = &'a str> {
    let words = texts.iter().copied().flat_map(|text| latin_words(text).map(move |word| (text, word)));
    let commands =
        words.filter(|(text, word)| is_keyword(word) || is_letter(word) && is_asked_for(text, word));
    commands.map(|(_, word)| word)
}

/// Whether a translation says one, and not as the beginning of another word: French "C'est" is no "C".
pub(super) fn says(texts: &[&str], command: &str) -> bool {
    let has = |text: &str| {
        latin_words(text).any(|word| {
            let (before, after) = around(text, word);
            word == command && !is_joined(before, after, &['.']) && !is_elided(after)
        })
    };
    texts.iter().copied().any(has)
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
    text.trim() == letter || begins && goes_on || asked::is_named(before, after)
}

/// Whether a word goes on in front of it or behind it, after one of these marks.
fn is_joined(before: &str, after: &str, marks: &[char]) -> bool {
    before.strip_suffix(marks).is_some_and(|before| before.ends_with(is_latin))
        || after.strip_prefix(marks).is_some_and(|after| after.starts_with(is_latin))
}

/// "C'est", "D'accord"; but Turkish "C'yi".
fn is_elided(after: &str) -> bool {
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
            ("Your U.S. visa, vitamin D and the X-ray.", &[]),
            ("Write to P.O. Box 7 or send X-rays.", &[]),
            ("Please send X rays before the visit.", &[]),
            ("Room D, 12 N. Main St.", &[]),
            ("Hepatitis C: the test is back.", &[]),
            ("It's plan B. A nurse will call.", &[]),
            ("Reply I will come.", &[]),
        ] {
            assert_eq!(commands(&[text]).collect::<Vec<_>>(), expected, "{text}");
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
            assert!(says(&[said], "C"), "{said}");
        }
        for unsaid in ["C'est noté.", "C’était bien.", "Aux U.C.L.", "Confirme."] {
            assert!(!says(&[unsaid], "C"), "{unsaid}");
        }
    }
}
