//! Webhook endpoints: where the clinic's own systems are told what happens.

use super::Api;
use super::auth::Key;
use super::body::{Id, Json};
use super::problem::Problem;
use crate::domain::id::EndpointId;
use crate::service::{EndpointError, EndpointStory, NewEndpoint};
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Where to call, and for what.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"url": "https://emr.clinic.example/hooks/tidings", "events": ["message.*", "reply.received"]}))]
pub(super) struct EndpointBody {
    /// https; plain http is for networks that `webhooks.allow_networks` names.
    url: String,
    /// For people.
    description: Option<String>,
    /// `message.delivered`, groups such as `message.*`, or `*`; all events, when left out.
    events: Option<Vec<String>>,
}

/// An address and how it fares.
#[derive(Serialize, ToSchema)]
pub(super) struct EndpointView {
    id: Uuid,
    url: String,
    description: String,
    /// What it wants to hear.
    #[schema(example = json!(["message.*", "reply.received"]))]
    events: Vec<String>,
    /// `on`, `failing` or `off`.
    #[schema(example = "on")]
    state: &'static str,
    /// Since when no call has come through.
    failing_since: Option<DateTime<Utc>>,
    /// When it was switched off, because nothing came through for a day.
    off_at: Option<DateTime<Utc>>,
    off_reason: Option<String>,
    /// What the newest call that failed met.
    last_error: Option<String>,
    /// Events that wait for it.
    waiting: u64,
    /// Events that were given up after a day.
    given_up: u64,
    /// Until then calls are signed with the secret before, too.
    previous_secret_until: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    /// Made with a test key: it hears of what test keys do, and of nothing else.
    test: bool,
}

/// An address with its secret, which is seen here and never again.
#[derive(Serialize, ToSchema)]
pub(super) struct EndpointWithSecret {
    /// As the libraries of Standard Webhooks take it.
    #[schema(example = "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=")]
    secret: String,
    #[serde(flatten)]
    endpoint: EndpointView,
}

/// All addresses.
#[derive(Serialize, ToSchema)]
pub(super) struct EndpointList {
    items: Vec<EndpointView>,
    next_cursor: Option<String>,
}

/// How long both secrets sign.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RotateBody {
    /// 0 to 168; 24, when left out.
    #[schema(example = 24)]
    overlap_hours: Option<u32>,
}

/// What to tell again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplayBody {
    /// Events that happened at or after.
    #[schema(example = "2026-11-24T15:00:00Z")]
    since: DateTime<Utc>,
    /// And before; now, when left out.
    until: Option<DateTime<Utc>>,
}

/// How much is told again.
#[derive(Serialize, ToSchema)]
pub(super) struct Replayed {
    /// Events; each keeps its `webhook-id`, so that what was taken already can be passed over.
    #[schema(example = 12)]
    events: u64,
}

impl From<EndpointStory> for EndpointView {
    fn from(EndpointStory { endpoint, figures }: EndpointStory) -> Self {
        let state = match (&endpoint.off, endpoint.failing_since) {
            (Some(_), _) => "off",
            (None, Some(_)) => "failing",
            (None, None) => "on",
        };
        let (off_at, off_reason) = endpoint.off.unzip();
        Self {
            id: endpoint.id.0,
            url: endpoint.url,
            description: endpoint.description,
            events: endpoint.events,
            state,
            failing_since: endpoint.failing_since,
            off_at,
            off_reason,
            last_error: figures.last_error,
            waiting: figures.waiting,
            given_up: figures.given_up,
            previous_secret_until: endpoint.previous.map(|(_, until)| until),
            created_at: endpoint.created_at,
            test: endpoint.test,
        }
    }
}

impl From<EndpointError> for Problem {
    fn from(error: EndpointError) -> Self {
        match error {
            EndpointError::Fields(errors) => Self::fields(errors.into_iter().map(Into::into).collect()),
            EndpointError::Unknown => Self::not_found(error.to_string()),
            EndpointError::Host(error) => error.into(),
        }
    }
}

fn read_id(id: &str) -> Result<EndpointId, Problem> {
    id.parse().map_err(|_| Problem::not_found("there is no webhook endpoint of this id"))
}

/// Be told what happens
///
/// Calls are signed as Standard Webhooks has it (`webhook-id`, `webhook-timestamp`, `webhook-signature`); take
/// one of its libraries. Answer with any 2xx within 15 seconds. An event is called out for a day, at
/// least once: pass over an id that you have seen, and of two events about the same subject believe the
/// one with the higher `sequence`.
#[utoipa::path(post, path = "/api/v1/webhook-endpoints", tag = "webhooks", security(("api_key" = ["webhooks:write"])),
    request_body = EndpointBody,
    responses((status = 201, body = EndpointWithSecret), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 422, body = Problem)))]
