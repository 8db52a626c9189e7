//! Backups that were put back.

use super::{Result, Tx, moment, on};
use chrono::{DateTime, Utc};

/// A backup that was put back. What was sent between the two moments is known to the provider alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// When it was put back.
    pub at: DateTime<Utc>,
    /// Whether texts of test keys are meant, or live ones.
    pub test: bool,
    /// The moment of the backup, or one before it.
    pub since: DateTime<Utc>,
}

const KEEP: &str = "INSERT INTO recoveries (at, test, since) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";

const AFTER: &str = "SELECT at, test, since FROM recoveries WHERE at > $1 ORDER BY at";

impl Tx {
    /// Keeps that a backup was put back.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn keep_recovery(&mut self, recovery: &Recovery) -> Result<()> {
        on!(self, |db| sqlx::query(KEEP)
            .bind(recovery.at.timestamp_millis())
            .bind(recovery.test)
            .bind(recovery.since.timestamp_millis())
            .execute(db)
            .await
            .map(drop))?;
        Ok(())
    }

    /// The backups that were put back after a moment, the oldest first.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn recoveries(&mut self, after: DateTime<Utc>) -> Result<Vec<Recovery>> {
        let rows: Vec<(i64, bool, i64)> =
            on!(self, |db| sqlx::query_as(AFTER).bind(after.timestamp_millis()).fetch_all(db).await)?;
        let at = |millis| moment(millis, "recoveries", "one");
        rows.into_iter()
            .map(|(put_back, test, since)| Ok(Recovery { at: at(put_back)?, test, since: at(since)? }))
            .collect()
    }
}
