//! Problems: every bad request is answered with a document that names the field and what was expected,
//! never repeats what was sent, and leaves nothing behind.

use crate::for_each_database;
use crate::support::{ANA, Start, TestHost, VISIT, booked};
use chrono::TimeDelta;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tidings::clock::Chance;
use tidings::service::NewKey;
use tidings::store::KeyMode;

/// What is sent where, which pointer must come back, and a word of the sentence beside it.
type Case = (&'static str, Value, &'static str, &'static str);

/// Nobody may read this in an answer: it stands for whatever a caller sends by mistake.
const NAME: &str = "Ana Lopez";

/// Parts of the names and numbers that these tests send.
const SECRETS: [&str; 3] = ["Lopez", "3125550", "142685300"];

/// Takes the field out of the body.
const GONE: &str = "\u{0}gone";

/// A host of a clinic that has not said in which country it is.
async fn host(mut start: Start) -> TestHost {
    start.config.clinic.country = None;
    start.host().await
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {value}"))
}

fn message() -> Value {
    json!({"type": "payment-reminder", "to": {"id": "ana", "phone": ANA, "language": "en"},
        "variables": {"amount": {"amount": "25.50", "currency": "USD"}}})
}

/// The body with one field changed.
fn with(mut body: Value, pointer: &str, value: &Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match body.pointer_mut(parent).unwrap() {
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value.clone(),
        Value::Object(members) if value == GONE => drop(members.remove(name)),
        Value::Object(members) => drop(members.insert(name.to_owned(), value.clone())),
        other => panic!("{other} has no fields"),
    }
    body
}

/// Sends a request that must be answered with a problem, and checks what all problems have in common.
async fn refused(host: &TestHost, request: RequestBuilder, status: u16, code: &str) -> Result<Value, String> {
    let answer = request.send().await.unwrap();
    let got = answer.status().as_u16();
    let content_type = answer.headers().get("content-type").map(|v| v.to_str().unwrap().to_owned());
    let text = answer.text().await.unwrap();
    let is = (got, content_type.as_deref()) == (status, Some("application/problem+json"));
    let problem: Value = serde_json::from_str(&text).unwrap_or_default();
    let page = format!("/docs/problems/{code}");
    let whole = problem["type"] == page && problem["status"] == status;
    let told =
        ["title", "detail"].iter().all(|name| problem[*name].as_str().is_some_and(|text| !text.is_empty()));
    if !(is && whole && told) {
        return Err(format!("no {status} {code}, but {got} {content_type:?}: {text:.300}"));
    }
    let page = host.client.get(format!("{}{page}", host.base)).send().await.unwrap();
    assert_eq!(page.status(), 200, "{problem} has no page");
    Ok(problem)
}

async fn problem(host: &TestHost, request: RequestBuilder, status: u16, code: &str) -> Value {
    refused(host, request, status, code).await.unwrap()
}

/// Sends bodies with one wrong field each. All that went wrong is told at the end.
async fn refuse_all(host: &TestHost, method: Method, path: &str, body: &Value, cases: &[Case]) {
    let mut told = Vec::new();
    for (field, value, pointer, expected) in cases {
        let wrong = with(body.clone(), field, value);
        let request =
            host.client.request(method.clone(), format!("{}{path}", host.base)).bearer_auth(&host.key);
        let problem = match refused(host, request.json(&wrong), 422, "invalid-request").await {
            Ok(problem) => problem,
            Err(error) => {
                told.push(format!("{field}: {error}"));
                continue;
            }
        };
        let text = problem.to_string();
        let found = problem["errors"].as_array().unwrap().iter().any(|error| {
            error["pointer"] == *pointer && error["detail"].as_str().unwrap().contains(expected)
        });
        if !found {
            told.push(format!("{field}: wanted `{pointer}` with `{expected}`: {text}"));
        }
        if SECRETS.iter().any(|secret| text.contains(secret)) {
            told.push(format!("{field}: the value is repeated: {text}"));
        }
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
}

/// Nothing came of what was posted before: the same subject and version is new.
async fn nothing_was_stored(host: &TestHost) {
    assert_eq!(host.states().await, []);
    let (status, _) = host.request("GET", "/api/v1/recipients/ana", None).await;
    assert_eq!(status, 404);
    assert_eq!(host.event(booked(1, VISIT)).await["repeated"], false);
}

fn post(host: &TestHost, path: &str) -> RequestBuilder {
    host.client.post(format!("{}{path}", host.base)).bearer_auth(&host.key)
}

fn get(host: &TestHost, path: &str) -> RequestBuilder {
    host.client.get(format!("{}{path}", host.base)).bearer_auth(&host.key)
}

async fn new_key(host: &TestHost, scopes: &[&str], expires_in: Option<TimeDelta>) -> String {
    let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    let new = NewKey { name: "narrow".to_owned(), mode: KeyMode::Test, scopes, expires_in };
    let prepared = new.prepare(&mut *Chance::seeded(5).lock(), host.host.now());
    prepared.keep(&host.host.store).await.unwrap().expose().to_owned()
}

for_each_database! {
    async fn a_wrong_field_of_an_event_is_named(start: Start) {
        let host = host(start).await;
        let long = "x".repeat(129);
        let somebody = json!({"id": "bo"});
        refuse_all(&host, Method::POST, "/api/v1/events", &booked(1, VISIT), &[
            ("/type", json!("appointment.boked"), "/type", "appointment.booked"),
            ("/id", json!("x".repeat(5000)), "/id", "characters"),
            ("/id", json!("a\u{0}b"), "/id", "characters"),
            ("/id", json!(""), "/id", "characters"),
            ("/subject/version", json!(-1), "/subject/version", "negative"),
            ("/subject/id", json!(long), "/subject/id", "1 to 128"),
            ("/subject/id", json!("a\u{0}b"), "/subject/id", "1 to 128"),
            ("/subject/type", json!(""), "/subject/type", "1 to 128"),
            ("/occurred_at", json!("2026-11-24T15:06:00Z"), "/occurred_at", "future"),
            ("/people/0/phone", json!("+1312555017CALL"), "/people/0/phone", "expected one such as"),
            ("/people/0/phone", json!("3125550177"), "/people/0/phone", "region"),
            ("/people/0/phone", json!("+33142685300"), "/people/0/phone", "landline"),
            ("/people/0/phone", json!("+1202"), "/people/0/phone", "number plan"),
            ("/people/0/time_zone", json!("Mars/Olympus"), "/people/0/time_zone", "IANA"),
            ("/people/0/language", json!("klingonese"), "/people/0/language", "BCP 47"),
            ("/people/0/language", json!("xx"), "/people/0/language", "BCP 47"),
            ("/people/0/name", json!(long), "/people/0/name", "100 characters"),
            ("/people/0/id", json!(long), "/people/0/id", "1 to 128"),
            ("/people/0/id", json!(GONE), "/people/0/id", "needed"),
            ("/people", json!([]), "/people", "nobody"),
            ("/people", json!([somebody, somebody]), "/people/1/id", "twice"),
            ("/people", json!(vec![somebody; 21]), "/people", "20"),
            ("/data/starts_at", json!(GONE), "/data/starts_at", "RFC 3339"),
            ("/data/starts_at", json!(NAME), "/data/starts_at", "RFC 3339"),
            ("/data/location", json!({"street": NAME}), "/data/location", "a text"),
        ]).await;
        nothing_was_stored(&host).await;
    }

    async fn what_no_text_could_say_is_refused_with_the_event(start: Start) {
        let host = host(start).await;
        refuse_all(&host, Method::POST, "/api/v1/events", &booked(1, VISIT), &[
            ("/data/location", json!("12 Main St, see www.clinic.example.com"), "/data/location", "web address"),
        ]).await;
        let alert = with(booked(1, VISIT), "/type", &json!("alert.raised"));
        refuse_all(&host, Method::POST, "/api/v1/events", &alert, &[
            ("/data/text", json!(""), "/data/text", "not empty"),
        ]).await;
    }

    async fn a_field_of_another_json_type_is_named_and_not_repeated(start: Start) {
        let host = host(start).await;
        refuse_all(&host, Method::POST, "/api/v1/events", &booked(1, VISIT), &[
            ("/subject", json!(NAME), "/subject", "an object"),
            ("/subject/version", json!("1"), "/subject/version", "i64"),
            ("/people", json!(NAME), "/people", "sequence"),
            ("/people/0", json!(NAME), "/people/0", "an object"),
            ("/people/0/name", json!([NAME]), "/people/0/name", "string"),
            ("/people/0/phone", json!(13_125_550_177_i64), "/people/0/phone", "string"),
            ("/people/0/role", json!(NAME), "/people/0/role", "patient"),
            ("/people/0/nme", json!(NAME), "/people/0/nme", "unknown field"),
            ("/data", json!([NAME]), "/data", "map"),
            ("/occurred_at", json!(7), "/occurred_at", "RFC 3339"),
            ("/occurred_at", json!("yesterday"), "/occurred_at", "RFC 3339"),
            ("/occurred_at", json!("2026-11-24"), "/occurred_at", "RFC 3339"),
            ("/occurred_at", json!("2026-11-24T15:00:00"), "/occurred_at", "RFC 3339"),
        ]).await;
        nothing_was_stored(&host).await;
    }

    async fn a_preference_of_another_json_type_is_named_and_not_repeated(start: Start) {
        let host = host(start).await;
        let person = json!({"preferences": {"types": {}, "windows": {}}});
        refuse_all(&host, Method::PUT, "/api/v1/recipients/ana", &person, &[
            ("/preferences/types/otp", json!(format!("\"{NAME}")), "/preferences/types/otp", "boolean"),
            ("/preferences/types/otp", json!("x\\\" Lopez"), "/preferences/types/otp", "boolean"),
            ("/preferences/windows/mon", json!("09:00-12:00"), "/preferences/windows/mon", "sequence"),
            ("/preferences/discretion", json!(NAME), "/preferences/discretion", "discreet"),
            ("/preferences/colour", json!(NAME), "/preferences/colour", "unknown field"),
        ]).await;
        nothing_was_stored(&host).await;
    }

    async fn a_missing_field_is_named_by_its_pointer(start: Start) {
        let host = host(start).await;
        refuse_all(&host, Method::POST, "/api/v1/events", &booked(1, VISIT), &[
            ("/type", json!(GONE), "/type", "missing"),
            ("/subject/id", json!(GONE), "/subject/id", "missing"),
        ]).await;
        refuse_all(&host, Method::POST, "/api/v1/messages", &message(), &[("/to", json!(GONE), "/to", "missing")]).await;
    }

    async fn a_wrong_field_of_a_message_is_named(start: Start) {
        let host = host(start).await;
        refuse_all(&host, Method::POST, "/api/v1/messages", &message(), &[
            ("/type", json!("horoscope"), "/type", "prescription-ready"),
            ("/to", json!({}), "/to", "an id, a phone, or both"),
            ("/to", json!({"phone": "3125550177", "region": "Narnia"}), "/to/phone", "such as US"),
            ("/to/phone", json!(GONE), "/to/phone", "needed"),
            ("/to/phone", json!("call Ana Lopez"), "/to/phone", "expected one such as"),
            ("/to/id", json!("x".repeat(129)), "/to/id", "1 to 128"),
            ("/to/time_zone", json!("EST5"), "/to/time_zone", "IANA"),
            ("/language", json!("klingonese"), "/language", "BCP 47"),
            ("/send_at", json!("2026-11-24T14:58:00Z"), "/send_at", "past"),
            ("/send_at", json!("2027-12-31T00:00:00Z"), "/send_at", "400 days"),
            ("/expires_at", json!("2026-11-24T15:00:00Z"), "/expires_at", "after the moment of sending"),
            ("/variables/amount", json!(GONE), "/variables/amount", "currency"),
            ("/variables/amount", json!(NAME), "/variables/amount", "currency"),
            ("/variables/amount/amount", json!("25,50"), "/variables/amount", "25.50"),
            ("/variables/due_at", json!("2026-12-01"), "/variables/due_at", "RFC 3339"),
            ("/variables/url", json!("javascript:alert(1)"), "/variables/url", "http"),
            ("/variables/clinic", json!("see clinic.com"), "/variables/clinic", "web address"),
            ("/variables/amout", json!(NAME), "/variables/amout", "amount, clinic"),
            ("/variables", json!(NAME), "/variables", "map"),
            ("/colour", json!(NAME), "/colour", "unknown field"),
        ]).await;
        nothing_was_stored(&host).await;
    }

    async fn a_body_that_cannot_be_read_is_refused(start: Start) {
        let mut start = start;
        start.config.server.body_limit = 2000;
        let host = host(start).await;
        for path in ["/api/v1/events", "/api/v1/messages"] {
            let json = |body: &str| post(&host, path).header("content-type", "application/json").body(body.to_owned());
            let trailing = format!("{} {{}}", if path.ends_with("events") { booked(1, VISIT) } else { message() });
            for body in ["", "{", "not json", "\u{feff}", trailing.as_str()] {
                problem(&host, json(body), 400, "malformed-body").await;
            }
            problem(&host, json(&format!("{{\"type\": \"{}\"}}", "x".repeat(2000))), 413, "body-too-large").await;
            let deep = format!("{{\"{}\":{}", if path.ends_with("events") { "data" } else { "variables" }, "{\"a\":".repeat(300));
            problem(&host, json(&deep), 400, "malformed-body").await;
            for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""] {
                let request = post(&host, path).header("content-type", content_type).body(message().to_string());
                problem(&host, request, 415, "unsupported-media-type").await;
            }
            problem(&host, post(&host, path).body(message().to_string()), 415, "unsupported-media-type").await;
        }
        nothing_was_stored(&host).await;
    }

    async fn without_a_valid_key_nothing_is_done(start: Start) {
        let host = host(start).await;
        let url = format!("{}/api/v1/events", host.base);
        let revoked = new_key(&host, &["events:write"], None).await;
        let id = host.host.caller(&revoked).await.unwrap().key;
        let mut tx = host.host.store.begin().await.unwrap();
        assert!(tx.revoke_api_key(id, host.host.now()).await.unwrap());
        tx.commit().await.unwrap();
        let wrong = host.key.replace("test", "live");
        for header in [None, Some(host.key.clone()), Some(format!("Bearer {wrong}")), Some("Bearer ".to_owned()),
            Some(format!("Basic {}", host.key)), Some(format!("Bearer {revoked}"))] {
            let request = host.client.post(&url).json(&booked(1, VISIT));
            let request = match &header {
                Some(value) => request.header("authorization", value),
                None => request,
            };
            let told = problem(&host, request, 401, "unauthorized").await.to_string();
            assert!(!told.contains(&host.key) && !told.contains(&revoked), "{told}");
        }
        let answer = host.client.post(&url).send().await.unwrap();
        assert_eq!(answer.headers()["www-authenticate"], "Bearer");
        nothing_was_stored(&host).await;
    }

    async fn a_key_ends_when_it_was_made_to_end(start: Start) {
        let host = host(start).await;
        let key = new_key(&host, &["messages:read"], Some(TimeDelta::days(1))).await;
        let url = format!("{}/api/v1/messages", host.base);
        host.clock.advance(TimeDelta::hours(23));
        assert_eq!(host.client.get(&url).bearer_auth(&key).send().await.unwrap().status(), 200);
        host.clock.advance(TimeDelta::hours(1));
        problem(&host, host.client.get(&url).bearer_auth(&key), 401, "unauthorized").await;
    }

    async fn a_key_does_what_its_scopes_say_and_no_more(start: Start) {
        let host = host(start).await;
        let nothing = new_key(&host, &[], None).await;
        let id = "019ab000-0000-7000-8000-000000000000";
        for (method, path, scope) in [
            ("POST", "/api/v1/events".to_owned(), "events:write"),
            ("GET", format!("/api/v1/events/{id}"), "events:read"),
            ("POST", "/api/v1/messages".to_owned(), "messages:write"),
            ("GET", "/api/v1/messages".to_owned(), "messages:read"),
            ("GET", format!("/api/v1/messages/{id}"), "messages:read"),
            ("POST", format!("/api/v1/messages/{id}/cancel"), "messages:write"),
            ("POST", format!("/api/v1/messages/{id}/retry"), "messages:write"),
            ("PUT", "/api/v1/recipients/ana".to_owned(), "recipients:write"),
            ("PATCH", "/api/v1/recipients/ana".to_owned(), "recipients:write"),
            ("DELETE", "/api/v1/recipients/ana".to_owned(), "recipients:write"),
            ("GET", "/api/v1/recipients/ana".to_owned(), "recipients:read"),
            ("GET", "/api/v1/recipients/ana/preferences".to_owned(), "recipients:read"),
            ("PATCH", "/api/v1/recipients/ana/preferences".to_owned(), "recipients:write"),
        ] {
            let body = if path.ends_with("events") { booked(1, VISIT) } else if path.ends_with("messages") { message() } else { json!({}) };
            let method: Method = method.parse().unwrap();
            let request = host.client.request(method, format!("{}{path}", host.base)).bearer_auth(&nothing).json(&body);
            let told = problem(&host, request, 403, "forbidden").await;
            assert!(word(&told, "detail").contains(scope), "{path}: {told}");
        }
        nothing_was_stored(&host).await;
    }

    async fn an_address_or_question_that_means_nothing_is_answered_as_a_problem(start: Start) {
        let host = host(start).await;
        for path in ["/api/v1/nothing", "/api/v2/events", "/", "/api/v1/messages/17", "/api/v1/events/17", "/docs/problems/none"] {
            problem(&host, get(&host, path), 404, "not-found").await;
        }
        let wrong = host.client.delete(format!("{}/api/v1/events", host.base)).bearer_auth(&host.key);
        problem(&host, wrong, 405, "method-not-allowed").await;
        for (query, pointer, expected) in [
            ("limit=0", "limit", "1 to 200"),
            ("limit=201", "limit", "1 to 200"),
            ("limit=many", "query", "limit"),
            ("cursor=xyz", "cursor", "next_cursor"),
            ("phone=call-me", "phone", "expected one such as"),
            ("since=yesterday", "query", "since"),
            ("colour=red", "query", "unknown field"),
        ] {
            let told = problem(&host, get(&host, &format!("/api/v1/messages?{query}")), 422, "invalid-request").await;
            let error = &told["errors"][0];
            assert!(error["pointer"] == pointer && word(error, "detail").contains(expected), "{query}: {told}");
        }
        let long = "x".repeat(256);
        for key in ["", long.as_str()] {
            let request = post(&host, "/api/v1/events").header("idempotency-key", key).json(&booked(1, VISIT));
            let told = problem(&host, request, 422, "invalid-request").await;
            assert_eq!(told["errors"][0]["pointer"], "Idempotency-Key");
        }
        nothing_was_stored(&host).await;
    }

    async fn bytes_that_are_no_text_are_no_fault_of_the_host(start: Start) {
        let host = host(start).await;
        let mut told = Vec::new();
        for path in ["/api/v1/recipients/%FF", "/api/v1/messages/%FF", "/api/v1/recipients/a%00b", "/api/v1/messages?recipient=a%00b",
            "/api/v1/messages?type=a%00b", "/api/v1/messages?state=a%00b", "/api/v1/messages?recipient=%FF"] {
            let answer = get(&host, path).send().await.unwrap();
            let status = answer.status().as_u16();
            let content_type = answer.headers()["content-type"].to_str().unwrap().to_owned();
            let is_told = (400..500).contains(&status) && content_type == "application/problem+json";
            if !is_told && status != 200 {
                told.push(format!("{path}: {status} {content_type}: {}", answer.text().await.unwrap()));
            }
        }
        assert!(told.is_empty(), "{}", told.join("\n"));
    }

    async fn a_conflict_is_told_as_a_problem(start: Start) {
        let host = host(start).await;
        let with_key = |version| post(&host, "/api/v1/events").header("idempotency-key", "once").json(&booked(version, VISIT));
        let event: Value = with_key(1).send().await.unwrap().json().await.unwrap();
        problem(&host, with_key(2), 409, "idempotency-key-reused").await;
        let path = format!("/api/v1/messages/{}/retry", word(&event["messages"][0], "id"));
        problem(&host, post(&host, &path), 409, "too-late").await;
        let person = host.client.put(format!("{}/api/v1/recipients/ana", host.base)).bearer_auth(&host.key);
        problem(&host, person.header("if-match", "\"7\"").json(&json!({})), 412, "changed").await;
    }

    async fn a_refused_request_does_not_use_up_its_idempotency_key(start: Start) {
        let host = host(start).await;
        let request = |body: &Value| post(&host, "/api/v1/events").header("idempotency-key", "once").json(body);
        problem(&host, request(&booked(-1, VISIT)), 422, "invalid-request").await;
        let answer = request(&booked(1, VISIT)).send().await.unwrap();
        assert_eq!(answer.status(), 202);
    }
}
