//! The domain's words into the contract's, and back. Every `match` names every case: a new one on
//! either side is an error here, not a surprise in a clinic.

use super::bindings::{log, types};
use super::minimise;
use crate::domain::calendar::LocalTime;
use crate::domain::failure::FailureClass;
use crate::domain::kind::TypeName;
use crate::domain::message::Priority;
use crate::domain::policy::{
    ClinicFacts, DecideQuestion, Decision, Description, Discretion, Fact, FactValue, FailureQuestion,
    MessageFacts, PassedOver, Person, Plan, PlanQuestion, PlannedMessage, Reason, ReplyAction, ReplyQuestion,
    RetryDecision,
};
use crate::domain::recipient::Role;

/// The keys of facts that a policy reads; it gets no others.
#[derive(Clone, Debug)]
pub(super) struct Inputs(Vec<String>);

impl Inputs {
    pub(super) fn new(described: &[String]) -> Self {
        Self(described.to_vec())
    }

    /// `data.starts_at` allows itself, `data.*` every key that begins with `data.`.
    fn allow(&self, key: &str) -> bool {
        self.0.iter().any(|input| match input.strip_suffix(".*") {
            Some(group) => key.strip_prefix(group).is_some_and(|rest| rest.starts_with('.')),
            None => input == key,
        })
    }

    pub(super) fn reads(&self, fact: &Fact) -> bool {
        self.allow(&fact.key) && !minimise::is_private(fact)
    }

    fn facts(&self, facts: &[Fact]) -> Vec<types::Fact> {
        facts.iter().filter(|fact| self.reads(fact)).map(fact_out).collect()
    }

    pub(super) fn event(&self, question: &PlanQuestion) -> types::Event {
        types::Event {
            id: question.id.clone(),
            event_type: question.event_type.clone(),
            subject_type: question.subject_type.clone(),
            subject_version: question.subject_version,
            occurred_at: question.occurred_at,
            now: question.now,
            people: question.people.iter().map(person).collect(),
            clinic: clinic(&question.clinic),
            facts: self.facts(&question.facts),
        }
    }

    pub(super) fn decide_context(&self, question: &DecideQuestion) -> types::DecideContext {
        let past = question.recent.iter().map(|past| types::PastMessage {
            message_type: past.message_type.0.clone(),
            at: past.at,
            outcome: past.outcome.clone(),
        });
        types::DecideContext {
            now: question.now,
            message: message(&question.message),
            to: person(&question.to),
            recent: past.collect(),
            clinic: clinic(&question.clinic),
            facts: self.facts(&question.facts),
        }
    }

    pub(super) fn failed_attempt(&self, question: &FailureQuestion) -> types::FailedAttempt {
        types::FailedAttempt {
            now: question.now,
            message: message(&question.message),
            to: person(&question.to),
            class: failure_class(question.class),
            provider_code: question.provider_code.clone(),
            may_have_arrived: question.may_have_arrived,
            failed_at: question.failed_at,
            attempts_left: question.attempts_left,
            clinic: clinic(&question.clinic),
            facts: self.facts(&question.facts),
        }
    }

    pub(super) fn inbound(&self, question: &ReplyQuestion) -> types::Inbound {
        types::Inbound {
            now: question.now,
            received_at: question.received_at,
            who: person(&question.who),
            text: question.text.clone(),
            in_reply_to: question.in_reply_to.as_ref().map(message),
            clinic: clinic(&question.clinic),
            facts: self.facts(&question.facts),
        }
    }
}

pub(super) fn local_time(local: &LocalTime) -> types::LocalTime {
    types::LocalTime {
        year: local.year,
        month: local.month,
        day: local.day,
        hour: local.hour,
        minute: local.minute,
        second: local.second,
        weekday: local.weekday,
        utc_offset_minutes: local.utc_offset_minutes,
        time_zone: local.time_zone.clone(),
    }
}

fn fact_out(fact: &Fact) -> types::Fact {
    let value = match &fact.value {
        FactValue::Text(text) => types::Value::Text(text.clone()),
        FactValue::Integer(number) => types::Value::Integer(*number),
        FactValue::Decimal(number) => types::Value::Decimal(number.clone()),
        FactValue::Flag(flag) => types::Value::Flag(*flag),
        FactValue::Moment(at) => types::Value::Moment(*at),
    };
    types::Fact { key: fact.key.clone(), value }
}

fn person(person: &Person) -> types::Recipient {
    let windows = person.windows.iter().map(|window| types::Window {
        weekday: window.weekday,
        from_minute: window.from_minute,
        to_minute: window.to_minute,
    });
    types::Recipient {
        ref_: person.reference.clone(),
        role: match person.role {
            Role::Patient => types::Role::Patient,
            Role::Doctor => types::Role::Doctor,
        },
        language: person.language.clone(),
        time_zone: person.time_zone.clone(),
        local: local_time(&person.local),
        discretion: match person.discretion {
            Discretion::Discreet => types::Discretion::Discreet,
            Discretion::Standard => types::Discretion::Standard,
            Discretion::Detailed => types::Discretion::Detailed,
        },
        windows: windows.collect(),
        switched_off: person.switched_off.clone(),
        opted_out: person.opted_out,
    }
}

