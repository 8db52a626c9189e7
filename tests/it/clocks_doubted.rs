//! A clock that leaps in the middle of something: what was begun by a time that may be wrong is not ended by it, and
//! nothing is sent twice for that.

use crate::clocks::{alert, at_work};
use crate::clocks_alone::{post_version, work};
use crate::delivery::{BO, deaf, notice, sent_by, state};
use crate::for_each_database;
use crate::many_hosts::{client, machine};
use crate::support::{ANA, TestHost};
use crate::versions::day;
use chrono::TimeDelta;
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use tidings::clock::ManualClock;
use tidings::crash::{Crash, Point};
use tidings::sandbox::Fault;
use tidings::service::Host;

/// A host whose clock leaps when somebody comes by a point for the first time.
fn leaps_at(host: &TestHost, clock: &Arc<ManualClock>, point: Point, by: TimeDelta) -> Host {
    let (leaping, has_leapt) = (clock.clone(), AtomicBool::new(false));
    machine(host, client(host), clock.clone(), |settings| {
        settings.crash = Crash::hooked(move |reached| {
            if reached == point && !has_leapt.swap(true, Ordering::Relaxed) {
                leaping.leap(by);
            }
            Box::pin(std::future::ready(()))
        });
    })
}

/// Of use for two hours.
fn short(to: &str, host: &TestHost) -> serde_json::Value {
    let mut short = alert(to, host);
    short["expires_at"] = json!(host.clock_now() + TimeDelta::hours(2));
    short
}

