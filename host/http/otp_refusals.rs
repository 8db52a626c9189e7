//! One-time codes that were asked for and not given, and why.

use super::Api;
use super::auth::Key;
use super::problem::Problem;
use crate::store::{Refusal, RefusalCount};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

const PAGE: u32 = 50;
const LARGEST_PAGE: u32 = 200;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// From the page before.
    cursor: Option<String>,
    /// 1 to 200; 50, when left out.
    limit: Option<u32>,
}

/// Refusals of one kind in one hour.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"hour": "2026-11-24T15:00:00Z", "reason": "otp.limits.phone", "noted": false,
    "country": "US", "purpose": "LOGIN", "api_key": "019ab000-0000-7000-8000-000000000000", "count": 3}))]
pub(super) struct RefusalView {
    /// The hour's beginning.
    hour: DateTime<Utc>,
    /// The brake, as it is called in the settings: `otp.limits.phone`, `otp.pump.country`, `otp.countries`,
    /// `otp.resend_after`; `otp.limits` when nothing could be counted; `otp.unavailable` when the host was at
    /// fault otherwise.
    reason: String,
    /// The code was sent all the same, because the brake only records.
    noted: bool,
    /// Of the number, ISO 3166 alpha-2; `none` for a number of no country.
    country: String,
    /// Empty for a code that was posted as a text, and where a challenge could not be read.
    purpose: String,
    /// `null` where none was needed.
    api_key: Option<String>,
    count: i64,
}

/// A page of them.
#[derive(Serialize, ToSchema)]
pub(super) struct RefusalList {
    items: Vec<RefusalView>,
    next_cursor: Option<String>,
}

/// What was refused
///
/// Codes that were asked for and not given, or given and noted: counted by the hour, the newest first, and
/// kept for 90 days. They name no person and no number.
#[utoipa::path(get, path = "/api/v1/otp/refusals", tag = "one-time codes",
    security(("api_key" = ["otp-refusals:read"])), params(Wanted),
    responses((status = 200, body = RefusalList), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 422, body = Problem)))]
pub(super) async fn list(
    State(api): State<Api>,
    key: Key,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<axum::Json<RefusalList>, Problem> {
    let caller = key.with("otp-refusals:read")?;
    let Query(wanted) = wanted.map_err(|rejection| Problem::field("query", rejection.body_text()))?;
    let limit = wanted.limit.unwrap_or(PAGE);
    if !(1..=LARGEST_PAGE).contains(&limit) {
        return Err(Problem::field("limit", "is not 1 to 200"));
    }
    let last = wanted.cursor.as_deref().map(read).transpose()?;
    let last = last.as_ref().map(|(at, refusal)| (*at, refusal));
    let mut found = api.code_refusals(caller.test, last, limit + 1).await?;
    let more = found.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let next_cursor = found.last().filter(|_| more).map(after);
    Ok(axum::Json(RefusalList { items: found.into_iter().map(Into::into).collect(), next_cursor }))
}

/// The place after a row: its key, for counts have no other name.
fn after(row: &RefusalCount) -> String {
    let Refusal { reason, noted, country, purpose, api_key } = &row.refusal;
    let key = (row.hour.timestamp(), reason, noted, country, purpose, api_key);
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&key).unwrap_or_default())
}

type Place = (i64, String, bool, String, String, String);

fn read(cursor: &str) -> Result<(DateTime<Utc>, Refusal), Problem> {
    let read = || {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (at, reason, noted, country, purpose, api_key): Place = serde_json::from_slice(&bytes).ok()?;
        let is_text = |text: &String| !text.chars().any(char::is_control);
        let sound = [&reason, &country, &purpose, &api_key].into_iter().all(is_text);
        Some((DateTime::from_timestamp(at, 0)?, Refusal { reason, noted, country, purpose, api_key }))
            .filter(|_| sound)
    };
    read().ok_or_else(|| {
        Problem::field("cursor", "is none of ours; give `next_cursor` of the page before as it is")
    })
}

impl From<RefusalCount> for RefusalView {
    fn from(row: RefusalCount) -> Self {
        let Refusal { reason, noted, country, purpose, api_key } = row.refusal;
        Self {
            hour: row.hour,
            reason,
            noted,
            country,
            purpose,
            api_key: Some(api_key).filter(|id| !id.is_empty()),
            count: row.count,
        }
    }
}
