//! Requests that are made twice and done once. What is remembered is the challenge alone: a repeated request is
//! answered as the challenge stands, and no code is in any answer.

use super::{Host, Once, Origin, OtpError, Sent};
use crate::domain::id::ChallengeId;
use crate::store::Tx;
use chrono::{DateTime, Utc};

impl Host {
    /// Binds an idempotency key to a route and a body.
    #[must_use]
    pub fn once(&self, key: String, route: &str, body: &[u8]) -> Once {
        Once { key, request_hash: self.hash_request(route, body) }
    }

    /// What a request that was done before is answered; `None` for one that is new.
    pub(super) async fn done_before(
        &self,
        origin: &Origin,
        now: DateTime<Utc>,
    ) -> Result<Option<Sent>, OtpError> {
        let (Some(once), Some(api_key)) = (&origin.once, origin.key) else { return Ok(None) };
        let mut tx = self.store.read().await?;
        match tx.remembered_request(api_key, &once.key).await? {
            None => Ok(None),
            Some((hash, _)) if hash != once.request_hash => Err(OtpError::KeyReused),
            Some((_, id)) => {
                let challenge = tx.challenge(ChallengeId(id), origin.test).await?.ok_or(OtpError::Ended)?;
                Ok(Some(self.sent(&challenge, now)))
            }
        }
    }

    /// The same request may have been faster, and have used up what a brake had left.
    pub(super) async fn done_meanwhile(
        &self,
        origin: &Origin,
        refused: &OtpError,
        now: DateTime<Utc>,
    ) -> Result<Option<Sent>, OtpError> {
        if origin.once.is_none() {
            return Ok(None);
        }
        match refused {
            OtpError::Limited { .. } | OtpError::TooEarly { .. } => {
                // What the faster one has used up may not be readable yet.
                self.store.settled().await?;
                self.done_before(origin, now).await
            }
            OtpError::Fields(_)
            | OtpError::CountryClosed
            | OtpError::KeyReused
            | OtpError::Ended
            | OtpError::NotChecked(_)
            | OtpError::NotCounted(_)
            | OtpError::Unavailable(_) => Ok(None),
        }
    }

    /// Remembers a request in the unit of work that does it; `false` when the same request was faster, and
    /// this unit must not be committed.
    pub(super) async fn remember_once(
        &self,
        tx: &mut Tx,
        origin: &Origin,
        id: ChallengeId,
        now: DateTime<Utc>,
    ) -> Result<bool, OtpError> {
        let (Some(once), Some(api_key)) = (&origin.once, origin.key) else { return Ok(true) };
        Ok(tx.remember_request(api_key, &once.key, &once.request_hash, id.0, now).await?)
    }
}
