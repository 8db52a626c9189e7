//! Twilio Verify, from Twilio's side: Verifications and `VerificationCheck`, and a sending's Attempt. The
//! code is a text on the phone like any other.

use super::answer::Connection;
use super::errors::Refusal;
use super::fault::GOOD_SENDER;
use super::ledger::{Direction, SandboxText};
use super::messages::{Pairs, find};
use super::{Shared, life};
use crate::domain::phone::{PhoneError, PhoneNumber};
use crate::domain::segments;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use rand::RngExt as _;
use serde_json::{Value, json};
use std::sync::Arc;

/// How long a code is good for, and how often it is sent and checked (Twilio: Verify, rate limits and timeouts).
const LIFE: TimeDelta = TimeDelta::minutes(10);
const SENDS: usize = 5;
const CHECKS: u32 = 5;

/// One code, for one number.
#[derive(Clone)]
pub(super) struct Verification {
    sid: String,
    to: String,
    code: String,
    status: &'static str,
    checks: u32,
    created_at: DateTime<Utc>,
    /// Each sending: its identifier, its text's, and when.
    sends: Vec<(String, String, DateTime<Utc>)>,
}

impl Verification {
    fn is_pending(&self, now: DateTime<Utc>) -> bool {
        self.status == "pending" && now < self.created_at + LIFE
    }

    /// Canceled ones can still be looked at; approved and expired ones are gone.
    fn is_there(&self, now: DateTime<Utc>) -> bool {
        self.status == "canceled" || self.is_pending(now)
    }

    fn is(&self, name: &str) -> bool {
        self.sid == name || self.to == name
    }
}

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/v2/Services/{service}", get(service))
        .route("/v2/Services/{service}/Verifications", post(start))
        .route("/v2/Services/{service}/Verifications/{name}", get(fetch).post(update))
        .route("/v2/Services/{service}/VerificationCheck", post(check))
        .route("/v2/Attempts/{sid}", get(attempt))
}

async fn service(State(shared): State<Arc<Shared>>, Path(service): Path<String>) -> Response {
    if service != shared.settings.verify_service_sid {
        return Refusal::of(20404).into_response();
    }
    Json(json!({"sid": service, "account_sid": shared.settings.account_sid, "friendly_name": "Sandbox",
        "code_length": 6, "lookup_enabled": false, "custom_code_enabled": false}))
    .into_response()
}

async fn start(
    State(shared): State<Arc<Shared>>,
    Path(service): Path<String>,
    connection: Connection,
    body: Bytes,
) -> Response {
    let params: Pairs = form_urlencoded::parse(&body).into_owned().collect();
    let to = find(&params, "To").unwrap_or_default();
    let fault = {
        let mut ledger = shared.ledger();
        ledger.calls += 1;
        ledger.faults.take(to).unwrap_or_default()
    };
    if let Some(refused) = shared.refuses(fault, to, &connection).await {
        return refused;
    }
    if service != shared.settings.verify_service_sid {
        return Refusal::of(20404).into_response();
    }
    match (PhoneNumber::parse(to, None), find(&params, "Channel")) {
        (Err(PhoneError::FixedLine), _) => return Refusal::about(60205, to).into_response(),
        (Ok(number), Some("sms")) if number.e164() == to => {}
        _ => return Refusal::of(60200).into_response(),
    }
    let (resource, sid) = match shared.send_code(to, find(&params, "AppHash")) {
        Ok(sent) => sent,
        Err(refusal) => return refusal.into_response(),
    };
    drop(life::begin(&shared, sid, fault));
    shared.answers(fault, resource, &connection).await
}

impl Shared {
    /// Sends the code that is pending for a number, or a new one: the resource, and the text's identifier.
    fn send_code(&self, to: &str, app_hash: Option<&str>) -> Result<(Value, String), Refusal> {
        let now = self.now();
        let (text, attempt) = (self.sid("SM"), self.sid("VL"));
        let verification = {
            let mut ledger = self.ledger();
            let pending = ledger.verifications.iter().position(|one| one.to == to && one.is_pending(now));
            let place = pending.unwrap_or_else(|| {
                ledger.verifications.push(Verification {
                    sid: self.sid("VE"),
                    to: to.to_owned(),
                    code: format!("{:06}", self.chance.lock().random_range(0..1_000_000)),
                    status: "pending",
                    checks: 0,
                    created_at: now,
                    sends: Vec::new(),
                });
                ledger.verifications.len() - 1
            });
            let verification = &mut ledger.verifications[place];
            if verification.sends.len() >= SENDS {
                return Err(Refusal::of(60203));
            }
            verification.sends.push((attempt, text.clone(), now));
            verification.clone()
        };
        let hash = app_hash.map(|hash| format!("\n\n{hash}")).unwrap_or_default();
        let body = format!("Your Sandbox verification code is: {}{hash}", verification.code);
        self.accept(SandboxText {
            sid: text.clone(),
            direction: Direction::Outbound,
            from: Some(GOOD_SENDER.to_owned()),
            to: to.to_owned(),
            service: None,
            segments: segments::count(&body).parts,
            body,
            status: "queued",
            error_code: None,
            created_at: now,
            updated_at: now,
            sent_at: None,
            status_callback: None,
            validity: None,
            redacted: false,
            deleted: false,
            callbacks: Vec::new(),
        });
        Ok((self.verification(&verification), text))
    }

