//! Messages: post one, find them, read the whole story of one, take one back.

use super::Api;
use super::auth::{Key, allow};
use super::body::{Id, Json, idempotency_key};
use super::cursor;
use super::events::NewPerson;
use super::problem::Problem;
use super::views::{MessageView, StoryView};
use crate::domain::id::MessageId;
use crate::domain::kind::TypeName;
use crate::domain::message::STATUSES;
use crate::domain::phone::PhoneNumber;
use crate::service::PostedMessage;
use crate::store::MessageFilter;
use axum::extract::{Query, State, rejection::QueryRejection};
use axum::http::{HeaderMap, StatusCode};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// One text, now or later.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "type": "prescription-ready",
    "to": {"id": "ana", "phone": "+12025550143", "language": "es"},
    "variables": {"pharmacy": "Main Street"}
}))]
pub(super) struct NewMessage {
    /// A message type of this host.
    #[serde(rename = "type")]
    pub(super) kind: String,
    to: NewPerson,
    /// As the type's template declares them; what follows from the person and the clinic is filled in.
    #[serde(default)]
    #[schema(value_type = Object)]
    variables: serde_json::Map<String, serde_json::Value>,
    /// In this language instead of the person's.
    language: Option<String>,
    /// Not before this moment; at once, when left out.
    send_at: Option<DateTime<Utc>>,
    /// Not after this moment; as the type says, when left out.
    expires_at: Option<DateTime<Utc>>,
}

impl From<NewMessage> for PostedMessage {
    fn from(new: NewMessage) -> Self {
        Self {
            kind: new.kind,
            to: new.to.into(),
            variables: new.variables,
            language: new.language,
            send_at: new.send_at,
            expires_at: new.expires_at,
        }
    }
}

/// Reads one text as `POST /api/v1/messages` takes it.
///
/// # Errors
///
/// It is not one; the text says where and what was expected.
pub fn read_message(json: &str) -> Result<PostedMessage, String> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let new: NewMessage = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let (path, error) = (error.path().to_string(), error.inner());
        if path == "." { error.to_string() } else { format!("{path}: {error}") }
    })?;
    deserializer.end().map_err(|error| error.to_string())?;
    Ok(new.into())
}

/// A page of messages.
#[derive(Serialize, ToSchema)]
pub(super) struct MessageList {
    /// The newest first.
    items: Vec<MessageView>,
    /// Give it as `cursor` for the next page; `null` on the last.
    next_cursor: Option<String>,
}

/// Post one text
///
/// It goes the way of every message: judged by the policy of its type at the moment of sending,
/// rendered in the person's language, sent, followed. A text of a type for one-time codes is held back by
/// `[otp.limits]` and `otp.countries`, as the codes of `POST /api/v1/otp` are.
#[utoipa::path(post, path = "/api/v1/messages", tag = "messages", security(("api_key" = ["messages:write"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Bound to the body; a repeated request gets the same answer")),
    request_body = NewMessage,
    responses((status = 202, description = "Committed", body = MessageView), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 409, body = Problem), (status = 415, body = Problem),
        (status = 422, description = "Fields are wrong", body = Problem),
        (status = 429, description = "It is a code and a brake holds; see `Retry-After`", body = Problem),
        (status = 503, description = "It is a code and nothing can be counted", body = Problem)))]
pub(super) async fn post(
    State(api): State<Api>,
    key: Key,
    headers: HeaderMap,
    body: Json<NewMessage>,
) -> Result<(StatusCode, axum::Json<MessageView>), Problem> {
    let caller = key.with_some("messages:write")?;
    let idempotency = idempotency_key(&headers)?;
    let new = body.value;
    allow(&caller, "messages:write", &TypeName(new.kind.clone()))?;
    let accepted = api.accept_message(&caller, idempotency.as_deref(), &body.bytes, new.into()).await?;
    let message = api.message(accepted.id).await?;
    let message = message.ok_or_else(|| Problem::not_found("there is no message of this id"))?;
    Ok((StatusCode::ACCEPTED, axum::Json(MessageView::new(&message, &api.settings.currency, None))))
}

/// What to look for; what is left out does not matter.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Search {
    /// The clinic's id of the person.
    recipient: Option<String>,
    /// The number it went to.
    phone: Option<String>,
    /// The message type.
    #[serde(rename = "type")]
    #[param(rename = "type")]
    kind: Option<String>,
    /// The host's own word, such as `delivered` or `held`.
    state: Option<String>,
    /// The word that other systems use, such as `DELIVERED` or `PENDING`.
    status: Option<String>,
    /// Twilio's code of what went wrong, such as `30007`.
    error: Option<i64>,
    /// Planned at or after.
    since: Option<DateTime<Utc>>,
    /// Planned before.
    until: Option<DateTime<Utc>>,
    /// From the page before.
    cursor: Option<String>,
    /// 1 to 200; 50, when left out.
    limit: Option<u32>,
}

/// Find messages
#[utoipa::path(get, path = "/api/v1/messages", tag = "messages", security(("api_key" = ["messages:read"])),
    params(Search),
    responses((status = 200, body = MessageList), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 422, body = Problem)))]
