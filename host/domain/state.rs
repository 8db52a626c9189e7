//! Where a message stands, and which steps life knows from there.

use super::id::{AttemptId, HostId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A host's hold on a message. Every change that settles the message names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The process that holds it.
    pub host: HostId,
    /// When it ends by itself.
    pub until: DateTime<Utc>,
}

/// Why a message is where it is: a stable code and a sentence for staff.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// Stable, for counting: `quiet-hours`.
    pub code: String,
    /// One sentence, with no personal data in it.
    pub text: String,
}

impl Cause {
    /// A cause from its two parts.
    pub fn new(code: impl Into<String>, text: impl Into<String>) -> Self {
        Self { code: code.into(), text: text.into() }
    }
}

/// Where a message stands, in the order of life. Each variant carries what is known only then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Waits for its time.
    Planned,
    /// In one host's memory, surely unsent.
    Claimed(Lease),
    /// The intent is committed; the call may have been made.
    Sending(Lease, AttemptId),
    /// The provider has it.
    Accepted,
    /// The provider handed it to a carrier.
    Sent,
    /// It arrived.
    Delivered,
    /// The carrier gave it back, and no retry follows.
    Undelivered(Cause),
    /// It was refused, and no retry follows.
    Failed(Cause),
    /// A call was made and its outcome not seen: looked up before anything is sent again.
    Unknown {
        /// When to look next.
        check_at: DateTime<Utc>,
    },
    /// Decided against; an answer, not an error.
    Suppressed(Cause),
    /// A person must look. Asked again at `retry_at` when that is set.
    Held {
        /// Why.
        cause: Cause,
        /// When the host tries by itself.
        retry_at: Option<DateTime<Utc>>,
    },
    /// Taken back before it was sent.
    Canceled(Cause),
    /// Its use ended before it could be sent.
    Expired(Cause),
}

/// Every state's word beside the one that other systems use, in the order of life.
pub const STATUSES: [(&str, &str); 13] = [
    ("planned", "PENDING"),
    ("claimed", "PENDING"),
    ("sending", "PENDING"),
    ("accepted", "QUEUED"),
    ("sent", "SENT"),
    ("delivered", "DELIVERED"),
    ("undelivered", "UNDELIVERED"),
    ("failed", "FAILED"),
    ("unknown", "UNKNOWN"),
    ("suppressed", "SUPPRESSED"),
    ("held", "HELD"),
    ("canceled", "CANCELED"),
    ("expired", "EXPIRED"),
];

/// A transition that life does not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot {action} a message that is {state}")]
pub struct InvalidTransition {
    action: &'static str,
    state: &'static str,
}

