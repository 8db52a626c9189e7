//! Erasing a person: what is not theirs to take back from backups by losing the key is emptied here.

use super::rows::{self, both};
use super::{Result, Sql, Tx, on};
use crate::domain::id::ErasureId;
use chrono::{DateTime, Utc};
use serde_json::json;
use std::collections::{HashMap, HashSet};

/// The certificate of an erasure: who, when, how much; nothing of what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// Ours.
    pub id: ErasureId,
    /// The clinic's id of the person.
    pub recipient: String,
    /// `key:<id>`, or `cli`; `serve` or `recover` of one whom a backup had brought back.
    pub asked_by: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Queued texts that were taken back.
    pub canceled: i64,
    /// Texts that had been sent, whose words are gone here.
    pub texts: i64,
    /// Texts that the provider is asked to redact.
    pub redactions: i64,
}

const SENT: &str = "SELECT attempts.sid, messages.test FROM messages
    JOIN attempts ON attempts.message_id = messages.id AND attempts.sid IS NOT NULL
    WHERE messages.recipient_id = $1";

// By a phone that somebody knows nobody may find that its person was erased: where a row stands for both, the
// phone's hash gives way to one that no phone has.
const PART_CHALLENGES: &str = "UPDATE challenges SET phone_hash = $2, from_hash = NULL, named = NULL,
        ended = COALESCE(ended, 'gone'), ended_at = COALESCE(ended_at, $3) WHERE recipient_id = $1";

const PART_QUESTIONS: &str = "UPDATE questions SET phone_hash = $2, closed_at = COALESCE(closed_at, $3)
    WHERE reply_id IN (SELECT id FROM replies WHERE recipient_id = $1)";

const PART_REPLIES: &str = "UPDATE replies SET phone_hash = $2 WHERE recipient_id = $1";

const FORGET: [&str; 5] = [
    "UPDATE messages SET payload_sealed = NULL, text_sealed = NULL, phone_sealed = NULL, phone_hash = NULL
        WHERE recipient_id = $1",
    "UPDATE decisions SET input_sealed = NULL, answer_sealed = NULL, log_sealed = NULL WHERE recipient_id = $1",
    "UPDATE events SET body_sealed = NULL WHERE recipient_id = $1",
    "UPDATE replies SET text_sealed = NULL WHERE recipient_id = $1",
    "UPDATE challenges SET named = NULL WHERE named = $1",
];

// On SQLite the writer's place is lock enough.
const HOLD: Sql = Sql {
    sqlite: "SELECT id FROM recipients WHERE id = $1",
    postgres: "SELECT id FROM recipients WHERE id = $1 FOR NO KEY UPDATE",
};

const KEEP_NAME: &str = "INSERT INTO erased_names (name) VALUES ($1) ON CONFLICT DO NOTHING";

macro_rules! names {
    (sqlite) => {
        "SELECT name FROM erased_names WHERE name IN (SELECT value FROM json_each($1))"
    };
    (postgres) => {
        "SELECT name FROM erased_names
            WHERE name IN (SELECT value FROM json_array_elements_text(CAST($1 AS JSON)) AS rows(value))"
    };
}
const NAMES: Sql = both!(names);

const COUNT_NAME: &str = "SELECT COUNT(*) FROM erased_names WHERE name = $1";

const LIVING: &str =
    "SELECT id FROM recipients WHERE wrapped_key IS NOT NULL AND id > $1 ORDER BY id LIMIT $2";

const CERTIFY: &str = "INSERT INTO erasures (id, recipient_id, asked_by, at, canceled, texts, redactions)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";

