//! A template read as text: where its messages are called, and where words stand that no
//! translator would ever see.

use super::fault::Fault;
use super::lint::{Calls, Given};
use super::source::Source;
use crate::domain::kind::Kind;
use crate::domain::value::ValueType;
use std::collections::BTreeMap;

/// One `t("key", …)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) key: String,
    /// Where the key stands.
    pub(super) offset: usize,
    /// Its arguments.
    pub(super) arguments: BTreeMap<String, Given>,
}

/// What a look at a template found.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub(super) calls: Vec<Call>,
    pub(super) faults: Vec<Fault>,
    /// Where each name is first used.
    pub(super) names: BTreeMap<String, usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Name(&'a str),
    Literal(&'a str),
    Other(char),
}

/// Looks through a template that the engine has already found well formed.
pub(super) fn scan(source: &Source, kind: &Kind) -> Scan {
    let text = source.text.as_str();
    let mut scan = Scan::default();
    let mut at = 0;
    while at < text.len() {
        let open =
            text[at..].find("{{").into_iter().chain(text[at..].find("{%")).chain(text[at..].find("{#")).min();
        let end = open.map_or(text.len(), |open| at + open);
        if let Some(word) = text[at..end].find(char::is_alphanumeric) {
            let message = "words belong in locales/, where they can be translated; print them with t(\"…\")";
            scan.faults.push(source.fault(at + word, message).by("words-in-template"));
        }
        let Some(tag) = text.get(end..end + 2) else { break };
        if tag == "{#" {
            at = text[end..].find("#}").map_or(text.len(), |length| end + length + 2);
            continue;
        }
        let (tokens, after) = tokens(text, end + 2);
        scan.expression(source, kind, tag == "{{", &tokens);
        at = after;
    }
    scan
}

/// Adds a template's calls to those of all templates.
pub(super) fn gather(calls: &mut Calls, scan: &Scan) {
    for call in &scan.calls {
        calls.entry(call.key.clone()).or_default().push(call.arguments.clone());
    }
}

fn tokens(text: &str, from: usize) -> (Vec<(usize, Token<'_>)>, usize) {
    let mut tokens = Vec::new();
    let mut at = from;
    while let Some(character) = text[at..].chars().next() {
        let rest = &text[at..];
        if rest.starts_with("}}") || rest.starts_with("%}") {
            return (tokens, at + 2);
        }
        let length = if character == '"' || character == '\'' {
            let inside = literal_length(&rest[1..], character);
            tokens.push((at, Token::Literal(&rest[1..=inside])));
            (inside + 2).min(rest.len())
        } else if character.is_alphabetic() || character == '_' {
            let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push((at, Token::Name(&rest[..length])));
            length
        } else {
            if !character.is_whitespace() {
                tokens.push((at, Token::Other(character)));
            }
            character.len_utf8()
        };
        at += length;
    }
    (tokens, text.len())
}

fn literal_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return at,
            _ => {}
        }
    }
    text.len()
}

impl Scan {
    /// `link(variable)` with a variable of type `url`, so that no other address gets into a text.
    fn link(&mut self, source: &Source, kind: &Kind, at: usize, after: &[(usize, Token<'_>)]) {
        let is_url = |name: &str| kind.variables.get(name).is_some_and(|v| v.value_type == ValueType::Url);
        let tokens: Vec<Token<'_>> = after.iter().take(3).map(|(_, token)| *token).collect();
        if !matches!(tokens[..], [Token::Other('('), Token::Name(name), Token::Other(')')] if is_url(name)) {
            self.faults.push(source.fault(at, "write link(variable), with a variable of type `url`"));
        }
    }

    fn expression(&mut self, source: &Source, kind: &Kind, prints: bool, tokens: &[(usize, Token<'_>)]) {
        let first = tokens.iter().find_map(|(_, token)| match token {
            Token::Name(name) => Some(*name),
            Token::Literal(_) | Token::Other(_) => None,
        });
        if !prints && first == Some("raw") {
            self.faults.push(source.fault(tokens[0].0, "`raw` would print words that no translator sees"));
        }
        let mut keys = Vec::new();
        for (position, (at, token)) in tokens.iter().enumerate() {
            let Token::Name(name) = token else { continue };
            self.names.entry((*name).to_owned()).or_insert(*at);
            if *name == "link" {
                self.link(source, kind, *at, &tokens[position + 1..]);
                continue;
            }
            if *name != "t" || tokens.get(position + 1).map(|next| next.1) != Some(Token::Other('(')) {
                continue;
            }
            if let Some((offset, Token::Literal(key))) = tokens.get(position + 2) {
                keys.push(*offset);
                let arguments = arguments(&tokens[position + 3..], kind);
                self.calls.push(Call { key: (*key).to_owned(), offset: *offset, arguments });
            } else {
                let message =
                    "write the key itself, t(\"some-key\"), so that it can be checked before it is needed";
                self.faults.push(source.fault(*at, message));
            }
        }
        if prints || first == Some("set") {
            for (at, token) in tokens {
                if let Token::Literal(text) = token
                    && text.contains(char::is_alphanumeric)
                    && !keys.contains(at)
                {
                    self.faults
                        .push(source.fault(*at, "words belong in locales/, where they can be translated"));
                }
            }
        }
    }
}

/// `, name=value, …` up to the bracket that closes the call.
fn arguments(tokens: &[(usize, Token<'_>)], kind: &Kind) -> BTreeMap<String, Given> {
    let mut found = BTreeMap::new();
    let mut depth = 0;
    for (position, (_, token)) in tokens.iter().enumerate() {
        match token {
            Token::Other('(' | '[' | '{') => depth += 1,
            Token::Other(')' | ']' | '}') if depth == 0 => break,
            Token::Other(')' | ']' | '}') => depth -= 1,
            Token::Other(',') if depth == 0 => {
                let at = |ahead: usize| tokens.get(position + ahead).map(|next| next.1);
                if let (Some(Token::Name(name)), Some(Token::Other('='))) = (at(1), at(2)) {
                    let declared = match (at(3), at(4)) {
                        (Some(Token::Name(variable)), Some(Token::Other(',' | ')'))) => {
                            kind.variables.get(variable)
                        }
                        _ => None,
                    };
                    let given = Given {
                        value_type: declared.map(|variable| variable.value_type),
                        required: declared.is_some_and(|variable| variable.required),
                        secret: declared.is_some_and(|variable| variable.secret),
                    };
                    found.insert(name.to_owned(), given);
                }
            }
            _ => {}
        }
    }
    found
}
