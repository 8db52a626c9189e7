//! Senders: how busy each is, counted for all hosts in one row; and the account that is refused as a whole.

use super::rows::{self, both, rows, value};
use super::{Result, Sql, Tx, inconsistent, moment, on};
use crate::domain::pace::Pace;
use chrono::{DateTime, Utc};
use serde_json::json;
use std::collections::HashMap;

const PACES: &str = "SELECT name, busy_until, speed, slowed_at FROM senders";

// Everybody locks rows in the same order. On SQLite the unit of work has the file to itself.
const LOCKED: Sql = Sql {
    sqlite: "SELECT name, busy_until, speed, slowed_at FROM senders ORDER BY name",
    postgres: "SELECT name, busy_until, speed, slowed_at FROM senders ORDER BY name FOR UPDATE",
};

macro_rules! keep {
    ($db:ident) => {
        concat!(
            "INSERT INTO senders (name, busy_until, speed, slowed_at) SELECT ",
            value!($db, text, 0),
            ", ",
            value!($db, number, 1),
            ", ",
            value!($db, number, 2),
            ", ",
            value!($db, number, 3),
            " FROM ",
            rows!($db),
            " WHERE TRUE ON CONFLICT (name) DO UPDATE SET busy_until = excluded.busy_until, speed = excluded.speed,
                slowed_at = excluded.slowed_at"
        )
    };
}
const KEEP: Sql = both!(keep);

const KNOWN: &str =
    "INSERT INTO senders (name, busy_until, speed) VALUES ($1, 0, 1000) ON CONFLICT (name) DO NOTHING";

const STOP: &str = "INSERT INTO account_stops (test, stopped_at, error_code, error_text, probe_at)
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT (test) DO NOTHING";

const REST: &str = "UPDATE account_stops SET error_code = $2, error_text = $3, probe_at = $4
    WHERE test = $1 AND probe_at < $4";

const PROBE: &str = "UPDATE account_stops SET probe_at = $3 WHERE test = $1 AND probe_at <= $2";

const PROBE_NOW: &str = "UPDATE account_stops SET probe_at = $1 WHERE probe_at > $1";

const RESUME: &str = "DELETE FROM account_stops WHERE test = $1";

const STOPS: &str =
    "SELECT test, stopped_at, error_code, error_text, probe_at FROM account_stops ORDER BY test";

type PaceRow = (String, i64, i64, Option<i64>);

/// An account that is refused as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountStop {
    /// The one that texts of test keys go through, or the live one.
    pub test: bool,
    /// Since when.
    pub stopped_at: DateTime<Utc>,
    /// The provider's code.
    pub error_code: Option<i64>,
    /// What it said, without numbers.
    pub error_text: String,
    /// When the next text is tried.
    pub probe_at: DateTime<Utc>,
}

impl Tx {
    /// How busy every sender is that was ever used.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn paces(&mut self) -> Result<HashMap<String, Pace>> {
        let rows: Vec<PaceRow> = on!(self, |db| sqlx::query_as(PACES).fetch_all(db).await)?;
        rows.into_iter().map(pace).collect()
    }

    /// The same, and nobody else changes them before the end of this unit of work.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn lock_paces(&mut self) -> Result<HashMap<String, Pace>> {
        let sql = LOCKED.on(self);
        let rows: Vec<PaceRow> = on!(self, |db| sqlx::query_as(sql).fetch_all(db).await)?;
        rows.into_iter().map(pace).collect()
    }

    /// A sender that this host may use: without its row hosts could not wait for one another.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn know_sender(&mut self, name: &str) -> Result<()> {
        on!(self, |db| sqlx::query(KNOWN).bind(name).execute(db).await.map(drop))?;
        Ok(())
    }

    /// Writes how busy some senders are now.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn keep_paces(&mut self, paces: &[(&str, Pace)]) -> Result<()> {
        if paces.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = paces
            .iter()
            .map(|(name, pace)| {
                let slowed_at = pace.slowed_at.map(|at| at.timestamp_millis());
                json!([name, pace.busy_until.timestamp_micros(), pace.speed, slowed_at])
            })
            .collect();
        let (sql, rows) = (KEEP.on(self), rows::parameter("senders", &rows)?);
        on!(self, |db| sqlx::query(sql).bind(rows).execute(db).await.map(drop))?;
        Ok(())
    }

    /// The account is refused as a whole; `false` when that was known, and it rests anew.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn stop_account(&mut self, stop: &AccountStop) -> Result<bool> {
        let probe_at = stop.probe_at.timestamp_millis();
        let added = on!(self, |db| sqlx::query(STOP)
            .bind(stop.test)
            .bind(stop.stopped_at.timestamp_millis())
            .bind(stop.error_code)
            .bind(&stop.error_text)
            .bind(probe_at)
            .execute(db)
            .await
            .map(|done| done.rows_affected()))?;
        if added == 1 {
            return Ok(true);
        }
        on!(self, |db| sqlx::query(REST)
            .bind(stop.test)
            .bind(stop.error_code)
            .bind(&stop.error_text)
            .bind(probe_at)
            .execute(db)
            .await
            .map(drop))?;
        Ok(false)
    }

    /// Whether this host is the one to try the account again now; nobody else is before `next`.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn may_probe(&mut self, test: bool, now: DateTime<Utc>, next: DateTime<Utc>) -> Result<bool> {
        let changed = on!(self, |db| sqlx::query(PROBE)
            .bind(test)
            .bind(now.timestamp_millis())
            .bind(next.timestamp_millis())
            .execute(db)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(changed == 1)
    }

    /// Refused accounts are tried again at once.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn probe_now(&mut self, now: DateTime<Utc>) -> Result<()> {
        let now = now.timestamp_millis();
        on!(self, |db| sqlx::query(PROBE_NOW).bind(now).execute(db).await.map(drop))?;
        Ok(())
    }

    /// The account is let through again; `false` when it was not stopped.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn resume_account(&mut self, test: bool) -> Result<bool> {
        let gone = on!(self, |db| sqlx::query(RESUME)
            .bind(test)
            .execute(db)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(gone == 1)
    }

    /// Accounts that are refused as a whole.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn account_stops(&mut self) -> Result<Vec<AccountStop>> {
        type Row = (bool, i64, Option<i64>, String, i64);
        let rows: Vec<Row> = on!(self, |db| sqlx::query_as(STOPS).fetch_all(db).await)?;
        let at = |millis| moment(millis, "account_stops", "the account");
        rows.into_iter()
            .map(|(test, stopped_at, error_code, error_text, probe_at)| {
                let (stopped_at, probe_at) = (at(stopped_at)?, at(probe_at)?);
                Ok(AccountStop { test, stopped_at, error_code, error_text, probe_at })
            })
            .collect()
    }
}

fn pace((name, busy_until, speed, slowed_at): PaceRow) -> Result<(String, Pace)> {
    let busy_until = DateTime::from_timestamp_micros(busy_until)
        .ok_or_else(|| inconsistent("senders", &name, "a moment out of range"))?;
    let slowed_at = slowed_at.map(|at| moment(at, "senders", &name)).transpose()?;
    Ok((name, Pace { busy_until, speed, slowed_at }))
}
