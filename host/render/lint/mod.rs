//! What a translator must know before a patient does. The faults are found whenever files are read,
//! at the start, by a running host and by `tidings locale check`, and keep a file from being used;
//! the warnings are looked for when somebody asks.

mod characters;
pub(super) mod cost;
mod plurals;
mod references;
mod variables;
mod warnings;
mod wording;

use super::fault::Fault;
use super::ftl::FtlFile;
use crate::domain::value::ValueType;
use fluent_syntax::ast::{
    Entry, Expression, InlineExpression, Message, Pattern, PatternElement, Term, VariantKey,
};
use std::collections::BTreeMap;

pub(super) use references::duplicates;

/// What templates hand to a message as one argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Given {
    /// `None` where the template computes it.
    pub(super) value_type: Option<ValueType>,
    /// There is no text without it.
    pub(super) required: bool,
}

/// What the templates hand to a message: by key, the arguments of each call.
pub(super) type Calls = BTreeMap<String, Vec<BTreeMap<String, Given>>>;

/// The messages that a translation is measured by, by key.
pub(super) type Reference = BTreeMap<String, Original>;

/// A message of the reference locale.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Original {
    /// Variables that stand in the text, whichever variant is chosen.
    pub(super) variables: Vec<String>,
    /// Words that a reader is asked to send: `STOP`, `C`.
    pub(super) commands: Vec<String>,
}

/// The key that a template calls, without the endings that the host adds.
pub(super) fn base(key: &str) -> &str {
    let key = key.strip_suffix("-short").unwrap_or(key);
    key.strip_suffix("-discreet").or_else(|| key.strip_suffix("-detailed")).unwrap_or(key)
}

/// What others are measured by, from the files of the reference locale.
pub(super) fn reference(files: &[FtlFile]) -> Reference {
    let messages = files.iter().flat_map(messages);
    messages
        .filter_map(|message| {
            let value = message.value.as_ref()?;
            let variables = variables::certain(value).into_iter().map(str::to_owned).collect();
            let commands = wording::commands(value).into_iter().map(str::to_owned).collect();
            Some((message.id.name.to_owned(), Original { variables, commands }))
        })
        .collect()
}

/// What keeps these files of one locale from being used, and what should be looked at in them as they
/// stand. `reference` is `None` for the reference itself.
pub(super) fn check(files: &[FtlFile], calls: &Calls, reference: Option<&Reference>) -> Vec<Fault> {
    let mut faults = duplicates(files);
    faults.extend(references::check(files, calls));
    for file in files {
        faults.extend(variables::check(file, calls, reference));
        faults.extend(wording::check(file, reference));
    }
    faults
}

/// The messages of a file.
pub(super) fn messages(file: &FtlFile) -> impl Iterator<Item = &Message<&str>> {
    file.resource.entries().filter_map(|entry| match entry {
        Entry::Message(message) => Some(message),
        Entry::Term(_)
        | Entry::Comment(_)
        | Entry::GroupComment(_)
        | Entry::ResourceComment(_)
        | Entry::Junk { .. } => None,
    })
}

/// The terms of a file.
pub(super) fn terms(file: &FtlFile) -> impl Iterator<Item = &Term<&str>> {
    file.resource.entries().filter_map(|entry| match entry {
        Entry::Term(term) => Some(term),
        Entry::Message(_)
        | Entry::Comment(_)
        | Entry::GroupComment(_)
        | Entry::ResourceComment(_)
        | Entry::Junk { .. } => None,
    })
}

/// The fixed words in a pattern, in all its variants.
pub(super) fn texts<'a>(pattern: &'a Pattern<&'a str>) -> Vec<&'a str> {
    let mut texts = Vec::new();
    for element in &pattern.elements {
        match element {
            PatternElement::TextElement { value } => texts.push(*value),
            PatternElement::Placeable { expression } => in_expression(expression, &mut texts),
        }
    }
    texts
}

fn in_expression<'a>(expression: &'a Expression<&'a str>, found: &mut Vec<&'a str>) {
    match expression {
        Expression::Select { variants, .. } => {
            for variant in variants {
                found.extend(texts(&variant.value));
            }
        }
        Expression::Inline(InlineExpression::StringLiteral { value }) => found.push(value),
        Expression::Inline(InlineExpression::Placeable { expression }) => in_expression(expression, found),
        Expression::Inline(
            InlineExpression::NumberLiteral { .. }
            | InlineExpression::FunctionReference { .. }
            | InlineExpression::MessageReference { .. }
            | InlineExpression::TermReference { .. }
            | InlineExpression::VariableReference { .. },
        ) => {}
    }
}

/// A variant's name as it is written.
pub(super) fn variant_name<'a>(key: &VariantKey<&'a str>) -> &'a str {
    match key {
        VariantKey::Identifier { name } => name,
        VariantKey::NumberLiteral { value } => value,
    }
}
