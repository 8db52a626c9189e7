//! What the clinic's own systems are told: signed, numbered, in the unit of work that it tells of,
//! called out until it is taken, and never into a network that nobody allowed.

mod in_doubt;
mod library;
pub(crate) mod receiver;

use crate::delivery::{another, notice};
use crate::for_each_database;
use crate::support::{ANA, Start, TestHost, VISIT, booked, tuesday_morning};
use chrono::TimeDelta;
use receiver::Receiver;
use serde_json::{Value, json};
use std::sync::Arc;
use tidings::clock::{Chance, Clock as _};
use tidings::domain::id::{EndpointId, MessageId};
use tidings::domain::kind::TypeName;
use tidings::domain::message::{Cause, Message};
use tidings::sandbox::Fault;
use tidings::store::Payload;

const ROUTE: &str = "/api/v1/webhook-endpoints";

/// A host that may call this machine.
async fn host(mut start: Start) -> TestHost {
    start.config.webhooks.allow_networks = vec!["127.0.0.0/8".parse().unwrap()];
    start.host().await
}

/// An address of a receiver that hears of these events: its id and secret.
async fn listen(host: &TestHost, receiver: &Receiver, events: Value) -> (String, String) {
    let (status, made) = host.post(ROUTE, json!({"url": receiver.url(), "events": events})).await;
    assert_eq!(status, 201, "{made}");
    (word(&made, "id"), word(&made, "secret"))
}

fn word(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {value}")).to_owned()
}

async fn endpoint(host: &TestHost, id: &str) -> Value {
    host.get(&format!("{ROUTE}/{id}")).await
}

async fn tell_after(host: &TestHost, span: TimeDelta) {
    host.clock.advance(span);
    host.host.call_out_round().await.unwrap();
}

