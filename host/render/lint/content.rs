//! What stands in a message, gathered in one walk over its syntax tree for all rules.

use super::super::formats::Style;
use super::reading::Dictionary;
use super::variant_name;
use fluent_syntax::ast::{CallArguments, Expression, InlineExpression, Pattern, PatternElement};

/// What a message does with a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Printed,
    Selects,
    Dated,
    Counted,
}

/// A message, or a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Name<'a> {
    pub(super) is_term: bool,
    /// Without the dash of a term.
    pub(super) name: &'a str,
}

/// A part of a term, `-clinic.gender`, which chooses between variants and is not printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part<'a> {
    pub(super) term: &'a str,
    pub(super) name: &'a str,
}

/// Where a term is named, with what it is told there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Naming<'a> {
    pub(super) term: &'a str,
    arguments: Option<&'a CallArguments<&'a str>>,
}

impl Naming<'_> {
    /// Whether it is told this variable.
    pub(super) fn tells(&self, variable: &str) -> bool {
        let named = self.arguments.into_iter().flat_map(|arguments| &arguments.named);
        named.into_iter().any(|argument| argument.name.name == variable)
    }
}

/// What Fluent would let pass in silence.
#[derive(Debug)]
pub(super) struct Misuse<'a> {
    pub(super) rule: &'static str,
    pub(super) at: &'a str,
    pub(super) problem: String,
}

/// What stands in a message or a term, in all its variants.
#[derive(Debug, Default)]
pub(super) struct Content<'a> {
    /// Fixed words.
    pub(super) texts: Vec<&'a str>,
    /// Variables.
    pub(super) uses: Vec<(&'a str, Role)>,
    /// Messages and terms.
    pub(super) names: Vec<Name<'a>>,
    pub(super) parts: Vec<Part<'a>>,
    pub(super) namings: Vec<Naming<'a>>,
    pub(super) misuses: Vec<Misuse<'a>>,
}

impl<'a> Content<'a> {
    /// What stands here, in place of what was there before.
    pub(super) fn read(&mut self, value: Option<&'a Pattern<&'a str>>) {
        self.texts.clear();
        self.uses.clear();
        self.names.clear();
        self.parts.clear();
        self.namings.clear();
        self.misuses.clear();
        if let Some(value) = value {
            self.pattern(value);
        }
    }

