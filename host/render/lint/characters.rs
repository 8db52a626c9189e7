//! Letters: those that cannot be seen, those that make a text dear, those of another script, and
//! those that turn a text around.

use super::super::REFERENCE;
use super::super::clean;
use super::super::fault::Fault;
use super::super::ftl::FtlFile;
use super::super::locale::Locale;
use super::super::pages::asks_for;
use super::{messages, terms, texts};
use crate::domain::segments::{look_alike, septets};
use fluent_syntax::ast::{Expression, InlineExpression, Pattern, PatternElement};
use icu_locale::{Direction, LocaleDirectionality};
use icu_properties::props::{BidiClass, Script};
use icu_properties::{CodePointMapData, PropertyParser};
use std::collections::{BTreeMap, BTreeSet};

/// More different letters than these outside GSM-7 are the language itself.
const FEW: usize = 3;

/// Identical texts of at most so many words may well be right.
const WORDS: usize = 2;

/// What should be looked at in the letters of a locale.
pub(super) fn check(locale: &Locale, english: &Locale) -> Vec<Fault> {
    let script = locale.id.script.and_then(|script| Writing::of(script.as_str()));
    let is_latin = script.as_ref().is_some_and(|script| script.has('a'));
    let right_to_left = LocaleDirectionality::new_extended().get(&locale.id) == Some(Direction::RightToLeft);
    let originals: BTreeMap<&str, String> = if locale.tag == REFERENCE {
        BTreeMap::new()
    } else {
        let all = english.files.iter().flat_map(messages);
        all.filter_map(|message| Some((message.id.name, texts(message.value.as_ref()?).concat()))).collect()
    };
    let is_cheap = is_latin && mostly_gsm7(locale);
    let mut found = Vec::new();
    for file in &locale.files {
        for term in terms(file) {
            for text in texts(&term.value) {
                found.extend(hidden(file, text, is_latin));
                found.extend(spaces(file, text));
            }
            found.extend(dear(file, term.id.name, &term.value, is_latin, is_cheap));
        }
        for message in messages(file) {
            let (Some(value), key) = (&message.value, message.id.name) else { continue };
            for text in texts(value) {
                found.extend(hidden(file, text, is_latin));
                found.extend(spaces(file, text));
            }
            // A page in a browser costs nothing.
            if !asks_for(key) {
                found.extend(dear(file, key, value, is_latin, is_cheap));
            }
            let said = texts(value).concat();
            if let Some(script) = script.as_ref().filter(|script| !script.writes(&said)) {
                let text = format!("there is no letter of the script {} in it", script.name);
                found.push(file.fault(key, text).warn("script"));
            }
            let words = said.split_whitespace().filter(|word| word.chars().any(char::is_alphabetic)).count();
            if originals.get(key) == Some(&said) && words > WORDS {
                found.push(file.fault(key, "it is the same as in English").warn("untranslated"));
            }
            if right_to_left && !begins_rightward(value) {
                let text = "it must begin with a word of its own script: a telephone takes the direction of a \
                            whole text from its first letter";
                found.push(file.fault(key, text).warn("direction"));
            }
        }
    }
    for file in locale.formats_file.iter().chain(&locale.keywords_file) {
        for value in messages(file).filter_map(|message| message.value.as_ref()) {
            found.extend(texts(value).into_iter().filter_map(|text| hidden(file, text, is_latin)));
        }
    }
    found
}

/// The scripts that a language is written in.
#[derive(Debug)]
struct Writing {
    name: String,
    scripts: Vec<Script>,
}

impl Writing {
    fn of(name: &str) -> Option<Self> {
        // Some languages are written in several scripts at once, which have a name together.
        let parts: &[&str] = match name {
            "Hans" | "Hant" => &["Hani"],
            "Jpan" => &["Hani", "Hira", "Kana"],
            "Kore" => &["Hang", "Hani"],
            one => &[one],
        };
        let parser = PropertyParser::<Script>::new();
        let scripts: Vec<Script> = parts.iter().filter_map(|part| parser.get_strict(part)).collect();
        (!scripts.is_empty()).then(|| Self { name: name.to_owned(), scripts })
    }