for_each_database! {
    async fn what_becomes_of_a_text_is_told_signed_and_in_order(start: Start) {
        let host = host(start).await;
        let receiver = Receiver::start().await;
        let (_, secret) = listen(&host, &receiver, json!(["message.*"])).await;
        let answer = host.event(booked(1, VISIT)).await;
        host.run().await;
        host.host.call_out_round().await.unwrap();
        let told = receiver.taken();
        assert!(told.iter().all(|call| call.is_signed_by(&secret)), "{told:?}");
        // The confirmation went out; the two reminders wait. All three are about the same visit.
        let mut numbers: Vec<i64> = told.iter().map(|call| call.body["sequence"].as_i64().unwrap()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=i64::try_from(told.len()).unwrap()).collect::<Vec<_>>());
        assert!(told.iter().all(|call| call.body["subject"] == json!({"type": "appointment", "id": "9"})));
        let id = word(&answer["messages"][0], "id");
        let mut about: Vec<&Value> = told.iter().map(|call| &call.body).filter(|body| body["data"]["message_id"] == id.as_str()).collect();
        about.sort_by_key(|body| body["sequence"].as_i64());
        let states: Vec<&str> = about.iter().map(|body| body["type"].as_str().unwrap()).collect();
        assert_eq!((states.first(), states.last()), (Some(&"message.planned"), Some(&"message.delivered")), "{states:?}");
        assert!(!states.contains(&"message.claimed") && !states.contains(&"message.sending"), "{states:?}");
        let last = about.last().unwrap();
        assert_eq!((&last["data"]["status"], &last["data"]["recipient"]), (&json!("DELIVERED"), &json!("ana")));
        // No number, no name, no words.
        let all = format!("{told:?}");
        assert!(!all.contains("2025550143") && !all.contains("12 Main St"), "{all}");
    }

    async fn an_address_hears_what_it_asked_for_and_all_of_it_when_it_asked_for_nothing(start: Start) {
        let host = host(start).await;
        let (one, all) = (Receiver::start().await, Receiver::start().await);
        listen(&host, &one, json!(["message.delivered"])).await;
        listen(&host, &all, Value::Null).await;
        host.message(notice(ANA)).await;
        host.run().await;
        host.host.call_out_round().await.unwrap();
        assert_eq!(one.types(), ["message.delivered"]);
        assert!(all.types().len() > 2 && all.types().contains(&"message.planned".to_owned()), "{:?}", all.types());
    }

    async fn what_does_not_come_through_is_called_out_again_as_the_same_event(start: Start) {
        let host = host(start).await;
        let receiver = Receiver::start().await;
        let (id, _) = listen(&host, &receiver, json!(["message.delivered"])).await;
        receiver.answer_with(500);
        host.message(notice(ANA)).await;
        host.run().await;
        host.host.call_out_round().await.unwrap();
        let view = endpoint(&host, &id).await;
        assert_eq!((word(&view, "state"), word(&view, "last_error"), &view["waiting"]), ("failing".to_owned(), "answered 500".to_owned(), &json!(1)));
        // Not before its time.
        tell_after(&host, TimeDelta::seconds(1)).await;
        assert_eq!(receiver.calls().len(), 1);
        receiver.answer_with(204);
        tell_after(&host, TimeDelta::seconds(10)).await;
        let calls = receiver.calls();
        assert_eq!(calls.len(), 2);
        assert_eq!((&calls[0].id, &calls[0].body), (&calls[1].id, &calls[1].body));
        assert_ne!(calls[0].timestamp, calls[1].timestamp);
        tell_after(&host, TimeDelta::days(1)).await;
        assert_eq!((receiver.calls().len(), word(&endpoint(&host, &id).await, "state")), (2, "on".to_owned()));
    }

    async fn a_receiver_that_asks_for_patience_gets_it(start: Start) {
        let host = host(start).await;
        let receiver = Receiver::start().await;
        listen(&host, &receiver, json!(["message.delivered"])).await;
        receiver.answer_with_wait(503, 600);
        host.message(notice(ANA)).await;
        host.run().await;
        host.host.call_out_round().await.unwrap();
        tell_after(&host, TimeDelta::seconds(500)).await;
        assert_eq!(receiver.calls().len(), 1);
        tell_after(&host, TimeDelta::seconds(101)).await;
        assert_eq!(receiver.calls().len(), 2);
    }

    async fn an_address_at_which_nothing_comes_through_for_a_day_is_switched_off_with_a_notice(start: Start) {
        let host = host(start).await;
        let (broken, well) = (Receiver::start().await, Receiver::start().await);
        let (id, _) = listen(&host, &broken, json!(["message.delivered"])).await;
        listen(&host, &well, json!(["webhook.*"])).await;
        broken.answer_with(500);
        host.message(notice(ANA)).await;
        host.run().await;
        for _ in 0..40 {
            tell_after(&host, TimeDelta::hours(1)).await;
        }
        let view = endpoint(&host, &id).await;
        assert_eq!(word(&view, "state"), "off", "{view}");
        assert!(word(&view, "off_reason").contains("for a day"), "{view}");
        assert!(host.get("/readyz").await["webhooks_off"][0].as_str().unwrap().contains(&id));
        assert_eq!(well.types(), ["webhook.switched-off"]);
        let calls = broken.calls().len();
        assert!((6..=9).contains(&calls), "{calls}");
        // Nothing more is called out there, until somebody has looked.
        host.message(notice(ANA)).await;
        host.run().await;
        tell_after(&host, TimeDelta::days(1)).await;
        assert_eq!(broken.calls().len(), calls);
        broken.answer_with(200);
        let (status, view) = host.post(&format!("{ROUTE}/{id}/enable"), json!({})).await;
        assert_eq!((status, word(&view, "state")), (200, "on".to_owned()));
        host.host.call_out_round().await.unwrap();
        assert_eq!(broken.calls().len(), calls + 1, "what was put aside; what happened since is for replay");
    }

    async fn an_address_that_says_it_is_gone_is_switched_off_at_once(start: Start) {
        let host = host(start).await;
        let receiver = Receiver::start().await;
        let (id, _) = listen(&host, &receiver, json!(["message.delivered"])).await;
        receiver.answer_with(410);
        host.message(notice(ANA)).await;
        host.run().await;
        host.host.call_out_round().await.unwrap();
        assert_eq!(word(&endpoint(&host, &id).await, "state"), "off");
    }

    async fn what_happened_in_a_stretch_of_time_is_told_again(start: Start) {
        let host = host(start).await;
        let (first, late) = (Receiver::start().await, Receiver::start().await);
        let (id, _) = listen(&host, &first, json!(["message.delivered"])).await;
        for _ in 0..3 {
            host.message(notice(ANA)).await;
            host.run().await;
            tell_after(&host, TimeDelta::hours(1)).await;
        }
        let before: Vec<String> = first.calls().into_iter().map(|call| call.id).collect();
        let since = tuesday_morning() + TimeDelta::minutes(30);
        let until = tuesday_morning() + TimeDelta::minutes(90);
        let (status, answer) = host.post(&format!("{ROUTE}/{id}/replay"), json!({"since": since, "until": until})).await;
        assert_eq!((status, &answer["events"]), (202, &json!(1)));
        host.host.call_out_round().await.unwrap();
        let calls = first.calls();
        assert_eq!((calls.len(), &calls[3].id), (4, &before[1]));
        // One that was made later may hear of what was before it.
        let (id, _) = listen(&host, &late, json!(["message.*"])).await;
        host.post(&format!("{ROUTE}/{id}/replay"), json!({"since": tuesday_morning()})).await;
        host.host.call_out_round().await.unwrap();
        assert_eq!(late.types().iter().filter(|event| *event == "message.delivered").count(), 3);
        let (status, _) = host.post(&format!("{ROUTE}/{id}/replay"), json!({"since": until, "until": since})).await;
        assert_eq!(status, 422);
    }

    async fn while_a_secret_is_changed_both_sign(start: Start) {
        let host = host(start).await;
        let receiver = Receiver::start().await;
        let (id, old) = listen(&host, &receiver, json!(["message.delivered"])).await;
        let (status, rotated) = host.post(&format!("{ROUTE}/{id}/rotate"), json!({"overlap_hours": 2})).await;
        let new = word(&rotated, "secret");
        assert!(status == 200 && new != old);
        let deliver = async || {
            host.message(notice(ANA)).await;
            host.run().await;
            host.host.call_out_round().await.unwrap();
            receiver.calls().pop().unwrap()
        };
        let call = deliver().await;
        assert!(call.is_signed_by(&old) && call.is_signed_by(&new));
        host.clock.advance(TimeDelta::hours(3));
        let call = deliver().await;
        assert!(!call.is_signed_by(&old) && call.is_signed_by(&new));
    }

    async fn a_private_address_is_not_called_unless_it_is_allowed(start: Start) {
        let host = start.host().await;
        let receiver = Receiver::start().await;
        for url in [receiver.url().as_str(), "https://10.0.0.1/", "https://[::1]/x", "http://emr.example/", "https://a:b@emr.example/"] {
            let (status, problem) = host.post(ROUTE, json!({"url": url})).await;
            assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/url")), "{url}: {problem}");
        }
        // A name tells only at the call where it leads.
        let port = receiver.port();
        let (status, made) = host.post(ROUTE, json!({"url": format!("https://localhost:{port}/hook"), "events": ["message.delivered"]})).await;
        assert_eq!(status, 201, "{made}");
        host.message(notice(ANA)).await;
        host.run().await;
        host.host.call_out_round().await.unwrap();
        let error = word(&endpoint(&host, &word(&made, "id")).await, "last_error");
        assert!(error.contains("private address"), "{error}");
        assert_eq!(receiver.calls().len(), 0);
    }

    async fn a_call_whose_host_died_is_made_by_the_next(start: Start) {
        let host = host(start).await;
        let receiver = Receiver::start().await;
        let (id, _) = listen(&host, &receiver, json!(["message.delivered"])).await;
        receiver.answer_with(500);
        host.message(notice(ANA)).await;
        host.run().await;
        host.host.call_out_round().await.unwrap();
        receiver.answer_with(200);
        // Claimed, and then the process was gone.
        let now = host.clock.now() + TimeDelta::seconds(10);
        let id: EndpointId = id.parse().unwrap();
        let mut tx = host.host.store.begin().await.unwrap();
        let claimed = tx.claim_webhook_deliveries(id, now, now + TimeDelta::seconds(60), 8).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(claimed.len(), 1);
        tell_after(&host, TimeDelta::seconds(40)).await;
        assert_eq!(receiver.calls().len(), 1);
        tell_after(&host, TimeDelta::seconds(40)).await;
        assert_eq!(receiver.taken().len(), 1);
    }

    async fn two_hosts_tell_each_event_once_and_number_each_once(start: Start) {
        let host = host(start).await;
        let receiver = Receiver::start().await;
        listen(&host, &receiver, json!(["message.*"])).await;
        let other = another(&host, |config| config.webhooks.allow_networks = vec!["127.0.0.0/8".parse().unwrap()]);
        for _ in 0..30 {
            host.message(notice(ANA)).await;
        }
        let (one, two) = tokio::join!(host.host.call_out_round(), other.call_out_round());
        one.and(two).unwrap();
        host.host.call_out_round().await.unwrap();
        let mut ids: Vec<String> = receiver.taken().into_iter().map(|call| call.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!((receiver.calls().len(), ids.len()), (30, 30));
    }

    async fn what_is_not_committed_is_not_told(start: Start) {
        let host = host(start).await;
        let receiver = Receiver::start().await;
        listen(&host, &receiver, Value::Null).await;
        host.message(notice(ANA)).await;
        let message = |test| {
            let id = MessageId::new(tuesday_morning(), &mut *Chance::from_machine().lock());
            let why = Cause::new("posted", "for a test");
            Message::new(id, TypeName::from("prescription-ready"), ANA.to_owned(), why, test, tuesday_morning())
        };
        let mut tx = host.host.store.begin().await.unwrap();
        assert!(tx.insert_message(&message(true), &Payload::default()).await.unwrap());
        drop(tx);
        // What live keys do is nothing to an address of a test key.
        let mut tx = host.host.store.begin().await.unwrap();
        assert!(tx.insert_message(&message(false), &Payload::default()).await.unwrap());
        tx.commit().await.unwrap();
        host.host.call_out_round().await.unwrap();
        assert_eq!(receiver.types(), ["message.planned"]);
    }

    async fn replies_consents_and_requests_are_told(start: Start) {
        let host = host(start).await;
        let receiver = Receiver::start().await;
        listen(&host, &receiver, json!(["reply.*", "consent.*", "appointment.*"])).await;
        host.event(booked(1, VISIT)).await;
        host.run().await;
        host.clock.set("2026-12-02T19:30:00Z".parse().unwrap());
        host.run_after(TimeDelta::zero()).await;
        for text in ["C", "2", "X", "STOP"] {
            host.clock.advance(TimeDelta::seconds(1));
            host.sandbox.reply(ANA, Some("+15005550006"), text).await.unwrap();
            host.run().await;
        }
        host.host.call_out_round().await.unwrap();
        let of = |event: &str| -> Vec<Value> {
            receiver.taken().into_iter().map(|call| call.body).filter(|body| body["type"] == event).collect()
        };
        let replies = of("reply.received");
        let texts: Vec<&str> = replies.iter().map(|body| body["data"]["text"].as_str().unwrap()).collect();
        assert!(texts.len() == 4 && texts.contains(&"C") && texts.contains(&"STOP"), "{replies:?}");
        let mut last = json!(0);
        for (request, text) in [("confirm", "C"), ("reschedule", "2"), ("cancel", "X")] {
            let requests = of(&format!("appointment.{request}-requested"));
            assert_eq!((requests.len(), &requests[0]["subject"]), (1, &json!({"type": "appointment", "id": "9"})));
            assert_eq!((&requests[0]["data"]["recipient"], &requests[0]["data"]["text"]), (&json!("ana"), &json!(text)));
            // About one subject the higher number is the newer.
            assert!(requests[0]["sequence"].as_i64() > last.as_i64(), "{requests:?}");
            last = requests[0]["sequence"].clone();
        }
        let consents = of("consent.changed");
        // Twilio tells of the same STOP when it refuses our answer.
        assert!(!consents.is_empty() && consents.iter().all(|body| body["data"]["choice"] == "opt_out"), "{consents:?}");
        assert_eq!(consents[0]["subject"], json!({"type": "recipient", "id": "ana"}));
        // Erased words are told to nobody, also not in a replay.
        host.request("DELETE", "/api/v1/recipients/ana", None).await;
        let (id, _) = listen(&host, &receiver, json!(["reply.*"])).await;
        host.post(&format!("{ROUTE}/{id}/replay"), json!({"since": tuesday_morning()})).await;
        let before = receiver.calls().len();
        host.host.call_out_round().await.unwrap();
        let again = receiver.calls().split_off(before);
        assert!(again.len() == 4 && again.iter().all(|call| call.body["data"]["text"].is_null()), "{again:?}");
    }

    async fn a_mistake_in_an_endpoint_is_named(start: Start) {
        let host = host(start).await;
        for (body, pointer) in [
            (json!({"url": "https://emr.example/", "events": ["message.claimed"]}), "/events/0"),
            (json!({"url": "https://emr.example/", "events": []}), "/events"),
            (json!({"url": "emr.example"}), "/url"),
            (json!({"url": "https://emr.example/", "event": []}), "/event"),
        ] {
            let (status, problem) = host.post(ROUTE, body).await;
            assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!(pointer)), "{problem}");
        }
        let nobody = "00000000-0000-7000-8000-000000000000";
        for (method, path) in [("GET", ""), ("DELETE", ""), ("POST", "/enable")] {
            let body = (method == "POST").then(|| json!({}));
            let (status, _) = host.request(method, &format!("{ROUTE}/{nobody}{path}"), body.as_ref()).await;
            assert_eq!(status, 404, "{method}");
        }
        let receiver = Receiver::start().await;
        let (id, _) = listen(&host, &receiver, Value::Null).await;
        assert_eq!(host.request("DELETE", &format!("{ROUTE}/{id}"), None).await.0, 204);
        assert_eq!(host.get(ROUTE).await["items"], json!([]));
    }

    async fn an_account_that_is_refused_is_told_of_once_and_so_is_its_return(start: Start) {
        let host = host(start).await;
        let receiver = Receiver::start().await;
        listen(&host, &receiver, json!(["sending.*"])).await;
        host.sandbox.always("*", Fault::Refuse(20003));
        for number in 100..104 {
            host.message(notice(&format!("+12025550{number}"))).await;
        }
        host.run().await;
        host.run_after(TimeDelta::minutes(5)).await;
        host.sandbox.always("*", Fault::None);
        host.run_after(TimeDelta::minutes(5)).await;
        host.host.call_out_round().await.unwrap();
        let told = receiver.taken();
        let types: Vec<&str> = told.iter().map(|call| call.body["type"].as_str().unwrap()).collect();
        assert_eq!(types, ["sending.stopped", "sending.resumed"]);
        assert_eq!(told[0].body["data"]["code"], 20003, "{:?}", told[0]);
    }
}

/// Not a promise of the database: once is enough.
#[tokio::test]
async fn a_running_host_tells_by_itself() {
    let host = Arc::new(host(Start::sqlite()).await);
    let receiver = Receiver::start().await;
    listen(&host, &receiver, json!(["message.planned"])).await;
    host.message(notice(ANA)).await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn({
        let host = Arc::clone(&host);
        async move {
            let stopped = async {
                let _ = stopped.await;
            };
            Box::pin(host.host.keep_house(stopped)).await;
        }
    });
    receiver.until_called(1).await;
    drop(stop);
    running.await.unwrap();
    assert_eq!(receiver.types(), ["message.planned"]);
}
