//! The consent ledger: what people agreed to and took back, and the list of those who said stop.

use super::Api;
use super::auth::Key;
use super::body::{Id, Json};
use super::cursor;
use super::problem::Problem;
use crate::domain::consent::{Choice, ConsentSource};
use crate::service::{ConsentPage, PostedConsent, PostedOptOut};
use crate::store::ConsentLine;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// What a person agreed to, or took back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "choice": "opt_in", "scope": "group:appointments", "source": "form",
    "wording": "Text me about my visits. Reply STOP at any time.", "evidence": "signed form of 2026-11-20, scan 4711"
}))]
pub(super) struct ConsentBody {
    /// `opt_in` or `opt_out`.
    #[schema(value_type = String, example = "opt_in")]
    choice: Choice,
    /// `all`, `group:` and a group of message types, or `type:` and one type.
    #[serde(default = "all")]
    scope: String,
    /// `form`, `staff` or `import`.
    #[schema(value_type = String, example = "form")]
    source: ConsentSource,
    /// What was said or agreed to, word for word.
    wording: Option<String>,
    /// Where the proof is; an agreement needs it.
    evidence: Option<String>,
    /// Who wrote it down.
    by: Option<String>,
    /// When it was said; now when left out.
    at: Option<DateTime<Utc>>,
}

fn all() -> String {
    "all".to_owned()
}

/// A line of the ledger.
#[derive(Serialize, ToSchema)]
pub(super) struct ConsentView {
    id: Uuid,
    /// `opt_in` or `opt_out`.
    choice: &'static str,
    /// `all`, `group:appointments`, `type:payment-reminder`.
    scope: String,
    /// `phone`: it holds for everybody who uses the phone. `recipient`: for the person, whatever their phone.
    binds: &'static str,
    /// `reply`, `provider` (Twilio refused with 21610), `form`, `staff` or `import`.
    source: &'static str,
    recipient: Option<String>,
    /// Masked, unless whole numbers were asked for; `null` once the person was erased.
    phone: Option<String>,
    wording: Option<String>,
    evidence: Option<String>,
    by: Option<String>,
    at: DateTime<Utc>,
}

impl ConsentView {
    fn new(line: ConsentLine, whole_numbers: bool) -> Self {
        let standing = line.standing;
        let show = |phone: crate::domain::phone::PhoneNumber| {
            if whole_numbers { phone.e164().to_owned() } else { phone.masked() }
        };
        Self {
            id: line.id.0,
            choice: standing.choice.name(),
            scope: standing.scope.to_string(),
            binds: standing.binds.name(),
            source: standing.source.name(),
            recipient: line.recipient,
            phone: line.phone.map(show),
            wording: line.wording,
            evidence: line.evidence,
            by: line.by,
            at: standing.at,
        }
    }
}

/// Lines of the ledger, the newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct ConsentList {
    items: Vec<ConsentView>,
    /// Give it as `cursor` for the next page.
    next_cursor: Option<String>,
}

impl ConsentList {
    fn new(page: ConsentPage, whole_numbers: bool) -> Self {
        let last = page.lines.last().filter(|_| page.more);
        let next_cursor = last.map(|line| cursor::after(line.standing.at, line.id.0));
        let items = page.lines.into_iter().map(|line| ConsentView::new(line, whole_numbers)).collect();
        Self { items, next_cursor }
    }
}

