//! Events: facts that other systems post, about a subject and its version.

use super::id::EventId;
use super::recipient::{PersonUpdate, Role};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What an event is about: an appointment, an invoice, a prescription.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Subject {
    /// `appointment`
    #[serde(rename = "type")]
    pub subject_type: String,
    /// The other system's id.
    pub id: String,
    /// Counts up with every change; an older version changes nothing.
    pub version: i64,
}

/// The event types that the host knows. Others are accepted when a loaded policy plans them.
pub const KNOWN_EVENTS: [&str; 9] = [
    "appointment.booked",
    "appointment.rescheduled",
    "appointment.canceled",
    "appointment.completed",
    "payment.pending",
    "payment.settled",
    "payment.canceled",
    "prescription.ready",
    "alert.raised",
];

/// A person as an event names one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPerson {
    /// The clinic's id of the person.
    pub id: String,
    /// In which role they are addressed.
    pub role: Role,
    /// What the event says of them; unsaid things stay as they are.
    pub update: PersonUpdate,
}

/// A fact, as it was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Ours.
    pub id: EventId,
    /// `appointment.booked`
    pub event_type: String,
    /// What it is about.
    pub subject: Subject,
    /// When it happened in the other system.
    pub occurred_at: DateTime<Utc>,
    /// When we accepted it.
    pub received_at: DateTime<Utc>,
    /// Ids and roles of the people it concerns.
    pub people: Vec<(String, Role)>,
    /// What the other system says of the subject.
    pub data: serde_json::Value,
    /// Posted with a test key.
    pub test: bool,
}
