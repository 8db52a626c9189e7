//! The fixed words of a message: what carriers read in them, and what belongs to the template.

use super::super::clean;
use super::super::fault::Fault;
use super::super::ftl::FtlFile;
use super::asked::{self, Asked};
use super::commands;
use super::content::Content;
use super::phones;
use super::reading::{Dictionary, readings};
use super::{Checked, base};
use crate::domain::keyword::{Keyword, keyword_of};
use fluent_syntax::ast::{Pattern, Term};

/// The answers to STOP, START and HELP, which have to name these words.
const ANSWERS: [&str; 5] =
    ["reply-help", "reply-stopped", "reply-stopped-undo", "reply-started", "reply-for-help"];

/// A text's last sentence, which has to name them too: that of the house, and what a clinic says in its place,
/// such as `optout-payments`.
pub(super) fn is_way_out(key: &str) -> bool {
    base(key).strip_prefix("optout").is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// The words that answers name.
const NAMED: [&str; 3] = ["STOP", "START", "HELP"];

/// What is wrong with the words of a message.
pub(super) fn check(checked: &Checked<'_, '_>, faults: &mut Vec<Fault>) {
    let Checked { file, key, content, .. } = *checked;
    check_fixed(file, content, faults);
    let Some(value) = checked.value else { return };
    let is_answer = is_way_out(key) || ANSWERS.contains(&base(key));
    opt_out_words(file, value, content, checked.names, is_answer, faults);
    let says = |command: &str| commands::says(value, content, checked.names, command);
    for word in checked.original.into_iter().flat_map(|original| &original.commands) {
        if !says(word) {
            let text = format!("{word} is missing; readers send it, so it stays in Latin letters");
            faults.push(file.fault(key, text).by("command"));
        }
    }
    if base(key) == "optout" && !says("STOP") {
        let text = "the way out must name STOP in Latin letters: carriers act on this word";
        faults.push(file.fault(key, text).by("opt-out"));
    }
}

/// What is wrong with the words of a term, which stand in the messages that name it.
pub(super) fn check_term<'a>(
    file: &'a FtlFile,
    term: &'a Term<&'a str>,
    content: &Content<'a>,
    names: &Dictionary<'a>,
    faults: &mut Vec<Fault>,
) {
    check_fixed(file, content, faults);
    opt_out_words(file, &term.value, content, names, false, faults);
}

/// What has no place in any fixed words, be they a message's or a format's.
pub(super) fn check_fixed(file: &FtlFile, content: &Content<'_>, faults: &mut Vec<Fault>) {
    content.texts.iter().for_each(|text| foreign(file, text, faults));
}

/// Words that somebody would be asked to send, and that carriers act on.
fn opt_out_words<'a>(
    file: &FtlFile,
    value: &'a Pattern<&'a str>,
    content: &Content<'a>,
    names: &Dictionary<'a>,
    is_answer: bool,
    faults: &mut Vec<Fault>,
) {
    let mut words = content.texts.iter().copied().flat_map(latin_words);
    if content.names.is_empty() && words.all(|word| keyword_of(word).is_none()) {
        return;
    }
    let mut told: Vec<(&str, usize)> = Vec::new();
    for reading in readings(value, names) {
        for Asked { word, is_certain } in asked::opt_out_words(&reading.text) {
            let Some((piece, at)) = reading.place(word) else { continue };
            let place = piece.by.unwrap_or(&piece.text[at..]);
            let is_told =
                told.iter().any(|(text, length)| std::ptr::eq(*text, place) && *length == word.len());
            if is_told || is_answer && NAMED.contains(&word) || piece.by.is_some() && says(piece.text, at) {
                continue;
            }
            told.push((place, word.len()));
            let outcome = match keyword_of(word) {
                Some(Keyword::Help) => "is told what HELP tells and no more",
                Some(Keyword::Stop | Keyword::Start) | None => "stops or starts all texts",
            };
            faults.push(if is_certain {
                let text = format!("who answers {word} {outcome}; choose another word");
                file.fault(place, text).by("opt-out-word")
            } else {
                let text = format!("who is asked for {word} and answers it {outcome}; choose another word");
                file.fault(place, text).warn("opt-out-word")
            });
        }
    }
}

/// Whether a text asks by itself for the word at this place; then it is told about where the text stands.
fn says(text: &str, at: usize) -> bool {
    asked::opt_out_words(text).any(|asked| std::ptr::eq(asked.word.as_ptr(), text[at..].as_ptr()))
}

