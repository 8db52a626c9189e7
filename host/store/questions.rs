//! Questions back to a phone: which of several visits was meant.

use super::{Result, Tx, inconsistent, moment, on};
use crate::domain::id::{MessageId, QuestionId, ReplyId};
use crate::domain::phone::PhoneNumber;
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A question that was not answered yet.
#[derive(Clone, Debug)]
pub struct OpenQuestion {
    /// Ours.
    pub id: QuestionId,
    /// What was said first.
    pub reply: ReplyId,
    /// The messages to choose from, in the order of their numbers.
    pub options: Vec<MessageId>,
    /// When.
    pub asked_at: DateTime<Utc>,
}

const INSERT: &str = "INSERT INTO questions (id, phone_hash, reply_id, options, asked_at)
    VALUES ($1, $2, $3, $4, $5)";

// Test and live are two conversations, on one phone too.
const OPEN: &str = "SELECT q.id, q.reply_id, q.options, q.asked_at FROM questions q
    JOIN replies r ON r.id = q.reply_id AND r.test = $2
    WHERE q.phone_hash = $1 AND q.closed_at IS NULL ORDER BY q.asked_at DESC, q.id DESC LIMIT 1";

const NUMBER_CAME: &str =
    "SELECT COUNT(*) FROM questions q JOIN replies r ON r.id = q.reply_id AND r.test = $2
    WHERE q.phone_hash = $1 AND q.by_number AND q.closed_at > $3";

const CLOSE: &str = "UPDATE questions SET closed_at = $2, by_number = $3 WHERE id = $1 AND closed_at IS NULL";

impl Tx {
    /// Keeps a question.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn insert_question(
        &mut self,
        id: QuestionId,
        phone: &PhoneNumber,
        reply: ReplyId,
        options: &[MessageId],
        at: DateTime<Utc>,
    ) -> Result<()> {
        let hash = self.phone_hash(phone);
        let options =
            serde_json::to_string(options).map_err(|e| inconsistent("questions", id, e.to_string()))?;
        on!(self, |db| sqlx::query(INSERT)
            .bind(id.0)
            .bind(&hash)
            .bind(reply.0)
            .bind(&options)
            .bind(at.timestamp_millis())
            .execute(db)
            .await
            .map(drop))?;
        Ok(())
    }

    /// The newest question to a phone that is open.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn open_question(&mut self, phone: &PhoneNumber, test: bool) -> Result<Option<OpenQuestion>> {
        let hash = self.phone_hash(phone);
        let row: Option<(Uuid, Uuid, String, i64)> =
            on!(self, |db| sqlx::query_as(OPEN).bind(&hash).bind(test).fetch_optional(db).await)?;
        row.map(|(id, reply, options, asked_at)| {
            Ok(OpenQuestion {
                id: QuestionId(id),
                reply: ReplyId(reply),
                options: serde_json::from_str(&options)
                    .map_err(|error| inconsistent("questions", id, error.to_string()))?,
                asked_at: moment(asked_at, "questions", &id.to_string())?,
            })
        })
        .transpose()
    }

    /// Whether a question to a phone was closed by a number since then.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn number_came(
        &mut self,
        phone: &PhoneNumber,
        test: bool,
        since: DateTime<Utc>,
    ) -> Result<bool> {
        let hash = self.phone_hash(phone);
        let count: i64 = on!(self, |db| sqlx::query_scalar(NUMBER_CAME)
            .bind(&hash)
            .bind(test)
            .bind(since.timestamp_millis())
            .fetch_one(db)
            .await)?;
        Ok(count > 0)
    }

    /// Closes a question, by a number or by anything else that came back; `false` when it was closed before.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn close_question(
        &mut self,
        id: QuestionId,
        at: DateTime<Utc>,
        by_number: bool,
    ) -> Result<bool> {
        let closed = on!(self, |db| sqlx::query(CLOSE)
            .bind(id.0)
            .bind(at.timestamp_millis())
            .bind(by_number)
            .execute(db)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(closed == 1)
    }
}
