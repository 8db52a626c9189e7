//! Events: what follows from a fact, from its newer and older versions, and from the same one twice.

use crate::for_each_database;
use crate::support::{ANA, TestHost, VISIT, booked};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tidings::domain::event::Subject;
use tidings::domain::recipient::{Recipient, Role};
use tidings::service::{PostedEvent, PostedPerson};
use tokio::task::JoinSet;

/// Two days after [`VISIT`].
const LATER: &str = "2026-12-05T09:00:00-05:00";
const DOC: &str = "+13125550188";

/// A later version of the visit that [`booked`] books.
fn visit(what: &str, version: i64, data: Value) -> Value {
    let subject = json!({"type": "appointment", "id": "9", "version": version});
    json!({"type": format!("appointment.{what}"), "subject": subject, "data": Some(data)})
}

fn moved(version: i64, starts_at: &str) -> Value {
    visit("rescheduled", version, json!({"starts_at": starts_at}))
}

/// A fact about another subject than the visit, for Ana.
fn about(subject: &str, what: &str, version: i64, data: Value) -> Value {
    json!({
        "type": what,
        "subject": {"type": subject, "id": "77", "version": version},
        "people": [{"id": "ana", "phone": ANA, "language": "en", "time_zone": "America/New_York"}],
        "data": Some(data)
    })
}

/// The same fact, which is about this person too.
fn and(mut event: Value, person: Value) -> Value {
    event["people"].as_array_mut().unwrap().push(person);
    event
}

fn items(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}"))
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {value}"))
}

/// Key and due time of each message that an event planned or moved.
fn due(event: &Value) -> Vec<(&str, &str)> {
    items(&event["messages"]).iter().map(|m| (word(m, "key"), word(m, "due_at"))).collect()
}

/// Key and reason of each message that was considered and not planned.
fn passed_over(event: &Value) -> Vec<(&str, &str)> {
    items(&event["passed_over"]).iter().map(|p| (word(p, "key"), word(&p["reason"], "code"))).collect()
}

fn id_of<'a>(event: &'a Value, key: &str) -> &'a str {
    word(items(&event["messages"]).iter().find(|m| m["key"] == key).unwrap(), "id")
}

/// Keys in one state, sorted.
async fn keys_in(host: &TestHost, state: &str) -> Vec<String> {
    host.states().await.into_iter().filter(|(.., is)| is == state).map(|(_, key, _)| key).collect()
}

/// Puts the clock to a moment and does what is due then.
async fn run_at(host: &TestHost, moment: &str) {
    host.clock.set(moment.parse().unwrap());
    host.run_after(TimeDelta::zero()).await;
}

