//! Messages: planned, claimed, moved from state to state. The row is the job.

use super::seal::SealKey;
use super::{Result, Sql, StoreError, Tx, inconsistent, moment, on, small};
use crate::domain::event::Subject;
use crate::domain::id::{AttemptId, EventId, HostId, MessageId};
use crate::domain::kind::TypeName;
use crate::domain::message::{Cause, Lane, Lease, Message, Priority, State, TextFacts};
use crate::domain::phone::PhoneNumber;
use crate::domain::segments::Encoding;
use crate::domain::value::Value;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
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

/// Which messages a host can serve: those of live keys (`false`), of test keys (`true`), or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Modes(bool, bool);

impl Modes {
    /// What a host serves; `None` when it has nobody to send through.
    #[must_use]
    pub const fn new(live: bool, test: bool) -> Option<Self> {
        match (live, test) {
            (true, true) => Some(Self(false, true)),
            (true, false) => Some(Self(false, false)),
            (false, true) => Some(Self(true, true)),
            (false, false) => None,
        }
    }
}

/// What a host asks for.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// One lane at a time.
    pub lane: Lane,
    /// Live, test, or both: what this host can serve.
    pub modes: Modes,
    /// Due by now.
    pub now: DateTime<Utc>,
    /// At the most so many.
    pub limit: u32,
    /// Under this hold.
    pub lease: Lease,
}

#[derive(sqlx::FromRow)]
pub(super) struct MessageRow {
    pub(super) id: Uuid,
    kind: String,
    lane: String,
    priority: String,
    pub(super) recipient_id: String,
    event_id: Option<Uuid>,
    subject_type: Option<String>,
    subject_id: Option<String>,
    subject_version: Option<i64>,
    key: String,
    occurrence: Option<i64>,
    test: bool,
    state: String,
    planned_for: i64,
    due_at: i64,
    expires_at: i64,
    lease_host: Option<Uuid>,
    lease_until: Option<i64>,
    check_at: Option<i64>,
    superseded: bool,
    attempt_id: Option<Uuid>,
    attempts: i64,
    deferrals: i64,
    why_code: String,
    why_text: String,
    cause_code: Option<String>,
    cause_text: Option<String>,
    language: Option<String>,
    locale_asked: Option<String>,
    locale_sent: Option<String>,
    fallback: Option<String>,
    encoding: Option<String>,
    segments: Option<i64>,
    cost_micros: Option<i64>,
    sid: Option<String>,
    error_code: Option<i64>,
    error_text: Option<String>,
    sent_at: Option<i64>,
    delivered_at: Option<i64>,
    pub(super) created_at: i64,
    updated_at: i64,
    changes: i64,
}

macro_rules! columns {
    () => {
        "id, kind, lane, priority, recipient_id, event_id, subject_type, subject_id, subject_version, key, occurrence,
         test, state, planned_for, due_at, expires_at, lease_host, lease_until, check_at, superseded,
         attempt_id, attempts,
         deferrals, why_code, why_text, cause_code, cause_text, language, locale_asked, locale_sent, fallback,
         encoding, segments, cost_micros, sid, error_code, error_text, sent_at, delivered_at, created_at, updated_at,
         changes"
    };
}
pub(super) use columns;

const BY_ID: &str = concat!("SELECT ", columns!(), " FROM messages WHERE id = $1");

const OF_EVENT: &str =
    concat!("SELECT ", columns!(), " FROM messages WHERE event_id = $1 ORDER BY due_at, id");

const OF_SUBJECT: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM messages WHERE subject_type = $1 AND subject_id = $2 AND test = $3 AND state <> 'canceled' AND NOT superseded
      ORDER BY created_at, id"
);

const RECENT: &str = "SELECT kind, COALESCE(sent_at, updated_at) AS at, state FROM messages
    WHERE recipient_id = $1 AND COALESCE(sent_at, updated_at) >= $2 AND id <> $3
        AND state NOT IN ('planned', 'claimed', 'held', 'canceled')
    ORDER BY 2 DESC LIMIT 50";

