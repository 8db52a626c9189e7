//! Names: messages and terms that other messages stand for, and keys that are there twice. Fluent
//! prints an unknown name in braces and stops a circle only when it has printed a hundred of them.

use super::super::fault::Fault;
use super::super::ftl::FtlFile;
use super::{Calls, base, messages, terms};
use fluent_syntax::ast::{Expression, InlineExpression, Pattern, PatternElement};
use std::collections::{BTreeMap, HashMap};

/// A message, or a term with its dash.
type Name<'a> = (bool, &'a str);

/// Where one entry names another.
struct Link<'a> {
    file: &'a FtlFile,
    at: &'a str,
    to: Name<'a>,
}

/// Names that stand for nothing, circles of names, and attributes, which no text has.
pub(super) fn check(files: &[FtlFile], calls: &Calls) -> Vec<Fault> {
    let mut links: BTreeMap<Name<'_>, Vec<Link<'_>>> = BTreeMap::new();
    let mut faults = Vec::new();
    for file in files {
        for message in messages(file) {
            let found = links.entry((false, message.id.name)).or_default();
            message.value.iter().for_each(|value| pattern(file, value, found));
            for attribute in &message.attributes {
                let text = "a text message has no attributes; make it a message of its own";
                faults.push(file.fault(attribute.id.name, text).by("attribute"));
            }
        }
        for term in terms(file) {
            let found = links.entry((true, term.id.name)).or_default();
            pattern(file, &term.value, found);
        }
    }
    for (from, found) in &links {
        for link in found {
            if !links.contains_key(&link.to) {
                faults.push(link.file.fault(link.at, unknown(from, link, calls)).by("unknown-name"));
            } else if leads_back(&links, link.to, *from) {
                let text = format!("`{}` leads back to itself", link.at);
                faults.push(link.file.fault(link.at, text).by("circle"));
            }
        }
    }
    faults
}

fn unknown(from: &Name<'_>, link: &Link<'_>, calls: &Calls) -> String {
    let (is_term, name) = &link.to;
    if *is_term {
        return format!("there is no term `-{name}` in this language");
    }
    let given = calls.get(base(from.1)).into_iter().flatten();
    if given.into_iter().any(|given| given.contains_key(*name)) {
        return format!("a variable is written {{ ${name} }}, with its `$`");
    }
    format!("there is no message `{name}` in this language; a variable is written {{ ${name} }}")
}

fn leads_back(links: &BTreeMap<Name<'_>, Vec<Link<'_>>>, from: Name<'_>, to: Name<'_>) -> bool {
    let mut seen = vec![from];
    let mut at = 0;
    while let Some(name) = seen.get(at).copied() {
        if name == to {
            return true;
        }
        for link in links.get(&name).into_iter().flatten() {
            if !seen.contains(&link.to) {
                seen.push(link.to);
            }
        }
        at += 1;
    }
    false
}

fn pattern<'a>(file: &'a FtlFile, pattern: &'a Pattern<&'a str>, found: &mut Vec<Link<'a>>) {
    for element in &pattern.elements {
        if let PatternElement::Placeable { expression: inner } = element {
            expression(file, inner, found);
        }
    }
}

fn expression<'a>(file: &'a FtlFile, expression: &'a Expression<&'a str>, found: &mut Vec<Link<'a>>) {
    match expression {
        Expression::Inline(inner) => inline(file, inner, found),
        Expression::Select { selector, variants } => {
            inline(file, selector, found);
            for variant in variants {
                pattern(file, &variant.value, found);
            }
        }
    }
}

fn inline<'a>(file: &'a FtlFile, inline: &'a InlineExpression<&'a str>, found: &mut Vec<Link<'a>>) {
    match inline {
        InlineExpression::MessageReference { id, .. } => {
            found.push(Link { file, at: id.name, to: (false, id.name) });
        }
        InlineExpression::TermReference { id, .. } => {
            found.push(Link { file, at: id.name, to: (true, id.name) });
        }
        InlineExpression::Placeable { expression: inner } => expression(file, inner, found),
        InlineExpression::StringLiteral { .. }
        | InlineExpression::NumberLiteral { .. }
        | InlineExpression::FunctionReference { .. }
        | InlineExpression::VariableReference { .. } => {}
    }
}

/// Keys that are defined twice within one locale.
pub(crate) fn duplicates(files: &[FtlFile]) -> Vec<Fault> {
    let mut first: HashMap<(bool, &str), (&FtlFile, &str)> = HashMap::new();
    let mut faults = Vec::new();
    for file in files {
        let names = messages(file).map(|message| (false, message.id.name));
        for (is_term, name) in names.chain(terms(file).map(|term| (true, term.id.name))) {
            match first.get(&(is_term, name)) {
                Some((earlier, at)) => {
                    let earlier = earlier.fault(at, "");
                    let text = format!("`{name}` is there already, in {}:{}", earlier.file, earlier.line);
                    faults.push(file.fault(name, text).by("duplicate"));
                }
                None => {
                    first.insert((is_term, name), (file, name));
                }
            }
        }
    }
    faults
}
