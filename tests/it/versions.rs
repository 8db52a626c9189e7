//! Versions of one subject that come at the same time, in any order and at any host: each is taken, and what a
//! patient gets is what the newest says.

use crate::for_each_database;
use crate::many_hosts::{client, same_database};
use crate::support::{ANA, TestHost, VISIT};
use serde_json::{Value, json};
use tidings::domain::event::Subject;
use tidings::service::{Host, PostedEvent, PostedPerson};
use tokio::task::JoinSet;

/// A version of Ana's visit that says this and nothing else.
pub(crate) fn version(version: i64, data: &Value) -> PostedEvent {
    PostedEvent {
        event_type: if version == 1 { "appointment.booked" } else { "appointment.rescheduled" }.to_owned(),
        id: None,
        subject: Subject { subject_type: "appointment".to_owned(), id: "9".to_owned(), version },
        occurred_at: None,
        people: vec![PostedPerson {
            id: Some("ana".to_owned()),
            phone: Some(ANA.to_owned()),
            ..PostedPerson::default()
        }],
        data: data.as_object().unwrap().clone(),
    }
}

pub(crate) fn day(day: i64) -> Value {
    json!({"starts_at": format!("2026-12-{day:02}T14:30:00-05:00"), "location": "12 Main St"})
}

/// Posts each at its host, all at once and in this order.
async fn post_at_once(host: &TestHost, posts: Vec<(Host, PostedEvent)>) {
    let caller = host.host.caller(&host.key).await.unwrap();
    let mut posting = JoinSet::new();
    for (at, posted) in posts {
        let caller = caller.clone();
        posting.spawn(async move {
            let version = posted.subject.version;
            let body = version.to_string();
            if let Err(error) = Box::pin(at.post_event(&caller, None, body.as_bytes(), posted)).await {
                panic!("version {version}: {error:?}");
            }
        });
    }
    posting.join_all().await;
}

/// The newest version, as it is kept.
async fn newest(host: &TestHost) -> Value {
    let mut tx = host.host.store.begin().await.unwrap();
    let (_, id) = tx.lock_subject(&version(1, &json!({})).subject, true).await.unwrap().unwrap();
    tx.event(id).await.unwrap().unwrap().event.data
}

for_each_database! {
    async fn many_versions_at_the_same_instant_are_all_taken_at_whichever_host(start: Start) {
        let host = start.host().await;
        let hosts = [host.host.clone(), same_database(&host, client(&host), |_| ())];
        for round in 0..4 {
            let posts = (1..=20).map(|number| {
                let at = hosts[usize::try_from(number % 2).unwrap()].clone();
                (at, version(20 * round + number, &day(1 + number)))
            });
            post_at_once(&host, posts.collect()).await;
        }
        assert_eq!(newest(&host).await, day(21));
        // The text of the confirmation, and a reminder, of the newest day alone.
        host.host.sweep().await.unwrap();
        let waiting = host.get("/api/v1/messages?type=appointment-reminder&state=planned&limit=200").await;
        let moments: Vec<&Value> = waiting["items"].as_array().unwrap().iter().map(|m| &m["subject"]["version"]).collect();
        assert!(!moments.is_empty() && moments.iter().all(|version| **version == json!(80)), "{waiting}");
    }

    async fn what_one_of_many_at_once_leaves_unsaid_is_as_the_one_before_it_said(start: Start) {
        let host = start.host().await;
        let said = [(1, json!({"starts_at": VISIT, "location": "12 Main St"})), (4, json!({"note": "fourth"})),
            (3, json!({"room": "third", "note": "third"})), (2, json!({"location": "second", "room": "second"}))];
        let posts = said.iter().map(|(number, data)| (host.host.clone(), version(*number, data))).collect();
        post_at_once(&host, posts).await;
        let known = json!({"starts_at": VISIT, "location": "second", "room": "third", "note": "fourth"});
        assert_eq!(newest(&host).await, known);
    }

    async fn an_older_version_that_is_planned_after_a_newer_one_changes_nothing(start: Start) {
        let host = start.host().await;
        let caller = host.host.caller(&host.key).await.unwrap();
        let mut events = Vec::new();
        for number in 1..=2 {
            let posted = version(number, &day(2 + number));
            events.push(host.host.accept_event(&caller, None, number.to_string().as_bytes(), posted).await.unwrap().id);
        }
        for event in events.iter().rev() {
            host.host.plan_event(*event).await.unwrap();
        }
        let [older, newer] = [0, 1].map(|place: usize| format!("/api/v1/events/{}", events[place]));
        let (older, newer) = (host.get(&older).await, host.get(&newer).await);
        assert_eq!((&older["state"], &older["messages"]), (&json!("planned"), &json!([])), "{older}");
        assert!(newer["messages"].as_array().unwrap().len() > 1, "{newer}");
        // One that is taken in late is stale.
        let late = host.host.accept_event(&caller, None, b"0", version(0, &day(9))).await.unwrap().id;
        assert_eq!(host.get(&format!("/api/v1/events/{late}")).await["state"], "stale");
        assert_eq!(newest(&host).await, day(4));
    }
}
