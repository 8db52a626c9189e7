//! What is kept of codes that Twilio Verify makes: which verification belongs to which challenge.

use super::{Result, Tx, on};
use crate::domain::id::ChallengeId;
use crate::domain::otp::Challenge;
use chrono::{DateTime, TimeDelta, Utc};

const GONE: &str = "UPDATE challenges SET ended = 'gone', ended_at = $2 WHERE id = $1 AND ended IS NULL";

const OTHERS_AT_VERIFY: &str = "SELECT COUNT(*) FROM challenges
    WHERE phone_hash = $1 AND test = $2 AND id <> $3 AND maker = 'verify' AND created_at > $4
        AND (ended IS NULL OR ended <> 'approved')";

const BEGUN: &str = "UPDATE challenges SET verification = $2
    WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM challenges AS other WHERE other.verification = $2 AND other.id <> $1)";

impl Tx {
    /// Ends a challenge that Twilio Verify does not wait for any more.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn challenge_gone(&mut self, id: ChallengeId, now: DateTime<Utc>) -> Result<()> {
        on!(self, |db| sqlx::query(GONE)
            .bind(id.0)
            .bind(now.timestamp_millis())
            .execute(db)
            .await
            .map(drop))?;
        Ok(())
    }

    /// Whether Twilio Verify may still wait for an older code of the same phone.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn others_at_verify(&mut self, challenge: &Challenge) -> Result<bool> {
        // The longest life that Twilio gives a verification.
        let since = challenge.created_at - TimeDelta::days(1);
        let others: i64 = on!(self, |db| sqlx::query_scalar(OTHERS_AT_VERIFY)
            .bind(&challenge.phone_hash)
            .bind(challenge.test)
            .bind(challenge.id.0)
            .bind(since.timestamp_millis())
            .fetch_one(db)
            .await)?;
        Ok(others > 0)
    }

    /// Keeps what Twilio Verify calls a challenge; `false` when that is another challenge's already.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn verification_begun(&mut self, id: ChallengeId, verification: &str) -> Result<bool> {
        let kept = on!(self, |db| sqlx::query(BEGUN)
            .bind(id.0)
            .bind(verification)
            .execute(db)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(kept == 1)
    }
}
