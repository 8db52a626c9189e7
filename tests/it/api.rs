//! What a developer of another service sees: the API's own description, a preview, a search, a story.

use crate::for_each_database;
use crate::support::{ANA, Start, TestHost, VISIT, booked, skip_aloud};
use chrono::TimeDelta;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::{Command, Stdio};

async fn openapi(host: &TestHost) -> Value {
    host.get("/api/openapi.json").await
}

/// Every operation: its name and what is said of it.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().iter();
            methods.map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation))
        })
        .collect()
}

#[tokio::test]
async fn every_route_field_and_problem_is_described_with_an_example() {
    let host = Start::sqlite().host().await;
    let document = openapi(&host).await;
    assert_eq!(document["openapi"].as_str().unwrap().split('.').take(2).collect::<Vec<_>>(), ["3", "1"]);
    let mut lacking = Vec::new();
    let mut names = BTreeSet::new();
    for (name, operation) in operations(&document) {
        let mut needs = |what: &str, is_there: bool| {
            if !is_there {
                lacking.push(format!("{name}: {what}"));
            }
        };
        needs("an id of its own", names.insert(operation["operationId"].to_string()));
        needs("a summary", operation["summary"].as_str().is_some_and(|text| !text.is_empty()));
        needs("a tag", operation["tags"].as_array().is_some_and(|tags| !tags.is_empty()));
        if name.contains("/api/v1/") && !name.contains("/sms/") {
            needs("a scope", operation["security"][0].is_object());
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let of = |what: &str| format!("{what} of {}", parameter["name"]);
            needs(&of("a description"), parameter["description"].is_string());
            needs(&of("an example"), !parameter["example"].is_null());
        }
        for (media_type, content) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
            needs(&format!("an example of the {media_type} body"), !content["example"].is_null());
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            needs(
                &format!("words for {status}"),
                response["description"].as_str().is_some_and(|text| !text.is_empty()),
            );
            let contents = response["content"].as_object();
            // A short link leads on, or shows a page.
            let is_link = name == "GET /l/{code}";
            needs(&format!("a body of {status}"), contents.is_some() || status == "204" || is_link);
            for (media_type, content) in contents.into_iter().flatten() {
                needs(&format!("an example of {status}"), !content["example"].is_null());
                let is_error = status.starts_with(['4', '5'])
                    && (name.as_str(), status.as_str()) != ("GET /readyz", "503");
                // The older routes have a shape of their own.
                needs(
                    &format!("a problem as {status}"),
                    name.contains("/sms/")
                        || is_link
                        || is_error == (media_type == "application/problem+json"),
                );
            }
        }
    }
    assert!(lacking.is_empty(), "{}", lacking.join("\n"));

    // Each type of problem that the document knows has a page, and the list of them all.
    let types =
        document["components"]["schemas"]["Problem"]["properties"]["type"]["enum"].as_array().unwrap();
    let list = host.get("/docs/problems").await;
    for kind in types.iter().map(|kind| kind.as_str().unwrap()) {
        let page = host.get(kind).await;
        assert!(page.as_str().unwrap().contains(kind) && list.as_str().unwrap().contains(kind), "{kind}");
    }
}

/// The tool makes requests of every shape that the document allows, and of many that it does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_is_answered_outside_its_schema() {
    let found =
        Command::new("schemathesis").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        skip_aloud("schemathesis", "no_request_is_answered_outside_its_schema");
        return;
    }
    let mut start = Start::sqlite();
    start.config.server.requests_per_minute = 1_000_000;
    let host = start.host().await;
    let folder = crate::support::Folder::new();
    let mut command = Command::new("schemathesis");
    command
        .current_dir(folder.path())
        .args(["run", &format!("{}/api/openapi.json", host.base)])
        .args(["--header", &format!("Authorization: Bearer {}", host.key)])
        .args(["--phases", "examples,coverage,fuzzing", "--max-examples", "30", "--seed", "7", "--no-color"])
        .args(["--suppress-health-check", "all"])
        .args([
            "--checks",
            "not_a_server_error,status_code_conformance,content_type_conformance,\
            response_schema_conformance,response_headers_conformance",
        ]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains(" generated"), "it tried nothing: {said}");
}

fn payment(language: &str) -> Value {
    json!({"type": "payment-reminder", "to": {"id": "ana", "phone": ANA, "language": language, "time_zone": "America/New_York"},
        "variables": {"amount": {"amount": "25.50", "currency": "USD"}}})
}

fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

