//! Everything that is known of one person, as JSON: for the person who asks for it.

use super::export_events::{decision, events_of};
use super::{HostError, PersonError};
use crate::domain::id::EventId;
use crate::domain::phone::PhoneNumber;
use crate::store::{ConsentLine, MessageFilter, Store};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Page by page: a person has few messages, a clinic has many people.
const PAGE: u32 = 200;

/// A person with preferences, consents, the events about them, messages with their texts, links, decisions and
/// costs, replies, requests, and one-time codes without the codes.
///
/// # Errors
///
/// Nobody is known by this id, they were erased, or the database failed.
pub async fn export(store: &Store, id: &str) -> Result<Value, PersonError> {
    let mut tx = store.read().await?;
    let person = tx.recipient(id).await?.ok_or(PersonError::Unknown)?;
    if tx.is_erased(id).await? {
        return Err(PersonError::Unknown);
    }
    let mut consents: Vec<ConsentLine> = Vec::new();
    loop {
        let after = consents.last().map(|line| (line.standing.at, line.id.0));
        let page = tx.consent_lines(id, person.phone.as_ref(), after, PAGE).await?;
        let is_last = page.len() < PAGE as usize;
        consents.extend(page);
        if is_last {
            break;
        }
    }
    let replies = tx.replies_of(id, person.phone.as_ref()).await?;
    let requests = tx.requests_of(id).await?;
    let challenges = tx.challenges_of(id, person.phone.as_ref()).await?;
    drop(tx);
    let (mut messages, mut named_in) = (Vec::new(), BTreeSet::new());
    for test in [false, true] {
        messages.extend(messages_of(store, id, test, &mut named_in).await?);
    }
    let events = events_of(store, id, named_in).await?;
    Ok(json!({
        "recipient": {
            "id": person.id,
            "role": person.role.name(),
            "name": person.name,
            "phone": person.phone.as_ref().map(PhoneNumber::e164),
            "language": person.language,
            "time_zone": person.time_zone.map(chrono_tz::Tz::name),
            "preferences": person.preferences,
            "created_at": person.created_at,
            "updated_at": person.updated_at,
        },
        "consents": consents.iter().map(|line| json!({
            "choice": line.standing.choice.name(), "scope": line.standing.scope.to_string(),
            "binds": line.standing.binds.name(), "source": line.standing.source.name(), "at": line.standing.at,
            "phone": line.phone.as_ref().map(PhoneNumber::e164), "wording": line.wording,
            "evidence": line.evidence, "by": line.by,
        })).collect::<Vec<_>>(),
        "events": events,
        "messages": messages,
        "replies": replies.iter().map(|reply| json!({
            "text": reply.text, "meaning": reply.meaning, "received_at": reply.received_at,
        })).collect::<Vec<_>>(),
        "requests": requests.iter().map(|request| json!({
            "name": request.name, "subject": {"type": request.subject_type, "id": request.subject_id},
            "test": request.test, "at": request.at,
        })).collect::<Vec<_>>(),
        "one_time_codes": challenges.iter().map(|challenge| json!({
            "purpose": challenge.purpose, "test": challenge.test, "ended": challenge.ended,
            "checks": challenge.checks, "sends": challenge.sends, "created_at": challenge.created_at,
            "expires_at": challenge.expires_at,
        })).collect::<Vec<_>>(),
    }))
}

async fn messages_of(
    store: &Store,
    id: &str,
    test: bool,
    named_in: &mut BTreeSet<EventId>,
) -> Result<Vec<Value>, HostError> {
    let mut filter =
        MessageFilter { test, recipient: Some(id.to_owned()), limit: PAGE, ..MessageFilter::default() };
    let mut found = Vec::new();
    loop {
        let mut tx = store.read().await?;
        let page = tx.find_messages(&filter).await?;
        filter.after = page.messages.last().map(|message| (message.created_at, message.id.0));
        for message in page.messages {
            let opened = tx.open_message(message.id).await?;
            let links = tx.open_links_of(message.id).await?;
            let decisions = tx.decisions_of_message(message.id).await?;
            named_in.extend(message.event);
            let figures = message.text.as_ref();
            found.push(json!({
                "id": message.id,
                "type": message.kind,
                "state": message.state.name(),
                "test": message.test,
                "subject": message.subject,
                "due_at": message.due_at,
                "created_at": message.created_at,
                "updated_at": message.updated_at,
                "phone": opened.phone.as_ref().map(PhoneNumber::e164),
                "text": opened.text,
                "variables": opened.payload.map(|payload| payload.variables),
                "language": figures.map(|text| &text.locale_sent),
                "segments": figures.map(|text| text.segments),
                "estimated_cost_micros": figures.map(|text| text.cost_micros),
                "sent_at": message.sent_at,
                "delivered_at": message.delivered_at,
                "links": links.iter().map(|link| json!({
                    "target": link.target, "expires_at": link.expires_at, "opened_at": link.opened_at,
                })).collect::<Vec<_>>(),
                "decisions": decisions.iter().map(decision).collect::<Vec<_>>(),
            }));
        }
        if !page.more {
            return Ok(found);
        }
    }
}