fn clinic(clinic: &ClinicFacts) -> types::Clinic {
    types::Clinic {
        time_zone: clinic.time_zone.clone(),
        local: local_time(&clinic.local),
        high_priority_may_disturb: clinic.high_priority_may_disturb,
    }
}

fn message(message: &MessageFacts) -> types::Message {
    types::Message {
        id: message.id.clone(),
        message_type: message.message_type.0.clone(),
        priority: match message.priority {
            Priority::High => types::Priority::High,
            Priority::Medium => types::Priority::Medium,
            Priority::Low => types::Priority::Low,
        },
        key: message.key.clone(),
        planned_for: message.planned_for,
        expires_at: message.expires_at,
        occurrence: message.occurrence,
        deferrals: message.deferrals,
        attempts: message.attempts,
    }
}

const fn failure_class(class: FailureClass) -> types::FailureClass {
    match class {
        FailureClass::Unreachable => types::FailureClass::Unreachable,
        FailureClass::Congested => types::FailureClass::Congested,
        FailureClass::ProviderFault => types::FailureClass::ProviderFault,
        FailureClass::Filtered => types::FailureClass::Filtered,
        FailureClass::Blocked => types::FailureClass::Blocked,
        FailureClass::InvalidNumber => types::FailureClass::InvalidNumber,
        FailureClass::Sender => types::FailureClass::Sender,
        FailureClass::Unknown => types::FailureClass::Unknown,
    }
}

fn facts(facts: Vec<types::Fact>) -> Vec<Fact> {
    let fact = |fact: types::Fact| Fact {
        key: fact.key,
        value: match fact.value {
            types::Value::Text(text) => FactValue::Text(text),
            types::Value::Integer(number) => FactValue::Integer(number),
            types::Value::Decimal(number) => FactValue::Decimal(number),
            types::Value::Flag(flag) => FactValue::Flag(flag),
            types::Value::Moment(at) => FactValue::Moment(at),
        },
    };
    facts.into_iter().map(fact).collect()
}

fn reason(reason: types::Reason) -> Reason {
    Reason { code: reason.code, text: reason.text, facts: facts(reason.facts) }
}

pub(super) fn plan(plan: types::MessagePlan) -> Plan {
    let messages = plan.messages.into_iter().map(|message| PlannedMessage {
        key: message.key,
        message_type: TypeName(message.message_type),
        to: message.to,
        send_at: message.send_at,
        expires_at: message.expires_at,
        occurrence: message.occurrence,
        why: reason(message.why),
    });
    let passed_over = plan.passed_over.into_iter().map(|passed| PassedOver {
        key: passed.key,
        message_type: TypeName(passed.message_type),
        to: passed.to,
        why: reason(passed.why),
    });
    Plan { messages: messages.collect(), passed_over: passed_over.collect() }
}

pub(super) fn decision(decision: types::Decision) -> Decision {
    match decision {
        types::Decision::Send(why) => Decision::Send { why: reason(why) },
        types::Decision::Defer(later) => Decision::Defer { until: later.until, why: reason(later.why) },
        types::Decision::Suppress(why) => Decision::Suppress { why: reason(why) },
    }
}

pub(super) fn retry_decision(decision: types::RetryDecision) -> RetryDecision {
    match decision {
        types::RetryDecision::Retry(later) => {
            RetryDecision::Retry { until: later.until, why: reason(later.why) }
        }
        types::RetryDecision::GiveUp(why) => RetryDecision::GiveUp { why: reason(why) },
    }
}

pub(super) fn reply_action(action: types::ReplyAction) -> ReplyAction {
    match action {
        types::ReplyAction::Ignore(why) => ReplyAction::Ignore { why: reason(why) },
        types::ReplyAction::Answer(answer) => {
            ReplyAction::Answer { message_type: TypeName(answer.message_type), why: reason(answer.why) }
        }
        types::ReplyAction::Request(request) => {
            ReplyAction::Request { name: request.name, why: reason(request.why) }
        }
        types::ReplyAction::HandToStaff(why) => ReplyAction::HandToStaff { why: reason(why) },
        types::ReplyAction::OptOut(why) => ReplyAction::OptOut { why: reason(why) },
        types::ReplyAction::Custom(action) => {
            ReplyAction::Custom { name: action.name, facts: facts(action.facts), why: reason(action.why) }
        }
    }
}

pub(super) fn description(described: types::Description) -> Description {
    let names = |names: Vec<String>| names.into_iter().map(TypeName).collect();
    Description {
        name: described.name,
        version: described.version,
        summary: described.summary,
        message_types: names(described.message_types),
        events: described.events,
        inputs: described.inputs,
        answers: names(described.answers),
        settings_schema: described.settings_schema,
    }
}

pub(super) const fn level(level: log::Level) -> &'static str {
    match level {
        log::Level::Debug => "debug",
        log::Level::Info => "info",
        log::Level::Warn => "warn",
        log::Level::Error => "error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_gets_the_facts_it_lists_and_no_others() {
        let inputs = Inputs::new(&["data.*".to_owned(), "clinic.name".to_owned(), "*".to_owned()]);
        for (key, allowed) in [
            ("data.starts_at", true),
            ("data.visit.room", true),
            ("data", false),
            ("database", false),
            ("clinic.name", true),
            ("clinic.name.short", false),
            ("clinic.phone", false),
            ("anything", false),
        ] {
            assert_eq!(inputs.allow(key), allowed, "{key}");
        }
    }
}
