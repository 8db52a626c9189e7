//! Messages: planned, looked up, moved from state to state. The row is the job.

use super::message_row::{MessageRow, StateColumns, columns, millis, needs_no_words};
use super::seal::SealKey;
use super::{Result, StoreError, Tx, inconsistent, on};
use crate::domain::event::Subject;
use crate::domain::id::{EventId, HostId, MessageId};
use crate::domain::message::{Cause, Message};
use crate::domain::phone::PhoneNumber;
use crate::domain::value::Value;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is sealed of a message until it has been sent: what its text is made of, and what a policy
/// may be told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// The template's variables.
    pub variables: BTreeMap<String, Value>,
    /// What the event said, or the caller.
    pub data: serde_json::Value,
}

/// What a transition writes beside the row itself.
#[derive(Clone, Debug)]
pub struct Change<'a> {
    /// Stable word for the journal: `claimed`, `quiet-hours`.
    pub note: Cause,
    /// Who did it; `None` for a person or another system.
    pub host: Option<HostId>,
    /// When.
    pub at: DateTime<Utc>,
    /// New variables.
    pub payload: Option<&'a Payload>,
    /// The text as it was sent, secrets taken out.
    pub text: Option<&'a str>,
    /// Where it goes.
    pub phone: Option<&'a PhoneNumber>,
}

impl Change<'_> {
    /// A change of the row alone.
    #[must_use]
    pub const fn noted(note: Cause, host: Option<HostId>, at: DateTime<Utc>) -> Self {
        Self { note, host, at, payload: None, text: None, phone: None }
    }
}

const BY_ID: &str = concat!("SELECT ", columns!(), " FROM messages WHERE id = $1");

const OF_EVENT: &str =
    concat!("SELECT ", columns!(), " FROM messages WHERE event_id = $1 ORDER BY due_at, id");

const OF_SUBJECT: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM messages WHERE subject_type = $1 AND subject_id = $2 AND test = $3 AND state <> 'canceled' AND NOT superseded
      ORDER BY created_at, id"
);

const INSERT: &str = "INSERT INTO messages (id, kind, lane, priority, recipient_id, event_id, subject_type, subject_id,
        subject_version, key, occurrence, test, state, planned_for, due_at, expires_at, attempts, deferrals, why_code,
        why_text, cause_code, cause_text, language, payload_sealed, superseded, created_at, updated_at, changes)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
        $24, $25, $26, $27, $28)
    ON CONFLICT DO NOTHING";

// Every column that life changes, in one text: what a state does not use is NULL, and the table's
// CHECKs say the same.
const MOVE: &str = "UPDATE messages SET state = $4, due_at = $5, expires_at = $6, lease_host = $7, lease_until = $8,
        check_at = $9, attempt_id = $10, attempts = $11, deferrals = $12, cause_code = $13, cause_text = $14,
        event_id = $15, subject_version = $16, occurrence = $17, planned_for = $18,
        locale_asked = $19, locale_sent = $20, fallback = $21, encoding = $22, segments = $23, cost_micros = $24,
        sid = $25, error_code = $26, error_text = $27, sent_at = $28, delivered_at = $29,
        payload_sealed = CASE WHEN $35 THEN NULL ELSE COALESCE($30, payload_sealed) END, text_sealed = COALESCE($31, text_sealed),
        phone_sealed = COALESCE($32, phone_sealed), phone_hash = COALESCE($33, phone_hash),
        updated_at = $34, superseded = $36, changes = changes + 1
    WHERE id = $1 AND changes = $2 AND lease_host IS NOT DISTINCT FROM $3";

const SEALED: &str =
    "SELECT recipient_id, payload_sealed, text_sealed, phone_sealed FROM messages WHERE id = $1";

const SET_SID: &str = "UPDATE messages SET sid = $2 WHERE id = $1 AND sid IS NULL";

