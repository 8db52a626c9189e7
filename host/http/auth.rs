//! Who calls: API keys, their scopes, and how many requests they may make.

use super::Api;
use super::audit::Actor;
use super::peer::Client;
use super::problem::Problem;
use crate::domain::kind::TypeName;
use crate::service::{Allowance, Caller, KeyRefused};
use axum::extract::{FromRequestParts, Request};
use axum::http::HeaderValue;
use axum::http::header::{AUTHORIZATION, RETRY_AFTER};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use std::sync::{Arc, OnceLock};

/// The caller, once their key is checked.
pub(crate) struct Key(pub(crate) Caller);

impl Key {
    /// The caller, if their key may do this.
    pub(crate) fn with(self, scope: &str) -> Result<Caller, Problem> {
        if self.0.may(scope) { Ok(self.0) } else { Err(lacks(scope)) }
    }

    /// The caller, if their key may do this for some message type: [`allow`] says for which.
    pub(crate) fn with_some(self, scope: &str) -> Result<Caller, Problem> {
        if self.0.may_for_some(scope) { Ok(self.0) } else { Err(lacks(scope)) }
    }
}

/// Whether the caller may do this for this message type.
pub(crate) fn allow(caller: &Caller, scope: &str, kind: &TypeName) -> Result<(), Problem> {
    if caller.may_for(scope, kind) {
        Ok(())
    } else {
        Err(Problem::forbidden(format!("the API key lacks the scope {scope} for this message type")))
    }
}

fn lacks(scope: &str) -> Problem {
    Problem::forbidden(format!("the API key lacks the scope {scope}"))
}

/// The caller of a route that may work without a key: `None` when no key was sent. A key that is sent must
/// be a good one.
pub(crate) struct MaybeKey(pub(crate) Option<Key>);

impl FromRequestParts<Api> for MaybeKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        if parts.headers.contains_key(AUTHORIZATION) {
            Key::from_request_parts(parts, api).await.map(|key| Self(Some(key)))
        } else {
            Ok(Self(None))
        }
    }
}

impl FromRequestParts<Api> for Key {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let key = header
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, key)| key.trim())
            .ok_or_else(|| Problem::unauthorized("send the API key as `Authorization: Bearer tdg_…`"))?;
        let client = parts.extensions.get::<Client>().copied();
        let now = api.host.now();
        if client.is_some_and(|client| !api.strangers.may_try(&client, now)) {
            return Err(Problem::too_many(
                "too many requests with keys that are not valid came from this address",
            ));
        }
        let caller = match api.host.caller(key).await {
            Err(KeyRefused::Invalid) => {
                if let Some(client) = client {
                    api.strangers.count(client, now);
                }
                return Err(KeyRefused::Invalid.into());
            }
            other => other?,
        };
        if let Some(actor) = parts.extensions.get::<Actor>() {
            actor.is_key(caller.key);
        }
        let allowance = api.host.take_allowance(&caller);
        if let Some(Told(slot)) = parts.extensions.get::<Told>() {
            let _ = slot.set(allowance);
        }
        match allowance.remaining {
            Some(_) => Ok(Self(caller)),
            None => Err(Problem::too_many("the API key has made too many requests")),
        }
    }
}

/// Where the extractor leaves what the answer must tell.
#[derive(Clone, Default)]
struct Told(Arc<OnceLock<Allowance>>);

/// Tells in every answer to a key what is left to it: the `RateLimit` fields of the IETF's
/// draft-ietf-httpapi-ratelimit-headers.
pub(super) async fn tell_allowance(mut request: Request, next: Next) -> Response {
    let told = Told::default();
    request.extensions_mut().insert(told.clone());
    let mut response = next.run(request).await;
    if let Some(Allowance { quota, window, remaining, reset }) = told.0.get() {
        let left = remaining.unwrap_or(0);
        let fields = [
            ("ratelimit-policy", format!("\"key\";q={quota};w={window}")),
            ("ratelimit", format!("\"key\";r={left};t={reset}")),
        ];
        for (name, value) in fields {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(name, value);
            }
        }
        if remaining.is_none() {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(*reset));
        }
    }
    response
}
