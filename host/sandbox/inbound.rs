//! A text typed on a phone: posted to the host as Twilio posts it, and read by Twilio itself for
//! STOP and START.

use super::ledger::{Direction, SandboxText};
use super::post::Post;
use super::{Shared, messages};
use crate::domain::phone::PhoneNumber;
use crate::domain::segments;

const STOP: [&str; 8] = ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"];
const START: [&str; 3] = ["START", "YES", "UNSTOP"];
const HELP: [&str; 2] = ["HELP", "INFO"];

/// What came of a text typed on a phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Its identifier.
    pub sid: String,
    /// The HTTP status the host answered with, if it did.
    pub answer: Option<u16>,
}

/// Why nobody was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// The phone's number does not exist.
    #[error("the phone's number is not a number that can text")]
    NotAPhone,
    /// There is nothing in it.
    #[error("the text is empty or longer than 1600 characters")]
    Length,
    /// No address for inbound texts is set.
    #[error("the sandbox does not know where to post inbound texts")]
    NoHost,
}

pub(super) async fn reply(
    shared: &Shared,
    from: &str,
    to: Option<&str>,
    body: &str,
) -> Result<Reply, ReplyError> {
    let phone = PhoneNumber::parse(from, None).map_err(|_| ReplyError::NotAPhone)?;
    if body.is_empty() || body.chars().count() > 1600 {
        return Err(ReplyError::Length);
    }
    let url = shared.ledger().inbound_url.clone().ok_or(ReplyError::NoHost)?;
    let text = record(shared, &phone, to, body);
    let opt_out = shared.settings.advanced_opt_out.then(|| keyword(body)).flatten();
    // Twilio blocks first and tells us then: what we answer to a STOP is refused already.
    obey(shared, &text, keyword(body));
    let posted = shared
        .poster
        .post(Post {
            url: &url,
            params: &params(&shared.settings.account_sid, &text, &phone, opt_out),
            token: &shared.settings.auth_token,
            idempotency_token: shared.sid("IT"),
            retry_delay: shared.settings.retry_delay,
        })
        .await;
    shared.has_changed();
    Ok(Reply { sid: text.sid, answer: posted.answer })
}

/// Puts the text into the ledger. It goes to whoever texted this phone last.
fn record(shared: &Shared, phone: &PhoneNumber, to: Option<&str>, body: &str) -> SandboxText {
    let now = shared.now();
    let sid = shared.sid("SM");
    let text = {
        let mut ledger = shared.ledger();
        let last = ledger.accepted().filter(|text| text.to == phone.e164()).last();
        let partner = to.or_else(|| last.and_then(|text| text.from.as_deref()));
        let text = SandboxText {
            sid,
            direction: Direction::Inbound,
            from: Some(phone.e164().to_owned()),
            to: partner.unwrap_or_else(|| messages::default_sender(&shared.settings)).to_owned(),
            service: last.and_then(|text| text.service.clone()),
            body: body.to_owned(),
            status: "received",
            error_code: None,
            created_at: now,
            updated_at: now,
            sent_at: Some(now),
            segments: segments::count(body).parts,
            status_callback: None,
            validity: None,
            redacted: false,
            deleted: false,
            callbacks: Vec::new(),
        };
        ledger.texts.push(text.clone());
        text
    };
    shared.has_changed();
    text
}

/// The whole text is one of Twilio's words, in any case.
fn keyword(body: &str) -> Option<&'static str> {
    let word = body.trim().to_uppercase();
    let is_one_of = |words: &[&str]| words.contains(&word.as_str());
    if is_one_of(&STOP) {
        Some("STOP")
    } else if is_one_of(&START) {
        Some("START")
    } else if is_one_of(&HELP) {
        Some("HELP")
    } else {
        None
    }
}

/// Blocks or unblocks the phone, and writes Twilio's own answer.
fn obey(shared: &Shared, text: &SandboxText, keyword: Option<&str>) {
    let sid = shared.sid("SM");
    let phone = text.phone().to_owned();
    let mut ledger = shared.ledger();
    let was_blocked = ledger.blocked.contains(&phone);
    let answer = match keyword {
        Some("STOP") if !was_blocked => {
            ledger.blocked.insert(phone.clone());
            "You have successfully been unsubscribed. You will not receive any more messages from this \
             number. Reply START to resubscribe."
        }
        Some("START") if was_blocked => {
            ledger.blocked.remove(&phone);
            "You have successfully been re-subscribed to messages from this number. Reply HELP for help. \
             Reply STOP to unsubscribe. Msg&Data Rates May Apply."
        }
        Some("HELP") if !was_blocked => "Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
        _ => return,
    };
    ledger.texts.push(SandboxText {
        sid,
        direction: Direction::AutoReply,
        from: Some(text.to.clone()),
        to: phone,
        body: answer.to_owned(),
        segments: segments::count(answer).parts,
        status: "delivered",
        ..text.clone()
    });
}

/// The parameters of an inbound webhook, with the places Twilio guesses from a number.
fn params(
    account: &str,
    text: &SandboxText,
    phone: &PhoneNumber,
    opt_out: Option<&str>,
) -> Vec<(String, String)> {
    let mut params = vec![
        ("ToCountry", "US"),
        ("ToState", ""),
        ("SmsMessageSid", &text.sid),
        ("NumMedia", "0"),
        ("ToCity", ""),
        ("FromZip", ""),
        ("SmsSid", &text.sid),
        ("FromState", ""),
        ("SmsStatus", "received"),
        ("FromCity", ""),
        ("Body", &text.body),
        ("FromCountry", phone.country().unwrap_or("US")),
        ("To", &text.to),
        ("ToZip", ""),
        ("MessageSid", &text.sid),
        ("AccountSid", account),
        ("From", phone.e164()),
        ("ApiVersion", "2010-04-01"),
    ];
    let segments = text.segments.to_string();
    params.push(("NumSegments", &segments));
    if let Some(service) = &text.service {
        params.push(("MessagingServiceSid", service));
    }
    if let Some(opt_out) = opt_out {
        params.push(("OptOutType", opt_out));
    }
    params.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::keyword;

    #[test]
    fn only_a_whole_text_is_a_keyword() {
        for (body, word) in [
            ("stop", Some("STOP")),
            (" Cancel ", Some("STOP")),
            ("YES", Some("START")),
            ("info", Some("HELP")),
            ("STOP PLEASE", None),
            ("please cancel", None),
        ] {
            assert_eq!(keyword(body), word, "{body}");
        }
    }
}
