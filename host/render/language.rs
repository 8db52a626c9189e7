//! Language tags: which one is meant, which locale serves it, and how its region writes times.

use icu_locale::extensions::unicode::{Key, Value as Keyword};
use icu_locale::subtags::Region;
use icu_locale::{LanguageIdentifier, Locale, LocaleCanonicalizer, LocaleExpander};

/// The whole tag for a short one: `tl` is `fil-Latn-PH`, `zh-CN` is `zh-Hans-CN`. `None` for a tag
/// that is malformed or whose language ICU does not know.
pub(super) fn whole(tag: &str) -> Option<LanguageIdentifier> {
    let mut locale = Locale::try_from_str(tag).ok()?;
    LocaleCanonicalizer::new_extended().canonicalize(&mut locale);
    let expander = LocaleExpander::new_extended();
    let mut language = LanguageIdentifier::from(locale.id.language);
    // By the language alone: `xx-Latn-US` is complete, and still no language.
    expander.maximize(&mut language);
    if locale.id.language.is_unknown() || language.script.is_none() || language.region.is_none() {
        return None;
    }
    expander.maximize(&mut locale.id);
    Some(locale.id)
}

/// Which of these locales a reader of `wanted` can read: the same language in the same script,
/// from the same region if there is one.
pub(super) fn negotiate<'a, 'id>(
    wanted: &str,
    locales: impl Iterator<Item = (&'a str, &'id LanguageIdentifier)>,
) -> Option<&'a str> {
    let wanted = whole(wanted)?;
    locales
        .filter(|(_, id)| id.language == wanted.language && id.script == wanted.script)
        // The shortest tag is the most general: `pt` before `pt-PT` for somebody from Angola.
        .min_by_key(|(tag, id)| (id.region != wanted.region, tag.len(), *tag))
        .map(|(tag, _)| tag)
}

/// The locale that dates and numbers follow: the text's language in the clinic's region, with Latin
/// digits, and the clinic's clock if it chose one. `None` when the tag or the region is malformed.
pub(super) fn format_locale(
    tag: &str,
    region: Option<&str>,
    twenty_four_hours: Option<bool>,
) -> Option<Locale> {
    let mut locale = Locale::try_from_str(tag).ok()?;
    LocaleCanonicalizer::new_extended().canonicalize(&mut locale);
    if let Some(region) = region {
        let region = Region::try_from_str(region).ok()?;
        locale.id.region.get_or_insert(region);
    }
    let keywords = &mut locale.extensions.unicode.keywords;
    keywords.set(Key::try_from_str("nu").ok()?, Keyword::try_from_str("latn").ok()?);
    if let Some(twenty_four) = twenty_four_hours {
        let hours = if twenty_four { "h23" } else { "h12" };
        keywords.set(Key::try_from_str("hc").ok()?, Keyword::try_from_str(hours).ok()?);
    }
    Some(locale)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(wanted: &str, there: &[&'static str]) -> Option<&'static str> {
        let ids: Vec<_> = there.iter().map(|tag| (*tag, whole(tag).unwrap())).collect();
        negotiate(wanted, ids.iter().map(|(tag, id)| (*tag, id)))
    }

    #[test]
    fn a_reader_finds_the_locale_in_their_language_and_script() {
        let there = ["en", "fil", "zh-Hans", "zh-Hant", "pt-BR", "pt-PT", "he", "pa"];
        for (wanted, expected) in [
            ("en", Some("en")),
            ("en-GB", Some("en")),
            ("tl", Some("fil")),
            ("iw", Some("he")),
            ("cmn", Some("zh-Hans")),
            ("zh-CN", Some("zh-Hans")),
            ("zh-TW", Some("zh-Hant")),
            ("pt", Some("pt-BR")),
            ("pt-PT", Some("pt-PT")),
            ("pa-IN", Some("pa")),
            ("pa-PK", None),
            ("xx", None),
            ("not a tag", None),
        ] {
            assert_eq!(found(wanted, &there), expected, "{wanted}");
        }
    }

    #[test]
    fn a_language_is_known_when_icu_knows_where_it_is_written() {
        for known in ["en", "es-US", "ht", "so", "zh-Hant-TW", "ccp"] {
            assert!(whole(known).is_some(), "{known}");
        }
        for unknown in ["xx", "xx-Latn-US", "und", "mul", "e", "", "english"] {
            assert!(whole(unknown).is_none(), "{unknown}");
        }
    }
}