pub(super) async fn post(
    State(api): State<Api>,
    key: Key,
    body: Json<EndpointBody>,
) -> Result<(StatusCode, axum::Json<EndpointWithSecret>), Problem> {
    let caller = key.with("webhooks:write")?;
    let EndpointBody { url, description, events } = body.value;
    let (story, secret) = api.add_webhook_endpoint(NewEndpoint { url, description, events }, &caller).await?;
    let view = EndpointWithSecret { secret: secret.expose().to_owned(), endpoint: story.into() };
    Ok((StatusCode::CREATED, axum::Json(view)))
}

/// All webhook endpoints
#[utoipa::path(get, path = "/api/v1/webhook-endpoints", tag = "webhooks", security(("api_key" = ["webhooks:read"])),
    responses((status = 200, body = EndpointList), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub(super) async fn list(State(api): State<Api>, key: Key) -> Result<axum::Json<EndpointList>, Problem> {
    let caller = key.with("webhooks:read")?;
    let items = api.webhook_endpoints(caller.test).await?.into_iter().map(Into::into).collect();
    Ok(axum::Json(EndpointList { items, next_cursor: None }))
}

/// One webhook endpoint, and how it fares
#[utoipa::path(get, path = "/api/v1/webhook-endpoints/{id}", tag = "webhooks", security(("api_key" = ["webhooks:read"])),
    params(("id" = Uuid, Path, description = "The endpoint")),
    responses((status = 200, body = EndpointView), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem)))]
pub(super) async fn get(
    State(api): State<Api>,
    key: Key,
    Id(id): Id,
) -> Result<axum::Json<EndpointView>, Problem> {
    let caller = key.with("webhooks:read")?;
    Ok(axum::Json(api.webhook_endpoint(read_id(&id)?, caller.test).await?.into()))
}

/// Be told no more
#[utoipa::path(delete, path = "/api/v1/webhook-endpoints/{id}", tag = "webhooks", security(("api_key" = ["webhooks:write"])),
    params(("id" = Uuid, Path, description = "The endpoint")),
    responses((status = 204), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn delete(State(api): State<Api>, key: Key, Id(id): Id) -> Result<StatusCode, Problem> {
    let caller = key.with("webhooks:write")?;
    api.remove_webhook_endpoint(read_id(&id)?, caller.test).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A new secret
///
/// For a while calls carry two signatures, with the new secret and with the one before, so that the other
/// side can change over when it likes.
#[utoipa::path(post, path = "/api/v1/webhook-endpoints/{id}/rotate", tag = "webhooks", security(("api_key" = ["webhooks:write"])),
    params(("id" = Uuid, Path, description = "The endpoint")), request_body = RotateBody,
    responses((status = 200, body = EndpointWithSecret), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn rotate(
    State(api): State<Api>,
    key: Key,
    Id(id): Id,
    body: Json<RotateBody>,
) -> Result<axum::Json<EndpointWithSecret>, Problem> {
    let caller = key.with("webhooks:write")?;
    let hours = body.value.overlap_hours.unwrap_or(24);
    if hours > 168 {
        return Err(Problem::field("/overlap_hours", "is not 0 to 168"));
    }
    let overlap = TimeDelta::hours(i64::from(hours));
    let (story, secret) = api.rotate_webhook_secret(read_id(&id)?, caller.test, overlap).await?;
    Ok(axum::Json(EndpointWithSecret { secret: secret.expose().to_owned(), endpoint: story.into() }))
}

/// Be told again
///
/// Events of the last 30 days (`webhooks.keep`), those from before the endpoint was made included, as long
/// as some endpoint was there to listen.
#[utoipa::path(post, path = "/api/v1/webhook-endpoints/{id}/replay", tag = "webhooks", security(("api_key" = ["webhooks:write"])),
    params(("id" = Uuid, Path, description = "The endpoint")), request_body = ReplayBody,
    responses((status = 202, body = Replayed), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn replay(
    State(api): State<Api>,
    key: Key,
    Id(id): Id,
    body: Json<ReplayBody>,
) -> Result<(StatusCode, axum::Json<Replayed>), Problem> {
    let caller = key.with("webhooks:write")?;
    let ReplayBody { since, until } = body.value;
    let events = api.replay_webhooks(read_id(&id)?, caller.test, since, until).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(Replayed { events })))
}

/// Switch an endpoint on again
///
/// What waited for it when it was switched off, or was given up, is called out; what happened since is
/// for `replay`.
#[utoipa::path(post, path = "/api/v1/webhook-endpoints/{id}/enable", tag = "webhooks", security(("api_key" = ["webhooks:write"])),
    params(("id" = Uuid, Path, description = "The endpoint")),
    responses((status = 200, body = EndpointView), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem)))]
pub(super) async fn enable(
    State(api): State<Api>,
    key: Key,
    Id(id): Id,
) -> Result<axum::Json<EndpointView>, Problem> {
    let caller = key.with("webhooks:write")?;
    Ok(axum::Json(api.switch_webhook_on(read_id(&id)?, caller.test).await?.into()))
}
