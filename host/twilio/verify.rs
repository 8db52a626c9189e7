//! Twilio Verify (v2): Twilio makes a code, sends it, and says whether what somebody typed is it. The code
//! is never ours.
//!
//! Twilio keeps one pending verification for each number of a service: asked again within its life, it sends
//! the same code under the same identifier. A verification that was approved, has expired or is used up is
//! gone, and is answered with 404.

use super::client::{TwilioClient, read_json};
use super::settings::is_sid;
use super::{BoxFuture, LookUpError};
use crate::domain::failure::{AcceptedText, ListedText, ProviderError, ProviderStatus, SendOutcome};
use crate::domain::phone::PhoneNumber;
use crate::domain::secret::Secret;
use chrono::{DateTime, Utc};
use reqwest::Method;
use serde::Deserialize;

/// The languages that Verify writes in (Twilio: Verify, supported languages).
const LANGUAGES: &[&str] = &[
    "af", "ar", "ca", "cs", "da", "de", "el", "en", "en-GB", "es", "et", "fi", "fr", "he", "hi", "hr", "hu",
    "id", "it", "ja", "kn", "ko", "lt", "mr", "ms", "nb", "nl", "pl", "pt", "pt-BR", "ro", "ru", "sk", "sv",
    "te", "th", "tl", "tr", "uk", "vi", "zh", "zh-CN", "zh-HK",
];

/// Verify refuses the call for this verification alone; its status 429 asks for no patience.
const REFUSED: [u32; 2] = [60202, 60203];

/// A code to be made and sent.
#[derive(Clone, Debug)]
pub struct NewVerification {
    /// Who gets it.
    pub to: PhoneNumber,
    /// BCP 47; Twilio goes by the number's country where it does not write the language.
    pub language: Option<String>,
    /// Names the clinic's app to Android's SMS Retriever.
    pub app_hash: Option<String>,
}

/// What came of a call that starts a verification, or sends its code once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// What is known of the text; its identifier is that of this sending, `VL` and 32 hex digits.
    pub outcome: SendOutcome,
    /// The verification, `VE` and 32 hex digits, when Twilio has told.
    pub verification: Option<String>,
}

/// A verification that is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// `VE` and 32 hex digits.
    pub sid: String,
    /// Its sendings, as texts without words.
    pub sendings: Vec<ListedText>,
}

/// What Verify says of a typed code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeCheck {
    /// It is the code; the verification is used up.
    Right,
    /// It is another.
    Wrong,
    /// Nothing is waited for any more: approved, expired, canceled, or never begun.
    Gone,
    /// Too many were tried at Twilio.
    Exhausted,
}

/// A Verify service.
#[derive(Clone, Debug, Deserialize)]
pub struct VerifyService {
    /// What its texts call the clinic.
    pub friendly_name: String,
    /// Digits of its codes.
    pub code_length: Option<u8>,
}

#[derive(Deserialize)]
struct Resource {
    sid: Option<String>,
    status: Option<String>,
    #[serde(default)]
    send_code_attempts: Vec<Sending>,
}

#[derive(Deserialize)]
struct Sending {
    attempt_sid: Option<String>,
    time: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct Attempt {
    sid: String,
    date_created: DateTime<Utc>,
    conversion_status: Option<String>,
    channel_data: Option<ChannelData>,
    price: Option<Price>,
}

#[derive(Deserialize)]
struct ChannelData {
    message_status: Option<String>,
}

#[derive(Deserialize)]
struct Price {
    value: Option<String>,
}

impl TwilioClient {
    fn verify_url(&self) -> Result<String, LookUpError> {
        let service = self.verify_service().ok_or(LookUpError::NotASid)?;
        Ok(format!("{}/v2/Services/{service}", self.verify_base()))
    }

    /// Verify has a host of its own beside that of the account.
    fn verify_base(&self) -> String {
        self.base().replacen("//api.", "//verify.", 1)
    }