    fn verification(&self, verification: &Verification) -> Value {
        let sends: Vec<Value> = verification
            .sends
            .iter()
            .map(|(sid, _, at)| json!({"time": date(*at), "channel": "SMS", "attempt_sid": sid}))
            .collect();
        json!({
            "sid": verification.sid,
            "service_sid": self.settings.verify_service_sid,
            "account_sid": self.settings.account_sid,
            "to": verification.to,
            "channel": "sms",
            "status": verification.status,
            "valid": verification.status == "approved",
            "lookup": {},
            "amount": null,
            "payee": null,
            "sna": null,
            "send_code_attempts": sends,
            "date_created": date(verification.created_at),
            "date_updated": date(self.now()),
        })
    }
}

async fn fetch(State(shared): State<Arc<Shared>>, Path((service, name)): Path<(String, String)>) -> Response {
    let now = shared.now();
    let found =
        shared.ledger().verifications.iter().rev().find(|one| one.is(&name) && one.is_there(now)).cloned();
    match found.filter(|_| service == shared.settings.verify_service_sid) {
        Some(verification) => Json(shared.verification(&verification)).into_response(),
        None => Refusal::of(20404).into_response(),
    }
}

async fn update(
    State(shared): State<Arc<Shared>>,
    Path((service, name)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    let params: Pairs = form_urlencoded::parse(&body).into_owned().collect();
    let status = match find(&params, "Status") {
        Some("canceled") => "canceled",
        Some("approved") => "approved",
        _ => return Refusal::of(60200).into_response(),
    };
    let now = shared.now();
    let found = {
        let mut ledger = shared.ledger();
        ledger.verifications.iter_mut().find(|one| one.is(&name) && one.is_pending(now)).map(|one| {
            one.status = status;
            one.clone()
        })
    };
    match found.filter(|_| service == shared.settings.verify_service_sid) {
        Some(verification) => Json(shared.verification(&verification)).into_response(),
        None => Refusal::of(20404).into_response(),
    }
}

async fn check(
    State(shared): State<Arc<Shared>>,
    Path(service): Path<String>,
    connection: Connection,
    body: Bytes,
) -> Response {
    let params: Pairs = form_urlencoded::parse(&body).into_owned().collect();
    let Some(name) = find(&params, "VerificationSid").or_else(|| find(&params, "To")) else {
        return Refusal::of(60200).into_response();
    };
    let fault = shared.ledger().faults.take("verification-check").unwrap_or_default();
    if let Some(refused) = shared.refuses(fault, name, &connection).await {
        return refused;
    }
    let now = shared.now();
    let found = {
        let mut ledger = shared.ledger();
        let pending = ledger.verifications.iter_mut().find(|one| one.is(name) && one.is_pending(now));
        let Some(one) = pending.filter(|_| service == shared.settings.verify_service_sid) else {
            return Refusal::of(20404).into_response();
        };
        let Some(code) = find(&params, "Code").filter(|code| (4..=10).contains(&code.chars().count())) else {
            return Refusal::of(60200).into_response();
        };
        if one.checks >= CHECKS {
            return Refusal::of(60202).into_response();
        }
        one.checks += 1;
        if one.code == code {
            one.status = "approved";
        }
        one.clone()
    };
    shared.answers(fault, shared.verification(&found), &connection).await
}

async fn attempt(State(shared): State<Arc<Shared>>, Path(sid): Path<String>) -> Response {
    let mut ledger = shared.ledger();
    let found = ledger.verifications.iter().find_map(|one| {
        let sent = one.sends.iter().find(|sent| sent.0 == sid)?;
        Some((one.sid.clone(), one.status, sent.clone()))
    });
    let Some((verification, status, (_, text, at))) = found else {
        return Refusal::of(20404).into_response();
    };
    let told = ledger.text(&text).map(|text| text.status);
    Json(json!({
        "sid": sid,
        "account_sid": shared.settings.account_sid,
        "service_sid": shared.settings.verify_service_sid,
        "verification_sid": verification,
        "date_created": date(at),
        "date_updated": date(at),
        "conversion_status": if status == "approved" { "converted" } else { "unconverted" },
        "channel": "sms",
        "price": {"value": "0.05", "currency": "usd"},
        "channel_data": {"message_status": told},
    }))
    .into_response()
}

/// Verify writes its dates by ISO 8601.
fn date(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
