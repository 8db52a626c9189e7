//! Running processes, and the work of those that died.

use super::{Result, Sql, Store, Tx, moment, on};
use crate::domain::id::HostId;
use chrono::{DateTime, Utc};

const SEEN: &str = "INSERT INTO hosts (id, started_at, seen_at) VALUES ($1, $2, $2)
    ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at";

const GONE: &str = "DELETE FROM hosts WHERE id = $1";

const SWEEP: &str = "DELETE FROM hosts WHERE seen_at < $1";

const CLOCK: Sql = Sql {
    sqlite: "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)",
    postgres: "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
};

impl Store {
    /// What the database's own clock says.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn clock(&self) -> Result<DateTime<Utc>> {
        let mut tx = self.read().await?;
        let sql = CLOCK.on(&tx);
        let millis: i64 = on!(tx, |db| sqlx::query_scalar(sql).fetch_one(db).await)?;
        moment(millis, "hosts", "the clock")
    }
}

impl Tx {
    /// This process is alive.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn host_seen(&mut self, id: HostId, now: DateTime<Utc>) -> Result<()> {
        on!(self, |db| sqlx::query(SEEN)
            .bind(id.0)
            .bind(now.timestamp_millis())
            .execute(db)
            .await
            .map(drop))?;
        Ok(())
    }

    /// This process ends; it holds nothing any more.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn host_gone(&mut self, id: HostId) -> Result<()> {
        on!(self, |db| sqlx::query(GONE).bind(id.0).execute(db).await.map(drop))?;
        Ok(())
    }

    /// Processes that are written down as running.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn count_hosts(&mut self) -> Result<i64> {
        Ok(on!(self, |db| sqlx::query_scalar("SELECT COUNT(*) FROM hosts").fetch_one(db).await)?)
    }

    /// Forgets the processes that were last seen before a moment; what they held is then nobody's.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn forget_dead_hosts(&mut self, seen_before: DateTime<Utc>) -> Result<()> {
        let limit = seen_before.timestamp_millis();
        on!(self, |db| sqlx::query(SWEEP).bind(limit).execute(db).await.map(drop))?;
        Ok(())
    }
}