    pub(super) async fn start(&self, new: &NewVerification) -> Started {
        let Ok(url) = self.verify_url() else {
            return without_service();
        };
        let mut form = vec![("To", new.to.e164().to_owned()), ("Channel", "sms".to_owned())];
        if let Some(language) = new.language.as_deref().and_then(verify_language) {
            form.push(("Locale", language.to_owned()));
        }
        if let Some(hash) = &new.app_hash {
            form.push(("AppHash", hash.clone()));
        }
        let (outcome, body) = self.post_once(&format!("{url}/Verifications"), &form).await;
        started(outcome, &body)
    }

    pub(super) async fn pending(&self, to: &PhoneNumber) -> Result<Option<Verification>, LookUpError> {
        let url = format!("{}/Verifications/{}", self.verify_url()?, encoded(to));
        let Some(body) = self.ask(self.request(Method::GET, &url)).await? else { return Ok(None) };
        let resource: Resource = read_json(&body)?;
        if resource.status.as_deref() != Some("pending") {
            return Ok(None);
        }
        let sid = resource.sid.ok_or(LookUpError::Unreadable)?;
        let sendings: Option<Vec<ListedText>> =
            resource.send_code_attempts.into_iter().map(Sending::listed).collect();
        Ok(Some(Verification { sid, sendings: sendings.ok_or(LookUpError::Unreadable)? }))
    }

    pub(super) async fn check_typed(&self, sid: &str, code: &Secret) -> Result<CodeCheck, LookUpError> {
        if !is_sid(sid, &["VE"]) {
            return Err(LookUpError::NotASid);
        }
        let url = format!("{}/VerificationCheck", self.verify_url()?);
        let form = [("VerificationSid", sid), ("Code", code.expose())];
        let body = match self.ask(self.request(Method::POST, &url).form(&form)).await {
            Ok(Some(body)) => body,
            Ok(None) => return Ok(CodeCheck::Gone),
            Err(LookUpError::Refused(error)) if error.code == Some(60202) => return Ok(CodeCheck::Exhausted),
            // What is no code at all.
            Err(LookUpError::Refused(error)) if error.code == Some(60200) => return Ok(CodeCheck::Wrong),
            Err(error) => return Err(error),
        };
        let resource: Resource = read_json(&body)?;
        // `valid` is of old; only the status of the very verification that was asked about counts.
        match resource.status.as_deref() {
            _ if resource.sid.as_deref() != Some(sid) => Err(LookUpError::Unreadable),
            Some("approved") => Ok(CodeCheck::Right),
            Some("pending") => Ok(CodeCheck::Wrong),
            Some("max_attempts_reached") => Ok(CodeCheck::Exhausted),
            Some("canceled" | "expired" | "deleted" | "failed") => Ok(CodeCheck::Gone),
            Some(_) | None => Err(LookUpError::Unreadable),
        }
    }

    pub(super) async fn cancel_pending(&self, to: &PhoneNumber) -> Result<(), LookUpError> {
        let url = format!("{}/Verifications/{}", self.verify_url()?, encoded(to));
        self.ask(self.request(Method::POST, &url).form(&[("Status", "canceled")])).await.map(drop)
    }

    /// One sending of a code, as Twilio has it now.
    pub(super) async fn sending(&self, sid: &str) -> Result<Option<ListedText>, LookUpError> {
        let url = format!("{}/v2/Attempts/{sid}", self.verify_base());
        let Some(body) = self.ask(self.request(Method::GET, &url)).await? else { return Ok(None) };
        let attempt: Attempt = read_json(&body)?;
        // A code that was typed has arrived, whatever the carrier tells.
        let status = match attempt.conversion_status.as_deref() {
            Some("converted") => ProviderStatus::Delivered,
            _ => attempt
                .channel_data
                .and_then(|data| ProviderStatus::from_name(&data.message_status?))
                .unwrap_or(ProviderStatus::Accepted),
        };
        let price = attempt.price.and_then(|price| super::wire::millionths(&price.value?));
        Ok(Some(ListedText {
            status,
            price_micros: price.map(i64::abs),
            ..text(attempt.sid, attempt.date_created)
        }))
    }

