//! Events: facts that other systems post, about a subject and its version.

use super::id::EventId;
use super::recipient::Role;
use super::value::ValueType;
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

impl Subject {
    /// What it is called, whatever its version.
    #[must_use]
    pub fn name(&self) -> (&str, &str) {
        (&self.subject_type, &self.id)
    }
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

/// What an event of a known type cannot do without, in its own data or in that of the subject's
/// version before.
#[must_use]
pub fn required_data(event_type: &str) -> &'static [(&'static str, ValueType)] {
    match event_type {
        "appointment.booked"
        | "appointment.rescheduled"
        | "appointment.canceled"
        | "appointment.completed" => &[("starts_at", ValueType::Time)],
        "payment.pending" => &[("amount", ValueType::Money)],
        "alert.raised" => &[("text", ValueType::Text)],
        _ => &[],
    }
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

impl Event {
    /// Ids of its people, patients first: what the event says is theirs, and goes when they are erased.
    pub fn by_concern(&self) -> impl Iterator<Item = &str> {
        let of = |wanted: Role| self.people.iter().filter(move |(_, role)| *role == wanted);
        of(Role::Patient).chain(of(Role::Doctor)).map(|(id, _)| id.as_str())
    }
}
