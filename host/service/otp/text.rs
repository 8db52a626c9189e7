//! The text of a code, at the moment it is sent: the code is derived, and put in for this text alone.

use super::verify::Verifying;
use super::{Host, HostError, KIND};
use crate::domain::id::ChallengeId;
use crate::domain::kind::Kind;
use crate::domain::message::{Cause, Message};
use crate::domain::otp::{Challenge, Maker, Standing, minutes_left};
use crate::domain::recipient::Recipient;
use crate::service::judge::Verdict;
use crate::store::{Opened, Payload};
use chrono::{DateTime, Utc};
use serde_json::json;

/// What becomes of a text that may hold a code.
pub(in crate::service) enum CodeText {
    /// The host writes it.
    Ours,
    /// Twilio Verify writes it.
    Verify(Box<Verifying>),
    /// It has lost its use: nobody waits for the code any more.
    Useless(Verdict),
}

impl Host {
    /// Puts the code into what a text is made of; nothing happens to texts of other kinds.
    pub(in crate::service) async fn put_in_code(
        &self,
        message: &Message,
        kind: &Kind,
        recipient: &Recipient,
        opened: &mut Opened,
        now: DateTime<Utc>,
    ) -> Result<CodeText, HostError> {
        // Codes that callers make themselves have no challenge.
        if message.kind.as_str() != KIND || message.event.is_some() || message.key.is_empty() {
            return Ok(CodeText::Ours);
        }
        let mut tx = self.store.look().await?;
        let challenge = match message.key.parse::<ChallengeId>() {
            Ok(id) => tx.challenge(id, message.test).await?,
            Err(_) => None,
        };
        let own = recipient.phone.as_ref().map(|phone| tx.phone_hash(phone));
        let open = challenge.filter(|challenge| {
            challenge.standing(now) == Standing::Open && own.as_ref() == Some(&challenge.phone_hash)
        });
        let Some(challenge) = open else {
            let text = "nobody waits for the code any more: it was used, a newer one took its place, or too many were tried";
            return Ok(CodeText::Useless(Verdict::Suppress { cause: Cause::new("code-ended", text) }));
        };
        // While Twilio was out of reach somebody may have asked for it three times more.
        if challenge.sends > 1 && tx.newest_of_key(message).await? != Some(message.id) {
            let text = "the code was asked for again before this text was out; the newer text says it";
            return Ok(CodeText::Useless(Verdict::Suppress { cause: Cause::new("code-sent-again", text) }));
        }
        if challenge.maker == Maker::Verify {
            // Until Twilio has named this one, it may take an older one of the phone for it.
            let cancel_older = challenge.verification.is_none() && tx.others_at_verify(&challenge).await?;
            opened.payload = Some(Payload::default());
            return Ok(CodeText::Verify(Box::new(Verifying { challenge, cancel_older })));
        }
        let Some(payload) = self.words_of(kind, &challenge, recipient, now)? else {
            let text = "the key that the code is derived with is missing from this home";
            return Ok(CodeText::Useless(Verdict::Hold { cause: Cause::new("code-key-missing", text) }));
        };
        opened.payload = Some(payload);
        Ok(CodeText::Ours)
    }

    /// What the text is made of. Of what the template may say, it is given what it declares.
    fn words_of(
        &self,
        kind: &Kind,
        challenge: &Challenge,
        recipient: &Recipient,
        now: DateTime<Utc>,
    ) -> Result<Option<Payload>, HostError> {
        let Some(code) = self.code_of(challenge) else { return Ok(None) };
        let settings = &self.settings.otp;
        let words = [
            ("code", json!(code.expose())),
            ("minutes", json!(minutes_left(challenge.expires_at, now))),
            ("app_hash", json!(settings.app_hash)),
            ("domain", json!(settings.domain)),
        ];
        let declared = words.into_iter().filter(|(name, _)| kind.variables.contains_key(*name));
        let given = declared.map(|(name, value)| (name.to_owned(), value)).collect();
        let variables =
            self.bind_variables(kind, &serde_json::Value::Null, recipient, &given).map_err(|errors| {
                let problem = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                crate::store::StoreError::Inconsistent { table: "templates", id: KIND.to_owned(), problem }
            })?;
        Ok(Some(Payload { variables, data: serde_json::Value::Null }))
    }
}
