//! The phones, to look at: each phone's texts as a conversation, a box to reply, and faults to choose.

use super::fault::{Fault, GOOD_SENDER, NUMBERS, SENDERS};
use super::ledger::{Direction, SandboxText};
use super::{Shared, inbound};
use axum::Router;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// Where the page is found on the host.
pub const MOUNT: &str = "/sandbox";

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// More would not be looked at; the API for tests has them all.
const SHOWN: usize = 500;

/// The words of the form: what can be chosen for the next call or for all.
const CHOICES: &[Fault] = &[
    Fault::None,
    Fault::TooManyRequests(None),
    Fault::TooManyRequests(Some(5)),
    Fault::Error500,
    Fault::AcceptThenError500,
    Fault::Silence,
    Fault::AcceptThenSilence,
    Fault::Reset,
    Fault::AcceptThenReset,
    Fault::AcceptThenGarbage,
    Fault::Refuse(21211),
    Fault::Refuse(21610),
    Fault::Refuse(20003),
    Fault::Undelivered(30003),
    Fault::Undelivered(30007),
    Fault::Failed(30008),
    Fault::NoReceipt,
    Fault::StaysQueued,
    Fault::TwoEnds,
    Fault::CallbackFirst,
    Fault::CallbacksTwice,
    Fault::CallbacksReversed,
    Fault::CallbacksLost,
    Fault::CallbacksLate,
];

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route(MOUNT, get(show))
        .route(&format!("{MOUNT}/reply"), post(reply))
        .route(&format!("{MOUNT}/fault"), post(choose))
        .with_state(shared)
}

/// Whether a browser says that another site sent this. Programs say nothing and are let in.
pub(super) fn from_elsewhere(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
    !matches!(site, None | Some("same-origin" | "none"))
}

async fn show(State(shared): State<Arc<Shared>>) -> Response {
    page(&shared, None)
}

#[derive(Deserialize)]
struct Typed {
    from: String,
    body: String,
}

