//! What is known of many people when texts to them are judged: what they agreed to and what they were sent,
//! each in one statement.

use super::consents::{CountedRow, standing};
use super::rows::{self, both, rows, value};
use super::{Result, Sql, Tx, moment, on};
use crate::domain::consent::Consents;
use crate::domain::id::MessageId;
use crate::domain::kind::TypeName;
use crate::domain::phone::PhoneNumber;
use chrono::{DateTime, Utc};
use serde_json::json;

/// A text that a person was sent: its type, when, and its state.
pub type SentText = (TypeName, DateTime<Utc>, String);

macro_rules! lines {
    ($db:ident) => {
        concat!(
            value!($db, number, 0),
            " AS place, consents.id, consents.binds, consents.scope, consents.scope_name,
                consents.choice, consents.source, consents.held_by_provider, consents.at FROM ",
            rows!($db),
            " CROSS JOIN consents"
        )
    };
}
// The phone's lines and the person's are found by two indexes. Of two words in one millisecond, stop stands.
macro_rules! standing {
    ($db:ident) => {
        concat!(
            "SELECT place, binds, scope, scope_name, choice, source, held_by_provider, at, lines FROM (
                SELECT about.*, COUNT(*) OVER (PARTITION BY place) AS lines, ROW_NUMBER() OVER (
                    PARTITION BY place, binds, scope, scope_name ORDER BY at DESC, choice DESC, id DESC) AS nth
                FROM (SELECT ", lines!($db), " WHERE consents.binds = 'phone' AND consents.phone_hash = ",
            value!($db, bytes, 2), " UNION ALL SELECT ", lines!($db),
            " WHERE consents.binds = 'recipient' AND consents.recipient_id = ", value!($db, text, 1),
            ") AS about) AS newest WHERE nth = 1 ORDER BY place, binds, scope, scope_name"
        )
    };
}
const STANDING: Sql = both!(standing);

// As many as a policy may set for a week: one that counts what it does not see sends too much. What left for
// nobody is told, too, and takes no place of what did.
macro_rules! recent {
    ($db:ident) => {
        concat!(
            "SELECT place, kind, at, state FROM (SELECT ",
            value!($db, number, 0),
            " AS place, messages.kind,
                COALESCE(messages.sent_at, messages.updated_at) AS at, messages.state,
                ROW_NUMBER() OVER (PARTITION BY ",
            value!($db, number, 0),
            ", messages.state IN ('suppressed', 'expired')
                    ORDER BY COALESCE(messages.sent_at, messages.updated_at) DESC) AS nth FROM ",
            rows!($db),
            " CROSS JOIN messages WHERE messages.recipient_id = ",
            value!($db, text, 1),
            " AND COALESCE(messages.sent_at, messages.updated_at) >= ",
            value!($db, number, 2),
            " AND messages.id <> ",
            value!($db, id, 3),
            " AND messages.state NOT IN ('planned', 'claimed', 'held', 'canceled')) AS newest
            WHERE nth <= 500 ORDER BY place, at DESC"
        )
    };
}
const RECENT: Sql = both!(recent);

#[derive(sqlx::FromRow)]
struct PlacedRow {
    place: i64,
    #[sqlx(flatten)]
    line: CountedRow,
}

impl Tx {
    /// All that holds for each of many people and their phones, in their order.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn consents_of(&mut self, about: &[(&str, Option<&PhoneNumber>)]) -> Result<Vec<Consents>> {
        let row = |(place, (recipient, phone)): (usize, &(&str, Option<&PhoneNumber>))| {
            json!([place, recipient, phone.map(|phone| rows::bytes(&self.phone_hash(phone)))])
        };
        let rows: Vec<_> = about.iter().enumerate().map(row).collect();
        let (sql, rows) = (STANDING.on(self), rows::parameter("consents", &rows)?);
        let found: Vec<PlacedRow> = on!(self, |db| sqlx::query_as(sql).bind(rows).fetch_all(db).await)?;
        let nothing = || Consents { standing: Vec::new(), lines: 0 };
        let mut consents: Vec<Consents> = std::iter::repeat_with(nothing).take(about.len()).collect();
        for PlacedRow { place, line } in found {
            let of = usize::try_from(place).ok().and_then(|at| Some((consents.get_mut(at)?, about.get(at)?)));
            if let Some((consents, (recipient, _))) = of {
                consents.lines = line.lines;
                consents.standing.push(standing(line.standing, recipient)?);
            }
        }
        Ok(consents)
    }

    /// What people were sent since a moment, but for one message each, the newest first: at the most five hundred
    /// texts, and as many that left for nobody. In the people's order.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn recent_messages_of(
        &mut self,
        about: &[(&str, MessageId)],
        since: DateTime<Utc>,
    ) -> Result<Vec<Vec<SentText>>> {
        let since = since.timestamp_millis();
        let row = |(place, (recipient, except)): (usize, &(&str, MessageId))| {
            json!([place, recipient, since, rows::id(except.0)])
        };
        let rows: Vec<_> = about.iter().enumerate().map(row).collect();
        let (sql, rows) = (RECENT.on(self), rows::parameter("messages", &rows)?);
        let found: Vec<(i64, String, i64, String)> =
            on!(self, |db| sqlx::query_as(sql).bind(rows).fetch_all(db).await)?;
        let mut sent: Vec<Vec<SentText>> = vec![Vec::new(); about.len()];
        for (place, kind, at, state) in found {
            let of = usize::try_from(place).ok().and_then(|at| Some((sent.get_mut(at)?, about.get(at)?)));
            if let Some((sent, (recipient, _))) = of {
                sent.push((TypeName(kind), moment(at, "messages", recipient)?, state));
            }
        }
        Ok(sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::found_by::tables_read_whole;

    #[tokio::test]
    async fn what_is_known_of_people_is_found_by_its_indexes() {
        for sql in [STANDING.sqlite, RECENT.sqlite] {
            assert_eq!(tables_read_whole(sql).await, [""; 0], "{sql}");
        }
    }
}
