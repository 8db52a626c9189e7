//! What the API shows: never the domain's own types, and never a whole phone number.

use crate::domain::event::Subject;
use crate::domain::message::{Cause, Message};
use crate::service::{Story, StoryLine};
use crate::store::{Attempt, DecisionRecord, JournalLine, ProviderEvent};
use crate::twilio::errors;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

/// A stable code and a sentence for staff.
#[derive(Serialize, ToSchema)]
pub(super) struct ReasonView {
    #[schema(example = "quiet-hours")]
    code: String,
    #[schema(example = "It is 23:10 for this patient; texts go out from 08:00.")]
    text: String,
}

impl From<&Cause> for ReasonView {
    fn from(cause: &Cause) -> Self {
        Self { code: cause.code.clone(), text: cause.text.clone() }
    }
}

/// What an event or message is about.
#[derive(Serialize, ToSchema)]
pub(super) struct SubjectView {
    #[serde(rename = "type")]
    #[schema(example = "appointment")]
    subject_type: String,
    #[schema(example = "9")]
    id: String,
    #[schema(example = 4)]
    version: i64,
}

impl From<&Subject> for SubjectView {
    fn from(subject: &Subject) -> Self {
        Self { subject_type: subject.subject_type.clone(), id: subject.id.clone(), version: subject.version }
    }
}

/// What a rendered text came to.
#[derive(Serialize, ToSchema)]
pub(super) struct TextView {
    /// The text as it was sent, secrets taken out; only in the story of one message.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// The language that was asked for.
    #[schema(example = "es")]
    locale_asked: String,
    /// The language it was sent in.
    #[schema(example = "es")]
    locale_sent: String,
    /// Why the two differ.
    fallback: Option<String>,
    #[schema(example = "GSM-7")]
    encoding: &'static str,
    #[schema(example = 1)]
    segments: u32,
    /// Estimate, in `currency`.
    #[schema(example = "0.007500")]
    estimated_cost: String,
    #[schema(example = "USD")]
    currency: String,
}

/// One text to one recipient.
#[derive(Serialize, ToSchema)]
pub(super) struct MessageView {
    id: Uuid,
    #[serde(rename = "type")]
    #[schema(example = "appointment-reminder")]
    kind: String,
    /// The clinic's id of the person.
    recipient: String,
    /// The host's own word for where it stands.
    #[schema(example = "delivered")]
    state: &'static str,
    /// The word that other systems use.
    #[schema(example = "DELIVERED")]
    status: &'static str,
    /// Why it is where it is.
    reason: Option<ReasonView>,
    /// Why it was planned.
    why: ReasonView,
    #[schema(example = "high")]
    priority: &'static str,
    #[schema(example = "normal")]
    lane: &'static str,
    /// Its name among the messages of its subject.
    #[schema(example = "24h")]
    key: Option<String>,
    subject: Option<SubjectView>,
    event_id: Option<Uuid>,
    /// The subject's own moment, such as the start of a visit.
    occurrence: Option<DateTime<Utc>>,
    due_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    /// Calls that count: one first attempt and at most three retries.
    attempts_made: u32,
    deferrals: u32,
    text: Option<TextView>,
    /// Twilio's identifier.
    sid: Option<String>,
    error_code: Option<i64>,
    error_text: Option<String>,
    /// What the code means, what to do about it, and Twilio's page on it.
    error_help: Option<String>,
    sent_at: Option<DateTime<Utc>>,
    delivered_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    /// Posted with a test key: it reaches the sandbox only.
    test: bool,
}

fn error_help(code: u32) -> String {
    let meaning = errors::meaning(code);
    format!("{} {} {}", meaning.sentence, meaning.hint, errors::link(code))
}

