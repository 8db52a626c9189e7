//! What texts cost. The counts are kept by the database itself, in the unit of work that commits to a
//! call or learns of its end (see the migration); here they are read, and prices are filled in.

use super::{Inner, Result, Sql, Tx, on};
use crate::domain::id::AttemptId;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// Length of the stretches that are counted in: every zone's days begin on one.
pub const QUARTER: TimeDelta = TimeDelta::minutes(15);

/// What was counted in one quarter of an hour.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
#[expect(missing_docs, reason = "as in the table")]
pub struct UsageRow {
    pub quarter: i64,
    pub kind: String,
    pub country: String,
    pub locale: String,
    pub texts: i64,
    pub segments: i64,
    pub estimated_micros: i64,
    pub priced: i64,
    pub actual_micros: i64,
    pub priced_estimate_micros: i64,
}

/// All that was ever counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
#[expect(missing_docs, reason = "as in the table")]
pub struct UsageTotal {
    pub texts: i64,
    pub estimated_micros: i64,
    pub priced: i64,
    pub actual_micros: i64,
    pub priced_estimate_micros: i64,
}

const BETWEEN: &str = "SELECT quarter, kind, country, locale, CAST(SUM(texts) AS BIGINT) AS texts,
        CAST(SUM(segments) AS BIGINT) AS segments, CAST(SUM(estimated_micros) AS BIGINT) AS estimated_micros,
        CAST(SUM(priced) AS BIGINT) AS priced, CAST(SUM(actual_micros) AS BIGINT) AS actual_micros,
        CAST(SUM(priced_estimate_micros) AS BIGINT) AS priced_estimate_micros
    FROM usage WHERE test = $1 AND quarter >= $2 AND quarter < $3
    GROUP BY quarter, kind, country, locale ORDER BY quarter, kind, country, locale";

const TOTAL: &str = "SELECT CAST(COALESCE(SUM(texts), 0) AS BIGINT) AS texts,
        CAST(COALESCE(SUM(estimated_micros), 0) AS BIGINT) AS estimated_micros,
        CAST(COALESCE(SUM(priced), 0) AS BIGINT) AS priced,
        CAST(COALESCE(SUM(actual_micros), 0) AS BIGINT) AS actual_micros,
        CAST(COALESCE(SUM(priced_estimate_micros), 0) AS BIGINT) AS priced_estimate_micros
    FROM usage_totals WHERE test = $1";

// Whoever lives may be counting; a connection that begins meanwhile under an old number begins its row anew.
const FOLD: &str = "WITH gone AS (DELETE FROM usage_totals
        WHERE shard <> 0 AND shard NOT IN (SELECT pid FROM pg_stat_activity) RETURNING *)
    INSERT INTO usage_totals (test, shard, texts, estimated_micros, priced, actual_micros, priced_estimate_micros)
    SELECT test, 0, CAST(SUM(texts) AS BIGINT), CAST(SUM(estimated_micros) AS BIGINT),
        CAST(SUM(priced) AS BIGINT), CAST(SUM(actual_micros) AS BIGINT),
        CAST(SUM(priced_estimate_micros) AS BIGINT) FROM gone GROUP BY test
    ON CONFLICT (test, shard) DO UPDATE SET texts = usage_totals.texts + excluded.texts,
        estimated_micros = usage_totals.estimated_micros + excluded.estimated_micros,
        priced = usage_totals.priced + excluded.priced,
        actual_micros = usage_totals.actual_micros + excluded.actual_micros,
        priced_estimate_micros = usage_totals.priced_estimate_micros + excluded.priced_estimate_micros";

const WITHOUT_PRICE: &str = "SELECT id, sid, intent_at FROM attempts
    WHERE price_due_at <= $1 AND sid IS NOT NULL AND test = $2 ORDER BY price_due_at LIMIT $3";

const PRICE: &str = "UPDATE attempts SET price_micros = $2, billed_segments = $3, price_due_at = NULL
    WHERE id = $1 AND price_micros IS NULL";

const ASK_AGAIN: &str = "UPDATE attempts SET price_due_at = $2 WHERE id = $1";

const BLOW: &str =
    "INSERT INTO blown_fuses (fuse, until, test, at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";

const BLOWN: &str = "SELECT fuse FROM blown_fuses WHERE until > $1 AND test = $2 ORDER BY at, fuse";

