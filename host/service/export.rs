//! Everything that is known of one person, as JSON: for the person who asks for it.

use super::{HostError, PersonError};
use crate::domain::phone::PhoneNumber;
use crate::store::{MessageFilter, Store};
use serde_json::{Value, json};

/// Page by page: a person has few messages, a clinic has many people.
const PAGE: u32 = 200;

/// A person with preferences, consents, messages with their texts, and replies.
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
    let consents = tx.consents_of(id, person.phone.as_ref()).await?;
    let replies = tx.replies_of(id).await?;
    drop(tx);
    let mut messages = Vec::new();
    for test in [false, true] {
        messages.extend(messages_of(store, id, test).await?);
    }
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
            "choice": line.choice, "source": line.source, "at": line.at,
        })).collect::<Vec<_>>(),
        "messages": messages,
        "replies": replies.iter().map(|reply| json!({
            "text": reply.text, "meaning": reply.meaning, "received_at": reply.received_at,
        })).collect::<Vec<_>>(),
    }))
}

async fn messages_of(store: &Store, id: &str, test: bool) -> Result<Vec<Value>, HostError> {
    let mut filter =
        MessageFilter { test, recipient: Some(id.to_owned()), limit: PAGE, ..MessageFilter::default() };
    let mut found = Vec::new();
    loop {
        let mut tx = store.read().await?;
        let page = tx.find_messages(&filter).await?;
        filter.after = page.messages.last().map(|message| (message.created_at, message.id.0));
        for message in page.messages {
            let opened = tx.open_message(message.id).await?;
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
            }));
        }
        if !page.more {
            return Ok(found);
        }
    }
}
