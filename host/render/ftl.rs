//! One `.ftl` file: capped before it is parsed, and its faults where they are.

use super::fault::Fault;
use super::source::Source;
use fluent_bundle::FluentResource;
use fluent_syntax::ast::{Entry, Message};
use fluent_syntax::parser::{self, ErrorKind, ParserError, Slice};
use std::sync::Arc;

/// The parser calls itself for every brace; some hundreds of them would end the whole process.
const MAX_DEPTH: usize = 8;

/// A parsed file.
#[derive(Clone, Debug)]
pub(super) struct FtlFile {
    /// Path below the home folder.
    pub(super) file: String,
    /// What is in it.
    pub(super) resource: Arc<FluentResource>,
}

impl FtlFile {
    /// Its name in its folder.
    pub(super) fn name(&self) -> &str {
        self.file.rsplit('/').next().unwrap_or_default()
    }

    /// A fault at a slice of this file's text, such as a name in its syntax tree.
    pub(super) fn fault(&self, slice: &str, message: impl Into<String>) -> Fault {
        Fault::at(&self.file, self.resource.source(), self.offset(slice), message)
    }

    /// What stands in this file before a slice of its text.
    pub(super) fn before(&self, slice: &str) -> &str {
        self.resource.source().get(..self.offset(slice)).unwrap_or_default()
    }

    fn offset(&self, slice: &str) -> usize {
        (slice.as_ptr() as usize).saturating_sub(self.resource.source().as_ptr() as usize)
    }
}

/// Parses a file, or reports all its faults.
pub(super) fn parse(source: &Source) -> Result<FtlFile, Vec<Fault>> {
    if let Some(offset) = too_deep(&source.text) {
        let message = format!("braces and brackets are nested more than {MAX_DEPTH} deep; make it simpler");
        return Err(vec![source.fault(offset, message).by("nesting")]);
    }
    let file = source.file.clone();
    match FluentResource::try_new(source.text.clone()) {
        Ok(resource) => Ok(FtlFile { file, resource: Arc::new(resource) }),
        Err((_, errors)) => Err(errors.iter().map(|error| fault(source, error)).collect()),
    }
}

/// A message or a term with the comment that stands over it.
pub(super) struct Commented<'a> {
    /// Its key, a slice of the source; without the dash of a term.
    pub(super) key: &'a str,
    /// The lines of its comment, without `#`.
    pub(super) comment: Vec<&'a str>,
}

/// The messages of a source, with what the parser of a running host leaves out.
pub(super) fn messages<'a, S: Slice<'a>>(source: S) -> impl Iterator<Item = Message<S>> {
    let (Ok(resource) | Err((resource, _))) = parser::parse(source);
    resource.body.into_iter().filter_map(|entry| match entry {
        Entry::Message(message) => Some(message),
        Entry::Term(_)
        | Entry::Comment(_)
        | Entry::GroupComment(_)
        | Entry::ResourceComment(_)
        | Entry::Junk { .. } => None,
    })
}

/// The messages and terms of a source with their comments.
pub(super) fn commented(source: &str) -> Vec<Commented<'_>> {
    let (Ok(resource) | Err((resource, _))) = parser::parse(source);
    let entries = resource.body.into_iter().filter_map(|entry| match entry {
        Entry::Message(message) => Some((message.id, message.comment)),
        Entry::Term(term) => Some((term.id, term.comment)),
        Entry::Comment(_) | Entry::GroupComment(_) | Entry::ResourceComment(_) | Entry::Junk { .. } => None,
    });
    entries
        .map(|(id, comment)| Commented {
            key: id.name,
            comment: comment.map(|comment| comment.content).unwrap_or_default(),
        })
        .collect()
}

/// Where nesting first exceeds what is parsed. Counts too much rather than too little: whatever
/// could be text to the parser must not hide a brace here.
fn too_deep(text: &str) -> Option<usize> {
    if !may_be_too_deep(text) {
        return None;
    }
    let (mut start, mut after) = (0, 0);
    for line in text.split_inclusive('\n') {
        // A forgotten brace must not count against the messages that follow it.
        if starts_entry(line) {
            if let Some(at) = too_deep_entry(&text[start..after]) {
                return Some(start + at);
            }
            start = after;
        }
        after += line.len();
    }
    too_deep_entry(&text[start..]).map(|at| start + at)
}

/// Most messages, and many a file, have not even as many braces.
fn may_be_too_deep(text: &str) -> bool {
    text.bytes().filter(|byte| matches!(byte, b'{' | b'(')).count() > MAX_DEPTH
}

fn too_deep_entry(text: &str) -> Option<usize> {
    if !may_be_too_deep(text) {
        return None;
    }
    // For every open brace, the brackets that are open inside it.
    let mut open: Vec<usize> = Vec::new();
    let (mut literal, mut escaped, mut opened) = (false, false, false);
    for (at, character) in text.bytes().enumerate() {
        // Only right behind a brace is a quotation mark surely the beginning of a literal.
        let begins = opened && character == b'"';
        opened = !literal && (character == b'{' || opened && character == b' ');
        match character {
            // What a line opens, it has closed at its end.
            b'\n' => (literal, escaped, opened) = (false, false, false),
            _ if escaped => escaped = false,
            b'\\' if literal => escaped = true,
            b'"' if literal || begins => literal = !literal,
            _ if literal => {}
            b'{' => open.push(0),
            b'}' => drop(open.pop()),
            b'(' | b')' => {
                if let Some(brackets) = open.last_mut() {
                    *brackets = if character == b'(' { *brackets + 1 } else { brackets.saturating_sub(1) };
                }
            }
            _ => {}
        }
        if open.len() + open.iter().sum::<usize>() > MAX_DEPTH {
            return Some(at);
        }
    }
    None
}

