//! The rules of answers that the guests made by hand do not reach.

use super::super::answer;
use super::{booked, due, ms};
use crate::domain::failure::FailureClass;
use crate::domain::kind::TypeName;
use crate::domain::policy::{
    Decision, Description, Fact, FactValue, FailureQuestion, PassedOver, Plan, PlannedMessage, Reason,
    ReplyAction, RetryDecision,
};
use crate::policy::Limits;

fn described() -> Description {
    Description {
        name: "sample".to_owned(),
        version: "1.0.0".to_owned(),
        summary: "A sample.".to_owned(),
        message_types: vec![TypeName::from("sample")],
        events: vec!["appointment.booked".to_owned()],
        inputs: Vec::new(),
        answers: vec![TypeName::from("thanks")],
        settings_schema: "{}".to_owned(),
    }
}

fn why() -> Reason {
    Reason { code: "before-visit".to_owned(), text: "A day before.".to_owned(), facts: Vec::new() }
}

fn planned(key: &str) -> PlannedMessage {
    PlannedMessage {
        key: key.to_owned(),
        message_type: TypeName::from("sample"),
        to: "person-1".to_owned(),
        send_at: ms("2026-11-24T14:00:00-05:00"),
        expires_at: None,
        occurrence: Some(ms(super::VISIT)),
        why: why(),
    }
}

fn check(messages: Vec<PlannedMessage>) -> Result<(), String> {
    let plan = Plan { messages, passed_over: Vec::new() };
    answer::plan(&plan, &booked(), &described(), &Limits::default())
}

fn broken(change: impl FnOnce(&mut PlannedMessage)) -> String {
    let mut message = planned("24h");
    change(&mut message);
    check(vec![message]).unwrap_err()
}

#[test]
fn a_plan_stays_within_its_event_and_its_policy() {
    check(vec![planned("24h"), planned("1h")]).unwrap();
    assert_eq!(broken(|m| m.to = "person-2".into()), "`person-2` is none of the event's people");
    assert_eq!(
        broken(|m| m.message_type = TypeName::from("otp")),
        "it does not describe the message type `otp`"
    );
    assert_eq!(broken(|m| m.key.clear()), "the key `` is not of 1 to 64 characters");
    assert!(broken(|m| m.key = "k".repeat(65)).contains("is not of 1 to 64 characters"));
    assert_eq!(broken(|m| m.send_at = u64::MAX), "a moment lies after the year 9999");
    assert_eq!(broken(|m| m.expires_at = Some(u64::MAX)), "a moment lies after the year 9999");
}

#[test]
fn a_key_is_planned_once_for_each_person_and_occurrence() {
    assert_eq!(check(vec![planned("24h"), planned("24h")]).unwrap_err(), "the key `24h` is planned twice");
    let moved = PlannedMessage { occurrence: None, ..planned("24h") };
    check(vec![planned("24h"), moved]).unwrap();
}

#[test]
fn an_event_plans_a_bounded_number_of_messages() {
    let many = |number: usize| (0..number).map(|n| planned(&n.to_string())).collect();
    check(many(20)).unwrap();
    assert_eq!(
        check(many(21)).unwrap_err(),
        "an event plans at most 20 messages (`planned_messages`), not 21"
    );
}

#[test]
fn what_is_passed_over_is_held_to_the_same_rules() {
    let passed = |to: &str| PassedOver {
        key: "24h".to_owned(),
        message_type: TypeName::from("sample"),
        to: to.to_owned(),
        why: why(),
    };
    let check = |passed| {
        let plan = Plan { messages: Vec::new(), passed_over: vec![passed] };
        answer::plan(&plan, &booked(), &described(), &Limits::default())
    };
    check(passed("person-1")).unwrap();
    assert_eq!(check(passed("p9")).unwrap_err(), "`p9` is none of the event's people");
}

#[test]
fn a_reason_is_short() {
    let decide = |why| {
        answer::decision(
            &Decision::Send { why },
            &due("sample", "2026-11-24T14:00:00-05:00"),
            &Limits::default(),
        )
    };
    decide(why()).unwrap();
    let long = Reason { text: "ü".repeat(500), ..why() };
    decide(long).unwrap();
    let longer = Reason { text: "x".repeat(501), ..why() };
    assert_eq!(decide(longer).unwrap_err(), "the reason's text has 501 characters, and may have 500");
    let fact = Fact { key: "hour".to_owned(), value: FactValue::Integer(9) };
    let many = Reason { facts: vec![fact; 21], ..why() };
    assert_eq!(decide(many).unwrap_err(), "the reason has 21 facts, and may have 20");
    let nameless = Reason { code: String::new(), ..why() };
    assert!(decide(nameless).unwrap_err().starts_with("the reason's code `` is not"));
}

#[test]
fn a_deferral_is_at_most_thirty_days() {
    let mut question = due("sample", "2026-11-24T14:00:00-05:00");
    question.message.expires_at = u64::MAX;
    let days = |days: u64| Decision::Defer { until: question.now + days * 24 * 60 * 60 * 1000, why: why() };
    answer::decision(&days(30), &question, &Limits::default()).unwrap();
    assert!(
        answer::decision(&days(31), &question, &Limits::default()).unwrap_err().contains("within 30 d of")
    );
}

#[test]
fn a_retry_comes_after_now_and_before_the_end_of_use() {
    let asked = due("sample", "2026-11-24T14:00:00-05:00");
    let question = FailureQuestion {
        now: asked.now,
        message: asked.message,
        to: asked.to,
        class: FailureClass::Unreachable,
        provider_code: "30003".to_owned(),
        may_have_arrived: false,
        failed_at: asked.now,
        attempts_left: 3,
        clinic: asked.clinic,
        facts: Vec::new(),
    };
    let retry = |until| {
        answer::retry_decision(&RetryDecision::Retry { until, why: why() }, &question, &Limits::default())
    };
    retry(question.now + 1).unwrap();
    assert!(retry(question.now).is_err() && retry(question.message.expires_at + 1).is_err());
}

#[test]
fn a_reply_is_answered_only_as_described() {
    let check = |action| answer::reply_action(&action, &described());
    check(ReplyAction::Answer { message_type: TypeName::from("thanks"), why: why() }).unwrap();
    check(ReplyAction::Request { name: "confirm".to_owned(), why: why() }).unwrap();
    let other = ReplyAction::Answer { message_type: TypeName::from("sample"), why: why() };
    assert_eq!(check(other).unwrap_err(), "it does not list `sample` in its answers");
    let shouted = ReplyAction::Request { name: "CONFIRM!".to_owned(), why: why() };
    assert_eq!(check(shouted).unwrap_err(), "`CONFIRM!` is no name of a request");
    let custom = ReplyAction::Custom { name: "call-back".to_owned(), facts: Vec::new(), why: why() };
    assert_eq!(check(custom).unwrap_err(), "this host knows no action `call-back`");
}
