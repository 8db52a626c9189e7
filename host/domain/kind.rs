//! Message types: what `templates/<type>.toml` declares.

use super::message::{Lane, Priority};
use super::value::ValueType;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// The name of a message type: `appointment-reminder`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TypeName(pub String);

impl TypeName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TypeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for TypeName {
    fn from(name: &str) -> Self {
        Self(name.to_owned())
    }
}

/// One variable of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// What it must be.
    pub value_type: ValueType,
    /// A text cannot be sent without it.
    pub required: bool,
    /// Where the host finds it when the caller does not give it: `data.starts_at`, `clinic.name`,
    /// `recipient.name`.
    pub from: Option<String>,
    /// Kept out of everything the host shows or keeps after sending: a one-time code.
    pub secret: bool,
    /// Names somebody: no policy is told it, whatever its key.
    pub person: bool,
    /// Longest text, in characters; longer ones are cut on a character boundary.
    pub max: usize,
    /// Values for previews and checks, in their JSON form.
    pub samples: Vec<serde_json::Value>,
}

/// What happens when a text cannot be rendered whole in the recipient's language, or costs more there than the
/// type allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnMissing {
    /// It is rendered whole in the next language; if each is above its budget, it goes out in the recipient's own.
    Fallback,
    /// A person must look.
    Hold,
}

/// What happens when the policy does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnPolicyFailure {
    /// Asked again, then a person must look.
    Hold,
    /// Sent, if the host's own rules allow it.
    Send,
    /// Not sent.
    Suppress,
}

/// What happens after a call whose outcome was not seen and that Twilio does not know of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnknown {
    /// Sent again, once its absence is proven.
    Reconcile,
    /// Failed: a late second text would harm more than none.
    NeverResend,
}

/// A message type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Its name, and that of its files.
    pub name: TypeName,
    /// One sentence for people.
    pub description: String,
    /// What policies and people see.
    pub priority: Priority,
    /// The host's lane for a single message of this type.
    pub lane: Lane,
    /// The group of types a consent may name: `appointments`.
    pub scope: String,
    /// A message of this type that was not sent so long after it was due has lost its use.
    pub expires_after: Duration,
    /// See the type.
    pub on_missing: OnMissing,
    /// See the type.
    pub on_policy_failure: OnPolicyFailure,
    /// See the type.
    pub on_unknown: OnUnknown,
    /// What its words ask the reader to reply: `confirm`, `reschedule`.
    pub asks: BTreeSet<String>,
    /// The most segments a text may cost: by locale, `default` for the others.
    pub max_parts: BTreeMap<String, u32>,
    /// Its variables by name.
    pub variables: BTreeMap<String, Variable>,
}
