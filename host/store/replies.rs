//! Inbound texts. A redelivered one is the same reply.

use super::{Result, Tx, on};
use crate::domain::id::{MessageId, ReplyId};
use crate::domain::phone::PhoneNumber;
use chrono::{DateTime, Utc};

/// An inbound text, and what it was taken to mean.
#[derive(Clone, Debug)]
pub struct Reply<'a> {
    /// Ours.
    pub id: ReplyId,
    /// The provider's identifier.
    pub sid: &'a str,
    /// Who wrote.
    pub phone: &'a PhoneNumber,
    /// The person behind the phone, where there is one.
    pub recipient: Option<&'a str>,
    /// What was written; kept only when there is a person under whose key it can be sealed.
    pub text: &'a str,
    /// The message it seems to answer.
    pub message: Option<MessageId>,
    /// `stop`, `start`, `help`, or what the policy made of it.
    pub meaning: &'a str,
    /// Stable, for staff.
    pub reason_code: &'a str,
    /// When.
    pub received_at: DateTime<Utc>,
}

const INSERT: &str =
    "INSERT INTO replies (id, sid, phone_hash, recipient_id, text_sealed, message_id, meaning,
        reason_code, received_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (sid) DO NOTHING";

const KNOWN: &str = "SELECT COUNT(*) FROM replies WHERE sid = $1";

impl Tx {
    /// Keeps an inbound text; `false` when it had been delivered before.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn insert_reply(&mut self, reply: &Reply<'_>) -> Result<bool> {
        let key = match reply.recipient {
            Some(recipient) => self.recipient_key(recipient).await?,
            None => None,
        };
        let sealed = key
            .map(|key| self.keys.seal(&key, "replies.text", reply.id.0.as_bytes(), reply.text.as_bytes()))
            .transpose()?;
        let hash = self.phone_hash(reply.phone);
        let added = on!(self, |db| sqlx::query(INSERT)
            .bind(reply.id.0)
            .bind(reply.sid)
            .bind(&hash)
            .bind(reply.recipient)
            .bind(sealed)
            .bind(reply.message.map(|id| id.0))
            .bind(reply.meaning)
            .bind(reply.reason_code)
            .bind(reply.received_at.timestamp_millis())
            .execute(db)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(added == 1)
    }

    /// Whether an inbound text was delivered before.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn reply_known(&mut self, sid: &str) -> Result<bool> {
        let count: i64 = on!(self, |db| sqlx::query_scalar(KNOWN).bind(sid).fetch_one(db).await)?;
        Ok(count > 0)
    }
}
