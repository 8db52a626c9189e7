//! Segments: what the provider bills. 160 septets of GSM-7 or 70 UTF-16 units in one, 153 or 67 in
//! each of several. Two-septet characters and surrogate pairs are never split, so dividing by the
//! size of a part is wrong at the edges (3GPP TS 23.038; reference: Twilio's segment calculator).

use serde::{Deserialize, Serialize};

/// The alphabet a text needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// Seven bits a character: English, and a few letters more.
    #[serde(rename = "GSM-7")]
    Gsm7,
    /// Sixteen bits a unit: everything else.
    #[serde(rename = "UCS-2")]
    Ucs2,
}

impl Encoding {
    /// As people and Twilio's console write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gsm7 => "GSM-7",
            Self::Ucs2 => "UCS-2",
        }
    }
}

/// How a text is billed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segments {
    /// The alphabet of the whole text: one character outside GSM-7 makes all of it UCS-2.
    pub encoding: Encoding,
    /// Septets or UTF-16 units.
    pub units: u32,
    /// What is billed; 0 for an empty text, which must not be sent.
    pub parts: u32,
}

const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡\
ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// Septets of a character in GSM-7, `None` when it has none.
#[must_use]
pub fn septets(character: char) -> Option<u32> {
    if BASIC.contains(character) {
        Some(1)
    } else if EXTENSION.contains(character) {
        Some(2)
    } else {
        None
    }
}

/// Counts a text as the network will.
#[must_use]
pub fn count(text: &str) -> Segments {
    let gsm7: Option<Vec<u32>> = text.chars().map(septets).collect();
    if let Some(costs) = gsm7 {
        counted(Encoding::Gsm7, &costs, 160, 153)
    } else {
        let costs: Vec<u32> = text.chars().map(|c| if c.len_utf16() == 2 { 2 } else { 1 }).collect();
        counted(Encoding::Ucs2, &costs, 70, 67)
    }
}

/// What a plain telephone shows for a character that GSM-7 lacks, where nothing of its meaning is lost.
/// Letters with accents have none: another letter is another word.
#[must_use]
pub fn look_alike(character: char) -> Option<&'static str> {
    Some(match character {
        '\u{2018}' | '\u{2019}' | '\u{201A}' | '\u{2032}' | '`' | '\u{B4}' => "'",
        '\u{201C}' | '\u{201D}' | '\u{201E}' | '\u{2033}' | '\u{AB}' | '\u{BB}' => "\"",
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{2022}' | '\u{B7}' => "-",
        '\u{2026}' => "...",
        '\u{A0}' | '\u{2002}'..='\u{200A}' | '\u{202F}' | '\t' => " ",
        '\u{D7}' => "x",
        _ => return None,
    })
}

/// A character that GSM-7 lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outside {
    /// Characters before it.
    pub position: usize,
    /// The character.
    pub character: char,
    /// What can be written for it.
    pub look_alike: Option<&'static str>,
}

/// The characters for which a text is billed as UCS-2, in their order.
#[must_use]
pub fn outside_gsm7(text: &str) -> Vec<Outside> {
    let all = text.chars().enumerate().filter(|(_, character)| septets(*character).is_none());
    all.map(|(position, character)| Outside { position, character, look_alike: look_alike(character) })
        .collect()
}

/// The text as it is cut into segments.
#[must_use]
pub fn parts(text: &str) -> Vec<&str> {
    let counted = count(text);
    if counted.parts < 2 {
        return if text.is_empty() { Vec::new() } else { vec![text] };
    }
    let (cost, room): (fn(char) -> u32, u32) = match counted.encoding {
        Encoding::Gsm7 => (|c| septets(c).unwrap_or(1), 153),
        Encoding::Ucs2 => (|c| if c.len_utf16() == 2 { 2 } else { 1 }, 67),
    };
    let (mut parts, mut start, mut used) = (Vec::new(), 0, 0);
    for (at, character) in text.char_indices() {
        if used + cost(character) > room {
            parts.push(&text[start..at]);
            (start, used) = (at, 0);
        }
        used += cost(character);
    }
    parts.push(&text[start..]);
    parts
}

