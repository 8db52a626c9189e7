//! Whether the host is alive, and whether it can work.

use super::{Api, policies};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// What the host can work with.
#[derive(Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// Whether all of it is well.
    ready: bool,
    /// `sqlite` or `postgres`, or what is wrong with it.
    database: String,
    /// The loaded policies: name, version and the start of the file's SHA-256.
    policies: Vec<String>,
    /// Policies that are not at work as they lie in the folder, with the reason; the last good version
    /// decides, where there is one.
    refused: Vec<String>,
    /// The languages there are texts in.
    locales: Vec<String>,
    /// Locales, and `templates`, that run on their last good version because of a fault.
    kept: Vec<String>,
    /// The faults of templates and locales: `file:line:column`, a sentence, the line and a caret.
    faults: Vec<String>,
    /// Whether there is somebody to send through.
    provider: bool,
    /// Webhook endpoints that are switched off because nothing came through: the id and why.
    webhooks_off: Vec<String>,
    /// Budgets that are used up: their texts are held.
    fuses_blown: Vec<String>,
    /// Accounts that the provider refuses as a whole: since when, why, and when it is tried again. Their texts
    /// wait.
    sending_stopped: Vec<String>,
    /// Whether the clock has leapt and may be wrong: only urgent texts go out.
    clock_in_doubt: bool,
}

/// The process is alive.
#[utoipa::path(get, path = "/healthz", tag = "operations", responses((status = 200, body = String)))]
pub(crate) async fn healthz() -> &'static str {
    "alive"
}

/// The host can work: database, policies, languages, provider.
#[utoipa::path(get, path = "/readyz", tag = "operations",
    responses((status = 200, body = Readiness), (status = 503, body = Readiness)))]
pub(crate) async fn readyz(State(api): State<Api>) -> (StatusCode, Json<Readiness>) {
    let database = match api.store.read().await {
        Ok(_) => Ok(api.store.engine().to_owned()),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "the database does not answer");
            Err("does not answer; see the log".to_owned())
        }
    };
    let catalogue = api.renderer.snapshot();
    let ready = database.is_ok();
    let readiness = Readiness {
        ready,
        database: database.unwrap_or_else(|problem| problem),
        policies: api
            .policies
            .all()
            .iter()
            .map(|p| {
                let hash: String = p.hash.chars().take(12).collect();
                format!("{} {} {hash}", p.description.name, p.description.version)
            })
            .collect(),
        refused: api.policies.statuses().iter().filter_map(policies::not_at_work).collect(),
        locales: catalogue.locales().map(str::to_owned).collect(),
        kept: catalogue.kept().map(str::to_owned).collect(),
        faults: api.renderer.faults().iter().map(ToString::to_string).collect(),
        provider: api.providers.live.is_some() || api.providers.test.is_some(),
        webhooks_off: api.webhooks_off().await,
        fuses_blown: api.fuses_blown().await,
        sending_stopped: api.sending_stopped(),
        clock_in_doubt: api.doubts_clock(),
    };
    (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(readiness))
}
