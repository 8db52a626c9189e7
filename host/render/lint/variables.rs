//! What Fluent would let pass in silence: an unknown function chooses the default variant, a
//! variable in a term is sent as `{$name}`, a number given as text selects nothing. All of it is
//! found here, when a file is read.

use super::super::fault::{Fault, Severity};
use super::super::formats::Style;
use super::super::ftl::FtlFile;
use super::{Calls, Given, Reference, base, messages, terms, variant_name};
use crate::domain::value::ValueType;
use fluent_syntax::ast::{CallArguments, Expression, InlineExpression, Message, Pattern, PatternElement};
use std::collections::{BTreeMap, BTreeSet};

/// What a message does with a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Printed,
    Selects,
    Dated,
    Counted,
}

/// What is wrong with the variables and functions of a file.
pub(super) fn check(file: &FtlFile, calls: &Calls, reference: Option<&Reference>) -> Vec<Fault> {
    let mut walk = Walk { file, uses: Vec::new(), faults: Vec::new() };
    for message in messages(file) {
        walk.uses.clear();
        message.value.iter().for_each(|value| walk.pattern(value));
        let given = calls.get(base(message.id.name));
        walk.against(given);
        walk.lost(message, given, reference);
    }
    for term in terms(file) {
        walk.uses.clear();
        walk.pattern(&term.value);
        walk.in_term();
    }
    walk.faults
}

/// The variables that stand in a text whichever of its variants is chosen. What chooses between them
/// counts as being there: `[one]` may say the number in words.
pub(super) fn certain<'a>(pattern: &'a Pattern<&'a str>) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    for element in &pattern.elements {
        if let PatternElement::Placeable { expression } = element {
            in_expression(expression, &mut found);
        }
    }
    found
}

fn in_expression<'a>(expression: &'a Expression<&'a str>, found: &mut BTreeSet<&'a str>) {
    match expression {
        Expression::Inline(inline) => in_inline(inline, found),
        Expression::Select { selector, variants } => {
            in_inline(selector, found);
            let in_all = variants.iter().map(|variant| certain(&variant.value));
            found.extend(in_all.reduce(|all, one| &all & &one).unwrap_or_default());
        }
    }
}

fn in_inline<'a>(inline: &'a InlineExpression<&'a str>, found: &mut BTreeSet<&'a str>) {
    match inline {
        InlineExpression::VariableReference { id } => drop(found.insert(id.name)),
        InlineExpression::FunctionReference { arguments, .. } => {
            arguments.positional.iter().for_each(|argument| in_inline(argument, found));
        }
        InlineExpression::Placeable { expression } => in_expression(expression, found),
        InlineExpression::StringLiteral { .. }
        | InlineExpression::NumberLiteral { .. }
        | InlineExpression::MessageReference { .. }
        | InlineExpression::TermReference { .. } => {}
    }
}

struct Walk<'a> {
    file: &'a FtlFile,
    uses: Vec<(&'a str, Role)>,
    faults: Vec<Fault>,
}

impl<'a> Walk<'a> {
    fn fault(&mut self, rule: &'static str, at: &str, message: impl Into<String>) {
        self.faults.push(self.file.fault(at, message).by(rule));
    }

    fn pattern(&mut self, pattern: &'a Pattern<&'a str>) {
        for element in &pattern.elements {
            if let PatternElement::Placeable { expression } = element {
                self.expression(expression);
            }
        }
    }

    fn expression(&mut self, expression: &'a Expression<&'a str>) {
        match expression {
            Expression::Inline(inline) => self.inline(inline),
            Expression::Select { selector, variants } => {
                let near = variants.first().map_or("", |variant| variant_name(&variant.key));
                self.selector(selector, near);
                for variant in variants {
                    self.pattern(&variant.value);
                }
            }
        }
    }

    fn selector(&mut self, selector: &'a InlineExpression<&'a str>, near: &'a str) {
        match selector {
            InlineExpression::VariableReference { id } => self.uses.push((id.name, Role::Selects)),
            InlineExpression::FunctionReference { id, arguments } if id.name == "NUMBER" => {
                self.function(id.name, arguments);
            }
            InlineExpression::TermReference { .. } => {}
            // A literal with many decimals makes Fluent panic, and DATETIME selects nothing.
            InlineExpression::FunctionReference { .. }
            | InlineExpression::StringLiteral { .. }
            | InlineExpression::NumberLiteral { .. }
            | InlineExpression::MessageReference { .. }
            | InlineExpression::Placeable { .. } => {
                self.fault(
                    "selector",
                    near,
                    "only a $variable or NUMBER($variable) can choose between variants",
                );
            }
        }
    }

