//! Scopes: what a key may do. `<resource>:<action>`, and for messages also
//! `<resource>:<action>:<message type>`, which is for that type alone.

use super::Caller;
use crate::domain::kind::TypeName;

/// What a key may be allowed to do.
pub const SCOPES: [&str; 13] = [
    "events:write",
    "events:read",
    "messages:write",
    "messages:read",
    "recipients:write",
    "recipients:read",
    "opt-outs:export",
    "otp",
    "otp:unlimited",
    "otp-refusals:read",
    "usage:read",
    "webhooks:write",
    "webhooks:read",
];

/// The scopes that can be narrowed to one message type.
const OF_TYPES: [&str; 2] = ["messages:write", "messages:read"];

/// A scope that is none.
#[derive(Debug, thiserror::Error)]
#[error("is no scope; there are {}, and messages:write:TYPE or messages:read:TYPE for one message type", SCOPES.join(", "))]
pub struct ScopeError;

/// Whether a word is a scope. The message type of a narrowed one may be made later.
///
/// # Errors
///
/// It is none.
pub fn check_scope(scope: &str) -> Result<(), ScopeError> {
    let is_type = |name: &str| {
        let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        !name.is_empty() && name.chars().all(known)
    };
    let is_narrowed = OF_TYPES
        .iter()
        .any(|whole| scope.strip_prefix(whole).and_then(|rest| rest.strip_prefix(':')).is_some_and(is_type));
    if SCOPES.contains(&scope) || is_narrowed { Ok(()) } else { Err(ScopeError) }
}

impl Caller {
    /// Whether they may do this, for every message type.
    #[must_use]
    pub fn may(&self, scope: &str) -> bool {
        self.scopes.iter().any(|held| held == scope)
    }

    /// Whether they may do this for one message type.
    #[must_use]
    pub fn may_for(&self, scope: &str, kind: &TypeName) -> bool {
        let narrowed = |held: &String| {
            held.strip_prefix(scope).and_then(|rest| rest.strip_prefix(':')) == Some(kind.as_str())
        };
        self.may(scope) || self.scopes.iter().any(narrowed)
    }

    /// Whether they may do this for some message type.
    #[must_use]
    pub fn may_for_some(&self, scope: &str) -> bool {
        let narrowed = |held: &String| held.strip_prefix(scope).is_some_and(|rest| rest.starts_with(':'));
        self.may(scope) || self.scopes.iter().any(narrowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::KeyId;

    fn caller(scopes: &[&str]) -> Caller {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        Caller { key: KeyId(uuid::Uuid::nil()), name: String::new(), test: true, scopes }
    }

    #[test]
    fn a_narrowed_scope_is_for_its_type_alone() {
        let narrow = caller(&["messages:write:otp"]);
        assert!(narrow.may_for("messages:write", &"otp".into()) && narrow.may_for_some("messages:write"));
        assert!(!narrow.may("messages:write") && !narrow.may_for("messages:write", &"follow-up".into()));
        assert!(!narrow.may_for("messages:read", &"otp".into()) && !narrow.may_for_some("messages:read"));
        assert!(!narrow.may_for("messages:write", &"ot".into()));
        assert!(caller(&["messages:write"]).may_for("messages:write", &"otp".into()));
    }

    #[test]
    fn only_scopes_are_scopes() {
        for good in ["events:write", "messages:write:appointment-reminder", "messages:read:otp"] {
            assert!(check_scope(good).is_ok(), "{good}");
        }
        for bad in
            ["", "messages", "messages:write:", "messages:write:A b", "events:write:otp", "messages:wrte"]
        {
            assert!(check_scope(bad).is_err(), "{bad}");
        }
    }
}
