//! What Fluent would let pass in silence: an unknown function chooses the default variant, a
//! variable in a term is sent as `{$name}`, a number given as text selects nothing. All of it is
//! found here, when a file is read. The translator's linter asks the same questions and more.

use super::fault::Fault;
use super::formats::Style;
use super::ftl::FtlFile;
use crate::domain::value::ValueType;
use fluent_syntax::ast::{
    CallArguments, Entry, Expression, InlineExpression, Pattern, PatternElement, VariantKey,
};
use std::collections::BTreeMap;

/// What the templates hand to a message: by key, one map of argument to type for each call; `None`
/// where the template computes the argument.
pub(super) type Calls = BTreeMap<String, Vec<BTreeMap<String, Option<ValueType>>>>;

/// What a message does with a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Printed,
    Selects,
    Dated,
    Counted,
}

/// The key that a template calls, without the endings that the host adds.
pub(super) fn base(key: &str) -> &str {
    let key = key.strip_suffix("-short").unwrap_or(key);
    key.strip_suffix("-discreet").or_else(|| key.strip_suffix("-detailed")).unwrap_or(key)
}

/// All faults of a file that can be seen without rendering it.
pub(super) fn check(file: &FtlFile, calls: &Calls) -> Vec<Fault> {
    let mut walk = Walk { file, uses: Vec::new(), faults: Vec::new() };
    for entry in file.resource.entries() {
        match entry {
            Entry::Message(message) => {
                walk.uses.clear();
                message.value.iter().for_each(|value| walk.pattern(value));
                walk.against(calls.get(base(message.id.name)));
            }
            Entry::Term(term) => {
                walk.uses.clear();
                walk.pattern(&term.value);
                walk.in_term();
            }
            Entry::Comment(_) | Entry::GroupComment(_) | Entry::ResourceComment(_) | Entry::Junk { .. } => {}
        }
    }
    walk.faults
}

struct Walk<'a> {
    file: &'a FtlFile,
    uses: Vec<(&'a str, Role)>,
    faults: Vec<Fault>,
}

impl<'a> Walk<'a> {
    fn fault(&mut self, at: &str, message: impl Into<String>) {
        self.faults.push(self.file.fault(at, message));
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
                let near = variants.first().map_or("", |variant| match variant.key {
                    VariantKey::Identifier { name } => name,
                    VariantKey::NumberLiteral { value } => value,
                });
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
                self.fault(near, "only a $variable or NUMBER($variable) can choose between variants");
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
            return self.fault(name, format!("{name} takes one $variable"));
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
                        name,
                        "DATETIME is written DATETIME($variable, style: \"day\"), or \"date\", or \"time\"",
                    );
                }
            }
            "NUMBER" => {
                self.uses.push((id.name, Role::Counted));
                if !arguments.named.is_empty() {
                    self.fault(name, "NUMBER takes no options here; the locale decides how digits look");
                }
            }
            _ => self.fault(name, format!("there is no function {name}; there are DATETIME and NUMBER")),
        }
    }

    /// Inside a term Fluent knows no variables but those that its caller names.
    fn in_term(&mut self) {
        for (name, role) in self.uses.clone() {
            if role != Role::Selects {
                self.fault(name, format!("a term has only fixed words; put ${name} into the message"));
            }
        }
    }

    fn against(&mut self, calls: Option<&Vec<BTreeMap<String, Option<ValueType>>>>) {
        for (name, role) in self.uses.clone() {
            for call in calls.into_iter().flatten() {
                let problem = match call.get(name) {
                    None => {
                        let known: Vec<String> = call.keys().map(|known| format!("${known}")).collect();
                        let known =
                            if known.is_empty() { "no variables".to_owned() } else { known.join(", ") };
                        Some(format!("${name} does not exist in this message; there are {known}"))
                    }
                    Some(declared) => declared.and_then(|declared| misuse(name, declared, role)),
                };
                if let Some(problem) = problem {
                    self.fault(name, problem);
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