for_each_database! {
    async fn a_preview_says_what_a_send_then_does(start: Start) {
        let host = start.host().await;
        let (status, preview) = host.post("/api/v1/preview", with(payment("es"), "locales", json!(["en", "es"]))).await;
        assert_eq!(status, 200, "{preview}");
        assert_eq!(preview["would_send_at"], "2026-11-24T15:00:00Z", "{preview}");
        assert!(preview["summary"].as_str().unwrap().contains("10:00 (America/New_York) on 24 November"), "{preview}");
        let texts = preview["texts"].as_array().unwrap();
        assert_eq!((&texts[0]["locale_sent"], &texts[1]["locale_sent"]), (&json!("en"), &json!("es")));
        assert_eq!((&texts[0]["segments"], &texts[0]["estimated_cost"]), (&json!(1), &json!("0.007500")));
        // Nothing came of it.
        assert_eq!(host.states().await, []);
        assert_eq!(host.request("GET", "/api/v1/recipients/ana", None).await.0, 404);

        let id = host.message(payment("es")).await;
        host.run().await;
        let story = host.story(&id).await;
        assert_eq!(story["text"]["body"], texts[1]["body"]);
        assert_eq!(story["decisions"][0]["answer"], preview["decisions"][0]["answer"]);
    }

    async fn a_preview_in_the_night_says_when_the_morning_is(start: Start) {
        let host = start.host().await;
        host.clock.advance(TimeDelta::hours(12)); // 22:00 in New York
        let (_, preview) = host.post("/api/v1/preview", payment("en")).await;
        let outcomes: Vec<&str> = preview["decisions"].as_array().unwrap().iter().map(|d| d["outcome"].as_str().unwrap()).collect();
        assert_eq!(outcomes, ["defer", "send"], "{preview}");
        assert_eq!(preview["decisions"][0]["reason"]["code"], "quiet-hours");
        assert_eq!(preview["would_send_at"], "2026-11-25T13:00:00Z");
        assert!(preview["summary"].as_str().unwrap().contains("08:00"), "{preview}");
        let night = &preview["hours"][0];
        assert_eq!((&night["outcome"], &night["local"]), (&json!("defer"), &json!("23:00-07:00")), "{preview}");
        let id = host.message(payment("en")).await;
        host.run().await;
        assert_eq!(host.story(&id).await["due_at"], preview["would_send_at"]);
    }

    async fn a_preview_knows_who_said_stop_and_what_is_missing(start: Start) {
        let host = start.host().await;
        host.message(payment("en")).await;
        host.run().await;
        host.sandbox.reply(ANA, None, "STOP").await.unwrap();
        host.run().await;
        let (_, preview) = host.post("/api/v1/preview", payment("en")).await;
        assert_eq!(preview["would_send_at"], Value::Null);
        assert_eq!(preview["decisions"][0]["reason"]["code"], "opted-out", "{preview}");
        let (status, problem) = host.post("/api/v1/preview", with(payment("en"), "variables", json!({}))).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/variables/amount")));
        let (status, problem) = host.post("/api/v1/preview", with(payment("en"), "locales", json!(["en", "klingonese"]))).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/locales/1")));
    }

    async fn messages_are_found_by_each_thing_that_is_known_of_them(start: Start) {
        let host = start.host().await;
        host.event(booked(1, VISIT)).await;
        let lost = host.message(json!({"type": "prescription-ready", "to": {"id": "bo", "phone": "+15005550112"}})).await;
        host.run().await;
        host.clock.advance(TimeDelta::hours(1));
        host.message(json!({"type": "follow-up", "to": {"id": "cy", "phone": "+12025550199"}})).await;
        host.run().await;
        let count = async |query: &str| {
            host.get(&format!("/api/v1/messages?limit=200&{query}")).await["items"].as_array().unwrap().len()
        };
        for (query, expected) in [
            ("", 5),
            ("recipient=ana", 3),
            ("recipient=nobody", 0),
            ("phone=%2B12025550143", 1),
            ("phone=%2B12025550143&recipient=ana&type=appointment-confirmation&state=delivered", 1),
            ("type=appointment-reminder", 2),
            ("state=planned", 2),
            ("status=PENDING", 2),
            ("error=30007", 1),
            ("error=30007&recipient=ana", 0),
            ("since=2026-11-24T15:30:00Z", 1),
            ("until=2026-11-24T15:30:00Z", 4),
            ("since=2026-11-24T15:30:00Z&until=2026-11-24T15:31:00Z", 0),
        ] {
            assert_eq!(count(query).await, expected, "{query}");
        }
        assert_eq!(host.get("/api/v1/messages?error=30007").await["items"][0]["id"], json!(lost));
    }

    async fn pages_stay_right_while_messages_are_added(start: Start) {
        let host = start.host().await;
        let post = async |n: u32| {
            host.clock.advance(TimeDelta::milliseconds(i64::from(n % 2)));
            host.message(json!({"type": "follow-up", "to": {"id": format!("p{n}"), "phone": ANA}})).await
        };
        let mut before = BTreeSet::new();
        for n in 0..7 {
            before.insert(post(n).await);
        }
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = host.get(&format!("/api/v1/messages?limit=2&type=follow-up{cursor}")).await;
            seen.extend(page["items"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap().to_owned()));
            post(10 + u32::try_from(seen.len()).unwrap()).await;
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let distinct: BTreeSet<String> = seen.iter().cloned().collect();
        // One of the same millisecond may come in between; none is skipped and none comes twice.
        assert!(seen.len() == distinct.len() && distinct.is_superset(&before), "{seen:?} {before:?}");
    }

    async fn a_story_is_told_in_order_and_in_words(start: Start) {
        let host = start.host().await;
        host.event(booked(1, VISIT)).await;
        host.run().await;
        let list = host.get("/api/v1/messages?type=appointment-confirmation").await;
        let story = host.story(list["items"][0]["id"].as_str().unwrap()).await;
        let told: Vec<&str> = story["story"].as_array().unwrap().iter().map(|line| line["text"].as_str().unwrap()).collect();
        let expected = [
            "appointment.booked came in, about version 1 of appointment 9.",
            "The policy appointment-confirmation 0.1.0 says: plan.",
            "Planned for 2026-11-24T15:00:00Z, of use until",
            "The policy appointment-confirmation 0.1.0 says: send it.",
            "Attempt 1: given to Twilio, from +15005550006.",
            "Attempt 1: Twilio took it as SM",
            "Twilio says queued (answer).",
            "Twilio says sent (callback).",
            "Twilio says delivered (callback).",
        ];
        assert_eq!(told.len(), expected.len(), "{told:#?}");
        for (line, start) in told.iter().zip(expected) {
            assert!(line.starts_with(start), "{start}: {told:#?}");
        }
        assert!(!told.concat().contains("2025550143"), "{told:#?}");
    }
}
