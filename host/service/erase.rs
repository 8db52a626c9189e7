//! Erasing a person: their key goes, and with it everything that was sealed for them, here and in every
//! backup from now on (one made before still holds the key: whoever restores it erases again); what is
//! queued ends; the provider is asked to take the words out; counts stay, and a certificate.

use super::{HostError, PersonError};
use crate::clock::Chance;
use crate::domain::id::ErasureId;
use crate::domain::message::Cause;
use crate::store::{Change, Erasure, Store};
use chrono::{DateTime, Utc};

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
    let mut tx = store.begin().await?;
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
    tx.forget_recipient(id).await?;
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
    tx.commit().await?;
    Ok(erasure)
}
