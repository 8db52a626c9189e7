//! Texts counted by person. A text is judged by what its person was sent at one count, and is committed to over no
//! other: of two hosts that judge texts of one person at the same moment, one judges again.

use super::rows::{self, both, rows, value};
use super::{Result, Sql, Tx, on};
use serde_json::json;
use std::collections::HashSet;

/// A person to whom texts are about to go, as they were when those were judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counting<'a> {
    /// The clinic's id.
    pub person: &'a str,
    /// At this version.
    pub version: i64,
    /// At this count; `None`: at any.
    pub texts: Option<i64>,
    /// So many more.
    pub more: i64,
}

// In the order in which everybody writes people, whatever the database sorts by, so that nobody waits for somebody
// who waits for them; on SQLite the writer's place is lock enough. A foreign key to a person is in nobody's way.
macro_rules! locked {
    (sqlite) => {
        ""
    };
    (postgres) => {
        " ORDER BY recipients.id COLLATE \"C\" FOR NO KEY UPDATE OF recipients"
    };
}

macro_rules! count {
    ($db:ident) => {
        concat!(
            "UPDATE recipients SET texts = texts + new.more FROM (SELECT recipients.id AS person, ",
            value!($db, number, 1),
            " AS judged_version, ",
            value!($db, number, 2),
            " AS judged_texts, ",
            value!($db, number, 3),
            " AS more FROM ",
            rows!($db),
            " CROSS JOIN recipients WHERE recipients.id = ",
            value!($db, text, 0),
            locked!($db),
            ") AS new WHERE id = new.person AND version = new.judged_version
                AND (new.judged_texts IS NULL OR texts = new.judged_texts)
            RETURNING id, key_id, wrapped_key"
        )
    };
}
const COUNT: Sql = both!(count);

impl Tx {
    /// Counts texts of people, each person named once, and answers who was still as they were judged by; nobody else
    /// is counted. No other host counts a text of theirs before this unit of work ends.
    ///
    /// # Errors
    ///
    /// Fails when the database does, or a key cannot be opened.
    pub async fn count_texts(&mut self, people: &[Counting<'_>]) -> Result<HashSet<String>> {
        let mut counted = HashSet::with_capacity(people.len());
        if people.is_empty() {
            return Ok(counted);
        }
        let row = |one: &Counting<'_>| json!([one.person, one.version, one.texts, one.more]);
        let rows: Vec<_> = people.iter().map(row).collect();
        let (sql, rows) = (COUNT.on(self), rows::parameter("recipients", &rows)?);
        let found: Vec<(String, String, Option<Vec<u8>>)> =
            on!(self, |db| sqlx::query_as(sql).bind(rows).fetch_all(db).await)?;
        for (id, key_id, wrapped) in found {
            let key = wrapped.map(|wrapped| self.keys.unwrap(&key_id, &id, &wrapped)).transpose()?;
            self.met.insert(id.clone(), key);
            counted.insert(id);
        }
        Ok(counted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::found_by::tables_read_whole;

    #[tokio::test]
    async fn people_whose_texts_are_counted_are_found_by_their_ids() {
        assert_eq!(tables_read_whole(COUNT.sqlite).await, [""; 0]);
    }
}
