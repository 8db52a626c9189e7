//! One-time codes: ask for one, try one, have it sent once more.

use super::Api;
use super::auth::Key;
use super::body::{Id, Json, idempotency_key};
use super::problem::Problem;
use crate::domain::id::ChallengeId;
use crate::service::{Checked, Origin, PostedCode, Sent};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use utoipa::ToSchema;

/// A code that is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"phone": "+12025550143", "purpose": "LOGIN", "locale": "es"}))]
pub(super) struct NewCode {
    /// Where the code goes.
    phone: String,
    /// ISO 3166 alpha-2, for a number in national spelling; the clinic's own, when left out.
    region: Option<String>,
    /// `LOGIN`, `MFA`, `PHONE_VERIFY`, or a word of your own in capitals. A code for one purpose does not
    /// pass for another.
    purpose: String,
    /// In this language instead of the person's.
    locale: Option<String>,
    /// Your id of the person; a right code answers with it.
    recipient: Option<String>,
    /// The address that the person asked you from: pumping is noticed by it.
    #[schema(value_type = Option<String>, example = "203.0.113.7")]
    ip: Option<IpAddr>,
}

/// A code is on its way. The answer is the same for every number.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"id": "019a6b0e-6f5e-7b8e-9f63-0d5c8d8f8c11", "expires_in": 300, "resend_in": 30, "sends_left": 3}))]
pub(super) struct CodeView {
    /// Give it when the code is tried.
    id: uuid::Uuid,
    /// Seconds that the code is good for.
    expires_in: i64,
    /// Seconds before it may be sent again; `null` when it may not.
    resend_in: Option<i64>,
    /// So often it may be sent again.
    sends_left: u32,
}

/// A code that somebody typed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"code": "482913"}))]
pub(super) struct TypedCode {
    /// Spaces and hyphens do not matter.
    #[schema(max_length = 40)]
    code: String,
}

/// What came of a try.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"status": "pending", "attempts_left": 2, "recipient": null}))]
pub(super) struct CheckView {
    status: CheckStatus,
    /// Codes that may still be tried.
    attempts_left: u32,
    /// After a right code: the person you named, or the only one with this number.
    recipient: Option<String>,
}

/// `approved`: it was the code, and it opens nothing a second time. `pending`: it was another.
/// `expired`: no code is waited for. `exhausted`: too many were tried.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum CheckStatus {
    Approved,
    Pending,
    Expired,
    Exhausted,
}

/// Ask for a code
///
/// Opens a new challenge, which ends an older one for the same number and purpose, and sends its code. The
/// answer is the same whether the number is known, has said stop or can be reached.
#[utoipa::path(post, path = "/api/v1/otp", tag = "one-time codes", security(("api_key" = ["otp"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Bound to the body; a repeated request sends nothing, and is answered as the challenge stands")),
    request_body = NewCode,
    responses((status = 202, description = "Committed", body = CodeView), (status = 400, body = Problem),
        (status = 401, body = Problem),
        (status = 403, description = "The key may not, or the number's country is closed (`otp.countries`). No wait helps against either, so there is no `Retry-After`", body = Problem),
        (status = 409, description = "The idempotency key belongs to another body, or its challenge is forgotten", body = Problem),
        (status = 415, body = Problem),
        (status = 422, description = "Fields are wrong", body = Problem),
        (status = 429, description = "A brake holds; see `Retry-After`", body = Problem),
        (status = 503, description = "Nothing can be counted, so nothing is sent", body = Problem)))]
pub(super) async fn start(
    State(api): State<Api>,
    key: Key,
    headers: HeaderMap,
    body: Json<NewCode>,
) -> Result<(StatusCode, axum::Json<CodeView>), Problem> {
    let caller = key.with("otp")?;
    let once = idempotency_key(&headers)?.map(|key| api.once(key, "otp", &body.bytes));
    let new = body.value;
    let origin = Origin { once, ..Origin::of(&caller, new.ip) };
    let posted = PostedCode {
        phone: new.phone,
        region: new.region,
        purpose: new.purpose,
        locale: new.locale,
        recipient: new.recipient,
    };
    let request = api.read_code_request(&posted)?;
    let sent = api.start_code(&origin, &request).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(view(&sent))))
}

