//! Erasing a person: what is not theirs to take back from backups by losing the key is emptied here.

use super::{Result, Tx, on};
use crate::domain::id::ErasureId;
use chrono::{DateTime, Utc};

/// The certificate of an erasure: who, when, how much; nothing of what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// Ours.
    pub id: ErasureId,
    /// The clinic's id of the person.
    pub recipient: String,
    /// `key:<id>`, or `cli`.
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

const FORGET: [&str; 4] = [
    "UPDATE messages SET payload_sealed = NULL, text_sealed = NULL, phone_sealed = NULL, phone_hash = NULL
        WHERE recipient_id = $1",
    "UPDATE decisions SET input_sealed = NULL, answer_sealed = NULL, log_sealed = NULL WHERE recipient_id = $1",
    "UPDATE events SET body_sealed = NULL WHERE recipient_id = $1",
    "UPDATE replies SET text_sealed = NULL WHERE recipient_id = $1",
];

const CERTIFY: &str = "INSERT INTO erasures (id, recipient_id, asked_by, at, canceled, texts, redactions)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";

impl Tx {
    /// The provider's identifiers of every text that went to a person, and whether it was a test.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn sids_of_recipient(&mut self, recipient: &str) -> Result<Vec<(String, bool)>> {
        Ok(on!(self, |db| sqlx::query_as(SENT).bind(recipient).fetch_all(db).await)?)
    }

    /// Empties what is sealed for a person, and the hash by which their phone was found. The consent
    /// ledger stays: a phone that said stop has said stop.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn forget_recipient(&mut self, recipient: &str) -> Result<()> {
        for text in FORGET {
            on!(self, |db| sqlx::query(text).bind(recipient).execute(db).await.map(drop))?;
        }
        Ok(())
    }

    /// Keeps the certificate.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn insert_erasure(&mut self, erasure: &Erasure) -> Result<()> {
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