    /// The Verify service; `None` when the account has none of this identifier.
    ///
    /// # Errors
    ///
    /// None is configured, there was no answer, or it is not this key's to know.
    pub async fn verify_service_found(&self) -> Result<Option<VerifyService>, LookUpError> {
        let url = self.verify_url()?;
        let Some(body) = self.ask(self.request(Method::GET, &url)).await? else { return Ok(None) };
        read_json(&body).map(Some)
    }
}

impl Sending {
    fn listed(self) -> Option<ListedText> {
        Some(text(self.attempt_sid?, self.time?))
    }
}

/// A text of Verify's: its words are nobody's to know.
fn text(sid: String, created_at: DateTime<Utc>) -> ListedText {
    ListedText {
        sid,
        body: String::new(),
        created_at,
        status: ProviderStatus::Accepted,
        outbound: true,
        error_code: None,
        price_micros: None,
        segments: None,
    }
}

/// What a provider without Verify answers to a start.
fn without_service() -> Started {
    let text = "no Verify service is configured: set TWILIO_VERIFY_SERVICE_SID".to_owned();
    let error = ProviderError { text, account_wide: false, ..super::wire::error(404, &[]) };
    Started { outcome: SendOutcome::Refused(error), verification: None }
}

/// What an answer says: the newest of the sendings is ours.
fn started(outcome: SendOutcome, body: &[u8]) -> Started {
    match outcome {
        SendOutcome::Accepted(_) => {
            let resource: Option<Resource> = serde_json::from_slice(body).ok();
            let verification =
                resource.as_ref().and_then(|read| read.sid.clone()).filter(|sid| is_sid(sid, &["VE"]));
            let sendings = resource.map(|read| read.send_code_attempts).unwrap_or_default();
            let newest = sendings.into_iter().filter_map(Sending::listed).max_by_key(|sent| sent.created_at);
            let outcome = match newest {
                Some(sent) if is_sid(&sent.sid, &["VL"]) => SendOutcome::Accepted(AcceptedText {
                    sid: sent.sid,
                    status: ProviderStatus::Accepted,
                    segments: None,
                }),
                _ => SendOutcome::Unknown(super::wire::no_answer(
                    "Twilio took the call, and its answer cannot be read.",
                    true,
                )),
            };
            Started { outcome, verification }
        }
        SendOutcome::NotNow { error, .. } if error.code.is_some_and(|code| REFUSED.contains(&code)) => {
            Started { outcome: SendOutcome::Refused(error), verification: None }
        }
        // A service that is not there is no fault of the account: its other texts go out.
        SendOutcome::NotNow { error, .. } if error.http_status == Some(404) => Started {
            outcome: SendOutcome::Refused(ProviderError {
                text: "the account has no such Verify service: check TWILIO_VERIFY_SERVICE_SID".to_owned(),
                account_wide: false,
                ..error
            }),
            verification: None,
        },
        outcome => Started { outcome, verification: None },
    }
}

/// The language as Verify calls it; `None` where it does not write it.
fn verify_language(tag: &str) -> Option<&'static str> {
    let primary = tag.split('-').next().unwrap_or(tag);
    let known = |wanted: &str| LANGUAGES.iter().find(|known| known.eq_ignore_ascii_case(wanted)).copied();
    // Filipino is written under the name of Tagalog.
    known(tag).or_else(|| known(if primary.eq_ignore_ascii_case("fil") { "tl" } else { primary }))
}

fn encoded(to: &PhoneNumber) -> String {
    form_urlencoded::byte_serialize(to.e164().as_bytes()).collect()
}

