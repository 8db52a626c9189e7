//! The line that binds a code to a domain, `@clinic.example #482913`: browsers fill the code in only where
//! it is the last line of the text, letter by letter (WICG, origin-bound one-time codes).

use super::flaw::Flaw;
use crate::domain::kind::Kind;
use crate::domain::value::{Value, ValueType};
use std::collections::BTreeMap;

/// What is wrong with the last line of a text that was given a domain and a secret.
pub(super) fn check(kind: &Kind, variables: &BTreeMap<String, Value>, text: &str) -> Option<Flaw> {
    let given = |wanted: &dyn Fn(&crate::domain::kind::Variable) -> bool| {
        let name = kind.variables.iter().find(|(_, variable)| wanted(variable)).map(|(name, _)| name)?;
        match variables.get(name)? {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        }
    };
    let domain = given(&|variable| variable.value_type == ValueType::Domain)?;
    let code = given(&|variable| variable.secret)?;
    let expected = format!("@{domain} #{code}");
    let is_last = text.lines().next_back() == Some(expected.as_str());
    let problem = "the last line must be `@`, the domain, a space, `#` and the code, and nothing else";
    (!is_last).then(|| Flaw::new("bad-template", problem))
}
