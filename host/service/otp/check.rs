//! Checking a code: the try is counted and committed, then compared, then the challenge is used up.

use super::refusals::Refused;
use super::{Host, Origin, OtpError};
use crate::domain::id::ChallengeId;
use crate::domain::otp::{self, Challenge, Purpose, Standing};
use crate::domain::phone::PhoneNumber;
use crate::domain::secret::Secret;
use crate::twilio::verify::CodeCheck;
use chrono::{DateTime, Utc};

/// What came of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// It was the code. It opens nothing a second time.
    Approved {
        /// Whom the caller named, or the only person with this phone.
        recipient: Option<String>,
    },
    /// It was another; so many may still be tried.
    Pending {
        /// At least one.
        attempts_left: u32,
    },
    /// No code is waited for: its life is over, it was used, a newer one took its place, or there never
    /// was one.
    Expired,
    /// Too many were tried. The right one does not help any more.
    Exhausted,
}

impl Host {
    /// Tries a code on a challenge.
    ///
    /// # Errors
    ///
    /// Nothing can be counted now.
    pub async fn check_code(&self, id: ChallengeId, test: bool, given: &str) -> Result<Checked, OtpError> {
        let now = self.now();
        let given = otp::typed(given);
        let mut tx = self.store.begin().await?;
        let counted = tx.count_check(id, test, now).await?;
        tx.commit().await?;

        let compared = if self.is_verifys(counted.as_ref()) {
            self.ask_verify(counted.as_ref(), id, test, &given).await?
        } else {
            self.compare(counted.as_ref(), id, &given)
        };
        match (counted, compared) {
            (Some(challenge), CodeCheck::Right) => self.approve(challenge, now).await,
            (Some(challenge), CodeCheck::Gone) => {
                let mut tx = self.store.begin().await?;
                tx.challenge_gone(challenge.id, now).await?;
                tx.commit().await?;
                Ok(Checked::Expired)
            }
            (Some(_), CodeCheck::Exhausted) => Ok(Checked::Exhausted),
            (Some(_), CodeCheck::Wrong) | (None, _) => self.why_not(id, test, now).await,
        }
    }

    /// Compares with a code of our own. Where there is nothing to compare with, something is derived and
    /// compared all the same.
    fn compare(&self, counted: Option<&Challenge>, id: ChallengeId, given: &Secret) -> CodeCheck {
        let expected = counted.and_then(|challenge| self.code_of(challenge));
        let is_same = otp::is_same(&expected.clone().unwrap_or_else(|| self.no_code(id)), given);
        if is_same && expected.is_some() { CodeCheck::Right } else { CodeCheck::Wrong }
    }

    /// Tries a code on the open challenge of a phone, as the older routes do.
    ///
    /// # Errors
    ///
    /// A brake holds, or nothing can be counted now.
    pub async fn check_code_of_phone(
        &self,
        origin: &Origin,
        phone: &PhoneNumber,
        purpose: &Purpose,
        given: &str,
    ) -> Result<Checked, OtpError> {
        let now = self.now();
        if let Err(error) = self.brake_checks(origin, now).await {
            let refused = Refused { origin, phone: Some(phone), purpose: Some(purpose) };
            self.keep_refusal(&refused, &error, now).await;
            return Err(error);
        }
        let open = self.open_challenge(phone, purpose, origin.test).await?;
        let id = open.map_or(ChallengeId(uuid::Uuid::nil()), |challenge| challenge.id);
        self.check_code(id, origin.test, given).await
    }

    /// The code of no challenge: as much work as a real one, and right for nobody.
    fn no_code(&self, id: ChallengeId) -> Secret {
        let key = self.store.keys().codes().newest();
        let purpose = Purpose::parse("NONE").expect("is a word in capitals");
        let binding = otp::Binding {
            challenge: id,
            key_id: &key.id,
            nonce: &[0; 16],
            phone_hash: &[0; 32],
            purpose: &purpose,
        };
        otp::derive(&key.key, &binding, self.settings.otp.digits)
    }

    async fn approve(&self, challenge: Challenge, now: DateTime<Utc>) -> Result<Checked, OtpError> {
        let mut tx = self.store.begin().await?;
        // The counters before the challenge, as a start and a resend do it: two units of work that take them in
        // different orders would wait for each other. One that does not win is rolled back, and counts nothing.
        self.count_typed(&mut tx, &challenge, now).await?;
        if !tx.approve_challenge(challenge.id, now).await? {
            drop(tx);
            return self.why_not(challenge.id, challenge.test, now).await;
        }
        let recipient = match challenge.named {
            Some(named) => Some(named),
            None => tx.only_person_of_phone(&challenge.phone_hash).await?,
        };
        tx.commit().await?;
        tracing::info!(challenge_id = %challenge.id, purpose = %challenge.purpose, "one-time code approved");
        Ok(Checked::Approved { recipient })
    }

    async fn why_not(&self, id: ChallengeId, test: bool, now: DateTime<Utc>) -> Result<Checked, OtpError> {
        let mut tx = self.store.read().await?;
        let Some(challenge) = tx.challenge(id, test).await? else { return Ok(Checked::Expired) };
        Ok(match challenge.standing(now) {
            Standing::Open => Checked::Pending { attempts_left: challenge.checks_left() },
            Standing::Exhausted => Checked::Exhausted,
            // Approved by an earlier try: this one opens nothing.
            Standing::Approved | Standing::Expired => Checked::Expired,
        })
    }
}