async fn post_with_key(host: &TestHost, key: &str, body: &Value) -> (u16, Value) {
    let url = format!("{}/api/v1/events", host.base);
    let request = host.client.post(url).bearer_auth(&host.key).header("Idempotency-Key", key).json(body);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// Posts events at the same time.
async fn post_all_at_once(host: &TestHost, events: Vec<Value>) -> Vec<u16> {
    let mut posts = JoinSet::new();
    for event in events {
        let url = format!("{}/api/v1/events", host.base);
        let request = host.client.post(url).bearer_auth(&host.key).json(&event);
        posts.spawn(async move { request.send().await.unwrap().status().as_u16() });
    }
    posts.join_all().await
}

for_each_database! {
    async fn a_booking_plans_a_confirmation_and_two_reminders(start: Start) {
        let host = start.host().await;
        let event = host.event(booked(1, VISIT)).await;
        assert_eq!((word(&event, "state"), &event["repeated"]), ("planned", &json!(false)));
        assert_eq!(due(&event), [
            ("confirmation", "2026-11-24T15:00:00Z"),
            ("24h", "2026-12-02T19:30:00Z"),
            ("1h", "2026-12-03T18:30:00Z"),
        ]);
        let again = host.get(&format!("/api/v1/events/{}", word(&event, "id"))).await;
        assert_eq!(again, event);
        assert_eq!(host.request("GET", "/api/v1/events/019ab000-0000-7000-8000-000000000000", None).await.0, 404);
    }

    async fn a_moved_visit_moves_its_reminders_and_is_confirmed_anew(start: Start) {
        let host = start.host().await;
        let first = host.event(booked(1, VISIT)).await;
        host.run().await;
        let second = host.event(moved(2, LATER)).await;
        assert_eq!(due(&second), [
            ("confirmation", "2026-11-24T15:00:00Z"),
            ("24h", "2026-12-04T14:00:00Z"),
            ("1h", "2026-12-05T13:00:00Z"),
        ]);
        for key in ["24h", "1h"] {
            assert_eq!(id_of(&second, key), id_of(&first, key));
            assert!(items(&second["moved"]).contains(&json!(id_of(&first, key))), "{second}");
            let story = host.story(id_of(&first, key)).await;
            assert_eq!(word(&story, "occurrence"), "2026-12-05T14:00:00Z");
            assert_eq!(story["subject"]["version"], 2);
        }
        assert_ne!(id_of(&second, "confirmation"), id_of(&first, "confirmation"));
        host.run().await;
        let texts = host.texts_to(ANA);
        assert!(texts.len() == 2 && texts[0].contains("3 de diciembre") && texts[1].contains("5 de diciembre"), "{texts:?}");
    }

    async fn what_was_sent_stays_sent_when_the_visit_moves(start: Start) {
        let host = start.host().await;
        let first = host.event(booked(1, VISIT)).await;
        host.run().await;
        run_at(&host, "2026-12-02T19:30:00Z").await;
        let second = host.event(moved(2, LATER)).await;
        assert_ne!(id_of(&second, "24h"), id_of(&first, "24h"));
        assert_eq!(word(&host.story(id_of(&first, "24h")).await, "state"), "delivered");
        run_at(&host, "2026-12-04T14:00:00Z").await;
        let texts = host.texts_to(ANA);
        let days: Vec<bool> = texts.iter().map(|text| text.contains("5 de diciembre")).collect();
        assert_eq!(days, [false, false, true, true], "{texts:?}");
    }

    async fn a_visit_that_moves_back_is_confirmed_a_third_time(start: Start) {
        let host = start.host().await;
        for event in [booked(1, VISIT), moved(2, LATER), moved(3, VISIT)] {
            host.event(event).await;
            host.run().await;
        }
        let texts = host.texts_to(ANA);
        assert!(texts.last().unwrap().contains("3 de diciembre"), "the last word is not the truth: {texts:?}");
    }

    async fn a_second_cancellation_is_told_as_well(start: Start) {
        let host = start.host().await;
        for event in [booked(1, VISIT), visit("canceled", 2, json!({})), booked(3, VISIT), visit("canceled", 4, json!({}))] {
            host.event(event).await;
            host.run().await;
        }
        let texts = host.texts_to(ANA);
        let cancellations: Vec<bool> = texts.iter().map(|text| text.contains("se cancela")).collect();
        assert_eq!(cancellations, [false, true, false, true], "{texts:?}");
    }

    async fn a_visit_that_only_changes_its_place_keeps_its_times_and_tells_the_new_place(start: Start) {
        let host = start.host().await;
        let first = host.event(booked(1, VISIT)).await;
        host.run().await;
        let second = host.event(visit("rescheduled", 2, json!({"location": "450 Brookline Ave"}))).await;
        assert_eq!(id_of(&second, "24h"), id_of(&first, "24h"));
        assert!(items(&second["moved"]).is_empty(), "{second}");
        run_at(&host, "2026-12-02T19:30:00Z").await;
        let texts = host.texts_to(ANA);
        assert!(texts.last().unwrap().contains("450 Brookline Ave"), "{texts:?}");
    }

    async fn a_cancellation_needs_no_more_than_its_subject_and_type(start: Start) {
        let host = start.host().await;
        host.event(booked(1, VISIT)).await;
        host.run().await;
        let mut body = visit("canceled", 2, json!({}));
        body.as_object_mut().unwrap().remove("data");
        let event = host.event(body).await;
        assert_eq!(due(&event), [("canceled", "2026-11-24T15:00:00Z")]);
        assert_eq!(items(&event["canceled"]).len(), 2);
        assert_eq!(keys_in(&host, "canceled").await, ["1h", "24h"]);
        let late = items(&event["too_late"]);
        assert_eq!((late.len(), &late[0]["key"], &late[0]["state"]), (1, &json!("confirmation"), &json!("delivered")));
        host.run().await;
        assert!(host.texts_to(ANA)[1].contains("se cancela la cita del"), "{:?}", host.texts_to(ANA));
        run_at(&host, "2026-12-04T00:00:00Z").await;
        assert_eq!(host.texts_to(ANA).len(), 2);
    }

    async fn an_older_version_is_acknowledged_as_stale_and_changes_nothing(start: Start) {
        let host = start.host().await;
        host.event(booked(5, VISIT)).await;
        let before = host.get("/api/v1/messages?type=appointment-reminder").await;
        let stale = host.event(moved(4, LATER)).await;
        assert_eq!((word(&stale, "state"), &stale["repeated"]), ("stale", &json!(false)));
        host.run_after(TimeDelta::minutes(1)).await;
        assert_eq!(host.get("/api/v1/messages?type=appointment-reminder").await, before);
        assert_eq!(host.texts_to(ANA).len(), 1);
    }

    async fn the_same_version_twice_is_one_event(start: Start) {
        let host = start.host().await;
        let first = host.event(booked(1, VISIT)).await;
        let second = host.event(booked(1, VISIT)).await;
        assert_eq!((&second["id"], &second["repeated"]), (&first["id"], &json!(true)));
        assert_eq!(second["messages"], first["messages"]);
        assert_eq!(host.states().await.len(), 3);
    }

    async fn the_same_idempotency_key_is_one_event_and_belongs_to_one_body(start: Start) {
        let host = start.host().await;
        let (_, first) = post_with_key(&host, "key-1", &booked(1, VISIT)).await;
        let (status, second) = post_with_key(&host, "key-1", &booked(1, VISIT)).await;
        assert_eq!((status, &second["id"], &second["repeated"]), (202, &first["id"], &json!(true)));
        let (status, problem) = post_with_key(&host, "key-1", &booked(2, LATER)).await;
        assert_eq!((status, word(&problem, "type")), (409, "/docs/problems/idempotency-key-reused"));
        assert_eq!(host.states().await.len(), 3);
    }

    async fn the_same_envelope_id_is_one_event(start: Start) {
        let host = start.host().await;
        let mut body = booked(1, VISIT);
        body["id"] = json!("evt-1");
        let (first, second) = (host.event(body.clone()).await, host.event(body.clone()).await);
        assert_eq!((&second["id"], &second["repeated"]), (&first["id"], &json!(true)));
        body["subject"]["version"] = json!(2);
        assert_eq!((host.post("/api/v1/events", body).await.0, host.states().await.len()), (409, 3));
    }

    async fn a_reminder_whose_moment_has_passed_is_not_planned_and_the_answer_says_so(start: Start) {
        let host = start.host().await;
        let event = host.event(booked(1, "2026-11-24T16:30:00-05:00")).await;
        assert_eq!(due(&event), [("confirmation", "2026-11-24T15:00:00Z"), ("1h", "2026-11-24T20:30:00Z")]);
        assert_eq!(passed_over(&event), [("24h", "moment-passed")]);
        assert_eq!(word(&event["passed_over"][0], "recipient"), "ana");
        assert_eq!(word(&event["passed_over"][0], "type"), "appointment-reminder");
    }

    async fn an_open_payment_is_reminded_of_until_it_is_settled(start: Start) {
        let host = start.host().await;
        let data = json!({"amount": {"amount": "25.50", "currency": "USD"}});
        let event = host.event(about("invoice", "payment.pending", 1, data)).await;
        assert_eq!(due(&event), [
            ("reminder-1", "2026-11-24T15:00:00Z"),
            ("reminder-2", "2026-11-27T15:00:00Z"),
            ("reminder-3", "2026-11-30T15:00:00Z"),
        ]);
        host.run().await;
        run_at(&host, "2026-11-27T15:00:00Z").await;
        let settled = host.event(about("invoice", "payment.settled", 2, json!({}))).await;
        assert_eq!(items(&settled["canceled"]).len(), 1);
        run_at(&host, "2026-12-01T15:00:00Z").await;
        let texts = host.texts_to(ANA);
        assert!(texts.len() == 2 && texts[0].contains("$25.50"), "{texts:?}");
        assert_eq!(keys_in(&host, "canceled").await, ["reminder-3"]);
    }

    async fn a_ready_prescription_is_told_at_once_and_once(start: Start) {
        let host = start.host().await;
        let ready = |version| about("prescription", "prescription.ready", version, json!({"pharmacy": "Main St Pharmacy"}));
        host.event(ready(1)).await;
        host.run().await;
        assert_eq!(passed_over(&host.event(ready(2)).await), [("ready", "already-done")]);
        host.run().await;
        let texts = host.texts_to(ANA);
        assert!(texts.len() == 1 && texts[0].contains("Main St Pharmacy"), "{texts:?}");
    }

    async fn a_visit_that_took_place_is_followed_up(start: Start) {
        let host = start.host().await;
        host.event(booked(1, "2026-11-24T09:00:00-05:00")).await;
        let event = host.event(visit("completed", 2, json!({}))).await;
        assert_eq!(due(&event), [("follow-up", "2026-11-25T15:00:00Z")]);
        run_at(&host, "2026-11-25T15:00:00Z").await;
        assert!(host.texts_to(ANA)[0].contains("gracias por su visita"), "{:?}", host.texts_to(ANA));
    }

    async fn an_alert_reaches_patients_and_doctors_also_at_night(start: Start) {
        let host = start.host().await;
        host.clock.set("2026-11-24T08:00:00Z".parse().unwrap());
        let alert = about("alert", "alert.raised", 1, json!({"text": "The clinic is closed today."}));
        host.event(and(alert, json!({"id": "doc", "role": "doctor", "phone": DOC, "language": "en"}))).await;
        host.run().await;
        for phone in [ANA, DOC] {
            assert!(host.texts_to(phone)[0].contains("The clinic is closed today."), "{:?}", host.texts_to(phone));
        }
    }

    async fn two_people_on_one_event_each_get_their_own(start: Start) {
        let host = start.host().await;
        let bo = json!({"id": "bo", "phone": "+13125550144", "language": "en", "time_zone": "America/Chicago"});
        let doc = json!({"id": "doc", "role": "doctor", "phone": DOC});
        let event = host.event(and(and(booked(1, VISIT), bo), doc)).await;
        let of = |id: &str| items(&event["messages"]).iter().filter(|m| m["recipient"] == id).count();
        assert_eq!((of("ana"), of("bo"), of("doc")), (3, 3, 0));
        host.run().await;
        assert!(host.texts_to(ANA)[0].contains("su cita") && host.texts_to(ANA)[0].contains("2:30"), "{:?}", host.texts_to(ANA));
        let bo = host.texts_to("+13125550144");
        assert!(bo[0].contains("your visit") && bo[0].contains("1:30"), "{bo:?}");
    }

    async fn planning_that_was_interrupted_is_taken_up_again(start: Start) {
        let host = start.host().await;
        let caller = host.host.caller(&host.key).await.unwrap();
        let (id, phone) = (Some("ana".to_owned()), Some(ANA.to_owned()));
        let posted = PostedEvent {
            event_type: "appointment.booked".to_owned(),
            id: None,
            subject: Subject { subject_type: "appointment".to_owned(), id: "9".to_owned(), version: 1 },
            occurred_at: None,
            people: vec![PostedPerson { id, phone, ..PostedPerson::default() }],
            data: json!({"starts_at": VISIT}).as_object().unwrap().clone(),
        };
        let accepted = host.host.accept_event(&caller, None, b"{}", posted).await.unwrap();
        let path = format!("/api/v1/events/{}", accepted.id);
        assert_eq!(word(&host.get(&path).await, "state"), "planning");
        host.run_after(TimeDelta::seconds(11)).await;
        let event = host.get(&path).await;
        assert_eq!((word(&event, "state"), items(&event["messages"]).len()), ("planned", 3));
        assert_eq!(host.texts_to(ANA).len(), 1);
    }

    async fn versions_posted_all_at_once_leave_the_newest_plan(start: Start) {
        let host = start.host().await;
        host.event(booked(1, VISIT)).await;
        // 7 and 40 have no common factor: every version once, in no order.
        let versions = (0..40).map(|n| n * 7 % 40 + 1);
        let events = versions.map(|n| booked(n, &format!("2026-12-{:02}T14:{n:02}:00-05:00", 1 + n % 20)));
        let statuses = post_all_at_once(&host, events.collect()).await;
        assert!(statuses.iter().all(|status| *status == 202), "{statuses:?}");
        host.run_after(TimeDelta::seconds(11)).await;
        let planned = host.get("/api/v1/messages?state=planned").await;
        let left: Vec<(&str, &str)> = items(&planned["items"]).iter().map(|m| (word(m, "key"), word(m, "occurrence"))).collect();
        // Version 40 is on 1 December.
        let newest = "2026-12-01T19:40:00Z";
        assert!(left.contains(&("24h", newest)) && left.contains(&("1h", newest)) && left.len() == 2, "{left:?}");
        let texts = host.texts_to(ANA);
        assert!(texts.len() == 1 && texts[0].contains("1 de diciembre"), "{texts:?}");
    }

    async fn a_person_whom_two_requests_bring_at_once_is_one_person(start: Start) {
        let host = start.host().await;
        let mut other = host.host.store.begin().await.unwrap();
        other.insert_recipient(&Recipient::new("ana".to_owned(), Role::Patient, host.host.now())).await.unwrap();
        let ((status, answer), ()) = tokio::join!(host.post("/api/v1/events", booked(1, VISIT)), async {
            // Meanwhile the event has come as far as its person.
            for _ in 0..20 {
                host.get("/api/v1/messages").await;
            }
            other.commit().await.unwrap();
        });
        assert_eq!(status, 202, "{answer}");
    }

    async fn at_night_a_confirmation_waits_for_the_patients_own_morning(start: Start) {
        // Clocks go forward in the night to 14 March 2027. It is 23:00 in Los Angeles, 02:00 at the clinic.
        let host = start.host().await;
        for (version, now, starts_at, opens) in [
            (1, "2027-03-11T07:00:00Z", "2027-03-16T10:00:00-07:00", "2027-03-11T16:00:00Z"),
            (2, "2027-03-14T07:00:00Z", "2027-03-17T10:00:00-07:00", "2027-03-14T15:00:00Z"),
        ] {
            host.clock.set(now.parse().unwrap());
            let mut event = booked(version, starts_at);
            event["people"][0]["time_zone"] = json!("America/Los_Angeles");
            let event = host.event(event).await;
            host.run().await;
            let story = host.story(id_of(&event, "confirmation")).await;
            assert_eq!((word(&story, "state"), word(&story, "due_at"), &story["deferrals"]), ("planned", opens, &json!(1)));
            let decision = items(&story["decisions"]).last().unwrap();
            assert_eq!((word(decision, "outcome"), word(&decision["reason"], "code")), ("defer", "quiet-hours"));
            host.clock.set(opens.parse::<DateTime<Utc>>().unwrap() - TimeDelta::seconds(1));
            host.run_after(TimeDelta::zero()).await;
            let before = host.texts_to(ANA).len();
            host.run_after(TimeDelta::seconds(1)).await;
            assert_eq!(host.texts_to(ANA).len(), before + 1);
        }
    }

    async fn what_cannot_arrive_in_time_is_not_sent_and_says_why(start: Start) {
        let host = start.host().await;
        host.clock.set("2026-11-25T04:00:00Z".parse().unwrap());
        let event = host.event(booked(1, "2026-11-25T07:00:00-05:00")).await;
        run_at(&host, "2026-11-25T11:00:00Z").await;
        run_at(&host, "2026-11-25T13:00:00Z").await;
        for key in ["confirmation", "1h"] {
            let story = host.story(id_of(&event, key)).await;
            assert_eq!((word(&story, "status"), word(&story["reason"], "code")), ("SUPPRESSED", "quiet-hours-too-late"), "{key}");
        }
        assert!(host.texts_to(ANA).is_empty());
    }
}
