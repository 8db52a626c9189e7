//! Twilio's Messages resource, from Twilio's side.

use super::answer::Connection;
use super::errors::Refusal;
use super::fault::{Fault, GOOD_SENDER, SENDERS};
use super::ledger::{Direction, SandboxText};
use super::{SandboxSettings, Shared, life, verify, wire};
use crate::domain::phone::{PhoneError, PhoneNumber};
use crate::domain::segments;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) type Pairs = Vec<(String, String)>;

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/2010-04-01/Accounts/{account}/Messages.json", get(list).post(create))
        .route("/2010-04-01/Accounts/{account}/Messages/{file}", get(fetch).post(update).delete(delete))
        .merge(verify::router())
        .fallback(async || Refusal::of(20404))
        .layer(middleware::from_fn_with_state(shared.clone(), at_the_door))
        .with_state(shared)
}

/// Nobody comes in without credentials, and every answer has Twilio's headers.
async fn at_the_door(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let account = format!("/2010-04-01/Accounts/{}/", shared.settings.account_sid);
    let mut response = if !is_known(&shared.settings, request.headers()) {
        Refusal::of(20003).into_response()
    } else if request.uri().path().starts_with(&account) || request.uri().path().starts_with("/v2/") {
        next.run(request).await
    } else {
        Refusal::of(20404).into_response()
    };
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&shared.sid("RQ")) {
        headers.insert("Twilio-Request-Id", id);
    }
    if let Ok(date) = HeaderValue::from_str(&wire::date(shared.now())) {
        headers.insert(header::DATE, date);
    }
    headers.insert("Twilio-Concurrent-Requests", HeaderValue::from_static("1"));
    response
}

fn is_known(settings: &SandboxSettings, headers: &HeaderMap) -> bool {
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Basic "))
        .and_then(|value| STANDARD.decode(value).ok());
    let is = |user: &str, password: &str| given.as_deref() == Some(format!("{user}:{password}").as_bytes());
    is(&settings.account_sid, settings.auth_token.expose())
        || settings.api_key.as_ref().is_some_and(|(key, secret)| is(key, secret.expose()))
}

/// The sender that a Messaging Service picks, and that people reply to.
pub(super) fn default_sender(settings: &SandboxSettings) -> &str {
    settings.senders.first().map_or(GOOD_SENDER, String::as_str)
}

async fn create(State(shared): State<Arc<Shared>>, connection: Connection, body: Bytes) -> Response {
    let params: Pairs = form_urlencoded::parse(&body).into_owned().collect();
    let to = find(&params, "To").unwrap_or_default();
    let fault = shared.fault_of_call(to, find(&params, "MessagingServiceSid").is_some());
    if let Some(refused) = shared.refuses(fault, to, &connection).await {
        return refused;
    }
    let new = match read(&shared, &params) {
        Ok(new) => new,
        Err(refusal) => return refusal.into_response(),
    };
    // In a task of its own: who hangs up now has sent a text all the same.
    let accepting = Arc::clone(&shared);
    let accepted = tokio::spawn(async move {
        if !accepting.settings.accept_delay.is_zero() {
            tokio::time::sleep(accepting.settings.accept_delay).await;
        }
        let resource = accepting.accept(new.clone());
        (resource, life::begin(&accepting, new.sid, fault))
    });
    let Ok((resource, life)) = accepted.await else { return Refusal::of(20500).into_response() };
    if fault == Fault::CallbackFirst {
        let _ = life.await;
    }
    shared.answers(fault, resource, &connection).await
}

impl Shared {
    /// What happens to a call: what was asked for, or what follows from a reply of STOP.
    fn fault_of_call(&self, to: &str, by_service: bool) -> Fault {
        let mut ledger = self.ledger();
        ledger.calls += 1;
        if let Some(fault) = ledger.faults.take(to) {
            return fault;
        }
        match ledger.blocked.contains(to) {
            false => Fault::None,
            true if by_service || self.settings.advanced_opt_out => Fault::Failed(21610),
            true => Fault::Refuse(21610),
        }
    }

