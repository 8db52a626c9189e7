//! Events: facts that other systems post.

use super::Api;
use super::auth::Key;
use super::body::{Id, Json, idempotency_key};
use super::event_view::EventView;
use super::problem::Problem;
use crate::domain::event::Subject;
use crate::domain::id::EventId;
use crate::domain::recipient::Role;
use crate::service::{PostedEvent, PostedPerson};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;

/// A fact about a version of a subject.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "type": "appointment.booked",
    "subject": {"type": "appointment", "id": "9", "version": 1},
    "occurred_at": "2026-11-22T15:00:00Z",
    "people": [{"id": "ana", "role": "patient", "phone": "+12025550143", "language": "es"}],
    "data": {"starts_at": "2026-12-01T14:30:00-05:00", "location": "Room 4"}
}))]
pub(super) struct NewEvent {
    /// `appointment.booked`, `payment.pending` ...; a type that the host does not know is taken when a
    /// loaded policy plans it.
    #[serde(rename = "type")]
    event_type: String,
    /// The other system's id of the event; works like an `Idempotency-Key`.
    id: Option<String>,
    subject: NewSubject,
    /// When it happened; now, when left out.
    occurred_at: Option<DateTime<Utc>>,
    /// Whom it concerns; the people of the subject's version before, when left out.
    #[serde(default)]
    people: Vec<NewPerson>,
    /// What it says. What is left out is as the subject's version before said.
    #[serde(default)]
    #[schema(value_type = Object)]
    data: serde_json::Map<String, serde_json::Value>,
}

/// What an event is about.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSubject {
    #[serde(rename = "type")]
    #[schema(example = "appointment")]
    subject_type: String,
    #[schema(example = "9")]
    id: String,
    /// Counts up with every change; an older one is acknowledged as stale.
    #[schema(example = 1)]
    version: i64,
}

/// A person. What is said is taken in, what is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPerson {
    /// The clinic's own id.
    #[schema(example = "ana")]
    id: Option<String>,
    #[schema(value_type = Option<String>, example = "patient")]
    role: Option<Role>,
    /// International, or national with `region` (or the clinic's country).
    #[schema(example = "+12025550143")]
    phone: Option<String>,
    /// ISO 3166 alpha-2, for a national `phone`.
    #[schema(example = "US")]
    region: Option<String>,
    /// For greetings.
    name: Option<String>,
    /// BCP 47.
    #[schema(example = "es")]
    language: Option<String>,
    /// IANA.
    #[schema(example = "America/New_York")]
    time_zone: Option<String>,
}

impl From<NewPerson> for PostedPerson {
    fn from(person: NewPerson) -> Self {
        Self {
            id: person.id,
            role: person.role,
            phone: person.phone,
            region: person.region,
            name: person.name,
            language: person.language,
            time_zone: person.time_zone,
        }
    }
}

/// Post a fact
///
/// It is committed before the answer, and planned right after: the answer names the messages. The
/// same version of the same subject is one event, however often it is posted.
#[utoipa::path(post, path = "/api/v1/events", tag = "events", security(("api_key" = ["events:write"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Bound to the body; a repeated request gets the same answer")),
    request_body = NewEvent,
    responses(
        (status = 202, description = "Committed", body = EventView),
        (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 409, description = "The idempotency key belongs to another body", body = Problem),
        (status = 415, body = Problem),
        (status = 422, description = "Fields are wrong", body = Problem)))]
pub(super) async fn post(
    State(api): State<Api>,
    key: Key,
    headers: HeaderMap,
    body: Json<NewEvent>,
) -> Result<(StatusCode, axum::Json<EventView>), Problem> {
    let caller = key.with("events:write")?;
    let idempotency = idempotency_key(&headers)?;
    let new = body.value;
    let posted = PostedEvent {
        event_type: new.event_type,
        id: new.id,
        subject: Subject {
            subject_type: new.subject.subject_type,
            id: new.subject.id,
            version: new.subject.version,
        },
        occurred_at: new.occurred_at,
        people: new.people.into_iter().map(Into::into).collect(),
        data: new.data,
    };
    let posted = Box::pin(api.post_event(&caller, idempotency.as_deref(), &body.bytes, posted)).await?;
    let (story, repeated) = posted;
    let story = story.ok_or_else(|| Problem::not_found("the event is gone"))?;
    Ok((StatusCode::ACCEPTED, axum::Json(EventView::new(story, repeated, &api.settings.currency))))
}

/// An event and what followed from it
#[utoipa::path(get, path = "/api/v1/events/{id}", tag = "events", security(("api_key" = ["events:read"])),
    params(("id" = uuid::Uuid, Path, description = "Our id of the event")),
    responses((status = 200, body = EventView), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem)))]
pub(super) async fn get(
    State(api): State<Api>,
    key: Key,
    Id(id): Id,
) -> Result<axum::Json<EventView>, Problem> {
    let caller = key.with("events:read")?;
    let unknown = || Problem::not_found("there is no event of this id");
    let id: EventId = id.parse().map_err(|_| unknown())?;
    let story = api.event_story(id, caller.test).await?.ok_or_else(unknown)?;
    Ok(axum::Json(EventView::new(story, false, &api.settings.currency)))
}
