//! Retention: what is forgotten after its time, a page at a time, so that nothing waits for it.

use super::{Result, Tx, on};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// What is older than these moments goes.
#[derive(Clone, Copy, Debug)]
pub struct Cutoffs {
    /// Variables, and the data of events.
    pub variables: DateTime<Utc>,
    /// Texts and replies.
    pub texts: DateTime<Utc>,
    /// Phones.
    pub phones: DateTime<Utc>,
    /// Inputs and answers of policies.
    pub decisions: DateTime<Utc>,
    /// Messages, events, replies and all that belongs to them.
    pub messages: DateTime<Utc>,
    /// Counts of texts and costs; `None`: they stay.
    pub counts: Option<DateTime<Utc>>,
}

/// A page of messages by age: after the first, up to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    after: (i64, Uuid),
    to: (i64, Uuid),
    full: bool,
}

const BOUNDS: &str = "SELECT created_at, id FROM messages
    WHERE (created_at, id) > ($1, $2) AND created_at < $3 ORDER BY created_at, id LIMIT $4";

/// Whatever can still be sent, or looked up, keeps what it needs for it.
macro_rules! ended {
    () => {
        "(created_at, id) > ($1, $2) AND (created_at, id) <= ($3, $4)
            AND state NOT IN ('planned', 'claimed', 'sending', 'unknown', 'held')"
    };
}

const FORGET: &str = concat!(
    "UPDATE messages SET
        payload_sealed = CASE WHEN updated_at < $5 THEN NULL ELSE payload_sealed END,
        text_sealed = CASE WHEN updated_at < $6 THEN NULL ELSE text_sealed END,
        phone_sealed = CASE WHEN updated_at < $7 THEN NULL ELSE phone_sealed END,
        phone_hash = CASE WHEN updated_at < $7 THEN NULL ELSE phone_hash END
    WHERE ",
    ended!(),
    " AND ((payload_sealed IS NOT NULL AND updated_at < $5) OR (text_sealed IS NOT NULL AND updated_at < $6)
        OR (phone_hash IS NOT NULL AND updated_at < $7))"
);

const FORGET_DECISIONS: &str = concat!(
    "UPDATE decisions SET input_sealed = NULL, answer_sealed = NULL, log_sealed = NULL
    WHERE input_sealed IS NOT NULL AND at < $5 AND message_id IN (SELECT id FROM messages WHERE ",
    ended!(),
    ")"
);

const OVER: &str = concat!("SELECT id FROM messages WHERE ", ended!(), " AND updated_at < $5");

/// In the order in which they point to each other.
const REMOVE: [&str; 6] = [
    "DELETE FROM provider_events WHERE message_id = $1",
    "DELETE FROM attempts WHERE message_id = $1",
    "DELETE FROM journal WHERE message_id = $1",
    "DELETE FROM decisions WHERE message_id = $1",
    "UPDATE replies SET message_id = NULL WHERE message_id = $1",
    "DELETE FROM messages WHERE id = $1",
];

/// Nothing more is told of a message that is gone.
const REMOVE_SEQUENCE: &str =
    "DELETE FROM webhook_sequences WHERE subject_type = 'message' AND subject_id = $1";

/// A statement that forgets at the most so many rows that are older than its moment. It finds them by an
/// index: what is kept for a year is not looked through every hour.
#[derive(Debug)]
pub struct ForgetStep {
    sql: &'static str,
    cutoff: fn(&Cutoffs) -> DateTime<Utc>,
}

const fn step(sql: &'static str, cutoff: fn(&Cutoffs) -> DateTime<Utc>) -> ForgetStep {
    ForgetStep { sql, cutoff }
}

/// Everything beside messages, in the order in which it points to each other.
pub static FORGET_STEPS: [ForgetStep; 12] = [
    step(
        "UPDATE replies SET text_sealed = NULL WHERE id IN
            (SELECT id FROM replies WHERE text_sealed IS NOT NULL AND received_at < $1 LIMIT $2)",
        |cutoffs| cutoffs.texts,
    ),
    step(
        "UPDATE replies SET phone_sealed = NULL WHERE id IN
            (SELECT id FROM replies WHERE phone_sealed IS NOT NULL AND received_at < $1 LIMIT $2)",
        |cutoffs| cutoffs.phones,
    ),
    step(
        "UPDATE events SET body_sealed = NULL WHERE id IN (SELECT id FROM events
            WHERE body_sealed IS NOT NULL AND state <> 'accepted' AND received_at < $1
                AND NOT EXISTS (SELECT 1 FROM messages WHERE event_id = events.id
                    AND state IN ('planned', 'claimed', 'sending', 'unknown', 'held')) LIMIT $2)",
        |cutoffs| cutoffs.variables,
    ),
    step(
        "UPDATE decisions SET input_sealed = NULL, answer_sealed = NULL, log_sealed = NULL WHERE id IN (SELECT id FROM decisions
            WHERE message_id IS NULL AND input_sealed IS NOT NULL AND at < $1 LIMIT $2)",
        |cutoffs| cutoffs.decisions,
    ),
    step(
        "DELETE FROM decisions WHERE id IN (SELECT decisions.id FROM decisions
            WHERE message_id IS NULL AND at < $1
                AND NOT EXISTS (SELECT 1 FROM messages WHERE messages.event_id = decisions.event_id) LIMIT $2)",
        |cutoffs| cutoffs.messages,
    ),
    step(
        "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE received_at < $1 AND state <> 'accepted'
            AND NOT EXISTS (SELECT 1 FROM messages WHERE event_id = events.id)
            AND NOT EXISTS (SELECT 1 FROM decisions WHERE event_id = events.id) LIMIT $2)",
        |cutoffs| cutoffs.messages,
    ),
    step(
        "DELETE FROM questions WHERE id IN (SELECT questions.id FROM questions
            JOIN replies ON replies.id = questions.reply_id WHERE replies.received_at < $1 LIMIT $2)",
        |cutoffs| cutoffs.messages,
    ),
    step(
        "DELETE FROM requests WHERE id IN (SELECT requests.id FROM requests
            JOIN replies ON replies.id = requests.reply_id WHERE replies.received_at < $1 LIMIT $2)",
        |cutoffs| cutoffs.messages,
    ),
    step(
        "DELETE FROM replies WHERE id IN (SELECT id FROM replies WHERE received_at < $1
            AND NOT EXISTS (SELECT 1 FROM questions WHERE reply_id = replies.id)
            AND NOT EXISTS (SELECT 1 FROM requests WHERE reply_id = replies.id) LIMIT $2)",
        |cutoffs| cutoffs.messages,
    ),
    step(
        "DELETE FROM redactions WHERE sid IN
            (SELECT sid FROM redactions WHERE settled_at IS NOT NULL AND settled_at < $1 LIMIT $2)",
        |cutoffs| cutoffs.messages,
    ),
    step(
        "DELETE FROM idempotency_keys WHERE (api_key_id, key) IN
            (SELECT api_key_id, key FROM idempotency_keys WHERE created_at < $1 LIMIT $2)",
        |cutoffs| cutoffs.variables,
    ),
    step(
        "DELETE FROM usage WHERE (quarter, kind, country, locale, test, shard) IN
            (SELECT quarter, kind, country, locale, test, shard FROM usage WHERE quarter < $1 / 900000 LIMIT $2)",
        |cutoffs| cutoffs.counts.unwrap_or(DateTime::<Utc>::MIN_UTC),
    ),
];