impl MessageView {
    pub(super) fn new(message: &Message, currency: &str, body: Option<String>) -> Self {
        Self {
            id: message.id.0,
            kind: message.kind.0.clone(),
            recipient: message.recipient.clone(),
            state: message.state.name(),
            status: message.state.status(),
            reason: message.state.cause().map(Into::into),
            why: (&message.why).into(),
            priority: message.priority.name(),
            lane: message.lane.name(),
            key: (!message.key.is_empty()).then(|| message.key.clone()),
            subject: message.subject.as_ref().map(Into::into),
            event_id: message.event.map(|id| id.0),
            occurrence: message.occurrence,
            due_at: message.due_at,
            expires_at: message.expires_at,
            attempts_made: message.attempts,
            deferrals: message.deferrals,
            text: message.text.as_ref().map(|text| TextView {
                body,
                locale_asked: text.locale_asked.clone(),
                locale_sent: text.locale_sent.clone(),
                fallback: text.fallback.clone(),
                encoding: text.encoding.name(),
                segments: text.segments,
                estimated_cost: micros(text.cost_micros),
                currency: currency.to_owned(),
            }),
            sid: message.sid.clone(),
            error_code: message.error_code,
            error_text: message.error_text.clone(),
            error_help: message.error_code.and_then(|code| u32::try_from(code).ok()).map(error_help),
            sent_at: message.sent_at,
            delivered_at: message.delivered_at,
            created_at: message.created_at,
            updated_at: message.updated_at,
            test: message.test,
        }
    }
}

pub(super) fn micros(amount: i64) -> String {
    format!("{}.{:06}", amount / 1_000_000, amount % 1_000_000)
}

/// What a policy answered, with everything it was told.
#[derive(Serialize, ToSchema)]
pub(super) struct DecisionView {
    id: Uuid,
    /// `plan`, `decide`, `on-failure` or `on-reply`.
    question: String,
    /// `send`, `defer`, `suppress`, `retry`, `give_up`, `plan`, `plan_in_doubt` ...
    outcome: String,
    reason: ReasonView,
    policy: PolicyView,
    /// The release of the time-zone database that local times came from.
    tz_database: String,
    /// The question with every fact that was at hand, of which the policy was told those it lists in its
    /// `inputs`; `null` after an erasure.
    input: Option<Value>,
    /// The answer, with the facts that settled it; `null` after an erasure.
    answer: Option<Value>,
    /// What the policy logged meanwhile.
    log: Vec<String>,
    /// What the answer cost, in units of work.
    fuel: i64,
    at: DateTime<Utc>,
}

/// Which code answered.
#[derive(Serialize, ToSchema)]
pub(super) struct PolicyView {
    #[schema(example = "appointment-reminder")]
    name: String,
    #[schema(example = "1.0.0")]
    version: String,
    /// SHA-256 of the `.wasm`.
    hash: String,
    /// SHA-256 of its settings.
    settings_hash: String,
}

impl From<DecisionRecord> for DecisionView {
    fn from(record: DecisionRecord) -> Self {
        let json = |bytes: Option<Vec<u8>>| bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self {
            id: record.id.0,
            question: record.question,
            outcome: record.outcome,
            reason: ReasonView { code: record.reason_code, text: record.reason_text },
            policy: PolicyView {
                name: record.policy,
                version: record.version,
                hash: record.hash,
                settings_hash: record.settings_hash,
            },
            tz_database: record.tz_database,
            input: json(record.input),
            answer: json(record.answer),
            log: record.log,
            fuel: record.fuel,
            at: record.at,
        }
    }
}

/// One call to the provider.
#[derive(Serialize, ToSchema)]
pub(super) struct AttemptView {
    id: Uuid,
    number: u32,
    /// The number or service it was made from.
    sender: String,
    intent_at: DateTime<Utc>,
    /// `null` while the answer is out.
    outcome: Option<&'static str>,
    settled_at: Option<DateTime<Utc>>,
    sid: Option<String>,
    http_status: Option<i64>,
    error_code: Option<i64>,
    error_text: Option<String>,
    /// What the error means for us.
    error_class: Option<String>,
    /// As many as the provider says that it billed, once it tells.
    billed_segments: Option<u32>,
    /// What it says that they cost, in the account's currency.
    #[schema(example = "0.007500")]
    price: Option<String>,
}

