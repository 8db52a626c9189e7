//! What planning came to: kept with the event, and told with its story.

use crate::domain::event::Event;
use crate::domain::id::MessageId;
use crate::domain::kind::TypeName;
use crate::domain::message::{Cause, Message};
use crate::store::EventState;
use serde::{Deserialize, Serialize};

/// A message that was considered and not planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// The type it would have been of.
    #[serde(rename = "type")]
    pub kind: TypeName,
    /// Its key.
    pub key: String,
    /// Whom it would have been for.
    pub recipient: String,
    /// Why not.
    pub reason: Cause,
}

/// A message that no longer holds and was given to the provider before that was known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TooLate {
    /// Which.
    pub id: MessageId,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: TypeName,
    /// Its key.
    pub key: String,
    /// Whom it is for.
    pub recipient: String,
    /// Where it stood then.
    pub state: String,
}

/// What planning came to, kept with the event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Outcome {
    pub(super) passed_over: Vec<Passed>,
    pub(super) moved: Vec<MessageId>,
    pub(super) canceled: Vec<MessageId>,
    #[serde(default)]
    pub(super) too_late: Vec<TooLate>,
}

/// An event and what followed from it.
#[derive(Clone, Debug)]
pub struct EventStory {
    /// The event.
    pub event: Event,
    /// Whether it is planned, still to be planned, or stale.
    pub state: EventState,
    /// What it planned or moved.
    pub messages: Vec<Message>,
    /// What was considered and not planned.
    pub passed_over: Vec<Passed>,
    /// Messages of earlier versions that were moved.
    pub moved: Vec<MessageId>,
    /// Messages of earlier versions that no longer hold.
    pub canceled: Vec<MessageId>,
    /// Messages of earlier versions that no longer hold, and could not be taken back.
    pub too_late: Vec<TooLate>,
}
