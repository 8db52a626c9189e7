//! What Twilio answers, read without trust: every field may be missing, numbers may be texts, errors
//! have four shapes, and a proxy may have written the page.

use super::errors::{self, without_numbers};
use crate::domain::failure::{
    AcceptedText, FailureClass, ListedText, ProviderError, ProviderStatus, SendOutcome,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer};
use std::time::Duration;

/// One text as Twilio shows it.
#[derive(Deserialize)]
pub(super) struct Resource {
    sid: Option<String>,
    body: Option<String>,
    status: Option<String>,
    direction: Option<String>,
    date_created: Option<String>,
    #[serde(default, deserialize_with = "number")]
    error_code: Option<u32>,
    #[serde(default, deserialize_with = "number")]
    num_segments: Option<u32>,
    #[serde(default, deserialize_with = "text_of")]
    price: Option<String>,
}

/// One page of a list.
#[derive(Deserialize)]
pub(super) struct Page {
    pub(super) messages: Vec<Resource>,
    pub(super) next_page_uri: Option<String>,
}

/// An error in any of the shapes that Twilio's parts have: `{code, message, status}`, RFC 9457, and
/// `{code, message, httpStatusCode}`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    #[serde(deserialize_with = "number")]
    code: Option<u32>,
    #[serde(deserialize_with = "text_of")]
    message: Option<String>,
    #[serde(deserialize_with = "text_of")]
    detail: Option<String>,
    #[serde(deserialize_with = "text_of")]
    title: Option<String>,
}

impl Resource {
    /// As the domain has it; `None` when what makes it a text is missing.
    pub(super) fn listed(self) -> Option<ListedText> {
        let outbound = self.direction.as_deref().is_some_and(|direction| direction.starts_with("outbound"));
        Some(ListedText {
            sid: self.sid?,
            body: self.body.unwrap_or_default(),
            created_at: DateTime::parse_from_rfc2822(&self.date_created?).ok()?.to_utc(),
            status: status(self.status.as_deref()),
            outbound,
            error_code: self.error_code,
            price_micros: self.price.as_deref().and_then(millionths).map(i64::abs),
            // "0" while a Messaging Service has not picked a sender.
            segments: self.num_segments.filter(|segments| *segments > 0),
        })
    }
}

/// Twilio's word for where a text stands. It adds words without notice, and says `received` of what
/// came in: a text whose word is new to us is at least taken.
fn status(word: Option<&str>) -> ProviderStatus {
    match word {
        Some("received" | "partially_delivered") => ProviderStatus::Delivered,
        Some(word) => ProviderStatus::from_name(word).unwrap_or(ProviderStatus::Accepted),
        None => ProviderStatus::Accepted,
    }
}

/// What an answer to a call says of the text.
///
/// | answer | outcome |
/// |---|---|
/// | 2xx with a SID | accepted |
/// | 2xx without, 3xx, 408, 5xx | unknown: Twilio, or who stands before it, may have passed it on |
/// | 429 | not now: "never processed" |
/// | 401; 403, 404 and 407 without a code | not now, `account_wide` |
/// | a code that the table marks `wait` | not now, `account_wide` where the table says so |
/// | any other 4xx | refused |
pub(super) fn outcome(http_status: u16, retry_after: Option<Duration>, body: &[u8]) -> SendOutcome {
    if (200..300).contains(&http_status) {
        return match serde_json::from_slice(body) {
            Ok(Resource { sid: Some(sid), status: word, num_segments, .. }) => {
                SendOutcome::Accepted(AcceptedText {
                    sid,
                    status: status(word.as_deref()),
                    segments: num_segments.filter(|segments| *segments > 0),
                })
            }
            _ => SendOutcome::Unknown(ProviderError {
                may_have_arrived: true,
                text: "Twilio took the text, and its answer cannot be read.".to_owned(),
                ..error(http_status, &[])
            }),
        };
    }
    let error = error(http_status, body);
    if !(400..500).contains(&http_status) || http_status == 408 {
        return SendOutcome::Unknown(ProviderError { may_have_arrived: true, ..error });
    }
    let error = ProviderError { may_have_arrived: false, ..error };
    let waits = error.code.is_some_and(|code| errors::meaning(code).wait);
    if http_status == 429 || error.account_wide || waits {
        SendOutcome::NotNow { error, retry_after }
    } else {
        SendOutcome::Refused(error)
    }
}