    fn inline(&mut self, inline: &'a InlineExpression<&'a str>) {
        match inline {
            InlineExpression::VariableReference { id } => self.uses.push((id.name, Role::Printed)),
            InlineExpression::FunctionReference { id, arguments } => self.function(id.name, arguments),
            InlineExpression::Placeable { expression } => self.expression(expression),
            InlineExpression::StringLiteral { .. }
            | InlineExpression::NumberLiteral { .. }
            | InlineExpression::MessageReference { .. }
            | InlineExpression::TermReference { .. } => {}
        }
    }

    fn function(&mut self, name: &'a str, arguments: &'a CallArguments<&'a str>) {
        let [InlineExpression::VariableReference { id }] = arguments.positional.as_slice() else {
            return self.fault("function", name, format!("{name} takes one $variable"));
        };
        match name {
            "DATETIME" => {
                self.uses.push((id.name, Role::Dated));
                let style =
                    arguments.named.iter().find_map(|argument| match (argument.name.name, &argument.value) {
                        ("style", InlineExpression::StringLiteral { value }) => Style::from_name(value),
                        _ => None,
                    });
                if style.is_none() || arguments.named.len() != 1 {
                    self.fault(
                        "function",
                        name,
                        "DATETIME is written DATETIME($variable, style: \"day\"), or \"date\", or \"time\"",
                    );
                }
            }
            "NUMBER" => {
                self.uses.push((id.name, Role::Counted));
                if !arguments.named.is_empty() {
                    let text = "NUMBER takes no options here; the locale decides how digits look";
                    self.fault("function", name, text);
                }
            }
            _ => {
                let text = format!("there is no function {name}; there are DATETIME and NUMBER");
                self.fault("function", name, text);
            }
        }
    }

    /// Inside a term Fluent knows no variables but those that its caller names.
    fn in_term(&mut self) {
        for (name, role) in self.uses.clone() {
            if role != Role::Selects {
                let text = format!("a term has only fixed words; put ${name} into the message");
                self.fault("variable-in-term", name, text);
            }
        }
    }

    /// A translation that leaves out what English says: for a day or a code, a useless text.
    fn lost(
        &mut self,
        message: &Message<&str>,
        calls: Option<&Vec<BTreeMap<String, Given>>>,
        reference: Option<&Reference>,
    ) {
        let key = message.id.name;
        let Some((value, reference)) = message.value.as_ref().zip(reference) else { return };
        let Some(original) = reference.get(key).or_else(|| reference.get(base(key))) else { return };
        let there = certain(value);
        for name in original.variables.iter().filter(|name| !there.contains(name.as_str())) {
            let is_required =
                calls.into_iter().flatten().all(|call| call.get(name).is_some_and(|given| given.required));
            let text = format!("${name} is missing, in at least one variant; English says it");
            let fault = self.file.fault(key, text).by("missing-variable");
            // A short or discreet text of the translator's own may say less than the plain one.
            let severity = if is_required && calls.is_some() && reference.contains_key(key) {
                Severity::Fault
            } else {
                Severity::Warning
            };
            self.faults.push(Fault { severity, ..fault });
        }
    }

    fn against(&mut self, calls: Option<&Vec<BTreeMap<String, Given>>>) {
        for (name, role) in self.uses.clone() {
            for call in calls.into_iter().flatten() {
                let problem = match call.get(name) {
                    None => {
                        let known: Vec<String> = call.keys().map(|known| format!("${known}")).collect();
                        let known =
                            if known.is_empty() { "no variables".to_owned() } else { known.join(", ") };
                        let text = format!("${name} does not exist in this message; there are {known}");
                        Some(("unknown-variable", text))
                    }
                    Some(given) => {
                        let misuse = given.value_type.and_then(|declared| misuse(name, declared, role));
                        misuse.map(|text| ("variable-type", text))
                    }
                };
                if let Some((rule, problem)) = problem {
                    self.fault(rule, name, problem);
                    break;
                }
            }
        }
    }
}

fn misuse(name: &str, declared: ValueType, role: Role) -> Option<String> {
    match (role, declared) {
        (Role::Printed, ValueType::Time) => {
            Some(format!("${name} is a time; write DATETIME(${name}, style: \"day\")"))
        }
        (Role::Dated, other) if other != ValueType::Time => {
            Some(format!("${name} is no time; write {{ ${name} }}"))
        }
        (Role::Counted | Role::Selects, other) if other != ValueType::Number => {
            Some(format!("${name} is no number, so it cannot be counted or choose between variants"))
        }
        _ => None,
    }
}
