//! Policies that mean harm, or are broken beyond reason: each meets its limit, and nobody else notices.

use crate::drop_in::begin;
use crate::for_each_database;
use crate::guest::{Asked, Decides, Guest, Plans};
use crate::support::{ANA, Folder, TestHost, VISIT, booked, home};
use chrono::TimeDelta;
use serde_json::{Value, json};
use tidings::sandbox::Fault;

const TYPE: &str = "prescription-ready";

/// The bundled policy gives way to another.
async fn replace(host: &TestHost, home: &Folder, policy: &str, guest: &Guest, limits: &str) {
    let file = |extension: &str| home.path().join(format!("plugins/{policy}.{extension}"));
    std::fs::write(file("toml"), format!("[limits]\n{limits}\n")).unwrap();
    std::fs::write(file("wasm"), guest.component()).unwrap();
    host.host.policies.reload().await;
    let at_work = host.host.policies.for_type(&policy.into()).unwrap();
    assert_eq!(at_work.description.version, guest.version);
}

/// The bundled policy comes back.
async fn restore(host: &TestHost, home: &Folder, policy: &str) {
    for extension in ["wasm", "toml"] {
        let file = format!("plugins/{policy}.{extension}");
        std::fs::copy(crate::support::repository().join(&file), home.path().join(&file)).unwrap();
    }
    host.host.policies.reload().await;
}

fn guest(decides: Decides) -> Guest {
    Guest { message_type: TYPE, version: "6.6.6", ..Guest::new(decides) }
}

fn phone(number: usize) -> String {
    format!("+1202555{:04}", 100 + number)
}

/// One text of a type, to somebody new.
async fn text(host: &TestHost, kind: &str, number: usize) -> String {
    let to = json!({"id": format!("p{number}"), "phone": phone(number),
        "language": "en", "time_zone": "America/New_York"});
    host.message(json!({"type": kind, "to": to})).await
}

fn decided(story: &Value) -> &Value {
    story["decisions"].as_array().unwrap().last().unwrap()
}

/// Little enough for a debug build to burn it quickly.
const FUEL: &str = "fuel = 5000000";

fn deciders() -> Vec<(Decides, &'static str, &'static str)> {
    vec![
        (Decides::Loop, "fuel = 2000000000\nwall = \"10ms\"", "timeout"),
        (Decides::Loop, FUEL, "out-of-fuel"),
        (Decides::GrowForEver, FUEL, "memory-limit"),
        (Decides::Recurse, FUEL, "stack-overflow"),
        (Decides::Panic("panicked at src/lib.rs:1:1: no such hour".to_owned()), FUEL, "panic"),
        (Decides::DivideByZero, FUEL, "trap"),
        (Decides::Text(12 << 20), FUEL, "output-too-large"),
        (Decides::Log(2), FUEL, "log-flood"),
        (Decides::Say("I would rather not".to_owned()), FUEL, "policy-error"),
        (Decides::Defer(1), FUEL, "invalid-answer"),
        (Decides::Defer(u64::MAX), FUEL, "invalid-answer"),
        (Decides::SendWithDecimal("NaN"), FUEL, "invalid-answer"),
        (Decides::SendBecause("Because I say so!".to_owned()), FUEL, "invalid-answer"),
        (Decides::NoSuchCase, FUEL, "trap"),
        (Decides::BrokenText, FUEL, "trap"),
    ]
}

/// What answers no question at all.
pub(crate) fn without_end() -> Vec<(Decides, &'static str)> {
    vec![
        (Decides::Loop, "out-of-fuel"),
        (Decides::GrowForEver, "memory-limit"),
        (Decides::Recurse, "stack-overflow"),
        (Decides::Log(2), "log-flood"),
        (Decides::DivideByZero, "trap"),
    ]
}

