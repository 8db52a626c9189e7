//! Decisions in the order in which they were made, page by page: what a candidate is tried on.

use super::decisions::{DecisionRecord, DecisionRow, columns};
use super::{Result, Tx, on};
use crate::domain::id::DecisionId;
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A decision, and what the text it was about was counted as.
#[derive(Clone, Debug)]
pub struct PastDecision {
    /// The decision.
    pub record: DecisionRecord,
    /// The text's segments, when one was written.
    pub segments: Option<i64>,
    /// No later decision says whether the same message goes out.
    pub is_last: bool,
}

#[derive(sqlx::FromRow)]
struct PageRow {
    #[sqlx(flatten)]
    decision: DecisionRow,
    segments: Option<i64>,
    is_last: bool,
}

const ONE: &str = concat!("SELECT ", columns!(), " FROM decisions WHERE id = $1");

const PAGE: &str = concat!(
    "SELECT ",
    columns!(),
    ", (SELECT segments FROM messages WHERE messages.id = decisions.message_id) AS segments,
    NOT (decisions.question = 'decide' AND EXISTS (
        -- From the place of this one in the index of its message on: the next entry mostly settles it.
        SELECT 1 FROM decisions AS later WHERE later.message_id = decisions.message_id
        AND later.id > decisions.id AND later.question = 'decide'
    )) AS is_last
    FROM decisions WHERE id > $1 ORDER BY id LIMIT $2"
);

/// The keys of all people of a page at once.
const KEYS: &str = "SELECT id, key_id, wrapped_key FROM recipients
    WHERE id IN (SELECT recipient_id FROM decisions WHERE id > $1 AND id <= $2)";

const COUNT: &str = "SELECT COUNT(*) FROM decisions WHERE id > $1";

impl DecisionId {
    /// What sorts before every decision made at this moment or later.
    #[must_use]
    pub fn before(moment: DateTime<Utc>) -> Self {
        let millis = u64::try_from(moment.timestamp_millis()).unwrap_or(0);
        Self(Uuid::from_u128(u128::from(millis) << 80))
    }
}

impl Tx {
    /// One decision.
    ///
    /// # Errors
    ///
    /// Fails when the database does, or a sealed value does not open.
    pub async fn decision(&mut self, id: DecisionId) -> Result<Option<DecisionRecord>> {
        let rows: Vec<DecisionRow> = on!(self, |db| sqlx::query_as(ONE).bind(id.0).fetch_all(db).await)?;
        Ok(self.open_decisions(rows).await?.pop())
    }

    /// How many decisions come after this one.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn count_decisions(&mut self, after: DecisionId) -> Result<u64> {
        let count: i64 = on!(self, |db| sqlx::query_scalar(COUNT).bind(after.0).fetch_one(db).await)?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// The next decisions after this one, oldest first; empty at the end.
    ///
    /// # Errors
    ///
    /// Fails when the database does, or a sealed value does not open.
    pub async fn decisions_after(&mut self, after: DecisionId, limit: u32) -> Result<Vec<PastDecision>> {
        let rows: Vec<PageRow> =
            on!(self, |db| sqlx::query_as(PAGE).bind(after.0).bind(i64::from(limit)).fetch_all(db).await)?;
        let Some(last) = rows.last().map(|row| row.decision.id) else { return Ok(Vec::new()) };
        let keys: Vec<(String, String, Option<Vec<u8>>)> =
            on!(self, |db| sqlx::query_as(KEYS).bind(after.0).bind(last).fetch_all(db).await)?;
        for (recipient, key_id, wrapped) in keys {
            let key = wrapped.map(|wrapped| self.keys.unwrap(&key_id, &recipient, &wrapped)).transpose()?;
            self.met.insert(recipient, key);
        }
        let (decisions, counted): (Vec<_>, Vec<_>) =
            rows.into_iter().map(|row| (row.decision, (row.segments, row.is_last))).unzip();
        let records = self.open_decisions(decisions).await?;
        Ok(records
            .into_iter()
            .zip(counted)
            .map(|(record, (segments, is_last))| PastDecision { record, segments, is_last })
            .collect())
    }
}
