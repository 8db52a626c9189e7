//! Codes that were asked for and not given, with the reason: counted by the hour, so that an attack does not
//! fill the disk. They name no person and no number.

use super::{Result, Tx, moment, on};
use crate::domain::otp::pump::hour;
use chrono::{DateTime, TimeDelta, Utc};

const REFUSED: &str = "INSERT INTO otp_refusals (hour, reason, noted, country, purpose, api_key, test, count)
    VALUES ($1, $2, $3, $4, $5, $6, $7, 1)
    ON CONFLICT (hour, reason, noted, country, purpose, api_key, test) DO UPDATE SET count = otp_refusals.count + 1";

// One text for the first page and for those after it: every row comes after what is beyond the last hour.
const REFUSALS: &str = "SELECT hour, reason, noted, country, purpose, api_key, count FROM otp_refusals
    WHERE test = $1 AND (hour, reason, noted, country, purpose, api_key) < ($2, $3, $4, $5, $6, $7)
    ORDER BY hour DESC, reason DESC, noted DESC, country DESC, purpose DESC, api_key DESC LIMIT $8";

const FORGET_REFUSALS: &str = "DELETE FROM otp_refusals WHERE hour < $1";

/// Refusals are kept so long.
const KEPT: TimeDelta = TimeDelta::days(90);

/// A code that was asked for and not given, or that was given and noted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "as in the table")]
pub struct Refusal {
    pub reason: String,
    pub noted: bool,
    pub country: String,
    pub purpose: String,
    pub api_key: String,
}

/// How often, in one hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusalCount {
    /// The hour's beginning.
    pub hour: DateTime<Utc>,
    /// What was refused, and why.
    pub refusal: Refusal,
    /// So often.
    pub count: i64,
}

impl Tx {
    /// Keeps that a code was refused, or noted, and why.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn count_refusal(&mut self, refusal: &Refusal, test: bool, now: DateTime<Utc>) -> Result<()> {
        on!(self, |db| sqlx::query(REFUSED)
            .bind(hour(now))
            .bind(&refusal.reason)
            .bind(refusal.noted)
            .bind(&refusal.country)
            .bind(&refusal.purpose)
            .bind(&refusal.api_key)
            .bind(test)
            .execute(db)
            .await
            .map(drop))?;
        Ok(())
    }

    /// A page of refusals, the newest first: those after `last`, or the first ones.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn refusals(
        &mut self,
        test: bool,
        last: Option<(DateTime<Utc>, &Refusal)>,
        limit: u32,
    ) -> Result<Vec<RefusalCount>> {
        type Row = (i64, String, bool, String, String, String, i64);
        let nothing = Refusal::default();
        let (before, last) = last.map_or((i64::MAX, &nothing), |(at, last)| (hour(at), last));
        let rows: Vec<Row> = on!(self, |db| sqlx::query_as(REFUSALS)
            .bind(test)
            .bind(before)
            .bind(&last.reason)
            .bind(last.noted)
            .bind(&last.country)
            .bind(&last.purpose)
            .bind(&last.api_key)
            .bind(i64::from(limit))
            .fetch_all(db)
            .await)?;
        rows.into_iter()
            .map(|(hour, reason, noted, country, purpose, api_key, count)| {
                let hour = moment(hour * 3_600_000, "otp_refusals", &reason)?;
                Ok(RefusalCount {
                    hour,
                    refusal: Refusal { reason, noted, country, purpose, api_key },
                    count,
                })
            })
            .collect()
    }

    /// Forgets refusals after 90 days.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn forget_refusals(&mut self, now: DateTime<Utc>) -> Result<()> {
        let before = hour(now - KEPT);
        on!(self, |db| sqlx::query(FORGET_REFUSALS).bind(before).execute(db).await.map(drop))?;
        Ok(())
    }
}
