//! What an answer must be. A policy decides; it cannot reach beyond the question it was asked.

use super::limits::Limits;
use super::quantity::Span;
use crate::domain::kind::TypeName;
use crate::domain::policy::{
    DecideQuestion, Decision, Description, Fact, FactValue, FailureQuestion, Plan, PlanQuestion, Reason,
    ReplyAction, RetryDecision, UnixMs,
};
use std::collections::HashSet;

/// The first moment of the year 10000.
const END_OF_TIME: UnixMs = 253_402_300_800_000;

/// The rule that an answer breaks, in a sentence.
type Broken = String;

pub(super) fn plan(
    plan: &Plan,
    question: &PlanQuestion,
    description: &Description,
    limits: &Limits,
) -> Result<(), Broken> {
    let most = limits.planned_messages as usize;
    if plan.messages.len() > most {
        let planned = plan.messages.len();
        return Err(format!("an event plans at most {most} messages (`planned_messages`), not {planned}"));
    }
    let place = |message_type: &TypeName, to: &str| {
        if !description.message_types.contains(message_type) {
            return Err(format!("it does not describe the message type `{}`", shown(&message_type.0)));
        }
        if !question.people.iter().any(|person| person.reference == to) {
            return Err(format!("`{}` is none of the event's people", shown(to)));
        }
        Ok(())
    };
    let mut seen = HashSet::new();
    for message in &plan.messages {
        place(&message.message_type, &message.to)?;
        key(&message.key)?;
        if !seen.insert((&message.message_type, &message.to, &message.key, message.occurrence)) {
            return Err(format!("the key `{}` is planned twice", shown(&message.key)));
        }
        let moments = [Some(message.send_at), message.expires_at, message.occurrence];
        if moments.into_iter().flatten().any(|at| at >= END_OF_TIME) {
            return Err("a moment lies after the year 9999".to_owned());
        }
        reason(&message.why)?;
    }
    for passed in &plan.passed_over {
        place(&passed.message_type, &passed.to)?;
        key(&passed.key)?;
        reason(&passed.why)?;
    }
    Ok(())
}

pub(super) fn decision(
    decision: &Decision,
    question: &DecideQuestion,
    limits: &Limits,
) -> Result<(), Broken> {
    match decision {
        Decision::Send { why } | Decision::Suppress { why } => reason(why),
        Decision::Defer { until, why } => {
            later(*until, question.now, question.message.expires_at, limits.defer)?;
            reason(why)
        }
    }
}

pub(super) fn retry_decision(
    decision: &RetryDecision,
    question: &FailureQuestion,
    limits: &Limits,
) -> Result<(), Broken> {
    match decision {
        RetryDecision::GiveUp { why } => reason(why),
        RetryDecision::Retry { until, why } => {
            later(*until, question.now, question.message.expires_at, limits.defer)?;
            reason(why)
        }
    }
}

pub(super) fn reply_action(action: &ReplyAction, description: &Description) -> Result<(), Broken> {
    match action {
        ReplyAction::Ignore { why } | ReplyAction::HandToStaff { why } | ReplyAction::OptOut { why } => {
            reason(why)
        }
        ReplyAction::Answer { message_type, why } => {
            if !description.answers.contains(message_type) {
                return Err(format!("it does not list `{}` in its answers", shown(&message_type.0)));
            }
            reason(why)
        }
        ReplyAction::Request { name, why } => {
            if !is_name(name) {
                return Err(format!("`{}` is no name of a request", shown(name)));
            }
            reason(why)
        }
        // The contract keeps this door for later hosts.
        ReplyAction::Custom { name, .. } => Err(format!("this host knows no action `{}`", shown(name))),
    }
}

/// Up to 64 of `a-z`, `0-9` and `-`: what can be counted, and put into a file name.
pub(super) fn is_name(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.len() <= 64 && text.bytes().all(letter)
}

fn key(key: &str) -> Result<(), Broken> {
    match key.chars().count() {
        1..=64 => Ok(()),
        _ => Err(format!("the key `{}` is not of 1 to 64 characters", shown(key))),
    }
}

fn later(until: UnixMs, now: UnixMs, expires_at: UnixMs, furthest: Span) -> Result<(), Broken> {
    if until <= now {
        return Err(format!("`until` ({until}) must be after `now` ({now})"));
    }
    if until > expires_at {
        return Err(format!("`until` ({until}) must not be after `expires_at` ({expires_at})"));
    }
    if until > now.saturating_add(furthest.millis()) {
        return Err(format!("`until` ({until}) must be within {furthest} of `now` ({now}) (`defer`)"));
    }
    Ok(())
}

fn reason(reason: &Reason) -> Result<(), Broken> {
    if !is_name(&reason.code) {
        let code = shown(&reason.code);
        return Err(format!("the reason's code `{code}` is not 1 to 64 of `a-z`, `0-9` and `-`"));
    }
    let length = reason.text.chars().count();
    if length > 500 {
        return Err(format!("the reason's text has {length} characters, and may have 500"));
    }
    if reason.facts.len() > 20 {
        return Err(format!("the reason has {} facts, and may have 20", reason.facts.len()));
    }
    reason.facts.iter().try_for_each(fact)
}

/// What settled an answer is read by people and kept for years.
fn fact(fact: &Fact) -> Result<(), Broken> {
    let key = shown(&fact.key);
    if !(1..=128).contains(&fact.key.chars().count()) {
        return Err(format!("`{key}` is no name of a fact: it has 1 to 128 characters"));
    }
    match &fact.value {
        FactValue::Text(text) if text.chars().count() > 500 => {
            Err(format!("the fact `{key}` has more than 500 characters"))
        }
        FactValue::Decimal(number) if !is_decimal(number) => {
            Err(format!("the fact `{key}` is `{}`, which is no number", shown(number)))
        }
        FactValue::Moment(at) if *at >= END_OF_TIME => {
            Err(format!("the fact `{key}` is a moment after the year 9999"))
        }
        FactValue::Text(_)
        | FactValue::Integer(_)
        | FactValue::Decimal(_)
        | FactValue::Flag(_)
        | FactValue::Moment(_) => Ok(()),
    }
}

/// As JSON writes numbers: `25.50`, and neither `NaN` nor `inf`.
fn is_decimal(number: &str) -> bool {
    number.len() <= 64 && serde_json::from_str::<serde_json::Number>(number).is_ok()
}

/// What a policy wrote, short enough for a log.
fn shown(text: &str) -> String {
    super::imports::one_line(text, 80)
}
