//! What policies answered, with everything they were told, byte for byte.

use super::rows::{self, both, rows, value};
use super::{Result, Sql, Tx, inconsistent, moment, on};
use crate::domain::calendar::TZ_DATABASE;
use crate::domain::id::{DecisionId, EventId, MessageId};
use crate::domain::policy::Answerer;
use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

/// A decision to keep.
#[derive(Clone, Debug)]
pub struct NewDecision<'a> {
    /// Ours.
    pub id: DecisionId,
    /// The message it was about.
    pub message: Option<MessageId>,
    /// The event it was about.
    pub event: Option<EventId>,
    /// Under whose key it is sealed.
    pub recipient: &'a str,
    /// `plan`, `decide`, `on-failure`, `on-reply`.
    pub question: &'static str,
    /// Who answered.
    pub by: &'a Answerer,
    /// JSON, as it was asked.
    pub input: &'a [u8],
    /// JSON, as it was answered; after a fault its code and its text.
    pub answer: &'a [u8],
    /// `send`, `defer`, ... or the code of a fault.
    pub outcome: &'a str,
    /// Stable, for counting.
    pub reason_code: &'a str,
    /// One sentence for staff.
    pub reason_text: &'a str,
    /// When.
    pub at: DateTime<Utc>,
}

/// A decision as it was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "as in the table")]
pub struct DecisionRecord {
    pub id: DecisionId,
    pub question: String,
    pub policy: String,
    pub version: String,
    pub hash: String,
    pub settings_hash: String,
    pub tz_database: String,
    /// `None` after an erasure.
    pub input: Option<Vec<u8>>,
    /// `None` after an erasure.
    pub answer: Option<Vec<u8>>,
    /// What the policy logged; none after an erasure.
    pub log: Vec<String>,
    pub outcome: String,
    pub reason_code: String,
    pub reason_text: String,
    pub fuel: i64,
    pub at: DateTime<Utc>,
}

#[derive(sqlx::FromRow)]
pub(super) struct DecisionRow {
    pub(super) id: Uuid,
    recipient_id: String,
    question: String,
    policy: String,
    version: String,
    hash: String,
    settings_hash: String,
    tz_database: String,
    input_sealed: Option<Vec<u8>>,
    answer_sealed: Option<Vec<u8>>,
    log_sealed: Option<Vec<u8>>,
    outcome: String,
    reason_code: String,
    reason_text: String,
    fuel: i64,
    at: i64,
}

macro_rules! columns {
    () => {
        "id, recipient_id, question, policy, version, hash, settings_hash, tz_database, input_sealed, answer_sealed,
         log_sealed, outcome, reason_code, reason_text, fuel, at"
    };
}
pub(super) use columns;

macro_rules! insert {
    ($db:ident) => {
        concat!(
            "INSERT INTO decisions (id, message_id, event_id, recipient_id, question, policy, version, hash,
                settings_hash, tz_database, input_sealed, answer_sealed, log_sealed, outcome, reason_code, reason_text, fuel, at)
            SELECT ",
            value!($db, id, 0), ", ", value!($db, id, 1), ", ", value!($db, id, 2), ", ",
            value!($db, text, 3), ", ", value!($db, text, 4), ", ", value!($db, text, 5), ", ",
            value!($db, text, 6), ", ", value!($db, text, 7), ", ", value!($db, text, 8), ", ",
            value!($db, text, 9), ", ", value!($db, bytes, 10), ", ", value!($db, bytes, 11), ", ",
            value!($db, bytes, 12), ", ", value!($db, text, 13), ", ", value!($db, text, 14), ", ",
            value!($db, text, 15), ", ", value!($db, number, 16), ", ", value!($db, number, 17), " FROM ", rows!($db)
        )
    };
}
const INSERT: Sql = both!(insert);

const OF_MESSAGE: &str =
    concat!("SELECT ", columns!(), " FROM decisions WHERE message_id = $1 ORDER BY at, id");

const OF_EVENT: &str = concat!("SELECT ", columns!(), " FROM decisions WHERE event_id = $1 ORDER BY at, id");

