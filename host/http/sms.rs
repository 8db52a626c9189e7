//! One-time codes under the names that the first callers use: camelCase, and `{success, message, data}`
//! whatever happens; what goes wrong is a problem document besides.

use super::Api;
use super::auth::{Key, MaybeKey};
use super::body::Json;
use super::otp::check_length;
use super::peer::Client;
use super::problem::Problem;
use crate::service::{Checked, Origin, OtpError, PostedCode};
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use utoipa::ToSchema;

/// A code that is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(example = json!({"phoneNumber": "+12025550143", "purpose": "LOGIN"}))]
pub(super) struct SendOtp {
    /// Where the code goes.
    phone_number: String,
    /// `LOGIN`, when left out; `MFA`, `PHONE_VERIFY` or a word of your own in capitals.
    purpose: Option<String>,
    /// In this language instead of the person's.
    locale: Option<String>,
    /// The address that the person asked you from. Only believed of callers with a key.
    #[schema(value_type = Option<String>)]
    ip: Option<IpAddr>,
}

/// A code that somebody typed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(example = json!({"phoneNumber": "+12025550143", "code": "482913", "purpose": "LOGIN"}))]
pub(super) struct VerifyOtp {
    /// Where the code went.
    phone_number: String,
    #[schema(max_length = 40)]
    code: String,
    /// `LOGIN`, when left out.
    purpose: Option<String>,
}

/// An answer in the older shape.
#[derive(Serialize, ToSchema)]
pub(super) struct Answer<T> {
    success: bool,
    /// For people.
    message: String,
    /// `null` when something is wrong with the request or a brake holds.
    data: Option<T>,
}

impl<T> Answer<T> {
    pub(super) fn good(message: &str, data: T) -> Self {
        Self { success: true, message: message.to_owned(), data: Some(data) }
    }
}

/// Something is wrong: a problem document with the members of an answer.
#[derive(Serialize, ToSchema)]
pub(super) struct Refusal {
    /// `false`.
    success: bool,
    /// For people.
    message: String,
    /// `null`.
    data: Option<String>,
    #[serde(flatten)]
    problem: Problem,
}

/// A code is on its way.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SentData {
    success: bool,
    expires_at: DateTime<Utc>,
}

/// What came of a try.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct VerifiedData {
    success: bool,
    /// After a right code: the only person with this number, if there is one.
    user_id: Option<String>,
}

/// Whatever goes wrong, in the older shape.
pub(super) struct Wrong(Problem);

impl From<Problem> for Wrong {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<OtpError> for Wrong {
    fn from(error: OtpError) -> Self {
        let OtpError::Fields(mut errors) = error else { return Self(error.into()) };
        for error in errors.iter_mut().filter(|error| error.pointer == "/phone") {
            "/phoneNumber".clone_into(&mut error.pointer);
        }
        Self(OtpError::Fields(errors).into())
    }
}

impl IntoResponse for Wrong {
    fn into_response(self) -> Response {
        let problem = self.0;
        let message = problem.detail().to_owned();
        // Status and headers are those of the problem; the body has more in it.
        let (parts, _) = problem.response().into_parts();
        let refusal = Refusal { success: false, message, data: None, problem };
        Response::from_parts(parts, serde_json::to_string(&refusal).unwrap_or_default().into())
    }
}

/// Send a code (older name)
///
/// Where a code is waited for already, for the same number and purpose, it is sent once more. Without an
/// API key only where `otp.public` is on.
#[utoipa::path(post, path = "/api/v1/sms/send-otp", tag = "older names", security(("api_key" = ["otp"]), ()),
    request_body = SendOtp,
    responses((status = 200, body = Answer<SentData>), (status = 400, body = Refusal),
        (status = 401, body = Refusal),
        (status = 403, description = "The key may not, or the number's country is closed; no wait helps", body = Refusal),
        (status = 415, body = Refusal), (status = 422, body = Refusal),
        (status = 429, description = "See `Retry-After`", body = Refusal),
        (status = 503, body = Refusal)))]
pub(super) async fn send_otp(
    State(api): State<Api>,
    key: Result<MaybeKey, Problem>,
    client: Option<Extension<Client>>,
    body: Result<Json<SendOtp>, Problem>,
) -> Result<axum::Json<Answer<SentData>>, Wrong> {
    let key = key?.0;
    let body = body?.value;
    let origin = who(&api, key, client, body.ip)?;
    let request = api.read_code_request(&posted(body.phone_number, body.purpose, body.locale))?;
    let sent = api.send_code(&origin, &request).await?;
    Ok(axum::Json(Answer::good(
        "The code is on its way.",
        SentData { success: true, expires_at: sent.expires_at },
    )))
}

/// Try a code (older name)
#[utoipa::path(post, path = "/api/v1/sms/verify-otp", tag = "older names", security(("api_key" = ["otp"]), ()),
    request_body = VerifyOtp,
    responses((status = 200, description = "`data.success` says whether it was the code", body = Answer<VerifiedData>),
        (status = 400, body = Refusal), (status = 401, body = Refusal),
        (status = 403, body = Refusal), (status = 415, body = Refusal),
        (status = 422, body = Refusal),
        (status = 429, description = "See `Retry-After`", body = Refusal),
        (status = 503, body = Refusal)))]
pub(super) async fn verify_otp(
    State(api): State<Api>,
    key: Result<MaybeKey, Problem>,
    client: Option<Extension<Client>>,
    body: Result<Json<VerifyOtp>, Problem>,
) -> Result<axum::Json<Answer<VerifiedData>>, Wrong> {
    let key = key?.0;
    let body = body?.value;
    let origin = who(&api, key, client, None)?;
    check_length("/code", &body.code)?;
    let request = api.read_code_request(&posted(body.phone_number, body.purpose, None))?;
    let checked = api.check_code_of_phone(&origin, &request.phone, &request.purpose, &body.code).await?;
    Ok(axum::Json(match checked {
        Checked::Approved { recipient } => {
            Answer::good("The code is right.", VerifiedData { success: true, user_id: recipient })
        }
        // Anybody may ask this route about any number: it does not say whether a code is waited for.
        Checked::Pending { .. } | Checked::Expired | Checked::Exhausted => Answer {
            success: false,
            message: "The code is wrong or has expired.".to_owned(),
            data: Some(VerifiedData { success: false, user_id: None }),
        },
    }))
}

fn posted(phone: String, purpose: Option<String>, locale: Option<String>) -> PostedCode {
    PostedCode {
        phone,
        purpose: purpose.unwrap_or_else(|| "LOGIN".to_owned()),
        locale,
        ..PostedCode::default()
    }
}

/// The caller, with a key or, where `otp.public` is on, without one.
fn who(
    api: &Api,
    key: Option<Key>,
    client: Option<Extension<Client>>,
    reported: Option<IpAddr>,
) -> Result<Origin, Problem> {
    match key {
        // The other end is the calling service, of which the address tells nothing.
        Some(key) => Ok(Origin::of(&key.with("otp")?, reported)),
        None if api.settings.otp.public => Ok(Origin {
            key: None,
            test: api.providers.live.is_none(),
            unlimited: false,
            by_policy: false,
            address: client.map(|Extension(Client(address))| address),
            once: None,
        }),
        None => Err(Problem::unauthorized("send the API key as `Authorization: Bearer tdg_…`")),
    }
}