/// An answer that is not a text, in a form that can be stored.
pub(super) fn error(http_status: u16, body: &[u8]) -> ProviderError {
    let read: ErrorBody = serde_json::from_slice(body).unwrap_or_default();
    // Without a code the HTTP status is all there is, and it stands for its usual code. Twilio's API
    // always gives one to 403, 404 and 407: without it a proxy or a wrong address has answered, and
    // every text would fare the same.
    let meant = read.code.or(match http_status {
        401 | 403 | 407 => Some(20003),
        404 => Some(20404),
        429 => Some(20429),
        500 => Some(20500),
        503 => Some(20503),
        _ => None,
    });
    let meaning = meant.map(errors::meaning);
    let said = read.message.or(read.detail).or(read.title).map(|text| without_numbers(&text));
    let class = meaning.map_or(FailureClass::Unknown, |meaning| meaning.class);
    ProviderError {
        http_status: Some(http_status),
        code: read.code,
        text: said
            .filter(|text| !text.is_empty())
            .unwrap_or_else(|| format!("Twilio answered {http_status} without saying why.")),
        class: if http_status >= 500 && class == FailureClass::Unknown {
            FailureClass::ProviderFault
        } else {
            class
        },
        // Whatever the code, 401 is about who asks and not about what is asked.
        account_wide: http_status == 401 || meaning.is_some_and(|meaning| meaning.account_wide),
        may_have_arrived: meaning.is_some_and(|meaning| meaning.may_have_arrived),
    }
}

/// A call that got no answer.
pub(super) fn no_answer(text: &str, may_have_arrived: bool) -> ProviderError {
    ProviderError {
        http_status: None,
        code: None,
        text: without_numbers(text),
        class: FailureClass::ProviderFault,
        account_wide: false,
        may_have_arrived,
    }
}

/// How long an answer asks us to wait, at most an hour. A date counts from the answer's own `Date`,
/// so no clock of ours has to agree with Twilio's.
pub(super) fn retry_after(value: Option<&str>, date: Option<&str>) -> Option<Duration> {
    let value = value?.trim();
    let wait = if let Ok(seconds) = value.parse() {
        Duration::from_secs(seconds)
    } else {
        let until = DateTime::parse_from_rfc2822(value).ok()?;
        let now: DateTime<Utc> = DateTime::parse_from_rfc2822(date?.trim()).ok()?.to_utc();
        until.to_utc().signed_duration_since(now).to_std().unwrap_or_default()
    };
    Some(wait.min(Duration::from_hours(1)))
}

/// Reads a decimal number exactly, in millionths: `"-0.00750"` is -7500. More digits are cut.
#[must_use]
pub fn millionths(text: &str) -> Option<i64> {
    let (sign, digits) = match text.trim().strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.trim()),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(part) {
        return None;
    }
    let part: i64 = format!("{part:0<6}")[..6].parse().ok()?;
    whole.parse::<i64>().ok()?.checked_mul(1_000_000)?.checked_add(part)?.checked_mul(sign)
}

