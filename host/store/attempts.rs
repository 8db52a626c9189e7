//! Attempts, which are committed before the call they stand for.

use super::rows::{self, both, ids, rows, value};
use super::{Result, Sql, Tx, inconsistent, moment, on, small};
use crate::domain::failure::ProviderError;
use crate::domain::id::{AttemptId, HostId, MessageId};
use crate::domain::phone::PhoneNumber;
use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

/// What came of a call, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "as in `SendOutcome`")]
pub enum AttemptOutcome {
    Accepted,
    Refused,
    NotNow,
    NotReached,
    Unknown,
    /// The provider was searched twice and does not have it.
    Absent,
}

impl AttemptOutcome {
    /// The word in columns and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::NotNow => "not_now",
            Self::NotReached => "not_reached",
            Self::Unknown => "unknown",
            Self::Absent => "absent",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Accepted, Self::Refused, Self::NotNow, Self::NotReached, Self::Unknown, Self::Absent]
            .into_iter()
            .find(|outcome| outcome.name() == name)
    }
}

/// A call that is about to be made.
#[derive(Clone, Debug)]
pub struct NewAttempt<'a> {
    /// Ours; it is in the address that the provider calls back.
    pub id: AttemptId,
    /// For which message.
    pub message: MessageId,
    /// The process that makes it.
    pub host: HostId,
    /// The number or service it is made from.
    pub sender: &'a str,
    /// The text as it is sent, of which only a keyed hash is kept here.
    pub body: &'a str,
    /// When.
    pub intent_at: DateTime<Utc>,
}

/// One call for one message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "as in the table")]
pub struct Attempt {
    pub id: AttemptId,
    pub message: MessageId,
    pub number: u32,
    pub sender: String,
    pub intent_at: DateTime<Utc>,
    pub outcome: Option<AttemptOutcome>,
    pub settled_at: Option<DateTime<Utc>>,
    pub sid: Option<String>,
    pub http_status: Option<i64>,
    pub error_code: Option<i64>,
    pub error_text: Option<String>,
    pub error_class: Option<String>,
    pub absent_at: Option<DateTime<Utc>>,
    pub billed_segments: Option<u32>,
    pub price_micros: Option<i64>,
}

/// An attempt whose text must be found at the provider.
#[derive(Clone, Debug)]
pub struct OpenAttempt {
    /// The attempt.
    pub attempt: Attempt,
    /// Keyed hash of the text as it was sent.
    pub body_hash: Vec<u8>,
}

#[derive(sqlx::FromRow)]
struct AttemptRow {
    id: Uuid,
    message_id: Uuid,
    number: i64,
    sender: String,
    body_hash: Vec<u8>,
    intent_at: i64,
    outcome: Option<String>,
    settled_at: Option<i64>,
    sid: Option<String>,
    http_status: Option<i64>,
    error_code: Option<i64>,
    error_text: Option<String>,
    error_class: Option<String>,
    absent_at: Option<i64>,
    billed_segments: Option<i64>,
    price_micros: Option<i64>,
}

macro_rules! columns {
    () => {
        "id, message_id, number, sender, body_hash, intent_at, outcome, settled_at, sid, http_status, error_code,
         error_text, error_class, absent_at, billed_segments, price_micros"
    };
}

const OF_MESSAGE: &str =
    concat!("SELECT ", columns!(), " FROM attempts WHERE message_id = $1 ORDER BY number");

const BY_ID: &str = concat!("SELECT ", columns!(), " FROM attempts WHERE id = $1");

macro_rules! by_ids {
    ($db:ident) => {
        concat!("SELECT ", columns!(), " FROM attempts WHERE id IN ", ids!($db))
    };
}
const BY_IDS: Sql = both!(by_ids);

const BY_SID: &str = concat!("SELECT ", columns!(), " FROM attempts WHERE sid = $1");

const BEING_SENT: &str = "SELECT COUNT(*) FROM messages JOIN attempts ON attempts.id = messages.attempt_id
    WHERE messages.phone_hash = $2 AND messages.state = 'sending' AND attempts.body_hash = $1";