impl From<Attempt> for AttemptView {
    fn from(attempt: Attempt) -> Self {
        Self {
            id: attempt.id.0,
            number: attempt.number,
            sender: attempt.sender,
            intent_at: attempt.intent_at,
            outcome: attempt.outcome.map(crate::store::AttemptOutcome::name),
            settled_at: attempt.settled_at,
            sid: attempt.sid,
            http_status: attempt.http_status,
            error_code: attempt.error_code,
            error_text: attempt.error_text,
            error_class: attempt.error_class,
            billed_segments: attempt.billed_segments,
            price: attempt.price_micros.map(super::usage::amount),
        }
    }
}

/// One thing the provider told.
#[derive(Serialize, ToSchema)]
pub(super) struct ProviderEventView {
    attempt_id: Uuid,
    #[schema(example = "delivered")]
    status: &'static str,
    error_code: Option<u32>,
    /// How we learned of it: `answer`, `callback`, `fetch`, `list`.
    source: &'static str,
    received_at: DateTime<Utc>,
}

impl From<ProviderEvent> for ProviderEventView {
    fn from(event: ProviderEvent) -> Self {
        Self {
            attempt_id: event.attempt.0,
            status: event.status.name(),
            error_code: event.error_code,
            source: event.source.name(),
            received_at: event.received_at,
        }
    }
}

/// One transition.
#[derive(Serialize, ToSchema)]
pub(super) struct JournalView {
    at: DateTime<Utc>,
    from: Option<String>,
    to: String,
    reason: ReasonView,
}

impl From<JournalLine> for JournalView {
    fn from(line: JournalLine) -> Self {
        Self { at: line.at, from: line.from, to: line.to, reason: (&line.note).into() }
    }
}

/// The event behind a message.
#[derive(Serialize, ToSchema)]
pub(super) struct EventBrief {
    id: Uuid,
    #[serde(rename = "type")]
    #[schema(example = "appointment.booked")]
    event_type: String,
    subject: SubjectView,
    occurred_at: DateTime<Utc>,
    /// What the other system said; `null` after an erasure.
    data: Value,
}

/// One thing that happened.
#[derive(Serialize, ToSchema)]
pub(super) struct StoryLineView {
    at: DateTime<Utc>,
    /// In one sentence.
    #[schema(example = "Twilio says delivered (callback).")]
    text: String,
}

impl From<StoryLine> for StoryLineView {
    fn from(line: StoryLine) -> Self {
        Self { at: line.at, text: line.text }
    }
}

/// Everything that is known of a message.
#[derive(Serialize, ToSchema)]
pub(super) struct StoryView {
    #[serde(flatten)]
    message: MessageView,
    /// Where it went, masked.
    #[schema(example = "+1•••••••143")]
    phone: Option<String>,
    event: Option<EventBrief>,
    /// What happened, in order and in words.
    story: Vec<StoryLineView>,
    decisions: Vec<DecisionView>,
    attempts: Vec<AttemptView>,
    provider_events: Vec<ProviderEventView>,
    links: Vec<LinkView>,
    journal: Vec<JournalView>,
}

/// A short link in a text.
#[derive(Serialize, ToSchema)]
pub(super) struct LinkView {
    /// Until when it leads on.
    expires_at: DateTime<Utc>,
    /// When it was first opened, where `links.record_opens` is on.
    opened_at: Option<DateTime<Utc>>,
}

impl StoryView {
    pub(super) fn new(story: Story, currency: &str) -> Self {
        Self {
            story: story.in_words().into_iter().map(Into::into).collect(),
            message: MessageView::new(&story.message, currency, story.text),
            phone: story.phone,
            event: story.event.map(|event| EventBrief {
                id: event.id.0,
                subject: (&event.subject).into(),
                event_type: event.event_type,
                occurred_at: event.occurred_at,
                data: event.data,
            }),
            decisions: story.decisions.into_iter().map(Into::into).collect(),
            attempts: story.attempts.into_iter().map(Into::into).collect(),
            provider_events: story.provider_events.into_iter().map(Into::into).collect(),
            links: story
                .links
                .into_iter()
                .map(|(expires_at, opened_at)| LinkView { expires_at, opened_at })
                .collect(),
            journal: story.journal.into_iter().map(Into::into).collect(),
        }
    }
}
