//! Erasing a person: their key goes, and with it everything that was sealed for them, here and in every
//! backup from now on; what is queued ends; the provider is asked to take the words out; counts stay, and a
//! certificate. A backup made before still holds the key: who was erased also stands in a file beside the keys, by
//! which everybody whom a backup brings back is erased again, before anything else is done with it.

use super::{HostError, PersonError};
use crate::clock::Chance;
use crate::domain::id::ErasureId;
use crate::domain::message::Cause;
use crate::store::{Change, Erasure, Store, StoreError};
use chrono::{DateTime, Utc};

/// How often an erasure is begun anew that a host at work has crossed.
const TRIES: u32 = 5;

/// So many ids are read at a time.
const PAGE: u32 = 1000;

/// Erases a person. With `version`, only when that is still the version.
///
/// # Errors
///
/// Nobody is known by this id, somebody else was faster, or the database failed.
pub async fn erase(
    store: &Store,
    chance: &Chance,
    id: &str,
    version: Option<i64>,
    asked_by: &str,
    now: DateTime<Utc>,
) -> Result<Erasure, PersonError> {
    // A host at work may move one of their texts at the same moment.
    let mut tries = 1;
    loop {
        match try_to_erase(store, chance, id, version, asked_by, now).await {
            Err(PersonError::Host(HostError::Store(StoreError::LeaseLost { .. }))) if tries < TRIES => {
                tries += 1;
            }
            other => return other,
        }
    }
}

async fn try_to_erase(
    store: &Store,
    chance: &Chance,
    id: &str,
    version: Option<i64>,
    asked_by: &str,
    now: DateTime<Utc>,
) -> Result<Erasure, PersonError> {
    let mut tx = store.begin().await?;
    // The person before their texts, as everywhere: nobody waits for somebody who waits for them.
    tx.hold_recipient(id).await?;
    let known = tx.recipient(id).await?.ok_or(PersonError::Unknown)?;
    if version.is_some_and(|version| version != known.version) {
        return Err(PersonError::Changed);
    }
    let mut canceled = 0;
    for message in tx.unsent_to_recipient(id).await? {
        let cause = Cause::new("erased", "the recipient was erased");
        let mut after = message.clone();
        after.state = after.state.cancel(cause.clone()).map_err(HostError::from)?;
        tx.move_message(&message, &mut after, &Change::noted(cause, None, now)).await?;
        canceled += 1;
    }
    if !tx.erase_recipient(id, now).await? {
        return Err(PersonError::Unknown);
    }
    let sent = tx.sids_of_recipient(id).await?;
    for (sid, test) in &sent {
        tx.queue_redaction(sid, *test, now).await?;
    }
    tx.forget_recipient(id, now).await?;
    let count = i64::try_from(sent.len()).unwrap_or(i64::MAX);
    let erasure = Erasure {
        id: ErasureId::new(now, &mut *chance.lock()),
        recipient: id.to_owned(),
        asked_by: asked_by.to_owned(),
        at: now,
        canceled,
        texts: count,
        redactions: count,
    };
    tx.insert_erasure(&erasure).await?;
    // First there: an erasure that is then cut off is done at the next start, and none is forgotten.
    let (keys, person) = (store.keys().clone(), id.to_owned());
    let written = tokio::task::spawn_blocking(move || keys.write_erased(&person)).await;
    match written {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(HostError::from(StoreError::ErasedList(error)).into()),
        Err(ended) => std::panic::resume_unwind(ended.into_panic()),
    }
    tx.commit().await?;
    Ok(erasure)
}

/// Erases again whom a backup brought back, by the command `asked_by`; says how many there were. Of whoever it did not
/// bring back it keeps the name, so that they are not taken in when what was posted since is posted again.
///
/// # Errors
///
/// The file cannot be read, or the database failed; whom it did not come to is erased by the next call.
pub async fn erase_again(
    store: &Store,
    chance: &Chance,
    asked_by: &str,
    now: DateTime<Utc>,
) -> Result<u64, PersonError> {
    let keys = store.keys().clone();
    let mut missing = keys.erased().map_err(|error| HostError::from(StoreError::ErasedList(error)))?;
    if missing.is_empty() {
        return Ok(0);
    }
    for known in store.read().await?.erased_names().await? {
        missing.remove(&known);
    }
    let (mut count, mut after) = (0, String::new());
    while !missing.is_empty() {
        let page = store.read().await?.living_recipients(&after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after.clone_from(last);
        for person in page {
            if missing.remove(&keys.erased_name(&person)) {
                match erase(store, chance, &person, None, asked_by, now).await {
                    Ok(_) => count += 1,
                    // Another host was faster.
                    Err(PersonError::Unknown) => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
    if !missing.is_empty() {
        let mut tx = store.begin().await?;
        for name in missing {
            tx.keep_erased_name(&name).await?;
        }
        tx.commit().await?;
    }
    Ok(count)
}
