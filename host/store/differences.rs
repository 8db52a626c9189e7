//! What shadows would have said differently: no texts and no people, only words that are counted.

use super::{Result, Tx, moment, on};
use crate::domain::id::{DecisionId, EventId, MessageId};
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// One is kept for so long.
const KEPT: TimeDelta = TimeDelta::days(90);

/// One answer of a shadow that was not that of the policy at work.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "as in the table")]
pub struct Difference {
    pub question: String,
    /// `answer`, `reason` or `fault`.
    pub kind: String,
    pub policy: String,
    pub policy_hash: String,
    pub outcome: String,
    pub reason_code: String,
    pub shadow: String,
    pub shadow_version: String,
    pub shadow_hash: String,
    pub shadow_settings_hash: String,
    /// Of a fault, its code.
    pub shadow_outcome: String,
    pub shadow_reason_code: String,
    /// The message or event.
    pub about: Option<Uuid>,
    pub at: DateTime<Utc>,
}

/// One to keep.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "as in the table")]
pub struct NewDifference<'a> {
    pub id: DecisionId,
    pub message: Option<MessageId>,
    pub event: Option<EventId>,
    pub difference: &'a Difference,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    message_id: Option<Uuid>,
    event_id: Option<Uuid>,
    question: String,
    difference: String,
    policy: String,
    policy_hash: String,
    outcome: String,
    reason_code: String,
    shadow: String,
    shadow_version: String,
    shadow_hash: String,
    shadow_settings_hash: String,
    shadow_outcome: String,
    shadow_reason_code: String,
    at: i64,
}

const INSERT: &str = "INSERT INTO policy_differences (id, message_id, event_id, question, difference, policy,
        policy_hash, outcome, reason_code, shadow, shadow_version, shadow_hash, shadow_settings_hash,
        shadow_outcome, shadow_reason_code, at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";

const PRUNE: &str = "DELETE FROM policy_differences WHERE at < $1";

const NEWEST: &str = "SELECT id, message_id, event_id, question, difference, policy, policy_hash, outcome,
        reason_code, shadow, shadow_version, shadow_hash, shadow_settings_hash, shadow_outcome,
        shadow_reason_code, at
    FROM policy_differences ORDER BY at DESC, id DESC LIMIT $1";

impl Tx {
    /// Keeps a difference, and no longer those that are old.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn insert_difference(&mut self, new: &NewDifference<'_>) -> Result<()> {
        let it = new.difference;
        on!(self, |db| sqlx::query(INSERT)
            .bind(new.id.0)
            .bind(new.message.map(|id| id.0))
            .bind(new.event.map(|id| id.0))
            .bind(&it.question)
            .bind(&it.kind)
            .bind(&it.policy)
            .bind(&it.policy_hash)
            .bind(&it.outcome)
            .bind(&it.reason_code)
            .bind(&it.shadow)
            .bind(&it.shadow_version)
            .bind(&it.shadow_hash)
            .bind(&it.shadow_settings_hash)
            .bind(&it.shadow_outcome)
            .bind(&it.shadow_reason_code)
            .bind(it.at.timestamp_millis())
            .execute(db)
            .await
            .map(drop))?;
        let oldest = (it.at - KEPT).timestamp_millis();
        on!(self, |db| sqlx::query(PRUNE).bind(oldest).execute(db).await.map(drop))?;
        Ok(())
    }

    /// The newest differences.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn differences(&mut self, limit: u32) -> Result<Vec<Difference>> {
        let rows: Vec<Row> =
            on!(self, |db| sqlx::query_as(NEWEST).bind(i64::from(limit)).fetch_all(db).await)?;
        let open = |row: Row| {
            Ok(Difference {
                about: row.message_id.or(row.event_id),
                at: moment(row.at, "policy_differences", &row.id.to_string())?,
                question: row.question,
                kind: row.difference,
                policy: row.policy,
                policy_hash: row.policy_hash,
                outcome: row.outcome,
                reason_code: row.reason_code,
                shadow: row.shadow,
                shadow_version: row.shadow_version,
                shadow_hash: row.shadow_hash,
                shadow_settings_hash: row.shadow_settings_hash,
                shadow_outcome: row.shadow_outcome,
                shadow_reason_code: row.shadow_reason_code,
            })
        };
        rows.into_iter().map(open).collect()
    }
}
