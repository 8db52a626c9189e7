//! Recipients: who they are and what they want.

use super::Api;
use super::auth::Key;
use super::body::{Id, Json};
use super::problem::Problem;
use crate::domain::policy::Discretion;
use crate::domain::recipient::{Recipient, Role};
use crate::domain::window::Window;
use crate::service::{PostedPerson, PostedPreferences, PostedRecipient};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What is left out stays as it is; `null` would promise to remove it, and is refused.
fn said<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A person; what is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "phone": "+12025550143", "language": "es", "time_zone": "America/New_York",
    "preferences": {"types": {"payment-reminder": false}, "windows": {"mon-fri": ["09:00-12:00"]}}
}))]
pub(super) struct RecipientBody {
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<String>, example = "patient")]
    role: Option<Role>,
    /// International, or national with `region` (or the clinic's country).
    #[serde(default, deserialize_with = "said")]
    phone: Option<String>,
    #[serde(default, deserialize_with = "said")]
    region: Option<String>,
    #[serde(default, deserialize_with = "said")]
    name: Option<String>,
    #[serde(default, deserialize_with = "said")]
    language: Option<String>,
    #[serde(default, deserialize_with = "said")]
    time_zone: Option<String>,
    preferences: Option<PreferencesBody>,
}

/// What a person wants; what is left out stays as it is.
#[derive(Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PreferencesBody {
    /// Message types, on or off.
    #[serde(default)]
    types: BTreeMap<String, bool>,
    /// `{"mon-fri": ["09:00-12:00", "17:00-20:00"]}`; replaces the windows there were.
    windows: Option<BTreeMap<String, Vec<String>>>,
    /// `discreet`, `standard` or `detailed`.
    #[schema(value_type = Option<String>, example = "discreet")]
    discretion: Option<Discretion>,
}

