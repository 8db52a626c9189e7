//! What a translator must know before a patient does. The faults are found whenever files are read,
//! at the start, by a running host and by `tidings locale check`, and keep a file from being used;
//! the warnings are looked for when somebody asks.

mod asked;
mod characters;
mod commands;
mod content;
pub(super) mod cost;
mod followed;
mod names;
mod phones;
mod plurals;
mod reading;
mod variables;
mod warnings;
mod wording;

use super::fault::Fault;
use super::ftl::FtlFile;
use crate::domain::value::ValueType;
use content::{Content, Name, is_certain};
use fluent_syntax::ast::{
    Entry, Expression, InlineExpression, Message, Pattern, PatternElement, Term, VariantKey,
};
use names::Names;
use reading::Dictionary;
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};

/// What templates hand to a message as one argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Given {
    /// `None` where the template computes it.
    pub(super) value_type: Option<ValueType>,
    /// There is no text without it.
    pub(super) required: bool,
    /// A code.
    pub(super) secret: bool,
}

impl Given {
    /// The day, the hour, the code: without it a text is of no use.
    const fn is_vital(self) -> bool {
        self.required && (self.secret || matches!(self.value_type, Some(ValueType::Time)))
    }
}

/// What the templates hand to a message: by key, the arguments of each call.
pub(super) type Calls = FxHashMap<String, Vec<Call>>;

/// The arguments of one call, by name.
pub(super) type Call = BTreeMap<String, Given>;

/// The messages that a translation is measured by, by key.
pub(super) type Reference = FxHashMap<String, Original>;

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
    let names = Dictionary::of(files);
    let mut content = Content::default();
    let mut reference = Reference::default();
    for message in files.iter().flat_map(messages) {
        let Some(value) = &message.value else { continue };
        content.read(Some(value));
        let used: BTreeSet<&str> = content.uses.iter().map(|(name, _)| *name).collect();
        let certain = used.into_iter().filter(|name| is_certain(value, name, &names));
        let original = Original {
            variables: certain.map(str::to_owned).collect(),
            commands: commands::commands(value, &content, &names),
        };
        reference.entry(message.id.name.to_owned()).or_insert(original);
    }
    reference
}

/// A message, what stands in it, and what it is measured by.
struct Checked<'a, 'c> {
    file: &'a FtlFile,
    key: &'a str,
    value: Option<&'a Pattern<&'a str>>,
    content: &'c Content<'a>,
    /// What the names in it stand for.
    names: &'c Dictionary<'a>,
    /// What templates hand to it.
    calls: Option<&'c Vec<Call>>,
    /// The English that it translates; of a short or discreet text that English lacks, the plain one.
    original: Option<&'c Original>,
    /// English has it under the same key.
    is_in_english: bool,
    /// It is English.
    is_reference: bool,
}

/// What keeps these files of one locale from being used, and what should be looked at in them as they
/// stand. `reference` is `None` for the reference itself.
pub(super) fn check(files: &[FtlFile], calls: &Calls, reference: Option<&Reference>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut names = Names::for_up_to(files.iter().map(|file| file.resource.entries().count()).sum());
    let dictionary = Dictionary::of(files);
    let mut content = Content::default();
    for file in files {
        for message in messages(file) {
            let key = message.id.name;
            content.read(message.value.as_ref());
            names.add(file, Name { is_term: false, name: key }, &content, &mut faults);
            let own = reference.and_then(|reference| reference.get(key));
            let checked = Checked {
                file,
                key,
                value: message.value.as_ref(),
                content: &content,
                names: &dictionary,
                calls: calls.get(base(key)),
                original: own.or_else(|| reference?.get(base(key))),
                is_in_english: own.is_some(),
                is_reference: reference.is_none(),
            };
            variables::check(&checked, &mut faults);
            wording::check(&checked, &mut faults);
            for attribute in &message.attributes {
                let text = "a text message has no attributes; make it a message of its own";
                faults.push(file.fault(attribute.id.name, text).by("attribute"));
            }
        }
        for term in terms(file) {
            content.read(Some(&term.value));
            names.add(file, Name { is_term: true, name: term.id.name }, &content, &mut faults);
            variables::check_term(file, &content, &mut faults);
            wording::check_term(file, term, &content, &dictionary, &mut faults);
        }
    }
    names.check(calls, &mut faults);
    followed::check(&names, &dictionary, calls, &mut faults);
    faults
}

/// The messages of a file that is no set of texts, such as formats or lists of words, but for those with a
/// name or with words that are a fault. It has nothing but messages.
pub(super) fn sound<'a>(file: &'a FtlFile, faults: &mut Vec<Fault>) -> Vec<&'a Message<&'a str>> {
    let mut names = Names::for_up_to(file.resource.entries().count());
    let mut content = Content::default();
    let is_sound = |message: &&'a Message<&'a str>| {
        let before = faults.len();
        content.read(message.value.as_ref());
        names.add(file, Name { is_term: false, name: message.id.name }, &content, faults);
        wording::check_fixed(file, &content, faults);
        for attribute in &message.attributes {
            let text = "this file has no attributes; nobody would read it";
            faults.push(file.fault(attribute.id.name, text).by("attribute"));
        }
        faults.len() == before
    };
    let sound = messages(file).filter(is_sound).collect();
    for term in terms(file) {
        let text = "this file has no terms; nobody would read it";
        faults.push(file.fault(term.id.name, text).by("term"));
    }
    sound
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