/// What belongs to the template or to the clinic.
fn foreign(file: &FtlFile, text: &str, faults: &mut Vec<Fault>) {
    let found = [braces(text), address(text), phone(text), comment(file, text)].into_iter().flatten();
    faults.extend(found.map(|(at, rule, problem)| file.fault(at, problem).by(rule)));
}

pub(super) fn is_keyword(word: &str) -> bool {
    word.len() > 1 && word.bytes().all(|b| b.is_ascii_uppercase()) && keyword_of(word).is_some()
}

/// Whether one of a text's bytes is such. All are looked at, because a processor does that with many at once.
fn holds(text: &str, is: impl Fn(u8) -> bool) -> bool {
    text.bytes().fold(false, |found, byte| found | is(byte))
}

/// The same of two that stand side by side.
fn holds_pair(text: &str, is: impl Fn(u8, u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    let pairs = bytes.iter().zip(bytes.get(1..).unwrap_or_default());
    pairs.fold(false, |found, (first, second)| found | is(*first, *second))
}

/// Words in Latin letters, which other scripts write without a space before and behind.
pub(super) fn latin_words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c| !is_latin(c)).filter(|word| !word.is_empty())
}

pub(super) const fn is_latin(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '\u{C0}'..='\u{24F}' | '\u{1E00}'..='\u{1EFF}')
}

type Found<'a> = Option<(&'a str, &'static str, String)>;

/// `$name`, `%s`, `%{name}`: a value that would be sent as it stands.
fn braces(text: &str) -> Found<'_> {
    if !holds(text, |byte| matches!(byte, b'$' | b'%')) {
        return None;
    }
    let mut previous = ' ';
    for (at, character) in text.char_indices() {
        let rest = &text[at + character.len_utf8()..];
        let next = rest.chars().next();
        let variable = character == '$' && (next == Some('{') || is_name(rest));
        let percent = character == '%' && !previous.is_ascii_digit() && is_conversion(rest);
        if variable || percent {
            let problem = "a variable is written { $name }; as it stands, this would be sent";
            return Some((&text[at..], "forgotten-braces", problem.to_owned()));
        }
        previous = character;
    }
    None
}

/// The name of a variable; capitals behind the sign are a currency, `10 $US`.
fn is_name(text: &str) -> bool {
    let end = text.bytes().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(text.len());
    let name = &text.as_bytes()[..end];
    name.first().is_some_and(u8::is_ascii_alphabetic) && name.iter().any(u8::is_ascii_lowercase)
}

/// What follows a percent sign that stands for a value: `s`, `{name}`, `(name)s`.
fn is_conversion(text: &str) -> bool {
    let is_type = |text: &str| text.starts_with(['s', 'd', 'i', 'f', '@', '{']);
    let named = text.strip_prefix('(').and_then(|text| text.split_once(')'));
    is_type(text) || named.is_some_and(|(_, text)| is_type(text))
}

/// Whether there is a sign of addresses, such as a dot with something behind it: most texts and words have none,
/// and are read no closer.
fn is_suspect(text: &str) -> bool {
    holds(text, |byte| matches!(byte, b':' | b'%' | b'@'))
        || holds_pair(text, |first, second| (first == b'.') & !second.is_ascii_whitespace())
}

fn address(text: &str) -> Found<'_> {
    if !is_suspect(text) {
        return None;
    }
    let is_mail = |word: &str| word.split_once('@').is_some_and(|(_, host)| host.contains('.'));
    let mut words = text.split_whitespace().filter(|word| is_suspect(word));
    let word = words.find(|word| is_mail(word) || clean::holds_address(word))?;
    Some((word, "address", "addresses come from the template, never from a translation".to_owned()))
}

fn phone(text: &str) -> Found<'_> {
    let problem = "telephone numbers come from the clinic's settings, never from a translation";
    Some((phones::phone(text)?, "phone", problem.to_owned()))
}

/// A comment below its key, where Fluent takes it for a line of the text.
fn comment<'a>(file: &FtlFile, text: &'a str) -> Found<'a> {
    if !holds(text, |byte| byte == b'#') {
        return None;
    }
    let is_comment = |line: &str| {
        let line = line.trim_start_matches(' ');
        let words = line.trim_start_matches('#');
        (1..=3).contains(&(line.len() - words.len())) && words.starts_with(' ')
    };
    let begins_line = |line: &str| file.before(line).trim_end_matches(' ').ends_with('\n');
    let line = text.split_inclusive('\n').find(|line| is_comment(line) && begins_line(line))?;
    let problem = "this would be sent: a comment begins in the first column, above the key";
    Some((line, "comment", problem.to_owned()))
}