    fn has(&self, character: char) -> bool {
        self.scripts.contains(&CodePointMapData::<Script>::new().get(character))
    }

    /// Whether a text has a letter of the script, or none at all.
    fn writes(&self, text: &str) -> bool {
        let mut letters = text.chars().filter(|c| c.is_alphabetic()).peekable();
        letters.peek().is_none() || letters.any(|c| self.has(c))
    }
}

fn mostly_gsm7(locale: &Locale) -> bool {
    let (mut cheap, mut all) = (0, 0);
    for value in locale.files.iter().flat_map(messages).filter_map(|message| message.value.as_ref()) {
        all += 1;
        cheap += usize::from(texts(value).iter().all(|text| text.chars().all(|c| septets(c).is_some())));
    }
    2 * cheap >= all
}

fn hidden(file: &FtlFile, text: &str, is_latin: bool) -> Option<Fault> {
    let is_hidden = |c: char| {
        // Joiners are letters' shapes, and marks keep numbers in order, where scripts need them.
        let needed = matches!(c, '\u{200C}'..='\u{200F}') && !is_latin;
        clean::is_invisible(c) && !needed || matches!(c, '\u{A0}' | '\u{2009}' | '\u{202F}')
    };
    let (at, character) = text.char_indices().find(|(_, c)| is_hidden(*c))?;
    let problem = format!("there is a character that nobody sees, U+{:04X}", u32::from(character));
    Some(file.fault(&text[at..], problem).warn("invisible"))
}

fn spaces(file: &FtlFile, text: &str) -> Option<Fault> {
    let doubled = ["  ", " ,", " .", ",,", "!!", "??", "؟؟", "。。", "।।", "，，"];
    let at = doubled.iter().filter_map(|mark| text.find(mark)).min().or_else(|| {
        let dots = text.find("..")?;
        (!text[dots..].starts_with("...")).then_some(dots)
    })?;
    Some(
        file.fault(&text[at..], "a space or a mark is there twice, or in the wrong place")
            .warn("punctuation"),
    )
}

/// Letters that change the alphabet, and with it the price, of a whole text.
fn dear(file: &FtlFile, key: &str, value: &Pattern<&str>, is_latin: bool, is_cheap: bool) -> Option<Fault> {
    if !is_latin {
        return None;
    }
    let outside = |c: &char| septets(*c).is_none() && !clean::is_invisible(*c);
    let said = texts(value);
    let letters: BTreeSet<char> = said.iter().flat_map(|text| text.chars()).filter(outside).collect();
    let typographic = letters.iter().copied().find(|c| !c.is_alphabetic() && look_alike(*c).is_some());
    let first =
        typographic.or_else(|| letters.first().copied().filter(|_| is_cheap && letters.len() <= FEW))?;
    let place = said.iter().find_map(|text| text.find(first).map(|at| &text[at..])).unwrap_or(key);
    let names: Vec<String> = letters.iter().map(|c| format!("`{c}`")).collect();
    let advice = match look_alike(first) {
        Some(plain) => format!("write `{plain}` for `{first}`"),
        None => "is there another word?".to_owned(),
    };
    let problem = format!("{} is not in GSM-7 and makes every text with it dear; {advice}", names.join(", "));
    Some(file.fault(place, problem).warn("dear-letter"))
}

fn begins_rightward(pattern: &Pattern<&str>) -> bool {
    for element in &pattern.elements {
        match element {
            PatternElement::TextElement { value } => {
                let classes = CodePointMapData::<BidiClass>::new();
                let strong = value.chars().map(|c| classes.get(c)).find(|class| {
                    matches!(
                        *class,
                        BidiClass::LeftToRight | BidiClass::RightToLeft | BidiClass::ArabicLetter
                    )
                });
                if let Some(class) = strong {
                    return class != BidiClass::LeftToRight;
                }
            }
            PatternElement::Placeable { expression: Expression::Select { variants, .. } } => {
                return variants.iter().all(|variant| begins_rightward(&variant.value));
            }
            PatternElement::Placeable {
                expression: Expression::Inline(InlineExpression::StringLiteral { .. }),
            } => {}
            PatternElement::Placeable { .. } => return false,
        }
    }
    true
}
