//! What is posted at a host whose clock is wrong goes out when it is meant to, once the clock is right.

use crate::clocks_alone::{begun, work};
use crate::delivery::{another, state};
use crate::for_each_database;
use crate::many_hosts::client;
use crate::support::{ANA, TestHost};
use crate::versions::{day, version};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use std::sync::Arc;
use tidings::clock::{Clock as _, ManualClock};
use tidings::domain::id::MessageId;
use tidings::sandbox::Fault;
use tidings::service::{Host, IntakeError, PostedMessage, PostedPerson};

/// Of no urgency, and of use for two days.
fn notice() -> PostedMessage {
    PostedMessage {
        kind: "prescription-ready".to_owned(),
        to: PostedPerson {
            id: Some("ana".to_owned()),
            phone: Some(ANA.to_owned()),
            ..PostedPerson::default()
        },
        variables: serde_json::Map::new(),
        language: None,
        send_at: None,
        expires_at: None,
    }
}

/// A host that has begun with a clock that is wrong by so much.
async fn astray(host: &TestHost, wrong_by: TimeDelta) -> (Host, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(host.clock_now() + wrong_by));
    (begun(host, client(host), &clock).await, clock)
}

async fn post(host: &TestHost, at: &Host, posted: PostedMessage) -> Result<MessageId, IntakeError> {
    let caller = host.host.caller(&host.key).await.unwrap();
    Ok(Box::pin(at.accept_message(&caller, None, b"", posted)).await?.id)
}

async fn moments(host: &TestHost, id: MessageId) -> (DateTime<Utc>, DateTime<Utc>) {
    let message = host.host.message(id).await.unwrap().unwrap();
    (message.due_at, message.expires_at)
}