const FORGET_PAYLOAD: &str = "UPDATE messages SET payload_sealed = NULL WHERE id = $1";

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

    /// Adds a message with what its text is made of. `false` when the same message was planned
    /// before.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn insert_message(&mut self, message: &Message, payload: &Payload) -> Result<bool> {
        let key = self.recipient_key(&message.recipient).await?.ok_or(StoreError::Unsealable)?;
        let sealed = self.seal_payload(&key, message.id, payload)?;
        let cause = message.state.cause();
        let subject = message.subject.as_ref();
        let added = on!(self, |db| sqlx::query(INSERT)
            .bind(message.id.0)
            .bind(message.kind.as_str())
            .bind(message.lane.name())
            .bind(message.priority.name())
            .bind(&message.recipient)
            .bind(message.event.map(|id| id.0))
            .bind(subject.map(|s| s.subject_type.as_str()))
            .bind(subject.map(|s| s.id.as_str()))
            .bind(subject.map(|s| s.version))
            .bind(&message.key)
            .bind(message.occurrence.map(millis))
            .bind(message.test)
            .bind(message.state.name())
            .bind(millis(message.planned_for))
            .bind(millis(message.due_at))
            .bind(millis(message.expires_at))
            .bind(i64::from(message.attempts))
            .bind(i64::from(message.deferrals))
            .bind(&message.why.code)
            .bind(&message.why.text)
            .bind(cause.map(|c| c.code.as_str()))
            .bind(cause.map(|c| c.text.as_str()))
            .bind(&message.language)
            .bind(sealed)
            .bind(message.superseded)
            .bind(millis(message.created_at))
            .bind(millis(message.updated_at))
            .bind(message.changes)
            .execute(db)
            .await
            .map(|done| done.rows_affected()))?;
        if added == 1 {
            self.journal(
                message.id,
                message.changes,
                None,
                &message.state,
                &message.why,
                None,
                message.created_at,
            )
            .await?;
        }
        Ok(added == 1)
    }

    /// Writes a message's new state over exactly the row that was read, and its line of the
    /// journal. `after.changes` is counted up.
    ///
    /// # Errors
    ///
    /// [`StoreError::LeaseLost`] when somebody else changed it since, or holds it.
    pub async fn move_message(
        &mut self,
        before: &Message,
        after: &mut Message,
        change: &Change<'_>,
    ) -> Result<()> {
        let sealed = self.seal_change(after, change).await?;
        let columns = StateColumns::of(after);
        let text = after.text.as_ref();
        let changed = on!(self, |db| sqlx::query(MOVE)
            .bind(before.id.0)
            .bind(before.changes)
            .bind(StateColumns::of(before).lease.map(|lease| lease.host.0))
            .bind(after.state.name())
            .bind(millis(after.due_at))
            .bind(millis(after.expires_at))
            .bind(columns.lease.map(|lease| lease.host.0))
            .bind(columns.lease.map(|lease| millis(lease.until)))
            .bind(columns.check_at.map(millis))
            .bind(after.attempt.map(|id| id.0))
            .bind(i64::from(after.attempts))
            .bind(i64::from(after.deferrals))
            .bind(after.state.cause().map(|c| c.code.as_str()))
            .bind(after.state.cause().map(|c| c.text.as_str()))
            .bind(after.event.map(|id| id.0))
            .bind(after.subject.as_ref().map(|s| s.version))
            .bind(after.occurrence.map(millis))
            .bind(millis(after.planned_for))
            .bind(text.map(|t| t.locale_asked.as_str()))
            .bind(text.map(|t| t.locale_sent.as_str()))
            .bind(text.and_then(|t| t.fallback.as_deref()))
            .bind(text.map(|t| t.encoding.name()))
            .bind(text.map(|t| i64::from(t.segments)))
            .bind(text.map(|t| t.cost_micros))
            .bind(&after.sid)
            .bind(after.error_code)
            .bind(&after.error_text)
            .bind(after.sent_at.map(millis))
            .bind(after.delivered_at.map(millis))
            .bind(sealed.payload)
            .bind(sealed.text)
            .bind(sealed.phone)
            .bind(sealed.phone_hash)
            .bind(millis(change.at))
            .bind(needs_no_words(&after.state))
            .bind(after.superseded)
            .execute(db)
            .await
            .map(|done| done.rows_affected()))?;
        if changed != 1 {
            return Err(StoreError::LeaseLost { id: before.id });
        }
        after.changes = before.changes + 1;
        after.updated_at = change.at;
        let from = Some(before.state.name());
        self.journal(after.id, after.changes, from, &after.state, &change.note, change.host, change.at).await
    }

    /// What is sealed of a message.
    ///
    /// # Errors
    ///
    /// Fails when the database does, or a sealed value does not open.
    pub async fn open_message(&mut self, id: MessageId) -> Result<Opened> {
        type Row = (String, Option<Vec<u8>>, Option<Vec<u8>>, Option<Vec<u8>>);
        let row: Option<Row> = on!(self, |db| sqlx::query_as(SEALED).bind(id.0).fetch_optional(db).await)?;
        let Some((recipient, payload, text, phone)) = row else { return Ok(Opened::default()) };
        let Some(key) = self.recipient_key(&recipient).await? else { return Ok(Opened::default()) };
        let wrong = |problem: &str| inconsistent("messages", id, problem);
        let open = |column: &str, sealed: Option<Vec<u8>>| {
            sealed.map(|sealed| self.keys.open_sealed(&key, column, id.0.as_bytes(), &sealed)).transpose()
        };
        Ok(Opened {
            payload: open("messages.payload", payload)?
                .map(|bytes| serde_json::from_slice(&bytes).map_err(|_| wrong("a payload that is none")))
                .transpose()?,
            text: open("messages.text", text)?
                .map(|bytes| String::from_utf8(bytes).map_err(|_| wrong("a text that is none")))
                .transpose()?,
            phone: open("messages.phone", phone)?
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

    fn seal_payload(&self, key: &SealKey, id: MessageId, payload: &Payload) -> Result<Vec<u8>> {
        let bytes = serde_json::to_vec(payload).map_err(|e| inconsistent("messages", id, e.to_string()))?;
        self.keys.seal(key, "messages.payload", id.0.as_bytes(), &bytes)
    }

    async fn seal_change(&mut self, after: &Message, change: &Change<'_>) -> Result<SealedChange> {
        if change.payload.is_none() && change.text.is_none() && change.phone.is_none() {
            return Ok(SealedChange::default());
        }
        let key = self.recipient_key(&after.recipient).await?.ok_or(StoreError::Unsealable)?;
        let seal =
            |column, value: &str| self.keys.seal(&key, column, after.id.0.as_bytes(), value.as_bytes());
        Ok(SealedChange {
            payload: change.payload.map(|payload| self.seal_payload(&key, after.id, payload)).transpose()?,
            text: change.text.map(|text| seal("messages.text", text)).transpose()?,
            phone: change.phone.map(|phone| seal("messages.phone", phone.e164())).transpose()?,
            phone_hash: change.phone.map(|phone| self.phone_hash(phone)),
        })
    }
}

#[derive(Default)]
struct SealedChange {
    payload: Option<Vec<u8>>,
    text: Option<Vec<u8>>,
    phone: Option<Vec<u8>>,
    phone_hash: Option<Vec<u8>>,
}
