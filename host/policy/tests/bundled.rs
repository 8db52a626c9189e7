//! The policies that come with the host, asked through the host.

use super::{Folder, booked, bundled, due, ms};
use crate::domain::kind::TypeName;
use crate::domain::policy::{Decision, Fact, FactValue};
use crate::domain::question::Question;
use crate::policy::{Limits, Policies};
use std::fs;
use wasmparser::{Parser, Payload};

/// The reminder alone, in a folder of its own.
async fn reminder() -> (Folder, Policies) {
    let plugins = bundled();
    let folder = Folder::new();
    for kind in ["wasm", "toml"] {
        let name = format!("appointment-reminder.{kind}");
        folder.put(&name, fs::read(plugins.join(&name)).unwrap());
    }
    let (policies, _) = folder.load(&Limits::default()).await.unwrap();
    (folder, policies)
}

#[tokio::test]
async fn every_bundled_policy_loads_with_its_settings() {
    let plugins = bundled();
    let folder = Folder::new();
    let (policies, reports) = Policies::load(&plugins, &folder.cache(), &Limits::default()).await.unwrap();
    assert_eq!(reports.len(), 8);
    for loaded in policies.all() {
        let stem = loaded.file.file_stem().unwrap().to_str();
        assert_eq!(stem, Some(loaded.description.name.as_str()));
    }
    let planners = policies.for_event("appointment.booked");
    let names: Vec<_> = planners.iter().map(|loaded| loaded.description.name.as_str()).collect();
    assert!(names.contains(&"appointment-reminder") && !names.contains(&"otp"), "{names:?}");
}

#[tokio::test]
async fn a_booked_visit_gets_its_reminders() {
    let (_folder, policies) = reminder().await;
    let loaded = policies.for_event("appointment.booked").remove(0);
    let plan = policies.plan(&loaded, &booked()).await.unwrap().answer;
    let planned: Vec<_> = plan.messages.iter().map(|m| (m.key.as_str(), m.send_at, m.occurrence)).collect();
    let visit = Some(ms(super::VISIT));
    assert_eq!(
        planned,
        [("24h", ms("2026-11-24T14:00:00-05:00"), visit), ("1h", ms("2026-11-25T13:00:00-05:00"), visit),]
    );
}

#[tokio::test]
async fn a_reminder_waits_for_the_daytime() {
    let (_folder, policies) = reminder().await;
    let loaded = policies.for_type(&TypeName::from("appointment-reminder")).unwrap();
    let ask = async |now| policies.decide(&loaded, &due("appointment-reminder", now)).await.unwrap();

    let day = ask("2026-11-24T14:00:00-05:00").await;
    assert!(matches!(day.answer, Decision::Send { .. }), "{:?}", day.answer);
    let night = ask("2026-11-24T22:00:00-05:00").await;
    let morning = ms("2026-11-25T08:00:00-05:00");
    assert!(matches!(night.answer, Decision::Defer { until, .. } if until == morning), "{:?}", night.answer);
}

#[tokio::test]
async fn the_same_question_gets_the_same_answer_for_the_same_fuel() {
    let (folder, policies) = reminder().await;
    let loaded = policies.for_type(&TypeName::from("appointment-reminder")).unwrap();
    let question = due("appointment-reminder", "2026-11-24T22:00:00-05:00");
    let first = policies.decide(&loaded, &question).await.unwrap();
    assert_eq!(first, policies.decide(&loaded, &question).await.unwrap());

    // By the next host as well, which has it from the cache.
    let (others, _) = folder.load(&Limits::default()).await.unwrap();
    let loaded = others.for_type(&TypeName::from("appointment-reminder")).unwrap();
    assert!(loaded.from_cache);
    assert_eq!(first, others.decide(&loaded, &question).await.unwrap());
}

#[tokio::test]
async fn facts_that_a_policy_does_not_list_do_not_reach_it() {
    let (_folder, policies) = reminder().await;
    let loaded = policies.for_type(&TypeName::from("appointment-reminder")).unwrap();
    let question = due("appointment-reminder", "2026-11-24T14:00:00-05:00");
    let mut telling = question.clone();
    let diagnosis = FactValue::Text("none of its business".to_owned());
    telling.facts.push(Fact { key: "data.diagnosis".to_owned(), value: diagnosis });
    // Equal fuel: it was not even copied into the policy's memory.
    let (bare, told) = (policies.decide(&loaded, &question).await, policies.decide(&loaded, &telling).await);
    assert_eq!(bare.unwrap(), told.unwrap());
}

#[tokio::test]
async fn every_question_fits_into_the_memory_that_was_laid_out() {
    let folder = Folder::new();
    let (policies, _) = Policies::load(&bundled(), &folder.cache(), &Limits::default()).await.unwrap();
    for loaded in policies.all() {
        let wasm = fs::read(&loaded.file).unwrap();
        let pages = Parser::new(0).parse_all(&wasm).map(|payload| match payload {
            Ok(Payload::MemorySection(memories)) => memories.into_iter().map(|it| it.unwrap().initial).sum(),
            _ => 0,
        });
        let laid_out = pages.sum::<u64>() << 16;
        let name = &loaded.description.name;
        let questions = [Question::Decide(due(name, "2026-11-24T22:00:00-05:00")), Question::Plan(booked())];
        for question in questions {
            let (_, cost) = policies.ask_at_cost(&loaded, &question).await.unwrap();
            assert_eq!(cost.memory.0 as u64, laid_out, "{name}");
        }
    }
}
