//! Events that are posted at the same time are taken in and planned together. Each is answered as if it were
//! alone, one that is wrong keeps no other from being taken, and together they cost the database little.

use crate::for_each_database;
use crate::support::{ANA, TestHost, VISIT, booked};
use serde_json::{Value, json};
use tidings::domain::event::Subject;
use tidings::service::{IntakeError, PostedEvent, PostedMessage, PostedPerson};
use tokio::task::JoinSet;

fn number(which: u32) -> String {
    format!("+1312555{:04}", 100 + which)
}

/// A prescription of a person of its own.
fn ready(which: u32) -> Value {
    json!({
        "type": "prescription.ready",
        "subject": {"type": "prescription", "id": which.to_string(), "version": 1},
        "people": [{"id": format!("p{which}"), "phone": number(which), "time_zone": "America/New_York"}],
    })
}

async fn post_at_once(host: &TestHost, events: Vec<Value>) -> Vec<(u16, Value)> {
    let mut posts = JoinSet::new();
    for (place, event) in events.into_iter().enumerate() {
        let url = format!("{}/api/v1/events", host.base);
        let request = host.client.post(url).bearer_auth(&host.key).json(&event);
        posts.spawn(async move {
            let answer = request.send().await.unwrap();
            (place, answer.status().as_u16(), answer.json::<Value>().await.unwrap())
        });
    }
    let mut answers = posts.join_all().await;
    answers.sort_by_key(|(place, ..)| *place);
    answers.into_iter().map(|(_, status, answer)| (status, answer)).collect()
}

fn posted_ready(which: u32) -> PostedEvent {
    PostedEvent {
        event_type: "prescription.ready".to_owned(),
        id: Some(which.to_string()),
        subject: Subject { subject_type: "prescription".to_owned(), id: which.to_string(), version: 1 },
        occurred_at: None,
        people: vec![PostedPerson {
            id: Some(format!("p{which}")),
            phone: Some(number(which)),
            ..PostedPerson::default()
        }],
        data: serde_json::Map::new(),
    }
}

/// So often the database is asked while so many prescriptions are posted at once, and sent.
async fn asked_for(host: &TestHost, from: u32, count: u32) -> u64 {
    asked_beside(host, from, count, None).await
}

/// The same with one among them that must be refused.
async fn asked_beside(host: &TestHost, from: u32, count: u32, refused: Option<u32>) -> u64 {
    let caller = host.host.caller(&host.key).await.unwrap();
    let before = host.host.store.asked();
    let mut posts = JoinSet::new();
    // The first ones begin alone, and the others gather.
    let middle = from + count.min(10);
    for which in (from..middle).chain(refused).chain(middle..from + count) {
        let (host, caller, posted) = (host.host.clone(), caller.clone(), posted_ready(which));
        posts.spawn(async move {
            match Box::pin(host.post_event(&caller, None, b"{}", posted)).await {
                Ok((story, repeated)) => assert!(!repeated && story.unwrap().messages.len() == 1),
                Err(error) => {
                    assert!(matches!(error, IntakeError::Fields(_)) && refused == Some(which), "{error:?}");
                }
            }
        });
    }
    posts.join_all().await;
    let mut claimed = 0;
    while claimed < count {
        claimed += u32::try_from(host.host.tick().await.unwrap().claimed).unwrap();
    }
    host.host.store.asked() - before
}