for_each_database! {
    async fn what_was_posted_by_a_clock_that_was_ahead_goes_out_when_it_is_right(start: Start) {
        let host = start.host().await;
        let (astray, clock) = astray(&host, TimeDelta::days(1)).await;
        let id = post(&host, &astray, notice()).await.unwrap();
        work(&host, &astray, &clock, 1).await;
        assert_eq!(state(&host, &id.to_string()).await, "planned");
        clock.leap(-TimeDelta::days(1));
        work(&host, &astray, &clock, 1).await;
        assert_eq!((state(&host, &id.to_string()).await.as_str(), host.texts_to(ANA).len()), ("delivered", 1));
        let (due_at, expires_at) = moments(&host, id).await;
        assert!(due_at <= host.clock_now() && expires_at - due_at == TimeDelta::days(2), "{due_at} {expires_at}");
    }

    async fn what_was_posted_by_a_clock_that_was_behind_has_not_ended_when_it_is_right(start: Start) {
        let host = start.host().await;
        let (astray, clock) = astray(&host, -TimeDelta::days(5)).await;
        let ids = [post(&host, &astray, notice()).await.unwrap(), post(&host, &astray, notice()).await.unwrap()];
        // One host claims it whose clock is right, and never was in doubt.
        host.run().await;
        host.run().await;
        assert_eq!(host.texts_to(ANA).len(), 2);
        for id in ids {
            assert_eq!(state(&host, &id.to_string()).await, "delivered");
        }
        let later = post(&host, &astray, notice()).await.unwrap();
        clock.leap(TimeDelta::days(5));
        work(&host, &astray, &clock, 1).await;
        assert_eq!((state(&host, &later.to_string()).await.as_str(), host.texts_to(ANA).len()), ("delivered", 3));
    }

    async fn a_retry_of_what_was_posted_in_doubt_has_the_moment_that_its_policy_gave_it(start: Start) {
        let host = start.host().await;
        let (alone, clock) = astray(&host, TimeDelta::zero()).await;
        let text = json!("The clinic is closed today.");
        let variables = serde_json::Map::from_iter([("text".to_owned(), text)]);
        let alert = PostedMessage { kind: "urgent-alert".to_owned(), variables, ..notice() };
        let id = post(&host, &alone, alert).await.unwrap();
        assert_eq!(host.story(&id.to_string()).await["why"]["code"], "posted-in-doubt");
        host.sandbox.script(ANA, [Fault::Refuse(30001)]);
        alone.tick().await.unwrap();
        let planned = moments(&host, id).await;
        assert_eq!((state(&host, &id.to_string()).await.as_str(), host.sandbox.calls()), ("planned", 1));
        clock.advance(TimeDelta::seconds(1));
        alone.sweep().await.unwrap();
        assert!(!alone.doubts_clock());
        assert_eq!(moments(&host, id).await, planned);
    }

    async fn moments_that_a_caller_has_named_stand_whatever_a_wrong_clock_thinks_of_them(start: Start) {
        let host = start.host().await;
        let (astray, clock) = astray(&host, TimeDelta::days(1)).await;
        let (send_at, expires_at) = (host.clock_now() + TimeDelta::minutes(5), host.clock_now() + TimeDelta::hours(2));
        let both = PostedMessage { send_at: Some(send_at), expires_at: Some(expires_at), ..notice() };
        let end_alone = PostedMessage { expires_at: Some(expires_at), ..notice() };
        let both = post(&host, &astray, both).await.unwrap();
        let end_alone = post(&host, &astray, end_alone).await.unwrap();
        let never = PostedMessage { send_at: Some(expires_at), expires_at: Some(send_at), ..notice() };
        assert!(matches!(post(&host, &astray, never).await, Err(IntakeError::Fields(_))));
        clock.leap(-TimeDelta::days(1));
        work(&host, &astray, &clock, 1).await;
        assert_eq!(moments(&host, both).await, (send_at, expires_at));
        assert_eq!(moments(&host, end_alone).await.1, expires_at);
        assert_eq!(host.texts_to(ANA).len(), 1);
        work(&host, &astray, &clock, 5).await;
        assert_eq!(host.texts_to(ANA).len(), 2);
        // By a clock that is sure, they are past.
        let past = PostedMessage { send_at: Some(send_at - TimeDelta::hours(1)), ..notice() };
        assert!(matches!(post(&host, &astray, past).await, Err(IntakeError::Fields(_))));
    }

    async fn what_a_person_has_to_look_at_after_a_backup_is_counted_anew_and_stays_held(start: Start) {
        let host = start.host().await;
        let (astray, clock) = astray(&host, -TimeDelta::days(1)).await;
        let id = post(&host, &astray, notice()).await.unwrap();
        host.sql("UPDATE messages SET payload_sealed = NULL").await;
        let recovered = another(&host, |_| ()).recover(host.clock_now(), true, |_| ()).await.unwrap();
        assert_eq!((recovered.looked_up, recovered.held), (0, 1));
        clock.leap(TimeDelta::days(1));
        work(&host, &astray, &clock, 1).await;
        let (_, expires_at) = moments(&host, id).await;
        assert!(expires_at > clock.now() + TimeDelta::hours(47), "{expires_at}");
        let story = host.story(&id.to_string()).await;
        assert_eq!((&story["state"], &story["reason"]["code"]), (&json!("held"), &json!("recovered")));
        host.run_after(TimeDelta::hours(49)).await;
        assert_eq!((state(&host, &id.to_string()).await.as_str(), host.sandbox.calls()), ("expired", 0));
    }

    async fn an_event_that_is_not_dated_has_happened_when_a_clock_that_is_right_plans_it(start: Start) {
        let host = start.host().await;
        let caller = host.host.caller(&host.key).await.unwrap();
        for (place, days) in [30, -30].into_iter().enumerate() {
            let (astray, clock) = astray(&host, TimeDelta::days(days)).await;
            let mut done = version(1, &day(3));
            "appointment.completed".clone_into(&mut done.event_type);
            done.subject.id = place.to_string();
            let mut dated = done.clone();
            dated.subject.id = format!("dated {place}");
            dated.occurred_at = Some(host.clock_now());
            let mut events = Vec::new();
            for posted in [done, dated] {
                let body = posted.subject.id.clone();
                let story = Box::pin(astray.post_event(&caller, None, body.as_bytes(), posted)).await.unwrap().0;
                events.push(story.unwrap().event.id);
            }
            clock.leap(-TimeDelta::days(days));
            work(&host, &astray, &clock, 2).await;
            assert!(!astray.doubts_clock());
            for event in events {
                let story = host.host.event_story(event, true).await.unwrap().unwrap();
                let after = story.messages.first().map(|message| message.due_at - host.clock_now());
                // The next morning that is a whole day later.
                let is_soon = after.is_some_and(|after| after > TimeDelta::days(0) && after < TimeDelta::days(3));
                assert!(is_soon, "{days}: {after:?} {:?}", story.passed_over);
            }
        }
    }
}
