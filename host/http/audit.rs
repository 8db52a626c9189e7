//! Every request under a key or a sign-in leaves a line in the audit: who, which route, which object, what
//! came of it.

use super::Api;
use super::problem::Problem;
use super::unheard::Unheard;
use crate::domain::id::KeyId;
use crate::store::AuditEntry;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::{Arc, Mutex, PoisonError};
use tracing::Instrument as _;

/// Filled in by whoever checks the key or the token.
#[derive(Clone, Default)]
pub(super) struct Actor(Arc<Mutex<Option<String>>>);

impl Actor {
    pub(super) fn is_key(&self, id: KeyId) {
        self.set(format!("key:{id}"));
    }

    pub(super) fn is_recipient(&self, id: &str) {
        self.set(format!("recipient:{id}"));
    }

    fn set(&self, actor: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(actor);
    }

    fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What is posted all day is kept by its own rows; its lines need not be waited for.
const POSTS: [&str; 3] = ["/api/v1/events", "/api/v1/messages", "/api/v1/messages/batch"];

/// A request that changes something is seen through to its line in a task of its own, even when whoever sent
/// it hangs up, or is told that it took too long: what was done is on record.
pub(super) async fn record(State(api): State<Api>, request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return answer_and_record(api, request, next).await;
    }
    let Some(underway) = api.begin_change().await else { return ending() };
    let (waiting, gone) = tokio::sync::oneshot::channel::<()>();
    let request = request.map(|body| Body::new(Unheard::new(body, gone)));
    let seen_through = async move {
        let response = answer_and_record(api, request, next).await;
        drop(underway);
        response
    };
    let done = tokio::spawn(seen_through.in_current_span()).await;
    drop(waiting);
    done.unwrap_or_else(|ended| match ended.try_into_panic() {
        // Answered further out, as every panic is.
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => ending(),
    })
}

fn ending() -> Response {
    Problem::plain(StatusCode::INTERNAL_SERVER_ERROR, "host-failed", "the host is ending").into_response()
}

async fn answer_and_record(api: Api, mut request: Request, next: Next) -> Response {
    let actor = Actor::default();
    request.extensions_mut().insert(actor.clone());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let object = request.uri().path().to_owned();
    let response = next.run(request).await;
    let (Some(actor), Some(route)) = (actor.take(), route) else { return response };
    let is_read = matches!(method, Method::GET | Method::HEAD);
    let waits = !is_read && !POSTS.contains(&route.as_str()) && response.status().is_success();
    let entry = AuditEntry {
        at: api.now(),
        actor,
        action: format!("{method} {route}"),
        object,
        outcome: i64::from(response.status().as_u16()),
    };
    if !waits {
        api.auditor().note(entry).await;
    } else if !api.auditor().record(entry).await {
        return Problem::plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            "not-recorded",
            "it was done, and could not be written into the audit; the log says why",
        )
        .into_response();
    }
    response
}