impl Tx {
    /// Nobody else changes a person, or counts a text of theirs, before this unit of work ends.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn hold_recipient(&mut self, id: &str) -> Result<()> {
        let sql = HOLD.on(self);
        on!(self, |db| sqlx::query(sql).bind(id).execute(db).await.map(drop))?;
        Ok(())
    }

    /// The provider's identifiers of every text that went to a person, and whether it was a test.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn sids_of_recipient(&mut self, recipient: &str) -> Result<Vec<(String, bool)>> {
        Ok(on!(self, |db| sqlx::query_as(SENT).bind(recipient).fetch_all(db).await)?)
    }

    /// Empties what is sealed for a person, and parts them from their phone. The consent ledger stays: a phone
    /// that said stop has said stop.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn forget_recipient(&mut self, recipient: &str, now: DateTime<Utc>) -> Result<()> {
        let nobody = self.keys.hash("erased", recipient);
        for text in [PART_CHALLENGES, PART_QUESTIONS] {
            on!(self, |db| sqlx::query(text)
                .bind(recipient)
                .bind(&nobody)
                .bind(now.timestamp_millis())
                .execute(db)
                .await
                .map(drop))?;
        }
        on!(self, |db| sqlx::query(PART_REPLIES).bind(recipient).bind(&nobody).execute(db).await.map(drop))?;
        for text in FORGET {
            on!(self, |db| sqlx::query(text).bind(recipient).execute(db).await.map(drop))?;
        }
        Ok(())
    }

    /// Everybody of whom this database knows that they were erased, by the name that
    /// [`Keyring::erased_name`](super::seal::Keyring::erased_name) gives.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn erased_names(&mut self) -> Result<Vec<String>> {
        Ok(on!(self, |db| sqlx::query_scalar("SELECT name FROM erased_names").fetch_all(db).await)?)
    }

    /// Keeps the name of somebody who was erased: nobody is taken in under it again.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn keep_erased_name(&mut self, name: &str) -> Result<()> {
        on!(self, |db| sqlx::query(KEEP_NAME).bind(name).execute(db).await.map(drop))?;
        Ok(())
    }

    /// Who of these people was erased, of whom this database may know nothing else.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn erased_among(&mut self, ids: &[&str]) -> Result<HashSet<String>> {
        if ids.is_empty() {
            return Ok(HashSet::new());
        }
        let mut by_name: HashMap<String, &str> =
            ids.iter().map(|id| (self.keys.erased_name(id), *id)).collect();
        let names: Vec<_> = by_name.keys().map(|name| json!(name)).collect();
        let (sql, names) = (NAMES.on(self), rows::parameter("erased_names", &names)?);
        let found: Vec<String> = on!(self, |db| sqlx::query_scalar(sql).bind(names).fetch_all(db).await)?;
        Ok(found.iter().filter_map(|name| by_name.remove(name)).map(str::to_owned).collect())
    }

    /// Whether somebody of this id was erased, of whom this database may know nothing else.
    pub(super) async fn is_erased_name(&mut self, recipient: &str) -> Result<bool> {
        let name = self.keys.erased_name(recipient);
        let count: i64 = on!(self, |db| sqlx::query_scalar(COUNT_NAME).bind(name).fetch_one(db).await)?;
        Ok(count > 0)
    }

    /// People who still have their key, in the order of their ids.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn living_recipients(&mut self, after: &str, limit: u32) -> Result<Vec<String>> {
        Ok(on!(self, |db| sqlx::query_scalar(LIVING).bind(after).bind(i64::from(limit)).fetch_all(db).await)?)
    }

    /// Keeps the certificate, and the name under which nobody is taken in again.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn insert_erasure(&mut self, erasure: &Erasure) -> Result<()> {
        let name = self.keys.erased_name(&erasure.recipient);
        self.keep_erased_name(&name).await?;
        on!(self, |db| sqlx::query(CERTIFY)
            .bind(erasure.id.0)
            .bind(&erasure.recipient)
            .bind(&erasure.asked_by)
            .bind(erasure.at.timestamp_millis())
            .bind(erasure.canceled)
            .bind(erasure.texts)
            .bind(erasure.redactions)
            .execute(db)
            .await
            .map(drop))?;
        Ok(())
    }
}