/// A person as they are known.
#[derive(Serialize, ToSchema)]
pub(super) struct RecipientView {
    id: String,
    #[schema(example = "patient")]
    role: &'static str,
    /// Masked.
    #[schema(example = "+1•••••••143")]
    phone: Option<String>,
    #[schema(example = "US")]
    phone_country: Option<String>,
    /// `mobile`, `mobile-or-fixed` or `other`, as far as the number's plan tells.
    phone_line: Option<&'static str>,
    name: Option<String>,
    /// The clinic's, when `null`.
    language: Option<String>,
    /// The clinic's, when `null`.
    time_zone: Option<&'static str>,
    preferences: PreferencesView,
    /// The phone has said stop.
    opted_out: bool,
    /// Also in the `ETag`; give it as `If-Match` to guard a change.
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// What a person wants.
#[derive(Serialize, ToSchema)]
pub(super) struct PreferencesView {
    /// All message types, on or off.
    types: BTreeMap<String, bool>,
    /// Weekday to stretches.
    windows: BTreeMap<&'static str, Vec<String>>,
    #[schema(value_type = String, example = "standard")]
    discretion: Discretion,
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl PreferencesView {
    fn new(api: &Api, recipient: &Recipient) -> Self {
        let wanted = &recipient.preferences;
        let mut windows: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
        for Window { weekday, from_minute: from, to_minute: to } in &wanted.windows {
            let day = DAYS[usize::from(weekday.saturating_sub(1)) % DAYS.len()];
            let stretch = format!("{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60);
            windows.entry(day).or_default().push(stretch);
        }
        Self {
            types: api
                .kind_names()
                .into_iter()
                .map(|name| (name.clone(), !wanted.switched_off.contains(&name)))
                .collect(),
            windows,
            discretion: wanted.discretion,
        }
    }
}

fn view(api: &Api, recipient: &Recipient, opted_out: bool) -> Response {
    let view = RecipientView {
        id: recipient.id.clone(),
        role: recipient.role.name(),
        phone: recipient.phone.as_ref().map(ToString::to_string),
        phone_country: recipient.phone.as_ref().and_then(|phone| phone.country()).map(str::to_owned),
        phone_line: recipient.phone.as_ref().map(|phone| phone.line().name()),
        name: recipient.name.clone(),
        language: recipient.language.clone(),
        time_zone: recipient.time_zone.map(chrono_tz::Tz::name),
        preferences: PreferencesView::new(api, recipient),
        opted_out,
        version: recipient.version,
        created_at: recipient.created_at,
        updated_at: recipient.updated_at,
    };
    let mut response = axum::Json(view).into_response();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", recipient.version)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

fn if_match(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let version = value.to_str().ok().and_then(|text| text.trim().trim_matches('"').parse().ok());
    version.map(Some).ok_or_else(|| Problem::field("If-Match", "is no version; give the `ETag` as it was"))
}

impl From<PreferencesBody> for PostedPreferences {
    fn from(body: PreferencesBody) -> Self {
        Self { types: body.types, windows: body.windows, discretion: body.discretion }
    }
}

impl From<RecipientBody> for PostedRecipient {
    fn from(body: RecipientBody) -> Self {
        Self {
            person: PostedPerson {
                id: None,
                role: body.role,
                phone: body.phone,
                region: body.region,
                name: body.name,
                language: body.language,
                time_zone: body.time_zone,
            },
            preferences: body.preferences.map(Into::into).unwrap_or_default(),
            preferences_at: "/preferences",
        }
    }
}

/// Write a person down, new or known
#[utoipa::path(put, path = "/api/v1/recipients/{id}", tag = "recipients", security(("api_key" = ["recipients:write"])),
    params(("id" = String, Path, description = "The clinic's own id"),
        ("If-Match" = Option<String>, Header, description = "Only when this is still the version")),
    request_body = RecipientBody,
    responses((status = 200, body = RecipientView), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, description = "Erased", body = Problem), (status = 412, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn put(
    State(api): State<Api>,
    key: Key,
    Id(id): Id,
    headers: HeaderMap,
    body: Json<RecipientBody>,
) -> Result<Response, Problem> {
    key.with("recipients:write")?;
    let (recipient, opted_out) = api.put_person(&id, body.value.into(), if_match(&headers)?, false).await?;
    Ok(view(&api, &recipient, opted_out))
}

/// A person as they are known
#[utoipa::path(get, path = "/api/v1/recipients/{id}", tag = "recipients", security(("api_key" = ["recipients:read"])),
    params(("id" = String, Path, description = "The clinic's own id")),
    responses((status = 200, body = RecipientView), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem)))]
pub(super) async fn get(State(api): State<Api>, key: Key, Id(id): Id) -> Result<Response, Problem> {
    key.with("recipients:read")?;
    let (recipient, opted_out) = api.person_by_id(&id).await?;
    Ok(view(&api, &recipient, opted_out))
}

/// Change a known person
#[utoipa::path(patch, path = "/api/v1/recipients/{id}", tag = "recipients", security(("api_key" = ["recipients:write"])),
    params(("id" = String, Path, description = "The clinic's own id"),
        ("If-Match" = Option<String>, Header, description = "Only when this is still the version")),
    request_body = RecipientBody,
    responses((status = 200, body = RecipientView), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 412, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn patch(
    State(api): State<Api>,
    key: Key,
    Id(id): Id,
    headers: HeaderMap,
    body: Json<RecipientBody>,
) -> Result<Response, Problem> {
    key.with("recipients:write")?;
    let (recipient, opted_out) = api.put_person(&id, body.value.into(), if_match(&headers)?, true).await?;
    Ok(view(&api, &recipient, opted_out))
}

/// Erase a person
///
/// Their key is destroyed, and with it texts, variables and numbers; what is queued ends; counts stay.
#[utoipa::path(delete, path = "/api/v1/recipients/{id}", tag = "recipients", security(("api_key" = ["recipients:write"])),
    params(("id" = String, Path, description = "The clinic's own id"),
        ("If-Match" = Option<String>, Header, description = "Only when this is still the version")),
    responses((status = 204), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 412, body = Problem)))]
pub(super) async fn delete(
    State(api): State<Api>,
    key: Key,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    key.with("recipients:write")?;
    api.erase_person(&id, if_match(&headers)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a person wants
#[utoipa::path(get, path = "/api/v1/recipients/{id}/preferences", tag = "recipients", security(("api_key" = ["recipients:read"])),
    params(("id" = String, Path, description = "The clinic's own id")),
    responses((status = 200, body = PreferencesView), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem)))]
pub(super) async fn get_preferences(
    State(api): State<Api>,
    key: Key,
    Id(id): Id,
) -> Result<axum::Json<PreferencesView>, Problem> {
    key.with("recipients:read")?;
    let (recipient, _) = api.person_by_id(&id).await?;
    Ok(axum::Json(PreferencesView::new(&api, &recipient)))
}

/// Change what a person wants
#[utoipa::path(patch, path = "/api/v1/recipients/{id}/preferences", tag = "recipients", security(("api_key" = ["recipients:write"])),
    params(("id" = String, Path, description = "The clinic's own id"),
        ("If-Match" = Option<String>, Header, description = "Only when this is still the version")),
    request_body = PreferencesBody,
    responses((status = 200, body = PreferencesView), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 412, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn patch_preferences(
    State(api): State<Api>,
    key: Key,
    Id(id): Id,
    headers: HeaderMap,
    body: Json<PreferencesBody>,
) -> Result<axum::Json<PreferencesView>, Problem> {
    key.with("recipients:write")?;
    let posted = PostedRecipient { preferences: body.value.into(), ..PostedRecipient::default() };
    let (recipient, _) = api.put_person(&id, posted, if_match(&headers)?, true).await?;
    Ok(axum::Json(PreferencesView::new(&api, &recipient)))
}
