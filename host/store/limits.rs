//! Limits: counters in the database, so that all hosts share them and a restart forgets none. Each is
//! counted by one statement that counts nothing once the limit is reached.

use super::{Result, Tx, moment, on};
use crate::domain::otp::pump::{DAYS, Hour, hour};
use crate::domain::otp::rate::Rate;
use chrono::{DateTime, TimeDelta, Utc};

// The window before counts for the share of it that lies within the span; those after this one, which a clock
// that was set back has left, count whole. The guard stands twice: for the first of a window, and for those
// after it.
const COUNT: &str = "INSERT INTO limits (name, subject, window_start, count, forget_at)
    SELECT $1, $2, $3, 1, $7
        WHERE COALESCE((SELECT before.count FROM limits AS before
                WHERE before.name = $1 AND before.subject = $2 AND before.window_start = $4), 0) * $5 / 1000
            + COALESCE((SELECT SUM(later.count) FROM limits AS later
                WHERE later.name = $1 AND later.subject = $2
                    AND later.window_start > $3 AND later.window_start <= $8), 0) < $6
    ON CONFLICT (name, subject, window_start) DO UPDATE SET count = limits.count + 1
        WHERE limits.count + COALESCE((SELECT before.count FROM limits AS before
                WHERE before.name = $1 AND before.subject = $2 AND before.window_start = $4), 0) * $5 / 1000
            + COALESCE((SELECT SUM(later.count) FROM limits AS later
                WHERE later.name = $1 AND later.subject = $2
                    AND later.window_start > $3 AND later.window_start <= $8), 0) < $6";

const TAKE_BACK: &str =
    "UPDATE limits SET count = count - 1 WHERE name = $1 AND subject = $2 AND window_start = $3";

const COUNTS: &str = "SELECT window_start, count FROM limits
    WHERE name = $1 AND subject = $2 AND window_start >= $3 AND window_start <= $4";

const FORGET_LIMITS: &str = "DELETE FROM limits WHERE forget_at < $1";

const SENT: &str = "INSERT INTO otp_traffic (scope, subject, hour, sent, verified) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (scope, subject, hour)
        DO UPDATE SET sent = otp_traffic.sent + excluded.sent, verified = otp_traffic.verified + excluded.verified";

// One row for each stretch of 24 hours, the newest first.
const TRAFFIC_HOURS: &str = "SELECT hour, sent, verified FROM otp_traffic
    WHERE scope = $1 AND subject = $2 AND hour > $4 AND hour <= $3";

const FORGET_TRAFFIC: &str = "DELETE FROM otp_traffic WHERE hour < $1";

/// How far a clock may be set back and find its counters. What lies further ahead was counted by a clock that
/// was wrong then, and must not hold anybody for years.
const SET_BACK: TimeDelta = TimeDelta::days(1);

/// The windows that a clock which was set back may have left lie so far ahead, in milliseconds.
fn set_back(rate: &Rate) -> i64 {
    rate.window.max(SET_BACK).num_milliseconds()
}

/// What is counted: which limit, and of whom.
#[derive(Clone, Debug)]
pub struct Counted {
    /// `otp.phone 3600`
    pub name: String,
    /// Keyed hash of the phone, the address, the country ...
    pub subject: Vec<u8>,
    /// So many in so long.
    pub rate: Rate,
}

/// Whose codes are held against each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "as in the table")]
pub enum TrafficScope {
    Country,
    Address,
}

impl TrafficScope {
    const fn name(self) -> &'static str {
        match self {
            Self::Country => "country",
            Self::Address => "address",
        }
    }
}

impl Tx {
    /// Counts one more; `false` when that would be too many, and nothing is counted.
    ///
    /// # Errors
    ///
    /// Fails when the database does: then nothing may be let through.
    pub async fn count_within(&mut self, counted: &Counted, now: DateTime<Utc>) -> Result<bool> {
        let place = counted.rate.place(now);
        let window = counted.rate.window.num_milliseconds();
        let changed = on!(self, |db| sqlx::query(COUNT)
            .bind(&counted.name)
            .bind(&counted.subject)
            .bind(place.window_start)
            .bind(place.previous_start)
            .bind(place.previous_share)
            .bind(i64::from(counted.rate.max))
            .bind(place.window_start + 2 * window)
            .bind(place.window_start + set_back(&counted.rate))
            .execute(db)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(changed == 1)
    }

    /// Takes back what this unit of work has counted.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn take_back(&mut self, counted: &Counted, now: DateTime<Utc>) -> Result<()> {
        let window = counted.rate.place(now).window_start;
        on!(self, |db| sqlx::query(TAKE_BACK)
            .bind(&counted.name)
            .bind(&counted.subject)
            .bind(window)
            .execute(db)
            .await
            .map(drop))?;
        Ok(())
    }

    /// How long to wait until one more is allowed; where a clock was set back, until its time has come again.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn wait_for(&mut self, counted: &Counted, now: DateTime<Utc>) -> Result<TimeDelta> {
        let place = counted.rate.place(now);
        let rows: Vec<(i64, i64)> = on!(self, |db| sqlx::query_as(COUNTS)
            .bind(&counted.name)
            .bind(&counted.subject)
            .bind(place.previous_start)
            .bind(place.window_start + set_back(&counted.rate))
            .fetch_all(db)
            .await)?;
        let of = |start| rows.iter().find(|row| row.0 == start).map_or(0, |row| row.1);
        let newest = rows.iter().map(|row| row.0).max().unwrap_or(place.window_start);
        let then = moment(newest, "limits", &counted.name)?.max(now);
        let place = counted.rate.place(then);
        let (current, previous) = (of(place.window_start), of(place.previous_start));
        let is_free = counted.rate.allows(&place, current, previous);
        let wait = if is_free { TimeDelta::zero() } else { counted.rate.wait(&place, current, previous) };
        Ok((then - now + wait).max(TimeDelta::seconds(1)))
    }

    /// Adds to what was sent and verified in this hour.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn add_traffic(
        &mut self,
        scope: TrafficScope,
        subject: &[u8],
        (sent, verified): (i64, i64),
        now: DateTime<Utc>,
    ) -> Result<()> {
        on!(self, |db| sqlx::query(SENT)
            .bind(scope.name())
            .bind(subject)
            .bind(hour(now))
            .bind(sent)
            .bind(verified)
            .execute(db)
            .await
            .map(drop))?;
        Ok(())
    }

    /// What was sent and verified lately, hour by hour.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn traffic_hours(
        &mut self,
        scope: TrafficScope,
        subject: &[u8],
        now: DateTime<Utc>,
    ) -> Result<Vec<Hour>> {
        let hours: Vec<(i64, i64, i64)> = on!(self, |db| sqlx::query_as(TRAFFIC_HOURS)
            .bind(scope.name())
            .bind(subject)
            .bind(hour(now))
            .bind(hour(now) - DAYS * 24)
            .fetch_all(db)
            .await)?;
        Ok(hours.into_iter().map(|(hour, sent, verified)| Hour { hour, sent, verified }).collect())
    }

    /// Forgets counters that no rule looks at any more.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn forget_counters(&mut self, now: DateTime<Utc>) -> Result<()> {
        let day = TimeDelta::days(1);
        // A day longer than needed: a clock that is set back finds its counters.
        let limits = (now - day).timestamp_millis();
        let traffic = hour(now - day * 15);
        on!(self, |db| sqlx::query(FORGET_LIMITS).bind(limits).execute(db).await.map(drop))?;
        on!(self, |db| sqlx::query(FORGET_TRAFFIC).bind(traffic).execute(db).await.map(drop))?;
        Ok(())
    }
}