/// Whether an identifier is that of a code's sending: its words are Twilio's own, and cannot be taken out.
#[must_use]
pub fn is_sending(sid: &str) -> bool {
    is_sid(sid, &["VL"])
}

/// What the host asks of Verify; of a provider without it, every answer is a refusal.
pub trait Verify: Send + Sync {
    /// Has a code made and sent, or sent once more where one is pending for the number. Once: an outcome
    /// that was not seen is [`SendOutcome::Unknown`].
    fn start_code<'a>(&'a self, _new: &'a NewVerification) -> BoxFuture<'a, Started> {
        Box::pin(async { without_service() })
    }

    /// The verification that is pending for a number.
    fn pending_code<'a>(
        &'a self,
        _to: &'a PhoneNumber,
    ) -> BoxFuture<'a, Result<Option<Verification>, LookUpError>> {
        Box::pin(async { Err(LookUpError::NotASid) })
    }

    /// Whether a typed code is the one of a verification. An error is never a yes.
    fn check_code<'a>(
        &'a self,
        _verification: &'a str,
        _code: &'a Secret,
    ) -> BoxFuture<'a, Result<CodeCheck, LookUpError>> {
        Box::pin(async { Err(LookUpError::NotASid) })
    }

    /// Ends what is pending for a number, if anything: the next code is another one.
    fn cancel_code<'a>(&'a self, _to: &'a PhoneNumber) -> BoxFuture<'a, Result<(), LookUpError>> {
        Box::pin(async { Err(LookUpError::NotASid) })
    }
}

impl Verify for TwilioClient {
    fn start_code<'a>(&'a self, new: &'a NewVerification) -> BoxFuture<'a, Started> {
        Box::pin(self.start(new))
    }

    fn pending_code<'a>(
        &'a self,
        to: &'a PhoneNumber,
    ) -> BoxFuture<'a, Result<Option<Verification>, LookUpError>> {
        Box::pin(self.pending(to))
    }

    fn check_code<'a>(
        &'a self,
        verification: &'a str,
        code: &'a Secret,
    ) -> BoxFuture<'a, Result<CodeCheck, LookUpError>> {
        Box::pin(self.check_typed(verification, code))
    }

    fn cancel_code<'a>(&'a self, to: &'a PhoneNumber) -> BoxFuture<'a, Result<(), LookUpError>> {
        Box::pin(self.cancel_pending(to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_called_as_verify_calls_it() {
        for (tag, known) in [
            ("es", Some("es")),
            ("es-US", Some("es")),
            ("pt-BR", Some("pt-BR")),
            ("fil", Some("tl")),
            ("zh-Hans", Some("zh")),
            ("bn", None),
        ] {
            assert_eq!(verify_language(tag), known, "{tag}");
        }
    }

    #[test]
    fn the_newest_sending_names_the_text_and_a_missing_one_leaves_a_doubt() {
        let accepted = || {
            SendOutcome::Accepted(AcceptedText {
                sid: String::new(),
                status: ProviderStatus::Accepted,
                segments: None,
            })
        };
        let ve = format!("VE{}", "a".repeat(32));
        let (first, second) = (format!("VL{}", "1".repeat(32)), format!("VL{}", "2".repeat(32)));
        let body = serde_json::json!({"sid": ve, "status": "pending", "send_code_attempts": [
            {"time": "2026-11-24T15:00:30Z", "channel": "SMS", "attempt_sid": second},
            {"time": "2026-11-24T15:00:00Z", "channel": "SMS", "attempt_sid": first}]});
        let told = started(accepted(), body.to_string().as_bytes());
        assert!(matches!(&told.outcome, SendOutcome::Accepted(text) if text.sid == second), "{told:?}");
        assert_eq!(told.verification, Some(ve));
        let told = started(accepted(), b"{\"sid\":\"VE1\"}");
        assert!(matches!(told.outcome, SendOutcome::Unknown(_)) && told.verification.is_none());
    }
}
