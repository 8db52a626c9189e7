//! Policies that are tried before they are trusted.

use super::guest::{Decides, Guest};
use super::{Folder, bundled, due, only};
use crate::domain::policy::Decision;
use crate::domain::question::{Answer, Question};
use crate::policy::{Limits, Policies, surface};

#[tokio::test]
async fn a_candidate_answers_as_it_would_live() {
    let folder = Folder::new();
    for kind in ["wasm", "toml"] {
        let name = format!("appointment-reminder.{kind}");
        folder.put(&name, std::fs::read(bundled().join(&name)).unwrap());
    }
    let (live, reports) = folder.load(&Limits::default()).await.unwrap();
    let question = due("appointment-reminder", "2026-11-24T22:00:00-05:00");
    let expected = live.decide(&only(&reports), &question).await.unwrap();

    let bench = Policies::none(&Limits::default()).unwrap();
    assert!(bench.all().is_empty());
    let plugins = bundled();
    let wasm = plugins.join("appointment-reminder.wasm");
    let candidate = bench.open(&wasm, Some(&wasm.with_extension("toml")), &folder.cache()).await.unwrap();
    let (answered, cost) = bench.ask_at_cost(&candidate, &Question::Decide(question)).await.unwrap();
    assert_eq!(answered.by, expected.by);
    assert_eq!(answered.answer, Answer::Decide(expected.answer));
    assert!(cost.fuel == answered.by.fuel && cost.start_fuel > 0 && cost.memory.0 >= 64 << 10, "{cost:?}");
}

#[tokio::test]
async fn a_candidate_takes_other_settings_by_the_same_rules() {
    let folder = Folder::new();
    let bench = Policies::none(&Limits::default()).unwrap();
    let wasm = bundled().join("appointment-reminder.wasm");
    let usual = bench.open(&wasm, None, &folder.cache()).await.unwrap();
    let night = Question::Decide(due("appointment-reminder", "2026-11-24T22:00:00-05:00"));

    let always = "send_between = '00:00-24:00'".parse().unwrap();
    let always = bench.with_settings(&usual, always).await.unwrap();
    assert_ne!(always.settings_hash, usual.settings_hash);
    let answer = bench.ask(&always, &night).await.unwrap().answer;
    assert!(matches!(answer, Answer::Decide(Decision::Send { .. })), "{answer:?}");
    let answer = bench.ask(&usual, &night).await.unwrap().answer;
    assert!(matches!(answer, Answer::Decide(Decision::Defer { .. })), "{answer:?}");

    for wrong in ["send_betwixt = '00:00-24:00'", "confirm_words = ['STOP']"] {
        let refusal = bench.with_settings(&usual, wrong.parse().unwrap()).await.unwrap_err();
        assert_eq!(refusal.code, "config-invalid", "{refusal}");
    }
}

#[tokio::test]
async fn one_that_is_off_can_be_tried() {
    let folder = Folder::new();
    let wasm = folder.put("sample.wasm", Guest::new(Decides::Send).component());
    let settings = folder.put("sample.toml", "mode = 'off'");
    let bench = Policies::none(&Limits::default()).unwrap();
    let loaded = bench.open(&wasm, Some(&settings), &folder.cache()).await.unwrap();
    assert_eq!(loaded.description.name, "sample");
}

#[test]
fn what_a_file_wants_and_offers_is_seen_without_running_it() {
    let wasm = Guest::new(Decides::Send).component();
    let seen = surface(&wasm).unwrap();
    assert_eq!(seen.size, wasm.len() as u64);
    assert!(seen.imports.contains(&"tidings:policy/log@1.0.0".to_owned()), "{seen:?}");
    assert_eq!(seen.exports, ["tidings:policy/policy@1.0.0"]);
    assert_eq!(surface(b"text").unwrap_err().code, "not-wasm");
}
