//! What Twilio tells us: only what it signed is believed, and told twice, late, early or in any order
//! it comes to the same.

mod burst;

use crate::delivery::{BO, after_seconds, code, deaf, end, is, notice, sent_by, state, taken};
use crate::for_each_database;
use crate::support::{ANA, TestHost};
use chrono::TimeDelta;
use serde_json::{Value, json};
use tidings::domain::keyword::OptOutAnswers;
use tidings::domain::secret::Secret;
use tidings::sandbox::Fault;
use tidings::twilio::signature::{HEADER, sign};
use tokio::task::JoinSet;

const OLDER: &str = "/api/v1/sms/status-callback";
const STATUS: &str = "/webhooks/twilio/status";
const INBOUND: &str = "/webhooks/twilio/inbound";

type Form = Vec<(String, String)>;

fn form<const N: usize>(pairs: [(&str, &str); N]) -> Form {
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

fn told(sid: &str, status: &str) -> Form {
    form([("MessageSid", sid), ("MessageStatus", status), ("ApiVersion", "2010-04-01")])
}

fn typed(sid: &str, from: &str, body: &str) -> Form {
    form([("MessageSid", sid), ("From", from), ("To", "+15005550006"), ("Body", body), ("NumMedia", "0")])
}

/// An identifier of Twilio's.
fn sid(number: u32) -> String {
    format!("SM{number:032x}")
}

/// Calls a path with a signature, or none, and answers the status.
async fn call(host: &TestHost, path: &str, form: &Form, signature: Option<&str>) -> u16 {
    let mut request = host.client.post(format!("{}{path}", host.base)).form(form);
    if let Some(signature) = signature {
        request = request.header(HEADER, signature);
    }
    request.send().await.unwrap().status().as_u16()
}

fn signature_of(host: &TestHost, path: &str, form: &Form) -> String {
    sign(host.sandbox.auth_token(), &format!("{}{path}", host.base), form)
}

/// Calls a path as Twilio does.
async fn signed(host: &TestHost, path: &str, form: &Form) -> u16 {
    call(host, path, form, Some(&signature_of(host, path, form))).await
}

/// The path of the address that we gave Twilio for an attempt.
async fn callback_path(host: &TestHost, id: &str, attempt: usize) -> String {
    let story = host.story(id).await;
    let attempt = story["attempts"][attempt]["id"].as_str().unwrap().parse().unwrap();
    let url = host.host.callbacks().unwrap().url(id.parse().unwrap(), attempt);
    url.strip_prefix(&host.base).unwrap().split('#').next().unwrap().to_owned()
}

/// A text that Twilio took and has told nothing more of: its message, SID and path for callbacks.
async fn queued(host: &TestHost, to: &str) -> (String, String, String) {
    host.sandbox.script(to, [Fault::StaysQueued]);
    let id = host.message(notice(to)).await;
    host.run().await;
    let sid = host.sandbox.texts_to(to).pop().unwrap().sid;
    let path = callback_path(host, &id, 0).await;
    (id, sid, path)
}

/// What was told of a message, without when.
async fn events(host: &TestHost, id: &str) -> Vec<String> {
    let story = host.story(id).await;
    let word = |event: &Value| event["status"].as_str().unwrap().to_owned();
    let mut words: Vec<String> = story["provider_events"].as_array().unwrap().iter().map(word).collect();
    words.sort();
    words
}

/// All that the API shows.
async fn everything(host: &TestHost, id: &str) -> (Value, Value) {
    (host.story(id).await, host.get("/api/v1/messages?limit=200").await)
}

for_each_database! {
    async fn a_callback_that_twilio_has_not_signed_leaves_no_trace(start: Start) {
        let host = start.host().await;
        let (id, sid, path) = queued(&host, ANA).await;
        let before = everything(&host, &id).await;
        let delivered = told(&sid, "delivered");
        let right = signature_of(&host, &path, &delivered);
        let stranger = sign(&Secret::new("another token"), &format!("{}{path}", host.base), &delivered);
        let elsewhere = sign(host.sandbox.auth_token(), &format!("https://sms.clinic.example{path}"), &delivered);
        let older = signature_of(&host, OLDER, &delivered);
        let (more, other) = ([delivered.clone(), form([("ErrorCode", "30003")])].concat(), told(&sid, "failed"));
        for (why, path, form, signature) in [
            ("unsigned", path.clone(), &delivered, None),
            ("nothing", path.clone(), &delivered, Some("")),
            ("wrong", path.clone(), &delivered, Some("c2lnbmVk")),
            ("another token", path.clone(), &delivered, Some(&*stranger)),
            ("another host", path.clone(), &delivered, Some(&*elsewhere)),
            ("another path", path.clone(), &delivered, Some(&*older)),
            ("another body", path.clone(), &other, Some(&*right)),
            ("one more parameter", path.clone(), &more, Some(&*right)),
            ("one parameter less", path.clone(), &delivered[..2].to_vec(), Some(&*right)),
            ("no body", path.clone(), &Form::new(), Some(&*right)),
            ("one more in the query", format!("{path}&x=1"), &delivered, Some(&*right)),
            ("no query", STATUS.to_owned(), &delivered, Some(&*right)),
        ] {
            assert_eq!(call(&host, &path, form, signature).await, 403, "{why}");
            assert_eq!(everything(&host, &id).await, before, "{why}");
        }
        assert_eq!(call(&host, &path, &delivered, Some(&right)).await, 204);
        assert_eq!(state(&host, &id).await, "delivered");
    }

    async fn a_stop_that_twilio_has_not_signed_stops_nothing(start: Start) {
        let host = start.host().await;
        let stop = typed(&sid(1), ANA, "STOP");
        let status = signature_of(&host, STATUS, &stop);
        let start = signature_of(&host, INBOUND, &typed(&sid(1), ANA, "START"));
        for signature in [None, Some("c2lnbmVk"), Some(&*status), Some(&*start)] {
            assert_eq!(call(&host, INBOUND, &stop, signature).await, 403);
        }
        let id = host.message(notice(ANA)).await;
        host.run().await;
        assert_eq!((end(&host, &id).await, host.states().await.len()), (is("delivered", ""), 1));
        assert_eq!(signed(&host, INBOUND, &stop).await, 200);
    }

    async fn callbacks_in_any_order_and_twice_come_to_the_same(start: Start) {
        let host = start.host().await;
        let ways: [&[&str]; 7] = [
            &["sent", "delivered"],
            &["delivered", "sent"],
            &["sending", "delivered", "sent", "queued"],
            &["undelivered", "delivered", "sent"],
            &["delivered", "undelivered", "sent"],
            &["sent", "failed", "delivered", "undelivered"],
            &["read", "sent"],
        ];
        for (number, way) in ways.into_iter().enumerate() {
            let (id, sid, path) = queued(&host, &format!("+1202555011{number}")).await;
            for status in way.iter().chain(way) {
                assert_eq!(signed(&host, &path, &told(&sid, status)).await, 204, "{way:?}");
            }
            assert_eq!(state(&host, &id).await, "delivered", "{way:?}");
            let mut words: Vec<&str> = [way, &["queued"]].concat();
            words.sort_unstable();
            words.dedup();
            assert_eq!(events(&host, &id).await, words, "each is kept once");
        }
        host.run_after(TimeDelta::hours(12)).await;
        assert_eq!(host.sandbox.calls(), 7);
    }

    async fn the_worse_of_two_ends_stands_whichever_is_told_first(start: Start) {
        let host = start.host().await;
        for (to, way) in [(ANA, ["undelivered", "failed"]), (BO, ["failed", "undelivered"])] {
            let (id, sid, path) = queued(&host, to).await;
            for status in way {
                assert_eq!(signed(&host, &path, &told(&sid, status)).await, 204);
            }
            assert_eq!(end(&host, &id).await, is("failed", "unknown"), "{way:?}");
        }
    }

    async fn callbacks_all_at_once_come_to_the_same(start: Start) {
        let host = start.host().await;
        for number in 0..10 {
            let to = format!("+1202555011{number}");
            host.sandbox.script(&to, [Fault::AcceptThenReset]);
            let id = host.message(notice(&to)).await;
            sent_by(&host, deaf).await;
            let path = callback_path(&host, &id, 0).await;
            let sid = host.sandbox.texts_to(&to)[0].sid.clone();
            let mut calls = JoinSet::new();
            for status in ["queued", "sent", "delivered", "sent", "delivered"] {
                let form = told(&sid, status);
                let signature = signature_of(&host, &path, &form);
                let request = host.client.post(format!("{}{path}", host.base)).form(&form).header(HEADER, signature);
                calls.spawn(async move { request.send().await.unwrap().status().as_u16() });
            }
            assert_eq!(calls.join_all().await, [204; 5]);
            assert_eq!(state(&host, &id).await, "delivered");
            assert_eq!(events(&host, &id).await, ["delivered", "queued", "sent"]);
        }
    }

    async fn receipts_of_two_attempts_at_once_are_all_taken_in(start: Start) {
        let host = start.host().await;
        for number in 0..5 {
            let to = format!("+1202555011{number}");
            host.sandbox.always(&to, Fault::Undelivered(30003));
            let id = host.message(notice(&to)).await;
            host.run().await;
            after_seconds(&host, 31 * 60).await;
            let mut calls = JoinSet::new();
            for (attempt, text) in host.sandbox.texts_to(&to).into_iter().enumerate() {
                let (path, form) = (callback_path(&host, &id, attempt).await, told(&text.sid, "delivered"));
                let signature = signature_of(&host, &path, &form);
                let request = host.client.post(format!("{}{path}", host.base)).form(&form).header(HEADER, signature);
                calls.spawn(async move { request.send().await.unwrap().status().as_u16() });
            }
            assert_eq!(calls.join_all().await, [204; 2]);
            assert_eq!(state(&host, &id).await, "delivered");
        }
    }

    async fn callbacks_gone_astray_come_to_the_same(start: Start) {
        let host = start.host().await;
        let faults = [Fault::CallbacksTwice, Fault::CallbacksReversed, Fault::CallbackFirst, Fault::CallbacksLate];
        for fault in faults {
            host.sandbox.script(ANA, [fault]);
            let id = host.message(notice(ANA)).await;
            host.host.tick().await.unwrap();
            host.sandbox.release_callbacks();
            host.sandbox.until_quiet().await;
            assert_eq!(state(&host, &id).await, "delivered", "{fault}");
            assert_eq!(events(&host, &id).await, ["delivered", "queued", "sent"], "{fault}");
        }
    }

    async fn a_failure_told_twice_is_followed_by_one_retry(start: Start) {
        let host = start.host().await;
        let (id, sid, path) = queued(&host, ANA).await;
        let undelivered = [told(&sid, "undelivered"), form([("ErrorCode", "30003")])].concat();
        for form in [&undelivered, &undelivered, &told(&sid, "sent"), &undelivered] {
            assert_eq!(signed(&host, &path, form).await, 204);
        }
        after_seconds(&host, 31 * 60).await;
        assert_eq!((state(&host, &id).await.as_str(), taken(&host, ANA)), ("delivered", (2, 2)));
        assert_eq!(signed(&host, &path, &undelivered).await, 204);
        assert_eq!(state(&host, &id).await, "delivered");
    }

    async fn an_unknown_text_is_found_by_its_callback_before_it_is_looked_up(start: Start) {
        let host = start.host().await;
        host.sandbox.script(ANA, [Fault::AcceptThenSilence]);
        let id = host.message(notice(ANA)).await;
        sent_by(&host, deaf).await;
        assert_eq!(state(&host, &id).await, "unknown");
        let path = callback_path(&host, &id, 0).await;
        assert_eq!(signed(&host, &path, &told(&host.sandbox.texts()[0].sid, "sent")).await, 204);
        // Later than every look-up, and sooner than a silent provider is asked.
        after_seconds(&host, 600).await;
        assert_eq!((state(&host, &id).await.as_str(), taken(&host, ANA)), ("sent", (1, 1)));
    }

    async fn a_late_receipt_turns_a_code_of_unknown_fate_into_a_delivered_one(start: Start) {
        let mut start = start;
        start.sandbox.list_lag = TimeDelta::hours(1);
        let host = start.host().await;
        host.sandbox.script(ANA, [Fault::AcceptThenSilence]);
        let id = host.message(code(ANA)).await;
        sent_by(&host, deaf).await;
        after_seconds(&host, 60).await;
        after_seconds(&host, 30).await;
        assert_eq!(end(&host, &id).await, is("failed", "outcome_unknown"));
        let path = callback_path(&host, &id, 0).await;
        assert_eq!(signed(&host, &path, &told(&host.sandbox.texts()[0].sid, "delivered")).await, 204);
        assert_eq!((end(&host, &id).await, taken(&host, ANA)), (is("delivered", ""), (1, 1)));
    }

    async fn a_late_receipt_of_an_earlier_attempt_cancels_the_retry(start: Start) {
        let host = start.host().await;
        host.sandbox.always(ANA, Fault::Undelivered(30003));
        let id = host.message(notice(ANA)).await;
        host.run().await;
        after_seconds(&host, 31 * 60).await;
        assert_eq!((state(&host, &id).await.as_str(), host.sandbox.calls()), ("planned", 2));
        let path = callback_path(&host, &id, 0).await;
        assert_eq!(signed(&host, &path, &told(&host.sandbox.texts()[0].sid, "delivered")).await, 204);
        host.run_after(TimeDelta::hours(8)).await;
        assert_eq!((state(&host, &id).await.as_str(), host.sandbox.calls()), ("delivered", 2));
    }

    async fn a_word_that_is_new_to_us_changes_nothing(start: Start) {
        let host = start.host().await;
        let (id, sid, path) = queued(&host, ANA).await;
        let before = everything(&host, &id).await;
        assert_eq!(signed(&host, &path, &told(&sid, "teleported")).await, 204);
        assert_eq!(everything(&host, &id).await, before);
    }

    async fn a_callback_about_no_text_of_ours_is_not_found(start: Start) {
        let host = start.host().await;
        let (id, ..) = queued(&host, ANA).await;
        let before = everything(&host, &id).await;
        for path in [OLDER, STATUS] {
            assert_eq!(signed(&host, path, &told(&sid(7), "delivered")).await, 404);
            assert_eq!(signed(&host, path, &form([("MessageStatus", "delivered")])).await, 400);
        }
        assert_eq!(everything(&host, &id).await, before);
    }

    async fn the_older_address_is_signed_by_its_own_name(start: Start) {
        let host = start.host().await;
        let (id, sid, _) = queued(&host, ANA).await;
        let delivered = told(&sid, "delivered");
        let newer = signature_of(&host, STATUS, &delivered);
        assert_eq!(call(&host, OLDER, &delivered, Some(&newer)).await, 403);
        assert_eq!(state(&host, &id).await, "accepted");
        assert_eq!(signed(&host, OLDER, &delivered).await, 204);
        assert_eq!(state(&host, &id).await, "delivered");
    }

    async fn a_tag_that_we_have_not_written_is_not_believed(start: Start) {
        let host = start.host().await;
        let (ana, _, path_of_ana) = queued(&host, ANA).await;
        let (bo, sid_of_bo, path_of_bo) = queued(&host, BO).await;
        let tag = path_of_bo.split_once("&k=").unwrap().1;
        let (stem, _) = path_of_ana.split_once("&k=").unwrap();
        for forged in [format!("{stem}&k={tag}"), format!("{stem}&k="), stem.to_owned()] {
            assert_eq!(signed(&host, &forged, &told(&sid(7), "delivered")).await, 404, "{forged}");
            assert_eq!(signed(&host, &forged, &told(&sid_of_bo, "sent")).await, 204, "known by its SID");
            assert_eq!((state(&host, &ana).await.as_str(), state(&host, &bo).await.as_str()), ("accepted", "sent"));
        }
    }

    async fn looking_at_a_webhook_is_answered_with_a_problem(start: Start) {
        let host = start.host().await;
        for path in [STATUS, OLDER, INBOUND] {
            let answer = host.client.get(format!("{}{path}", host.base)).send().await.unwrap();
            assert_eq!((answer.status().as_u16(), &answer.headers()["content-type"]), (405, &"application/problem+json".parse().unwrap()));
            let problem: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
            assert_eq!((&problem["status"], &problem["type"]), (&json!(405), &json!("/docs/problems/method-not-allowed")));
        }
    }

    async fn a_reply_that_is_delivered_again_is_counted_once(start: Start) {
        let mut start = start;
        start.config.twilio.opt_out_answers = OptOutAnswers::Tidings;
        let host = start.host().await;
        let id = host.message(notice(ANA)).await;
        host.run().await;
        assert_eq!(state(&host, &id).await, "delivered");
        for _ in 0..3 {
            assert_eq!(signed(&host, INBOUND, &typed(&sid(1), ANA, "STOP")).await, 200);
        }
        host.clock.advance(TimeDelta::seconds(1));
        assert_eq!(signed(&host, INBOUND, &typed(&sid(2), ANA, "START")).await, 200);
        host.clock.advance(TimeDelta::seconds(1));
        assert_eq!(signed(&host, INBOUND, &typed(&sid(1), ANA, "STOP")).await, 200, "the first one, late");
        let next = host.message(notice(ANA)).await;
        host.run().await;
        assert_eq!(end(&host, &next).await, is("delivered", ""));
        let kinds: Vec<String> = host.states().await.into_iter().map(|(kind, ..)| kind).collect();
        assert_eq!(kinds, ["prescription-ready", "prescription-ready", "reply-started", "reply-stopped"]);
    }

    async fn a_reply_that_is_delivered_twice_at_once_is_counted_once(start: Start) {
        let host = start.host().await;
        host.message(notice(ANA)).await;
        host.run().await;
        for number in 1..=5 {
            let form = typed(&sid(number), ANA, "HELP");
            let signature = signature_of(&host, INBOUND, &form);
            let mut calls = JoinSet::new();
            for _ in 0..4 {
                let request = host.client.post(format!("{}{INBOUND}", host.base)).form(&form).header(HEADER, &signature);
                calls.spawn(async move { request.send().await.unwrap().status().as_u16() });
            }
            assert_eq!(calls.join_all().await, [200; 4]);
        }
        let help = host.get("/api/v1/messages?type=reply-help").await;
        assert_eq!(help["items"].as_array().unwrap().len(), 5);
    }
}
