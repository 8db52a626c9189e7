//! The words that the host and its policies exchange: what is asked, what is answered. A question
//! carries every fact the answer may use, and is kept with the answer, so that any decision can be
//! replayed (`plugins/wit/tidings-policy.wit` is the contract).

use super::calendar::LocalTime;
use super::failure::FailureClass;
use super::kind::TypeName;
use super::message::{Cause, Priority};
use super::recipient::Role;
use super::window::Window;
use serde::{Deserialize, Serialize};

/// Milliseconds since 1970.
pub type UnixMs = u64;

/// What a fact can be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum FactValue {
    Text(String),
    Integer(i64),
    /// A number with a fraction, as text.
    Decimal(String),
    Flag(bool),
    Moment(UnixMs),
}

/// One named value: `data.starts_at`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Dotted name.
    pub key: String,
    /// What it is.
    pub value: FactValue,
}

/// Every answer says why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Stable, for counting.
    pub code: String,
    /// One sentence for staff.
    pub text: String,
    /// The facts that settled it.
    pub facts: Vec<Fact>,
}

impl From<&Reason> for Cause {
    fn from(reason: &Reason) -> Self {
        Self::new(reason.code.clone(), reason.text.clone())
    }
}

/// How much a text may say where others can read it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Discretion {
    Discreet,
    #[default]
    Standard,
    Detailed,
}

/// A person as a policy sees one: no name, no number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Opaque, and good only inside this question.
    pub reference: String,
    /// Patient or doctor.
    pub role: Role,
    /// BCP 47.
    pub language: String,
    /// IANA name.
    pub time_zone: String,
    /// The question's `now` on this person's wall clock.
    pub local: LocalTime,
    /// How much a text may say.
    pub discretion: Discretion,
    /// When the person likes to be reached; empty: any time.
    pub windows: Vec<Window>,
    /// The message types this person switched off.
    pub switched_off: Vec<String>,
    /// Said stop.
    pub opted_out: bool,
}

/// What the clinic has set for all policies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClinicFacts {
    /// IANA name.
    pub time_zone: String,
    /// The question's `now` on the clinic's wall clock.
    pub local: LocalTime,
    /// Whether messages of high priority may be sent in quiet hours.
    pub high_priority_may_disturb: bool,
}

/// The message a question is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageFacts {
    /// Ours.
    pub id: String,
    /// Its type.
    pub message_type: TypeName,
    /// As the type says.
    pub priority: Priority,
    /// The key under which it was planned; empty for one that was posted directly.
    pub key: String,
    /// When it was first due.
    pub planned_for: UnixMs,
    /// When its use is over.
    pub expires_at: UnixMs,
    /// The subject's own moment.
    pub occurrence: Option<UnixMs>,
    /// How often it was deferred already.
    pub deferrals: u32,
    /// Calls made so far.
    pub attempts: u32,
}

/// A message this recipient has had before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastMessage {
    /// Its type.
    pub message_type: TypeName,
    /// When it was sent or ended.
    pub at: UnixMs,
    /// The state it is in.
    pub outcome: String,
}

/// `plan`: which messages follow from this event?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in the contract")]
pub struct PlanQuestion {
    pub id: String,
    pub event_type: String,
    pub subject_type: String,
    pub subject_version: u64,
    pub occurred_at: UnixMs,
    pub now: UnixMs,
    pub people: Vec<Person>,
    pub clinic: ClinicFacts,
    pub facts: Vec<Fact>,
}

/// A message that a policy plans.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in the contract")]
pub struct PlannedMessage {
    pub key: String,
    pub message_type: TypeName,
    pub to: String,
    pub send_at: UnixMs,
    pub expires_at: Option<UnixMs>,
    pub occurrence: Option<UnixMs>,
    pub why: Reason,
}

/// A message that a policy considered and does not plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in the contract")]
pub struct PassedOver {
    pub key: String,
    pub message_type: TypeName,
    pub to: String,
    pub why: Reason,
}

/// The answer to `plan`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in the contract")]
pub struct Plan {
    pub messages: Vec<PlannedMessage>,
    pub passed_over: Vec<PassedOver>,
}

/// `decide`: does this message go out now?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in the contract")]
pub struct DecideQuestion {
    pub now: UnixMs,
    pub message: MessageFacts,
    pub to: Person,
    pub recent: Vec<PastMessage>,
    pub clinic: ClinicFacts,
    pub facts: Vec<Fact>,
}

/// The answer to `decide`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
#[expect(missing_docs, reason = "as in the contract")]
pub enum Decision {
    Send { why: Reason },
    Defer { until: UnixMs, why: Reason },
    Suppress { why: Reason },
}

/// `on-failure`: does another attempt follow?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in the contract")]
pub struct FailureQuestion {
    pub now: UnixMs,
    pub message: MessageFacts,
    pub to: Person,
    pub class: FailureClass,
    pub provider_code: String,
    pub may_have_arrived: bool,
    pub failed_at: UnixMs,
    pub attempts_left: u32,
    pub clinic: ClinicFacts,
    pub facts: Vec<Fact>,
}

/// The answer to `on-failure`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
#[expect(missing_docs, reason = "as in the contract")]
pub enum RetryDecision {
    Retry { until: UnixMs, why: Reason },
    GiveUp { why: Reason },
}

/// `on-reply`: what does this text mean?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in the contract")]
pub struct ReplyQuestion {
    pub now: UnixMs,
    pub received_at: UnixMs,
    pub who: Person,
    pub text: String,
    pub in_reply_to: Option<MessageFacts>,
    pub clinic: ClinicFacts,
    pub facts: Vec<Fact>,
}

/// The answer to `on-reply`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
#[expect(missing_docs, reason = "as in the contract")]
pub enum ReplyAction {
    Ignore { why: Reason },
    Answer { message_type: TypeName, why: Reason },
    Request { name: String, why: Reason },
    HandToStaff { why: Reason },
    OptOut { why: Reason },
    Custom { name: String, facts: Vec<Fact>, why: Reason },
}

/// What a policy says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in the contract")]
pub struct Description {
    pub name: String,
    pub version: String,
    pub summary: String,
    pub message_types: Vec<TypeName>,
    pub events: Vec<String>,
    pub inputs: Vec<String>,
    pub answers: Vec<TypeName>,
    pub settings_schema: String,
}

/// Which code answered, and at what price: kept with every decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answerer {
    /// The policy's name.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// SHA-256 of the `.wasm`, in hex.
    pub hash: String,
    /// SHA-256 of the settings, in hex.
    pub settings_hash: String,
    /// Fuel burnt.
    pub fuel: u64,
    /// What it logged, bounded.
    pub log: Vec<String>,
}

/// An answer and who gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered<T> {
    /// The answer.
    pub answer: T,
    /// Who gave it.
    pub by: Answerer,
}

/// Who is to blame when a policy did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blame {
    /// The type's `on_policy_failure` decides.
    Policy,
    /// Asked again.
    Host,
}

/// A policy did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the policy {} did not answer `{question}`: {code}: {text}", by.name)]
pub struct PolicyFault {
    /// Who did not answer, and what was used and logged until then.
    pub by: Box<Answerer>,
    /// `decide`
    pub question: &'static str,
    /// Stable: `out-of-fuel`, `timeout`, `memory-limit`, `trap`, `panic`, `policy-error`,
    /// `output-too-large`, `log-flood`, `invalid-answer`, `stack-overflow`, `removed`, `host`.
    pub code: &'static str,
    /// What happened, which limit, what to do.
    pub text: String,
    /// Whose fault.
    pub blame: Blame,
}