for_each_database! {
    async fn each_of_many_events_at_once_is_answered_as_if_it_were_alone(start: Start) {
        let host = start.host().await;
        host.event(booked(1, VISIT)).await;
        let mut events: Vec<Value> = (0..20).map(ready).collect();
        // The same once more, one that is wrong, one that moves what there is, and a person who changes.
        events.push(ready(3));
        let mut nobody = ready(40);
        nobody["people"] = json!([]);
        events.push(nobody);
        events.push(booked(2, "2026-12-05T09:00:00-05:00"));
        let mut elsewhere = ready(41);
        elsewhere["people"] = json!([{"id": "p4", "phone": number(41), "time_zone": "America/New_York"}]);
        events.push(elsewhere);
        let answers = post_at_once(&host, events).await;

        let statuses: Vec<u16> = answers.iter().map(|(status, _)| *status).collect();
        assert_eq!((statuses[21], statuses.iter().filter(|status| **status == 202).count()), (422, 23), "{statuses:?}");
        assert_eq!(answers[3].1["id"], answers[20].1["id"]);
        assert_ne!(answers[3].1["repeated"], answers[20].1["repeated"], "one of the two came first");
        for (_, answer) in &answers[..20] {
            assert_eq!((&answer["state"], answer["messages"].as_array().unwrap().len()), (&json!("planned"), 1), "{answer}");
            let kept = host.get(&format!("/api/v1/events/{}", answer["id"].as_str().unwrap())).await;
            assert_eq!(kept["messages"], answer["messages"]);
        }
        assert_eq!(answers[22].1["moved"].as_array().unwrap().len(), 2, "{}", answers[22].1);
        host.run().await;
        for which in (0..20).filter(|which| *which != 4) {
            assert_eq!(host.texts_to(&number(which)).len(), 1, "{which}");
        }
        let moved_away = [host.texts_to(&number(4)).len(), host.texts_to(&number(41)).len()];
        assert_eq!(moved_away.iter().sum::<usize>(), 2, "each prescription once: {moved_away:?}");
        assert!(!host.texts_to(ANA).is_empty());
    }

    async fn fifty_events_at_once_ask_the_database_a_fifth_as_often_as_one_by_one(start: Start) {
        let host = start.host().await;
        let alone = asked_for(&host, 0, 1).await;
        let together = asked_for(&host, 1, 50).await;
        assert!(together * 5 <= alone * 50, "{alone} for one, {together} for fifty");
    }

    /// As a database knows them that was put back from a backup.
    async fn one_who_was_erased_and_is_known_by_the_name_alone_keeps_no_other_from_being_taken_together(start: Start) {
        let host = start.host().await;
        let alone = asked_for(&host, 0, 1).await;
        let mut tx = host.host.store.begin().await.unwrap();
        tx.keep_erased_name(&host.host.store.keys().erased_name("p77")).await.unwrap();
        tx.commit().await.unwrap();
        let together = asked_beside(&host, 1, 50, Some(77)).await;
        assert!(together * 5 <= alone * 50, "{alone} for one, {together} for fifty");
    }

    async fn one_who_was_erased_elsewhere_keeps_no_other_text_from_being_accepted_together(start: Start) {
        let host = start.host().await;
        let mut tx = host.host.store.begin().await.unwrap();
        tx.keep_erased_name(&host.host.store.keys().erased_name("p77")).await.unwrap();
        tx.commit().await.unwrap();
        let caller = host.host.caller(&host.key).await.unwrap();
        let accept = async |from: u32, count: u32| {
            let before = host.host.store.asked();
            let mut posts = JoinSet::new();
            for which in from..from + count {
                let (host, caller) = (host.host.clone(), caller.clone());
                let posted = PostedMessage {
                    kind: "prescription-ready".to_owned(),
                    to: posted_ready(which).people.remove(0),
                    variables: serde_json::Map::new(),
                    language: None,
                    send_at: None,
                    expires_at: None,
                };
                posts.spawn(async move { host.accept_message(&caller, None, b"{}", posted).await.is_ok() });
            }
            let taken = posts.join_all().await.into_iter().filter(|taken| *taken).count();
            (host.host.store.asked() - before, taken)
        };
        let (alone, _) = accept(0, 1).await;
        let (together, taken) = accept(50, 50).await;
        assert_eq!(taken, 49);
        assert!(together * 5 <= alone * 50, "{alone} for one, {together} for fifty");
    }
}
