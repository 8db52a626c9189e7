//! Every request under a key or a sign-in leaves a line in the audit: who, which route, which object, what
//! came of it.

use super::Api;
use crate::domain::id::KeyId;
use crate::store::AuditEntry;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::{Arc, Mutex, PoisonError};

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

pub(super) async fn record(State(api): State<Api>, mut request: Request, next: Next) -> Response {
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
        return super::problem::Problem::plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            "not-recorded",
            "it was done, and could not be written into the audit; the log says why",
        )
        .into_response();
    }
    response
}
