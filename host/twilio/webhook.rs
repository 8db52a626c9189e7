//! What Twilio tells us: how a text went, and what people answer. Read after the signature was
//! checked, over all parameters; those we do not know are left alone, for Twilio adds some "without
//! advance notice".

use super::errors;
use crate::domain::failure::{ProviderError, ProviderStatus};
use crate::domain::phone::{PhoneError, PhoneNumber};
use crate::domain::secret::Secret;

/// The content type of [`NO_REPLY`].
pub const REPLY_TYPE: &str = "text/xml";
/// The answer to an inbound text: nothing. Replies go through the queue, like every other text.
pub const NO_REPLY: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response/>";

/// Why a webhook's parameters are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// A parameter that is always there is not.
    #[error("the parameter `{0}` is missing")]
    Missing(&'static str),
}

/// A word for a status that is new to us.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a status this host knows")]
pub struct UnknownStatus(pub String);

/// How one of our texts went.
#[derive(Clone, Debug)]
pub struct StatusCallback {
    /// The account it is about.
    pub account_sid: Option<String>,
    /// The text it is about.
    pub sid: String,
    /// Where it stands; a word we do not know is kept to be logged.
    pub status: Result<ProviderStatus, UnknownStatus>,
    /// Twilio's code, when it failed.
    pub error_code: Option<u32>,
    /// Twilio's words, when it failed, with every number taken out.
    pub error_message: Option<String>,
    /// When the carrier was done, as the carrier wrote it; its time zone is not documented.
    pub carrier_done_at: Option<String>,
    /// The Messaging Service that picked the sender.
    pub messaging_service_sid: Option<String>,
    /// Who it is from: the clinic's own number, once a service has picked one.
    pub from: Option<String>,
}

impl StatusCallback {
    /// Reads the parameters of a callback.
    ///
    /// # Errors
    ///
    /// It does not say which text, or how it stands.
    pub fn read(pairs: &[(String, String)]) -> Result<Self, WebhookError> {
        let word = need(pairs, &["MessageStatus", "SmsStatus"])?;
        Ok(Self {
            account_sid: owned(pairs, "AccountSid"),
            sid: need(pairs, &["MessageSid", "SmsSid"])?.to_owned(),
            status: ProviderStatus::from_name(word).ok_or_else(|| {
                UnknownStatus(errors::without_numbers(&word.chars().take(40).collect::<String>()))
            }),
            error_code: find(pairs, "ErrorCode").and_then(|code| code.parse().ok()).filter(|code| *code != 0),
            error_message: find(pairs, "ErrorMessage").map(errors::without_numbers),
            carrier_done_at: owned(pairs, "RawDlrDoneDate"),
            messaging_service_sid: owned(pairs, "MessagingServiceSid"),
            from: owned(pairs, "From"),
        })
    }

    /// The failure it tells of, if it does.
    #[must_use]
    pub fn error(&self) -> Option<ProviderError> {
        let failed = matches!(self.status, Ok(ProviderStatus::Failed | ProviderStatus::Undelivered));
        (failed || self.error_code.is_some())
            .then(|| errors::of_receipt(self.error_code, self.error_message.as_deref()))
    }
}

/// What Twilio's own opt-out filter made of an inbound text; it has answered already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "Twilio's words")]
pub enum OptOutType {
    Stop,
    Start,
    Help,
}

/// One text that came in. Its words and its sender are secrets: they belong to a patient.
#[derive(Clone, Debug)]
pub struct InboundText {
    /// The account it came to.
    pub account_sid: Option<String>,
    /// Twilio's identifier; the same text may come twice.
    pub sid: String,
    /// Who sent it: mostly a phone number, but short codes and names send texts, too.
    pub from: Secret,
    /// Which of the clinic's numbers it came to.
    pub to: String,
    /// The words, with every space they came with.
    pub body: Secret,
    /// Pictures and the like that came with it.
    pub media: u32,
    /// Segments, when Twilio says so.
    pub segments: Option<u32>,
    /// The Messaging Service of the number, if it has one.
    pub messaging_service_sid: Option<String>,
    /// Set by Advanced Opt-Out only.
    pub opt_out: Option<OptOutType>,
}

impl InboundText {
    /// Reads the parameters of an inbound text.
    ///
    /// # Errors
    ///
    /// It does not say which text, from whom or to whom.
    pub fn read(pairs: &[(String, String)]) -> Result<Self, WebhookError> {
        Ok(Self {
            account_sid: owned(pairs, "AccountSid"),
            sid: need(pairs, &["MessageSid", "SmsSid"])?.to_owned(),
            from: Secret::new(need(pairs, &["From"])?),
            to: need(pairs, &["To"])?.to_owned(),
            body: Secret::new(find(pairs, "Body").unwrap_or_default()),
            media: find(pairs, "NumMedia").and_then(|count| count.parse().ok()).unwrap_or(0),
            segments: find(pairs, "NumSegments").and_then(|count| count.parse().ok()),
            messaging_service_sid: owned(pairs, "MessagingServiceSid"),
            opt_out: match find(pairs, "OptOutType") {
                Some("STOP") => Some(OptOutType::Stop),
                Some("START") => Some(OptOutType::Start),
                Some("HELP") => Some(OptOutType::Help),
                _ => None,
            },
        })
    }

