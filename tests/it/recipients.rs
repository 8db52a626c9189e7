//! Recipients: who they are, what they want, and that an erased one is gone.

use crate::for_each_database;
use crate::support::{ANA, TestHost, VISIT, booked};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

const PATH: &str = "/api/v1/recipients/ana";
const MASKED: &str = "+1•••••••143";

fn items(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}"))
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {value}"))
}

fn at(moment: &str) -> DateTime<Utc> {
    moment.parse().unwrap()
}

/// Each pointer of a problem with what it says.
fn wrong(problem: &Value) -> Vec<(&str, &str)> {
    items(&problem["errors"]).iter().map(|e| (word(e, "pointer"), word(e, "detail"))).collect()
}

async fn put(host: &TestHost, body: Value) -> Value {
    let (status, answer) = host.request("PUT", PATH, Some(&body)).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

/// A request with `If-Match`: status, `ETag` and body.
async fn guarded(host: &TestHost, method: &str, path: &str, tag: &str, body: Value) -> (u16, String, Value) {
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let request = host.client.request(method, format!("{}{path}", host.base)).bearer_auth(&host.key);
    let answer = request.header("If-Match", tag).json(&body).send().await.unwrap();
    let tag = answer.headers().get("etag").map(|tag| tag.to_str().unwrap().to_owned());
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    (status, tag.unwrap_or_default(), serde_json::from_str(&text).unwrap_or_default())
}

async fn ready(host: &TestHost) -> String {
    host.message(json!({"type": "prescription-ready", "to": {"id": "ana"}})).await
}

for_each_database! {
    async fn a_person_is_written_down_read_and_changed(start: Start) {
        let host = start.host().await;
        let body = json!({"phone": "(202) 555-0143", "name": "Ana", "language": "es", "time_zone": "America/Chicago"});
        let person = put(&host, body).await;
        assert_eq!(person, host.get(PATH).await);
        assert_eq!((word(&person, "id"), word(&person, "role"), word(&person, "name")), ("ana", "patient", "Ana"));
        assert_eq!((word(&person, "phone_country"), &person["version"]), ("US", &json!(1)));
        // Of numbers of North America nobody can tell which are mobile.
        for (id, number, line) in [("ana", None, "mobile-or-fixed"), ("fr", Some("+33612345678"), "mobile")] {
            if let Some(number) = number {
                host.request("PUT", &format!("/api/v1/recipients/{id}"), Some(&json!({"phone": number}))).await;
            }
            assert_eq!(word(&host.get(&format!("/api/v1/recipients/{id}")).await, "phone_line"), line, "{id}");
        }
        let (status, changed) = host.request("PATCH", PATH, Some(&json!({"language": "en"}))).await;
        assert_eq!((status, word(&changed, "language"), &changed["version"]), (200, "en", &json!(2)));
        assert_eq!((word(&changed, "name"), word(&changed, "time_zone")), ("Ana", "America/Chicago"));
        let (status, problem) = host.request("PATCH", "/api/v1/recipients/bo", Some(&json!({}))).await;
        assert_eq!((status, word(&problem, "type")), (404, "/docs/problems/not-found"));
    }

    async fn no_answer_has_a_whole_number(start: Start) {
        let host = start.host().await;
        let person = put(&host, json!({"phone": ANA})).await;
        assert_eq!(word(&person, "phone"), MASKED);
        let event = host.event(booked(1, VISIT)).await;
        host.run().await;
        let id = ready(&host).await;
        let (_, changed) = host.request("PATCH", PATH, Some(&json!({"name": "Ana"}))).await;
        let preferences = host.get(&format!("{PATH}/preferences")).await;
        let list = host.get("/api/v1/messages").await;
        let (story, sent) = (host.story(&id).await, host.story(word(&event["messages"][0], "id")).await);
        assert_eq!(word(&sent, "phone"), MASKED);
        for answer in [person, event, changed, preferences, list, story, sent] {
            assert!(!answer.to_string().contains(&ANA[2..]), "{answer}");
        }
    }

    async fn a_change_of_an_older_version_is_refused(start: Start) {
        let host = start.host().await;
        let (status, tag, _) = guarded(&host, "PUT", PATH, "\"1\"", json!({"phone": ANA})).await;
        assert_eq!((status, tag.as_str()), (412, ""), "there is nobody yet");
        put(&host, json!({"phone": ANA})).await;
        let (status, tag, _) = guarded(&host, "PATCH", PATH, "\"1\"", json!({"name": "Ana"})).await;
        assert_eq!((status, tag.as_str()), (200, "\"2\""));
        for method in ["PATCH", "PUT"] {
            let (status, _, problem) = guarded(&host, method, PATH, "\"1\"", json!({"name": "Bo"})).await;
            assert_eq!((status, word(&problem, "type")), (412, "/docs/problems/changed"), "{method}");
        }
        assert_eq!(word(&host.get(PATH).await, "name"), "Ana");
    }

    async fn a_null_removes_what_is_known(start: Start) {
        let host = start.host().await;
        let preferences = json!({"types": {"follow-up": false}, "windows": {"mon": ["09:00-12:00"]}, "discretion": "discreet"});
        let all = json!({"phone": ANA, "name": "Ana", "language": "es", "time_zone": "America/Chicago", "preferences": preferences});
        put(&host, all).await;
        let part = json!({"name": null, "time_zone": null, "preferences": {"windows": null, "discretion": null, "types": {"follow-up": null}}});
        let (status, person) = host.request("PATCH", PATH, Some(&part)).await;
        assert_eq!((status, &person["name"], &person["time_zone"]), (200, &json!(null), &json!(null)));
        assert_eq!((word(&person, "phone"), word(&person, "language")), (MASKED, "es"), "the rest stays");
        let kept = &person["preferences"];
        assert_eq!((&kept["windows"], word(kept, "discretion"), &kept["types"]["follow-up"]), (&json!({}), "standard", &json!(true)));
        host.request("PATCH", PATH, Some(&json!({"preferences": {"types": {"otp": false}}}))).await;
        let (_, person) = host.request("PATCH", PATH, Some(&json!({"phone": null, "language": null, "preferences": null}))).await;
        assert_eq!((&person["phone"], &person["language"], &person["preferences"]["types"]["otp"]), (&json!(null), &json!(null), &json!(true)));
        assert_eq!(person, host.get(PATH).await);
        let (status, problem) = host.request("PATCH", PATH, Some(&json!({"role": null}))).await;
        assert_eq!((status, wrong(&problem)[0].0), (422, "/role"), "nobody is without a role");
    }

    async fn a_person_whose_number_was_removed_gets_nothing_until_there_is_one(start: Start) {
        let host = start.host().await;
        put(&host, json!({"phone": ANA})).await;
        let id = ready(&host).await;
        host.request("PATCH", PATH, Some(&json!({"phone": null}))).await;
        host.run().await;
        let story = host.story(&id).await;
        assert_eq!((word(&story, "state"), word(&story["reason"], "code")), ("held", "no-phone"));
        put(&host, json!({"phone": ANA})).await;
        host.run_after(TimeDelta::minutes(1)).await;
        assert_eq!(word(&host.story(&id).await, "state"), "delivered");
    }

    async fn an_erasure_and_a_preference_can_be_guarded_too(start: Start) {
        let host = start.host().await;
        put(&host, json!({"phone": ANA})).await;
        put(&host, json!({"name": "Ana"})).await;
        let off = json!({"types": {"follow-up": false}});
        let (status, ..) = guarded(&host, "PATCH", "/api/v1/recipients/ana/preferences", "\"1\"", off).await;
        assert_eq!(status, 412, "preferences");
        let (status, ..) = guarded(&host, "DELETE", PATH, "\"1\"", json!(null)).await;
        assert_eq!((status, word(&host.get(PATH).await, "name")), (412, "Ana"));
    }

    async fn preferred_windows_come_back_as_they_were_written(start: Start) {
        let host = start.host().await;
        let windows = json!({"mon-tue": ["17:00-20:00", "09:00-12:00"], "sun": ["10:00-24:00"]});
        let person = put(&host, json!({"phone": ANA, "preferences": {"windows": windows, "discretion": "discreet"}})).await;
        let expected = json!({"mon-tue": ["09:00-12:00", "17:00-20:00"], "sun": ["10:00-24:00"]});
        assert_eq!(person["preferences"]["windows"], expected);
        let path = format!("{PATH}/preferences");
        let body = json!({"windows": {"sat": ["09:00-12:00"]}, "types": {"follow-up": false}});
        let (status, answer) = host.request("PATCH", &path, Some(&body)).await;
        assert_eq!((status, &answer["windows"]), (200, &json!({"sat": ["09:00-12:00"]})));
        assert_eq!((&answer["types"]["follow-up"], &answer["types"]["otp"], word(&answer, "discretion")), (&json!(false), &json!(true), "discreet"));
        assert_eq!(host.get(&path).await, answer);
    }

    async fn a_preference_that_means_nothing_is_refused_by_name(start: Start) {
        let host = start.host().await;
        put(&host, json!({"phone": ANA})).await;
        for (body, pointer, expected) in [
            (json!({"types": {"horoscope": false}}), "/types/horoscope", "appointment-reminder"),
            (json!({"windows": {"someday": ["09:00-12:00"]}}), "/windows/someday", "mon-fri"),
            (json!({"windows": {"fri-mon": ["09:00-12:00"]}}), "/windows/fri-mon", "mon to sun"),
            (json!({"windows": {"mon": ["9 to 12"]}}), "/windows/mon", "09:00-12:00"),
            (json!({"windows": {"mon": ["22:00-06:00"]}}), "/windows/mon", "two for a night"),
        ] {
            let (status, problem) = host.request("PATCH", &format!("{PATH}/preferences"), Some(&body)).await;
            let told = wrong(&problem);
            assert!(status == 422 && told[0].1.contains(expected), "{body}: {problem}");
            assert_eq!(told[0].0, pointer);
            let whole = json!({"preferences": body});
            let (_, problem) = host.request("PUT", PATH, Some(&whole)).await;
            assert_eq!(wrong(&problem)[0].0, format!("/preferences{pointer}"));
        }
        assert_eq!(host.get(PATH).await["version"], 1);
    }

    async fn a_text_waits_for_the_next_time_its_reader_likes(start: Start) {
        let host = start.host().await;
        // It is Tuesday, 10:00 in New York.
        let windows = json!({"tue": ["07:00-09:00"], "wed": ["17:00-20:00"]});
        put(&host, json!({"phone": ANA, "time_zone": "America/New_York", "preferences": {"windows": windows}})).await;
        let id = ready(&host).await;
        host.run().await;
        let story = host.story(&id).await;
        assert_eq!((word(&story, "state"), word(&story, "due_at")), ("planned", "2026-11-25T22:00:00Z"));
        let decision = items(&story["decisions"]).last().unwrap();
        assert_eq!(word(&decision["reason"], "code"), "outside-preferred-window");
        host.clock.set(at("2026-11-25T21:59:59Z"));
        host.run_after(TimeDelta::zero()).await;
        assert_eq!(host.texts_to(ANA).len(), 0);
        host.run_after(TimeDelta::seconds(1)).await;
        assert_eq!((host.texts_to(ANA).len(), word(&host.story(&id).await, "state")), (1, "delivered"));
    }

    async fn a_type_that_is_switched_off_after_planning_is_not_sent(start: Start) {
        let host = start.host().await;
        host.event(booked(1, VISIT)).await;
        host.run().await;
        put(&host, json!({"preferences": {"types": {"appointment-reminder": false}}})).await;
        for moment in ["2026-12-02T19:30:00Z", "2026-12-03T18:30:00Z"] {
            host.clock.set(at(moment));
            host.run_after(TimeDelta::zero()).await;
        }
        assert_eq!(host.texts_to(ANA).len(), 1);
        let suppressed = host.states().await.into_iter().filter(|(.., state)| state == "suppressed").count();
        assert_eq!(suppressed, 2);
    }

    async fn an_erased_person_is_gone_and_gets_nothing_more(start: Start) {
        let host = start.host().await;
        let event = host.event(booked(1, VISIT)).await;
        host.run().await;
        let (answered, certificate) = host.request("DELETE", PATH, None).await;
        assert_eq!((answered, &certificate["canceled"], &certificate["redactions"]), (200, &json!(2), &json!(1)));
        for (method, path, body) in [
            ("GET", PATH.to_owned(), None),
            ("DELETE", PATH.to_owned(), None),
            ("PUT", PATH.to_owned(), Some(json!({"phone": ANA}))),
            ("PATCH", PATH.to_owned(), Some(json!({"phone": ANA}))),
            ("GET", format!("{PATH}/preferences"), None),
        ] {
            let (status, problem) = host.request(method, &path, body.as_ref()).await;
            assert_eq!((status, word(&problem, "type")), (404, "/docs/problems/not-found"), "{method} {path}");
        }
        let states: Vec<String> = host.states().await.into_iter().map(|(.., state)| state).collect();
        assert_eq!(states, ["delivered", "canceled", "canceled"]);
        host.clock.set(at("2026-12-03T19:00:00Z"));
        host.run_after(TimeDelta::zero()).await;
        assert_eq!(host.texts_to(ANA).len(), 1);
        let story = host.story(word(&event["messages"][0], "id")).await;
        assert_eq!((word(&story, "state"), &story["text"]["body"], &story["phone"]), ("delivered", &Value::Null, &Value::Null));
        for decision in items(&story["decisions"]) {
            assert_eq!((&decision["input"], &decision["answer"]), (&Value::Null, &Value::Null));
        }
        assert_eq!(host.get(&format!("/api/v1/events/{}", word(&event, "id"))).await["state"], "planned");
    }

    async fn posting_for_an_erased_person_is_refused_with_the_reason(start: Start) {
        let host = start.host().await;
        host.event(booked(1, VISIT)).await;
        host.request("DELETE", PATH, None).await;
        let body = json!({"type": "prescription-ready", "to": {"id": "ana", "phone": ANA}});
        let (status, problem) = host.post("/api/v1/messages", body).await;
        assert_eq!((status, wrong(&problem)), (422, vec![("/to/id", "is of somebody who was erased, and is not taken again")]));
        let (status, problem) = host.post("/api/v1/events", booked(2, VISIT)).await;
        assert_eq!((status, wrong(&problem)), (422, vec![("/people/0/id", "is of somebody who was erased, and is not taken again")]));
    }

    async fn an_erased_person_does_not_keep_others_from_their_texts(start: Start) {
        let host = start.host().await;
        let mut event = booked(1, VISIT);
        event["people"] = json!([{"id": "bo", "phone": "+12025550144", "language": "en"}, event["people"][0]]);
        host.event(event).await;
        host.run().await;
        host.request("DELETE", PATH, None).await;
        let canceled = json!({"type": "appointment.canceled", "subject": {"type": "appointment", "id": "9", "version": 2}});
        assert_eq!(host.event(canceled).await["state"], "planned");
        host.run().await;
        let texts = host.texts_to("+12025550144");
        assert!(texts.last().unwrap().contains("is canceled"), "{texts:?}");
    }
}
