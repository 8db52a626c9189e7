//! `/metrics` for Prometheus, and the measuring of requests.

use super::Api;
use crate::measure;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument as _;

/// The figures of this host, in Prometheus' text format
///
/// Names and codes, no person's data. Keep it from the world at your proxy.
#[utoipa::path(get, path = "/metrics", tag = "operations",
    responses((status = 200, body = String, content_type = "text/plain"),
        (status = 404, description = "This process keeps no figures", body = super::problem::Problem)))]
pub(super) async fn metrics(State(api): State<Api>) -> Response {
    let Some(figures) = &api.figures else {
        return super::problem::Problem::not_found("this process keeps no figures").into_response();
    };
    match api.standing().await {
        Ok(standing) => measure::stands(&standing),
        // The counters are worth having also while the database is away.
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "how things stand cannot be read");
        }
    }
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (StatusCode::OK, kind, figures.text()).into_response()
}

pub(super) async fn time(request: Request, next: Next) -> Response {
    let began = tokio::time::Instant::now();
    let method = request.method().as_str().to_owned();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let span = tracing::info_span!(target: measure::SPANS, "request", method, route);
    let response = next.run(request).instrument(span).await;
    if let Some(route) = route {
        measure::answered(&route, &method, response.status().as_u16(), began.elapsed());
    }
    response
}