/// Write down what a person agreed to, or took back
///
/// Lines are only ever added. What a phone has said by STOP is undone by START from that phone alone, and
/// what a person said themselves (in a form, signed in, by a text) by that person: an `opt_in` by others is
/// then answered 409. What may no longer be sent ends at once.
#[utoipa::path(post, path = "/api/v1/recipients/{id}/consents", tag = "recipients", security(("api_key" = ["recipients:write"])),
    params(("id" = String, Path, description = "The clinic's own id")), request_body = ConsentBody,
    responses((status = 201, body = ConsentView), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn post(
    State(api): State<Api>,
    key: Key,
    Id(id): Id,
    body: Json<ConsentBody>,
) -> Result<(StatusCode, axum::Json<ConsentView>), Problem> {
    key.with("recipients:write")?;
    let body = body.value;
    let posted = PostedConsent {
        choice: body.choice,
        scope: body.scope,
        source: body.source,
        wording: body.wording,
        evidence: body.evidence,
        by: body.by,
        at: body.at,
    };
    let line = api.consent(&id, &posted).await?;
    Ok((StatusCode::CREATED, axum::Json(ConsentView::new(line, false))))
}

/// A page of a person's ledger.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LedgerQuery {
    /// 1 to 200; 50 when left out.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What is written about a person and their phone
#[utoipa::path(get, path = "/api/v1/recipients/{id}/consents", tag = "recipients", security(("api_key" = ["recipients:read"])),
    params(("id" = String, Path, description = "The clinic's own id"), LedgerQuery),
    responses((status = 200, body = ConsentList), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn list(
    State(api): State<Api>,
    key: Key,
    Id(id): Id,
    query: Result<Query<LedgerQuery>, QueryRejection>,
) -> Result<axum::Json<ConsentList>, Problem> {
    key.with("recipients:read")?;
    let Query(query) = query.map_err(|rejection| Problem::field("query", rejection.body_text()))?;
    let limit = page_limit(query.limit)?;
    let after = query.cursor.as_deref().map(cursor::read).transpose()?;
    Ok(axum::Json(ConsentList::new(api.consents_of(&id, after, limit).await?, false)))
}

/// A list of those who said stop.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OptOutQuery {
    /// `json` in pages; `csv` or `jsonl` (one JSON object a line) whole.
    format: Option<String>,
    /// `masked`, or `whole` for a key with the scope `opt-outs:export`.
    numbers: Option<String>,
    /// 1 to 200; 50 when left out.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Who said stop, to what
///
/// The state of the ledger now: what was taken back and not agreed to since. As pages of JSON, or whole as
/// CSV or JSON lines, for another system that must not text these phones either.
#[utoipa::path(get, path = "/api/v1/opt-outs", tag = "recipients", security(("api_key" = ["recipients:read"])),
    params(OptOutQuery),
    responses((status = 200, body = ConsentList, content_type = "application/json"), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn opt_outs(
    State(api): State<Api>,
    key: Key,
    query: Result<Query<OptOutQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let caller = key.with("recipients:read")?;
    let Query(query) = query.map_err(|_| {
        Problem::field(
            "query",
            "has a name or value that is none; known are format, numbers, limit and cursor",
        )
    })?;
    let whole = match query.numbers.as_deref() {
        None | Some("masked") => false,
        Some("whole") if caller.may("opt-outs:export") => true,
        Some("whole") => return Err(Problem::forbidden("the API key lacks the scope opt-outs:export")),
        Some(_) => return Err(Problem::field("numbers", "is neither masked nor whole")),
    };
    let csv = match query.format.as_deref() {
        None | Some("json") => return page(&api, &query, whole).await,
        Some("csv") => true,
        Some("jsonl") => false,
        Some(_) => return Err(Problem::field("format", "is neither json, csv nor jsonl")),
    };
    let mut text = String::new();
    if csv {
        text.push_str("at,scope,binds,source,recipient,phone\r\n");
    }
    let mut after = None;
    loop {
        let page = api.opt_outs(after, EXPORT_PAGE).await?;
        after = page.lines.last().map(|line| (line.standing.at, line.id.0));
        for line in page.lines {
            let view = ConsentView::new(line, whole);
            if csv {
                text.push_str(&csv_line(&view));
            } else {
                text.push_str(&serde_json::to_string(&view).map_err(|error| Problem::ours(&error))?);
                text.push('\n');
            }
        }
        if !page.more {
            break;
        }
    }
    let (kind, name) = if csv { ("text/csv; charset=utf-8", "csv") } else { ("application/jsonl", "jsonl") };
    let disposition = format!("attachment; filename=\"opt-outs.{name}\"");
    Ok(([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, disposition)], text)
        .into_response())
}

/// So many lines of an export are read at once.
const EXPORT_PAGE: u32 = 1000;

async fn page(api: &Api, query: &OptOutQuery, whole: bool) -> Result<Response, Problem> {
    let limit = page_limit(query.limit)?;
    let after = query.cursor.as_deref().map(cursor::read).transpose()?;
    let page = api.opt_outs(after, limit).await?;
    Ok(axum::Json(ConsentList::new(page, whole)).into_response())
}

fn page_limit(asked: Option<u32>) -> Result<u32, Problem> {
    let limit = asked.unwrap_or(50);
    if (1..=200).contains(&limit) {
        Ok(limit)
    } else {
        Err(Problem::field("limit", "is not between 1 and 200"))
    }
}

/// RFC 4180. What a spreadsheet would take for a formula is made text.
fn csv_line(view: &ConsentView) -> String {
    let at = view.at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let recipient = view.recipient.as_deref().unwrap_or_default();
    let phone = view.phone.as_deref().unwrap_or_default();
    let formula = recipient.starts_with(['=', '+', '-', '@']);
    let recipient = if formula { format!("'{recipient}") } else { recipient.to_owned() };
    let fields = [at.as_str(), &view.scope, view.binds, view.source, &recipient, phone];
    let quoted = fields.map(|field| {
        let plain = !field.contains([',', '"', '\r', '\n']);
        if plain { field.to_owned() } else { format!("\"{}\"", field.replace('"', "\"\"")) }
    });
    format!("{}\r\n", quoted.join(","))
}

/// Phones that said stop to another system.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"items": [{"phone": "+12025550143", "at": "2025-03-01T09:00:00Z"}]}))]
pub(super) struct OptOutImport {
    /// At most 1,000.
    items: Vec<OptOutItem>,
}

/// A phone that said stop.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OptOutItem {
    /// International, or national with `region` (or the clinic's country).
    phone: String,
    region: Option<String>,
    /// When it was said; now when left out.
    at: Option<DateTime<Utc>>,
}

/// How many were taken over.
#[derive(Serialize, ToSchema)]
pub(super) struct Imported {
    imported: usize,
}

/// Take over phones that said stop to another system
///
/// All of them or none; each is an opt-out of the phone from every text, undone by START from it.
#[utoipa::path(post, path = "/api/v1/opt-outs", tag = "recipients", security(("api_key" = ["recipients:write"])),
    request_body = OptOutImport,
    responses((status = 201, body = Imported), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 422, body = Problem)))]
pub(super) async fn import(
    State(api): State<Api>,
    key: Key,
    body: Json<OptOutImport>,
) -> Result<(StatusCode, axum::Json<Imported>), Problem> {
    key.with("recipients:write")?;
    let items = body.value.items;
    if items.len() > 1000 {
        return Err(Problem::field("/items", "has more than 1000 entries; send them in several requests"));
    }
    let posted: Vec<PostedOptOut> = items
        .into_iter()
        .map(|item| PostedOptOut { phone: item.phone, region: item.region, at: item.at })
        .collect();
    let imported = api.import_opt_outs(&posted).await?;
    Ok((StatusCode::CREATED, axum::Json(Imported { imported })))
}