    pub(super) fn accept(&self, text: SandboxText) -> Value {
        let resource = wire::resource(&self.settings.account_sid, &text);
        let mut ledger = self.ledger();
        // The oldest tenth at once, so that forgetting costs little.
        if ledger.texts.len() >= self.settings.keep {
            ledger.texts.drain(..(self.settings.keep / 10).max(1));
        }
        ledger.texts.push(text);
        drop(ledger);
        self.has_changed();
        resource
    }
}

/// Reads what a call wants sent, in the order in which Twilio finds fault.
fn read(shared: &Shared, params: &Pairs) -> Result<SandboxText, Refusal> {
    let to = find(params, "To").ok_or_else(|| Refusal::of(21604))?;
    let service = find(params, "MessagingServiceSid");
    let from = find(params, "From");
    match (from, service) {
        (None, None) => return Err(Refusal::of(21603)),
        (_, Some(sid)) if !is_sid(sid, "MG") => return Err(Refusal::of(21705)),
        (Some(from), _) => check_sender(&shared.settings, from)?,
        (None, Some(_)) => {}
    }
    let body = find(params, "Body").ok_or_else(|| Refusal::of(21602))?;
    if body.encode_utf16().count() > 1600 {
        return Err(Refusal::of(21617));
    }
    let status_callback = find(params, "StatusCallback");
    if status_callback.is_some_and(|url| !is_callback(url)) {
        return Err(Refusal::of(21609));
    }
    let validity = match find(params, "ValidityPeriod").map(str::parse) {
        None => None,
        Some(Ok(seconds @ 1..=36_000)) => Some(seconds),
        Some(_) => return Err(Refusal::of(21624)),
    };
    match PhoneNumber::parse(to, None) {
        Err(PhoneError::FixedLine) => return Err(Refusal::about(21614, to)),
        Ok(number) if number.e164() == to && from != Some(to) => {}
        _ => return Err(Refusal::about(21211, to)),
    }
    let now = shared.now();
    Ok(SandboxText {
        sid: shared.sid("SM"),
        direction: Direction::Outbound,
        from: from.map(str::to_owned),
        to: to.to_owned(),
        service: service.map(str::to_owned),
        body: body.to_owned(),
        status: if service.is_some() { "accepted" } else { "queued" },
        error_code: None,
        created_at: now,
        updated_at: now,
        sent_at: None,
        segments: segments::count(body).parts,
        status_callback: status_callback.map(str::to_owned),
        validity,
        redacted: false,
        deleted: false,
        callbacks: Vec::new(),
    })
}

fn check_sender(settings: &SandboxSettings, from: &str) -> Result<(), Refusal> {
    if let Some((_, code)) = SENDERS.iter().find(|(number, _)| *number == from) {
        return Err(Refusal::about(*code, from));
    }
    if from == GOOD_SENDER || settings.senders.iter().any(|sender| sender == from) {
        return Ok(());
    }
    Err(Refusal::about(21606, from))
}

fn is_callback(url: &str) -> bool {
    let host = reqwest::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
    url.len() <= 4000 && url.starts_with("http") && host.is_some_and(|host| !host.contains('_'))
}

fn is_sid(text: &str, kind: &str) -> bool {
    let rest = text.strip_prefix(kind).unwrap_or_default();
    rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_hexdigit())
}

async fn fetch(State(shared): State<Arc<Shared>>, Path((account, file)): Path<(String, String)>) -> Response {
    match shared.ledger().text(sid_of(&file)) {
        Some(text) => Json(wire::resource(&account, text)).into_response(),
        None => Refusal::of(20404).into_response(),
    }
}

