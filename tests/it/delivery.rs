//! Delivery: every fault on the way ends in an explained state, and nothing is lost or sent twice.

use crate::for_each_database;
use crate::support::{ANA, TestHost, phone};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tidings::clock::Chance;
use tidings::config::Config;
use tidings::render::Renderer;
use tidings::sandbox::Fault;
use tidings::service::{Host, Providers};
use tidings::twilio::{Provider, TwilioClient};

pub(crate) const BO: &str = "+12025550144";

const TAKEN_AND_NOT_ANSWERED: [Fault; 4] =
    [Fault::AcceptThenSilence, Fault::AcceptThenError500, Fault::AcceptThenReset, Fault::AcceptThenGarbage];
const NEITHER_TAKEN_NOR_ANSWERED: [Fault; 3] = [Fault::Error500, Fault::Silence, Fault::Reset];

/// Of the normal lane, good for two days, sent again up to three times.
pub(crate) fn notice(to: &str) -> Value {
    json!({"type": "prescription-ready", "to": {"id": to, "phone": to, "language": "en"}})
}

/// Of the urgent lane, good for five minutes, never sent again when its fate is unknown.
pub(crate) fn code(to: &str) -> Value {
    json!({"type": "otp", "to": {"id": to, "phone": to, "language": "en"}, "variables": {"code": "482913"}})
}

/// Another process on the same database.
pub(crate) fn another(host: &TestHost, change: impl FnOnce(&mut Config)) -> Host {
    let mut config = host.start.config.clone();
    change(&mut config);
    let client: Arc<dyn Provider> = Arc::new(TwilioClient::new(&config.twilio).unwrap());
    Host::new(
        host.host.store.clone(),
        host.host.policies.clone(),
        Renderer::load(&host.start.home, &config.render()).unwrap(),
        Providers { live: None, test: Some(client) },
        host.clock.clone(),
        Chance::from_machine(),
        config.settings(),
    )
}

/// One that does not wait long for an answer.
pub(crate) fn impatient(config: &mut Config) {
    config.twilio.timeout = Duration::from_millis(300);
    config.twilio.connect_timeout = config.twilio.timeout;
}

/// One that is never called back, too.
pub(crate) fn deaf(config: &mut Config) {
    impatient(config);
    config.server.public_url = None;
}

/// What is due is sent by another process with these ways.
pub(crate) async fn sent_by(host: &TestHost, ways: fn(&mut Config)) {
    another(host, ways).tick().await.unwrap();
    host.sandbox.until_quiet().await;
}

pub(crate) async fn after_seconds(host: &TestHost, seconds: i64) {
    host.run_after(TimeDelta::seconds(seconds)).await;
}

pub(crate) async fn state(host: &TestHost, id: &str) -> String {
    host.story(id).await["state"].as_str().unwrap().to_owned()
}

/// State and code of its reason.
pub(crate) async fn end(host: &TestHost, id: &str) -> (String, String) {
    let story = host.story(id).await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&story["state"]), text(&story["reason"]["code"]))
}

pub(crate) fn is(state: &str, reason: &str) -> (String, String) {
    (state.to_owned(), reason.to_owned())
}

/// Texts that the provider took for a phone, and calls it has seen in all.
pub(crate) fn taken(host: &TestHost, phone: &str) -> (usize, u64) {
    (host.texts_to(phone).len(), host.sandbox.calls())
}

