//! Sending a code once more: the same code, within its life, after ever longer waits.

use super::brakes::Asked;
use super::refusals::Refused;
use super::{CodeRequest, Host, Origin, OtpError, Sent, TRIES};
use crate::domain::id::ChallengeId;
use crate::domain::otp::{Challenge, Purpose, Standing, next_send};
use crate::domain::phone::PhoneNumber;
use crate::store::Tx;
use chrono::{DateTime, TimeDelta, Utc};

impl Host {
    /// Sends the code of an open challenge once more.
    ///
    /// # Errors
    ///
    /// It is over, was sent a moment ago or as often as it may be, a brake holds, or nothing can be
    /// counted now.
    pub async fn resend_code(&self, origin: &Origin, id: ChallengeId) -> Result<Sent, OtpError> {
        let now = self.now();
        let mut about = None;
        let resent = Box::pin(self.try_resend(origin, id, &mut about, now)).await;
        if let Err(error) = &resent {
            if let Some(sent) = self.done_meanwhile(origin, error, now).await? {
                return Ok(sent);
            }
            let (phone, purpose) = about.as_ref().map(|(phone, purpose)| (phone, purpose)).unzip();
            self.keep_refusal(&Refused { origin, phone, purpose }, error, now).await;
        }
        resent
    }

    /// Leaves in `about` whom it is about, as soon as that is known.
    async fn try_resend(
        &self,
        origin: &Origin,
        id: ChallengeId,
        about: &mut Option<(PhoneNumber, Purpose)>,
        now: DateTime<Utc>,
    ) -> Result<Sent, OtpError> {
        if let Some(sent) = self.done_before(origin, now).await? {
            return Ok(sent);
        }
        for _ in 0..TRIES {
            let mut tx = self.store.begin().await?;
            let challenge = tx.challenge(id, origin.test).await?;
            let open = challenge.filter(|challenge| challenge.standing(now) == Standing::Open);
            let Some(challenge) = open else { return Err(OtpError::Ended) };
            let Some(phone) = self.phone_of(&mut tx, &challenge).await? else {
                return Err(OtpError::Ended);
            };
            let (phone, purpose) = about.insert((phone, challenge.purpose.clone()));
            self.check_wait(&challenge, now)?;
            let asked = Asked { origin, phone, purpose, network: challenge.from_hash.clone() };
            self.brake(&mut tx, &asked, now).await?;
            let sends = challenge.sends + 1;
            let next = next_send(&self.settings.otp.resend_after, sends, now).unwrap_or(challenge.expires_at);
            if !tx.count_send(&challenge, next).await? {
                continue;
            }
            let challenge = Challenge { sends, next_send_at: next, ..challenge };
            self.plan_text(&mut tx, &challenge, now).await?;
            if !self.remember_once(&mut tx, origin, challenge.id, now).await? {
                drop(tx);
                self.store.settled().await?;
                if let Some(sent) = self.done_before(origin, now).await? {
                    return Ok(sent);
                }
                continue;
            }
            tx.commit().await?;
            self.wake();
            return Ok(self.sent(&challenge, now));
        }
        Err(OtpError::TooEarly { retry_after: TimeDelta::seconds(1) })
    }

    /// Sends a code, as the older routes do: where one is waited for already, it is sent once more.
    ///
    /// # Errors
    ///
    /// As of starting and of sending again.
    pub async fn send_code(&self, origin: &Origin, request: &CodeRequest) -> Result<Sent, OtpError> {
        let now = self.now();
        let open = match self.open_challenge(&request.phone, &request.purpose, origin.test).await {
            Ok(open) => open,
            Err(error) => {
                let refused =
                    Refused { origin, phone: Some(&request.phone), purpose: Some(&request.purpose) };
                self.keep_refusal(&refused, &error, now).await;
                return Err(error);
            }
        };
        match open.filter(|challenge| challenge.standing(now) == Standing::Open) {
            Some(challenge) => match self.resend_code(origin, challenge.id).await {
                // It ended between the look and now.
                Err(OtpError::Ended) => self.start_code(origin, request).await,
                other => other,
            },
            None => self.start_code(origin, request).await,
        }
    }

    /// The challenge of a phone and purpose that nobody has ended.
    pub(super) async fn open_challenge(
        &self,
        phone: &PhoneNumber,
        purpose: &Purpose,
        test: bool,
    ) -> Result<Option<Challenge>, OtpError> {
        let mut tx = self.store.read().await?;
        let hash = tx.phone_hash(phone);
        Ok(tx.challenge_of_phone(&hash, purpose, test).await?)
    }

    fn check_wait(&self, challenge: &Challenge, now: DateTime<Utc>) -> Result<(), OtpError> {
        let sent = self.sent(challenge, now);
        match sent.resend_in {
            Some(wait) if wait <= TimeDelta::zero() => Ok(()),
            Some(wait) => Err(OtpError::TooEarly { retry_after: wait }),
            None => Err(OtpError::TooEarly { retry_after: sent.expires_in }),
        }
    }

    /// The number that a challenge is about; `None` when the person has another one now, or was erased.
    pub(super) async fn phone_of(
        &self,
        tx: &mut Tx,
        challenge: &Challenge,
    ) -> Result<Option<PhoneNumber>, OtpError> {
        let recipient = tx.recipient(&challenge.recipient).await?;
        let phone = recipient.and_then(|recipient| recipient.phone);
        Ok(phone.filter(|phone| tx.phone_hash(phone) == challenge.phone_hash))
    }
}