async fn update(
    State(shared): State<Arc<Shared>>,
    Path((account, file)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    let params: Pairs = form_urlencoded::parse(&body).into_owned().collect();
    let words = params.iter().find(|(name, _)| name == "Body").map(|(_, value)| value.as_str());
    let now = shared.now();
    let (text, canceled) = {
        let mut ledger = shared.ledger();
        let Some(text) = ledger.text(sid_of(&file)) else { return Refusal::of(20404).into_response() };
        match (words, find(&params, "Status")) {
            (Some(""), None) if text.is_waiting() => return Refusal::of(20009).into_response(),
            (Some(""), None) => text.redacted = true,
            (None, Some("canceled")) if text.is_waiting() => text.status = "canceled",
            (None, Some("canceled")) => return Refusal::of(30409).into_response(),
            _ => return Refusal::of(30400).into_response(),
        }
        text.updated_at = now;
        (text.clone(), words.is_none())
    };
    shared.has_changed();
    if canceled {
        life::tell_of_cancel(&shared, text.clone());
    }
    Json(wire::resource(&account, &text)).into_response()
}

async fn delete(State(shared): State<Arc<Shared>>, Path((_, file)): Path<(String, String)>) -> Response {
    let deleted = match shared.ledger().text(sid_of(&file)) {
        Some(text) if text.is_final() || text.status == "sent" => {
            text.deleted = true;
            StatusCode::NO_CONTENT.into_response()
        }
        Some(_) => Refusal::of(20009).into_response(),
        None => Refusal::of(20404).into_response(),
    };
    shared.has_changed();
    deleted
}

fn sid_of(file: &str) -> &str {
    file.strip_suffix(".json").unwrap_or(file)
}

async fn list(
    State(shared): State<Arc<Shared>>,
    Path(account): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let params: Pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
    let size = find(&params, "PageSize").and_then(|size| size.parse().ok()).unwrap_or(50).clamp(1, 1000);
    let page: usize = find(&params, "Page").and_then(|page| page.parse().ok()).unwrap_or(0);
    // The token names the last text of the page before, so that new texts do not move the pages.
    let after = find(&params, "PageToken").and_then(|token| token.strip_prefix("PA"));
    let seen_until = shared.now() - shared.settings.list_lag;
    let (texts, more): (Vec<SandboxText>, bool) = {
        let ledger = shared.ledger();
        let wanted =
            |text: &&SandboxText| !text.deleted && text.created_at <= seen_until && is_wanted(text, &params);
        let mut texts = ledger.texts.iter().rev().filter(wanted);
        if let Some(after) = after {
            texts.by_ref().find(|text| text.sid == after);
        }
        (texts.by_ref().take(size).cloned().collect(), texts.next().is_some())
    };
    let base = wire::path(&account, None);
    let uri = |page: usize, token: Option<&str>| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(params.iter().filter(|(name, _)| !name.starts_with("Page")));
        query.append_pair("PageSize", &size.to_string()).append_pair("Page", &page.to_string());
        if let Some(token) = token {
            query.append_pair("PageToken", &format!("PA{token}"));
        }
        format!("{base}?{}", query.finish())
    };
    let next = texts.last().filter(|_| more).map(|last| uri(page + 1, Some(&last.sid)));
    Json(json!({
        "first_page_uri": uri(0, None),
        "end": (page * size + texts.len()).saturating_sub(1),
        "previous_page_uri": (page > 0).then(|| uri(page - 1, None)),
        "messages": texts.iter().map(|text| wire::resource(&account, text)).collect::<Vec<_>>(),
        "uri": uri(page, after),
        "page_size": size,
        "start": page * size,
        "next_page_uri": next,
        "page": page,
    }))
    .into_response()
}

fn is_wanted(text: &SandboxText, params: &Pairs) -> bool {
    params.iter().filter(|(_, value)| !value.is_empty()).all(|(name, value)| {
        // A text that was not sent yet has no date to be found by.
        let day = text.sent_at.map(|at| at.format("%Y-%m-%d").to_string());
        let asked = value.get(..10).unwrap_or(value);
        match name.as_str() {
            "To" => text.to == *value,
            "From" => text.from.as_deref() == Some(value),
            "DateSent" => day.as_deref() == Some(asked),
            "DateSent<" => day.is_some_and(|day| day.as_str() <= asked),
            "DateSent>" => day.is_some_and(|day| day.as_str() >= asked),
            _ => true,
        }
    })
}

pub(super) fn find<'a>(params: &'a Pairs, name: &str) -> Option<&'a str> {
    params
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
        .filter(|value| !value.is_empty())
}