/// A text, a number, or nothing: Twilio's parts do not agree.
fn text_of<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Option::<serde_json::Value>::deserialize(deserializer)? {
        Some(serde_json::Value::String(text)) => Some(text),
        Some(serde_json::Value::Number(number)) => Some(number.to_string()),
        _ => None,
    })
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    Ok(text_of(deserializer)?.and_then(|text| text.trim().parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::failure::FailureClass as Class;

    fn refused(status: u16, body: &str) -> ProviderError {
        match outcome(status, None, body.as_bytes()) {
            SendOutcome::Refused(error) => error,
            other => panic!("{status} {body} is {other:?}"),
        }
    }

    #[test]
    fn every_shape_of_error_is_read_and_cleaned() {
        let classic = r#"{"code":21211,"message":"The 'To' number +15005550001 is not valid.",
            "more_info":"https://www.twilio.com/docs/errors/21211","status":400}"#;
        let problem =
            r#"{"type":"x","title":"Invalid","status":400,"code":21211,"detail":"To +15005550001"}"#;
        let newest = r#"{"code":21211,"message":"To +15005550001","httpStatusCode":400,"userError":true}"#;
        let texts = r#"{"code":"21211","message":"To +15005550001"}"#;
        for body in [classic, problem, newest, texts] {
            let error = refused(400, body);
            assert_eq!((error.code, error.class), (Some(21211), Class::InvalidNumber), "{body}");
            assert!(error.text.contains("(number)") && !error.text.contains("5005550001"), "{}", error.text);
        }
        for body in ["", "<html>no</html>", "[]", "null", "{\"code\":{}}"] {
            let error = refused(400, body);
            assert_eq!((error.code, error.class), (None, Class::Unknown), "{body}");
            assert_eq!(error.text, "Twilio answered 400 without saying why.");
        }
    }

    #[test]
    fn what_twilio_may_have_passed_on_is_unknown() {
        let fault = r#"{"code":20500,"message":"oops","status":500}"#;
        for (status, body) in [
            (500, fault),
            (502, "<html>"),
            (503, ""),
            (504, ""),
            (408, ""),
            (302, ""),
            (201, ""),
            (201, "<html>"),
            (201, "{}"),
            (200, "{\"sid\":null}"),
        ] {
            match outcome(status, None, body.as_bytes()) {
                SendOutcome::Unknown(error) => assert!(error.may_have_arrived, "{status}"),
                other => panic!("{status} {body} is {other:?}"),
            }
        }
    }

    #[test]
    fn an_error_of_the_account_is_no_failure_of_a_text() {
        for (status, body, wide) in [
            (401, r#"{"code":20003,"message":"Authenticate"}"#, true),
            (401, "", true),
            (403, r#"{"code":20005}"#, true),
            (404, r#"{"code":20404}"#, true),
            (404, "<html>not here</html>", true),
            (403, "<html>blocked by the proxy</html>", true),
            (429, r#"{"code":20429}"#, false),
            (429, "", false),
            (400, r#"{"code":21611}"#, false),
        ] {
            match outcome(status, None, body.as_bytes()) {
                SendOutcome::NotNow { error, .. } => assert_eq!(error.account_wide, wide, "{status} {body}"),
                other => panic!("{status} {body} is {other:?}"),
            }
        }
    }

    #[test]
    fn an_accepted_text_has_its_sid_whatever_its_status_is_called() {
        let body = br#"{"sid":"SM1","status":"teleported","num_segments":"2","extra":1}"#;
        let SendOutcome::Accepted(text) = outcome(201, None, body) else { panic!() };
        assert_eq!((text.status, text.segments), (ProviderStatus::Accepted, Some(2)));
    }

    #[test]
    fn a_wait_is_seconds_or_a_date_by_twilios_own_clock() {
        let date = Some("Wed, 21 Oct 2026 07:28:00 GMT");
        for (value, seconds) in [
            ("2", Some(2)),
            ("Wed, 21 Oct 2026 07:28:30 GMT", Some(30)),
            ("Wed, 21 Oct 2026 07:00:00 GMT", Some(0)),
            ("999999", Some(3600)),
            ("soon", None),
        ] {
            assert_eq!(retry_after(Some(value), date), seconds.map(Duration::from_secs), "{value}");
        }
    }

    #[test]
    fn prices_are_read_to_the_last_digit() {
        for (text, micros) in [
            ("-0.00750", Some(-7500)),
            ("0.0075", Some(7500)),
            ("3", Some(3_000_000)),
            ("1.2345678", Some(1_234_567)),
            ("", None),
            (".5", None),
            ("1e3", None),
            ("99999999999999", None),
        ] {
            assert_eq!(millionths(text), micros, "{text}");
        }
    }
}