    /// The sender as a number that can be answered.
    ///
    /// # Errors
    ///
    /// It is a short code or a name. A number that no plan knows is taken as it is: plans change, and
    /// whoever was texted once can say stop.
    pub fn from_phone(&self) -> Result<PhoneNumber, PhoneError> {
        let from = self.from.expose();
        let is_e164 = from.strip_prefix('+').is_some_and(|digits| {
            (8..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
        });
        PhoneNumber::parse(from, None)
            .or_else(|error| if is_e164 { Ok(PhoneNumber::kept(from.to_owned())) } else { Err(error) })
    }
}

/// The pairs of a form, decoded, in the order they came in: what the signature is checked over.
#[must_use]
pub fn pairs(body: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(body).into_owned().collect()
}

fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
        .filter(|value| !value.is_empty())
}

/// The first of several names for the same thing: Twilio keeps its old ones.
fn need<'a>(pairs: &'a [(String, String)], names: &[&'static str]) -> Result<&'a str, WebhookError> {
    names.iter().find_map(|name| find(pairs, name)).ok_or(WebhookError::Missing(names[0]))
}

fn owned(pairs: &[(String, String)], name: &str) -> Option<String> {
    find(pairs, name).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::failure::FailureClass;

    #[test]
    fn a_status_is_read_whatever_else_comes_with_it() {
        let form =
            b"MessageSid=SM1&MessageStatus=undelivered&ErrorCode=30003&From=%2B15005550006&Tomorrow=new";
        let callback = StatusCallback::read(&pairs(form)).unwrap();
        assert_eq!((callback.sid.as_str(), &callback.status), ("SM1", &Ok(ProviderStatus::Undelivered)));
        let error = callback.error().unwrap();
        assert_eq!((error.code, error.class), (Some(30003), FailureClass::Unreachable));
    }

    #[test]
    fn a_status_of_tomorrow_is_kept_by_its_word() {
        let callback = StatusCallback::read(&pairs(b"SmsSid=SM1&SmsStatus=teleported")).unwrap();
        assert_eq!(callback.status, Err(UnknownStatus("teleported".to_owned())));
        assert!(callback.error().is_none());
    }

    #[test]
    fn a_callback_about_nothing_is_refused() {
        let error = StatusCallback::read(&pairs(b"MessageStatus=sent")).unwrap_err();
        assert_eq!(error, WebhookError::Missing("MessageSid"));
        let error = StatusCallback::read(&pairs(b"MessageSid=SM1")).unwrap_err();
        assert_eq!(error, WebhookError::Missing("MessageStatus"));
    }

    #[test]
    fn a_number_that_no_plan_knows_any_more_is_still_heard() {
        let from = |from: &str| {
            let form = format!("MessageSid=SM1&From={from}&To=%2B15005550006&Body=STOP&NumMedia=0");
            InboundText::read(&pairs(form.as_bytes()))
                .unwrap()
                .from_phone()
                .map(|phone| phone.e164().to_owned())
        };
        assert_eq!(from("%2B12221234567").unwrap(), "+12221234567");
        assert!(from("12345").is_err() && from("Clinic").is_err() && from("%2B1222123456x").is_err());
    }

    #[test]
    fn an_inbound_text_keeps_its_spaces_and_its_secrets() {
        let form = "MessageSid=SM1&From=%2B33612345678&To=%2B15005550006&Body=+%C3%87a+va+%F0%9F%91%8D+&NumMedia=0\
                    &OptOutType=STOP&FromCity=&FromCountry=FR";
        let text = InboundText::read(&pairs(form.as_bytes())).unwrap();
        assert_eq!(text.body.expose(), " Ça va 👍 ");
        assert_eq!(text.opt_out, Some(OptOutType::Stop));
        assert_eq!(text.from_phone().unwrap().country(), Some("FR"));
        let shown = format!("{text:?}");
        assert!(!shown.contains("612345678") && !shown.contains("Ça"), "{shown}");
    }

    #[test]
    fn a_text_from_a_short_code_is_read_and_cannot_be_answered() {
        let text = InboundText::read(&pairs(b"MessageSid=SM1&From=32665&To=%2B15005550006&Body=hi")).unwrap();
        assert!(text.from_phone().is_err());
    }
}
