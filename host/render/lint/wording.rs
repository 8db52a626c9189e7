//! The fixed words of a message: what carriers read in them, and what belongs to the template.

use super::super::clean;
use super::super::fault::Fault;
use super::super::ftl::FtlFile;
use super::{Reference, base, messages, texts};
use crate::domain::keyword::keyword;
use fluent_syntax::ast::Pattern;

/// A number with as many digits is one to call.
const PHONE_DIGITS: usize = 7;

/// What is wrong with the words of a file.
pub(super) fn check(file: &FtlFile, reference: Option<&Reference>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for message in messages(file) {
        let Some(value) = &message.value else { continue };
        let key = message.id.name;
        let original = reference.and_then(|all| all.get(key).or_else(|| all.get(base(key))));
        for text in texts(value) {
            let found = [braces(text), address(text), phone(text)].into_iter().flatten();
            faults.extend(found.map(|(at, rule, problem)| file.fault(at, problem).by(rule)));
            // The answers about texts themselves, and every text's last sentence, name such words.
            let may_name = key.starts_with("optout") || key.starts_with("reply-");
            let words = latin_words(text).filter(|_| !may_name && shouts(text));
            for word in words.filter(|word| is_keyword(word)) {
                let text = format!("who answers {word} stops or starts all texts; choose another word");
                faults.push(file.fault(word, text).by("opt-out-word"));
            }
        }
        let there = commands(value);
        for word in original.iter().flat_map(|original| &original.commands) {
            if !there.contains(&word.as_str()) {
                let text = format!("{word} is missing; readers send it, so it stays in Latin letters");
                faults.push(file.fault(key, text).by("command"));
            }
        }
        if base(key) == "optout" && !there.contains(&"STOP") {
            let text = "the way out must name STOP in Latin letters: carriers act on this word";
            faults.push(file.fault(key, text).by("opt-out"));
        }
    }
    faults
}

/// The words that a reader is asked to send: keywords of carriers, and single letters.
pub(super) fn commands<'a>(pattern: &'a Pattern<&'a str>) -> Vec<&'a str> {
    let is_letter = |word: &str| matches!(word.as_bytes(), [b'A'..=b'Z']) && word != "A" && word != "I";
    texts(pattern)
        .into_iter()
        .flat_map(latin_words)
        .filter(|word| is_keyword(word) || is_letter(word))
        .collect()
}

/// Whether two capitals stand side by side, as in every keyword: most texts need no closer look.
fn shouts(text: &str) -> bool {
    text.as_bytes().windows(2).any(|two| two.iter().all(u8::is_ascii_uppercase))
}

fn is_keyword(word: &str) -> bool {
    word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase()) && keyword(word).is_some()
}

/// Words in Latin letters, which other scripts write without a space before and behind.
fn latin_words(text: &str) -> impl Iterator<Item = &str> {
    let is_latin =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '\u{C0}'..='\u{24F}' | '\u{1E00}'..='\u{1EFF}');
    text.split(move |c| !is_latin(c)).filter(|word| !word.is_empty())
}

type Found<'a> = Option<(&'a str, &'static str, String)>;

/// `$name`, `%s`, `%{name}`: a value that would be sent as it stands.
fn braces(text: &str) -> Found<'_> {
    if !text.contains(['$', '%']) {
        return None;
    }
    let mut previous = ' ';
    for (at, character) in text.char_indices() {
        let rest = &text[at + character.len_utf8()..];
        let next = rest.chars().next();
        let variable = character == '$' && next.is_some_and(|c| c.is_ascii_alphabetic() || c == '{');
        let percent = character == '%' && !previous.is_ascii_digit() && next.is_some_and(is_conversion);
        if variable || percent {
            let problem = "a variable is written { $name }; as it stands, this would be sent";
            return Some((&text[at..], "forgotten-braces", problem.to_owned()));
        }
        previous = character;
    }
    None
}

const fn is_conversion(c: char) -> bool {
    matches!(c, 's' | 'd' | 'i' | 'f' | '@' | '{' | '(')
}

/// Whether there is a sign of addresses, such as a dot with something behind it: most texts have none, and are read
/// no closer.
fn is_suspect(text: &str) -> bool {
    let is_dotted = |two: &[u8]| two[0] == b'.' && !two[1].is_ascii_whitespace();
    text.bytes().any(|byte| matches!(byte, b':' | b'%' | b'@')) || text.as_bytes().windows(2).any(is_dotted)
}

fn address(text: &str) -> Found<'_> {
    if !is_suspect(text) {
        return None;
    }
    let is_mail = |word: &str| word.split_once('@').is_some_and(|(_, host)| host.contains('.'));
    let word = text.split_whitespace().find(|word| is_mail(word) || clean::holds_address(word))?;
    Some((word, "address", "addresses come from the template, never from a translation".to_owned()))
}

fn phone(text: &str) -> Found<'_> {
    if text.bytes().filter(u8::is_ascii_digit).count() < PHONE_DIGITS {
        return None;
    }
    let mut start = None;
    let mut digits = 0;
    for (at, character) in text.char_indices() {
        if character.is_ascii_digit() {
            digits += 1;
            start.get_or_insert(at);
        } else if !matches!(character, ' ' | '-' | '(' | ')' | '.' | '/') {
            (start, digits) = (None, 0);
        }
        if digits >= PHONE_DIGITS {
            let problem = "telephone numbers come from the clinic's settings, never from a translation";
            return Some((&text[start.unwrap_or(at)..], "phone", problem.to_owned()));
        }
    }
    None
}