impl Tx {
    /// The next page of messages that are old enough to look at; `None` when there are no more.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn page_by_age(
        &mut self,
        before: Option<Page>,
        older_than: DateTime<Utc>,
        limit: u32,
    ) -> Result<Option<Page>> {
        if before.is_some_and(|page| !page.full) {
            return Ok(None);
        }
        let after = before.map_or((i64::MIN, Uuid::nil()), |page| page.to);
        let rows: Vec<(i64, Uuid)> = on!(self, |db| sqlx::query_as(BOUNDS)
            .bind(after.0)
            .bind(after.1)
            .bind(older_than.timestamp_millis())
            .bind(i64::from(limit))
            .fetch_all(db)
            .await)?;
        let full = rows.len() == limit as usize;
        Ok(rows.last().map(|to| Page { after, to: *to, full }))
    }

    /// Forgets what of a page's messages is over its time, and removes those that are.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn forget_page(&mut self, page: Page, cutoffs: &Cutoffs) -> Result<()> {
        let Page { after, to, .. } = page;
        on!(self, |db| sqlx::query(FORGET)
            .bind(after.0)
            .bind(after.1)
            .bind(to.0)
            .bind(to.1)
            .bind(cutoffs.variables.timestamp_millis())
            .bind(cutoffs.texts.timestamp_millis())
            .bind(cutoffs.phones.timestamp_millis())
            .execute(db)
            .await
            .map(drop))?;
        on!(self, |db| sqlx::query(FORGET_DECISIONS)
            .bind(after.0)
            .bind(after.1)
            .bind(to.0)
            .bind(to.1)
            .bind(cutoffs.decisions.timestamp_millis())
            .execute(db)
            .await
            .map(drop))?;
        let over: Vec<(Uuid,)> = on!(self, |db| sqlx::query_as(OVER)
            .bind(after.0)
            .bind(after.1)
            .bind(to.0)
            .bind(to.1)
            .bind(cutoffs.messages.timestamp_millis())
            .fetch_all(db)
            .await)?;
        for (id,) in over {
            for text in REMOVE {
                on!(self, |db| sqlx::query(text).bind(id).execute(db).await.map(drop))?;
            }
            let id = id.to_string();
            on!(self, |db| sqlx::query(REMOVE_SEQUENCE).bind(&id).execute(db).await.map(drop))?;
        }
        Ok(())
    }

    /// One step of what is over its time beside messages; `false` when it has come to its end.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn forget(&mut self, step: &ForgetStep, cutoffs: &Cutoffs, limit: u32) -> Result<bool> {
        let done = on!(self, |db| sqlx::query(step.sql)
            .bind((step.cutoff)(cutoffs).timestamp_millis())
            .bind(i64::from(limit))
            .execute(db)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(done >= u64::from(limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::found_by::tables_read_whole;

    #[tokio::test]
    async fn what_is_over_is_found_without_reading_what_is_kept() {
        for ForgetStep { sql, .. } in &FORGET_STEPS {
            assert_eq!(tables_read_whole(sql).await, [""; 0], "{sql}");
        }
        for sql in [BOUNDS, FORGET, FORGET_DECISIONS, OVER] {
            assert_eq!(tables_read_whole(sql).await, [""; 0], "{sql}");
        }
    }
}
