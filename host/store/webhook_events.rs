//! What there is to tell the clinic's own systems. An event is written in the unit of work that it tells
//! of: by triggers for messages and consents (see the migration), by [`Tx::insert_webhook_event`] for the
//! rest. It is numbered and given out afterwards, in one place at a time, so that numbers never run
//! against the order of things.

use super::{Result, Sql, Tx, inconsistent, moment, on};
use crate::domain::id::{ConsentId, EndpointId, MessageId, ReplyId};
use crate::domain::webhook::group;
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// An event to be written down.
#[derive(Clone, Debug)]
pub struct NewWebhookEvent<'a> {
    /// `appointment.confirm-requested`
    pub event_type: &'a str,
    /// Whom it concerns: test, live, or both.
    pub test: Option<bool>,
    /// What it is about: type and the clinic's own id.
    pub subject: (&'a str, &'a str),
    /// The text that it came from; its words are added when it is called out.
    pub reply: Option<ReplyId>,
    /// What else there is to say. Names no person but by the clinic's own id.
    pub data: &'a serde_json::Value,
    /// When.
    pub at: DateTime<Utc>,
}

/// An event as it was written down, not given out yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawWebhookEvent {
    /// In the order of writing.
    pub number: i64,
    /// `message.delivered`
    pub event_type: String,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// Whom it concerns.
    pub test: Option<bool>,
    /// What it is about, where that was said.
    pub subject: Option<(String, String)>,
    /// The row that tells the rest.
    pub source: Source,
}

/// Where the rest of an event stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A message, and the line of its journal.
    Message(MessageId, i64),
    /// A line of the ledger.
    Consent(ConsentId),
    /// In the event itself.
    Data(serde_json::Value),
}

/// An event ready to be given out.
#[derive(Clone, Debug)]
pub struct NumberedEvent<'a> {
    /// Of the raw event.
    pub number: i64,
    /// What the other side knows it by.
    pub id: Uuid,
    /// What it is about.
    pub subject: (&'a str, &'a str),
    /// Among the events about that.
    pub sequence: i64,
    /// All that is told, but for a reply's words.
    pub body: &'a str,
}

/// One line of the ledger, as it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldConsent {
    /// Keyed hash of the phone, where there is one.
    pub phone_hash: Option<Vec<u8>>,
    /// The clinic's own id.
    pub recipient: Option<String>,
    /// `opt_in` or `opt_out`
    pub choice: String,
    /// How we know.
    pub source: String,
    /// `phone` or `recipient`: for whom it holds.
    pub binds: String,
    /// `all`, `group` or `type`, and which.
    pub scope: (String, Option<String>),
}

const INSERT: &str =
    "INSERT INTO webhook_events (event_type, at, test, subject_type, subject_id, reply_id, data)
    SELECT $1, $2, $3, $4, $5, $6, $7
    WHERE EXISTS (SELECT 1 FROM webhook_endpoints WHERE $3 IS NULL OR test = $3)";

const NEW: &str =
    "SELECT number, event_type, at, test, subject_type, subject_id, message_id, line, consent_id, data
    FROM webhook_events WHERE sequence IS NULL ORDER BY number LIMIT $1";

// One at a time over all hosts. SQLite has one writer anyway.
const ALONE: Sql = Sql { sqlite: "SELECT 1", postgres: "SELECT pg_advisory_xact_lock(1952801895)" };

const NEXT: &str = "INSERT INTO webhook_sequences (subject_type, subject_id, newest) VALUES ($1, $2, 1)
    ON CONFLICT (subject_type, subject_id) DO UPDATE SET newest = webhook_sequences.newest + 1 RETURNING newest";

const UNNUMBERED: &str = "SELECT number FROM webhook_events WHERE sequence IS NULL ORDER BY number LIMIT $1";

const NUMBER: &str =
    "UPDATE webhook_events SET id = $2, subject_type = $3, subject_id = $4, sequence = $5, body = $6
    WHERE number = $1 AND sequence IS NULL";

const GIVE_OUT: &str =
    "INSERT INTO webhook_deliveries (endpoint_id, number, state, due_at, tries, updated_at)
    SELECT id, $1, 'waiting', $5, 0, $5 FROM webhook_endpoints
    WHERE off_at IS NULL AND ($2 IS NULL OR test = $2) AND EXISTS (SELECT 1 FROM webhook_subscriptions
        WHERE endpoint_id = webhook_endpoints.id AND pattern IN ('*', $3, $4))";

// The patterns of an address are looked up in the event's own two names, `message.delivered` and `message.*`.
const REPLAY: &str = "INSERT INTO webhook_deliveries (endpoint_id, number, state, due_at, tries, updated_at)
    SELECT $1, number, 'waiting', $4, 0, $4 FROM webhook_events
    WHERE at >= $2 AND at < $3 AND sequence IS NOT NULL AND (webhook_events.test IS NULL OR webhook_events.test = $5)
        AND EXISTS (SELECT 1 FROM webhook_subscriptions WHERE endpoint_id = $1
            AND (pattern = '*' OR pattern = event_type OR event_type LIKE REPLACE(pattern, '*', '%')))
    ON CONFLICT (endpoint_id, number) DO UPDATE SET state = 'waiting', due_at = $4, tries = 0, updated_at = $4";

const CONSENT: &str = "SELECT phone_hash, recipient_id, choice, source, binds, scope, scope_name
    FROM consents WHERE id = $1";

const FORGET: &str = "DELETE FROM webhook_events WHERE number IN
    (SELECT number FROM webhook_events WHERE at < $1 ORDER BY at LIMIT $2)";

