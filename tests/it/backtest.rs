//! Decisions that were made are made again: to the byte by the same policy, and by another to see what
//! would change.

use crate::authoring::{plugin_beside, printed};
use crate::for_each_database;
use crate::guest::{Decides, Guest};
use crate::support::{Folder, Start, TestHost, VISIT, booked, home};
use serde_json::json;
use std::path::Path;

/// A host that has confirmed a visit, in a home beside which commands run.
pub(crate) async fn confirmed(mut start: Start) -> (Folder, TestHost, Vec<(&'static str, String)>) {
    let home = home();
    std::fs::write(home.path().join("tidings.toml"), "[policy]\nwall = \"2s\"\n").unwrap();
    std::fs::create_dir_all(home.path().join(".tidings")).unwrap();
    let environment = start.database_url.iter().map(|url| ("DATABASE_URL", url.clone())).collect();
    start.state = Some(home.path().join(".tidings"));
    start.home = home.path().to_owned();
    let host = start.host().await;
    host.event(booked(1, VISIT)).await;
    host.run().await;
    (home, host, environment)
}

async fn backtest(home: &Path, settings: &str, environment: &[(&str, String)]) -> (Option<i32>, String) {
    let file = home.join("tried.toml");
    std::fs::write(&file, settings).unwrap();
    let file = file.to_str().unwrap();
    let arguments = ["backtest", "appointment-confirmation", "--since", "9999d", "--settings", file];
    let output = plugin_beside(home, &arguments, environment).await;
    (output.status.code(), printed(&output))
}

for_each_database! {
    async fn a_candidate_is_tried_on_what_was_decided(start: Start) {
        let (home, _host, environment) = Box::pin(confirmed(start)).await;
        let (status, text) = backtest(home.path(), "", &environment).await;
        assert_eq!(status, Some(0), "{text}");
        for line in ["       2  same", "       0  answer changed", "0 texts more, about 0.00 USD"] {
            assert!(text.contains(line), "{line} in {text}");
        }
        // Ten in the morning is too early for this one.
        let (status, text) = backtest(home.path(), "[settings]\nsend_between = '11:00-12:00'", &environment).await;
        assert_eq!(status, Some(0), "{text}");
        let change = "       1  decide appointment-confirmation: send: ok -> defer: quiet-hours";
        let moments = "send: ok -> defer to 2026-11-24T11:00: quiet-hours";
        for line in ["       1  answer changed", change, moments] {
            assert!(text.contains(line), "{line} in {text}");
        }
        // One that gives no answer is not sound.
        let (status, text) = backtest(home.path(), "[limits]\nfuel = 1000", &environment).await;
        assert_eq!(status, Some(1), "{text}");
        for line in ["       2  fault", "send: ok -> fault out-of-fuel", "the candidate is not sound"] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }

    async fn one_that_was_tried_on_nothing_is_not_called_sound(start: Start) {
        let (home, _host, environment) = Box::pin(confirmed(start)).await;
        let tried = async |arguments: &[&str]| {
            let arguments = [&["backtest", "appointment-confirmation"], arguments].concat();
            let output = plugin_beside(home.path(), &arguments, &environment).await;
            (output.status.code(), printed(&output))
        };
        let others = "nothing was tried: what was decided was decided by appointment-confirmation, appointment-reminder";
        let none = "there is no /nowhere/at-all.toml";
        for (arguments, status, words) in [
            (["--since", "9999d", "--against", "apointment-confirmation"], 1, others),
            (["--since", "9999d", "--settings", "/nowhere/at-all.toml"], 1, none),
            (["--since", "0d", "--jobs", "1"], 2, "from 1d to 36500d"),
            (["--since", "100000000d", "--jobs", "1"], 2, "from 1d to 36500d"),
        ] {
            let (ended, text) = tried(&arguments).await;
            assert!(ended == Some(status) && text.contains(words), "{arguments:?}: {ended:?}: {text}");
        }
    }

    async fn a_fault_that_was_there_before_is_not_the_candidate_s(start: Start) {
        let (home, host, environment) = Box::pin(confirmed(start)).await;
        let guest = Guest { message_type: "prescription-ready", name: "prescription-ready", ..Guest::new(Decides::DivideByZero) };
        std::fs::write(home.path().join("plugins/prescription-ready.toml"), "").unwrap();
        std::fs::write(home.path().join("plugins/prescription-ready.wasm"), guest.component()).unwrap();
        host.host.policies.reload().await;
        host.message(json!({"type": "prescription-ready", "to": {"id": "bo", "phone": "+12025550144"}})).await;
        host.run().await;
        let output = plugin_beside(home.path(), &["backtest", "prescription-ready", "--since", "9999d"], &environment).await;
        let text = printed(&output);
        assert!(output.status.success(), "{text}");
        for line in ["       1  same", "       0  fault"] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }

    async fn a_text_that_was_decided_upon_twice_is_one_text(start: Start) {
        let (home, host, environment) = Box::pin(confirmed(start)).await;
        let to = json!({"id": "bo", "phone": "+12025550144", "time_zone": "Asia/Tokyo"});
        let urgent = json!({"type": "urgent-alert", "to": to, "variables": {"text": "Closed today."}});
        host.message(urgent).await;
        host.run().await;
        let id = host.message(json!({"type": "prescription-ready", "to": to})).await;
        host.run().await;
        host.run_after(chrono::TimeDelta::hours(12)).await;
        let outcomes: Vec<_> = host.story(&id).await["decisions"].as_array().unwrap().iter()
            .filter(|it| it["question"] == "decide").map(|it| it["outcome"].clone()).collect();
        assert_eq!(outcomes, ["defer", "send"]);
        // One that leaves it at the alert drops it at once: that is one text fewer, not two.
        let settings = home.path().join("tried.toml");
        std::fs::write(&settings, "[settings]\nat_most_per_day = 1\nover_the_cap = 'drop'").unwrap();
        let tried = ["backtest", "prescription-ready", "--since", "9999d", "--settings", settings.to_str().unwrap()];
        let output = plugin_beside(home.path(), &tried, &environment).await;
        let text = printed(&output);
        for line in ["       2  answer changed", "\n1 text fewer, about"] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }

    async fn a_decision_is_made_again_to_the_byte(start: Start) {
        let (home, host, environment) = Box::pin(confirmed(start)).await;
        let messages = host.get("/api/v1/messages?type=appointment-confirmation").await;
        let id = messages["items"][0]["id"].as_str().unwrap();
        let story = host.get(&format!("/api/v1/messages/{id}")).await;
        let decisions = story["decisions"].as_array().unwrap();
        assert_eq!(decisions.len(), 2, "{story}");
        for decision in decisions {
            let id = decision["id"].as_str().unwrap();
            let output = plugin_beside(home.path(), &["replay", id], &environment).await;
            let text = printed(&output);
            assert!(output.status.success(), "{text}");
            assert!(text.contains("the same, to the byte, for the same fuel"), "{text}");
        }
        let nobody = plugin_beside(home.path(), &["replay", id], &environment).await;
        assert_eq!(nobody.status.code(), Some(1));
        assert!(printed(&nobody).contains("there is no decision"), "{}", printed(&nobody));
    }

    async fn a_decision_is_made_again_by_the_very_version_that_made_it(start: Start) {
        let (home, host, environment) = confirmed(start).await;
        let messages = host.get("/api/v1/messages?type=appointment-confirmation").await;
        let story = host.story(messages["items"][0]["id"].as_str().unwrap()).await;
        let id = story["decisions"][1]["id"].as_str().unwrap().to_owned();
        // Another file, with other settings, has taken its place.
        let guest = Guest { message_type: "appointment-confirmation", ..Guest::new(Decides::DivideByZero) };
        let file = home.path().join("plugins/appointment-confirmation.wasm");
        std::fs::write(&file, guest.component()).unwrap();
        std::fs::write(file.with_extension("toml"), "").unwrap();
        host.host.policies.reload().await;
        let replay = async || {
            let output = plugin_beside(home.path(), &["replay", &id], &environment).await;
            (output.status.code(), printed(&output))
        };
        let (status, text) = replay().await;
        assert_eq!(status, Some(0), "{text}");
        assert!(text.contains("the same, to the byte, for the same fuel"), "{text}");
        // Without the archive there is only what lies in the folder, and what differs is said.
        std::fs::remove_dir_all(home.path().join(".tidings/policies")).unwrap();
        let (status, text) = replay().await;
        assert_eq!(status, Some(1), "{text}");
        for line in ["then      send: ok", "now       fault trap: integer divide by zero", "differs   the .wasm: ", "differs   the settings: ", "differs   the answer", "differs   the fuel: "] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }

    async fn another_time_zone_database_is_said_to_differ(start: Start) {
        let (home, host, environment) = confirmed(start).await;
        let messages = host.get("/api/v1/messages?type=appointment-confirmation").await;
        let story = host.story(messages["items"][0]["id"].as_str().unwrap()).await;
        host.sql("UPDATE decisions SET tz_database = '1999a'").await;
        let output = plugin_beside(home.path(), &["replay", story["decisions"][1]["id"].as_str().unwrap()], &environment).await;
        let text = printed(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains("differs   the time-zone database: 1999a then, "), "{text}");
        assert!(!text.contains("differs   the answer"), "{text}");
    }

    async fn a_decision_has_the_fuel_again_that_it_had(start: Start) {
        let (home, host, environment) = confirmed(start).await;
        let messages = host.get("/api/v1/messages?type=appointment-confirmation").await;
        let story = host.story(messages["items"][0]["id"].as_str().unwrap()).await;
        // Policies get less now than this one needed then.
        std::fs::write(home.path().join("tidings.toml"), "[policy]\nwall = \"2s\"\nfuel = 1000\n").unwrap();
        for decision in story["decisions"].as_array().unwrap() {
            let output = plugin_beside(home.path(), &["replay", decision["id"].as_str().unwrap()], &environment).await;
            let text = printed(&output);
            assert!(output.status.success(), "{text}");
            assert!(text.contains("the same, to the byte, for the same fuel"), "{text}");
        }
    }

    async fn what_was_not_answered_is_not_answered_again(start: Start) {
        let (home, host, environment) = confirmed(start).await;
        let settings = home.path().join("plugins/prescription-ready.toml");
        let written = std::fs::read_to_string(&settings).unwrap();
        std::fs::write(&settings, format!("{written}\n[limits]\nfuel = 1000\n")).unwrap();
        host.host.policies.reload().await;
        let id = host.message(json!({"type": "prescription-ready", "to": {"id": "bo", "phone": "+12025550144"}})).await;
        host.run().await;
        let event = json!({"type": "prescription.ready", "subject": {"type": "prescription", "id": "7", "version": 1},
            "people": [{"id": "bo"}]});
        let event = host.event(event).await["id"].as_str().unwrap().parse().unwrap();
        // The fuel it was given then counts, not what it is given now.
        std::fs::write(&settings, written).unwrap();
        host.host.policies.reload().await;
        let planned = host.host.store.read().await.unwrap().decisions_of_event(event).await.unwrap().remove(0);
        let decided = host.story(&id).await["decisions"][0]["id"].as_str().unwrap().to_owned();
        for id in [planned.id.to_string(), decided] {
            let output = plugin_beside(home.path(), &["replay", &id], &environment).await;
            let text = printed(&output);
            assert!(output.status.success(), "{text}");
            for line in ["then      fault out-of-fuel: it used up its 1000 units", "now       fault out-of-fuel", "the same, to the byte"] {
                assert!(text.contains(line), "{line} in {text}");
            }
        }
    }
}
