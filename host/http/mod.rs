//! The HTTP API: words and status codes, one file per resource. Every answer that is no success is a
//! problem document (RFC 9457) that names what is wrong and what to do.

mod audit;
mod auth;
mod batch;
mod body;
mod consents;
mod cursor;
mod docs;
mod erasures;
mod event_view;
mod events;
mod figures;
mod guarded;
mod health;
mod links;
mod listen;
mod messages;
mod openapi;
mod otp;
mod otp_refusals;
mod own_preferences;
mod patient;
mod peer;
mod policies;
mod preview;
mod problem;
mod problem_types;
mod recipients;
mod replies;
mod sms;
mod unheard;
mod usage;
mod views;
mod webhook_endpoints;
mod webhooks;

pub use listen::{Door, serve};

pub use messages::read_message;

use crate::measure::Figures;
use crate::service::Host;
use crate::twilio::signature::Verifier;
use axum::http::StatusCode;
use axum::{Router, middleware};
use ipnet::IpNet;
use problem::Problem;
use std::sync::Arc;
use std::time::Duration;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What handlers work with.
#[derive(Clone)]
pub(crate) struct Api {
    host: Host,
    /// Checks the signatures of webhooks; `None` while no account is configured.
    verifier: Option<Arc<Verifier>>,
    /// The same for a sandbox that stands beside the account.
    test_verifier: Option<Arc<Verifier>>,
    /// Who sent keys and tokens that are not valid.
    strangers: Arc<peer::Tries<peer::Client>>,
    /// What people who signed in have asked for.
    signed_in: Arc<peer::Tries<String>>,
    openapi: Arc<str>,
    /// What is measured; `None` where nothing is.
    figures: Option<Figures>,
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
    /// The same for a sandbox that stands beside the account.
    pub test_verifier: Option<Verifier>,
    /// Largest body, in bytes.
    pub body_limit: usize,
    /// How long one request may take, its body included.
    pub request_timeout: Duration,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// What is measured; `None` where nothing is.
    pub figures: Option<Figures>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            verifier: None,
            test_verifier: None,
            body_limit: 1 << 20,
            request_timeout: Duration::from_secs(30),
            trusted_proxies: Vec::new(),
            figures: None,
        }
    }
}

/// The routes of the API, the webhooks, the documents and the health checks.
pub fn router(host: Host, settings: HttpSettings) -> Router {
    let (router, openapi) = OpenApiRouter::with_openapi(docs::ApiDoc::openapi())
        .routes(routes!(events::post))
        .routes(routes!(events::get))
        .routes(routes!(messages::post, messages::list))
        .routes(routes!(batch::post))
        .routes(routes!(messages::get))
        .routes(routes!(messages::cancel))
        .routes(routes!(messages::retry))
        .routes(routes!(preview::post))
        .routes(routes!(recipients::put, recipients::get, recipients::patch, recipients::delete))
        .routes(routes!(recipients::get_preferences, recipients::patch_preferences))
        .routes(routes!(consents::post, consents::list))
        .routes(routes!(consents::opt_outs, consents::import))
        .routes(routes!(otp::start))
        .routes(routes!(otp::check))
        .routes(routes!(otp::resend))
        .routes(routes!(otp_refusals::list))
        .routes(routes!(sms::send_otp))
        .routes(routes!(sms::verify_otp))
        .routes(routes!(own_preferences::patch))
        .routes(routes!(links::follow))
        .routes(routes!(usage::get))
        .routes(routes!(webhook_endpoints::post, webhook_endpoints::list))
        .routes(routes!(webhook_endpoints::get, webhook_endpoints::delete))
        .routes(routes!(webhook_endpoints::rotate))
        .routes(routes!(webhook_endpoints::replay))
        .routes(routes!(webhook_endpoints::enable))
        .routes(routes!(replies::list))
        .routes(routes!(webhooks::status))
        .routes(routes!(webhooks::status_by_older_name))
        .routes(routes!(webhooks::inbound))
        .routes(routes!(policies::list))
        .routes(routes!(policies::differences))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(figures::metrics))
        .split_for_parts();
    let openapi = openapi::complete(serde_json::to_value(openapi).unwrap_or_default());
    let openapi = serde_json::to_string_pretty(&openapi).unwrap_or_default();
    let is_https = host.settings.public_url.as_deref().is_some_and(|url| url.starts_with("https://"));
    let api = Api {
        host,
        verifier: settings.verifier.map(Arc::new),
        test_verifier: settings.test_verifier.map(Arc::new),
        strangers: Arc::default(),
        signed_in: Arc::default(),
        openapi: openapi.into(),
        figures: settings.figures,
    };
    let trusted: Arc<[IpNet]> = settings.trusted_proxies.into();
    let router = router
        .merge(docs::router())
        .fallback(|| async { Problem::not_found("there is nothing at this address; see /docs") })
        .method_not_allowed_fallback(|| async {
            Problem::plain(
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "this address does not take this method; see /docs",
            )
        })
        .layer(middleware::from_fn(figures::time))
        .layer(middleware::from_fn_with_state(api.clone(), audit::record))
        .with_state(api);
    guarded::guarded(router, settings.body_limit, settings.request_timeout, trusted, is_https)
}
