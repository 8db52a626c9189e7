//! How a call is answered when something is to go wrong with it.

use super::Shared;
use super::errors::Refusal;
use super::fault::Fault;
use super::line::Scissors;
use axum::Json;
use axum::extract::ConnectInfo;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// The connection that a call came in on; `None` where nothing can cut it.
pub(super) type Connection = Option<axum::Extension<ConnectInfo<Scissors>>>;

impl Shared {
    /// The answer to a call about a number that is not even looked at; `None` when it goes on.
    pub(super) async fn refuses(&self, fault: Fault, to: &str, connection: &Connection) -> Option<Response> {
        match fault {
            Fault::Refuse(code) => Some(Refusal::about(code, to).into_response()),
            Fault::TooManyRequests(seconds) => Some(Refusal::later(seconds).into_response()),
            Fault::Error500 => Some(Refusal::of(20500).into_response()),
            Fault::Reset => Some(cut(connection)),
            Fault::Silence => Some(self.never().await),
            _ => None,
        }
    }

    /// The answer to a call that was taken: what was made of it, or what the caller sees instead.
    pub(super) async fn answers(&self, fault: Fault, resource: Value, connection: &Connection) -> Response {
        match fault {
            Fault::AcceptThenError500 => Refusal::of(20500).into_response(),
            Fault::AcceptThenSilence => self.never().await,
            Fault::AcceptThenReset => cut(connection),
            Fault::AcceptThenGarbage => (StatusCode::CREATED, "<html>It works!</html>").into_response(),
            _ => (StatusCode::CREATED, Json(resource)).into_response(),
        }
    }

    /// No answer for as long as the caller waits.
    async fn never(&self) -> Response {
        self.until_stopped().await;
        Refusal::of(20503).into_response()
    }
}

/// The caller sees a reset instead of the answer.
fn cut(connection: &Connection) -> Response {
    if let Some(axum::Extension(ConnectInfo(scissors))) = connection {
        scissors.cut();
    }
    Refusal::of(20500).into_response()
}