macro_rules! insert {
    ($db:ident) => {
        concat!(
            "INSERT INTO attempts (id, message_id, number, host, sender, body_hash, intent_at) SELECT ",
            value!($db, id, 0),
            ", ",
            value!($db, id, 1),
            ", (SELECT COUNT(*) + 1 FROM attempts WHERE message_id = ",
            value!($db, id, 1),
            "), ",
            value!($db, id, 2),
            ", ",
            value!($db, text, 3),
            ", ",
            value!($db, bytes, 4),
            ", ",
            value!($db, number, 5),
            " FROM ",
            rows!($db)
        )
    };
}
const INSERT: Sql = both!(insert);

const SETTLE: &str =
    "UPDATE attempts SET outcome = $2, settled_at = $3, sid = COALESCE(sid, $4), http_status = $5,
        error_code = $6, error_text = $7, error_class = $8
    WHERE id = $1 AND (outcome IS NULL OR outcome IN ('unknown', 'absent', 'not_now', 'not_reached'))";

const SEEN_ABSENT: &str = "UPDATE attempts SET absent_at = $2 WHERE id = $1";

macro_rules! settle_accepted {
    ($db:ident) => {
        concat!(
            "UPDATE attempts SET outcome = 'accepted', settled_at = new.at, sid = COALESCE(attempts.sid, new.sid),
                http_status = NULL, error_code = NULL, error_text = NULL, error_class = NULL
            FROM (SELECT ",
            value!($db, id, 0), " AS id, ", value!($db, text, 1), " AS sid, ", value!($db, number, 2), " AS at FROM ",
            rows!($db),
            ") AS new
            WHERE attempts.id = new.id
                AND (outcome IS NULL OR outcome IN ('unknown', 'absent', 'not_now', 'not_reached'))"
        )
    };
}
const SETTLE_ACCEPTED: Sql = both!(settle_accepted);

impl Tx {
    /// Commits a host to a call. Nothing may be sent before this unit of work is committed.
    pub fn insert_attempt(&mut self, new: &NewAttempt<'_>) {
        let hash = rows::bytes(&self.keys.hash("body", new.body));
        let at = new.intent_at.timestamp_millis();
        let row =
            json!([rows::id(new.id.0), rows::id(new.message.0), rows::id(new.host.0), new.sender, hash, at]);
        self.staged.attempts.push(row);
    }

    pub(super) async fn write_attempts(&mut self) -> Result<()> {
        let attempts = std::mem::take(&mut self.staged.attempts);
        if attempts.is_empty() {
            return Ok(());
        }
        let (sql, rows) = (INSERT.on(self), rows::parameter("attempts", &attempts)?);
        on!(self, |db| sqlx::query(sql).bind(rows).execute(db).await.map(drop))?;
        Ok(())
    }

    /// Writes what came of a call. `false` when that was written before: a SID that is known stays.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn settle_attempt(
        &mut self,
        id: AttemptId,
        outcome: AttemptOutcome,
        sid: Option<&str>,
        error: Option<&ProviderError>,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        let changed = on!(self, |db| sqlx::query(SETTLE)
            .bind(id.0)
            .bind(outcome.name())
            .bind(now.timestamp_millis())
            .bind(sid)
            .bind(error.and_then(|e| e.http_status).map(i64::from))
            .bind(error.and_then(|e| e.code).map(i64::from))
            .bind(error.map(|e| e.text.as_str()))
            .bind(error.map(|e| e.class.name()))
            .execute(db)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(changed == 1)
    }

    /// The provider was searched in vain.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn attempt_seen_absent(&mut self, id: AttemptId, now: DateTime<Utc>) -> Result<()> {
        on!(self, |db| sqlx::query(SEEN_ABSENT)
            .bind(id.0)
            .bind(now.timestamp_millis())
            .execute(db)
            .await
            .map(drop))?;
        Ok(())
    }

    /// The calls made for a message, in order.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn attempts_of(&mut self, message: MessageId) -> Result<Vec<Attempt>> {
        let rows: Vec<AttemptRow> =
            on!(self, |db| sqlx::query_as(OF_MESSAGE).bind(message.0).fetch_all(db).await)?;
        rows.into_iter().map(|row| OpenAttempt::try_from(row).map(|open| open.attempt)).collect()
    }

    /// An attempt by our id.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn attempt(&mut self, id: AttemptId) -> Result<Option<OpenAttempt>> {
        let row: Option<AttemptRow> =
            on!(self, |db| sqlx::query_as(BY_ID).bind(id.0).fetch_optional(db).await)?;
        row.map(TryInto::try_into).transpose()
    }

    /// Attempts by our ids, in no particular order.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn attempts(&mut self, ids: &[AttemptId]) -> Result<Vec<OpenAttempt>> {
        let ids: Vec<_> = ids.iter().map(|id| rows::id(id.0)).collect();
        let (sql, ids) = (BY_IDS.on(self), rows::parameter("attempts", &ids)?);
        let rows: Vec<AttemptRow> = on!(self, |db| sqlx::query_as(sql).bind(ids).fetch_all(db).await)?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// Writes that calls were accepted; an answer that was written before stays.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn settle_accepted(
        &mut self,
        accepted: &[(AttemptId, &str)],
        now: DateTime<Utc>,
    ) -> Result<()> {
        if accepted.is_empty() {
            return Ok(());
        }
        let at = now.timestamp_millis();
        let rows: Vec<_> = accepted.iter().map(|(id, sid)| json!([rows::id(id.0), sid, at])).collect();
        let (sql, rows) = (SETTLE_ACCEPTED.on(self), rows::parameter("attempts", &rows)?);
        on!(self, |db| sqlx::query(sql).bind(rows).execute(db).await.map(drop))?;
        Ok(())
    }

    /// Whether a call with these words to this phone is out, whose answer may still come.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn same_words_are_being_sent(&mut self, body_hash: &[u8], phone: &PhoneNumber) -> Result<bool> {
        let phone = self.phone_hash(phone);
        let count: i64 =
            on!(self, |db| sqlx::query_scalar(BEING_SENT).bind(body_hash).bind(&phone).fetch_one(db).await)?;
        Ok(count > 0)
    }

    /// The attempt that the provider knows by this identifier.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn attempt_by_sid(&mut self, sid: &str) -> Result<Option<OpenAttempt>> {
        let row: Option<AttemptRow> =
            on!(self, |db| sqlx::query_as(BY_SID).bind(sid).fetch_optional(db).await)?;
        row.map(TryInto::try_into).transpose()
    }
}

impl TryFrom<AttemptRow> for OpenAttempt {
    type Error = super::StoreError;

    fn try_from(row: AttemptRow) -> Result<Self> {
        let id = row.id.to_string();
        let at = |millis| moment(millis, "attempts", &id);
        let outcome = row
            .outcome
            .as_deref()
            .map(|name| {
                AttemptOutcome::from_name(name)
                    .ok_or_else(|| inconsistent("attempts", &id, "an outcome that is none"))
            })
            .transpose()?;
        Ok(Self {
            attempt: Attempt {
                id: AttemptId(row.id),
                message: MessageId(row.message_id),
                number: small(row.number, "attempts", &id)?,
                sender: row.sender,
                intent_at: at(row.intent_at)?,
                outcome,
                settled_at: row.settled_at.map(at).transpose()?,
                sid: row.sid,
                http_status: row.http_status,
                error_code: row.error_code,
                error_text: row.error_text,
                error_class: row.error_class,
                absent_at: row.absent_at.map(at).transpose()?,
                billed_segments: row
                    .billed_segments
                    .map(|segments| small(segments, "attempts", &id))
                    .transpose()?,
                price_micros: row.price_micros,
            },
            body_hash: row.body_hash,
        })
    }
}