impl State {
    /// The word in columns, logs and JSON: the only place with these strings.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Claimed(..) => "claimed",
            Self::Sending(..) => "sending",
            Self::Accepted => "accepted",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Undelivered(_) => "undelivered",
            Self::Failed(_) => "failed",
            Self::Unknown { .. } => "unknown",
            Self::Suppressed(_) => "suppressed",
            Self::Held { .. } => "held",
            Self::Canceled(_) => "canceled",
            Self::Expired(_) => "expired",
        }
    }

    /// The name that another system may know.
    #[must_use]
    pub const fn status(&self) -> &'static str {
        match self {
            Self::Planned | Self::Claimed(..) | Self::Sending(..) => "PENDING",
            Self::Accepted => "QUEUED",
            Self::Sent => "SENT",
            Self::Delivered => "DELIVERED",
            Self::Undelivered(_) => "UNDELIVERED",
            Self::Failed(_) => "FAILED",
            Self::Unknown { .. } => "UNKNOWN",
            Self::Suppressed(_) => "SUPPRESSED",
            Self::Held { .. } => "HELD",
            Self::Canceled(_) => "CANCELED",
            Self::Expired(_) => "EXPIRED",
        }
    }

    /// Nothing more happens to it, but for a late receipt.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        match self {
            Self::Delivered
            | Self::Undelivered(_)
            | Self::Failed(_)
            | Self::Suppressed(_)
            | Self::Canceled(_)
            | Self::Expired(_) => true,
            Self::Planned
            | Self::Claimed(..)
            | Self::Sending(..)
            | Self::Accepted
            | Self::Sent
            | Self::Unknown { .. }
            | Self::Held { .. } => false,
        }
    }

    /// Why it is where it is, where that needs saying.
    #[must_use]
    pub const fn cause(&self) -> Option<&Cause> {
        match self {
            Self::Undelivered(cause)
            | Self::Failed(cause)
            | Self::Suppressed(cause)
            | Self::Held { cause, .. }
            | Self::Canceled(cause)
            | Self::Expired(cause) => Some(cause),
            Self::Planned
            | Self::Claimed(..)
            | Self::Sending(..)
            | Self::Accepted
            | Self::Sent
            | Self::Delivered
            | Self::Unknown { .. } => None,
        }
    }

    fn refuse(&self, action: &'static str) -> InvalidTransition {
        InvalidTransition { action, state: self.name() }
    }

    /// A host commits itself to a call.
    ///
    /// # Errors
    ///
    /// Only a claimed message can be sent.
    pub fn send(self, lease: Lease, attempt: AttemptId) -> Result<Self, InvalidTransition> {
        match self {
            Self::Claimed(_) => Ok(Self::Sending(lease, attempt)),
            other => Err(other.refuse("send")),
        }
    }

    /// The policy wants another moment, or the host gives its hold back.
    ///
    /// # Errors
    ///
    /// Only a message that is surely unsent, or whose attempt surely failed, goes back to its
    /// place in the queue.
    pub fn plan_again(self) -> Result<Self, InvalidTransition> {
        match self {
            Self::Claimed(_)
            | Self::Sending(..)
            | Self::Accepted
            | Self::Sent
            | Self::Unknown { .. }
            | Self::Held { .. } => Ok(Self::Planned),
            other => Err(other.refuse("plan again")),
        }
    }

    /// The policy, or a rule of the host, decided against it.
    ///
    /// # Errors
    ///
    /// Only a message that is surely unsent can be suppressed.
    pub fn suppress(self, cause: Cause) -> Result<Self, InvalidTransition> {
        match self {
            Self::Planned | Self::Claimed(_) | Self::Held { .. } => Ok(Self::Suppressed(cause)),
            other => Err(other.refuse("suppress")),
        }
    }

    /// A person must look.
    ///
    /// # Errors
    ///
    /// Only a message that is surely unsent can be held.
    pub fn hold(self, cause: Cause, retry_at: Option<DateTime<Utc>>) -> Result<Self, InvalidTransition> {
        match self {
            Self::Planned | Self::Claimed(_) | Self::Held { .. } => Ok(Self::Held { cause, retry_at }),
            other => Err(other.refuse("hold")),
        }
    }

    /// Its use is over.
    ///
    /// # Errors
    ///
    /// Only a message that is surely unsent can expire.
    pub fn expire(self, cause: Cause) -> Result<Self, InvalidTransition> {
        match self {
            Self::Planned | Self::Claimed(_) | Self::Held { .. } | Self::Unknown { .. } => {
                Ok(Self::Expired(cause))
            }
            other => Err(other.refuse("expire")),
        }
    }

    /// Somebody takes it back.
    ///
    /// # Errors
    ///
    /// What may have been sent cannot be taken back.
    pub fn cancel(self, cause: Cause) -> Result<Self, InvalidTransition> {
        match self {
            Self::Planned | Self::Claimed(_) | Self::Held { .. } => Ok(Self::Canceled(cause)),
            other => Err(other.refuse("cancel")),
        }
    }

    /// The provider took it.
    ///
    /// # Errors
    ///
    /// Only what is being sent, or was looked for, can be accepted.
    pub fn accept(self) -> Result<Self, InvalidTransition> {
        match self {
            Self::Sending(..) | Self::Unknown { .. } => Ok(Self::Accepted),
            other => Err(other.refuse("accept")),
        }
    }

    /// No clear answer came: it may have arrived. Never send again without looking first.
    ///
    /// # Errors
    ///
    /// Only a message that is being sent can become unknown.
    pub fn lose_sight(self, check_at: DateTime<Utc>) -> Result<Self, InvalidTransition> {
        match self {
            Self::Sending(..) | Self::Unknown { .. } => Ok(Self::Unknown { check_at }),
            other => Err(other.refuse("lose sight of")),
        }
    }

    /// It was refused, and no retry follows.
    ///
    /// # Errors
    ///
    /// Only a message that was given to the provider can fail.
    pub fn fail(self, cause: Cause) -> Result<Self, InvalidTransition> {
        match self {
            Self::Claimed(_) | Self::Sending(..) | Self::Accepted | Self::Sent | Self::Unknown { .. } => {
                Ok(Self::Failed(cause))
            }
            other => Err(other.refuse("fail")),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause() -> Cause {
        Cause::new("code", "text")
    }

    /// One of each state, in the order of life.
    fn every_state() -> Vec<State> {
        let now = DateTime::<Utc>::UNIX_EPOCH;
        let lease = Lease { host: HostId(uuid::Uuid::nil()), until: now };
        vec![
            State::Planned,
            State::Claimed(lease),
            State::Sending(lease, AttemptId(uuid::Uuid::nil())),
            State::Accepted,
            State::Sent,
            State::Delivered,
            State::Undelivered(cause()),
            State::Failed(cause()),
            State::Unknown { check_at: now },
            State::Suppressed(cause()),
            State::Held { cause: cause(), retry_at: None },
            State::Canceled(cause()),
            State::Expired(cause()),
        ]
    }

    #[test]
    fn every_state_has_its_two_words() {
        let words: Vec<(&str, &str)> =
            every_state().iter().map(|state| (state.name(), state.status())).collect();
        assert_eq!(words, STATUSES);
    }

    #[test]
    fn what_may_have_been_sent_is_neither_taken_back_nor_suppressed() {
        for state in every_state() {
            let unsent = matches!(state, State::Planned | State::Claimed(_) | State::Held { .. });
            assert_eq!(state.clone().cancel(cause()).is_ok(), unsent, "cancel {state}");
            assert_eq!(state.clone().suppress(cause()).is_ok(), unsent, "suppress {state}");
            assert_eq!(state.clone().hold(cause(), None).is_ok(), unsent, "hold {state}");
        }
    }

    #[test]
    fn a_final_state_is_left_by_no_transition() {
        for state in every_state().into_iter().filter(State::is_final) {
            assert!(state.clone().plan_again().is_err() && state.clone().accept().is_err(), "{state}");
            assert!(
                state.clone().fail(cause()).is_err() && state.clone().expire(cause()).is_err(),
                "{state}"
            );
        }
    }
}
