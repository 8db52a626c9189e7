//! The HTTP API: words and status codes, one file per resource. Every answer that is no success is a
//! problem document (RFC 9457) that names what is wrong and what to do.

mod auth;
mod body;
mod docs;
mod event_view;
mod events;
mod health;
mod messages;
mod problem;
mod recipients;
mod views;
mod webhooks;

use crate::service::Host;
use crate::twilio::signature::Verifier;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, StatusCode, header};
use axum::{Router, middleware};
use problem::Problem;
use std::sync::Arc;
use std::time::Duration;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest time for one request.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What handlers work with.
#[derive(Clone)]
pub(crate) struct Api {
    host: Host,
    /// Checks the signatures of webhooks; `None` while no account is configured.
    verifier: Option<Arc<Verifier>>,
    openapi: Arc<str>,
}

impl std::ops::Deref for Api {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.host
    }
}

/// What the server is told.
pub struct HttpSettings {
    /// Checks the signatures of webhooks; `None` while no account is configured.
    pub verifier: Option<Verifier>,
    /// Largest body, in bytes.
    pub body_limit: usize,
}

/// The routes of the API, the webhooks, the documents and the health checks.
pub fn router(host: Host, settings: HttpSettings) -> Router {
    let (router, openapi) = OpenApiRouter::with_openapi(docs::ApiDoc::openapi())
        .routes(routes!(events::post))
        .routes(routes!(events::get))
        .routes(routes!(messages::post, messages::list))
        .routes(routes!(messages::get))
        .routes(routes!(messages::cancel))
        .routes(routes!(messages::retry))
        .routes(routes!(recipients::put, recipients::get, recipients::patch, recipients::delete))
        .routes(routes!(recipients::get_preferences, recipients::patch_preferences))
        .routes(routes!(webhooks::status))
        .routes(routes!(webhooks::status_by_older_name))
        .routes(routes!(webhooks::inbound))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .split_for_parts();
    let openapi = openapi.to_pretty_json().unwrap_or_else(|_| "{}".to_owned());
    let api = Api { host, verifier: settings.verifier.map(Arc::new), openapi: openapi.into() };
    router
        .merge(docs::router())
        .fallback(|| async { Problem::not_found("there is nothing at this address; see /docs") })
        .method_not_allowed_fallback(|| async {
            Problem::plain(
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "this address does not take this method; see /docs",
            )
        })
        .with_state(api)
        .layer(DefaultBodyLimit::max(settings.body_limit))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, TIMEOUT))
        .layer(middleware::from_fn(problem::name_the_limits))
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::CACHE_CONTROL,
            HeaderValue::from_static("no-store"),
        ))
}