async fn reply(State(shared): State<Arc<Shared>>, headers: HeaderMap, Form(typed): Form<Typed>) -> Response {
    if from_elsewhere(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    match inbound::reply(&shared, &typed.from, None, &typed.body).await {
        Ok(reply) if reply.answer.is_some_and(|answer| answer < 300) => Redirect::to(MOUNT).into_response(),
        Ok(reply) => {
            let answer = reply.answer.map_or_else(|| "nothing".to_owned(), |answer| answer.to_string());
            page(&shared, Some(&format!("The host answered the text with {answer}.")))
        }
        Err(error) => page(&shared, Some(&format!("Not sent: {error}."))),
    }
}

#[derive(Deserialize)]
struct Chosen {
    to: String,
    fault: Fault,
    when: String,
}

async fn choose(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Form(chosen): Form<Chosen>,
) -> Response {
    if from_elsewhere(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let to = Some(chosen.to.trim()).filter(|to| !to.is_empty()).unwrap_or("*");
    {
        let mut ledger = shared.ledger();
        if chosen.when == "always" {
            ledger.faults.always(to, chosen.fault);
        } else {
            ledger.faults.script(to, [chosen.fault]);
        }
    }
    let whom = if to == "*" { "every number" } else { to };
    let when = if chosen.when == "always" { "every call" } else { "the next call" };
    page(&shared, Some(&format!("{} for {when} to {whom}.", chosen.fault)))
}

/// The whole page. Nothing in it comes from elsewhere, and nothing else may run in it.
fn page(shared: &Shared, notice: Option<&str>) -> Response {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        hash(STYLE),
        hash(SCRIPT),
    );
    let texts = {
        let ledger = shared.ledger();
        ledger.texts[ledger.texts.len().saturating_sub(SHOWN)..].to_vec()
    };
    let notice = notice.map(|notice| format!("<p role=status>{}</p>", escape(notice))).unwrap_or_default();
    let html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Sandbox phones</title>\
         <meta name=viewport content=\"width=device-width\"><style>{STYLE}</style>\
         <header><h1>Sandbox phones</h1><p>A Twilio that runs inside. Nothing here reaches a real phone.</p>\
         </header>{notice}<main id=phones>{}</main><aside>{}{}</aside><script>{SCRIPT}</script></html>",
        phones(&texts),
        fault_form(),
        number_table(),
    );
    let mut response = Html(html).into_response();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// One card a phone, the one with the newest text first.
fn phones(texts: &[SandboxText]) -> String {
    let mut order: Vec<&str> = Vec::new();
    let mut by_phone: HashMap<&str, Vec<&SandboxText>> = HashMap::new();
    for text in texts.iter().rev() {
        let talk = by_phone.entry(text.phone()).or_insert_with(|| {
            order.push(text.phone());
            Vec::new()
        });
        talk.push(text);
    }
    if order.is_empty() {
        return "<p class=empty>No texts yet. Send one through the API, and it appears here.</p>".to_owned();
    }
    let mut html = String::new();
    for phone in order {
        let _ = write!(html, "<section><h2>{}</h2><ol>", escape(phone));
        for text in by_phone[phone].iter().rev() {
            bubble(&mut html, text);
        }
        let phone = escape(phone);
        let _ = write!(
            html,
            "</ol><form method=post action=\"{MOUNT}/reply\"><input type=hidden name=from value=\"{phone}\">\
             <input name=body aria-label=\"Reply from {phone}\" placeholder=\"Reply from this phone\" \
             autocomplete=off required maxlength=1600><button>Send</button></form></section>"
        );
    }
    html
}

fn bubble(html: &mut String, text: &SandboxText) {
    let (side, partner) = match text.direction {
        Direction::Inbound => ("out", format!("to {}", text.to)),
        Direction::Outbound | Direction::AutoReply => {
            ("in", format!("from {}", text.from.as_deref().unwrap_or("a service")))
        }
    };
    let words = if text.redacted { "(redacted)" } else { text.body.as_str() };
    let error = text.error_code.map(|code| format!(" {code}")).unwrap_or_default();
    let parts = if text.segments == 1 { "segment" } else { "segments" };
    let told = text.callbacks.last().map_or_else(String::new, |told| {
        let answer = told.answer.map_or_else(|| "no answer".to_owned(), |answer| answer.to_string());
        format!(" · callback {}: {answer}", told.status)
    });
    let _ = write!(
        html,
        "<li class={side}><p>{}</p><small><time>{}</time> · <b class=\"{}\">{}{error}</b> · {} {parts} · {}{}\
         <br><code>{}</code></small></li>",
        escape(words),
        text.created_at.format("%Y-%m-%d %H:%M:%S UTC"),
        text.status,
        text.status,
        text.segments,
        escape(&partner),
        escape(&told),
        escape(&text.sid),
    );
}

fn fault_form() -> String {
    let mut html = format!(
        "<h2>Make something go wrong</h2><form method=post action=\"{MOUNT}/fault\"><label>Number \
         <input name=to placeholder=\"every number\" inputmode=tel></label><label>Fault <select name=fault>"
    );
    for fault in CHOICES {
        let _ = write!(html, "<option>{fault}</option>");
    }
    html + "</select></label><label>For <select name=when><option value=next>the next call</option>\
            <option value=always>every call</option></select></label><button>Set</button></form>"
}

fn number_table() -> String {
    let mut html = format!(
        "<details><summary>Numbers with a fate of their own</summary><p>Texts from {GOOD_SENDER} are always taken; \
         every other valid number gets its texts.</p><table><tr><th>To<th>What happens</tr>"
    );
    for (number, fault, meaning) in NUMBERS {
        let _ = write!(html, "<tr><td>{number}<td>{meaning} <code>{fault}</code></tr>");
    }
    html += "<tr><th>From<th>Refused with</tr>";
    for (number, code) in SENDERS {
        let _ = write!(html, "<tr><td>{number}<td>{code}</tr>");
    }
    html + "</table></details>"
}

/// Text that cannot become markup, in an element or in a quoted attribute.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            '\'' => safe += "&#39;",
            _ => safe.push(character),
        }
    }
    safe
}