impl Tx {
    /// Writes an event down, when anybody might listen.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn insert_webhook_event(&mut self, new: &NewWebhookEvent<'_>) -> Result<()> {
        on!(self, |db| sqlx::query(INSERT)
            .bind(new.event_type)
            .bind(new.at.timestamp_millis())
            .bind(new.test)
            .bind(new.subject.0)
            .bind(new.subject.1)
            .bind(new.reply.map(|id| id.0))
            .bind(new.data.to_string())
            .execute(db)
            .await
            .map(drop))?;
        Ok(())
    }

    /// The oldest events that were not given out yet.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn new_webhook_events(&mut self, limit: u32) -> Result<Vec<RawWebhookEvent>> {
        let rows: Vec<RawRow> =
            on!(self, |db| sqlx::query_as(NEW).bind(i64::from(limit)).fetch_all(db).await)?;
        rows.into_iter().map(raw_from).collect()
    }

    /// Waits for its turn: events are numbered in one place at a time.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn number_alone(&mut self) -> Result<()> {
        let sql = ALONE.on(self);
        on!(self, |db| sqlx::query(sql).execute(db).await.map(drop))?;
        Ok(())
    }

    /// The oldest events that were not given out yet, by their places in the order of writing.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn unnumbered_webhook_events(&mut self, limit: u32) -> Result<Vec<i64>> {
        let limit = i64::from(limit);
        Ok(on!(self, |db| sqlx::query_scalar(UNNUMBERED).bind(limit).fetch_all(db).await)?)
    }

    /// The next number for something.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn next_sequence(&mut self, subject: (&str, &str)) -> Result<i64> {
        Ok(on!(self, |db| sqlx::query_scalar(NEXT).bind(subject.0).bind(subject.1).fetch_one(db).await)?)
    }

    /// Gives an event its number and body, and to every address that wants to hear of it.
    ///
    /// # Errors
    ///
    /// Fails when the event has a number already, or the database does.
    pub async fn give_out(
        &mut self,
        raw: &RawWebhookEvent,
        numbered: &NumberedEvent<'_>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let changed = on!(self, |db| sqlx::query(NUMBER)
            .bind(numbered.number)
            .bind(numbered.id)
            .bind(numbered.subject.0)
            .bind(numbered.subject.1)
            .bind(numbered.sequence)
            .bind(numbered.body)
            .execute(db)
            .await
            .map(|done| done.rows_affected()))?;
        if changed != 1 {
            return Err(inconsistent("webhook_events", numbered.number, "given out twice"));
        }
        on!(self, |db| sqlx::query(GIVE_OUT)
            .bind(raw.number)
            .bind(raw.test)
            .bind(&raw.event_type)
            .bind(group(&raw.event_type))
            .bind(now.timestamp_millis())
            .execute(db)
            .await
            .map(drop))?;
        Ok(())
    }

    /// Calls out again to one address what happened in a stretch of time; answers how many events.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn replay_webhook_events(
        &mut self,
        endpoint: EndpointId,
        test: bool,
        between: (DateTime<Utc>, DateTime<Utc>),
        now: DateTime<Utc>,
    ) -> Result<u64> {
        Ok(on!(self, |db| sqlx::query(REPLAY)
            .bind(endpoint.0)
            .bind(between.0.timestamp_millis())
            .bind(between.1.timestamp_millis())
            .bind(now.timestamp_millis())
            .bind(test)
            .execute(db)
            .await
            .map(|done| done.rows_affected()))?)
    }

    /// One line of the ledger, as it is told.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn told_consent(&mut self, id: ConsentId) -> Result<Option<ToldConsent>> {
        type Row = (Option<Vec<u8>>, Option<String>, String, String, String, String, Option<String>);
        let row: Option<Row> = on!(self, |db| sqlx::query_as(CONSENT).bind(id.0).fetch_optional(db).await)?;
        Ok(row.map(|(phone_hash, recipient, choice, source, binds, scope, name)| ToldConsent {
            phone_hash,
            recipient,
            choice,
            source,
            binds,
            scope: (scope, name),
        }))
    }

    /// Forgets events that are older, a few at a time; answers how many.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn forget_webhook_events(&mut self, before: DateTime<Utc>, limit: u32) -> Result<u64> {
        Ok(on!(self, |db| sqlx::query(FORGET)
            .bind(before.timestamp_millis())
            .bind(i64::from(limit))
            .execute(db)
            .await
            .map(|done| done.rows_affected()))?)
    }
}

#[derive(sqlx::FromRow)]
struct RawRow {
    number: i64,
    event_type: String,
    at: i64,
    test: Option<bool>,
    subject_type: Option<String>,
    subject_id: Option<String>,
    message_id: Option<Uuid>,
    line: Option<i64>,
    consent_id: Option<Uuid>,
    data: Option<String>,
}

fn raw_from(row: RawRow) -> Result<RawWebhookEvent> {
    let source = match (row.message_id, row.line, row.consent_id) {
        (Some(id), Some(line), _) => Source::Message(MessageId(id), line),
        (_, _, Some(id)) => Source::Consent(ConsentId(id)),
        _ => Source::Data(
            row.data.as_deref().and_then(|data| serde_json::from_str(data).ok()).unwrap_or_default(),
        ),
    };
    Ok(RawWebhookEvent {
        number: row.number,
        at: moment(row.at, "webhook_events", &row.number.to_string())?,
        event_type: row.event_type,
        test: row.test,
        subject: row.subject_type.zip(row.subject_id),
        source,
    })
}
