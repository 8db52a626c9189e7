//! The variables of one text as a template sees them: checked, cleaned, and unable to become a
//! template themselves.

use super::clean;
use super::link::Linker;
use super::{RenderError, RenderRequest};
use crate::domain::kind::{Kind, Variable};
use crate::domain::policy::Discretion;
use crate::domain::value::{Money, Value as Given, ValueType};
use chrono::NaiveDateTime;
use minijinja::value::{Object, ObjectRepr, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Beyond it Fluent, which counts in floating point, would print another number.
const MAX_NUMBER: u64 = 1 << 53;

/// A value that only a message can write.
#[derive(Debug)]
pub(super) enum Argument {
    /// On the recipient's wall clock.
    Moment(NaiveDateTime),
    /// With its currency.
    Amount(Money),
}

impl Object for Argument {
    /// A plain object is true in `if`; with the default, an empty map, its sentence would be
    /// dropped without a word.
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}

/// Every declared variable, `none` where it was not given, so that a misspelt name is an error and
/// an absent value is not.
pub(super) fn prepare(
    kind: &Kind,
    request: &RenderRequest<'_>,
) -> Result<BTreeMap<String, Value>, RenderError> {
    let mut prepared = BTreeMap::new();
    for (name, variable) in &kind.variables {
        let value = match request.variables.get(name) {
            Some(given) => written(variable, given, request),
            None if variable.required => None,
            None => Some(Value::from(())),
        };
        let expected = variable.value_type.expected();
        prepared.insert(name.clone(), value.ok_or(RenderError::Variable { name: name.clone(), expected })?);
    }
    prepared.insert("link".to_owned(), Value::from_object(Linker::new(request)));
    prepared.insert("discreet".to_owned(), Value::from(request.discretion == Discretion::Discreet));
    prepared.insert("detailed".to_owned(), Value::from(request.discretion == Discretion::Detailed));
    Ok(prepared)
}

fn written(variable: &Variable, given: &Given, request: &RenderRequest<'_>) -> Option<Value> {
    if !variable.value_type.admits(given) {
        return None;
    }
    let hidden = request.redact_secrets && variable.secret;
    Some(match given {
        // A telephone compares it letter by letter, and shows no link.
        Given::Text(text) if variable.value_type == ValueType::Domain => text.clone().into(),
        Given::Text(text) => {
            let text = clean::clean(text, variable.max);
            match (hidden, text.is_empty()) {
                // Full stops, because a bullet would change the alphabet and so the price shown.
                (true, _) => ".".repeat(text.chars().count()).into(),
                (false, true) if variable.required => return None,
                (false, true) => Value::from(()),
                (false, false) => text.into(),
            }
        }
        Given::Time(at) => {
            Value::from_object(Argument::Moment(at.with_timezone(&request.time_zone).naive_local()))
        }
        Given::Money(money) => Value::from_object(Argument::Amount(money.clone())),
        Given::Number(number) => (number.unsigned_abs() <= MAX_NUMBER).then(|| Value::from(*number))?,
        Given::Url(address) => clean::clean_address(address).into(),
    })
}

/// A value of each type, for a first render when a type is loaded.
pub(super) fn specimen(variable: &Variable) -> Given {
    sample(variable, 0)
}

/// One of a variable's samples, the last one where there are not so many.
pub(super) fn sample(variable: &Variable, nth: usize) -> Given {
    let json = variable.samples.get(nth).or(variable.samples.last());
    let sample = json.and_then(|json| Given::from_json(variable.value_type, json).ok());
    sample.unwrap_or_else(|| match variable.value_type {
        ValueType::Text => Given::Text("Ana".to_owned()),
        ValueType::Time => Given::Time(chrono::DateTime::UNIX_EPOCH),
        ValueType::Money => Given::Money(Money { amount: "25.50".to_owned(), currency: "USD".to_owned() }),
        ValueType::Number => Given::Number(5),
        ValueType::Domain => Given::Text("clinic.example".to_owned()),
        ValueType::Url => Given::Url("https://clinic.example/l/7".to_owned()),
    })
}
