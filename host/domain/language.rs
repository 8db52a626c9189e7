//! Language tags, as far as a plain value goes: well formed and not absurdly long. Which languages
//! there are texts in is for `render` to say.

/// Whether a text has the form of a BCP 47 tag: a language, then subtags of letters and digits.
#[must_use]
pub fn is_well_formed(tag: &str) -> bool {
    let mut subtags = tag.split('-');
    let language = subtags.next().unwrap_or_default();
    tag.len() <= 35
        && (2..=3).contains(&language.len())
        && language.bytes().all(|b| b.is_ascii_alphabetic())
        && subtags.all(|s| (1..=8).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_alphanumeric()))
}
