//! What a running program tells: figures for those who watch, and no person's data in its log.

use crate::support::daytime::daytime_zone;
use crate::support::program::{Running, new_home};
use serde_json::json;
use std::time::Duration;

/// What must not be in any log, at any level: planted in everything a day brings.
const PLANTED: [&str; 6] = ["Zebulon", "2025550187", "555-0187", "Quillfeather", "483920", "I feel worse"];

/// One of everything: a visit, a code, a reply, a mistake in every field, somebody who is erased.
async fn a_day_of_traffic(running: &Running) {
    let (base, client) = (&running.base, &running.client);
    let send = |method: &str, path: &str, body: serde_json::Value| {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        client.request(method, format!("{base}{path}")).bearer_auth(&running.key).json(&body).send()
    };
    let person = json!({"id": "z", "role": "patient", "name": "Zebulon", "phone": "+12025550187", "language": "en",
        "time_zone": daytime_zone()});
    let mut event = running.event.clone();
    event["people"] = json!([person]);
    event["data"]["location"] = json!("Quillfeather Lane 7");
    assert_eq!(send("POST", "/api/v1/events", event.clone()).await.unwrap().status(), 202);
    let code = json!({"type": "otp", "to": {"id": "z"}, "variables": {"code": "483920", "minutes": 5}});
    send("POST", "/api/v1/messages", code).await.unwrap();
    for wrong in [
        json!({"type": "Zebulon", "to": {"phone": "555-0187"}}),
        json!({"type": "otp", "to": {"phone": "+12025550187 Zebulon"}, "variables": {"code": ["483920"]}}),
        json!({"type": "otp", "to": {"phone": "+12025550187", "language": "Quillfeather"}, "Zebulon": 1}),
    ] {
        assert!(send("POST", "/api/v1/messages", wrong).await.unwrap().status().is_client_error());
    }
    let malformed = client.post(format!("{base}/api/v1/events")).bearer_auth(&running.key);
    let malformed =
        malformed.header("Content-Type", "application/json").body("{\"people\": \"Zebulon +12025550187");
    assert!(malformed.send().await.unwrap().status().is_client_error());
    send("GET", "/api/v1/messages?phone=%2B12025550187", json!(null)).await.unwrap();
    // Until what was posted is on its way, and its answers have come.
    for _ in 0..3000 {
        let phones = running.get("/sandbox/api/texts?phone=%2B12025550187").await;
        if phones["items"].as_array().is_some_and(|texts| !texts.is_empty()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for words in ["I feel worse, Zebulon", "STOP"] {
        let reply = json!({"from": "+12025550187", "body": words});
        assert!(send("POST", "/sandbox/api/replies", reply).await.unwrap().status().is_success());
    }
    let forged = client.post(format!("{base}/webhooks/twilio/inbound"));
    let forged = forged.form(&[("From", "+12025550187"), ("Body", "Zebulon")]);
    assert_eq!(forged.send().await.unwrap().status(), 403);
    send("DELETE", "/api/v1/recipients/z", json!(null)).await.unwrap();
}

#[tokio::test]
async fn a_day_of_traffic_leaves_no_name_phone_or_code_in_the_log_at_any_level_and_is_measured() {
    let home = new_home();
    let running = Running::start_with(home.path(), None, &[("TIDINGS_LOG", "trace")]);
    a_day_of_traffic(&running).await;
    let mut figures = String::new();
    // The phone's receipt may still be on its way.
    for _ in 0..1500 {
        let answer = running.client.get(format!("{}/metrics", running.base)).send().await.unwrap();
        figures = answer.text().await.unwrap();
        if figures.contains("outcome=\"delivered\"") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for figure in [
        "tidings_messages_total{type=\"appointment-confirmation\",state=\"planned\",lane=\"normal\"} 1",
        "tidings_forged_webhooks_total 1",
        "tidings_due_to_provider_seconds_bucket{lane=\"normal\",le=",
        "tidings_policy_seconds_count{policy=\"appointment-reminder\",question=\"plan\"} 1",
        "tidings_commit_units_count",
        "tidings_oldest_due_seconds{lane=\"urgent\"} 0",
        "tidings_requests_total{route=\"/api/v1/events\",method=\"POST\",status=\"202\"} 1",
        "tidings_sending_paused 0",
        "tidings_outcomes_total{type=\"appointment-confirmation\",outcome=\"delivered\",error=\"\",country=\"US\"}",
        "tidings_accepted_to_delivered_seconds_count{lane=\"normal\"}",
        "tidings_segments_total{type=\"appointment-confirmation\"} 1",
        "tidings_cost_micros_total{type=\"appointment-confirmation\"}",
    ] {
        assert!(figures.contains(figure), "no {figure} in\n{figures}");
    }
    assert_eq!(running.stop(), Some(0));
    let log = std::fs::read_to_string(home.path().join("log")).unwrap();
    assert!(log.contains("TRACE") && log.contains("planned"), "the log is not as loud as it was asked to be");
    for planted in PLANTED {
        let found: Vec<&str> = log.lines().filter(|line| line.contains(planted)).take(3).collect();
        assert!(found.is_empty(), "`{planted}` is in the log:\n{}", found.join("\n"));
        assert!(!figures.contains(planted), "`{planted}` is in the figures");
    }
}

#[tokio::test]
async fn a_code_that_is_asked_for_sent_typed_and_sent_again_is_in_no_log_at_any_level() {
    let home = new_home();
    let running = Running::start_with(home.path(), None, &[("TIDINGS_LOG", "trace")]);
    let post = async |path: &str, body: serde_json::Value| {
        let request = running.client.post(format!("{}/api/v1{path}", running.base)).bearer_auth(&running.key);
        let answer = request.json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json::<serde_json::Value>().await.unwrap()
    };
    let code_to = async |phone: &str| {
        // The program has a clock of its own: there is nothing to wait for but the time it takes.
        for _ in 0..3000 {
            let texts = running.get(&format!("/sandbox/api/texts?phone=%2B{phone}")).await;
            if let Some(text) = texts["items"].as_array().unwrap().last() {
                let words = text["body"].as_str().unwrap();
                let digits = words.split(|c: char| !c.is_ascii_digit()).rfind(|digits| digits.len() == 6);
                return digits.unwrap().to_owned();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("no code came");
    };
    let first = post("/otp", json!({"phone": "+12025550187", "purpose": "LOGIN"})).await;
    post("/sms/send-otp", json!({"phoneNumber": "+12025550188", "purpose": "LOGIN"})).await;
    let codes = [code_to("12025550187").await, code_to("12025550188").await];
    let check = format!("/otp/{}/check", first["id"].as_str().unwrap());
    let wrong = if codes[0] == "123456" { "654321" } else { "123456" };
    for typed in [wrong, &codes[0]] {
        post(&check, json!({"code": typed})).await;
    }
    post("/sms/verify-otp", json!({"phoneNumber": "+12025550188", "code": codes[1], "purpose": "LOGIN"}))
        .await;
    assert_eq!(running.stop(), Some(0));
    let log = std::fs::read_to_string(home.path().join("log")).unwrap();
    assert!(
        log.contains("TRACE") && log.contains("accepted"),
        "the log is not as loud as it was asked to be"
    );
    for secret in [codes[0].as_str(), &codes[1], wrong, "2025550187", "2025550188"] {
        let found: Vec<&str> = log.lines().filter(|line| line.contains(secret)).take(3).collect();
        assert!(found.is_empty(), "`{secret}` is in the log:\n{}", found.join("\n"));
    }
}

/// A rule for a figure that nobody measures would never wake anybody.
#[tokio::test]
async fn every_alert_is_about_figures_that_are_measured() {
    let home = new_home();
    let running = Running::start_with(home.path(), None, &[]);
    let text = |path: &'static str| {
        let request = running.client.get(format!("{}{path}", running.base));
        async move { request.send().await.unwrap().error_for_status().unwrap().text().await.unwrap() }
    };
    let rules = text("/docs/alerts.yml").await;
    let measured = include_str!("../../host/measure.rs");
    let names: Vec<&str> = rules
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| word.starts_with("tidings_"))
        .collect();
    assert!(names.len() >= 8);
    for name in names {
        let name = name.trim_end_matches("_bucket");
        assert!(measured.contains(&format!("\"{name}\"")), "{name} is not measured");
    }
}

/// Takes what a collector takes, and keeps the bytes.
async fn collector() -> (String, tokio::sync::mpsc::UnboundedReceiver<Vec<u8>>) {
    let (sender, received) = tokio::sync::mpsc::unbounded_channel();
    let take = move |body: axum::body::Bytes| {
        let _ = sender.send(body.to_vec());
        async {}
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new().route("/v1/traces", axum::routing::post(take));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (format!("http://{address}"), received)
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_reach_a_collector_also_the_last_ones_and_name_nobody() {
    let (endpoint, mut received) = collector().await;
    let home = new_home();
    let running = Running::start_with(home.path(), None, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]);
    a_day_of_traffic(&running).await;
    assert_eq!(running.stop(), Some(0));
    let mut traces = Vec::new();
    while let Ok(bytes) = received.try_recv() {
        traces.extend(bytes);
    }
    let traces = String::from_utf8_lossy(&traces);
    for span in
        ["request", "message", "policy", "provider call", "/api/v1/events", "appointment-confirmation"]
    {
        assert!(traces.contains(span), "no {span}");
    }
    for planted in PLANTED {
        assert!(!traces.contains(planted), "`{planted}` is in the traces");
    }
    assert!(!std::fs::read_to_string(home.path().join("log")).unwrap().contains("provider call"));
}
