//! Clocks that are wrong, and a provider that is away: what is late keeps its order, and no wrong moment keeps
//! anybody from a text, or sends one.

use crate::delivery::{BO, after_seconds, another, notice, state};
use crate::for_each_database;
use crate::many_hosts::{Frozen, beside_on, client, machine};
use crate::support::{ANA, TestHost};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use std::sync::Arc;
use tidings::clock::ManualClock;
use tidings::domain::pace::Rate;
use tidings::sandbox::Fault;
use tidings::service::Host;

/// Of the urgent lane, and of use for days.
pub(crate) fn alert(to: &str, host: &TestHost) -> Value {
    json!({"type": "urgent-alert", "to": {"id": to, "phone": to, "language": "en"},
        "variables": {"text": "We are closed today."}, "expires_at": host.clock_now() + TimeDelta::days(3)})
}

/// Another process, whose clock is its own, right, and looked at.
pub(crate) async fn at_work(host: &TestHost) -> (Host, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(host.clock_now()));
    let at_work = beside_on(host, clock.clone());
    at_work.begin().await.unwrap();
    at_work.tick().await.unwrap();
    (at_work, clock)
}

fn one_of(number: i64) -> String {
    format!("+1202555{:04}", 100 + number)
}

for_each_database! {
    async fn a_clock_that_is_wrong_from_the_start_sends_no_day_of_reminders(start: Start) {
        let host = start.host().await;
        for hours in 1..24 {
            let mut later = notice(&one_of(hours));
            later["send_at"] = json!(host.clock_now() + TimeDelta::hours(hours));
            host.message(later).await;
        }
        host.message(alert(ANA, &host)).await;
        let astray = beside_on(&host, Arc::new(ManualClock::at(host.clock_now() + TimeDelta::days(1))));
        astray.begin().await.unwrap();
        // Served until the urgent text is out: had the reminders been due, they would be out with it.
        astray.run(host.sandbox.until(|texts| !texts.is_empty())).await;
        assert!(astray.doubts_clock());
        assert_eq!((host.sandbox.calls(), host.texts_to(ANA).len()), (1, 1));
    }

    async fn what_is_over_by_a_wrong_clock_goes_out_when_it_is_right_again(start: Start) {
        let host = start.host().await;
        let (astray, clock) = at_work(&host).await;
        let mut short = alert(ANA, &host);
        short["expires_at"] = json!(host.clock_now() + TimeDelta::hours(2));
        let id = host.message(short).await;
        clock.leap(TimeDelta::days(1));
        astray.tick().await.unwrap();
        assert_eq!((state(&host, &id).await.as_str(), host.sandbox.calls()), ("held", 0));
        clock.leap(-TimeDelta::days(1));
        for _ in 0..3 {
            clock.advance(TimeDelta::seconds(15));
            astray.sweep().await.unwrap();
            astray.tick().await.unwrap();
        }
        host.sandbox.until_quiet().await;
        assert_eq!((state(&host, &id).await.as_str(), host.texts_to(ANA).len()), ("delivered", 1));
    }

    async fn what_a_dead_host_left_is_taken_over_and_not_ended_while_the_clock_is_in_doubt(start: Start) {
        let host = start.host().await;
        let (astray, clock) = at_work(&host).await;
        let mut later = alert(ANA, &host);
        later["send_at"] = json!(host.clock_now() + TimeDelta::hours(1));
        let id = host.message(later).await;
        let left_behind = match host.host.store.engine() {
            "sqlite" => "UPDATE messages SET state = 'claimed', lease_until = 0, lease_host = zeroblob(16)",
            _ => "UPDATE messages SET state = 'claimed', lease_until = 0, lease_host = '00000000-0000-0000-0000-000000000000'",
        };
        host.sql(left_behind).await;
        // By that clock its use is long over.
        clock.leap(TimeDelta::days(5));
        astray.sweep().await.unwrap();
        assert!(astray.doubts_clock());
        assert_eq!(state(&host, &id).await, "planned");
    }

    async fn what_a_host_has_in_hand_itself_is_not_taken_from_it_while_its_clock_is_in_doubt(start: Start) {
        let host = start.host().await;
        let (astray, clock) = at_work(&host).await;
        let mut later = alert(ANA, &host);
        later["send_at"] = json!(host.clock_now() + TimeDelta::hours(1));
        let id = host.message(later).await;
        let in_hand = "UPDATE messages SET state = 'claimed', lease_until = due_at,
            lease_host = (SELECT id FROM hosts ORDER BY seen_at DESC, id DESC LIMIT 1)";
        host.sql(in_hand).await;
        // By that clock the lease is long over.
        clock.leap(TimeDelta::days(5));
        astray.sweep().await.unwrap();
        assert!(astray.doubts_clock());
        assert_eq!(state(&host, &id).await, "claimed");
        // By one that is right it may be.
        clock.leap(-TimeDelta::days(5));
        for _ in 0..3 {
            clock.advance(TimeDelta::seconds(15));
            astray.sweep().await.unwrap();
        }
        assert!(!astray.doubts_clock());
        clock.advance(TimeDelta::hours(2));
        astray.sweep().await.unwrap();
        assert_eq!(state(&host, &id).await, "planned");
    }

    async fn what_a_wrong_clock_has_counted_keeps_no_sender_busy(start: Start) {
        let mut start = start;
        start.config.twilio.rate = Rate::per_second(1.0);
        let host = start.host().await;
        let (astray, clock) = at_work(&host).await;
        clock.leap(TimeDelta::days(1));
        for number in 1..=3 {
            host.message(alert(&one_of(number), &host)).await;
            astray.tick().await.unwrap();
        }
        host.sandbox.until(|texts| texts.len() == 3).await;
        clock.leap(-TimeDelta::days(1));
        host.message(notice(BO)).await;
        for _ in 0..3 {
            clock.advance(TimeDelta::seconds(10));
            host.clock.advance(TimeDelta::seconds(10));
            astray.tick().await.unwrap();
        }
        host.sandbox.until_quiet().await;
        assert_eq!(host.texts_to(BO).len(), 1);
    }

    async fn hosts_whose_clocks_differ_take_nothing_from_each_other(start: Start) {
        let host = start.host().await;
        let slow = Arc::new(Frozen::before(client(&host)));
        let at_work = machine(&host, slow.clone(), host.clock.clone(), |_| ());
        at_work.begin().await.unwrap();
        // Nobody but its host is told.
        host.sandbox.script(ANA, [Fault::CallbacksLost]);
        let id = host.message(notice(ANA)).await;
        let calling = tokio::spawn({
            let at_work = at_work.clone();
            async move { at_work.tick().await }
        });
        host.sandbox.until(|texts| texts.len() == 1).await;
        let ahead = Arc::new(ManualClock::at(host.clock_now() + TimeDelta::seconds(75)));
        let other = beside_on(&host, ahead.clone());
        other.begin().await.unwrap();
        for _ in 0..5 {
            host.clock.advance(TimeDelta::seconds(5));
            ahead.advance(TimeDelta::seconds(5));
            at_work.sweep().await.unwrap();
            other.sweep().await.unwrap();
        }
        assert_eq!(state(&host, &id).await, "sending", "its host lives, and waits for an answer");
        assert!(other.doubts_clock() && !at_work.doubts_clock(), "the provider's clock tells which is wrong");
        slow.thaw();
        calling.await.unwrap().unwrap();
        assert_eq!((state(&host, &id).await.as_str(), host.texts_to(ANA).len()), ("accepted", 1));
    }

    async fn an_account_that_is_suspended_after_it_took_a_text_stops_the_others(start: Start) {
        let host = start.host().await;
        host.sandbox.script(ANA, [Fault::Failed(30002)]);
        let first = host.message(notice(ANA)).await;
        host.run().await;
        let told = host.get("/readyz").await["sending_stopped"].clone();
        assert!(told[0].as_str().is_some_and(|told| told.contains("30002")), "{told}");
        let second = host.message(notice(BO)).await;
        host.run().await;
        assert_eq!((state(&host, &first).await.as_str(), state(&host, &second).await.as_str()), ("planned", "planned"));
        after_seconds(&host, 301).await;
        after_seconds(&host, 1).await;
        assert_eq!((state(&host, &first).await.as_str(), state(&host, &second).await.as_str()), ("delivered", "delivered"));
    }

    async fn after_an_outage_texts_go_out_in_order_urgent_first_and_what_is_over_has_ended(start: Start) {
        let host = start.host().await;
        let astray = another(&host, |config| "http://127.0.0.1:9".clone_into(&mut config.twilio.base_url));
        let (began, mut ids) = (host.clock_now(), Vec::new());
        for number in 0..30 {
            let mut one = notice(&one_of(number));
            // The last is due first.
            one["send_at"] = json!(began - TimeDelta::seconds(number));
            if number == 20 {
                one["expires_at"] = json!(host.clock_now() + TimeDelta::hours(1));
            }
            ids.push(host.message(one).await);
        }
        for _ in 0..12 {
            astray.tick().await.unwrap();
            host.clock.advance(TimeDelta::minutes(15));
            astray.sweep().await.unwrap();
        }
        assert_eq!((host.sandbox.calls(), state(&host, &ids[20]).await.as_str()), (0, "expired"));
        let mut in_place = Vec::new();
        for (number, id) in (0..).zip(&ids) {
            let story = host.story(id).await;
            let due_at: DateTime<Utc> = story["due_at"].as_str().unwrap().parse().unwrap();
            if story["state"] == "planned" && due_at == began - TimeDelta::seconds(number) {
                in_place.push(one_of(number));
            }
        }
        host.message(alert(ANA, &host)).await;
        let back = machine(&host, client(&host), host.clock.clone(), |settings| settings.permits.normal = 1);
        back.begin().await.unwrap();
        for _ in 0..40 {
            back.tick().await.unwrap();
            host.sandbox.until_quiet().await;
        }
        let order: Vec<String> = host.sandbox.texts().into_iter().map(|text| text.to).collect();
        assert_eq!((order.len(), order[0].as_str()), (30, ANA));
        // Those that were tried first, before anybody knew of the outage, come back when their turn was.
        assert!(in_place.len() >= 13, "{in_place:?}");
        let in_order: Vec<&String> = order[1..].iter().filter(|to| in_place.contains(to)).collect();
        assert_eq!(in_order, in_place.iter().rev().collect::<Vec<_>>());
        let states = host.states().await;
        assert!(states.iter().all(|(.., state)| state == "delivered" || state == "expired"), "{states:?}");
    }

    async fn an_outage_that_ends_in_the_night_wakes_nobody(start: Start) {
        let host = start.host().await;
        let astray = another(&host, |config| "http://127.0.0.1:9".clone_into(&mut config.twilio.base_url));
        // Half past eight in the evening: it may go out until nine.
        host.clock.advance(TimeDelta::minutes(10 * 60 + 30));
        let id = host.message(notice(ANA)).await;
        for _ in 0..8 {
            astray.tick().await.unwrap();
            host.clock.advance(TimeDelta::minutes(15));
            astray.sweep().await.unwrap();
        }
        let urgent = host.message(alert(BO, &host)).await;
        for _ in 0..3 {
            host.run_after(TimeDelta::minutes(1)).await;
        }
        assert_eq!((state(&host, &id).await.as_str(), state(&host, &urgent).await.as_str()), ("planned", "delivered"));
        assert_eq!(host.story(&id).await["due_at"], "2026-11-25T13:00:00Z");
        host.run_after(TimeDelta::hours(10)).await;
        assert_eq!((host.texts_to(ANA).len(), host.texts_to(BO).len()), (1, 1));
    }
}
