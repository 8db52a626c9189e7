//! Usage: what texts cost, and what is left.

use super::Api;
use super::auth::Key;
use super::problem::Problem;
use crate::service::{By, FuseState, Usage, UsageLine};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::{IntoParams, ToSchema};

/// Which days, and told apart by what.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// The first day, in the clinic's time zone; 30 days ago, when left out.
    since: Option<NaiveDate>,
    /// The last day; today, when left out.
    until: Option<NaiveDate>,
    /// Of `day`, `type`, `country` and `locale`, with commas between; all four, when left out.
    by: Option<String>,
}

/// What texts cost.
#[derive(Serialize, ToSchema)]
pub(super) struct UsageView {
    since: NaiveDate,
    until: NaiveDate,
    #[schema(example = "USD")]
    currency: String,
    items: Vec<UsageItem>,
    total: UsageItem,
    /// What is left of the fuses of `[budget]`, now.
    budget: Vec<BudgetView>,
    /// Of a trial account.
    trial: Option<TrialView>,
}

/// What was counted for one combination.
#[derive(Serialize, ToSchema)]
pub(super) struct UsageItem {
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<NaiveDate>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// ISO 3166 alpha-2; empty when the number's country is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<String>,
    /// Texts that Twilio has, or may have; one that is sent again counts again.
    messages: i64,
    segments: i64,
    #[schema(example = "0.007500")]
    estimated_cost: String,
    /// Of the texts whose price is known.
    #[schema(example = "0.007500")]
    actual_cost: String,
    /// Texts whose price is known; Twilio tells it some time after the end.
    priced: i64,
}

/// What is left of one fuse.
#[derive(Serialize, ToSchema)]
pub(super) struct BudgetView {
    #[serde(rename = "type")]
    kind: Option<String>,
    country: Option<String>,
    /// The end of the hour or day.
    until: DateTime<Utc>,
    segments_used: i64,
    segments_left: Option<i64>,
    cost_used: String,
    cost_left: Option<String>,
}

/// What is left of a trial account's credit.
#[derive(Serialize, ToSchema)]
pub(super) struct TrialView {
    #[schema(example = "15.000000")]
    credit: String,
    spent: String,
    /// Of one segment each.
    texts_left: i64,
}

/// Millionths as an amount.
pub(super) fn amount(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    format!("{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

impl From<UsageLine> for UsageItem {
    fn from(line: UsageLine) -> Self {
        Self {
            day: line.day,
            kind: line.kind,
            country: line.country,
            locale: line.locale,
            messages: line.texts,
            segments: line.segments,
            estimated_cost: amount(line.estimated_micros),
            actual_cost: amount(line.actual_micros),
            priced: line.priced,
        }
    }
}

impl From<FuseState> for BudgetView {
    fn from(state: FuseState) -> Self {
        Self {
            kind: state.fuse.kind.map(|kind| kind.0),
            country: state.fuse.country,
            until: state.until,
            segments_used: state.segments,
            segments_left: state.fuse.segments.map(|most| (most - state.segments).max(0)),
            cost_used: amount(state.micros),
            cost_left: state.fuse.micros.map(|most| amount((most - state.micros).max(0))),
        }
    }
}

/// What texts cost, and what is left
///
/// Counts are kept when people and their messages are erased.
#[utoipa::path(get, path = "/api/v1/usage", tag = "usage", security(("api_key" = ["usage:read"])), params(Asked),
    responses((status = 200, body = UsageView), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 422, body = Problem)))]
pub(super) async fn get(
    State(api): State<Api>,
    key: Key,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<axum::Json<UsageView>, Problem> {
    let caller = key.with("usage:read")?;
    let Query(asked) = asked.map_err(|rejection| Problem::field("query", rejection.body_text()))?;
    let today = api.now().with_timezone(&api.settings.clinic.time_zone).date_naive();
    let until = asked.until.unwrap_or(today);
    let since = asked.since.unwrap_or_else(|| until - TimeDelta::days(30));
    if since > until || until - since > TimeDelta::days(400) || until > today + TimeDelta::days(400) {
        return Err(Problem::field("since", "is not before `until`, or more than 400 days before it"));
    }
    let by = read_by(asked.by.as_deref())?;
    let Usage { lines, total, fuses, trial } = api.usage(caller.test, since, until, &by).await?;
    Ok(axum::Json(UsageView {
        since,
        until,
        currency: api.settings.currency.clone(),
        items: lines.into_iter().map(Into::into).collect(),
        total: total.into(),
        budget: fuses.into_iter().map(Into::into).collect(),
        trial: trial.map(|trial| TrialView {
            credit: amount(trial.credit_micros),
            spent: amount(trial.spent_micros),
            texts_left: trial.texts_left,
        }),
    }))
}

fn read_by(by: Option<&str>) -> Result<BTreeSet<By>, Problem> {
    let words = by.unwrap_or("day,type,country,locale").split(',').filter(|word| !word.is_empty());
    words
        .map(|word| match word.trim() {
            "day" => Ok(By::Day),
            "type" => Ok(By::Type),
            "country" => Ok(By::Country),
            "locale" => Ok(By::Locale),
            _ => Err(Problem::field("by", "is none of day, type, country and locale")),
        })
        .collect()
}
