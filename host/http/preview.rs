//! Preview: what would become of a text, without sending it.

use super::Api;
use super::auth::{Key, allow};
use super::body::Json;
use super::events::NewPerson;
use super::problem::Problem;
use super::views::{ReasonView, micros};
use crate::domain::kind::TypeName;
use crate::service::{Judged, PostedMessage, PreviewText};
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// One text, as it would be posted, and the languages to see it in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "type": "payment-reminder",
    "to": {"id": "ana", "phone": "+12025550143", "language": "es", "time_zone": "America/New_York"},
    "variables": {"amount": {"amount": "25.50", "currency": "USD"}},
    "locales": ["en", "es"]
}))]
pub(super) struct PreviewBody {
    /// A message type of this host.
    #[serde(rename = "type")]
    #[schema(example = "payment-reminder")]
    kind: String,
    to: NewPerson,
    /// As the type's template declares them; what follows from the person and the clinic is filled in.
    #[serde(default)]
    #[schema(value_type = Object)]
    variables: serde_json::Map<String, Value>,
    /// In this language instead of the person's.
    language: Option<String>,
    /// Not before this moment; at once, when left out.
    send_at: Option<DateTime<Utc>>,
    /// Not after this moment; as the type says, when left out.
    expires_at: Option<DateTime<Utc>>,
    /// The languages to see it in, 20 at the most; the one it would be sent in, when left out.
    #[serde(default)]
    #[schema(example = json!(["en", "es"]), max_items = 20)]
    locales: Vec<String>,
}

/// What would become of a text.
#[derive(Serialize, ToSchema)]
pub(super) struct PreviewView {
    /// When it would go out; `null` when it would not.
    would_send_at: Option<DateTime<Utc>>,
    /// The same in words.
    #[schema(example = "It would be sent at 08:00 (America/New_York) on 25 November.")]
    summary: String,
    /// What would be decided when it is due, and again at the end of each deferral.
    decisions: Vec<PreviewDecision>,
    /// What would be decided if it were due at each of the next 24 hours; equal ones are one stretch.
    hours: Vec<PreviewHours>,
    texts: Vec<PreviewTextView>,
    /// After this moment it would not be sent any more.
    expires_at: DateTime<Utc>,
    #[schema(example = "medium")]
    priority: &'static str,
    #[schema(example = "normal")]
    lane: &'static str,
}

/// What would be decided at a moment.
#[derive(Serialize, ToSchema)]
pub(super) struct PreviewDecision {
    at: DateTime<Utc>,
    /// `send`, `defer`, `suppress`, `hold` or `expire`.
    #[schema(example = "defer")]
    outcome: &'static str,
    /// Until when it would wait.
    until: Option<DateTime<Utc>>,
    reason: ReasonView,
    /// The policy that answered, with its version; `null` when the host's own rules did.
    #[schema(example = "payment-reminder 0.1.0")]
    policy: Option<String>,
    /// The policy's answer, with the facts that settled it.
    answer: Option<Value>,
}

impl From<Judged> for PreviewDecision {
    fn from(judged: Judged) -> Self {
        Self {
            at: judged.at,
            outcome: judged.outcome,
            until: judged.until,
            reason: (&judged.why).into(),
            policy: judged.by.map(|by| format!("{} {}", by.name, by.version)),
            answer: judged.answer,
        }
    }
}

/// Hours in which the same would be decided.
#[derive(Serialize, ToSchema)]
pub(super) struct PreviewHours {
    /// The first of them.
    from: DateTime<Utc>,
    /// The last of them.
    to: DateTime<Utc>,
    /// The same on the person's clock.
    #[schema(example = "21:00-07:00")]
    local: String,
    #[schema(example = "defer")]
    outcome: &'static str,
    reason: ReasonView,
}

