//! Short links. The code is kept as a keyed hash and the address under the key of the person: a stolen
//! database opens no link, and an erased person's links lead nowhere.

use super::{Result, StoreError, Tx, moment, on};
use crate::domain::id::MessageId;
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A link in a text that is about to be sent.
#[derive(Clone, Debug)]
pub struct NewLink {
    /// What stands in the text.
    pub code: String,
    /// The text's message.
    pub message: MessageId,
    /// Where it leads.
    pub target: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Until when it leads there.
    pub expires_at: DateTime<Utc>,
}

/// What a code leads to.
#[derive(Clone, PartialEq, Eq)]
pub struct Link {
    /// The text it stands in.
    pub message: MessageId,
    /// `None` when the person is erased.
    pub target: Option<String>,
    /// Until when it leads there.
    pub expires_at: DateTime<Utc>,
    /// When it was first opened, where that is recorded.
    pub opened_at: Option<DateTime<Utc>>,
}

// A text that is sent again has the same link, which lives from then.
const INSERT: &str = "INSERT INTO links (code_hash, message_id, target_sealed, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (code_hash) DO UPDATE SET expires_at = excluded.expires_at";

const BY_CODE: &str =
    "SELECT links.message_id, messages.recipient_id, target_sealed, links.expires_at, opened_at
    FROM links JOIN messages ON messages.id = links.message_id WHERE code_hash = $1";

const OF_MESSAGE: &str =
    "SELECT expires_at, opened_at FROM links WHERE message_id = $1 ORDER BY expires_at, code_hash";

const OPEN_OF_MESSAGE: &str =
    "SELECT code_hash, messages.recipient_id, target_sealed, links.expires_at, opened_at
    FROM links JOIN messages ON messages.id = links.message_id WHERE message_id = $1
    ORDER BY links.expires_at, code_hash";

const OPENED: &str = "UPDATE links SET opened_at = $2 WHERE code_hash = $1 AND opened_at IS NULL";

const FORGET: &str = "DELETE FROM links WHERE code_hash IN
    (SELECT code_hash FROM links WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";

const RECIPIENT: &str = "SELECT recipient_id FROM messages WHERE id = $1";

impl Tx {
    /// Keeps a link with the intent to send its text.
    ///
    /// # Errors
    ///
    /// Fails when the database does, or the person is erased.
    pub async fn insert_link(&mut self, new: &NewLink) -> Result<()> {
        let recipient: String =
            on!(self, |db| sqlx::query_scalar(RECIPIENT).bind(new.message.0).fetch_one(db).await)?;
        let key = self.recipient_key(&recipient).await?.ok_or(StoreError::Unsealable)?;
        let hash = self.keys.hash("link code", &new.code);
        let sealed = self.keys.seal(&key, "links.target", &hash, new.target.as_bytes())?;
        on!(self, |db| sqlx::query(INSERT)
            .bind(&hash)
            .bind(new.message.0)
            .bind(sealed)
            .bind(new.at.timestamp_millis())
            .bind(new.expires_at.timestamp_millis())
            .execute(db)
            .await
            .map(drop))?;
        Ok(())
    }

    /// What a code leads to; `None` when it is none of ours, or long over.
    ///
    /// # Errors
    ///
    /// Fails when the database does, or the address does not open.
    pub async fn link(&mut self, code: &str) -> Result<Option<Link>> {
        type Row = (Uuid, String, Vec<u8>, i64, Option<i64>);
        let hash = self.keys.hash("link code", code);
        let row: Option<Row> = on!(self, |db| sqlx::query_as(BY_CODE).bind(&hash).fetch_optional(db).await)?;
        let Some((message, recipient, sealed, expires_at, opened_at)) = row else { return Ok(None) };
        let target = self.open_target(&recipient, &hash, &sealed).await?;
        let at = |millis| moment(millis, "links", &message.to_string());
        Ok(Some(Link {
            message: MessageId(message),
            target,
            expires_at: at(expires_at)?,
            opened_at: opened_at.map(at).transpose()?,
        }))
    }

    /// The links of a text, with where each leads.
    ///
    /// # Errors
    ///
    /// Fails when the database does, or an address does not open.
    pub async fn open_links_of(&mut self, message: MessageId) -> Result<Vec<Link>> {
        type Row = (Vec<u8>, String, Vec<u8>, i64, Option<i64>);
        let rows: Vec<Row> =
            on!(self, |db| sqlx::query_as(OPEN_OF_MESSAGE).bind(message.0).fetch_all(db).await)?;
        let at = |millis| moment(millis, "links", &message.to_string());
        let mut links = Vec::with_capacity(rows.len());
        for (hash, recipient, sealed, expires_at, opened_at) in rows {
            links.push(Link {
                message,
                target: self.open_target(&recipient, &hash, &sealed).await?,
                expires_at: at(expires_at)?,
                opened_at: opened_at.map(at).transpose()?,
            });
        }
        Ok(links)
    }

    /// Where a link leads; `None` when the person is erased.
    async fn open_target(&mut self, recipient: &str, hash: &[u8], sealed: &[u8]) -> Result<Option<String>> {
        let Some(key) = self.recipient_key(recipient).await? else { return Ok(None) };
        let bytes = self.keys.open_sealed(&key, "links.target", hash, sealed)?;
        String::from_utf8(bytes).map(Some).map_err(|_| StoreError::Unsealable)
    }

    /// The links of a text: until when each leads on, and when it was first opened.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn links_of(
        &mut self,
        message: MessageId,
    ) -> Result<Vec<(DateTime<Utc>, Option<DateTime<Utc>>)>> {
        let rows: Vec<(i64, Option<i64>)> =
            on!(self, |db| sqlx::query_as(OF_MESSAGE).bind(message.0).fetch_all(db).await)?;
        let at = |millis| moment(millis, "links", &message.to_string());
        rows.into_iter().map(|(end, opened)| Ok((at(end)?, opened.map(at).transpose()?))).collect()
    }

    /// Writes down that a link was opened, the first time.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn link_opened(&mut self, code: &str, now: DateTime<Utc>) -> Result<()> {
        let hash = self.keys.hash("link code", code);
        on!(self, |db| sqlx::query(OPENED)
            .bind(&hash)
            .bind(now.timestamp_millis())
            .execute(db)
            .await
            .map(drop))?;
        Ok(())
    }

    /// Forgets links that ended before, a few at a time.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn forget_links(&mut self, before: DateTime<Utc>, limit: u32) -> Result<u64> {
        Ok(on!(self, |db| sqlx::query(FORGET)
            .bind(before.timestamp_millis())
            .bind(i64::from(limit))
            .execute(db)
            .await
            .map(|done| done.rows_affected()))?)
    }
}
