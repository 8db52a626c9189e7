//! Many texts at once: each is answered by itself, none is taken in twice, and none holds up what is
//! posted singly.

use crate::delivery::{notice, state};
use crate::for_each_database;
use crate::many_hosts::{client, same_database};
use crate::support::{ANA, TestHost, booked};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tidings::crash::{Crash, Point};
use tidings::service::{PostedMessage, PostedPerson};
use tokio::sync::Semaphore;

fn phones(count: u32) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("+12025550{}", 100 + number))
}

pub(crate) async fn batch(host: &TestHost, messages: Vec<Value>) -> Value {
    let (status, answer) = host.post("/api/v1/messages/batch", json!({"messages": messages})).await;
    assert_eq!(status, 202, "{answer}");
    answer
}

async fn batch_under(host: &TestHost, key: &str, body: &Value) -> (u16, Value) {
    let url = format!("{}/api/v1/messages/batch", host.base);
    let answer =
        host.client.post(url).bearer_auth(&host.key).header("Idempotency-Key", key).json(body).send();
    let answer = answer.await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

for_each_database! {
    async fn every_text_of_a_batch_is_answered_by_itself(start: Start) {
        let host = start.host().await;
        let unknown_type = json!({"type": "nonsense", "to": {"id": "x", "phone": ANA}});
        let no_phone = json!({"type": "prescription-ready", "to": {"id": "nobody"}});
        let answer = batch(&host, vec![notice(ANA), unknown_type, no_phone, notice("+12025550144")]).await;
        assert_eq!((&answer["accepted"], &answer["refused"]), (&json!(2), &json!(2)), "{answer}");
        let items = answer["items"].as_array().unwrap();
        assert_eq!(items[0]["message"]["status"], "PENDING");
        assert_eq!(items[1]["problem"]["errors"][0]["pointer"], "/type");
        assert_eq!(items[2]["problem"]["errors"][0]["pointer"], "/to/phone");
        host.run().await;
        assert_eq!((host.texts_to(ANA).len(), host.sandbox.calls()), (1, 2));
    }

    /// All are due, claimed and judged at the same time; the policy lets six of them out in a day.
    async fn a_cap_holds_among_texts_that_are_due_at_the_same_time(start: Start) {
        let host = start.host().await;
        batch(&host, (0..9).map(|_| notice(ANA)).collect()).await;
        host.run().await;
        assert_eq!(host.texts_to(ANA).len(), 6);
    }

    /// Whoever commits for all is gone before anybody is answered.
    async fn texts_whose_commit_was_not_answered_for_are_taken_in_once(start: Start) {
        let host = start.host().await;
        let (passed, reached, go_on) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let (seen, first, gate) = (passed.clone(), reached.clone(), go_on.clone());
        let machine = same_database(&host, client(&host), |settings| {
            settings.crash = Crash::hooked(move |point| {
                seen.lock().unwrap().push(point);
                let commits = seen.lock().unwrap().iter().filter(|point| **point == Point::AcceptCommitted).count();
                let (first, gate) = (first.clone(), gate.clone());
                Box::pin(async move {
                    match (point, commits) {
                        // While the first commits, the others gather.
                        (Point::AcceptCommitted, 1) => {
                            first.add_permits(1);
                            gate.acquire().await.unwrap().forget();
                        }
                        (Point::AcceptCommitted, 2) => panic!("for a test"),
                        _ => {}
                    }
                })
            });
        });
        let caller = host.host.caller(&host.key).await.unwrap();
        let post = |to: String| {
            let (machine, caller) = (machine.clone(), caller.clone());
            let person = PostedPerson { id: Some(to.clone()), phone: Some(to), ..PostedPerson::default() };
            let posted = PostedMessage { kind: "prescription-ready".to_owned(), to: person, variables: serde_json::Map::new(),
                language: None, send_at: None, expires_at: None };
            tokio::spawn(async move { machine.accept_message(&caller, None, b"{}", posted).await.unwrap() })
        };
        let mut phones = phones(4);
        let mut posts = vec![post(phones.next().unwrap())];
        reached.acquire().await.unwrap().forget();
        posts.extend(phones.map(post));
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        go_on.add_permits(1);
        let (mut gone, mut ids) = (0, Vec::new());
        for post in posts {
            match post.await {
                Ok(accepted) => {
                    assert!(!accepted.repeated);
                    ids.push(accepted.id.to_string());
                }
                Err(_) => gone += 1,
            }
        }
        assert_eq!((gone, ids.len()), (1, 3));
        let written = passed.lock().unwrap().iter().filter(|point| **point == Point::AcceptUncommitted).count();
        assert_eq!(written, 2, "nobody is written twice");
        host.run().await;
        for id in ids {
            assert_eq!(state(&host, &id).await, "delivered");
        }
        assert_eq!((host.states().await.len(), host.sandbox.calls()), (4, 4));
    }

    async fn a_batch_goes_in_the_lane_bulk_and_what_is_urgent_does_not(start: Start) {
        let host = start.host().await;
        let urgent = json!({"type": "urgent-alert", "to": {"id": "bo", "phone": "+12025550144"}, "variables": {"text": "Closed today."}});
        let answer = batch(&host, vec![notice(ANA), urgent]).await;
        let lane = async |place: usize| {
            let id = answer["items"][place]["message"]["id"].as_str().unwrap().to_owned();
            host.story(&id).await["lane"].clone()
        };
        assert_eq!((lane(0).await, lane(1).await), (json!("bulk"), json!("urgent")));
    }

    async fn a_batch_that_is_repeated_under_its_key_is_taken_in_once(start: Start) {
        let host = start.host().await;
        let body = json!({"messages": phones(150).map(|phone| notice(&phone)).collect::<Vec<_>>()});
        let (first, again) = (batch_under(&host, "newsletter", &body).await, batch_under(&host, "newsletter", &body).await);
        let ids = |answer: &Value| -> Vec<Value> {
            answer["items"].as_array().unwrap().iter().map(|item| item["message"]["id"].clone()).collect()
        };
        assert_eq!((first.0, again.0), (202, 202));
        assert_eq!(ids(&first.1), ids(&again.1));
        host.run().await;
        assert_eq!(host.sandbox.calls(), 150);
        let other = json!({"messages": [notice(ANA)]});
        let (_, answer) = batch_under(&host, "newsletter", &other).await;
        assert_eq!(answer["items"][0]["problem"]["status"], 409, "{answer}");
    }

    async fn a_batch_of_texts_to_one_new_person_knows_them_once(start: Start) {
        let host = start.host().await;
        let to = |language: &str| json!({"type": "prescription-ready", "to": {"id": "ana", "phone": ANA, "language": language}});
        let answer = batch(&host, vec![to("en"), to("en"), to("es"), to("en")]).await;
        assert_eq!(answer["accepted"], 4, "{answer}");
        host.run().await;
        assert_eq!(host.texts_to(ANA).len(), 4);
    }

    async fn a_batch_that_is_too_long_or_empty_is_refused(start: Start) {
        let host = start.host().await;
        for messages in [vec![], vec![notice(ANA); 1001]] {
            let (status, _) = host.post("/api/v1/messages/batch", json!({"messages": messages})).await;
            assert_eq!(status, 422);
        }
        assert_eq!(host.states().await.len(), 0);
    }

    async fn a_visit_is_confirmed_while_a_batch_waits(start: Start) {
        let host = start.host().await;
        batch(&host, phones(40).map(|phone| notice(&phone)).collect()).await;
        host.event(booked(1, crate::support::VISIT)).await;
        host.host.tick().await.unwrap();
        host.sandbox.until_quiet().await;
        assert_eq!(host.texts_to(ANA).len(), 1, "the first round serves every lane");
        host.run().await;
        assert_eq!(host.sandbox.calls(), 41);
    }
}