fn moment(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

for_each_database! {
    async fn a_text_that_was_taken_and_not_answered_for_is_followed_by_its_callbacks(start: Start) {
        let host = start.host().await;
        for (index, fault) in TAKEN_AND_NOT_ANSWERED.into_iter().enumerate() {
            host.sandbox.script(ANA, [fault]);
            let id = host.message(notice(ANA)).await;
            sent_by(&host, impatient).await;
            after_seconds(&host, 60).await;
            after_seconds(&host, 30).await;
            assert_eq!(state(&host, &id).await, "delivered", "{fault}");
            assert_eq!(taken(&host, ANA).0, index + 1, "{fault}");
        }
    }

    async fn a_text_that_was_taken_and_never_heard_of_is_found_in_the_list(start: Start) {
        let host = start.host().await;
        for (index, fault) in TAKEN_AND_NOT_ANSWERED.into_iter().enumerate() {
            host.sandbox.script(ANA, [fault]);
            let id = host.message(notice(ANA)).await;
            sent_by(&host, deaf).await;
            assert_eq!(state(&host, &id).await, "unknown", "{fault}");
            after_seconds(&host, 59).await;
            assert_eq!(state(&host, &id).await, "unknown", "{fault}");
            after_seconds(&host, 1).await;
            let story = host.story(&id).await;
            assert_eq!((&story["state"], &story["provider_events"][0]["source"]), (&json!("delivered"), &json!("list")));
            assert_eq!(story["sid"], json!(host.sandbox.texts_to(ANA)[index].sid), "{fault}");
            assert_eq!(taken(&host, ANA), (index + 1, index as u64 + 1), "{fault}");
        }
    }

    async fn a_text_that_was_not_taken_is_missed_twice_and_then_sent_again(start: Start) {
        let host = start.host().await;
        for (index, fault) in NEITHER_TAKEN_NOR_ANSWERED.into_iter().enumerate() {
            let calls = host.sandbox.calls();
            host.sandbox.script(ANA, [fault]);
            let id = host.message(notice(ANA)).await;
            sent_by(&host, impatient).await;
            for seconds in [0, 60, 29] {
                after_seconds(&host, seconds).await;
                assert_eq!((state(&host, &id).await.as_str(), host.sandbox.calls()), ("unknown", calls + 1), "{fault}");
            }
            after_seconds(&host, 1).await;
            let story = host.story(&id).await;
            assert_eq!((&story["state"], &story["attempts_made"]), (&json!("delivered"), &json!(2)), "{fault}");
            assert_eq!(story["attempts"][0]["outcome"], "absent");
            assert_eq!(taken(&host, ANA), (index + 1, calls + 2), "{fault}");
        }
    }

    async fn an_unknown_text_is_not_resent_while_the_provider_cannot_be_asked(start: Start) {
        let host = start.host().await;
        host.sandbox.script(ANA, [Fault::AcceptThenReset]);
        let id = host.message(notice(ANA)).await;
        sent_by(&host, deaf).await;
        let cut_off = another(&host, |config| "http://127.0.0.1:1".clone_into(&mut config.twilio.base_url));
        for _ in 0..5 {
            host.clock.advance(TimeDelta::seconds(60));
            cut_off.sweep().await.unwrap();
            cut_off.tick().await.unwrap();
            assert_eq!(state(&host, &id).await, "unknown");
        }
        after_seconds(&host, 60).await;
        assert_eq!((state(&host, &id).await.as_str(), taken(&host, ANA)), ("delivered", (1, 1)));
    }

    async fn a_code_of_unknown_fate_is_never_resent(start: Start) {
        let host = start.host().await;
        for (index, fault) in NEITHER_TAKEN_NOR_ANSWERED.into_iter().enumerate() {
            host.sandbox.script(ANA, [fault]);
            let id = host.message(code(ANA)).await;
            sent_by(&host, impatient).await;
            for seconds in [60, 30, 30, 300] {
                after_seconds(&host, seconds).await;
            }
            assert_eq!(end(&host, &id).await, is("failed", "outcome_unknown"), "{fault}");
            assert_eq!(taken(&host, ANA), (0, index as u64 + 1), "{fault}");
        }
    }

    async fn identical_texts_of_unknown_fate_each_find_their_own(start: Start) {
        let host = start.host().await;
        let mut of_a_child = notice(ANA);
        of_a_child["to"]["id"] = json!("a child with the same phone");
        host.sandbox.script(ANA, [Fault::AcceptThenReset; 3]);
        let ids = [host.message(notice(ANA)).await, host.message(notice(ANA)).await, host.message(of_a_child).await];
        sent_by(&host, deaf).await;
        after_seconds(&host, 60).await;
        after_seconds(&host, 5).await;
        let mut found = Vec::new();
        for id in &ids {
            let story = host.story(id).await;
            assert_eq!(story["state"], "delivered");
            found.push(story["sid"].as_str().unwrap().to_owned());
        }
        let mut sent: Vec<String> = host.sandbox.texts().into_iter().map(|text| text.sid).collect();
        found.sort();
        sent.sort();
        assert_eq!((found, taken(&host, ANA)), (sent, (3, 3)));
    }

    async fn one_found_and_one_missing_of_two_identical_texts_makes_two_in_all(start: Start) {
        let host = start.host().await;
        host.sandbox.script(ANA, [Fault::AcceptThenReset, Fault::Reset]);
        host.message(notice(ANA)).await;
        host.message(notice(ANA)).await;
        sent_by(&host, deaf).await;
        after_seconds(&host, 60).await;
        after_seconds(&host, 30).await;
        let delivered = host.get("/api/v1/messages?state=delivered").await;
        assert_eq!((delivered["items"].as_array().unwrap().len(), taken(&host, ANA)), (2, (2, 3)));
    }

    async fn a_provider_that_asks_for_patience_costs_no_attempt(start: Start) {
        let host = start.host().await;
        let patience = [None, Some(2), None, Some(600), None, Some(1)].map(Fault::TooManyRequests);
        host.sandbox.script(ANA, patience);
        let id = host.message(notice(ANA)).await;
        host.run().await;
        for calls in 1..=6 {
            let story = host.story(&id).await;
            assert_eq!((&story["state"], &story["attempts_made"]), (&json!("planned"), &json!(0)));
            assert_eq!(host.sandbox.calls(), calls);
            after_seconds(&host, 1000).await;
        }
        let story = host.story(&id).await;
        assert_eq!((&story["state"], &story["attempts_made"], taken(&host, ANA)), (&json!("delivered"), &json!(1), (1, 7)));
    }

    async fn a_provider_is_given_at_least_the_time_it_asks_for(start: Start) {
        let host = start.host().await;
        host.sandbox.always("*", Fault::TooManyRequests(Some(100)));
        let mut ids = Vec::new();
        for number in 100..116 {
            ids.push(host.message(notice(&format!("+12025550{number}"))).await);
        }
        host.run().await;
        for id in &ids {
            let due = moment(&host.story(id).await["due_at"]) - host.host.now();
            assert!(due >= TimeDelta::seconds(100) && due <= TimeDelta::seconds(900), "asked again after {due}");
        }
    }

    async fn a_provider_that_is_not_reached_costs_no_attempt(start: Start) {
        let host = start.host().await;
        let id = host.message(notice(ANA)).await;
        for _ in 0..5 {
            sent_by(&host, |config| "http://127.0.0.1:1".clone_into(&mut config.twilio.base_url)).await;
            let story = host.story(&id).await;
            assert_eq!((&story["state"], &story["attempts_made"]), (&json!("planned"), &json!(0)));
            host.clock.advance(TimeDelta::minutes(6));
        }
        host.run().await;
        assert_eq!((state(&host, &id).await.as_str(), taken(&host, ANA)), ("delivered", (1, 1)));
    }

    async fn an_account_that_is_refused_rests_and_no_message_fails(start: Start) {
        let host = start.host().await;
        host.sandbox.always("*", Fault::Refuse(20003));
        let first = host.message(notice(ANA)).await;
        host.run().await;
        let second = host.message(notice(BO)).await;
        after_seconds(&host, 299).await;
        assert_eq!(host.sandbox.calls(), 1, "the account rests");
        after_seconds(&host, 1).await;
        assert_eq!(host.sandbox.calls(), 2, "one is tried once more");
        for id in [&first, &second] {
            let story = host.story(id).await;
            assert_eq!((&story["state"], &story["attempts_made"]), (&json!("planned"), &json!(0)));
        }
        host.sandbox.always("*", Fault::None);
        after_seconds(&host, 300).await;
        for id in [&first, &second] {
            assert_eq!(state(&host, id).await, "delivered");
        }
        assert_eq!(host.sandbox.texts().len(), 2);
    }

    async fn an_unreachable_phone_is_tried_four_times_in_all(start: Start) {
        let host = start.host().await;
        host.sandbox.always(ANA, Fault::Undelivered(30003));
        let id = host.message(notice(ANA)).await;
        host.run().await;
        for (calls, minutes) in [(1, 30), (2, 60), (3, 120)] {
            let due = moment(&host.story(&id).await["due_at"]) - host.host.now();
            assert!(due >= TimeDelta::minutes(minutes) && due <= TimeDelta::minutes(minutes + 1) && state(&host, &id).await == "planned");
            host.run_after(due - TimeDelta::milliseconds(1)).await;
            assert_eq!(host.sandbox.calls(), calls);
            host.run_after(TimeDelta::milliseconds(1)).await;
        }
        for hours in [4, 24, 48] {
            host.run_after(TimeDelta::hours(hours)).await;
            assert_eq!((end(&host, &id).await, host.sandbox.calls()), (is("undelivered", "unreachable"), 4));
        }
        assert_eq!(host.story(&id).await["error_code"], 30003);
    }

    async fn no_retry_comes_after_the_expiry(start: Start) {
        let host = start.host().await;
        host.sandbox.always("*", Fault::Undelivered(30003));
        let soon = |to: &str| {
            let mut notice = notice(to);
            notice["expires_at"] = json!(host.host.now() + TimeDelta::minutes(40));
            notice
        };
        let awake = host.message(soon(ANA)).await;
        host.run().await;
        after_seconds(&host, 31 * 60).await;
        assert_eq!((end(&host, &awake).await, host.sandbox.calls()), (is("undelivered", "unreachable"), 2));

        let asleep = host.message(soon(BO)).await;
        host.run().await;
        after_seconds(&host, 40 * 60).await;
        assert_eq!((end(&host, &asleep).await, host.sandbox.calls()), (is("expired", "expired"), 3));
    }

    async fn what_another_attempt_cannot_mend_is_not_tried_again(start: Start) {
        let host = start.host().await;
        for (calls, fault, ended, reason) in [
            (1, Fault::Refuse(21211), "failed", "invalid-number"),
            (2, Fault::Undelivered(30007), "undelivered", "filtered"),
            (3, Fault::Failed(30005), "failed", "invalid-number"),
        ] {
            host.sandbox.script(ANA, [fault]);
            let id = host.message(notice(ANA)).await;
            host.run().await;
            host.run_after(TimeDelta::hours(5)).await;
            assert_eq!((end(&host, &id).await, host.sandbox.calls()), (is(ended, reason), calls), "{fault}");
        }
    }

    async fn a_phone_that_said_stop_to_the_provider_is_not_texted_again(start: Start) {
        let host = start.host().await;
        for (calls, to, fault) in [(1, ANA, Fault::Refuse(21610)), (2, BO, Fault::Failed(21610))] {
            host.sandbox.script(to, [fault]);
            let id = host.message(notice(to)).await;
            host.run().await;
            assert_eq!(end(&host, &id).await, is("failed", "blocked"), "{fault}");
            assert!(host.host.store.read().await.unwrap().consents("", Some(&phone(to))).await.unwrap().phone_stopped());
            let next = host.message(notice(to)).await;
            host.run().await;
            assert_eq!((end(&host, &next).await, host.sandbox.calls()), (is("suppressed", "opted-out"), calls));
        }
    }

    async fn what_expires_before_its_turn_is_never_seen_by_the_provider(start: Start) {
        let host = start.host().await;
        let id = host.message(code(ANA)).await;
        after_seconds(&host, 5 * 60).await;
        assert_eq!((end(&host, &id).await, host.sandbox.calls()), (is("expired", "expired"), 0));
    }

    async fn the_provider_is_told_how_long_a_text_is_still_of_use(start: Start) {
        let host = start.host().await;
        host.sandbox.script(ANA, [Fault::TooManyRequests(None)]);
        host.message(code(ANA)).await;
        host.run().await;
        after_seconds(&host, 100).await;
        assert_eq!(host.sandbox.texts()[0].validity, Some(200));
        host.message(notice(BO)).await;
        host.run().await;
        assert_eq!(host.sandbox.texts()[1].validity, Some(36_000), "Twilio takes no more");
    }

    async fn a_text_that_arrived_after_all_shows_no_error_of_an_earlier_attempt(start: Start) {
        let host = start.host().await;
        for fault in [Fault::Undelivered(30003), Fault::TooManyRequests(None)] {
            host.sandbox.script(ANA, [fault]);
            let id = host.message(notice(ANA)).await;
            host.run().await;
            after_seconds(&host, 31 * 60).await;
            let story = host.story(&id).await;
            assert_eq!((&story["state"], &story["error_code"]), (&json!("delivered"), &Value::Null), "{fault}");
        }
    }

    async fn a_text_whose_callbacks_are_all_lost_is_asked_about(start: Start) {
        let host = start.host().await;
        host.sandbox.script(ANA, [Fault::CallbacksLost]);
        let id = host.message(notice(ANA)).await;
        host.run().await;
        assert_eq!(state(&host, &id).await, "accepted");
        for _ in 0..24 {
            host.run_after(TimeDelta::hours(1)).await;
        }
        assert_eq!((state(&host, &id).await.as_str(), taken(&host, ANA)), ("delivered", (1, 1)));
    }

    async fn an_urgent_text_does_not_wait_behind_a_lane_that_is_stuck(start: Start) {
        let mut start = start;
        start.config.lanes.normal = 1;
        let host = start.host().await;
        host.sandbox.script(ANA, [Fault::AcceptThenSilence]);
        host.message(notice(ANA)).await;
        let machine = host.host.clone();
        let stuck = tokio::spawn(async move { machine.tick().await });
        host.sandbox.until(|texts| texts.len() == 1).await;

        let waits = host.message(notice(BO)).await;
        let words = json!({"text": "We are closed."});
        let urgent = host.message(json!({"type": "urgent-alert", "to": {"id": BO}, "variables": words})).await;
        host.run().await;
        assert_eq!((state(&host, &urgent).await.as_str(), state(&host, &waits).await.as_str()), ("delivered", "planned"));
        stuck.abort();
    }
}
