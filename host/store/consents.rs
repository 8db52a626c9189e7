//! The consent ledger: append-only. The newest line of a phone is its state.

use super::rows::{self, both, rows, value};
use super::{Result, Sql, Tx, on};
use crate::domain::consent::{Choice, ConsentSource};
use crate::domain::id::ConsentId;
use crate::domain::phone::PhoneNumber;
use chrono::{DateTime, Utc};
use serde_json::json;
use std::collections::{HashMap, HashSet};

const INSERT: &str = "INSERT INTO consents (id, phone_hash, recipient_id, choice, source, at)
    VALUES ($1, $2, $3, $4, $5, $6)";

// Of two words in one millisecond, stop stands.
const NEWEST: &str =
    "SELECT choice FROM consents WHERE phone_hash = $1 ORDER BY at DESC, choice DESC, id DESC LIMIT 1";

macro_rules! opted_out {
    ($db:ident) => {
        concat!(
            "SELECT ",
            value!($db, bytes, 0),
            " FROM ",
            rows!($db),
            " WHERE (SELECT choice FROM consents WHERE phone_hash = ",
            value!($db, bytes, 0),
            " ORDER BY at DESC, choice DESC, id DESC LIMIT 1) = 'opt_out'"
        )
    };
}
const OPTED_OUT: Sql = both!(opted_out);

impl Tx {
    /// Adds a line about a phone.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn insert_consent(
        &mut self,
        id: ConsentId,
        phone: &PhoneNumber,
        recipient: Option<&str>,
        choice: Choice,
        source: ConsentSource,
        at: DateTime<Utc>,
    ) -> Result<()> {
        let hash = self.phone_hash(phone);
        on!(self, |db| sqlx::query(INSERT)
            .bind(id.0)
            .bind(&hash)
            .bind(recipient)
            .bind(choice.name())
            .bind(source.name())
            .bind(at.timestamp_millis())
            .execute(db)
            .await
            .map(drop))?;
        Ok(())
    }

    /// Whether a phone has said stop, and not start since.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn opted_out(&mut self, phone: &PhoneNumber) -> Result<bool> {
        let hash = self.phone_hash(phone);
        let newest: Option<String> =
            on!(self, |db| sqlx::query_scalar(NEWEST).bind(&hash).fetch_optional(db).await)?;
        Ok(newest.as_deref() == Some(Choice::OptOut.name()))
    }

    /// Those of many phones that have said stop, and not start since.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn opted_out_among(&mut self, phones: &[&PhoneNumber]) -> Result<HashSet<PhoneNumber>> {
        let by_hash: HashMap<Vec<u8>, &PhoneNumber> =
            phones.iter().map(|phone| (self.phone_hash(phone), *phone)).collect();
        let rows: Vec<_> = by_hash.keys().map(|hash| json!([rows::bytes(hash)])).collect();
        let (sql, rows) = (OPTED_OUT.on(self), rows::parameter("consents", &rows)?);
        let hashes: Vec<Vec<u8>> = on!(self, |db| sqlx::query_scalar(sql).bind(rows).fetch_all(db).await)?;
        Ok(hashes.iter().filter_map(|hash| by_hash.get(hash).map(|phone| (*phone).clone())).collect())
    }
}
