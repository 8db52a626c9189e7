//! The committed policies belong to their source, and answer as it does.

use crate::for_each_database;
use crate::support::postgres::{required, say_skipped, variable};
use crate::support::{Folder, VISIT, booked, home, repository};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tidings::domain::calendar::to_local;
use tidings::domain::event::KNOWN_EVENTS;
use tidings::domain::failure::FailureClass;
use tidings::domain::kind::TypeName;
use tidings::domain::message::Priority;
use tidings::domain::policy::{
    ClinicFacts, DecideQuestion, Discretion, Fact, FactValue, FailureQuestion, MessageFacts, Person,
    PlanQuestion, ReplyQuestion, UnixMs,
};
use tidings::domain::recipient::Role;
use tidings::policy::build::{read_provenance, source_hash};
use tidings::policy::{Cache, Limits, Policies, Span};

/// The folders of the bundled policies' crates.
fn crates() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(repository().join("plugins"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("Cargo.toml").is_file() && !path.ends_with("sdk"))
        .collect();
    folders.sort();
    folders
}

#[test]
fn every_committed_policy_was_built_from_the_source_beside_it() {
    let crates = crates();
    assert_eq!(crates.len(), 8);
    for folder in crates {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let file = repository().join("plugins").join(format!("{name}.wasm"));
        let provenance = read_provenance(&std::fs::read(&file).unwrap()).unwrap_or_else(|| {
            panic!("{name}.wasm says nothing of its source; run `cargo run -- plugin build {name}`")
        });
        let now = source_hash(repository(), &folder, &provenance.compiler).unwrap();
        assert_eq!(provenance.sources, now, "{name} has changed; run `cargo run -- plugin build {name}`");
    }
}

/// A compiler for policies: the file that names it, or rustup's own target.
pub(crate) fn has_toolchain() -> bool {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output();
    let own = sysroot.is_ok_and(|output| {
        let sysroot = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Path::new(&sysroot).join("lib/rustlib/wasm32-unknown-unknown").is_dir()
    });
    own || variable("TIDINGS_WASM_ENV").is_some_and(|file| !file.is_empty())
}

