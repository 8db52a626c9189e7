//! Messages found by what they have in common: by person, phone, type and state, newest first, with
//! cursors that stay right while rows are added.

use super::message_row::{MessageRow, columns};
use super::{Result, Tx, on};
use crate::domain::message::Message;
use crate::domain::phone::PhoneNumber;
use chrono::{DateTime, Utc};
use sqlx::AssertSqlSafe;
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
    /// One of these states; empty: any.
    pub states: Vec<&'static str>,
    /// The provider's code of what went wrong.
    pub error: Option<i64>,
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

/// The text of a search, made of what is asked for and nothing else: `($1 IS NULL OR recipient_id = $1)`
/// would read the whole table on SQLite, and on PostgreSQL from the sixth time on. Values are bound, in the
/// order in which they stand here.
fn search(filter: &MessageFilter) -> String {
    let mut sql = concat!("SELECT ", columns!(), " FROM messages WHERE test = $1").to_owned();
    let mut bound = 2;
    let mut place = || {
        bound += 1;
        format!("${bound}")
    };
    let mut and = |is_asked: bool, clause: &str| {
        if is_asked {
            sql.push_str(" AND ");
            for (index, part) in clause.split('?').enumerate() {
                if index > 0 {
                    sql.push_str(&place());
                }
                sql.push_str(part);
            }
        }
    };
    and(filter.recipient.is_some(), "recipient_id = ?");
    and(filter.phone.is_some(), "phone_hash = ?");
    and(filter.kind.is_some(), "kind = ?");
    and(filter.error.is_some(), "error_code = ?");
    match filter.states.len() {
        0 => {}
        1 => and(true, "state = ?"),
        several => and(true, &format!("state IN ({})", vec!["?"; several].join(", "))),
    }
    and(filter.since.is_some(), "created_at >= ?");
    and(filter.until.is_some(), "created_at < ?");
    and(filter.after.is_some(), "(created_at, id) < (?, ?)");
    sql.push_str(" ORDER BY created_at DESC, id DESC LIMIT $2");
    sql
}

const UNSENT_TO_PHONE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM messages WHERE state IN ('planned', 'claimed', 'held') AND recipient_id IN
        (SELECT id FROM recipients WHERE phone_hash = $1)"
);

const UNSENT_TO_RECIPIENT: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM messages WHERE recipient_id = $1 AND state IN ('planned', 'claimed', 'held')"
);

// An answer to a reply asks nothing: what is replied to it is about the text before.
const NEWEST_TO_PHONE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM messages WHERE phone_hash = $1 AND test = $2 AND state IN ('accepted', 'sent', 'delivered') AND subject_id IS NOT NULL
        AND why_code <> 'reply'
      ORDER BY COALESCE(sent_at, updated_at) DESC, id DESC LIMIT 1"
);

// What a reply may answer: it may be there before we know that the text was sent.
const ASKED_OF_PHONE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM messages WHERE phone_hash = $1 AND test = $2 AND occurrence > $3 AND subject_id IS NOT NULL AND NOT superseded
        AND state IN ('sending', 'unknown', 'accepted', 'sent', 'delivered')
      ORDER BY COALESCE(sent_at, updated_at) DESC, id DESC LIMIT 50"
);

impl Tx {
    /// The texts about subjects still to come that went to a phone, the newest first.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn asked_of_phone(
        &mut self,
        phone: &PhoneNumber,
        test: bool,
        now: DateTime<Utc>,
    ) -> Result<Vec<Message>> {
        let hash = self.phone_hash(phone);
        let rows: Vec<MessageRow> = on!(self, |db| sqlx::query_as(ASKED_OF_PHONE)
            .bind(&hash)
            .bind(test)
            .bind(now.timestamp_millis())
            .fetch_all(db)
            .await)?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// What has surely not been sent to a phone yet.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn unsent_to_phone(&mut self, phone: &PhoneNumber) -> Result<Vec<Message>> {
        let hash = self.phone_hash(phone);
        let rows: Vec<MessageRow> =
            on!(self, |db| sqlx::query_as(UNSENT_TO_PHONE).bind(&hash).fetch_all(db).await)?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// What has surely not been sent to a person yet.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn unsent_to_recipient(&mut self, recipient: &str) -> Result<Vec<Message>> {
        let rows: Vec<MessageRow> =
            on!(self, |db| sqlx::query_as(UNSENT_TO_RECIPIENT).bind(recipient).fetch_all(db).await)?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// The newest text about a subject that went to a phone: what a reply seems to answer.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn newest_to_phone(&mut self, phone: &PhoneNumber, test: bool) -> Result<Option<Message>> {
        let hash = self.phone_hash(phone);
        let row: Option<MessageRow> =
            on!(self, |db| sqlx::query_as(NEWEST_TO_PHONE).bind(&hash).bind(test).fetch_optional(db).await)?;
        row.map(TryInto::try_into).transpose()
    }

    /// Finds messages.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn find_messages(&mut self, filter: &MessageFilter) -> Result<MessagePage> {
        let hash = filter.phone.as_ref().map(|phone| self.phone_hash(phone));
        let sql = search(filter);
        let rows: Vec<MessageRow> = on!(self, |db| {
            let mut query =
                sqlx::query_as(AssertSqlSafe(sql)).bind(filter.test).bind(i64::from(filter.limit) + 1);
            if let Some(recipient) = &filter.recipient {
                query = query.bind(recipient);
            }
            if let Some(hash) = &hash {
                query = query.bind(hash);
            }
            if let Some(kind) = &filter.kind {
                query = query.bind(kind);
            }
            if let Some(error) = filter.error {
                query = query.bind(error);
            }
            for state in &filter.states {
                query = query.bind(*state);
            }
            for at in [filter.since, filter.until].into_iter().flatten() {
                query = query.bind(at.timestamp_millis());
            }
            if let Some((at, id)) = filter.after {
                query = query.bind(at.timestamp_millis()).bind(id);
            }
            query.fetch_all(db).await
        })?;
        let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        let messages =
            rows.into_iter().take(limit).map(TryInto::try_into).collect::<Result<Vec<Message>>>()?;
        Ok(MessagePage { messages, more })
    }
}
