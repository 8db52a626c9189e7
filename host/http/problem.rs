//! Problem documents (RFC 9457): the only place with status codes for what went wrong.

use super::problem_types::title;
use crate::outbound::TokenError;
use crate::service::{ActError, FieldError, HostError, IntakeError, KeyRefused, OtpError, PersonError};
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;
use serde::Serialize;
use std::any::Any;
use std::error::Error;
use utoipa::ToSchema;

/// What went wrong, and what to do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Stable address of this kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "/docs/problems/invalid-request")]
    kind: String,
    /// The same words for every problem of this type.
    #[schema(example = "The request cannot be used as it is")]
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 422)]
    status: u16,
    /// What happened this time.
    detail: String,
    /// Each field that is wrong, by JSON pointer, with what was expected.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldProblem>,
    /// Seconds to wait before the next try: the header `Retry-After`.
    #[serde(skip)]
    retry_after: Option<i64>,
}

/// One field that is wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FieldProblem {
    /// JSON pointer into the request.
    #[schema(example = "/people/0/phone")]
    pointer: String,
    /// What is wrong with it and what was expected.
    detail: String,
}

impl Problem {
    pub(crate) fn plain(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("/docs/problems/{code}"),
            title: title(code),
            status: status.as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
        }
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::plain(StatusCode::NOT_FOUND, "not-found", detail)
    }

    pub(crate) fn unauthorized(detail: impl Into<String>) -> Self {
        Self::plain(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }

    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::plain(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    pub(crate) fn too_many(detail: impl Into<String>) -> Self {
        Self::plain(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", detail)
    }

    /// One field that is wrong.
    pub(crate) fn field(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::fields(vec![FieldProblem { pointer: pointer.into(), detail: detail.into() }])
    }

    pub(crate) fn fields(errors: Vec<FieldProblem>) -> Self {
        let names: Vec<String> = errors.iter().map(|e| format!("{} {}", e.pointer, e.detail)).collect();
        let detail = names.join("; ");
        Self { errors, ..Self::plain(StatusCode::UNPROCESSABLE_ENTITY, "invalid-request", detail) }
    }

    /// What went wrong this time, for routes whose answers have a shape of their own.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// The same problem, which goes away by waiting.
    pub(crate) fn after(self, wait: chrono::TimeDelta) -> Self {
        let seconds = (wait.num_milliseconds() + 999).div_euclid(1000).max(1);
        Self { retry_after: Some(seconds), ..self }
    }

    /// A fault of ours: the chain goes to the log, once, and the caller learns that it is ours.
    pub(crate) fn ours(error: &(dyn Error + 'static)) -> Self {
        tracing::error!(error, "a request failed");
        let detail = "the host failed; repeat the request with the same Idempotency-Key, which is taken once at the most";
        Self::plain(StatusCode::INTERNAL_SERVER_ERROR, "host-failed", detail)
    }
}

impl Problem {
    /// The answer.
    pub(crate) fn response(&self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_string(self).unwrap_or_default();
        let mut response =
            (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        if status == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
        }
        if status == StatusCode::UNAUTHORIZED {
            // RFC 6750, 3.1: nothing more is said to who sent nothing.
            let challenge =
                if self.is("invalid-token") { "Bearer error=\"invalid_token\"" } else { "Bearer" };
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }

    fn is(&self, code: &str) -> bool {
        self.kind.rsplit('/').next() == Some(code)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.response()
    }
}

impl From<FieldError> for FieldProblem {
    fn from(error: FieldError) -> Self {
        Self { pointer: error.pointer, detail: error.detail }
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        let detail = error.to_string();
        match error {
            TokenError::Refused(_) => Self::plain(StatusCode::UNAUTHORIZED, "invalid-token", detail),
            TokenError::Role => Self::forbidden(detail),
            TokenError::NoKeys => Self::plain(StatusCode::SERVICE_UNAVAILABLE, "sign-in-unavailable", detail)
                .after(TimeDelta::minutes(1)),
            TokenError::Off => Self::unauthorized("this host takes no sign-ins: `[jwt]` is not configured"),
        }
    }
}

impl From<HostError> for Problem {
    fn from(error: HostError) -> Self {
        Self::ours(&error)
    }
}

impl From<IntakeError> for Problem {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Fields(errors) => Self::fields(errors.into_iter().map(Into::into).collect()),
            IntakeError::KeyReused => {
                Self::plain(StatusCode::CONFLICT, "idempotency-key-reused", error.to_string())
            }
            IntakeError::VersionTaken => {
                Self::plain(StatusCode::CONFLICT, "version-taken", error.to_string())
            }
            IntakeError::Code(error) => error.into(),
            IntakeError::Host(error) => error.into(),
        }
    }
}

impl From<PersonError> for Problem {
    fn from(error: PersonError) -> Self {
        match error {
            PersonError::Fields(errors) => Self::fields(errors.into_iter().map(Into::into).collect()),
            PersonError::Unknown | PersonError::Erased => Self::not_found(error.to_string()),
            PersonError::Stopped => Self::plain(StatusCode::CONFLICT, "stopped-by-phone", error.to_string()),
            PersonError::OptedOut => {
                Self::plain(StatusCode::CONFLICT, "opted-out-by-person", error.to_string())
            }
            PersonError::Changed => {
                Self::plain(StatusCode::PRECONDITION_FAILED, "changed", error.to_string())
            }
            PersonError::Host(error) => error.into(),
        }
    }
}

impl From<ActError> for Problem {
    fn from(error: ActError) -> Self {
        match error {
            ActError::Unknown => Self::not_found(error.to_string()),
            ActError::TooLate(_) => Self::plain(StatusCode::CONFLICT, "too-late", error.to_string()),
            ActError::Host(error) => error.into(),
        }
    }
}

impl From<OtpError> for Problem {
    fn from(error: OtpError) -> Self {
        let text = error.to_string();
        match error {
            OtpError::Fields(errors) => Self::fields(errors.into_iter().map(Into::into).collect()),
            OtpError::CountryClosed => Self::plain(StatusCode::FORBIDDEN, "country-closed", text),
            OtpError::Limited { retry_after, .. } => {
                Self::plain(StatusCode::TOO_MANY_REQUESTS, "too-many-codes", text).after(retry_after)
            }
            OtpError::TooEarly { retry_after } => {
                Self::plain(StatusCode::TOO_MANY_REQUESTS, "code-just-sent", text).after(retry_after)
            }
            OtpError::KeyReused => Self::plain(StatusCode::CONFLICT, "idempotency-key-reused", text),
            OtpError::Ended => Self::plain(StatusCode::CONFLICT, "code-ended", text),
            OtpError::NotChecked(error) => {
                tracing::error!(
                    error = &error as &dyn Error,
                    "Twilio Verify did not say whether a code is right"
                );
                Self::plain(StatusCode::SERVICE_UNAVAILABLE, "codes-unavailable", text)
                    .after(chrono::TimeDelta::seconds(5))
            }
            OtpError::NotCounted(error) | OtpError::Unavailable(error) => {
                tracing::error!(error = &error as &dyn Error, "a one-time code could not be given");
                Self::plain(StatusCode::SERVICE_UNAVAILABLE, "codes-unavailable", text)
                    .after(chrono::TimeDelta::seconds(5))
            }
        }
    }
}

impl From<KeyRefused> for Problem {
    fn from(error: KeyRefused) -> Self {
        match error {
            KeyRefused::Invalid => Self::unauthorized(error.to_string()),
            KeyRefused::WrongMode(_) => Self::forbidden(error.to_string()),
            KeyRefused::Host(error) => error.into(),
        }
    }
}

/// The whole answer to a request whose head does not come, in bytes: nothing that makes answers has seen it.
pub(crate) fn too_slow() -> String {
    let problem =
        Problem::plain(StatusCode::REQUEST_TIMEOUT, "timeout", "the head of the request took too long");
    let body = serde_json::to_string(&problem).unwrap_or_default();
    format!(
        "HTTP/1.1 408 Request Timeout\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\
         cache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// A panic stops nothing but its own request.
#[expect(clippy::needless_pass_by_value, reason = "the shape that the layer asks for")]
pub(crate) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic.downcast_ref::<&str>().copied().unwrap_or("a panic without words");
    tracing::error!(panic = text, "a request panicked");
    Problem::plain(StatusCode::INTERNAL_SERVER_ERROR, "host-failed", "the host failed").into_response()
}

/// What layers refuse in plain text becomes a problem document like everything else.
pub(crate) async fn name_the_limits(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let is_problem = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/problem+json"));
    match response.status() {
        StatusCode::PAYLOAD_TOO_LARGE if !is_problem => {
            let detail = "the body is larger than this host takes; see server.body_limit";
            Problem::plain(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", detail).into_response()
        }
        StatusCode::REQUEST_TIMEOUT if !is_problem => {
            Problem::plain(StatusCode::REQUEST_TIMEOUT, "timeout", "the request took too long")
                .into_response()
        }
        _ => response,
    }
}
