//! Recipients: who they are and what they want.

use super::Api;
use super::auth::Key;
use super::body::{Id, Json};
use super::erasures::ErasureView;
use super::problem::Problem;
use crate::domain::consent::Consents;
use crate::domain::policy::Discretion;
use crate::domain::recipient::{Recipient, Removable, Role};
use crate::domain::window::Window;
use crate::service::{PostedPerson, PostedPreferences, PostedRecipient};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What cannot be removed: `null` would promise to, and is refused.
pub(super) fn said<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// What can be removed: left out it stays, `null` removes it.
#[derive(Clone, Debug, Default)]
enum Patch<T> {
    #[default]
    Keep,
    Remove,
    Set(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Remove, Self::Set))
    }
}

impl<T> Patch<T> {
    const fn is_removed(&self) -> bool {
        matches!(self, Self::Remove)
    }

    fn value(self) -> Option<T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Remove => None,
        }
    }
}

impl<T: Default> Patch<T> {
    /// The value, or what it was in the beginning.
    fn or_default(self) -> Option<T> {
        if self.is_removed() { Some(T::default()) } else { self.value() }
    }
}

/// A person; what is left out stays as it is, and `null` removes it.
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
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    phone: Patch<String>,
    #[serde(default, deserialize_with = "said")]
    region: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    name: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    language: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    time_zone: Patch<String>,
    /// `null` forgets all of them.
    #[serde(default)]
    #[schema(value_type = Option<PreferencesBody>)]
    preferences: Patch<PreferencesBody>,
}

/// What a person wants; what is left out stays as it is, and `null` is what it was in the beginning.
#[derive(Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PreferencesBody {
    /// Message types, on or off.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Option<bool>>)]
    types: BTreeMap<String, Option<bool>>,
    /// `{"mon-fri": ["09:00-12:00", "17:00-20:00"]}`; replaces the windows there were.
    #[serde(default)]
    #[schema(value_type = Option<BTreeMap<String, Vec<String>>>)]
    windows: Patch<BTreeMap<String, Vec<String>>>,
    /// `discreet`, `standard` or `detailed`.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "discreet")]
    discretion: Patch<Discretion>,
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
    /// The phone, or the person, wants no texts at all.
    opted_out: bool,
    /// Everything that was taken back: `all`, `group:appointments`, `type:payment-reminder`.
    opt_outs: Vec<String>,
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
    /// Days to stretches: `mon-fri` where days in a row have the same ones.
    windows: BTreeMap<String, Vec<String>>,
    #[schema(value_type = String, example = "standard")]
    discretion: Discretion,
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl PreferencesView {
    fn new(api: &Api, recipient: &Recipient) -> Self {
        let wanted = &recipient.preferences;
        Self {
            types: api
                .kind_names()
                .into_iter()
                .map(|name| (name.clone(), !wanted.switched_off.contains(&name)))
                .collect(),
            windows: windows(&wanted.windows),
            discretion: wanted.discretion,
        }
    }
}

/// Days in a row with the same stretches stand together, as people write them.
fn windows(windows: &[Window]) -> BTreeMap<String, Vec<String>> {
    let mut days: [Vec<String>; 7] = [const { Vec::new() }; 7];
    for Window { weekday, from_minute: from, to_minute: to } in windows {
        if let Some(day) = days.get_mut(usize::from(*weekday).wrapping_sub(1)) {
            day.push(format!("{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60));
        }
    }
    let mut grouped = BTreeMap::new();
    let mut first = 0;
    for rows in days.chunk_by(|a, b| a == b) {
        let last = first + rows.len() - 1;
        let name =
            if first == last { DAYS[first].to_owned() } else { format!("{}-{}", DAYS[first], DAYS[last]) };
        if !rows[0].is_empty() {
            grouped.insert(name, rows[0].clone());
        }
        first = last + 1;
    }
    grouped
}

fn view(api: &Api, recipient: &Recipient, consents: &Consents) -> Response {
    let mut opt_outs: Vec<String> = consents.opt_outs().map(|out| out.scope.to_string()).collect();
    opt_outs.dedup();
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
        opted_out: consents.stop().is_some(),
        opt_outs,
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
        Self {
            types: body.types.into_iter().map(|(name, wanted)| (name, wanted.unwrap_or(true))).collect(),
            windows: body.windows.or_default(),
            discretion: body.discretion.or_default(),
            forget: false,
        }
    }
}

impl From<RecipientBody> for PostedRecipient {
    fn from(body: RecipientBody) -> Self {
        let removed = [
            (body.phone.is_removed(), Removable::Phone),
            (body.name.is_removed(), Removable::Name),
            (body.language.is_removed(), Removable::Language),
            (body.time_zone.is_removed(), Removable::TimeZone),
        ];
        Self {
            person: PostedPerson {
                id: None,
                role: body.role,
                phone: body.phone.value(),
                region: body.region,
                name: body.name.value(),
                language: body.language.value(),
                time_zone: body.time_zone.value(),
            },
            removed: removed.into_iter().filter(|(is_null, _)| *is_null).map(|(_, field)| field).collect(),
            preferences: match body.preferences {
                Patch::Set(preferences) => preferences.into(),
                Patch::Remove => PostedPreferences { forget: true, ..PostedPreferences::default() },
                Patch::Keep => PostedPreferences::default(),
            },
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
    let (recipient, consents) = api.put_person(&id, body.value.into(), if_match(&headers)?, false).await?;
    Ok(view(&api, &recipient, &consents))
}

/// A person as they are known
#[utoipa::path(get, path = "/api/v1/recipients/{id}", tag = "recipients", security(("api_key" = ["recipients:read"])),
    params(("id" = String, Path, description = "The clinic's own id")),
    responses((status = 200, body = RecipientView), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem)))]
pub(super) async fn get(State(api): State<Api>, key: Key, Id(id): Id) -> Result<Response, Problem> {
    key.with("recipients:read")?;
    let (recipient, consents) = api.person_by_id(&id).await?;
    Ok(view(&api, &recipient, &consents))
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
    let (recipient, consents) = api.put_person(&id, body.value.into(), if_match(&headers)?, true).await?;
    Ok(view(&api, &recipient, &consents))
}

/// Erase a person
///
/// Their key is destroyed, and with it texts, variables and numbers; what is queued ends; the provider is
/// asked to take the words out of what was sent; counts stay. The answer is the certificate.
#[utoipa::path(delete, path = "/api/v1/recipients/{id}", tag = "recipients", security(("api_key" = ["recipients:write"])),
    params(("id" = String, Path, description = "The clinic's own id"),
        ("If-Match" = Option<String>, Header, description = "Only when this is still the version")),
    responses((status = 200, description = "The certificate", body = ErasureView), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 412, body = Problem)))]
pub(super) async fn delete(
    State(api): State<Api>,
    key: Key,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<axum::Json<ErasureView>, Problem> {
    let caller = key.with("recipients:write")?;
    Ok(axum::Json(api.erase_person(&id, if_match(&headers)?, &caller).await?.into()))
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