const UNSENT_TO_PHONE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM messages WHERE state IN ('planned', 'claimed', 'held') AND recipient_id IN
        (SELECT id FROM recipients WHERE phone_hash = $1)"
);

const UNSENT_TO_RECIPIENT: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM messages WHERE recipient_id = $1 AND state IN ('planned', 'claimed', 'held')"
);

const NEWEST_TO_PHONE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM messages WHERE phone_hash = $1 AND state IN ('accepted', 'sent', 'delivered') AND subject_id IS NOT NULL
      ORDER BY COALESCE(sent_at, updated_at) DESC, id DESC LIMIT 1"
);

const INSERT: &str = "INSERT INTO messages (id, kind, lane, priority, recipient_id, event_id, subject_type, subject_id,
        subject_version, key, occurrence, test, state, planned_for, due_at, expires_at, attempts, deferrals, why_code,
        why_text, cause_code, cause_text, language, payload_sealed, superseded, created_at, updated_at, changes)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
        $24, $25, $26, $27, $28)
    ON CONFLICT DO NOTHING";

// The lane is an equality and the due time comes next in the index: future rows cost nothing. The
// CTE keeps PostgreSQL from joining over the limit and taking more rows than were asked for.
const CLAIM: Sql = Sql {
    sqlite: concat!(
        "WITH due AS MATERIALIZED (SELECT id AS due_id FROM messages
            WHERE state = 'planned' AND lane = $1 AND due_at <= $2 AND test IN ($6, $7)
            ORDER BY due_at, id LIMIT $3)
        UPDATE messages SET state = 'claimed', lease_host = $4, lease_until = $5, updated_at = $2, changes = changes + 1
        FROM due WHERE id = due_id RETURNING ",
        columns!()
    ),
    postgres: concat!(
        "WITH due AS MATERIALIZED (SELECT id AS due_id FROM messages
            WHERE state = 'planned' AND lane = $1 AND due_at <= $2 AND test IN ($6, $7)
            ORDER BY due_at, id LIMIT $3 FOR UPDATE SKIP LOCKED)
        UPDATE messages SET state = 'claimed', lease_host = $4, lease_until = $5, updated_at = $2, changes = changes + 1
        FROM due WHERE id = due_id RETURNING ",
        columns!()
    ),
};

const ABANDONED: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM messages WHERE state IN ('claimed', 'sending')
        AND (lease_until <= $1 OR NOT EXISTS (SELECT 1 FROM hosts WHERE hosts.id = lease_host))
      ORDER BY lease_until LIMIT $2"
);

const TO_CHECK: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM messages WHERE check_at <= $1 AND test IN ($3, $4) ORDER BY check_at LIMIT $2"
);

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

const JOURNAL: &str = "INSERT INTO journal (message_id, number, at, from_state, to_state, host, code, text)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

const STORY: &str =
    "SELECT at, from_state, to_state, code, text FROM journal WHERE message_id = $1 ORDER BY number";

const SEALED: &str =
    "SELECT recipient_id, payload_sealed, text_sealed, phone_sealed FROM messages WHERE id = $1";

const SET_SID: &str = "UPDATE messages SET sid = $2 WHERE id = $1 AND sid IS NULL";

const FORGET_PAYLOAD: &str = "UPDATE messages SET payload_sealed = NULL WHERE id = $1";

const TIMES: &str = "SELECT COUNT(*) FROM journal WHERE message_id = $1 AND to_state = $2";

const NEXT_DUE: &str = "SELECT MIN(due_at) FROM messages WHERE state = 'planned' AND lane = $1";

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