/// The text in one language.
#[derive(Serialize, ToSchema)]
pub(super) struct PreviewTextView {
    #[schema(example = "es")]
    locale_asked: String,
    /// The language it would be sent in.
    #[schema(example = "es")]
    locale_sent: Option<String>,
    /// Why the two differ.
    fallback: Option<String>,
    /// The text, secrets taken out.
    #[schema(example = "Lakeside Clinic: le recordamos su pago de $25.50.")]
    body: Option<String>,
    #[schema(example = "GSM-7")]
    encoding: Option<&'static str>,
    #[schema(example = 1)]
    segments: Option<u32>,
    /// Estimate, in `currency`.
    #[schema(example = "0.007500")]
    estimated_cost: Option<String>,
    #[schema(example = "USD")]
    currency: String,
    /// Why there is no text in this language.
    error: Option<String>,
}

impl PreviewTextView {
    fn new(text: PreviewText, currency: &str) -> Self {
        let (rendered, error) = match text.rendered {
            Ok(rendered) => (Some(rendered), None),
            Err(error) => (None, Some(error)),
        };
        let (body, facts) = rendered.unzip();
        Self {
            locale_asked: text.asked,
            locale_sent: facts.as_ref().map(|facts| facts.locale_sent.clone()),
            fallback: facts.as_ref().and_then(|facts| facts.fallback.clone()),
            body,
            encoding: facts.as_ref().map(|facts| facts.encoding.name()),
            segments: facts.as_ref().map(|facts| facts.segments),
            estimated_cost: facts.as_ref().map(|facts| micros(facts.cost_micros)),
            currency: currency.to_owned(),
            error,
        }
    }
}

/// See what would become of a text
///
/// The way of a send, with the same code, up to the attempt: nothing is written and nothing is sent.
#[utoipa::path(post, path = "/api/v1/preview", tag = "messages", security(("api_key" = ["messages:write"])),
    request_body = PreviewBody,
    responses((status = 200, body = PreviewView), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 415, body = Problem), (status = 422, description = "Fields are wrong", body = Problem)))]
pub(super) async fn post(
    State(api): State<Api>,
    key: Key,
    body: Json<PreviewBody>,
) -> Result<axum::Json<PreviewView>, Problem> {
    let caller = key.with_some("messages:write")?;
    let new = body.value;
    allow(&caller, "messages:write", &TypeName(new.kind.clone()))?;
    if new.locales.len() > 20 {
        return Err(Problem::field("/locales", "names more than 20 languages"));
    }
    let posted = PostedMessage {
        kind: new.kind,
        to: new.to.into(),
        variables: new.variables,
        language: new.language,
        send_at: new.send_at,
        expires_at: new.expires_at,
    };
    let preview = api.preview(&caller, posted, &new.locales).await?;
    let zone = preview.time_zone;
    let last = preview.decisions.last();
    let summary = match (preview.would_send_at, last) {
        (Some(at), _) => {
            let local = at.with_timezone(&zone);
            format!("It would be sent at {} ({zone}) on {}.", local.format("%H:%M"), local.format("%-d %B"))
        }
        (None, Some(last)) => format!("It would not be sent ({}): {}", last.outcome, last.why.text),
        (None, None) => "It would not be sent.".to_owned(),
    };
    Ok(axum::Json(PreviewView {
        would_send_at: preview.would_send_at,
        summary,
        decisions: preview.decisions.into_iter().map(Into::into).collect(),
        hours: stretches(&preview.hours, zone),
        texts: preview
            .texts
            .into_iter()
            .map(|text| PreviewTextView::new(text, &api.settings.currency))
            .collect(),
        expires_at: preview.message.expires_at,
        priority: preview.message.priority.name(),
        lane: preview.message.lane.name(),
    }))
}

fn stretches(hours: &[Judged], zone: chrono_tz::Tz) -> Vec<PreviewHours> {
    hours
        .chunk_by(|one, next| one.outcome == next.outcome && one.why.code == next.why.code)
        .filter_map(|stretch| Some((stretch.first()?, stretch.last()?)))
        .map(|(first, last)| {
            let local = |at: DateTime<Utc>| at.with_timezone(&zone).format("%H:%M").to_string();
            PreviewHours {
                from: first.at,
                to: last.at,
                local: format!("{}-{}", local(first.at), local(last.at)),
                outcome: first.outcome,
                reason: (&first.why).into(),
            }
        })
        .collect()
}
