//! Consent: an append-only ledger of who agreed to what, and who said stop. The newest line about the
//! same thing is what holds; a wider opt-out is not lifted by a narrower opt-in.

use super::kind::TypeName;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Agreed, or taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Choice {
    OptIn,
    OptOut,
}

impl Choice {
    /// The word in columns and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OptIn => "opt_in",
            Self::OptOut => "opt_out",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::OptIn, Self::OptOut].into_iter().find(|choice| choice.name() == name)
    }
}

/// How we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentSource {
    /// A text from the phone.
    Reply,
    /// The provider refused with 21610: the phone had said stop to it.
    Provider,
    /// Somebody at the clinic.
    Staff,
    /// The person, through a form of the clinic.
    Form,
    /// Taken over from another system.
    Import,
}

impl ConsentSource {
    /// The word in columns and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reply => "reply",
            Self::Provider => "provider",
            Self::Staff => "staff",
            Self::Form => "form",
            Self::Import => "import",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Reply, Self::Provider, Self::Staff, Self::Form, Self::Import];
        all.into_iter().find(|source| source.name() == name)
    }
}

/// Whom a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binds {
    /// A phone, whoever uses it: what was said from it, or to the provider.
    Phone,
    /// A person, whatever their phone: what they or the clinic wrote down.
    Recipient,
}

impl Binds {
    /// The word in columns and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Recipient => "recipient",
        }
    }
}

/// What a line is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every text.
    All,
    /// The message types that share a `scope` in their `templates/<type>.toml`: `appointments`.
    Group(String),
    /// One message type.
    Type(TypeName),
}

/// The text is no scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no scope; expected all, group:<name> or type:<message type>")]
pub struct ScopeError;

impl Scope {
    /// Its kind and name, as the columns keep them.
    #[must_use]
    pub fn columns(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::All => ("all", None),
            Self::Group(name) => ("group", Some(name)),
            Self::Type(name) => ("type", Some(name.as_str())),
        }
    }

    /// Whether messages of this type, which belongs to this group, are in it.
    #[must_use]
    pub fn covers(&self, kind: &TypeName, group: &str) -> bool {
        match self {
            Self::All => true,
            Self::Group(name) => name == group,
            Self::Type(name) => name == kind,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.columns() {
            (kind, Some(name)) => write!(f, "{kind}:{name}"),
            (kind, None) => f.write_str(kind),
        }
    }
}

impl FromStr for Scope {
    type Err = ScopeError;

    /// Reads `all`, `group:appointments` or `type:payment-reminder`.
    fn from_str(text: &str) -> Result<Self, ScopeError> {
        match text.split_once(':') {
            None if text == "all" => Ok(Self::All),
            Some(("group", name)) if !name.is_empty() => Ok(Self::Group(name.to_owned())),
            Some(("type", name)) if !name.is_empty() => Ok(Self::Type(TypeName::from(name))),
            _ => Err(ScopeError),
        }
    }
}

/// The newest line about one thing: what holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whom it is about.
    pub binds: Binds,
    /// What it is about.
    pub scope: Scope,
    /// Agreed, or taken back.
    pub choice: Choice,
    /// How we know.
    pub source: ConsentSource,
    /// The provider has read it too, and keeps a block of its own.
    pub held_by_provider: bool,
    /// Since when.
    pub at: DateTime<Utc>,
}

/// All that holds for a person and their phone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consents {
    /// The newest line about each thing.
    pub standing: Vec<Standing>,
    /// So many lines there are in all. Lines are only ever added: while this is the same, so is the rest.
    pub lines: i64,
}

impl Consents {
    /// What speaks against a message of this type, which belongs to this group.
    #[must_use]
    pub fn against(&self, kind: &TypeName, group: &str) -> Option<&Standing> {
        self.opt_outs().find(|standing| standing.scope.covers(kind, group))
    }

    /// What speaks against every message.
    #[must_use]
    pub fn stop(&self) -> Option<&Standing> {
        self.opt_outs().find(|standing| standing.scope == Scope::All)
    }

    /// The phone itself has said stop: only the phone can take it back.
    #[must_use]
    pub fn phone_stopped(&self) -> bool {
        self.phone_stop().is_some()
    }

    /// What the phone itself has said against every message.
    #[must_use]
    pub fn phone_stop(&self) -> Option<&Standing> {
        self.opt_outs().find(|standing| standing.binds == Binds::Phone && standing.scope == Scope::All)
    }

    /// The person said stop to everything otherwise than from their phone.
    #[must_use]
    pub fn recipient_stopped(&self) -> bool {
        self.opt_outs().any(|standing| standing.binds == Binds::Recipient && standing.scope == Scope::All)
    }

    /// Everything that was taken back and not agreed to again.
    pub fn opt_outs(&self) -> impl Iterator<Item = &Standing> {
        self.standing.iter().filter(|standing| standing.choice == Choice::OptOut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(binds: Binds, scope: &str, choice: Choice) -> Standing {
        let source = ConsentSource::Form;
        let (scope, at) = (scope.parse().unwrap(), DateTime::UNIX_EPOCH);
        Standing { binds, scope, choice, source, held_by_provider: false, at }
    }

    #[test]
    fn a_scope_is_read_as_it_is_written() {
        for text in ["all", "group:appointments", "type:payment-reminder"] {
            assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
        }
        for text in ["", "everything", "all:", "group:", "type", "person:ana"] {
            assert_eq!(text.parse::<Scope>(), Err(ScopeError), "{text}");
        }
    }

    #[test]
    fn an_opt_out_holds_for_what_its_scope_covers() {
        let (reminder, payment) =
            (TypeName::from("appointment-reminder"), TypeName::from("payment-reminder"));
        for (scope, stops_reminder, stops_payment) in
            [("all", true, true), ("group:appointments", true, false), ("type:payment-reminder", false, true)]
        {
            let standing = vec![standing(Binds::Recipient, scope, Choice::OptOut)];
            let consents = Consents { standing, lines: 1 };
            assert_eq!(consents.against(&reminder, "appointments").is_some(), stops_reminder, "{scope}");
            assert_eq!(consents.against(&payment, "payments").is_some(), stops_payment, "{scope}");
        }
    }

    #[test]
    fn a_narrow_opt_in_lifts_no_wide_opt_out() {
        let standing = vec![
            standing(Binds::Phone, "all", Choice::OptOut),
            standing(Binds::Recipient, "type:follow-up", Choice::OptIn),
        ];
        let consents = Consents { standing, lines: 2 };
        assert!(consents.against(&TypeName::from("follow-up"), "visits").is_some());
        assert!(consents.phone_stopped() && !consents.recipient_stopped());
    }
}