for_each_database! {
    async fn whatever_a_policy_does_its_text_is_held_for_it_and_the_others_go_on(start: Start) {
        let home = home();
        let host = begin(start, &home).await;
        let mut held = Vec::new();
        for (number, (decides, limits, code)) in deciders().into_iter().enumerate() {
            replace(&host, &home, TYPE, &guest(decides), limits).await;
            let id = text(&host, TYPE, number).await;
            let other = text(&host, "follow-up", number).await;
            host.run().await;
            let story = host.story(&id).await;
            assert_eq!((&story["state"], &story["reason"]["code"]), (&json!("held"), &json!(format!("policy-{code}"))), "{story}");
            let decision = decided(&story);
            assert_eq!((&decision["outcome"], &decision["answer"]["fault"]["code"]), (&json!(code), &json!(code)), "{story}");
            assert!(decision["fuel"].as_i64().unwrap() > 0, "{story}");
            assert_eq!(host.story(&other).await["state"], "delivered", "beside {code}");
            held.push(id);
        }
        // Asked again a minute later, in case it was replaced; and it was.
        restore(&host, &home, TYPE).await;
        host.run_after(TimeDelta::minutes(1)).await;
        for id in held {
            assert_eq!(host.story(&id).await["state"], "delivered");
        }
    }

    async fn whatever_a_policy_does_about_a_failure_its_text_has_failed_and_the_others_are_tried_again(start: Start) {
        let home = home();
        let host = begin(start, &home).await;
        for (number, (decides, code)) in without_end().into_iter().enumerate() {
            replace(&host, &home, TYPE, &Guest { when: Asked::OnFailure, ..guest(decides) }, FUEL).await;
            let (one, other) = (2 * number, 2 * number + 1);
            for number in [one, other] {
                host.sandbox.script(&phone(number), [Fault::Refuse(30001)]);
            }
            let id = text(&host, TYPE, one).await;
            let other = text(&host, "follow-up", other).await;
            host.run().await;
            let story = host.story(&id).await;
            assert_eq!((&story["state"], &story["reason"]["code"]), (&json!("failed"), &json!("congested")), "{story}");
            // They are of the same moment.
            let mut decisions = story["decisions"].as_array().unwrap().iter();
            let decision = decisions.find(|decision| decision["question"] == "on-failure").unwrap();
            assert_eq!(decision["outcome"], code, "{story}");
            assert_eq!(host.story(&other).await["state"], "planned", "beside {code}");
        }
    }

    async fn what_a_policy_logged_is_in_the_record_of_its_decision(start: Start) {
        let home = home();
        let host = begin(start, &home).await;
        let words = "panicked at src/lib.rs:1:1: no such hour";
        replace(&host, &home, TYPE, &guest(Decides::Panic(words.to_owned())), FUEL).await;
        let id = text(&host, TYPE, 1).await;
        host.run().await;
        let story = host.story(&id).await;
        let decision = decided(&story);
        assert_eq!(decision["log"], json!([format!("error: {words}")]), "{story}");
        assert_eq!((&decision["policy"]["version"], decision["policy"]["hash"].as_str().unwrap().len()), (&json!("6.6.6"), 64));
        assert!(decision["tz_database"].as_str().unwrap().starts_with("20"), "{story}");
        let told = story["story"].to_string();
        assert!(told.contains("The policy sample 6.6.6 did not answer (panic)."), "{told}");
    }

    async fn where_a_type_says_send_the_host_s_own_rules_decide_and_where_it_says_suppress_nothing_goes(start: Start) {
        let home = home();
        let template = home.path().join("templates/prescription-ready.toml");
        let written = std::fs::read_to_string(&template).unwrap();
        std::fs::write(&template, format!("on_policy_failure = \"send\"\n{written}")).unwrap();
        let other = home.path().join("templates/follow-up.toml");
        let written = std::fs::read_to_string(&other).unwrap();
        std::fs::write(&other, format!("on_policy_failure = \"suppress\"\n{written}")).unwrap();
        let host = begin(start, &home).await;
        replace(&host, &home, TYPE, &guest(Decides::DivideByZero), FUEL).await;
        replace(&host, &home, "follow-up", &Guest { message_type: "follow-up", ..guest(Decides::DivideByZero) }, FUEL).await;

        let sent = text(&host, TYPE, 1).await;
        let suppressed = text(&host, "follow-up", 2).await;
        host.run().await;
        assert_eq!(host.story(&sent).await["state"], "delivered");
        let story = host.story(&suppressed).await;
        assert_eq!((&story["state"], &story["reason"]["code"]), (&json!("suppressed"), &json!("policy-trap")), "{story}");

        // Nobody is woken, and nobody who said stop is written to.
        host.clock.advance(TimeDelta::hours(12));
        let at_night = text(&host, TYPE, 3).await;
        host.run().await;
        let story = host.story(&at_night).await;
        assert_eq!((&story["state"], &story["due_at"]), (&json!("planned"), &json!("2026-11-25T13:00:00Z")), "{story}");
        let (status, _) = host.post("/api/v1/recipients/p3/consents", json!({"choice": "opt_out", "source": "staff"})).await;
        assert_eq!(status, 201);
        host.run_after(TimeDelta::hours(12)).await;
        let story = host.story(&at_night).await;
        assert_eq!((&story["state"], &story["reason"]["code"]), (&json!("suppressed"), &json!("opted-out")), "{story}");
    }

    async fn a_version_that_fails_three_texts_gives_way_to_the_one_before_it(start: Start) {
        let home = home();
        let host = begin(start, &home).await;
        replace(&host, &home, TYPE, &guest(Decides::DivideByZero), FUEL).await;
        let mut ids = Vec::new();
        for number in 0..4 {
            ids.push(text(&host, TYPE, number).await);
            host.run().await;
        }
        let mut states = Vec::new();
        for id in &ids {
            states.push(host.story(id).await["state"].as_str().unwrap().to_owned());
        }
        assert_eq!(states, ["held", "held", "held", "delivered"]);
        let policies = host.get("/api/v1/policies").await;
        let file = policies["items"].as_array().unwrap().iter().find(|item| item["file"] == TYPE).unwrap();
        assert_eq!((&file["state"], &file["version"], &file["refused"]["code"]), (&json!("live"), &json!("0.1.0"), &json!("rolled-back")), "{policies}");
        assert!(host.get("/readyz").await["refused"][0].as_str().unwrap().starts_with("prescription-ready (rolled-back)"));
        host.run_after(TimeDelta::minutes(1)).await;
        for id in &ids {
            assert_eq!(host.story(id).await["state"], "delivered");
        }
    }

    async fn a_plan_beyond_all_measure_is_passed_over_and_made_when_the_policy_is_mended(start: Start) {
        let home = home();
        let host = begin(start, &home).await;
        let plans = [
            (Plans::Many(1_000_000), "policy-memory-limit"),
            (Plans::Many(5_000), "policy-output-too-large"),
            (Plans::Many(21), "policy-invalid-answer"),
            (Plans::OfType("otp"), "policy-invalid-answer"),
            (Plans::At(u64::MAX), "policy-invalid-answer"),
        ];
        let mut events = Vec::new();
        for (number, (plans, code)) in plans.into_iter().enumerate() {
            let guest = Guest { message_type: "appointment-reminder", events: &["appointment.booked"], plans, ..guest(Decides::Send) };
            replace(&host, &home, "appointment-reminder", &guest, FUEL).await;
            let mut event = booked(1, VISIT);
            event["subject"]["id"] = json!(number.to_string());
            let event = host.event(event).await;
            assert_eq!(event["state"], "planning", "{event}");
            let passed = event["passed_over"].as_array().unwrap().iter().find(|it| it["type"] == "appointment-reminder").unwrap();
            assert_eq!(passed["reason"]["code"], code, "{event}");
            let planned: Vec<_> = event["messages"].as_array().unwrap().iter().map(|it| it["type"].clone()).collect();
            assert_eq!(planned, ["appointment-confirmation"], "{event}");
            events.push(event["id"].as_str().unwrap().to_owned());
        }
        restore(&host, &home, "appointment-reminder").await;
        host.run_after(TimeDelta::minutes(1)).await;
        for id in events {
            let event = host.get(&format!("/api/v1/events/{id}")).await;
            assert_eq!((&event["state"], event["messages"].as_array().unwrap().len()), (&json!("planned"), 3), "{event}");
        }
    }

    async fn a_message_of_a_type_without_a_template_is_not_planned_and_the_event_says_so(start: Start) {
        let home = home();
        let guest = Guest { message_type: "our-own", events: &["clinic.closed"], plans: Plans::One, ..guest(Decides::Send) };
        std::fs::write(home.path().join("plugins/our-own.wasm"), guest.component()).unwrap();
        let host = begin(start, &home).await;
        let event = host.event(json!({"type": "clinic.closed", "subject": {"type": "clinic", "id": "1", "version": 1},
            "people": [{"id": "ana", "phone": ANA}]})).await;
        assert_eq!((&event["state"], &event["passed_over"][0]["reason"]["code"]), (&json!("planned"), &json!("unknown-type")), "{event}");
    }
}