/// One line of a message's journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalLine {
    /// When.
    pub at: DateTime<Utc>,
    /// From which state; `None` when it was planned.
    pub from: Option<String>,
    /// To which state.
    pub to: String,
    /// Why.
    pub note: Cause,
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

    /// What a person was sent since then, other than this message: type, moment and state, the
    /// newest first.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn recent_messages(
        &mut self,
        recipient: &str,
        since: DateTime<Utc>,
        except: MessageId,
    ) -> Result<Vec<(TypeName, DateTime<Utc>, String)>> {
        let rows: Vec<(String, i64, String)> = on!(self, |db| sqlx::query_as(RECENT)
            .bind(recipient)
            .bind(since.timestamp_millis())
            .bind(except.0)
            .fetch_all(db)
            .await)?;
        rows.into_iter()
            .map(|(kind, at, state)| Ok((TypeName(kind), moment(at, "messages", recipient)?, state)))
            .collect()
    }

    /// What has surely not been sent to a phone yet.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn unsent_to_phone(&mut self, phone: &PhoneNumber) -> Result<Vec<Message>> {
        let hash = self.phone_hash(phone);
        let rows: Vec<MessageRow> =
            on!(self, |db| sqlx::query_as(UNSENT_TO_PHONE).bind(&hash).fetch_all(db).await)?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// What has surely not been sent to a person yet.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn unsent_to_recipient(&mut self, recipient: &str) -> Result<Vec<Message>> {
        let rows: Vec<MessageRow> =
            on!(self, |db| sqlx::query_as(UNSENT_TO_RECIPIENT).bind(recipient).fetch_all(db).await)?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// The newest text about a subject that went to a phone: what a reply seems to answer.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn newest_to_phone(&mut self, phone: &PhoneNumber) -> Result<Option<Message>> {
        let hash = self.phone_hash(phone);
        let row: Option<MessageRow> =
            on!(self, |db| sqlx::query_as(NEWEST_TO_PHONE).bind(&hash).fetch_optional(db).await)?;
        row.map(TryInto::try_into).transpose()
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

    /// Takes what is due in one lane, the oldest first.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn claim_messages(&mut self, claim: &Claim) -> Result<Vec<Message>> {
        let sql = CLAIM.on(self);
        let rows: Vec<MessageRow> = on!(self, |db| sqlx::query_as(sql)
            .bind(claim.lane.name())
            .bind(millis(claim.now))
            .bind(i64::from(claim.limit))
            .bind(claim.lease.host.0)
            .bind(millis(claim.lease.until))
            .bind(claim.modes.0)
            .bind(claim.modes.1)
            .fetch_all(db)
            .await)?;
        let mut messages = rows.into_iter().map(TryInto::try_into).collect::<Result<Vec<Message>>>()?;
        messages.sort_by_key(|message| (message.due_at, message.id));
        let note = Cause::new("claimed", "a host took it to send it");
        for message in &messages {
            let host = Some(claim.lease.host);
            self.journal(
                message.id,
                message.changes,
                Some("planned"),
                &message.state,
                &note,
                host,
                claim.now,
            )
            .await?;
        }
        Ok(messages)
    }

    /// What a dead host, or one that was too slow, left behind.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn abandoned_messages(&mut self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Message>> {
        let rows: Vec<MessageRow> = on!(self, |db| sqlx::query_as(ABANDONED)
            .bind(millis(now))
            .bind(i64::from(limit))
            .fetch_all(db)
            .await)?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// What is unknown or held and should be looked at now.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn messages_to_check(
        &mut self,
        now: DateTime<Utc>,
        modes: Modes,
        limit: u32,
    ) -> Result<Vec<Message>> {
        let rows: Vec<MessageRow> = on!(self, |db| sqlx::query_as(TO_CHECK)
            .bind(millis(now))
            .bind(i64::from(limit))
            .bind(modes.0)
            .bind(modes.1)
            .fetch_all(db)
            .await)?;
        rows.into_iter().map(TryInto::try_into).collect()
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

    /// Every transition of a message, in order.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn journal_of(&mut self, id: MessageId) -> Result<Vec<JournalLine>> {
        type Row = (i64, Option<String>, String, String, String);
        let rows: Vec<Row> = on!(self, |db| sqlx::query_as(STORY).bind(id.0).fetch_all(db).await)?;
        rows.into_iter()
            .map(|(at, from, to, code, text)| {
                Ok(JournalLine {
                    at: moment(at, "journal", &id.to_string())?,
                    from,
                    to,
                    note: Cause { code, text },
                })
            })
            .collect()
    }

    /// How often a message has come into a state.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn times_in_state(&mut self, id: MessageId, state: &'static str) -> Result<u32> {
        let times: i64 =
            on!(self, |db| sqlx::query_scalar(TIMES).bind(id.0).bind(state).fetch_one(db).await)?;
        small(times, "journal", id)
    }

    /// When the next message of a lane is due; `None` when none waits.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn next_due(&mut self, lane: Lane) -> Result<Option<DateTime<Utc>>> {
        let due: Option<i64> =
            on!(self, |db| sqlx::query_scalar(NEXT_DUE).bind(lane.name()).fetch_one(db).await)?;
        due.map(|due| moment(due, "messages", lane.name())).transpose()
    }

    #[expect(clippy::too_many_arguments, reason = "the columns of one row, in their order")]
    async fn journal(
        &mut self,
        id: MessageId,
        number: i64,
        from: Option<&'static str>,
        to: &State,
        note: &Cause,
        host: Option<HostId>,
        at: DateTime<Utc>,
    ) -> Result<()> {
        tracing::info!(
            message_id = %id, from = from.unwrap_or("-"), to = to.name(), code = %note.code,
            "{} -> {}: {}", from.unwrap_or("new"), to.name(), note.code
        );
        on!(self, |db| sqlx::query(JOURNAL)
            .bind(id.0)
            .bind(number)
            .bind(millis(at))
            .bind(from)
            .bind(to.name())
            .bind(host.map(|host| host.0))
            .bind(&note.code)
            .bind(&note.text)
            .execute(db)
            .await
            .map(drop))?;
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

/// The columns that only some states use.
struct StateColumns {
    lease: Option<Lease>,
    check_at: Option<DateTime<Utc>>,
}

impl StateColumns {
    fn of(message: &Message) -> Self {
        let (lease, check_at) = match &message.state {
            State::Claimed(lease) | State::Sending(lease, _) => (Some(*lease), None),
            State::Unknown { check_at } => (None, Some(*check_at)),
            State::Held { retry_at, .. } => (None, *retry_at),
            State::Accepted | State::Sent => (None, message.ask_at),
            State::Planned
            | State::Delivered
            | State::Undelivered(_)
            | State::Failed(_)
            | State::Suppressed(_)
            | State::Canceled(_)
            | State::Expired(_) => (None, None),
        };
        Self { lease, check_at }
    }
}

/// A message that will not be sent, and answers no reply: what its text was made of goes.
fn needs_no_words(state: &State) -> bool {
    match state {
        State::Undelivered(_)
        | State::Failed(_)
        | State::Suppressed(_)
        | State::Canceled(_)
        | State::Expired(_) => true,
        State::Planned
        | State::Claimed(_)
        | State::Sending(..)
        | State::Accepted
        | State::Sent
        | State::Delivered
        | State::Unknown { .. }
        | State::Held { .. } => false,
    }
}

fn millis(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis()
}

impl TryFrom<MessageRow> for Message {
    type Error = StoreError;

    fn try_from(row: MessageRow) -> Result<Self> {
        let id = row.id.to_string();
        let at = |millis| moment(millis, "messages", &id);
        let state = state_of(&row)?;
        let ask_at =
            row.check_at.filter(|_| matches!(state, State::Accepted | State::Sent)).map(at).transpose()?;
        let wrong = |problem: &str| inconsistent("messages", &id, problem);
        let subject = match (row.subject_type, row.subject_id, row.subject_version) {
            (Some(subject_type), Some(id), Some(version)) => Some(Subject { subject_type, id, version }),
            _ => None,
        };
        let text = match (row.locale_asked, row.locale_sent, row.encoding, row.segments) {
            (Some(locale_asked), Some(locale_sent), Some(encoding), Some(segments)) => Some(TextFacts {
                locale_asked,
                locale_sent,
                fallback: row.fallback,
                encoding: match encoding.as_str() {
                    "GSM-7" => Encoding::Gsm7,
                    "UCS-2" => Encoding::Ucs2,
                    _ => return Err(wrong("an encoding that is none")),
                },
                segments: small(segments, "messages", &id)?,
                cost_micros: row.cost_micros.unwrap_or(0),
            }),
            _ => None,
        };
        Ok(Self {
            id: MessageId(row.id),
            kind: TypeName(row.kind),
            lane: match row.lane.as_str() {
                "urgent" => Lane::Urgent,
                "normal" => Lane::Normal,
                "bulk" => Lane::Bulk,
                _ => return Err(wrong("a lane that is none")),
            },
            priority: match row.priority.as_str() {
                "high" => Priority::High,
                "medium" => Priority::Medium,
                "low" => Priority::Low,
                _ => return Err(wrong("a priority that is none")),
            },
            recipient: row.recipient_id,
            event: row.event_id.map(EventId),
            subject,
            key: row.key,
            occurrence: row.occurrence.map(at).transpose()?,
            state,
            planned_for: at(row.planned_for)?,
            due_at: at(row.due_at)?,
            expires_at: at(row.expires_at)?,
            deferrals: small(row.deferrals, "messages", &id)?,
            attempts: small(row.attempts, "messages", &id)?,
            why: Cause { code: row.why_code, text: row.why_text },
            language: row.language,
            test: row.test,
            text,
            superseded: row.superseded,
            ask_at,
            sid: row.sid,
            error_code: row.error_code,
            error_text: row.error_text,
            sent_at: row.sent_at.map(at).transpose()?,
            delivered_at: row.delivered_at.map(at).transpose()?,
            attempt: row.attempt_id.map(AttemptId),
            created_at: at(row.created_at)?,
            updated_at: at(row.updated_at)?,
            changes: row.changes,
        })
    }
}

fn state_of(row: &MessageRow) -> Result<State> {
    let wrong = || inconsistent("messages", row.id, format!("state `{}` without its columns", row.state));
    let at = |millis: i64| moment(millis, "messages", &row.id.to_string());
    let cause = || match (&row.cause_code, &row.cause_text) {
        (Some(code), Some(text)) => Ok(Cause::new(code.clone(), text.clone())),
        _ => Err(wrong()),
    };
    let lease = || match (row.lease_host, row.lease_until) {
        (Some(host), Some(until)) => Ok(Lease { host: HostId(host), until: at(until)? }),
        _ => Err(wrong()),
    };
    Ok(match row.state.as_str() {
        "planned" => State::Planned,
        "claimed" => State::Claimed(lease()?),
        "sending" => State::Sending(lease()?, AttemptId(row.attempt_id.ok_or_else(wrong)?)),
        "accepted" => State::Accepted,
        "sent" => State::Sent,
        "delivered" => State::Delivered,
        "undelivered" => State::Undelivered(cause()?),
        "failed" => State::Failed(cause()?),
        "unknown" => State::Unknown { check_at: at(row.check_at.ok_or_else(wrong)?)? },
        "suppressed" => State::Suppressed(cause()?),
        "held" => State::Held { cause: cause()?, retry_at: row.check_at.map(at).transpose()? },
        "canceled" => State::Canceled(cause()?),
        "expired" => State::Expired(cause()?),
        _ => return Err(wrong()),
    })
}
