//! A situation, and the questions that a host would ask in it.

use super::{answers, moment, settings, window};
use crate::{
    Clinic, DecideContext, Discretion, Event, Fact, FailedAttempt, FailureClass, Inbound, LocalTime, Message,
    PastMessage, Policy, Priority, Recipient, Role, UnixMs, Value, Window, calendar,
};

/// A situation: an adult patient in one zone, and a message of medium priority that is due now and
/// keeps its use for a day. Every verb changes one thing; times are those of the patient's zone.
#[derive(Clone, Debug)]
pub struct Case {
    now: UnixMs,
    zone: String,
    settings: String,
    may_disturb: bool,
    person: Recipient,
    others: Vec<Recipient>,
    message: Message,
    recent: Vec<PastMessage>,
    facts: Vec<Fact>,
    class: FailureClass,
    may_have_arrived: bool,
    attempts_left: Option<u32>,
}

const DAY: UnixMs = 24 * 60 * 60 * 1_000;

impl Case {
    /// It is this time on the patient's wall clock.
    #[must_use]
    pub fn at(local: &str, time_zone: &str) -> Self {
        let now = moment(local, time_zone);
        let message = Message {
            id: "m1".to_owned(),
            message_type: String::new(),
            priority: Priority::Medium,
            key: String::new(),
            planned_for: now,
            expires_at: now + DAY,
            occurrence: None,
            deferrals: 0,
            attempts: 0,
        };
        Self {
            now,
            zone: time_zone.to_owned(),
            settings: String::new(),
            may_disturb: false,
            person: person("p1", Role::Patient, now, time_zone),
            others: Vec::new(),
            message,
            recent: Vec::new(),
            facts: Vec::new(),
            class: FailureClass::Unreachable,
            may_have_arrived: false,
            attempts_left: None,
        }
    }

    /// The clinic's settings, as in the `[settings]` of its file: `times = 2`.
    #[must_use]
    pub fn settings(self, toml: &str) -> Self {
        Self { settings: toml.to_owned(), ..self }
    }

    /// The message is of this type.
    #[must_use]
    pub fn about(mut self, message_type: &str) -> Self {
        message_type.clone_into(&mut self.message.message_type);
        self
    }