fn counted(encoding: Encoding, costs: &[u32], single: u32, part: u32) -> Segments {
    let units = costs.iter().sum();
    let parts = if units == 0 {
        0
    } else if units <= single {
        1
    } else {
        let mut parts = 1;
        let mut used = 0;
        for cost in costs {
            if used + cost > part {
                parts += 1;
                used = 0;
            }
            used += cost;
        }
        parts
    };
    Segments { encoding, units, parts }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (Encoding, u32) {
        let counted = count(text);
        (counted.encoding, counted.parts)
    }

    #[test]
    fn the_tables_hold_127_basic_and_10_extension_characters() {
        assert_eq!(BASIC.chars().count(), 127);
        assert_eq!(EXTENSION.chars().count(), 10);
    }

    #[test]
    fn texts_count_as_twilios_calculator_counts_them() {
        use Encoding::{Gsm7, Ucs2};
        for (text, expected) in [
            ("a".repeat(160), (Gsm7, 1)),
            ("a".repeat(161), (Gsm7, 2)),
            ("a".repeat(306), (Gsm7, 2)),
            ("a".repeat(307), (Gsm7, 3)),
            ("a".repeat(459), (Gsm7, 3)),
            ("a".repeat(460), (Gsm7, 4)),
            ("€".repeat(80), (Gsm7, 1)),
            ("€".repeat(81), (Gsm7, 2)),
            ("a".repeat(158) + "€", (Gsm7, 1)),
            ("a".repeat(159) + "€", (Gsm7, 2)),
            ("a".repeat(152) + "€" + &"a".repeat(152), (Gsm7, 3)),
            ("ê".repeat(70), (Ucs2, 1)),
            ("ê".repeat(71), (Ucs2, 2)),
            ("ê".repeat(134), (Ucs2, 2)),
            ("ê".repeat(135), (Ucs2, 3)),
            ("👍".repeat(35), (Ucs2, 1)),
            ("👍".repeat(36), (Ucs2, 2)),
            ("a".repeat(159) + "\u{2019}", (Ucs2, 3)),
            ("ç".to_owned(), (Ucs2, 1)),
            ("Ç".to_owned(), (Gsm7, 1)),
        ] {
            assert_eq!(parts(&text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_written_instead_is_in_gsm7() {
        for code in 0..0x3000 {
            let plain = char::from_u32(code).and_then(look_alike).unwrap_or_default();
            assert!(plain.chars().all(|c| septets(c).is_some()), "{plain}");
        }
        assert_eq!(
            outside_gsm7("d\u{2019}a")[0],
            Outside { position: 1, character: '\u{2019}', look_alike: Some("'") }
        );
    }

    proptest::proptest! {
        #[test]
        fn more_text_never_costs_less(text in ".{0,400}", more in ".{0,20}") {
            let longer = count(&format!("{text}{more}"));
            proptest::prop_assert!(longer.parts >= count(&text).parts);
        }

        #[test]
        fn the_parts_are_the_whole_text_and_as_many_as_are_billed(text in ".{0,600}") {
            let cut = super::parts(&text);
            proptest::prop_assert_eq!(cut.concat(), text.clone());
            proptest::prop_assert_eq!(cut.len(), count(&text).parts as usize);
        }

        #[test]
        fn a_text_is_ucs2_for_the_characters_that_are_named_and_no_others(text in ".{0,200}") {
            let named = outside_gsm7(&text);
            proptest::prop_assert_eq!(named.is_empty(), count(&text).encoding == Encoding::Gsm7);
            for one in &named {
                proptest::prop_assert_eq!(text.chars().nth(one.position), Some(one.character));
            }
            let without: String = text.chars().filter(|c| named.iter().all(|one| one.character != *c)).collect();
            proptest::prop_assert_eq!(count(&without).encoding, Encoding::Gsm7);
        }

        #[test]
        fn every_unit_fits_into_the_parts(text in ".{1,600}") {
            let counted = count(&text);
            let (single, part) = match counted.encoding {
                Encoding::Gsm7 => (160, 153),
                Encoding::Ucs2 => (70, 67),
            };
            let room = if counted.parts == 1 { single } else { part * counted.parts };
            proptest::prop_assert!(counted.units <= room);
            proptest::prop_assert!(counted.parts == 1 || counted.units > single);
        }
    }
}
