//! A message: one text to one recipient, from the moment it is planned to its end.

use super::event::Subject;
use super::id::{AttemptId, EventId, MessageId};
use super::kind::TypeName;
use super::segments::Encoding;
pub use super::state::{Cause, InvalidTransition, Lease, STATUSES, State};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// How much a message matters: what policies and people see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Priority {
    High,
    Medium,
    Low,
}

/// The host's own queues, in the order in which they are served. Each is claimed by itself, so that none waits
/// behind another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// One-time codes: urgent, with permits of their own.
    Otp,
    /// Urgent alerts, cancellations.
    Urgent,
    /// Single and event-planned messages.
    Normal,
    /// Batches and imports.
    Bulk,
}

impl Lane {
    /// In the order in which they are served.
    pub const ALL: [Self; 4] = [Self::Otp, Self::Urgent, Self::Normal, Self::Bulk];

    /// Codes and alerts: nothing of the clinic's own choosing stands before them.
    #[must_use]
    pub const fn is_urgent(self) -> bool {
        match self {
            Self::Otp | Self::Urgent => true,
            Self::Normal | Self::Bulk => false,
        }
    }

    /// The word in columns, logs and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Otp => "otp",
            Self::Urgent => "urgent",
            Self::Normal => "normal",
            Self::Bulk => "bulk",
        }
    }
}

impl Priority {
    /// The word in columns, logs and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// What a rendered text came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextFacts {
    /// The language that was asked for.
    pub locale_asked: String,
    /// The language it was rendered in.
    pub locale_sent: String,
    /// Why the two differ.
    pub fallback: Option<String>,
    /// Its alphabet.
    pub encoding: Encoding,
    /// What is billed.
    pub segments: u32,
    /// Estimate, in millionths of the currency unit.
    pub cost_micros: i64,
}

/// One text to one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Ours.
    pub id: MessageId,
    /// Its type.
    pub kind: TypeName,
    /// The host's queue.
    pub lane: Lane,
    /// As the type says, or the caller.
    pub priority: Priority,
    /// Whom it is for.
    pub recipient: String,
    /// The event that planned it; `None` when it was posted directly.
    pub event: Option<EventId>,
    /// What it is about.
    pub subject: Option<Subject>,
    /// Names it among the messages of its subject; empty when it was posted directly.
    pub key: String,
    /// The subject's own moment.
    pub occurrence: Option<DateTime<Utc>>,
    /// Where it stands.
    pub state: State,
    /// When it was first due.
    pub planned_for: DateTime<Utc>,
    /// When a host should next look at it.
    pub due_at: DateTime<Utc>,
    /// When its use is over.
    pub expires_at: DateTime<Utc>,
    /// How often it was deferred.
    pub deferrals: u32,
    /// Calls that count against the limit of one attempt and three retries.
    pub attempts: u32,
    /// Why it was planned.
    pub why: Cause,
    /// The language its caller asked for; the recipient's when `None`.
    pub language: Option<String>,
    /// Posted with a test key: never reaches the real provider.
    pub test: bool,
    /// The rendered text's figures, once there is one.
    pub text: Option<TextFacts>,
    /// The provider's identifier of the newest attempt.
    pub sid: Option<String>,
    /// The provider's error code of the newest attempt.
    pub error_code: Option<i64>,
    /// The provider's error text of the newest attempt.
    pub error_text: Option<String>,
    /// When the provider handed it to a carrier.
    pub sent_at: Option<DateTime<Utc>>,
    /// When it arrived.
    pub delivered_at: Option<DateTime<Utc>>,
    /// The subject has moved on since it was given to the provider: it is not sent again, and the same
    /// moment of the subject may be planned anew.
    pub superseded: bool,
    /// When the provider, which has it, is asked how it fares, unless it tells before.
    pub ask_at: Option<DateTime<Utc>>,
    /// The newest call for it.
    pub attempt: Option<AttemptId>,
    /// When it was planned.
    pub created_at: DateTime<Utc>,
    /// When anything last changed.
    pub updated_at: DateTime<Utc>,
    /// Counts transitions: whoever writes names the count it has read, and loses to a faster one.
    pub changes: i64,
}

impl Message {
    /// A message as it begins: due now, expiring in a day, about no subject.
    #[must_use]
    pub fn new(
        id: MessageId,
        kind: TypeName,
        recipient: String,
        why: Cause,
        test: bool,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            id,
            kind,
            lane: Lane::Normal,
            priority: Priority::Medium,
            recipient,
            event: None,
            subject: None,
            key: String::new(),
            occurrence: None,
            state: State::Planned,
            planned_for: now,
            due_at: now,
            expires_at: now + TimeDelta::days(1),
            deferrals: 0,
            attempts: 0,
            why,
            language: None,
            test,
            text: None,
            sid: None,
            error_code: None,
            error_text: None,
            sent_at: None,
            delivered_at: None,
            superseded: false,
            ask_at: None,
            attempt: None,
            created_at: now,
            updated_at: now,
            changes: 1,
        }
    }
}

/// One first attempt and at most three retries.
pub const MAX_ATTEMPTS: u32 = 4;
