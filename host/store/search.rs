//! Lists of messages: by person, type and state, newest first, with cursors that stay right while
//! rows are added.

use super::messages::{MessageRow, columns};
use super::{Result, Tx, on};
use crate::domain::message::Message;
use crate::domain::phone::PhoneNumber;
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// What to look for; what is `None` does not matter.
#[derive(Clone, Debug, Default)]
pub struct MessageFilter {
    /// Those of test keys, or those of live keys.
    pub test: bool,
    /// The clinic's id of the person.
    pub recipient: Option<String>,
    /// The number it went to.
    pub phone: Option<PhoneNumber>,
    /// The type.
    pub kind: Option<String>,
    /// One of these states; empty: any. At the most three, as many as one status has.
    pub states: Vec<&'static str>,
    /// Planned at or after.
    pub since: Option<DateTime<Utc>>,
    /// Planned before.
    pub until: Option<DateTime<Utc>>,
    /// After the last one of the page before.
    pub after: Option<(DateTime<Utc>, Uuid)>,
    /// At the most so many.
    pub limit: u32,
}

/// A page of messages.
#[derive(Clone, Debug)]
pub struct MessagePage {
    /// The newest first.
    pub messages: Vec<Message>,
    /// More follow after the last one.
    pub more: bool,
}

const SEARCH: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM messages
    WHERE test = $12 AND ($1 IS NULL OR recipient_id = $1) AND ($2 IS NULL OR phone_hash = $2) AND ($3 IS NULL OR kind = $3)
        AND ($4 IS NULL OR state IN ($4, $10, $11)) AND created_at >= $5 AND created_at < $6
        AND (created_at < $7 OR (created_at = $7 AND id < $8))
    ORDER BY created_at DESC, id DESC LIMIT $9"
);

impl Tx {
    /// Finds messages.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn find_messages(&mut self, filter: &MessageFilter) -> Result<MessagePage> {
        let hash = filter.phone.as_ref().map(|phone| self.phone_hash(phone));
        let (after_at, after_id) = match filter.after {
            Some((at, id)) => (at.timestamp_millis(), id),
            None => (i64::MAX, Uuid::max()),
        };
        let rows: Vec<MessageRow> = on!(self, |db| sqlx::query_as(SEARCH)
            .bind(&filter.recipient)
            .bind(&hash)
            .bind(&filter.kind)
            .bind(filter.states.first())
            .bind(filter.since.map_or(i64::MIN, |at| at.timestamp_millis()))
            .bind(filter.until.map_or(i64::MAX, |at| at.timestamp_millis()))
            .bind(after_at)
            .bind(after_id)
            .bind(i64::from(filter.limit) + 1)
            .bind(filter.states.get(1))
            .bind(filter.states.get(2))
            .bind(filter.test)
            .fetch_all(db)
            .await)?;
        let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        let messages =
            rows.into_iter().take(limit).map(TryInto::try_into).collect::<Result<Vec<Message>>>()?;
        Ok(MessagePage { messages, more })
    }
}
