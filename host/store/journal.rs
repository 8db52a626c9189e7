//! The journal: every transition of every message, append-only, for people.

use super::message_row::millis;
use super::rows::{self, both, rows, value};
use super::{Result, Sql, Tx, moment, on, small};
use crate::domain::id::{HostId, MessageId};
use crate::domain::message::{Cause, State};
use chrono::{DateTime, Utc};
use serde_json::json;

/// One line of a message's journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalLine {
    /// When.
    pub at: DateTime<Utc>,
    /// From which state; `None` when it was planned.
    pub from: Option<String>,
    /// To which state.
    pub to: String,
    /// Why.
    pub note: Cause,
}

macro_rules! journal {
    ($db:ident) => {
        concat!(
            "INSERT INTO journal (message_id, number, at, from_state, to_state, host, code, text) SELECT ",
            value!($db, id, 0),
            ", ",
            value!($db, number, 1),
            ", ",
            value!($db, number, 2),
            ", ",
            value!($db, text, 3),
            ", ",
            value!($db, text, 4),
            ", ",
            value!($db, id, 5),
            ", ",
            value!($db, text, 6),
            ", ",
            value!($db, text, 7),
            " FROM ",
            rows!($db)
        )
    };
}
const JOURNAL: Sql = both!(journal);

const STORY: &str =
    "SELECT at, from_state, to_state, code, text FROM journal WHERE message_id = $1 ORDER BY number";

const LINE: &str =
    "SELECT at, from_state, to_state, code, text FROM journal WHERE message_id = $1 AND number = $2";

const TIMES: &str = "SELECT COUNT(*) FROM journal WHERE message_id = $1 AND to_state = $2";

const NOTED: &str = "SELECT COUNT(*) FROM journal WHERE message_id = $1 AND code = $2";

impl Tx {
    /// Every transition of a message, in order.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn journal_of(&mut self, id: MessageId) -> Result<Vec<JournalLine>> {
        let rows: Vec<LineRow> = on!(self, |db| sqlx::query_as(STORY).bind(id.0).fetch_all(db).await)?;
        rows.into_iter().map(|row| line_from(id, row)).collect()
    }

    /// One transition of a message, by its number.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn journal_line(&mut self, id: MessageId, number: i64) -> Result<Option<JournalLine>> {
        let row: Option<LineRow> =
            on!(self, |db| sqlx::query_as(LINE).bind(id.0).bind(number).fetch_optional(db).await)?;
        row.map(|row| line_from(id, row)).transpose()
    }

    /// How often a message has come into a state.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn times_in_state(&mut self, id: MessageId, state: &'static str) -> Result<u32> {
        self.write_journal().await?;
        let times: i64 =
            on!(self, |db| sqlx::query_scalar(TIMES).bind(id.0).bind(state).fetch_one(db).await)?;
        small(times, "journal", id)
    }

    /// How often a reason was noted for a message.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn times_noted(&mut self, id: MessageId, code: &'static str) -> Result<u32> {
        self.write_journal().await?;
        let times: i64 = on!(self, |db| sqlx::query_scalar(NOTED).bind(id.0).bind(code).fetch_one(db).await)?;
        small(times, "journal", id)
    }

    /// A line that is written with all others of this unit of work.
    #[expect(clippy::too_many_arguments, reason = "the columns of one row, in their order")]
    pub(super) fn journal(
        &mut self,
        id: MessageId,
        number: i64,
        from: Option<&'static str>,
        to: &State,
        note: &Cause,
        host: Option<HostId>,
        at: DateTime<Utc>,
    ) {
        tracing::info!(
            message_id = %id, from = from.unwrap_or("-"), to = to.name(), code = %note.code,
            "{} -> {}: {}", from.unwrap_or("new"), to.name(), note.code
        );
        let host = host.map(|host| rows::id(host.0));
        self.staged.journal.push(json!([
            rows::id(id.0),
            number,
            millis(at),
            from,
            to.name(),
            host,
            note.code,
            note.text
        ]));
    }

    pub(super) async fn write_journal(&mut self) -> Result<()> {
        let lines = std::mem::take(&mut self.staged.journal);
        if lines.is_empty() {
            return Ok(());
        }
        let (sql, rows) = (JOURNAL.on(self), rows::parameter("journal", &lines)?);
        on!(self, |db| sqlx::query(sql).bind(rows).execute(db).await.map(drop))?;
        Ok(())
    }
}

type LineRow = (i64, Option<String>, String, String, String);

fn line_from(id: MessageId, (at, from, to, code, text): LineRow) -> Result<JournalLine> {
    Ok(JournalLine { at: moment(at, "journal", &id.to_string())?, from, to, note: Cause { code, text } })
}
