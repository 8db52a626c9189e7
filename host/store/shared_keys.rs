//! Whether the keys that this process holds are those of the database: hosts on one PostgreSQL share one folder
//! of keys, or none of them reads what another wrote.

use super::{Result, Store, on};

/// How the keys at hand fit the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysFit {
    /// Master keys that wrap people's keys and are not at hand.
    pub lacking: Vec<String>,
    /// Whether the newest line of the audit was signed with the index key at hand; `None` where there is none.
    pub signs_alike: Option<bool>,
    /// Processes that are written down as running.
    pub hosts: i64,
}

const MASTERS: &str = "SELECT DISTINCT key_id FROM recipients WHERE wrapped_key IS NOT NULL ORDER BY key_id";

const NEWEST: &str = "SELECT MAX(number) FROM audit";

impl Store {
    /// Holds the keys at hand against the database.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn keys_fit(&self) -> Result<KeysFit> {
        let mut tx = self.read().await?;
        let mut lacking: Vec<String> = on!(tx, |db| sqlx::query_scalar(MASTERS).fetch_all(db).await)?;
        lacking.retain(|id| !self.keys().has_master(id));
        let newest: Option<i64> = on!(tx, |db| sqlx::query_scalar(NEWEST).fetch_one(db).await)?;
        let signs_alike = match newest {
            None => None,
            Some(newest) => {
                let lines = tx.audit_after((newest - 2).max(0), 2).await?;
                match &lines[..] {
                    [first] => Some(tx.follows(None, first)),
                    [before, last] => Some(tx.follows(Some(before), last)),
                    _ => None,
                }
            }
        };
        Ok(KeysFit { lacking, signs_alike, hosts: tx.count_hosts().await? })
    }
}
