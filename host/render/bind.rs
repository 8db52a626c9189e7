//! Binding: every variable of a type from what the caller gave, the event, the clinic and the
//! recipient; checked by name and type before anything is planned.

use super::clean;
use crate::domain::kind::{Kind, Variable};
use crate::domain::value::{Value, ValueType};
use std::collections::BTreeMap;
use std::fmt;

/// What the clinic is called, and where it can be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClinicWords {
    /// `clinic.name`
    pub name: String,
    /// `clinic.phone`
    pub phone: Option<String>,
}

/// What is wrong with a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Problem {
    Missing,
    WrongType,
    Unknown,
}

/// One variable that cannot be used. Never holds its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct VariableError {
    /// Its name.
    pub name: String,
    /// What would be right.
    pub expected: String,
    /// What is wrong.
    pub problem: Problem,
}

impl fmt::Display for VariableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, expected, problem } = self;
        match problem {
            Problem::Missing => write!(f, "the variable `{name}` is missing: expected {expected}"),
            Problem::WrongType => write!(f, "the variable `{name}` is of another type: expected {expected}"),
            Problem::Unknown => write!(f, "there is no variable `{name}`: expected {expected}"),
        }
    }
}

/// Finds and checks all variables of a type. What the caller gave goes before what is found;
/// `null` is the same as not given.
///
/// # Errors
///
/// One entry for each variable that is missing, of another type, or unknown to the type.
pub fn bindings(
    kind: &Kind,
    data: &serde_json::Value,
    clinic: &ClinicWords,
    recipient_name: Option<&str>,
    given: &serde_json::Map<String, serde_json::Value>,
) -> Result<BTreeMap<String, Value>, Vec<VariableError>> {
    let mut bound = BTreeMap::new();
    let mut errors: Vec<VariableError> = given
        .keys()
        .filter(|name| !kind.variables.contains_key(*name))
        .map(|name| unknown(kind, name))
        .collect();
    for (name, variable) in &kind.variables {
        let origin = || variable.from.as_deref().and_then(|from| found(from, data, clinic, recipient_name));
        let json = given.get(name).filter(|json| !json.is_null()).cloned().or_else(origin);
        let failed = |problem, expected: &str| VariableError {
            name: name.clone(),
            expected: expected.to_owned(),
            problem,
        };
        match json.as_ref().map(|json| checked(variable, json)) {
            Some(Ok(value)) => {
                bound.insert(name.clone(), value);
            }
            Some(Err(expected)) => errors.push(failed(Problem::WrongType, expected)),
            None if variable.required => {
                errors.push(failed(Problem::Missing, variable.value_type.expected()));
            }
            None => {}
        }
    }
    if errors.is_empty() { Ok(bound) } else { Err(errors) }
}

fn found(
    from: &str,
    data: &serde_json::Value,
    clinic: &ClinicWords,
    recipient_name: Option<&str>,
) -> Option<serde_json::Value> {
    // A name is stored already: an address in it is taken out of the text, and stops nothing.
    let words = |text: &str| {
        let cleaned = clean::clean(text, usize::MAX);
        (!cleaned.is_empty()).then(|| cleaned.into())
    };
    match from {
        "clinic.name" => words(&clinic.name),
        "clinic.phone" => clinic.phone.as_deref().and_then(words),
        "recipient.name" => recipient_name.and_then(words),
        _ => {
            let path = from.strip_prefix("data.")?;
            let found = path.split('.').try_fold(data, |inner, key| inner.get(key))?;
            (!found.is_null()).then(|| found.clone())
        }
    }
}

fn checked(variable: &Variable, json: &serde_json::Value) -> Result<Value, &'static str> {
    let value = Value::from_json(variable.value_type, json)?;
    match &value {
        Value::Text(_) if variable.value_type == ValueType::Domain => Ok(value),
        Value::Text(text) if clean::holds_address(text) => {
            Err("a text without a web address; links have variables of type `url`")
        }
        Value::Text(text) if variable.required && clean::clean(text, variable.max).is_empty() => {
            Err("a text that is not empty")
        }
        _ => Ok(value),
    }
}

fn unknown(kind: &Kind, name: &str) -> VariableError {
    let known: Vec<&str> = kind.variables.keys().map(String::as_str).collect();
    let expected =
        if known.is_empty() { "no variables".to_owned() } else { format!("one of {}", known.join(", ")) };
    VariableError { name: name.to_owned(), expected, problem: Problem::Unknown }
}

impl ValueType {
    /// Whether a value is of this type.
    pub(super) const fn admits(self, value: &Value) -> bool {
        matches!(
            (self, value),
            (Self::Text | Self::Domain, Value::Text(_))
                | (Self::Time, Value::Time(_))
                | (Self::Money, Value::Money(_))
                | (Self::Number, Value::Number(_))
                | (Self::Url, Value::Url(_))
        )
    }
}