/// `key =` or `-term =` in the first column: the parser begins anew there, whatever came before.
fn starts_entry(line: &str) -> bool {
    let name = line.strip_prefix('-').unwrap_or(line).as_bytes();
    let is_in_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let end = name.iter().position(|byte| !is_in_name(byte)).unwrap_or(name.len());
    name.first().is_some_and(u8::is_ascii_alphabetic)
        && name[end..].iter().find(|byte| **byte != b' ') == Some(&b'=')
}

fn fault(source: &Source, error: &ParserError) -> Fault {
    let text = &source.text;
    let at = error.pos.start.min(text.len());
    let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let unclosed = matches!(error.kind, ErrorKind::ExpectedToken('}'));
    if unclosed && text[line_start..at].trim().is_empty() && line_start > 0 {
        // The parser looks for the brace on the lines below the one where it was forgotten.
        let end = text[..line_start].trim_end().len();
        return source.fault(end, "the `}` that closes this is missing").by("syntax");
    }
    source.fault(at, sentence(&error.kind)).by("syntax")
}

fn sentence(kind: &ErrorKind) -> String {
    match kind {
        ErrorKind::ExpectedToken('}') => {
            "a `}` was expected here: names have no spaces or accents".to_owned()
        }
        ErrorKind::ExpectedToken('=') => {
            "a message is written `name = text`, and the `=` is missing".to_owned()
        }
        ErrorKind::ExpectedToken(token) => format!("a `{token}` was expected here"),
        ErrorKind::ExpectedCharRange { .. } => {
            "a name was expected here: it begins with a letter, and has letters, digits, `-` and `_`"
                .to_owned()
        }
        ErrorKind::ExpectedMessageField { entry_id } => format!("the message `{entry_id}` has no text"),
        ErrorKind::ExpectedTermField { entry_id } => format!("the term `-{entry_id}` has no text"),
        ErrorKind::MissingDefaultVariant => {
            "one of the variants must be the default, marked with `*`".to_owned()
        }
        ErrorKind::MultipleDefaultVariants => {
            "only one variant can be the default, marked with `*`".to_owned()
        }
        ErrorKind::UnbalancedClosingBrace => {
            "this `}` closes nothing; write { \"}\" } for a real one".to_owned()
        }
        ErrorKind::UnterminatedStringLiteral => "the closing `\"` is missing on this line".to_owned(),
        ErrorKind::ExpectedInlineExpression => "something is missing between the braces".to_owned(),
        ErrorKind::ForbiddenCallee => "functions are written in capitals: DATETIME or NUMBER".to_owned(),
        ErrorKind::MissingValue => "a text was expected here".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<Fault> {
        parse(&Source { file: "locales/es/a.ftl".to_owned(), text: text.to_owned() })
            .err()
            .unwrap_or_default()
    }

    fn place(text: &str) -> (usize, usize) {
        let fault = faults(text).remove(0);
        (fault.line, fault.column)
    }

    #[test]
    fn a_syntax_error_is_shown_where_the_translator_made_it() {
        assert_eq!(place("a = Hola { $name\nb = Uno\n"), (1, 17));
        assert_eq!(place("a = Hola } $name\n"), (1, 10));
        assert_eq!(place("uno Uno\n"), (1, 5));
        assert_eq!(place("a = { $n ->\n  [one] x\n }\n").0, 3);
        assert_eq!(faults("a = Hola { $name\nb = Uno\nc = Dos }\n").len(), 2);
    }

    #[test]
    fn a_file_that_would_overflow_the_stack_is_refused_before_it_is_parsed() {
        for hostile in [
            "{".repeat(5000),
            "{\n".repeat(5000),
            format!("{{ {}", "F(\n".repeat(5000)),
            format!("{{ $x ->\n *[o] say \"{}", "{".repeat(5000)),
            "{ $x ->\n *[o] ) ".repeat(5000),
            "{ $x ->\n *[o] (\" ".repeat(5000),
        ] {
            let fault = faults(&format!("a = {hostile}")).remove(0);
            assert!(fault.message.contains("nested"), "{fault}");
        }
    }

    #[test]
    fn braces_in_literals_and_forgotten_ones_do_not_count_as_nesting() {
        let literals = "a = { \"{\" } text\n".repeat(20);
        assert!(parse(&Source { file: String::new(), text: literals }).is_ok());
        let unclosed = "a = Hola { $x\n".repeat(20);
        assert!(faults(&unclosed).iter().all(|fault| !fault.message.contains("nested")));
    }

    #[test]
    fn windows_line_ends_are_fine() {
        let file = parse(&Source { file: String::new(), text: "a = Uno\r\nb = Dos\r\n".to_owned() }).unwrap();
        assert_eq!(file.resource.entries().count(), 2);
    }
}
