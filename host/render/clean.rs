//! Values as strangers give them, made fit to stand in a text: nothing hidden in them, nothing that
//! turns the text around, no web address, and no longer than the type allows.

use icu_normalizer::ComposingNormalizerBorrowed;
use unicode_segmentation::UnicodeSegmentation;

/// Endings that telephones turn into links even without `https://`.
const LINKED: [&str; 25] = [
    "com", "net", "org", "info", "biz", "io", "ly", "me", "co", "app", "link", "xyz", "top", "site",
    "online", "click", "shop", "gd", "uk", "ru", "cn", "edu", "gov", "dev", "ai",
];

/// A value as it may stand in a text: composed, one space between words, at most `max` characters,
/// cut where a reader would cut.
pub(super) fn clean(text: &str, max: usize) -> String {
    let visible = visible(text);
    let words: Vec<&str> = visible.split_whitespace().filter(|word| !is_address(word)).collect();
    shorten(&words.join(" "), max)
}

/// A web address as it may stand in a text: it is only cut off from what cannot be seen.
pub(super) fn clean_address(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && !c.is_control() && !is_invisible(*c)).collect()
}

/// Whether a text holds something that a telephone would show as a link.
pub(super) fn holds_address(text: &str) -> bool {
    may_be_address(text) && visible(text).split_whitespace().any(is_address)
}

/// NFC, because a decomposed `é` costs a whole text its alphabet; without controls and marks that
/// cannot be seen.
fn visible(text: &str) -> String {
    let composed = ComposingNormalizerBorrowed::new_nfc().normalize(text);
    let mut kept = String::with_capacity(composed.len());
    let mut previous = ' ';
    for character in composed.chars() {
        let joiner = matches!(character, '\u{200C}' | '\u{200D}');
        if character.is_whitespace() {
            kept.push(' ');
        } else if joiner && joins_letters(previous) {
            // Persian, Hindi and Sinhala words are misspelt without it.
            kept.push(character);
        } else if !joiner && !character.is_control() && !is_invisible(character) {
            kept.push(character);
        }
        previous = character;
    }
    kept
}

/// Scripts from Arabic to Sinhala, in which the joiners are letters' shapes and not tricks.
const fn joins_letters(character: char) -> bool {
    matches!(character, '\u{0600}'..='\u{0DFF}')
}

/// Zero-width characters, directions, isolates, tags, and whatever has no meaning at all.
pub(super) const fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{00AD}'
            | '\u{034F}'
            | '\u{061C}'
            | '\u{115F}'..='\u{1160}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}'
            | '\u{FFF0}'..='\u{FFFF}'
            | '\u{E0000}'..='\u{E0FFF}'
    )
}

/// Most words have nothing of an address, and are read no closer.
fn may_be_address(text: &str) -> bool {
    text.contains(['.', ':', '%'])
}

fn is_address(word: &str) -> bool {
    if !may_be_address(word) {
        return false;
    }
    let word = word.to_lowercase();
    let word = word.trim_start_matches(|c: char| !c.is_alphanumeric());
    if word.contains("://") || word.starts_with("www.") || word.contains("%2f%2f") {
        return true;
    }
    let host = word.split(['/', '?', '#', ':']).next().unwrap_or_default();
    let has_path = word.len() > host.len();
    is_host(host.trim_end_matches(|c: char| !c.is_alphanumeric()), has_path) || holds_host(word)
}

/// Between the letters of another script, or marks, telephones see a host all the same.
fn holds_host(word: &str) -> bool {
    let runs = word.split(|c: char| !is_of_name(c) && !matches!(c, '-' | '.'));
    runs.filter(|run| run.contains('.')).any(|run| {
        let start = run.as_ptr() as usize - word.as_ptr() as usize;
        let (before, after) = (&word[..start], &word[start + run.len()..]);
        // An address of mail is none of the web.
        !before.ends_with('@')
            && !after.starts_with('@')
            && is_host(run.trim_matches(['.', '-']), after.starts_with('/'))
    })
}

/// A letter that goes on in a Latin word, as in "Dr.Ruíz", be it written as one sign or as two.
const fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || matches!(c, '\u{C0}'..='\u{24F}' | '\u{300}'..='\u{36F}' | '\u{1E00}'..='\u{1EFF}')
}

/// Whether this is the name of a host; with a path behind it, under any ending.
fn is_host(host: &str, has_path: bool) -> bool {
    let Some((name, ending)) = host.rsplit_once('.') else {
        return false;
    };
    let plain = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
    name.split('.').all(plain)
        && ending.chars().all(char::is_alphabetic)
        && (LINKED.contains(&ending) || has_path && ending.chars().count() >= 2)
}

fn shorten(text: &str, max: usize) -> String {
    let mut kept = 0;
    let mut characters = 0;
    for (start, grapheme) in text.grapheme_indices(true) {
        characters += grapheme.chars().count();
        if characters > max {
            break;
        }
        kept = start + grapheme.len();
    }
    text[..kept].trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_and_runs_of_space_are_taken_out() {
        assert_eq!(clean(" A\u{202E}n\u{200B}a\t\n\u{00A0} L\u{00AD}ee\u{7} ", 40), "Ana Lee");
        assert_eq!(clean("Jose\u{301}", 40), "José");
        assert_eq!(clean("A\u{200D}na", 40), "Ana");
        assert_eq!(clean("می\u{200C}خواهم", 40), "می\u{200C}خواهم");
    }

    #[test]
    fn a_long_name_is_cut_between_what_readers_see_as_letters() {
        assert_eq!(clean("Oluwaseun-Chukwuemeka", 9), "Oluwaseun");
        assert_eq!(clean("ab👍🏽", 3), "ab");
        assert_eq!(clean("নমস্কার", 4), "নম");
        assert_eq!(clean("Ana Maria", 4), "Ana");
    }

    #[test]
    fn no_web_address_stands_in_a_name() {
        for hostile in [
            "Ana http://evil.example/x",
            "Ana www.evil.example",
            "Ana evil.example/x",
            "Ana (evil.com)",
            "Ana bit.ly/3x,",
            "Ana e\u{200B}vil.com",
            "Ana 点击evil.com领奖",
            "Ana 点击evil.example/x领奖",
            "Ana 请看clinic.com。谢谢",
            "Ana Lee,evil.com;",
        ] {
            assert!(holds_address(hostile), "{hostile}");
            assert_eq!(clean(hostile, 40), "Ana", "{hostile}");
        }
        for harmless in [
            "Dr.Smith",
            "St. Mary's",
            "A.B.C. Clinic",
            "7 a.m./8 a.m.",
            "3.5 km",
            "Room 2.14/b",
            "距离3.5公里",
            "ana@clinic.com",
            "ana.me@clinic.com",
            "Dr.Ruíz",
            "Dr.Rui\u{301}z",
            "Dr.Topçu",
        ] {
            assert!(!holds_address(harmless), "{harmless}");
        }
    }
}
