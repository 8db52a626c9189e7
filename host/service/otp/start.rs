//! Asking for a code: counted, then one unit of work ends the older challenge, opens the new one and
//! plans its text.

use super::super::FieldError;
use super::brakes::Asked;
use super::{Host, HostError, KIND, Origin, OtpError, Sent, TRIES};
use crate::domain::id::{ChallengeId, MessageId};
use crate::domain::kind::TypeName;
use crate::domain::message::{Cause, Message};
use crate::domain::otp::{Challenge, Maker, Purpose, next_send};
use crate::domain::phone::PhoneNumber;
use crate::domain::recipient::new_unnamed_id;
use crate::store::{Payload, Tx};
use chrono::{DateTime, Utc};
use rand::RngExt as _;

/// A request for a code as it is posted.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "as in the API")]
pub struct PostedCode {
    pub phone: String,
    pub region: Option<String>,
    pub purpose: String,
    pub locale: Option<String>,
    pub recipient: Option<String>,
}

/// A request for a code, read.
#[derive(Clone, Debug)]
pub struct CodeRequest {
    /// Where the code goes.
    pub phone: PhoneNumber,
    /// What it opens.
    pub purpose: Purpose,
    /// In this language instead of the person's.
    pub language: Option<String>,
    /// Whom the caller names.
    pub named: Option<String>,
}

impl Host {
    /// Reads a request for a code.
    ///
    /// # Errors
    ///
    /// Fields are wrong.
    pub fn read_code_request(&self, posted: &PostedCode) -> Result<CodeRequest, OtpError> {
        let mut wrong = Vec::new();
        let region = posted.region.as_deref().or(self.settings.clinic.region.as_deref());
        let phone = PhoneNumber::parse(&posted.phone, region);
        if let Err(error) = &phone {
            wrong.push(FieldError::new("/phone", error.to_string()));
        }
        let purpose = Purpose::parse(&posted.purpose);
        if let Err(error) = &purpose {
            wrong.push(FieldError::new("/purpose", error.to_string()));
        }
        if let Some(tag) = &posted.locale {
            self.check_language("/locale", tag, &mut wrong);
        }
        super::super::checks::check_id("/recipient", posted.recipient.as_deref(), &mut wrong);
        match (phone, purpose) {
            (Ok(phone), Ok(purpose)) if wrong.is_empty() => Ok(CodeRequest {
                phone,
                purpose,
                language: posted.locale.clone(),
                named: posted.recipient.clone(),
            }),
            _ => Err(OtpError::Fields(wrong)),
        }
    }

    /// Opens a new challenge and sends its code. Every phone is answered alike.
    ///
    /// # Errors
    ///
    /// A brake holds, or nothing can be counted now.
    pub async fn start_code(&self, origin: &Origin, request: &CodeRequest) -> Result<Sent, OtpError> {
        let now = self.now();
        let network = self.network_of(origin);
        let asked = Asked { origin, phone: &request.phone, purpose: &request.purpose, network };
        let started = Box::pin(self.try_start(&asked, request, now)).await;
        if let Err(error) = &started {
            if let Some(sent) = self.done_meanwhile(origin, error, now).await? {
                return Ok(sent);
            }
            self.keep_refusal(&asked.refused(), error, now).await;
        }
        started
    }

    async fn try_start(
        &self,
        asked: &Asked<'_>,
        request: &CodeRequest,
        now: DateTime<Utc>,
    ) -> Result<Sent, OtpError> {
        if let Some(sent) = self.done_before(asked.origin, now).await? {
            return Ok(sent);
        }
        self.check_country(&request.phone, asked.origin.test)?;
        for _ in 0..TRIES {
            let mut tx = self.store.begin().await?;
            self.brake(&mut tx, asked, now).await?;
            let challenge = self.new_challenge(asked, request, &mut tx, now).await?;
            tx.supersede_challenge(&challenge.phone_hash, &challenge.purpose, challenge.test, now).await?;
            if !tx.insert_challenge(&challenge).await? {
                // Another request for the same phone was faster: its challenge is ended by this one.
                continue;
            }
            self.plan_text(&mut tx, &challenge, now).await?;
            if !self.remember_once(&mut tx, asked.origin, challenge.id, now).await? {
                drop(tx);
                self.store.settled().await?;
                if let Some(sent) = self.done_before(asked.origin, now).await? {
                    return Ok(sent);
                }
                continue;
            }
            tx.commit().await?;
            self.wake();
            tracing::info!(challenge_id = %challenge.id, purpose = %challenge.purpose, "one-time code asked for");
            return Ok(self.sent(&challenge, now));
        }
        Err(OtpError::TooEarly { retry_after: chrono::TimeDelta::seconds(1) })
    }

    async fn new_challenge(
        &self,
        asked: &Asked<'_>,
        request: &CodeRequest,
        tx: &mut Tx,
        now: DateTime<Utc>,
    ) -> Result<Challenge, HostError> {
        let (id, nonce) = {
            let mut chance = self.chance.lock();
            (ChallengeId::new(now, &mut *chance), chance.random())
        };
        let test = asked.origin.test;
        let settings = &self.settings.otp;
        let expires_at = now + settings.life;
        let unnamed = new_unnamed_id(id.0);
        let recipient =
            tx.recipient_of_phone(&request.phone, request.named.as_deref(), &unnamed, now).await?;
        Ok(Challenge {
            id,
            maker: match self.is_test_number(&request.phone, test) {
                true => Maker::Settings,
                false if settings.verify => Maker::Verify,
                false => Maker::Host,
            },
            key_id: self.store.keys().codes().newest().id,
            nonce,
            digits: settings.digits,
            purpose: request.purpose.clone(),
            phone_hash: tx.phone_hash(&request.phone),
            country: request.phone.country().map(str::to_owned),
            from_hash: asked.network.clone(),
            recipient,
            named: request.named.clone(),
            language: request.language.clone(),
            test,
            end: None,
            verification: None,
            checks: 0,
            max_checks: settings.max_checks,
            sends: 1,
            next_send_at: next_send(&settings.resend_after, 1, now).unwrap_or(expires_at),
            created_at: now,
            expires_at,
        })
    }

    /// Plans the text of a challenge. It holds no code: that is derived when the text is rendered.
    pub(super) async fn plan_text(
        &self,
        tx: &mut Tx,
        challenge: &Challenge,
        now: DateTime<Utc>,
    ) -> Result<(), HostError> {
        if challenge.maker == Maker::Settings {
            return Ok(());
        }
        let kind = self.code_kind()?;
        let id = MessageId::new(now, &mut *self.chance.lock());
        let why = match challenge.sends {
            1 => Cause::new("code-asked-for", "a one-time code was asked for"),
            _ => Cause::new("code-asked-again", "the one-time code was asked for once more"),
        };
        let message = Message {
            lane: kind.lane,
            priority: kind.priority,
            key: challenge.id.to_string(),
            expires_at: challenge.expires_at,
            language: challenge.language.clone(),
            ..Message::new(id, TypeName::from(KIND), challenge.recipient.clone(), why, challenge.test, now)
        };
        tx.insert_message(&message, &Payload::default()).await?;
        Ok(())
    }
}
