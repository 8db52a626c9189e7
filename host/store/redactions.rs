//! Texts whose words the provider is asked to take out.

use super::{Result, Tx, on};
use chrono::{DateTime, Utc};

const QUEUE: &str = "INSERT INTO redactions (sid, test, due_at, tries) VALUES ($1, $2, $3, 0)
    ON CONFLICT (sid) DO UPDATE SET due_at = excluded.due_at WHERE redactions.due_at > excluded.due_at";

const DUE: &str = "SELECT sid, test, tries FROM redactions
    WHERE due_at IS NOT NULL AND due_at <= $1 ORDER BY due_at LIMIT $2";

const AGAIN: &str =
    "UPDATE redactions SET due_at = $2, tries = tries + 1 WHERE sid = $1 AND due_at IS NOT NULL";

const SETTLE: &str = "UPDATE redactions SET due_at = NULL, tries = tries + 1, outcome = $2, settled_at = $3
    WHERE sid = $1 AND due_at IS NOT NULL";

const LATE: &str = "INSERT INTO redactions (sid, test, due_at, tries)
    SELECT attempts.sid, messages.test, $2, 0 FROM erasures
    JOIN messages ON messages.recipient_id = erasures.recipient_id
    JOIN attempts ON attempts.message_id = messages.id
    WHERE erasures.at >= $1 AND attempts.sid IS NOT NULL ON CONFLICT DO NOTHING";

/// A text whose words are to go.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Redaction {
    /// The provider's identifier.
    pub sid: String,
    /// Sent to the sandbox.
    pub test: bool,
    /// How often it was asked already.
    pub tries: i64,
}

impl Tx {
    /// The provider is to be asked for this text, from `due` on; once.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn queue_redaction(&mut self, sid: &str, test: bool, due: DateTime<Utc>) -> Result<()> {
        on!(self, |db| sqlx::query(QUEUE)
            .bind(sid)
            .bind(test)
            .bind(due.timestamp_millis())
            .execute(db)
            .await
            .map(drop))?;
        Ok(())
    }

    /// Texts to people who were erased after `since`, of which the provider told only later.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn queue_late_redactions(&mut self, since: DateTime<Utc>, due: DateTime<Utc>) -> Result<()> {
        on!(self, |db| sqlx::query(LATE)
            .bind(since.timestamp_millis())
            .bind(due.timestamp_millis())
            .execute(db)
            .await
            .map(drop))?;
        Ok(())
    }

    /// What is to be asked now.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn redactions_due(&mut self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Redaction>> {
        Ok(on!(self, |db| sqlx::query_as(DUE)
            .bind(now.timestamp_millis())
            .bind(i64::from(limit))
            .fetch_all(db)
            .await)?)
    }

    /// It was asked in vain, and is asked again.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn redact_again(&mut self, sid: &str, due: DateTime<Utc>) -> Result<()> {
        on!(self, |db| sqlx::query(AGAIN)
            .bind(sid)
            .bind(due.timestamp_millis())
            .execute(db)
            .await
            .map(drop))?;
        Ok(())
    }

    /// The words are gone, or it is given up.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn settle_redaction(&mut self, sid: &str, done: bool, now: DateTime<Utc>) -> Result<()> {
        on!(self, |db| sqlx::query(SETTLE)
            .bind(sid)
            .bind(if done { "done" } else { "given_up" })
            .bind(now.timestamp_millis())
            .execute(db)
            .await
            .map(drop))?;
        Ok(())
    }
}