const IS_BLOWN: &str = "SELECT COUNT(*) FROM blown_fuses WHERE fuse = $1 AND until = $2 AND test = $3";

// Whoever counts against a fuse counts alone; on SQLite the unit of work is that.
const LOCK: Sql = Sql { sqlite: "SELECT 1", postgres: "LOCK TABLE blown_fuses IN EXCLUSIVE MODE" };

fn quarter(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis().div_euclid(QUARTER.num_milliseconds())
}

impl Tx {
    /// What was counted from one moment until another, both on a quarter of an hour.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn usage(
        &mut self,
        test: bool,
        since: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<UsageRow>> {
        Ok(on!(self, |db| sqlx::query_as(BETWEEN)
            .bind(test)
            .bind(quarter(since))
            .bind(quarter(until))
            .fetch_all(db)
            .await)?)
    }

    /// All that was ever counted: a handful of rows, however much that is.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn usage_total(&mut self, test: bool) -> Result<UsageTotal> {
        Ok(on!(self, |db| sqlx::query_as(TOTAL).bind(test).fetch_one(db).await)?)
    }

    /// Adds up what connections have counted that are gone. On SQLite one counts for all.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn fold_usage(&mut self) -> Result<()> {
        if let Inner::Postgres(tx) = &mut self.inner {
            sqlx::query(FOLD).execute(&mut **tx).await?;
        }
        Ok(())
    }

    /// Until the end of the unit of work nobody else counts against a fuse.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn lock_fuses(&mut self) -> Result<()> {
        let lock = LOCK.on(self);
        on!(self, |db| sqlx::query(lock).execute(db).await.map(drop))?;
        Ok(())
    }

    /// Calls whose price is to be asked for: ours, the provider's identifier, and when it was made.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn attempts_without_price(
        &mut self,
        test: bool,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<(AttemptId, String, DateTime<Utc>)>> {
        let rows: Vec<(Uuid, String, i64)> = on!(self, |db| sqlx::query_as(WITHOUT_PRICE)
            .bind(now.timestamp_millis())
            .bind(test)
            .bind(i64::from(limit))
            .fetch_all(db)
            .await)?;
        rows.into_iter()
            .map(|(id, sid, at)| Ok((AttemptId(id), sid, super::moment(at, "attempts", &id.to_string())?)))
            .collect()
    }

    /// Writes down what a call cost and how many segments were billed, once.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn set_price(&mut self, id: AttemptId, micros: i64, segments: Option<u32>) -> Result<()> {
        on!(self, |db| sqlx::query(PRICE)
            .bind(id.0)
            .bind(micros)
            .bind(segments.map(i64::from))
            .execute(db)
            .await
            .map(drop))?;
        Ok(())
    }

    /// The price is not known yet: when to ask again, if at all.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn ask_price_again(&mut self, id: AttemptId, at: Option<DateTime<Utc>>) -> Result<()> {
        let at = at.map(|at| at.timestamp_millis());
        on!(self, |db| sqlx::query(ASK_AGAIN).bind(id.0).bind(at).execute(db).await.map(drop))?;
        Ok(())
    }

    /// Writes down that a fuse is blown until then; `false` when that was known.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn blow_fuse(
        &mut self,
        fuse: &str,
        test: bool,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        let added = on!(self, |db| sqlx::query(BLOW)
            .bind(fuse)
            .bind(until.timestamp_millis())
            .bind(test)
            .bind(now.timestamp_millis())
            .execute(db)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(added == 1)
    }

    /// Whether it is written down already that a fuse is blown until then.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn is_fuse_blown(&mut self, fuse: &str, test: bool, until: DateTime<Utc>) -> Result<bool> {
        let until = until.timestamp_millis();
        let count: i64 = on!(self, |db| sqlx::query_scalar(IS_BLOWN)
            .bind(fuse)
            .bind(until)
            .bind(test)
            .fetch_one(db)
            .await)?;
        Ok(count > 0)
    }

    /// Fuses of test or live texts that are blown now.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn blown_fuses(&mut self, test: bool, now: DateTime<Utc>) -> Result<Vec<String>> {
        let now = now.timestamp_millis();
        Ok(on!(self, |db| sqlx::query_scalar(BLOWN).bind(now).bind(test).fetch_all(db).await)?)
    }
}
