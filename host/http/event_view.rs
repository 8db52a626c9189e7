//! What the API shows of an event and what followed from it.

use super::views::{MessageView, ReasonView, SubjectView};
use crate::service::{EventStory, Passed, TooLate};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A message that was considered and not planned.
#[derive(Serialize, ToSchema)]
pub(super) struct PassedView {
    #[serde(rename = "type")]
    #[schema(example = "appointment-reminder")]
    kind: String,
    #[schema(example = "24h")]
    key: String,
    recipient: String,
    reason: ReasonView,
}

impl From<Passed> for PassedView {
    fn from(passed: Passed) -> Self {
        Self {
            kind: passed.kind.0,
            key: passed.key,
            recipient: passed.recipient,
            reason: (&passed.reason).into(),
        }
    }
}

/// A message that no longer holds and was given to the provider before.
#[derive(Serialize, ToSchema)]
pub(super) struct TooLateView {
    id: Uuid,
    #[serde(rename = "type")]
    #[schema(example = "appointment-reminder")]
    kind: String,
    #[schema(example = "24h")]
    key: String,
    recipient: String,
    /// Where it stood then: `sending` and `unknown` may have arrived, too.
    #[schema(example = "delivered")]
    state: String,
}

impl From<TooLate> for TooLateView {
    fn from(late: TooLate) -> Self {
        Self { id: late.id.0, kind: late.kind.0, key: late.key, recipient: late.recipient, state: late.state }
    }
}

/// An event and what followed from it.
#[derive(Serialize, ToSchema)]
pub(super) struct EventView {
    id: Uuid,
    #[serde(rename = "type")]
    #[schema(example = "appointment.booked")]
    event_type: String,
    subject: SubjectView,
    /// `planned`: its messages are below. `planning`: they follow; the host takes it up again by
    /// itself. `stale`: a newer version of the subject is known, nothing follows.
    #[schema(example = "planned")]
    state: &'static str,
    /// It had been posted before; this is what it came to then.
    repeated: bool,
    occurred_at: DateTime<Utc>,
    received_at: DateTime<Utc>,
    /// What it planned or moved.
    messages: Vec<MessageView>,
    /// What was considered and not planned, with the reason.
    passed_over: Vec<PassedView>,
    /// Messages of earlier versions that were moved.
    moved: Vec<Uuid>,
    /// Messages of earlier versions that no longer hold.
    canceled: Vec<Uuid>,
    /// Messages of earlier versions that no longer hold, and that the recipient has got or may get: it was
    /// too late to take them back.
    too_late: Vec<TooLateView>,
}

impl EventView {
    pub(super) fn new(story: EventStory, repeated: bool, currency: &str) -> Self {
        use crate::store::EventState;
        Self {
            id: story.event.id.0,
            event_type: story.event.event_type,
            subject: (&story.event.subject).into(),
            state: match story.state {
                EventState::Accepted => "planning",
                EventState::Planned => "planned",
                EventState::Stale => "stale",
            },
            repeated,
            occurred_at: story.event.occurred_at,
            received_at: story.event.received_at,
            messages: story.messages.iter().map(|m| MessageView::new(m, currency, None)).collect(),
            passed_over: story.passed_over.into_iter().map(Into::into).collect(),
            moved: story.moved.into_iter().map(|id| id.0).collect(),
            canceled: story.canceled.into_iter().map(|id| id.0).collect(),
            too_late: story.too_late.into_iter().map(Into::into).collect(),
        }
    }
}
