//! The audit: who did what, append-only. Every line is signed together with the signature of the line
//! before it, under a key that is not in the database.

use super::rows::{self, both, rows, value};
use super::{Inner, Result, Sql, Tx, moment, on};
use chrono::{DateTime, Utc};
use serde_json::json;

/// A thing that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: DateTime<Utc>,
    /// `key:<id>`, `recipient:<id>` or `cli:<system user>`.
    pub actor: String,
    /// The method and route, or the command.
    pub action: String,
    /// The address, without its query.
    pub object: String,
    /// The status that was answered, or the exit status.
    pub outcome: i64,
}

/// A line as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditLine {
    /// From 1, without gaps.
    pub number: i64,
    /// What was done.
    pub entry: AuditEntry,
    signature: Vec<u8>,
}

type Row = (i64, i64, String, String, String, i64, Vec<u8>);

// One writer at a time, or two lines would follow the same one; on SQLite the unit of work is that.
const LOCK: &str = "LOCK TABLE audit IN EXCLUSIVE MODE";

const LAST: &str = "SELECT number, signature FROM audit ORDER BY number DESC LIMIT 1";

macro_rules! insert {
    ($db:ident) => {
        concat!(
            "INSERT INTO audit (number, at, actor, action, object, outcome, signature) SELECT ",
            value!($db, number, 0),
            ", ",
            value!($db, number, 1),
            ", ",
            value!($db, text, 2),
            ", ",
            value!($db, text, 3),
            ", ",
            value!($db, text, 4),
            ", ",
            value!($db, number, 5),
            ", ",
            value!($db, bytes, 6),
            " FROM ",
            rows!($db)
        )
    };
}
const INSERT: Sql = both!(insert);

const AFTER: &str = "SELECT number, at, actor, action, object, outcome, signature FROM audit
    WHERE number > $1 ORDER BY number LIMIT $2";

impl Tx {
    /// Appends lines, in their order.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn append_audit(&mut self, entries: &[AuditEntry]) -> Result<()> {
        if let Inner::Postgres(tx) = &mut self.inner {
            sqlx::query(LOCK).execute(&mut **tx).await?;
        }
        let last: Option<(i64, Vec<u8>)> = on!(self, |db| sqlx::query_as(LAST).fetch_optional(db).await)?;
        let (mut number, mut signature) = last.unwrap_or_default();
        let mut rows = Vec::with_capacity(entries.len());
        for entry in entries {
            number += 1;
            signature = self.sign(&signature, number, entry);
            let AuditEntry { at, actor, action, object, outcome } = entry;
            let at = at.timestamp_millis();
            rows.push(json!([number, at, actor, action, object, outcome, rows::bytes(&signature)]));
        }
        let (sql, rows) = (INSERT.on(self), rows::parameter("audit", &rows)?);
        on!(self, |db| sqlx::query(sql).bind(rows).execute(db).await.map(drop))?;
        Ok(())
    }

    /// The lines after a number, in order.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn audit_after(&mut self, number: i64, limit: u32) -> Result<Vec<AuditLine>> {
        let rows: Vec<Row> =
            on!(self, |db| sqlx::query_as(AFTER).bind(number).bind(i64::from(limit)).fetch_all(db).await)?;
        rows.into_iter()
            .map(|(number, at, actor, action, object, outcome, signature)| {
                let at = moment(at, "audit", &number.to_string())?;
                Ok(AuditLine { number, entry: AuditEntry { at, actor, action, object, outcome }, signature })
            })
            .collect()
    }

    /// Whether a line follows the one before it, untouched.
    #[must_use]
    pub fn follows(&self, before: Option<&AuditLine>, line: &AuditLine) -> bool {
        let (number, signature) = before.map_or((0, &[][..]), |line| (line.number, &line.signature));
        line.number == number + 1 && line.signature == self.sign(signature, line.number, &line.entry)
    }

    /// Every part with its length before it, so that none can lend a byte to its neighbour.
    fn sign(&self, before: &[u8], number: i64, entry: &AuditEntry) -> Vec<u8> {
        use std::fmt::Write as _;
        let mut text = super::seal::hex(before);
        let (at, outcome) = (entry.at.timestamp_millis(), entry.outcome);
        for part in [
            &number.to_string(),
            &at.to_string(),
            &entry.actor,
            &entry.action,
            &entry.object,
            &outcome.to_string(),
        ] {
            let _ = write!(text, "\n{} {part}", part.len());
        }
        self.keys.hash("audit", &text)
    }
}

impl AuditLine {
    /// The signature in hexadecimal: written down elsewhere, it shows later that no line was cut off.
    #[must_use]
    pub fn signature(&self) -> String {
        super::seal::hex(&self.signature)
    }
}
