//! Messages: planned, looked up. The row is the job.

use super::message_row::{MessageRow, columns, millis};
use super::rows::{self, both, ids, rows, value};
use super::seal::SealKey;
use super::{Result, Sql, StoreError, Tx, inconsistent, on};
use crate::domain::event::Subject;
use crate::domain::id::{EventId, MessageId};
use crate::domain::message::Message;
use crate::domain::phone::PhoneNumber;
use crate::domain::value::Value;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use uuid::Uuid;

/// What is sealed of a message until it has been sent: what its text is made of, and what a policy
/// may be told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// The template's variables.
    pub variables: BTreeMap<String, Value>,
    /// What the event said, or the caller.
    pub data: serde_json::Value,
}

const BY_ID: &str = concat!("SELECT ", columns!(), " FROM messages WHERE id = $1");

macro_rules! by_ids {
    ($db:ident) => {
        concat!("SELECT ", columns!(), " FROM messages WHERE id IN ", ids!($db))
    };
}
const BY_IDS: Sql = both!(by_ids);

const OF_EVENT: &str =
    concat!("SELECT ", columns!(), " FROM messages WHERE event_id = $1 ORDER BY due_at, id");

const OF_SUBJECT: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM messages WHERE subject_type = $1 AND subject_id = $2 AND test = $3 AND state <> 'canceled' AND NOT superseded
      ORDER BY created_at, id"
);

macro_rules! insert {
    ($db:ident) => {
        concat!(
            "INSERT INTO messages (id, kind, lane, priority, recipient_id, event_id, subject_type, subject_id,
                subject_version, key, occurrence, test, state, planned_for, due_at, expires_at, attempts, deferrals,
                why_code, why_text, cause_code, cause_text, language, payload_sealed, superseded, created_at,
                updated_at, changes) SELECT ",
            value!($db, id, 0), ", ", value!($db, text, 1), ", ", value!($db, text, 2), ", ",
            value!($db, text, 3), ", ", value!($db, text, 4), ", ", value!($db, id, 5), ", ",
            value!($db, text, 6), ", ", value!($db, text, 7), ", ", value!($db, number, 8), ", ",
            value!($db, text, 9), ", ", value!($db, number, 10), ", ", value!($db, flag, 11), ", ",
            value!($db, text, 12), ", ", value!($db, number, 13), ", ", value!($db, number, 14), ", ",
            value!($db, number, 15), ", ", value!($db, number, 16), ", ", value!($db, number, 17), ", ",
            value!($db, text, 18), ", ", value!($db, text, 19), ", ", value!($db, text, 20), ", ",
            value!($db, text, 21), ", ", value!($db, text, 22), ", ", value!($db, bytes, 23), ", ",
            value!($db, flag, 24), ", ", value!($db, number, 25), ", ", value!($db, number, 26), ", ",
            value!($db, number, 27), " FROM ", rows!($db), " WHERE true ON CONFLICT DO NOTHING"
        )
    };
}
const INSERT: Sql = both!(insert);

macro_rules! sealed {
    () => {
        "SELECT id, recipient_id, payload_sealed, text_sealed, phone_sealed FROM messages WHERE id "
    };
}
const SEALED: &str = concat!(sealed!(), "= $1");

macro_rules! sealed_of_many {
    ($db:ident) => {
        concat!(sealed!(), "IN ", ids!($db))
    };
}
const SEALED_OF_MANY: Sql = both!(sealed_of_many);

const NEWEST_OF_KEY: &str =
    "SELECT id FROM messages WHERE recipient_id = $1 AND kind = $2 AND key = $3 AND test = $4
    AND state NOT IN ('held', 'undelivered', 'failed', 'suppressed', 'canceled', 'expired')
    ORDER BY created_at DESC, id DESC LIMIT 1";

const WAS_SENT: &str =
    "SELECT 1 FROM messages WHERE recipient_id = $1 AND kind = $2 AND key = $3 AND test = $4
    AND subject_type = $5 AND subject_id = $6 AND COALESCE(occurrence, 0) = $7
    AND state IN ('sending', 'unknown', 'accepted', 'sent', 'delivered') AND updated_at >= $8 LIMIT 1";

const WAS_TAKEN_BACK: &str =
    "SELECT 1 FROM messages WHERE event_id = $1 AND recipient_id = $2 AND kind = $3 AND key = $4
    AND COALESCE(occurrence, 0) = $5 AND state = 'canceled' AND cause_code = 'canceled' LIMIT 1";

const SET_SID: &str = "UPDATE messages SET sid = $2 WHERE id = $1 AND sid IS NULL";

const FORGET_PAYLOAD: &str = "UPDATE messages SET payload_sealed = NULL WHERE id = $1";

#[derive(sqlx::FromRow)]
struct SealedRow {
    id: Uuid,
    recipient_id: String,
    payload_sealed: Option<Vec<u8>>,
    text_sealed: Option<Vec<u8>>,
    phone_sealed: Option<Vec<u8>>,
}