for_each_database! {
    async fn what_has_just_leapt_ends_nothing(start: Start) {
        let host = start.host().await;
        let id = host.message(short(ANA, &host)).await;
        let clock = Arc::new(ManualClock::at(host.clock_now()));
        let astray = leaps_at(&host, &clock, Point::ClaimCommitted, TimeDelta::days(1));
        astray.tick().await.unwrap();
        assert_eq!(state(&host, &id).await, "held");
        clock.leap(-TimeDelta::days(1));
        work(&host, &astray, &clock, 2).await;
        assert_eq!(state(&host, &id).await, "delivered");
    }

    async fn what_was_decided_by_a_wrong_clock_is_decided_again_though_it_is_right_by_now(start: Start) {
        let host = start.host().await;
        let id = host.message(short(ANA, &host)).await;
        let clock = Arc::new(ManualClock::at(host.clock_now() + TimeDelta::days(1)));
        let (mended, this) = (AtomicBool::new(false), Arc::new(OnceLock::<Host>::new()));
        let (mending, itself) = (clock.clone(), this.clone());
        let astray = machine(&host, client(&host), clock.clone(), |settings| {
            settings.crash = Crash::hooked(move |point| {
                let is_first = point == Point::Judged && !mended.swap(true, Ordering::Relaxed);
                let astray = itself.get().filter(|_| is_first).cloned();
                let clock = mending.clone();
                Box::pin(async move {
                    if let Some(astray) = astray {
                        clock.leap(-TimeDelta::days(1));
                        Box::pin(astray.tick()).await.unwrap();
                        assert!(!astray.doubts_clock());
                    }
                })
            });
        });
        this.set(astray.clone()).ok();
        Box::pin(astray.keep_house(std::future::ready(()))).await;
        astray.tick().await.unwrap();
        assert_eq!((state(&host, &id).await.as_str(), astray.doubts_clock()), ("held", false));
        work(&host, &astray, &clock, 2).await;
        assert_eq!(state(&host, &id).await, "delivered");
    }

    async fn a_text_that_is_missed_while_the_clock_leaps_is_not_missed_twice(start: Start) {
        let host = start.host().await;
        host.sandbox.script(ANA, [Fault::Reset; 2]);
        let ids = [host.message(notice(ANA)).await, host.message(notice(ANA)).await];
        sent_by(&host, deaf).await;
        host.clock.advance(TimeDelta::seconds(60));
        let clock = Arc::new(ManualClock::at(host.clock_now()));
        let astray = leaps_at(&host, &clock, Point::LookedUp, -TimeDelta::hours(1));
        astray.sweep().await.unwrap();
        clock.leap(TimeDelta::hours(1));
        for seen in 0..2 {
            clock.advance(TimeDelta::seconds(12));
            host.clock.advance(TimeDelta::seconds(12));
            astray.sweep().await.unwrap();
            for id in &ids {
                assert_eq!(state(&host, id).await, "unknown", "{seen}");
            }
        }
        assert!(!astray.doubts_clock());
    }

    async fn what_is_held_does_not_end_in_a_round_in_which_the_clock_leaps(start: Start) {
        let host = start.host().await;
        let clock = Arc::new(ManualClock::at(host.clock_now()));
        let astray = leaps_at(&host, &clock, Point::LookedUp, TimeDelta::days(1));
        astray.tick().await.unwrap();
        // By a clock that is a day ahead, it would be over.
        let held = host.message(short(ANA, &host)).await;
        clock.leap(TimeDelta::days(1));
        astray.tick().await.unwrap();
        clock.leap(-TimeDelta::days(1));
        assert_eq!(state(&host, &held).await, "held");
        host.sandbox.script(ANA, [Fault::Reset]);
        host.message(notice(ANA)).await;
        sent_by(&host, deaf).await;
        // Its turn is after the one that is looked up.
        host.sql("UPDATE messages SET check_at = (SELECT MAX(check_at) FROM messages) + 1 WHERE state = 'held'").await;
        clock.advance(TimeDelta::seconds(61));
        host.clock.advance(TimeDelta::seconds(61));
        astray.sweep().await.unwrap();
        assert!(astray.doubts_clock(), "it has leapt meanwhile");
        assert_eq!(state(&host, &held).await, "held");
    }

    async fn what_a_person_has_taken_back_does_not_come_again_when_the_clock_is_sure(start: Start) {
        let host = start.host().await;
        let (astray, clock) = at_work(&host).await;
        clock.leap(TimeDelta::hours(1));
        let story = post_version(&host, &astray, 1, &day(3)).await;
        let reminders = |story: &tidings::service::EventStory| {
            story.messages.iter().filter(|it| it.kind.as_str() == "appointment-reminder").count()
        };
        assert_eq!(reminders(&story), 2);
        let first = story.messages.iter().find(|it| it.kind.as_str() == "appointment-reminder").unwrap();
        host.host.cancel(first.id, true).await.unwrap();
        clock.leap(-TimeDelta::hours(1));
        work(&host, &astray, &clock, 2).await;
        assert!(!astray.doubts_clock());
        let story = host.host.event_story(story.event.id, true).await.unwrap().unwrap();
        assert_eq!((story.state.name(), reminders(&story)), ("planned", 2), "one that waits and one that was canceled");
        assert_eq!(story.passed_over.iter().filter(|passed| passed.reason.code == "already-done").count(), 1);
        let told = host.host.story(first.id, true).await.unwrap().unwrap().in_words();
        assert!(told.iter().any(|line| line.text.contains("says: plan, by a clock that is in doubt.")), "{told:?}");
    }

    async fn what_was_sent_is_not_sent_again_after_a_version_that_a_wrong_clock_has_planned(start: Start) {
        let host = start.host().await;
        let (astray, clock) = at_work(&host).await;
        post_version(&host, &astray, 1, &day(3)).await;
        work(&host, &astray, &clock, 1).await;
        assert_eq!(host.texts_to(ANA).len(), 1, "the confirmation");
        clock.leap(TimeDelta::days(30));
        post_version(&host, &astray, 2, &day(3)).await;
        // A policy that says nothing of it leaves it behind.
        let left_behind = match host.host.store.engine() {
            "sqlite" => "UPDATE messages SET superseded = 1, updated_at = (SELECT MAX(received_at) FROM events) WHERE state = 'delivered'",
            _ => "UPDATE messages SET superseded = true, updated_at = (SELECT MAX(received_at) FROM events) WHERE state = 'delivered'",
        };
        host.sql(left_behind).await;
        clock.leap(-TimeDelta::days(30));
        work(&host, &astray, &clock, 2).await;
        assert_eq!(host.number("SELECT COUNT(*) FROM events WHERE state = 'planned'").await, 2);
        assert_eq!(host.texts_to(ANA).len(), 1);
    }

    async fn a_message_that_two_clocks_have_moved_is_told_of_once(start: Start) {
        let host = start.host().await;
        let (astray, clock) = at_work(&host).await;
        post_version(&host, &astray, 1, &day(3)).await;
        clock.leap(TimeDelta::hours(1));
        let story = post_version(&host, &astray, 2, &day(4)).await;
        assert_eq!(story.moved.len(), 3);
        clock.leap(-TimeDelta::hours(1));
        work(&host, &astray, &clock, 2).await;
        let story = host.host.event_story(story.event.id, true).await.unwrap().unwrap();
        assert_eq!((story.state.name(), story.moved.len()), ("planned", 3));
    }

    async fn a_retry_that_only_a_wrong_clock_finds_too_late_is_made(start: Start) {
        let host = start.host().await;
        host.sandbox.script(ANA, [Fault::Refuse(30001)]);
        let id = host.message(short(ANA, &host)).await;
        let clock = Arc::new(ManualClock::at(host.clock_now()));
        let astray = leaps_at(&host, &clock, Point::Answered, TimeDelta::days(1));
        astray.tick().await.unwrap();
        assert_eq!((state(&host, &id).await.as_str(), host.sandbox.calls()), ("planned", 1));
        clock.leap(-TimeDelta::days(1));
        work(&host, &astray, &clock, 15).await;
        assert_eq!((state(&host, &id).await.as_str(), host.sandbox.calls()), ("delivered", 2));
    }

    async fn a_doubt_takes_no_try_from_what_is_held(start: Start) {
        let host = start.host().await;
        let id = host.message(short(BO, &host)).await;
        let clock = Arc::new(ManualClock::at(host.clock_now()));
        let astray = machine(&host, client(&host), clock.clone(), |settings| settings.senders.clear());
        for _ in 0..3 {
            astray.sweep().await.unwrap();
            clock.leap(TimeDelta::days(1));
            astray.tick().await.unwrap();
            assert_eq!(host.story(&id).await["reason"]["code"], "clock-doubted");
            clock.leap(-TimeDelta::days(1));
            clock.advance(TimeDelta::seconds(15));
            host.clock.advance(TimeDelta::seconds(15));
        }
        astray.sweep().await.unwrap();
        astray.tick().await.unwrap();
        assert_eq!(host.story(&id).await["reason"]["code"], "no-sender");
        assert_eq!(host.number("SELECT check_at - updated_at FROM messages").await, 60_000, "asked again in a minute");
    }
}
