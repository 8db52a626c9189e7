//! What is known of one person from events, and what policies were told and answered about them. Of an event
//! that is about somebody else, only that it named them.

use super::HostError;
use super::plan::reference;
use crate::domain::id::EventId;
use crate::store::{DecisionRecord, Store, StoredEvent};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Page by page, as messages.
const PAGE: u32 = 200;

/// The events about a person, the oldest first; then those about others that texts of theirs came from.
pub(super) async fn events_of(
    store: &Store,
    id: &str,
    mut named_in: BTreeSet<EventId>,
) -> Result<Vec<Value>, HostError> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let mut tx = store.read().await?;
        let page = tx.events_about(id, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.event.id);
        for stored in &page {
            named_in.remove(&stored.event.id);
            let decisions = tx.decisions_of_event(stored.event.id).await?;
            let mut event = envelope(stored, id);
            event["data"] = stored.event.data.clone();
            event["decisions"] = decisions.iter().map(|made| planned(made, stored, id)).collect();
            found.push(event);
        }
    }
    for event in named_in {
        if let Some(stored) = store.read().await?.event(event).await? {
            found.push(envelope(&stored, id));
        }
    }
    Ok(found)
}

fn envelope(stored: &StoredEvent, id: &str) -> Value {
    let event = &stored.event;
    let role = event.people.iter().find(|(person, _)| person == id).map(|(_, role)| role.name());
    json!({
        "id": event.id, "type": event.event_type, "subject": event.subject, "role": role, "test": event.test,
        "occurred_at": event.occurred_at, "received_at": event.received_at,
    })
}

/// A decision as it was recorded: what was asked, and what was answered.
pub(super) fn decision(record: &DecisionRecord) -> Value {
    let read = |bytes: &Option<Vec<u8>>| {
        bytes.as_deref().and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok())
    };
    json!({
        "id": record.id, "question": record.question, "policy": record.policy, "version": record.version,
        "at": record.at, "outcome": record.outcome,
        "reason": {"code": record.reason_code, "text": record.reason_text},
        "input": read(&record.input), "answer": read(&record.answer), "log": record.log,
    })
}

/// A plan with this person's part alone: the event may name others.
fn planned(record: &DecisionRecord, stored: &StoredEvent, id: &str) -> Value {
    let mut told = decision(record);
    let people = &stored.event.people;
    let asked = told["input"]["people"].as_array().map_or(0, Vec::len);
    // Somebody who was erased before was not asked about, and the places no longer say who is who.
    let own = people.iter().position(|(person, _)| person == id).filter(|_| asked == people.len());
    let own = own.map(reference);
    let mut keep = |place: &str, name: &str| {
        if let Some(Value::Array(items)) = told.pointer_mut(place) {
            items.retain(|item| own.is_some() && item[name].as_str() == own.as_deref());
        }
    };
    keep("/input/people", "reference");
    keep("/answer/messages", "to");
    keep("/answer/passed_over", "to");
    // A policy writes there what it likes, about whom it likes.
    if people.len() > 1 {
        told["log"] = Value::Null;
    }
    told
}
