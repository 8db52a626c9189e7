//! The sandbox's own API, for tests and scripts: what was sent, what is to go wrong, what a phone says.

use super::fault::{Fault, NUMBERS};
use super::ledger::{Direction, SandboxText};
use super::page::{MOUNT, from_elsewhere};
use super::{Shared, inbound};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::SecondsFormat;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route(&format!("{MOUNT}/api/texts"), get(texts))
        .route(&format!("{MOUNT}/api/faults"), get(faults).post(set_faults))
        .route(&format!("{MOUNT}/api/replies"), post(reply))
        .route(&format!("{MOUNT}/api/release"), post(release))
        .route(&format!("{MOUNT}/api/reset"), post(reset))
        .with_state(shared)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Only those of one phone, both ways.
    phone: Option<String>,
}

async fn texts(State(shared): State<Arc<Shared>>, Query(wanted): Query<Wanted>) -> Json<Value> {
    let ledger = shared.ledger();
    let of_phone = |text: &&SandboxText| wanted.phone.as_deref().is_none_or(|phone| text.phone() == phone);
    let items: Vec<Value> = ledger.texts.iter().filter(of_phone).map(view).collect();
    Json(json!({ "calls": ledger.calls, "items": items }))
}

fn view(text: &SandboxText) -> Value {
    let callbacks: Vec<Value> = text
        .callbacks
        .iter()
        .map(|told| json!({ "status": told.status, "answer": told.answer, "tries": told.tries }))
        .collect();
    json!({
        "sid": text.sid,
        "direction": match text.direction {
            Direction::Outbound => "outbound",
            Direction::Inbound => "inbound",
            Direction::AutoReply => "auto_reply",
        },
        "from": text.from,
        "to": text.to,
        "body": text.body,
        "status": text.status,
        "error_code": text.error_code,
        "segments": text.segments,
        "created_at": text.created_at.to_rfc3339_opts(SecondsFormat::Millis, true),
        "status_callback": text.status_callback,
        "validity": text.validity,
        "redacted": text.redacted,
        "deleted": text.deleted,
        "callbacks": callbacks,
    })
}

async fn faults() -> Json<Value> {
    let numbers: Vec<Value> = NUMBERS
        .iter()
        .map(|(number, fault, meaning)| json!({ "number": number, "fault": fault, "meaning": meaning }))
        .collect();
    Json(json!({ "numbers": numbers }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewFaults {
    /// All numbers, when left out.
    to: Option<String>,
    /// One for each of the next calls.
    #[serde(default)]
    next: Vec<Fault>,
    /// For every call that no script is about.
    always: Option<Fault>,
}

async fn set_faults(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Json(new): Json<NewFaults>,
) -> Response {
    if from_elsewhere(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let to = new.to.as_deref().unwrap_or("*");
    let mut ledger = shared.ledger();
    ledger.faults.script(to, new.next);
    if let Some(fault) = new.always {
        ledger.faults.always(to, fault);
    }
    StatusCode::NO_CONTENT.into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewReply {
    from: String,
    to: Option<String>,
    body: String,
}

async fn reply(State(shared): State<Arc<Shared>>, headers: HeaderMap, Json(new): Json<NewReply>) -> Response {
    if from_elsewhere(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    match inbound::reply(&shared, &new.from, new.to.as_deref(), &new.body).await {
        Ok(reply) => Json(json!({ "sid": reply.sid, "answer": reply.answer })).into_response(),
        Err(error) => {
            (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "detail": error.to_string() }))).into_response()
        }
    }
}

async fn release(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> StatusCode {
    if from_elsewhere(&headers) {
        return StatusCode::FORBIDDEN;
    }
    shared.released.send_modify(|count| *count += 1);
    StatusCode::NO_CONTENT
}

async fn reset(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> StatusCode {
    if from_elsewhere(&headers) {
        return StatusCode::FORBIDDEN;
    }
    shared.ledger().reset();
    shared.has_changed();
    StatusCode::NO_CONTENT
}
