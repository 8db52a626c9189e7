//! Answers as lines of text. What the host would refuse panics here.

use super::shown;
use crate::{
    DecideContext, Decision, Deferral, Description, Event, FailedAttempt, Message, MessagePlan, Reason,
    ReplyAction, RetryDecision, UnixMs,
};

/// `send: ok`, `defer to 2026-11-24T08:00: quiet-hours`, `suppress: switched-off`.
#[must_use]
pub fn decision(answer: &Decision, c: &DecideContext) -> String {
    match answer {
        Decision::Send(why) => format!("send: {}", code(why)),
        Decision::Defer(later) => {
            format!("defer to {}", deferral(later, c.now, &c.message, &c.to.time_zone))
        }
        Decision::Suppress(why) => format!("suppress: {}", code(why)),
    }
}

/// `retry at 2026-11-24T09:30: unreachable`, `give up: blocked`.
#[must_use]
pub fn retry(answer: &RetryDecision, a: &FailedAttempt) -> String {
    match answer {
        RetryDecision::Retry(later) => {
            format!("retry at {}", deferral(later, a.now, &a.message, &a.to.time_zone))
        }
        RetryDecision::GiveUp(why) => format!("give up: {}", code(why)),
    }
}

/// `request confirm: confirm`, `hand to staff: not-understood`.
#[must_use]
pub fn reply(answer: &ReplyAction) -> String {
    match answer {
        ReplyAction::Ignore(why) => format!("ignore: {}", code(why)),
        ReplyAction::Answer(a) => format!("answer {}: {}", a.message_type, code(&a.why)),
        ReplyAction::Request(r) => format!("request {}: {}", r.name, code(&r.why)),
        ReplyAction::HandToStaff(why) => format!("hand to staff: {}", code(why)),
        ReplyAction::OptOut(why) => format!("opt out: {}", code(why)),
        ReplyAction::Custom(c) => format!("custom {}: {}", c.name, code(&c.why)),
    }
}

/// `24h to p1 at 2026-11-23T09:00 until 2026-11-24T08:00: before-visit` and
/// `not 24h to p1: moment-passed`, each in that person's time.
///
/// # Panics
///
/// When a message is for nobody of the event, of a type that the policy does not decide for, in the
/// past, or at its end already.
#[must_use]
pub fn planned(plan: &MessagePlan, e: &Event, policy: &Description) -> Vec<String> {
    let zone_of = |to: &str| {
        let person = e.people.iter().find(|person| person.ref_ == to);
        person.map_or_else(|| panic!("`{to}` is nobody of the event"), |person| person.time_zone.clone())
    };
    let mut lines = Vec::new();
    for m in &plan.messages {
        assert!(policy.message_types.contains(&m.message_type), "foreign type {}", m.message_type);
        assert!(m.send_at >= e.now, "{} is planned in the past", m.key);
        let zone = zone_of(&m.to);
        let until = m.expires_at.map_or_else(String::new, |expires_at| {
            assert!(expires_at > m.send_at, "{} expires before it is sent", m.key);
            format!(" until {}", shown(expires_at, &zone))
        });
        let at = shown(m.send_at, &zone);
        lines.push(format!("{} to {} at {at}{until}: {}", m.key, m.to, code(&m.why)));
    }
    for m in &plan.passed_over {
        assert!(policy.message_types.contains(&m.message_type), "foreign type {}", m.message_type);
        zone_of(&m.to);
        lines.push(format!("not {} to {}: {}", m.key, m.to, code(&m.why)));
    }
    lines
}

fn deferral(later: &Deferral, now: UnixMs, message: &Message, zone: &str) -> String {
    assert!(later.until > now, "a deferral into the past");
    assert!(later.until < message.expires_at, "a deferral past the end of the message");
    format!("{}: {}", shown(later.until, zone), code(&later.why))
}

fn code(why: &Reason) -> &str {
    let kebab = why.code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    assert!(kebab && !why.code.is_empty(), "`{}` is not a code such as `quiet-hours`", why.code);
    assert!(why.text.ends_with('.'), "`{}` is not a sentence", why.text);
    assert!(!why.facts.is_empty(), "`{}` names no fact that settled it", why.code);
    &why.code
}
