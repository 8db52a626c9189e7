//! Codes by Twilio Verify: the challenge is ours, with its brakes, its tries and its end; the code is Twilio's.
//!
//! The text goes the way of every text: it is planned with its challenge and judged, counted and committed
//! before the call, so that every number is answered alike, and at once, and an outcome that was not seen is
//! looked up. A check that gets no clear answer is no approval.

use super::{Host, HostError, KIND, OtpError};
use crate::domain::failure::{ListedText, ProviderError, SendOutcome};
use crate::domain::id::ChallengeId;
use crate::domain::message::Message;
use crate::domain::otp::{Challenge, Maker, Standing};
use crate::domain::phone::PhoneNumber;
use crate::domain::secret::Secret;
use crate::domain::segments;
use crate::render::Rendered;
use crate::twilio::verify::{CodeCheck, NewVerification};
use crate::twilio::{LookUpError, Provider};
use chrono::{DateTime, Utc};

/// A code that Twilio is to send.
pub(in crate::service) struct Verifying {
    pub(super) challenge: Challenge,
    /// Twilio may still wait for an older code of this phone, and would send that one again.
    pub(super) cancel_older: bool,
}

/// What is kept in the place of a text that is Twilio's.
const KEPT: &str = "Twilio Verify writes this text.";

impl Host {
    /// Has Twilio send the code of a challenge: never retried here, as with every text.
    pub(in crate::service) async fn send_by_verify(
        &self,
        provider: &dyn Provider,
        verifying: &Verifying,
        to: &PhoneNumber,
        language: &str,
    ) -> SendOutcome {
        let challenge = &verifying.challenge;
        if verifying.cancel_older
            && let Err(error) = provider.cancel_code(to).await
        {
            // No code has been asked for: the text is tried again soon.
            return SendOutcome::NotReached(without_doubt(error));
        }
        let new = NewVerification {
            to: to.clone(),
            language: Some(language.to_owned()),
            app_hash: self.settings.otp.app_hash.clone(),
        };
        let started = provider.start_code(&new).await;
        if let Some(verification) = started.verification
            && let Err(error) = self.begun(challenge, &verification).await
        {
            // Sent once more it has the same name, which is kept then.
            let error = &error as &dyn std::error::Error;
            tracing::error!(challenge_id = %challenge.id, error, "what Twilio calls a one-time code could not be kept");
        }
        started.outcome
    }

    /// Keeps what Twilio calls a challenge. A verification of another challenge has that one's code, which
    /// must not pass for this.
    async fn begun(&self, challenge: &Challenge, verification: &str) -> Result<(), HostError> {
        let mut tx = self.store.begin().await?;
        if !tx.verification_begun(challenge.id, verification).await? {
            tracing::warn!(challenge_id = %challenge.id, "Twilio sent the code of another challenge again; this one ends");
            tx.challenge_gone(challenge.id, self.now()).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Whether Twilio is to be asked about a typed code. It is asked about challenges that there are not,
    /// too: an answer takes as long for them.
    pub(super) fn is_verifys(&self, counted: Option<&Challenge>) -> bool {
        counted.map_or(self.settings.otp.verify, |challenge| challenge.maker == Maker::Verify)
    }

    /// Asks Twilio about a typed code.
    pub(super) async fn ask_verify(
        &self,
        counted: Option<&Challenge>,
        id: ChallengeId,
        test: bool,
        given: &Secret,
    ) -> Result<CodeCheck, OtpError> {
        let Some(provider) = self.provider(test) else { return Ok(CodeCheck::Wrong) };
        if let Some(verification) = counted.and_then(|challenge| challenge.verification.as_deref()) {
            return provider.check_code(verification, given).await.map_err(OtpError::NotChecked);
        }
        // The name of no verification: as good as a random one, and the same for the same challenge.
        let hash = self.store.keys().hash("verification", &id.to_string());
        let name = hash.first_chunk().map_or(0, |bytes| u128::from_be_bytes(*bytes));
        let asked = provider.check_code(&format!("VE{name:032x}"), given).await;
        asked.map(|_| CodeCheck::Wrong).map_err(OtpError::NotChecked)
    }

    /// The sendings that Twilio lists for a message whose outcome was not seen; `None` for a text of ours.
    pub(in crate::service) async fn list_by_verify(
        &self,
        provider: &dyn Provider,
        message: &Message,
        phone: &PhoneNumber,
        since: DateTime<Utc>,
    ) -> Result<Option<Result<Vec<ListedText>, LookUpError>>, HostError> {
        let id = message.key.parse::<ChallengeId>().ok().filter(|_| message.kind.as_str() == KIND);
        let Some(id) = id else { return Ok(None) };
        let challenge = self.store.look().await?.challenge(id, message.test).await?;
        let Some(challenge) = challenge.filter(|challenge| challenge.maker == Maker::Verify) else {
            return Ok(None);
        };
        let pending = match provider.pending_code(phone).await {
            Ok(pending) => pending,
            Err(error) => return Ok(Some(Err(error))),
        };
        let Some(pending) = pending else { return Ok(Some(Ok(Vec::new()))) };
        let mut sendings = pending.sendings;
        // Twilio tells whole seconds.
        sendings.retain(|sending| sending.created_at.timestamp() >= since.timestamp());
        for sending in &mut sendings {
            sending.body = id.to_string();
        }
        if !sendings.is_empty() && challenge.standing(self.now()) == Standing::Open {
            self.begun(&challenge, &pending.sid).await?;
        }
        Ok(Some(Ok(sendings)))
    }
}

/// What stands for the text of a code that Twilio writes: its words name the challenge, so that its
/// sendings are told from those of others. The price is that of one segment; Twilio's fee for a
/// verification comes later, with the attempt's own.
pub(in crate::service) fn words_of_verify(verifying: &Verifying, language: &str) -> (Rendered, String) {
    let rendered = Rendered {
        text: verifying.challenge.id.to_string(),
        locale_asked: language.to_owned(),
        locale_sent: language.to_owned(),
        fallback: None,
        segments: segments::count(KEPT),
        short: false,
        over_budget: false,
    };
    (rendered, KEPT.to_owned())
}

/// An older code could not be ended: as an error of a call that was not made.
fn without_doubt(error: LookUpError) -> ProviderError {
    match error {
        LookUpError::Refused(error) => {
            ProviderError { may_have_arrived: false, account_wide: false, ..error }
        }
        other @ (LookUpError::NotASid
        | LookUpError::NoAnswer(_)
        | LookUpError::Unreadable
        | LookUpError::Paging) => ProviderError {
            http_status: None,
            code: None,
            text: format!("an older code could not be ended: {other}"),
            class: crate::domain::failure::FailureClass::ProviderFault,
            account_wide: false,
            may_have_arrived: false,
        },
    }
}