/// What is sealed of a message, opened.
#[derive(Clone, Debug, Default)]
pub struct Opened {
    /// What its text is made of; `None` once it is forgotten.
    pub payload: Option<Payload>,
    /// The text as it was sent, secrets taken out.
    pub text: Option<String>,
    /// Where it went.
    pub phone: Option<PhoneNumber>,
}

impl Tx {
    /// A message by our id.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn message(&mut self, id: MessageId) -> Result<Option<Message>> {
        let row: Option<MessageRow> =
            on!(self, |db| sqlx::query_as(BY_ID).bind(id.0).fetch_optional(db).await)?;
        row.map(TryInto::try_into).transpose()
    }

    /// Messages by our ids, in no particular order.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn messages(&mut self, ids: &[MessageId]) -> Result<Vec<Message>> {
        let ids: Vec<_> = ids.iter().map(|id| rows::id(id.0)).collect();
        let (sql, ids) = (BY_IDS.on(self), rows::parameter("messages", &ids)?);
        let rows: Vec<MessageRow> = on!(self, |db| sqlx::query_as(sql).bind(ids).fetch_all(db).await)?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// What an event planned or moved.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn messages_of_event(&mut self, id: EventId) -> Result<Vec<Message>> {
        let rows: Vec<MessageRow> = on!(self, |db| sqlx::query_as(OF_EVENT).bind(id.0).fetch_all(db).await)?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// All messages about a subject that were not taken back.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn messages_of_subject(&mut self, subject: &Subject, test: bool) -> Result<Vec<Message>> {
        let rows: Vec<MessageRow> = on!(self, |db| sqlx::query_as(OF_SUBJECT)
            .bind(&subject.subject_type)
            .bind(&subject.id)
            .bind(test)
            .fetch_all(db)
            .await)?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// The newest of a person's messages of one type and key that will say it, or has: of a code that was asked
    /// for again, the one that still has a use.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn newest_of_key(&mut self, message: &Message) -> Result<Option<MessageId>> {
        let row: Option<(uuid::Uuid,)> = on!(self, |db| sqlx::query_as(NEWEST_OF_KEY)
            .bind(&message.recipient)
            .bind(message.kind.as_str())
            .bind(&message.key)
            .bind(message.test)
            .fetch_optional(db)
            .await)?;
        Ok(row.map(|(id,)| MessageId(id)))
    }

    /// Whether a text for the same moment of the same subject may have arrived that was sent or left behind since a
    /// moment.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn was_sent(&mut self, message: &Message, since: DateTime<Utc>) -> Result<bool> {
        let Some(subject) = &message.subject else { return Ok(false) };
        let row: Option<(i32,)> = on!(self, |db| sqlx::query_as(WAS_SENT)
            .bind(&message.recipient)
            .bind(message.kind.as_str())
            .bind(&message.key)
            .bind(message.test)
            .bind(&subject.subject_type)
            .bind(&subject.id)
            .bind(message.occurrence.map_or(0, |at| at.timestamp_millis()))
            .bind(since.timestamp_millis())
            .fetch_optional(db)
            .await)?;
        Ok(row.is_some())
    }

    /// Whether a person has taken back what the same event planned for the same moment.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn was_taken_back(&mut self, message: &Message) -> Result<bool> {
        let row: Option<(i32,)> = on!(self, |db| sqlx::query_as(WAS_TAKEN_BACK)
            .bind(message.event.map(|id| id.0))
            .bind(&message.recipient)
            .bind(message.kind.as_str())
            .bind(&message.key)
            .bind(message.occurrence.map_or(0, |at| at.timestamp_millis()))
            .fetch_optional(db)
            .await)?;
        Ok(row.is_some())
    }

    /// Adds a message with what its text is made of. `false` when the same message was planned
    /// before.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn insert_message(&mut self, message: &Message, payload: &Payload) -> Result<bool> {
        Ok(self.insert_messages(&[(message, payload)]).await? == 1)
    }

    /// Adds many, and answers how many of them are new. When that is not all of them, the unit of work
    /// must not be committed: they have no lines in the journal.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn insert_messages(&mut self, messages: &[(&Message, &Payload)]) -> Result<u64> {
        let mut rows = Vec::with_capacity(messages.len());
        for (message, payload) in messages {
            let key = self.recipient_key(&message.recipient).await?.ok_or(StoreError::Unsealable)?;
            let sealed = self.seal_payload(&key, message.id, payload)?;
            let cause = message.state.cause();
            let subject = message.subject.as_ref();
            rows.push(json!([
                rows::id(message.id.0),
                message.kind.as_str(),
                message.lane.name(),
                message.priority.name(),
                message.recipient,
                message.event.map(|id| rows::id(id.0)),
                subject.map(|s| s.subject_type.as_str()),
                subject.map(|s| s.id.as_str()),
                subject.map(|s| s.version),
                message.key,
                message.occurrence.map(millis),
                message.test,
                message.state.name(),
                millis(message.planned_for),
                millis(message.due_at),
                millis(message.expires_at),
                message.attempts,
                message.deferrals,
                message.why.code,
                message.why.text,
                cause.map(|c| c.code.as_str()),
                cause.map(|c| c.text.as_str()),
                message.language,
                rows::bytes(&sealed),
                message.superseded,
                millis(message.created_at),
                millis(message.updated_at),
                message.changes
            ]));
        }
        let (sql, rows) = (INSERT.on(self), rows::parameter("messages", &rows)?);
        let added =
            on!(self, |db| sqlx::query(sql).bind(rows).execute(db).await.map(|done| done.rows_affected()))?;
        if u64::try_from(messages.len()) == Ok(added) {
            for (message, _) in messages {
                let (note, at) = (&message.why, message.created_at);
                self.moved.push(super::moves::measured(message, message, at));
                self.journal(message.id, message.changes, None, &message.state, note, None, at);
            }
        }
        Ok(added)
    }

    /// What is sealed of a message.
    ///
    /// # Errors
    ///
    /// Fails when the database does, or a sealed value does not open.
    pub async fn open_message(&mut self, id: MessageId) -> Result<Opened> {
        let row: Option<SealedRow> =
            on!(self, |db| sqlx::query_as(SEALED).bind(id.0).fetch_optional(db).await)?;
        match row {
            Some(row) => self.opened(row).await,
            None => Ok(Opened::default()),
        }
    }

    /// What is sealed of messages by our ids, in no particular order.
    ///
    /// # Errors
    ///
    /// Fails when the database does, or a sealed value does not open.
    pub async fn open_messages(&mut self, ids: &[MessageId]) -> Result<Vec<(MessageId, Opened)>> {
        let ids: Vec<_> = ids.iter().map(|id| rows::id(id.0)).collect();
        let (sql, ids) = (SEALED_OF_MANY.on(self), rows::parameter("messages", &ids)?);
        let rows: Vec<SealedRow> = on!(self, |db| sqlx::query_as(sql).bind(ids).fetch_all(db).await)?;
        let mut opened = Vec::with_capacity(rows.len());
        for row in rows {
            opened.push((MessageId(row.id), self.opened(row).await?));
        }
        Ok(opened)
    }

    async fn opened(&mut self, row: SealedRow) -> Result<Opened> {
        let Some(key) = self.recipient_key(&row.recipient_id).await? else { return Ok(Opened::default()) };
        let id = MessageId(row.id);
        let wrong = |problem: &str| inconsistent("messages", id, problem);
        let open = |column: &str, sealed: Option<Vec<u8>>| {
            sealed.map(|sealed| self.keys.open_sealed(&key, column, id.0.as_bytes(), &sealed)).transpose()
        };
        Ok(Opened {
            payload: open("messages.payload", row.payload_sealed)?
                .map(|bytes| serde_json::from_slice(&bytes).map_err(|_| wrong("a payload that is none")))
                .transpose()?,
            text: open("messages.text", row.text_sealed)?
                .map(|bytes| String::from_utf8(bytes).map_err(|_| wrong("a text that is none")))
                .transpose()?,
            phone: open("messages.phone", row.phone_sealed)?
                .map(|bytes| {
                    String::from_utf8(bytes).map(PhoneNumber::kept).map_err(|_| wrong("a phone that is none"))
                })
                .transpose()?,
        })
    }

    /// Keeps the provider's identifier where the state stays as it is.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn set_sid(&mut self, id: MessageId, sid: &str) -> Result<()> {
        on!(self, |db| sqlx::query(SET_SID).bind(id.0).bind(sid).execute(db).await.map(drop))?;
        Ok(())
    }

    /// Forgets what a text was made of.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn forget_payload(&mut self, id: MessageId) -> Result<()> {
        on!(self, |db| sqlx::query(FORGET_PAYLOAD).bind(id.0).execute(db).await.map(drop))?;
        Ok(())
    }

    pub(super) fn seal_payload(&self, key: &SealKey, id: MessageId, payload: &Payload) -> Result<Vec<u8>> {
        let bytes = serde_json::to_vec(payload).map_err(|e| inconsistent("messages", id, e.to_string()))?;
        self.keys.seal(key, "messages.payload", id.0.as_bytes(), &bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::found_by::tables_read_whole;

    #[tokio::test]
    async fn the_messages_of_a_subject_an_event_and_a_key_are_found_by_their_indexes() {
        for sql in [
            OF_SUBJECT,
            OF_EVENT,
            BY_IDS.sqlite,
            SEALED_OF_MANY.sqlite,
            NEWEST_OF_KEY,
            WAS_SENT,
            WAS_TAKEN_BACK,
        ] {
            assert_eq!(tables_read_whole(sql).await, [""; 0], "{sql}");
        }
    }
}
