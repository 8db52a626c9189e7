//! Answers as lines that people read and `cases.toml` expects, as in the SDK's own tables of cases.
//! Moments are on the wall clock of the person, with seconds where there are some.

use crate::domain::calendar::to_local;
use crate::domain::policy::{Decision, Plan, PlanQuestion, ReplyAction, RetryDecision, UnixMs};
use crate::domain::question::{Answer, Question};
use chrono::DateTime;
use chrono_tz::Tz;

/// `send: ok`, `defer to 2026-11-24T08:00: quiet-hours`; a line for each message of a plan.
pub(super) fn lines(question: &Question, answer: &Answer) -> Vec<String> {
    let zone = zone(question);
    match answer {
        Answer::Plan(plan) => match question {
            Question::Plan(question) => planned(plan, question),
            Question::Decide(_) | Question::OnFailure(_) | Question::OnReply(_) => Vec::new(),
        },
        Answer::Decide(decision) => vec![match decision {
            Decision::Send { why } => format!("send: {}", why.code),
            Decision::Defer { until, why } => format!("defer to {}: {}", clock(*until, zone), why.code),
            Decision::Suppress { why } => format!("suppress: {}", why.code),
        }],
        Answer::OnFailure(decision) => vec![match decision {
            RetryDecision::Retry { until, why } => format!("retry at {}: {}", clock(*until, zone), why.code),
            RetryDecision::GiveUp { why } => format!("give up: {}", why.code),
        }],
        Answer::OnReply(action) => vec![reply(action)],
    }
}

/// A policy that gave no answer.
pub(super) fn fault(code: &str, text: &str) -> String {
    format!("fault {code}: {text}")
}

fn reply(action: &ReplyAction) -> String {
    match action {
        ReplyAction::Ignore { why } => format!("ignore: {}", why.code),
        ReplyAction::Answer { message_type, why } => format!("answer {message_type}: {}", why.code),
        ReplyAction::Request { name, why } => format!("request {name}: {}", why.code),
        ReplyAction::HandToStaff { why } => format!("hand to staff: {}", why.code),
        ReplyAction::OptOut { why } => format!("opt out: {}", why.code),
        ReplyAction::Custom { name, why, .. } => format!("custom {name}: {}", why.code),
    }
}

fn planned(plan: &Plan, question: &PlanQuestion) -> Vec<String> {
    let zone_of = |to: &str| {
        let person = question.people.iter().find(|person| person.reference == to);
        named(person.map_or("", |person| &person.time_zone))
    };
    let messages = plan.messages.iter().map(|m| {
        let zone = zone_of(&m.to);
        let until = m.expires_at.map_or_else(String::new, |at| format!(" until {}", clock(at, zone)));
        format!("{} to {} at {}{until}: {}", m.key, m.to, clock(m.send_at, zone), m.why.code)
    });
    let passed = plan.passed_over.iter().map(|m| format!("not {} to {}: {}", m.key, m.to, m.why.code));
    messages.chain(passed).collect()
}

fn zone(question: &Question) -> Tz {
    named(match question {
        Question::Plan(question) => &question.clinic.time_zone,
        Question::Decide(question) => &question.to.time_zone,
        Question::OnFailure(question) => &question.to.time_zone,
        Question::OnReply(question) => &question.who.time_zone,
    })
}

/// The host wrote the name, from its own database of zones.
fn named(zone: &str) -> Tz {
    zone.parse().unwrap_or(Tz::UTC)
}

/// `2026-11-24T09:00`
pub(super) fn clock(at: UnixMs, zone: Tz) -> String {
    let Some(at) = i64::try_from(at).ok().and_then(DateTime::from_timestamp_millis) else {
        return format!("{at} ms");
    };
    let local = to_local(at, zone);
    let minute = format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}",
        local.year, local.month, local.day, local.hour, local.minute
    );
    if local.second == 0 { minute } else { format!("{minute}:{:02}", local.second) }
}
