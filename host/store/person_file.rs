//! What is known of one person, for whoever has a right to it.

use super::{Result, StoreError, Tx, moment, on};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A reply of theirs.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "as in the table")]
pub struct KeptReply {
    pub text: Option<String>,
    pub meaning: String,
    pub received_at: DateTime<Utc>,
}

/// A line of the consent ledger about them.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "as in the table")]
pub struct KeptConsent {
    pub choice: String,
    pub source: String,
    pub at: DateTime<Utc>,
}

const REPLIES: &str = "SELECT id, text_sealed, meaning, received_at FROM replies
    WHERE recipient_id = $1 ORDER BY received_at, id";

const CONSENTS: &str = "SELECT choice, source, at FROM consents
    WHERE recipient_id = $1 OR phone_hash = $2 ORDER BY at, id";

impl Tx {
    /// What a person wrote, the oldest first.
    ///
    /// # Errors
    ///
    /// Fails when the database does, or a sealed value does not open.
    pub async fn replies_of(&mut self, recipient: &str) -> Result<Vec<KeptReply>> {
        let key = self.recipient_key(recipient).await?;
        let rows: Vec<(Uuid, Option<Vec<u8>>, String, i64)> =
            on!(self, |db| sqlx::query_as(REPLIES).bind(recipient).fetch_all(db).await)?;
        let mut replies = Vec::with_capacity(rows.len());
        for (id, sealed, meaning, at) in rows {
            let text = match (&key, sealed) {
                (Some(key), Some(sealed)) => {
                    let bytes = self.keys.open_sealed(key, "replies.text", id.as_bytes(), &sealed)?;
                    Some(String::from_utf8(bytes).map_err(|_| StoreError::Unsealable)?)
                }
                _ => None,
            };
            replies.push(KeptReply { text, meaning, received_at: moment(at, "replies", &id.to_string())? });
        }
        Ok(replies)
    }

    /// What a person and their phone agreed to, the oldest first.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn consents_of(
        &mut self,
        recipient: &str,
        phone: Option<&crate::domain::phone::PhoneNumber>,
    ) -> Result<Vec<KeptConsent>> {
        let hash = phone.map(|phone| self.phone_hash(phone));
        let rows: Vec<(String, String, i64)> =
            on!(self, |db| sqlx::query_as(CONSENTS).bind(recipient).bind(hash).fetch_all(db).await)?;
        rows.into_iter()
            .map(|(choice, source, at)| {
                Ok(KeptConsent { choice, source, at: moment(at, "consents", recipient)? })
            })
            .collect()
    }
}