impl Tx {
    /// Keeps a decision.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn insert_decision(&mut self, new: &NewDecision<'_>) -> Result<()> {
        let row = new.id.0.as_bytes();
        // A person who was erased meanwhile leaves the decision, and nothing of what it was about.
        let (input, answer, log) = match self.recipient_key(new.recipient).await? {
            Some(key) => (
                Some(self.keys.seal(&key, "decisions.input", row, new.input)?),
                Some(self.keys.seal(&key, "decisions.answer", row, new.answer)?),
                match &new.by.log[..] {
                    [] => None,
                    lines => {
                        let lines = json!(lines).to_string();
                        Some(self.keys.seal(&key, "decisions.log", row, lines.as_bytes())?)
                    }
                },
            ),
            None => (None, None, None),
        };
        let bytes = |sealed: Option<Vec<u8>>| sealed.as_deref().map(rows::bytes);
        self.staged.decisions.push(json!([
            rows::id(new.id.0),
            new.message.map(|id| rows::id(id.0)),
            new.event.map(|id| rows::id(id.0)),
            new.recipient,
            new.question,
            new.by.name,
            new.by.version,
            new.by.hash,
            new.by.settings_hash,
            TZ_DATABASE,
            bytes(input),
            bytes(answer),
            bytes(log),
            new.outcome,
            new.reason_code,
            new.reason_text,
            i64::try_from(new.by.fuel).unwrap_or(i64::MAX),
            new.at.timestamp_millis()
        ]));
        Ok(())
    }

    pub(super) async fn write_decisions(&mut self) -> Result<()> {
        let decisions = std::mem::take(&mut self.staged.decisions);
        if decisions.is_empty() {
            return Ok(());
        }
        let (sql, rows) = (INSERT.on(self), rows::parameter("decisions", &decisions)?);
        on!(self, |db| sqlx::query(sql).bind(rows).execute(db).await.map(drop))?;
        Ok(())
    }

    /// What was decided about a message, in order.
    ///
    /// # Errors
    ///
    /// Fails when the database does, or a sealed value does not open.
    pub async fn decisions_of_message(&mut self, id: MessageId) -> Result<Vec<DecisionRecord>> {
        let rows: Vec<DecisionRow> =
            on!(self, |db| sqlx::query_as(OF_MESSAGE).bind(id.0).fetch_all(db).await)?;
        self.open_decisions(rows).await
    }

    /// What was planned from an event, in order.
    ///
    /// # Errors
    ///
    /// Fails when the database does, or a sealed value does not open.
    pub async fn decisions_of_event(&mut self, id: EventId) -> Result<Vec<DecisionRecord>> {
        let rows: Vec<DecisionRow> = on!(self, |db| sqlx::query_as(OF_EVENT).bind(id.0).fetch_all(db).await)?;
        self.open_decisions(rows).await
    }

    pub(super) async fn open_decisions(&mut self, rows: Vec<DecisionRow>) -> Result<Vec<DecisionRecord>> {
        let mut decisions = Vec::with_capacity(rows.len());
        for row in rows {
            let key = self.recipient_key(&row.recipient_id).await?;
            let open = |column: &str, sealed: Option<Vec<u8>>| match (&key, sealed) {
                (Some(key), Some(sealed)) => {
                    self.keys.open_sealed(key, column, row.id.as_bytes(), &sealed).map(Some)
                }
                _ => Ok(None),
            };
            decisions.push(DecisionRecord {
                id: DecisionId(row.id),
                input: open("decisions.input", row.input_sealed)?,
                answer: open("decisions.answer", row.answer_sealed)?,
                log: open("decisions.log", row.log_sealed)?
                    .map(|lines| serde_json::from_slice(&lines))
                    .transpose()
                    .map_err(|error| inconsistent("decisions", row.id.to_string(), error.to_string()))?
                    .unwrap_or_default(),
                question: row.question,
                policy: row.policy,
                version: row.version,
                hash: row.hash,
                settings_hash: row.settings_hash,
                tz_database: row.tz_database,
                outcome: row.outcome,
                reason_code: row.reason_code,
                reason_text: row.reason_text,
                fuel: row.fuel,
                at: moment(row.at, "decisions", &row.id.to_string())?,
            });
        }
        Ok(decisions)
    }
}
