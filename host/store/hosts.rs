//! Running processes, and the work of those that died.

use super::{Result, Sql, Store, Tx, moment, on};
use crate::domain::id::HostId;
use chrono::{DateTime, Utc};
use uuid::Uuid;

const SEEN: &str = "INSERT INTO hosts (id, started_at, seen_at) VALUES ($1, $2, $2)
    ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at";

const GONE: &str = "DELETE FROM hosts WHERE id = $1";

const OTHERS: &str = "DELETE FROM hosts WHERE id <> $1";

// Not one that has said meanwhile that it lives.
const DEAD: &str = "DELETE FROM hosts WHERE id = $1 AND seen_at = $2";

const SEEN_AT: &str = "SELECT id, seen_at FROM hosts";

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

    /// Running processes, and when each last said so by its own clock.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn hosts(&mut self) -> Result<Vec<(HostId, DateTime<Utc>)>> {
        let rows: Vec<(Uuid, i64)> = on!(self, |db| sqlx::query_as(SEEN_AT).fetch_all(db).await)?;
        rows.into_iter().map(|(id, at)| Ok((HostId(id), moment(at, "hosts", &id.to_string())?))).collect()
    }

    /// A moment at which the database was in use, near the last one; `None` when it never was.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn last_seen(&mut self) -> Result<Option<DateTime<Utc>>> {
        let seen: Option<i64> =
            on!(self, |db| sqlx::query_scalar("SELECT MAX(seen_at) FROM hosts").fetch_one(db).await)?;
        let last = match seen {
            Some(seen) => Some(seen),
            // A host that ends in peace leaves no row: then the newest line of any text.
            None => on!(self, |db| sqlx::query_scalar("SELECT MAX(at) FROM journal").fetch_one(db).await)?,
        };
        last.map(|millis| moment(millis, "hosts", "the last one")).transpose()
    }

    /// Forgets processes that are dead; what they held is then nobody's.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn forget_hosts(&mut self, dead: &[(HostId, DateTime<Utc>)]) -> Result<()> {
        for (id, seen_at) in dead {
            on!(self, |db| sqlx::query(DEAD)
                .bind(id.0)
                .bind(seen_at.timestamp_millis())
                .execute(db)
                .await
                .map(drop))?;
        }
        Ok(())
    }

    /// Forgets all processes but one: where there can be no other.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn forget_other_hosts(&mut self, id: HostId) -> Result<()> {
        on!(self, |db| sqlx::query(OTHERS).bind(id.0).execute(db).await.map(drop))?;
        Ok(())
    }
}
