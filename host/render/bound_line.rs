//! The line that binds a code to a domain, `@clinic.example #482913`: browsers fill the code in only where
//! it is the last line of the text, letter by letter (WICG, origin-bound one-time codes).

use super::fault::Fault;
use super::flaw::Flaw;
use crate::domain::kind::Kind;
use crate::domain::message::Lane;
use crate::domain::value::{Value, ValueType};
use std::collections::BTreeMap;

/// A type for codes that cannot say the domain which the clinic has set.
pub(super) fn unbound(kind: &Kind) -> Option<Fault> {
    let says_code = kind.lane == Lane::Otp && kind.variables.values().any(|variable| variable.secret);
    let says_domain = kind.variables.get("domain").is_some_and(|v| v.value_type == ValueType::Domain);
    let text = "`otp.domain` is set: `[variables.domain]` with `type = \"domain\"` is missing here, and in the \
                template the last line `@{{ domain }} #{{ code }}`";
    let file = format!("templates/{}.toml", kind.name);
    (says_code && !says_domain).then(|| Fault::whole(&file, text).by("bound-line"))
}

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
