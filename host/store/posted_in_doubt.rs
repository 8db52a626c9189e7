//! Texts that were posted while a host's clock was in doubt, and wait.

use super::message_row::{MessageRow, columns};
use super::{Result, Tx, on};
use crate::domain::message::Message;

// The condition is that of an index of its own.
const POSTED_IN_DOUBT: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM messages WHERE why_code = 'posted-in-doubt' AND planned_for = created_at AND attempt_id IS NULL
      AND state IN ('planned', 'held') ORDER BY id LIMIT $1"
);

impl Tx {
    /// Those whose moments nobody has counted anew.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn messages_posted_in_doubt(&mut self, limit: u32) -> Result<Vec<Message>> {
        let rows: Vec<MessageRow> =
            on!(self, |db| sqlx::query_as(POSTED_IN_DOUBT).bind(i64::from(limit)).fetch_all(db).await)?;
        Ok(super::claims::readable(rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::found_by::plan_of;

    #[tokio::test]
    async fn nobody_looks_for_them_among_all_messages() {
        let (_, plan) = plan_of(POSTED_IN_DOUBT).await;
        assert!(plan.len() == 1 && plan[0].contains("USING INDEX messages_posted_in_doubt"), "{plan:?}");
    }
}
