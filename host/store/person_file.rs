//! What is known of one person, for whoever has a right to it.

use super::replies::TEXT_COLUMN;
use super::{Result, StoreError, Tx, moment, on};
use crate::domain::phone::PhoneNumber;
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

/// What they asked the clinic's system for.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "as in the table")]
pub struct KeptRequest {
    pub name: String,
    pub subject_type: String,
    pub subject_id: String,
    pub test: bool,
    pub at: DateTime<Utc>,
}

/// A one-time code of theirs, without the code: that is stored nowhere.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "as in the table")]
pub struct KeptChallenge {
    pub purpose: String,
    pub test: bool,
    pub ended: Option<String>,
    pub checks: i64,
    pub sends: i64,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

const REPLIES: &str = "SELECT id, recipient_id, text_sealed, meaning, received_at FROM replies
    WHERE recipient_id = $1 OR (recipient_id IS NULL AND phone_hash = $2) ORDER BY received_at, id";

const REQUESTS: &str = "SELECT name, subject_type, subject_id, test, at FROM requests
    WHERE recipient_id = $1 ORDER BY at, id";

const CHALLENGES: &str = "SELECT purpose, test, ended, checks, sends, created_at, expires_at FROM challenges
    WHERE recipient_id = $1 OR phone_hash = $2 ORDER BY created_at, id";

type ReplyRow = (Uuid, Option<String>, Option<Vec<u8>>, String, i64);
type ChallengeRow = (String, bool, Option<String>, i64, i64, i64, i64);

impl Tx {
    /// What a person wrote, the oldest first; also from their phone before it was known to be theirs.
    ///
    /// # Errors
    ///
    /// Fails when the database does, or a sealed value does not open.
    pub async fn replies_of(
        &mut self,
        recipient: &str,
        phone: Option<&PhoneNumber>,
    ) -> Result<Vec<KeptReply>> {
        let (key, ledger) = (self.recipient_key(recipient).await?, self.keys.ledger_key());
        let hash = phone.map(|phone| self.phone_hash(phone));
        let rows: Vec<ReplyRow> =
            on!(self, |db| sqlx::query_as(REPLIES).bind(recipient).bind(hash).fetch_all(db).await)?;
        let mut replies = Vec::with_capacity(rows.len());
        for (id, writer, sealed, meaning, at) in rows {
            let key = if writer.is_some() { key.as_ref() } else { Some(&ledger) };
            let text = match (key, sealed) {
                (Some(key), Some(sealed)) => {
                    let bytes = self.keys.open_sealed(key, TEXT_COLUMN, id.as_bytes(), &sealed)?;
                    Some(String::from_utf8(bytes).map_err(|_| StoreError::Unsealable)?)
                }
                _ => None,
            };
            replies.push(KeptReply { text, meaning, received_at: moment(at, "replies", &id.to_string())? });
        }
        Ok(replies)
    }

    /// What a person asked for by their replies, the oldest first.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn requests_of(&mut self, recipient: &str) -> Result<Vec<KeptRequest>> {
        let rows: Vec<(String, String, String, bool, i64)> =
            on!(self, |db| sqlx::query_as(REQUESTS).bind(recipient).fetch_all(db).await)?;
        let requests = rows.into_iter().map(|(name, subject_type, subject_id, test, at)| {
            Ok(KeptRequest { name, subject_type, subject_id, test, at: moment(at, "requests", recipient)? })
        });
        requests.collect()
    }

    /// The one-time codes of a person and their phone, the oldest first.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn challenges_of(
        &mut self,
        recipient: &str,
        phone: Option<&PhoneNumber>,
    ) -> Result<Vec<KeptChallenge>> {
        let hash = phone.map(|phone| self.phone_hash(phone));
        let rows: Vec<ChallengeRow> =
            on!(self, |db| sqlx::query_as(CHALLENGES).bind(recipient).bind(hash).fetch_all(db).await)?;
        let at = |millis| moment(millis, "challenges", recipient);
        let challenges = rows.into_iter().map(|(purpose, test, ended, checks, sends, created, expires)| {
            let (created_at, expires_at) = (at(created)?, at(expires)?);
            Ok(KeptChallenge { purpose, test, ended, checks, sends, created_at, expires_at })
        });
        challenges.collect()
    }
}