pub(super) async fn list(
    State(api): State<Api>,
    key: Key,
    search: Result<Query<Search>, QueryRejection>,
) -> Result<axum::Json<MessageList>, Problem> {
    let caller = key.with_some("messages:read")?;
    let Query(search) = search.map_err(|rejection| Problem::field("query", rejection.body_text()))?;
    for (name, value) in [("recipient", &search.recipient), ("type", &search.kind)] {
        if value.as_ref().is_some_and(|value| value.chars().any(char::is_control)) {
            return Err(Problem::field(name, "holds what no text holds"));
        }
    }
    if !caller.may("messages:read") {
        let narrowed = "the API key reads some message types only; name one of them as `type`";
        let kind = search.kind.clone().ok_or_else(|| Problem::forbidden(narrowed))?;
        allow(&caller, "messages:read", &TypeName(kind))?;
    }
    let limit = search.limit.unwrap_or(50);
    if !(1..=200).contains(&limit) {
        return Err(Problem::field("limit", "is not 1 to 200"));
    }
    let phone = search
        .phone
        .as_deref()
        .map(|phone| PhoneNumber::parse(phone, api.settings.clinic.region.as_deref()))
        .transpose()
        .map_err(|error| Problem::field("phone", error.to_string()))?;
    let filter = MessageFilter {
        test: caller.test,
        recipient: search.recipient,
        phone,
        kind: search.kind,
        states: states(search.state.as_deref(), search.status.as_deref())?,
        error: search.error,
        since: search.since,
        until: search.until,
        after: search.cursor.as_deref().map(cursor::read).transpose()?,
        limit,
    };
    let page = api.find_messages(&filter).await?;
    let next_cursor =
        page.messages.last().filter(|_| page.more).map(|last| cursor::after(last.created_at, last.id.0));
    let currency = &api.settings.currency;
    let items = page.messages.iter().map(|message| MessageView::new(message, currency, None)).collect();
    Ok(axum::Json(MessageList { items, next_cursor }))
}

/// The states that both words allow.
fn states(state: Option<&str>, status: Option<&str>) -> Result<Vec<&'static str>, Problem> {
    let unknown = |field: &str, words: Vec<&str>| {
        let mut words = words;
        words.dedup();
        Problem::field(field, format!("is none of {}", words.join(", ")))
    };
    if state.is_some_and(|state| STATUSES.iter().all(|(known, _)| *known != state)) {
        return Err(unknown("state", STATUSES.iter().map(|(state, _)| *state).collect()));
    }
    if status.is_some_and(|status| STATUSES.iter().all(|(_, known)| *known != status)) {
        return Err(unknown("status", STATUSES.iter().map(|(_, status)| *status).collect()));
    }
    if state.is_none() && status.is_none() {
        return Ok(Vec::new());
    }
    let both = STATUSES
        .iter()
        .filter(|(known, _)| state.is_none_or(|state| *known == state))
        .filter(|(_, known)| status.is_none_or(|status| *known == status))
        .map(|(known, _)| *known);
    let both: Vec<&str> = both.collect();
    if both.is_empty() { Err(Problem::field("state", "and `status` exclude each other")) } else { Ok(both) }
}

/// The whole story of a message
///
/// The event, every decision with its reasons and the policy's name, version and hash, the text with
/// its language, segments and cost, the calls, what Twilio told, and every transition.
#[utoipa::path(get, path = "/api/v1/messages/{id}", tag = "messages", security(("api_key" = ["messages:read"])),
    params(("id" = uuid::Uuid, Path, description = "The message")),
    responses((status = 200, body = StoryView), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem)))]
pub(super) async fn get(
    State(api): State<Api>,
    key: Key,
    Id(id): Id,
) -> Result<axum::Json<StoryView>, Problem> {
    let caller = key.with_some("messages:read")?;
    let story = story(&api, read_id(&id)?, caller.test).await?;
    allow(&caller, "messages:read", &story.message.kind)?;
    Ok(axum::Json(StoryView::new(story, &api.settings.currency)))
}

/// Take a message back
///
/// Possible until it is given to Twilio.
#[utoipa::path(post, path = "/api/v1/messages/{id}/cancel", tag = "messages", security(("api_key" = ["messages:write"])),
    params(("id" = uuid::Uuid, Path, description = "The message")),
    responses((status = 200, body = MessageView), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 409, description = "It may have been sent", body = Problem)))]
pub(super) async fn cancel(
    State(api): State<Api>,
    key: Key,
    Id(id): Id,
) -> Result<axum::Json<MessageView>, Problem> {
    let (caller, id) = (key.with_some("messages:write")?, read_id(&id)?);
    let kind = api.type_of_message(id, caller.test).await?;
    allow(&caller, "messages:write", &kind.ok_or_else(unknown)?)?;
    let message = api.cancel(id, caller.test).await?;
    Ok(axum::Json(MessageView::new(&message, &api.settings.currency, None)))
}

/// Release a held message
///
/// A person has looked: it is judged again at once.
#[utoipa::path(post, path = "/api/v1/messages/{id}/retry", tag = "messages", security(("api_key" = ["messages:write"])),
    params(("id" = uuid::Uuid, Path, description = "The message")),
    responses((status = 200, body = MessageView), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 409, description = "It is not held", body = Problem)))]
pub(super) async fn retry(
    State(api): State<Api>,
    key: Key,
    Id(id): Id,
) -> Result<axum::Json<MessageView>, Problem> {
    let (caller, id) = (key.with_some("messages:write")?, read_id(&id)?);
    let kind = api.type_of_message(id, caller.test).await?;
    allow(&caller, "messages:write", &kind.ok_or_else(unknown)?)?;
    let message = api.release(id, caller.test).await?;
    Ok(axum::Json(MessageView::new(&message, &api.settings.currency, None)))
}

fn unknown() -> Problem {
    Problem::not_found("there is no message of this id")
}

fn read_id(id: &str) -> Result<MessageId, Problem> {
    id.parse().map_err(|_| unknown())
}

async fn story(api: &Api, id: MessageId, test: bool) -> Result<crate::service::Story, Problem> {
    api.story(id, test).await?.ok_or_else(unknown)
}
