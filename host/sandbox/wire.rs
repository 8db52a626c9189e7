//! Texts as Twilio writes them: numbers of segments and prices as texts, dates by RFC 2822, `null`
//! where nothing is known yet.

use super::errors;
use super::ledger::{Direction, SandboxText};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

const API: &str = "2010-04-01";

/// What one segment costs, in hundred-thousandths of a dollar.
const PRICE: u32 = 750;

/// The path of an account's texts, or of one of them.
pub(super) fn path(account: &str, sid: Option<&str>) -> String {
    match sid {
        Some(sid) => format!("/{API}/Accounts/{account}/Messages/{sid}.json"),
        None => format!("/{API}/Accounts/{account}/Messages.json"),
    }
}

/// One text.
pub(super) fn resource(account: &str, text: &SandboxText) -> Value {
    let price = (text.sent_at.is_some() || text.direction != Direction::Outbound).then(|| {
        let price = PRICE * text.segments;
        format!("-{}.{:05}", price / 100_000, price % 100_000)
    });
    let uri = path(account, Some(&text.sid));
    json!({
        "body": if text.redacted { "" } else { &text.body },
        "num_segments": segments(text).to_string(),
        "direction": match text.direction {
            Direction::Outbound => "outbound-api",
            Direction::Inbound => "inbound",
            Direction::AutoReply => "outbound-reply",
        },
        "from": text.from,
        "date_updated": date(text.updated_at),
        "price": price,
        "error_message": text.error_code.map(errors::sentence),
        "uri": uri,
        "account_sid": account,
        "num_media": "0",
        "to": text.to,
        "date_created": date(text.created_at),
        "status": text.status,
        "sid": text.sid,
        "date_sent": text.sent_at.map(date),
        "messaging_service_sid": text.service,
        "error_code": text.error_code,
        "price_unit": "USD",
        "api_version": API,
        "subresource_uris": { "media": uri.replace(".json", "/Media.json") },
    })
}

/// Nothing is counted while a Messaging Service has not picked a sender.
fn segments(text: &SandboxText) -> u32 {
    if text.from.is_none() { 0 } else { text.segments }
}

/// `Thu, 24 Aug 2023 05:01:45 +0000`
pub(super) fn date(at: DateTime<Utc>) -> String {
    at.format("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// The parameters of a status callback.
pub(super) fn status_params(
    account: &str,
    text: &SandboxText,
    status: &str,
    error_code: Option<u32>,
    now: DateTime<Utc>,
) -> Vec<(String, String)> {
    let mut params = vec![
        ("AccountSid", account.to_owned()),
        ("ApiVersion", API.to_owned()),
        ("From", text.from.clone().unwrap_or_default()),
        ("MessageSid", text.sid.clone()),
        ("MessageStatus", status.to_owned()),
        ("SmsSid", text.sid.clone()),
        ("SmsStatus", status.to_owned()),
        ("To", text.to.clone()),
    ];
    if let Some(service) = &text.service {
        params.push(("MessagingServiceSid", service.clone()));
    }
    if let Some(code) = error_code {
        params.push(("ErrorCode", code.to_string()));
        params.push(("ErrorMessage", errors::sentence(code)));
    }
    if matches!(status, "delivered" | "undelivered") {
        params.push(("RawDlrDoneDate", now.format("%y%m%d%H%M").to_string()));
    }
    params.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