    /// The message was planned under this key.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        key.clone_into(&mut self.message.key);
        self
    }

    /// The message has this priority.
    #[must_use]
    pub fn priority(mut self, priority: Priority) -> Self {
        self.message.priority = priority;
        self
    }

    /// The message loses its use then.
    #[must_use]
    pub fn expires(mut self, local: &str) -> Self {
        self.message.expires_at = moment(local, &self.zone);
        self
    }

    /// The subject's own moment is then.
    #[must_use]
    pub fn occurrence(mut self, local: &str) -> Self {
        self.message.occurrence = Some(moment(local, &self.zone));
        self
    }

    /// The subject or event has this fact.
    #[must_use]
    pub fn fact(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.facts.push(Fact { key: key.to_owned(), value: value.into() });
        self
    }

    /// The subject or event has this moment.
    #[must_use]
    pub fn moment(self, key: &str, local: &str) -> Self {
        let at = Value::Moment(moment(local, &self.zone));
        self.fact(key, at)
    }

    /// The clinic lets messages of high priority disturb.
    #[must_use]
    pub fn may_disturb(self, may_disturb: bool) -> Self {
        Self { may_disturb, ..self }
    }

    /// The person likes to be reached then: `Tue 09:00-12:00`.
    #[must_use]
    pub fn prefers(mut self, text: &str) -> Self {
        let window: Window = window(text);
        self.person.windows.push(window);
        self
    }

    /// The person switched this type off.
    #[must_use]
    pub fn switched_off(mut self, message_type: &str) -> Self {
        self.person.switched_off.push(message_type.to_owned());
        self
    }

    /// The person said stop.
    #[must_use]
    pub fn opted_out(mut self) -> Self {
        self.person.opted_out = true;
        self
    }

    /// The person had this message before.
    #[must_use]
    pub fn had(mut self, message_type: &str, local: &str, outcome: &str) -> Self {
        let (at, message_type, outcome) =
            (moment(local, &self.zone), message_type.to_owned(), outcome.to_owned());
        self.recent.push(PastMessage { message_type, at, outcome });
        self
    }

    /// The event names another person, `p2` and so on.
    #[must_use]
    pub fn with(mut self, role: Role, time_zone: &str) -> Self {
        let name = format!("p{}", self.others.len() + 2);
        self.others.push(person(&name, role, self.now, time_zone));
        self
    }

    /// An attempt failed so, after this many calls to the provider.
    #[must_use]
    pub fn failed(mut self, class: FailureClass, attempts: u32) -> Self {
        self.message.attempts = attempts;
        Self { class, ..self }
    }

    /// The text may be there all the same.
    #[must_use]
    pub fn may_have_arrived(self) -> Self {
        Self { may_have_arrived: true, ..self }
    }

    /// The host allows this many more attempts, rather than three in all.
    #[must_use]
    pub fn attempts_left(self, attempts_left: u32) -> Self {
        Self { attempts_left: Some(attempts_left), ..self }
    }

    /// What the policy decides: `defer to 2026-11-24T08:00: quiet-hours`.
    #[must_use]
    pub fn decide<P: Policy>(&self) -> String {
        let mut c = self.context();
        show::<P>(&mut c.facts);
        let answer = P::decide(&settings::parse::<P>(&self.settings), &c);
        answer.map_or_else(|error| format!("error: {error}"), |answer| answers::decision(&answer, &c))
    }

    /// What the policy plans for an event of this type, a line for each message and each one passed
    /// over.
    #[must_use]
    pub fn plan<P: Policy>(&self, event_type: &str) -> Vec<String> {
        let mut e = self.event(event_type);
        show::<P>(&mut e.facts);
        let answer = P::plan(&settings::parse::<P>(&self.settings), &e);
        answer.map_or_else(
            |error| vec![format!("error: {error}")],
            |plan| answers::planned(&plan, &e, &P::describe()),
        )
    }

    /// Whether the policy tries again: `retry at 2026-11-24T09:30: unreachable`.
    #[must_use]
    pub fn retry<P: Policy>(&self) -> String {
        let mut a = self.failed_attempt();
        show::<P>(&mut a.facts);
        let answer = P::on_failure(&settings::parse::<P>(&self.settings), &a);
        answer.map_or_else(|error| format!("error: {error}"), |answer| answers::retry(&answer, &a))
    }

    /// What the policy makes of a reply: `request confirm: confirm`.
    #[must_use]
    pub fn replied<P: Policy>(&self, text: &str) -> String {
        let mut m = self.reply(text);
        show::<P>(&mut m.facts);
        let answer = P::on_reply(&settings::parse::<P>(&self.settings), &m);
        answer.map_or_else(|error| format!("error: {error}"), |answer| answers::reply(&answer))
    }

    /// The question of `decide`.
    #[must_use]
    pub fn context(&self) -> DecideContext {
        DecideContext {
            now: self.now,
            message: self.message.clone(),
            to: self.person.clone(),
            recent: self.recent.clone(),
            clinic: self.clinic(),
            facts: self.facts.clone(),
        }
    }

    /// The question of `plan`.
    #[must_use]
    pub fn event(&self, event_type: &str) -> Event {
        let people = [&self.person].into_iter().chain(&self.others).cloned().collect();
        Event {
            id: "e1".to_owned(),
            event_type: event_type.to_owned(),
            subject_type: event_type.split('.').next().unwrap_or_default().to_owned(),
            subject_version: 1,
            occurred_at: self.now,
            now: self.now,
            people,
            clinic: self.clinic(),
            facts: self.facts.clone(),
        }
    }

    /// The question of `on-failure`.
    #[must_use]
    pub fn failed_attempt(&self) -> FailedAttempt {
        FailedAttempt {
            now: self.now,
            message: self.message.clone(),
            to: self.person.clone(),
            class: self.class,
            provider_code: String::new(),
            may_have_arrived: self.may_have_arrived,
            failed_at: self.now,
            attempts_left: self.attempts_left.unwrap_or(4_u32.saturating_sub(self.message.attempts)),
            clinic: self.clinic(),
            facts: self.facts.clone(),
        }
    }

    /// The question of `on-reply`.
    #[must_use]
    pub fn reply(&self, text: &str) -> Inbound {
        Inbound {
            now: self.now,
            received_at: self.now,
            who: self.person.clone(),
            text: text.to_owned(),
            in_reply_to: Some(self.message.clone()),
            clinic: self.clinic(),
            facts: self.facts.clone(),
        }
    }

    fn clinic(&self) -> Clinic {
        let (time_zone, local) = (self.zone.clone(), local(self.now, &self.zone));
        Clinic { time_zone, local, high_priority_may_disturb: self.may_disturb }
    }
}

/// The host shows a policy what it says it reads, and no more.
fn show<P: Policy>(facts: &mut Vec<Fact>) {
    let inputs = P::describe().inputs;
    facts.retain(|fact| inputs.contains(&fact.key));
}

fn person(name: &str, role: Role, now: UnixMs, time_zone: &str) -> Recipient {
    Recipient {
        ref_: name.to_owned(),
        role,
        language: "en".to_owned(),
        time_zone: time_zone.to_owned(),
        local: local(now, time_zone),
        discretion: Discretion::Standard,
        windows: Vec::new(),
        switched_off: Vec::new(),
        opted_out: false,
    }
}

fn local(at: UnixMs, time_zone: &str) -> LocalTime {
    calendar::to_local(at, time_zone).unwrap_or_else(|error| panic!("{error}"))
}