/// Try a code
///
/// Each try counts before it is compared. A right code is answered `approved` once.
#[utoipa::path(post, path = "/api/v1/otp/{id}/check", tag = "one-time codes", security(("api_key" = ["otp"])),
    params(("id" = uuid::Uuid, Path, description = "The challenge")),
    request_body = TypedCode,
    responses((status = 200, body = CheckView), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 415, body = Problem), (status = 422, body = Problem),
        (status = 503, body = Problem)))]
pub(super) async fn check(
    State(api): State<Api>,
    key: Key,
    Id(id): Id,
    body: Json<TypedCode>,
) -> Result<axum::Json<CheckView>, Problem> {
    let caller = key.with("otp")?;
    check_length("/code", &body.value.code)?;
    let checked = api.check_code(read_id(&id), caller.test, &body.value.code).await?;
    Ok(axum::Json(match checked {
        Checked::Approved { recipient } => {
            CheckView { status: CheckStatus::Approved, attempts_left: 0, recipient }
        }
        Checked::Pending { attempts_left } => {
            CheckView { status: CheckStatus::Pending, attempts_left, recipient: None }
        }
        Checked::Expired => CheckView { status: CheckStatus::Expired, attempts_left: 0, recipient: None },
        Checked::Exhausted => CheckView { status: CheckStatus::Exhausted, attempts_left: 0, recipient: None },
    }))
}

/// Have a code sent again
///
/// The same code, within its life, after 30, 60 and 120 seconds (`otp.resend_after`).
#[utoipa::path(post, path = "/api/v1/otp/{id}/resend", tag = "one-time codes", security(("api_key" = ["otp"])),
    params(("id" = uuid::Uuid, Path, description = "The challenge"),
        ("Idempotency-Key" = Option<String>, Header, description = "Bound to the challenge; a repeated request sends nothing, and is answered as the challenge stands")),
    responses((status = 202, description = "Committed", body = CodeView), (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 409, description = "No code is waited for under this id, or the idempotency key belongs to another request", body = Problem),
        (status = 422, description = "The idempotency key is none", body = Problem),
        (status = 429, description = "Sent a moment ago, or a brake holds; see `Retry-After`", body = Problem),
        (status = 503, body = Problem)))]
pub(super) async fn resend(
    State(api): State<Api>,
    key: Key,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<(StatusCode, axum::Json<CodeView>), Problem> {
    let caller = key.with("otp")?;
    let id = read_id(&id);
    let once = idempotency_key(&headers)?.map(|key| api.once(key, "otp resend", id.0.as_bytes()));
    let origin = Origin { once, ..Origin::of(&caller, None) };
    let sent = api.resend_code(&origin, id).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(view(&sent))))
}

pub(super) fn check_length(pointer: &str, code: &str) -> Result<(), Problem> {
    let fits = code.chars().count() <= 40;
    if fits { Ok(()) } else { Err(Problem::field(pointer, "is longer than 40 characters")) }
}

/// What is no id is the id of no challenge.
fn read_id(id: &str) -> ChallengeId {
    id.parse().unwrap_or(ChallengeId(uuid::Uuid::nil()))
}

fn view(sent: &Sent) -> CodeView {
    // A wait is never told shorter than it is, a life never longer.
    let up = |wait: TimeDelta| (wait.num_milliseconds() + 999).div_euclid(1000);
    CodeView {
        id: sent.id.0,
        expires_in: sent.expires_in.num_seconds(),
        resend_in: sent.resend_in.map(up),
        sends_left: sent.sends_left,
    }
}