    fn pattern(&mut self, pattern: &'a Pattern<&'a str>) {
        for element in &pattern.elements {
            match element {
                PatternElement::TextElement { value } => self.texts.push(value),
                PatternElement::Placeable { expression } => self.expression(expression),
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

    fn inline(&mut self, inline: &'a InlineExpression<&'a str>) {
        match inline {
            InlineExpression::StringLiteral { value } => self.literal(value),
            InlineExpression::VariableReference { id } => self.uses.push((id.name, Role::Printed)),
            InlineExpression::FunctionReference { id, arguments } => self.function(id.name, arguments),
            InlineExpression::Placeable { expression } => self.expression(expression),
            InlineExpression::MessageReference { id, attribute } => {
                self.names.push(Name { is_term: false, name: id.name });
                if let Some(attribute) = attribute {
                    let problem = format!("messages have no parts; write {{ {} }}", id.name);
                    self.misuse("attribute", attribute.name, problem);
                }
            }
            InlineExpression::TermReference { id, arguments, .. } => {
                self.names.push(Name { is_term: true, name: id.name });
                self.namings.push(Naming { term: id.name, arguments: arguments.as_ref() });
            }
            // Written by our own formatter, which knows whole numbers only.
            InlineExpression::NumberLiteral { value } => {
                if value.contains('.') {
                    self.misuse(
                        "number",
                        value,
                        format!("write {value} without braces, as it is to be read"),
                    );
                }
            }
        }
    }

    /// Rules read a literal as it is written, so that what they look for is not written in numbers.
    fn literal(&mut self, value: &'a str) {
        self.texts.push(value);
        let mut rest = value;
        while let Some(at) = rest.find('\\') {
            let escape = &rest[at..];
            let length = match escape.as_bytes().get(1) {
                Some(b'u') => 6,
                Some(b'U') => 8,
                _ => 2,
            };
            let number = escape.get(2..length).and_then(|digits| u32::from_str_radix(digits, 16).ok());
            if let Some(letter) = number.and_then(char::from_u32).filter(char::is_ascii_graphic)
                && !matches!(letter, '"' | '\\' | '{' | '}')
            {
                self.misuse("escape", escape, format!("write `{letter}` as it is to be read"));
            }
            rest = escape.get(length..).unwrap_or_default();
        }
    }

    fn selector(&mut self, selector: &'a InlineExpression<&'a str>, near: &'a str) {
        match selector {
            InlineExpression::VariableReference { id } => self.uses.push((id.name, Role::Selects)),
            InlineExpression::FunctionReference { id, arguments } if id.name == "NUMBER" => {
                self.function(id.name, arguments);
            }
            InlineExpression::TermReference { id, attribute, .. } => {
                self.names.push(Name { is_term: true, name: id.name });
                self.parts.extend(attribute.iter().map(|part| Part { term: id.name, name: part.name }));
            }
            // A literal with many decimals makes Fluent panic, and DATETIME selects nothing.
            InlineExpression::FunctionReference { .. }
            | InlineExpression::StringLiteral { .. }
            | InlineExpression::NumberLiteral { .. }
            | InlineExpression::MessageReference { .. }
            | InlineExpression::Placeable { .. } => {
                let problem = "only a $variable or NUMBER($variable) can choose between variants";
                self.misuse("selector", near, problem);
            }
        }
    }

    fn function(&mut self, name: &'a str, arguments: &'a CallArguments<&'a str>) {
        let [InlineExpression::VariableReference { id }] = arguments.positional.as_slice() else {
            return self.misuse("function", name, format!("{name} takes one $variable"));
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
                    let problem =
                        "DATETIME is written DATETIME($variable, style: \"day\"), or \"date\", or \"time\"";
                    self.misuse("function", name, problem);
                }
            }
            "NUMBER" => {
                self.uses.push((id.name, Role::Counted));
                if !arguments.named.is_empty() {
                    let problem = "NUMBER takes no options here; the locale decides how digits look";
                    self.misuse("function", name, problem);
                }
            }
            _ => {
                let problem = format!("there is no function {name}; there are DATETIME and NUMBER");
                self.misuse("function", name, problem);
            }
        }
    }

    fn misuse(&mut self, rule: &'static str, at: &'a str, problem: impl Into<String>) {
        self.misuses.push(Misuse { rule, at, problem: problem.into() });
    }
}

/// Whether a variable stands in a text whichever of its variants is chosen, in its own words or in those of a
/// message that it names. What chooses between variants counts as being there: `[one]` may say the number in words.
pub(super) fn is_certain(pattern: &Pattern<&str>, variable: &str, names: &Dictionary<'_>) -> bool {
    Sought { variable, names, left: NESTED }.is_in(pattern)
}

/// Messages inside messages that are looked into.
const NESTED: usize = 2;

#[derive(Clone, Copy)]
struct Sought<'v, 'd> {
    variable: &'v str,
    names: &'v Dictionary<'d>,
    left: usize,
}

impl Sought<'_, '_> {
    fn is_in(self, pattern: &Pattern<&str>) -> bool {
        pattern.elements.iter().any(|element| match element {
            PatternElement::TextElement { .. } => false,
            PatternElement::Placeable { expression } => self.is_in_expression(expression),
        })
    }

    fn is_in_expression(self, expression: &Expression<&str>) -> bool {
        match expression {
            Expression::Inline(inline) => self.is_in_inline(inline),
            Expression::Select { selector, variants } => {
                self.is_in_inline(selector) || variants.iter().all(|variant| self.is_in(&variant.value))
            }
        }
    }

    fn is_in_inline(self, inline: &InlineExpression<&str>) -> bool {
        match inline {
            InlineExpression::VariableReference { id } => id.name == self.variable,
            InlineExpression::FunctionReference { arguments, .. } => {
                arguments.positional.iter().any(|argument| self.is_in_inline(argument))
            }
            InlineExpression::Placeable { expression } => self.is_in_expression(expression),
            InlineExpression::MessageReference { id, .. } if self.left > 0 => {
                let named = self.names.get(Name { is_term: false, name: id.name });
                named.is_some_and(|named| Self { left: self.left - 1, ..self }.is_in(named))
            }
            InlineExpression::StringLiteral { .. }
            | InlineExpression::NumberLiteral { .. }
            | InlineExpression::MessageReference { .. }
            | InlineExpression::TermReference { .. } => false,
        }
    }
}