pub(crate) async fn load(folder: &Path) -> Policies {
    let cache = Cache::new(Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled"), [3; 32]);
    let limits = Limits { wall: Span(Duration::from_secs(2)), ..Limits::default() };
    Policies::load(folder, &cache, &limits).await.unwrap().0
}

fn ms(at: DateTime<Utc>) -> UnixMs {
    UnixMs::try_from(at.timestamp_millis()).unwrap()
}

/// A week in which clocks change, hour by hour, is enough to see a rule that differs.
fn moments() -> impl Iterator<Item = DateTime<Utc>> {
    let start: DateTime<Utc> = "2027-03-12T00:30:00Z".parse().unwrap();
    (0..5 * 24).map(move |hour| start + TimeDelta::hours(hour))
}

fn person(now: DateTime<Utc>, role: Role, zone: chrono_tz::Tz) -> Person {
    Person {
        reference: format!("{}-1", role.name()),
        role,
        language: "es".to_owned(),
        time_zone: zone.name().to_owned(),
        local: to_local(now, zone),
        discretion: Discretion::Standard,
        windows: Vec::new(),
        switched_off: Vec::new(),
        opted_out: false,
    }
}

fn clinic(now: DateTime<Utc>) -> ClinicFacts {
    let zone = chrono_tz::America::New_York;
    ClinicFacts {
        time_zone: zone.name().to_owned(),
        local: to_local(now, zone),
        high_priority_may_disturb: false,
    }
}

fn facts(now: DateTime<Utc>) -> Vec<Fact> {
    [30, 60 * 26]
        .iter()
        .zip(["data.starts_at", "data.due_at"])
        .map(|(minutes, key)| Fact {
            key: key.to_owned(),
            value: FactValue::Moment(ms(now + TimeDelta::minutes(*minutes))),
        })
        .collect()
}

fn message(now: DateTime<Utc>, kind: &TypeName, key: &str) -> MessageFacts {
    MessageFacts {
        id: "message".to_owned(),
        message_type: kind.clone(),
        priority: Priority::High,
        key: key.to_owned(),
        planned_for: ms(now),
        expires_at: ms(now + TimeDelta::hours(20)),
        occurrence: Some(ms(now + TimeDelta::hours(24))),
        deferrals: 0,
        attempts: 1,
    }
}

/// Everything that the policies of a folder answer, in words.
pub(crate) async fn answers(policies: &Policies) -> Vec<String> {
    let zone = chrono_tz::America::New_York;
    let mut answers = Vec::new();
    for policy in policies.all() {
        let kind = policy.description.message_types[0].clone();
        for now in moments() {
            for event in KNOWN_EVENTS {
                let question = PlanQuestion {
                    id: "event".to_owned(),
                    event_type: event.to_owned(),
                    subject_type: "subject".to_owned(),
                    subject_version: 1,
                    occurred_at: ms(now),
                    now: ms(now),
                    people: vec![
                        person(now, Role::Patient, zone),
                        person(now, Role::Doctor, chrono_tz::Asia::Dhaka),
                    ],
                    clinic: clinic(now),
                    facts: facts(now),
                };
                answers.push(format!("{:?}", policies.plan(&policy, &question).await.map(|a| a.answer)));
            }
            let question = DecideQuestion {
                now: ms(now),
                message: message(now, &kind, "24h"),
                to: person(now, Role::Patient, zone),
                recent: Vec::new(),
                clinic: clinic(now),
                facts: facts(now),
            };
            answers.push(format!("{:?}", policies.decide(&policy, &question).await.map(|a| a.answer)));
        }
        let now = moments().next().unwrap();
        for class in [
            FailureClass::Unreachable,
            FailureClass::Congested,
            FailureClass::Filtered,
            FailureClass::Unknown,
        ] {
            let question = FailureQuestion {
                now: ms(now),
                message: message(now, &kind, "1h"),
                to: person(now, Role::Patient, zone),
                class,
                provider_code: "30003".to_owned(),
                may_have_arrived: false,
                failed_at: ms(now),
                attempts_left: 3,
                clinic: clinic(now),
                facts: facts(now),
            };
            answers.push(format!("{:?}", policies.on_failure(&policy, &question).await.map(|a| a.answer)));
        }
        for text in ["C", "r", "cancel", "stop", "what?"] {
            let question = ReplyQuestion {
                now: ms(now),
                received_at: ms(now),
                who: person(now, Role::Patient, zone),
                text: text.to_owned(),
                in_reply_to: Some(message(now, &kind, "24h")),
                clinic: clinic(now),
                facts: facts(now),
            };
            answers.push(format!("{:?}", policies.on_reply(&policy, &question).await.map(|a| a.answer)));
        }
    }
    answers
}

#[tokio::test]
async fn a_rebuilt_policy_answers_as_the_committed_one_does() {
    if !has_toolchain() {
        assert!(
            !required("wasm"),
            "a toolchain for wasm is required and there is none: see .ci/wasm-toolchain"
        );
        say_skipped("rebuilding the policies: no toolchain for wasm32-unknown-unknown");
        return;
    }
    let folder = Folder::new();
    let built = Command::new(env!("CARGO_BIN_EXE_tidings"))
        .args([
            "--home",
            repository().to_str().unwrap(),
            "plugin",
            "build",
            "--out",
            folder.path().to_str().unwrap(),
        ])
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    for entry in std::fs::read_dir(repository().join("plugins")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    let committed = answers(&load(&repository().join("plugins")).await).await;
    let rebuilt = answers(&load(folder.path()).await).await;
    assert!(committed.iter().filter(|answer| answer.starts_with("Ok")).count() > 1000);
    assert_eq!(committed, rebuilt);
}

/// A home with the bundled files, in which one policy never has fuel enough to answer.
fn home_with_a_silent(policy: &str) -> Folder {
    let home = home();
    let file = home.path().join(format!("plugins/{policy}.toml"));
    let settings = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{settings}\n[limits]\nfuel = 1000\n")).unwrap();
    home
}

for_each_database! {
    async fn a_silent_policy_does_not_stop_the_others_and_is_asked_again_alone(start: Start) {
        let home = home_with_a_silent("cancellation-alert");
        let mut start = start;
        start.home = home.path().to_owned();
        let host = start.host().await;
        host.event(booked(1, VISIT)).await;
        host.run().await;
        let canceled = json!({"type": "appointment.canceled", "subject": {"type": "appointment", "id": "9", "version": 2}});
        let event = host.event(canceled).await;
        assert_eq!(event["state"], "planning");
        assert_eq!(event["canceled"].as_array().unwrap().len(), 2, "the reminders: {event}");
        for _ in 0..3 {
            host.run_after(TimeDelta::minutes(1)).await;
        }
        let id = event["id"].as_str().unwrap().parse().unwrap();
        let decisions = host.host.store.read().await.unwrap().decisions_of_event(id).await.unwrap();
        let mut asked: Vec<&str> = decisions.iter().map(|decision| decision.policy.as_str()).collect();
        asked.sort_unstable();
        assert_eq!(asked, ["appointment-confirmation", "appointment-reminder", "cancellation-alert", "follow-up"]);
        let silent = decisions.iter().find(|decision| decision.policy == "cancellation-alert").unwrap();
        assert_eq!((silent.outcome.as_str(), silent.fuel), ("out-of-fuel", 1000), "written down once");
        host.run_after(TimeDelta::days(1)).await;
        let event = host.get(&format!("/api/v1/events/{}", event["id"].as_str().unwrap())).await;
        assert_eq!((&event["state"], event["canceled"].as_array().unwrap().len()), (&json!("planned"), 2));
        assert_eq!(event["passed_over"][0]["reason"]["code"], "policy-out-of-fuel", "{event}");
    }
    async fn a_cap_counts_all_that_a_person_was_sent_however_much_that_is(start: Start) {
        let home = home();
        let file = home.path().join("plugins/prescription-ready.toml");
        let settings = std::fs::read_to_string(&file).unwrap();
        let settings = settings.replace("at_most_per_day = 6", "at_most_per_day = 0");
        std::fs::write(&file, settings.replace("at_most_per_week = 20", "at_most_per_week = 53")).unwrap();
        let mut start = start;
        start.home = home.path().to_owned();
        let host = start.host().await;
        let to = json!({"id": "bo", "phone": "+12025550144", "time_zone": "America/New_York"});
        for number in 0..52 {
            let text = format!("Closed until {number}.");
            host.message(json!({"type": "urgent-alert", "to": to, "variables": {"text": text}})).await;
        }
        host.run().await;
        let mut ends = Vec::new();
        for _ in 0..2 {
            let id = host.message(json!({"type": "prescription-ready", "to": to})).await;
            host.run().await;
            let story = host.story(&id).await;
            let seen = story["decisions"][0]["input"]["recent"].as_array().unwrap().len();
            ends.push((seen, story["decisions"][0]["reason"]["code"].as_str().unwrap().to_owned()));
        }
        assert_eq!(ends, [(52, "ok".to_owned()), (53, "weekly-cap".to_owned())]);
    }
}
