//! One-time codes as they are set up: digits and waits, addresses and keys, numbers for tests, and a backend that
//! lacks its service.

use crate::for_each_database;
use crate::otp::last_code;
use crate::otp_brakes::{rates, unbraked};
use crate::support::program::{new_home, tidings};
use crate::support::{ANA, TestHost, door};
use chrono::TimeDelta;
use serde_json::{Value, json};
use std::sync::Arc;
use tidings::clock::{Chance, Clock as _, SystemClock};
use tidings::domain::secret::Secret;
use tidings::http::{self, HttpSettings};
use tidings::render::Renderer;
use tidings::sandbox::{Sandbox, SandboxSettings};
use tidings::service::{Host, NewKey, Providers};
use tidings::store::KeyMode;
use tidings::twilio::{Provider, TwilioClient};
use tokio::net::TcpListener;

const BO: &str = "+12025551144";

/// Status, `Retry-After` and what was answered.
async fn post(
    host: &TestHost,
    key: Option<&str>,
    from: &str,
    path: &str,
    body: &Value,
) -> (u16, Option<i64>, Value) {
    let request = host.client.post(format!("{}{path}", host.base)).header("X-Forwarded-For", from).json(body);
    let request = match key {
        Some(key) => request.bearer_auth(key),
        None => request,
    };
    let answer = request.send().await.unwrap();
    let wait = answer.headers().get("retry-after").map(|wait| wait.to_str().unwrap().parse().unwrap());
    (answer.status().as_u16(), wait, answer.json().await.unwrap())
}

/// Another host of the same database, that sends in earnest; where it is reached, and a live key.
async fn live(test: &TestHost) -> (Host, String, String) {
    let client: Arc<dyn Provider> = Arc::new(TwilioClient::new(&test.start.config.twilio).unwrap());
    let config = &test.start.config;
    let host = Host::new(
        test.host.store.clone(),
        test.host.policies.clone(),
        Renderer::load(&test.start.home, &config.render()).unwrap(),
        Providers { live: Some(client.clone()), test: Some(client) },
        test.clock.clone(),
        Chance::from_machine(),
        config.settings(),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let router = http::router(host.clone(), HttpSettings::default());
    tokio::spawn(http::serve(listener, router, door(config), std::future::pending()));
    let new = NewKey {
        name: "live".to_owned(),
        mode: KeyMode::Live,
        scopes: ["otp", "otp:unlimited"].map(str::to_owned).to_vec(),
        expires_in: None,
    };
    let prepared = new.prepare(&mut *Chance::from_machine().lock(), test.clock.now());
    let key = prepared.keep(&test.host.store).await.unwrap().expose().to_owned();
    (host, base, key)
}

for_each_database! {
    async fn the_settings_of_codes_are_obeyed(start: Start) {
        let mut start = start;
        let otp = &mut start.config.otp;
        (otp.digits, otp.attempts) = (8, 1);
        otp.life = toml::Value::from("2m").try_into().unwrap();
        otp.resend_after = vec![toml::Value::from("5s").try_into().unwrap()];
        let host = start.host().await;
        let (_, answer) = host.post("/api/v1/otp", json!({"phone": ANA, "purpose": "LOGIN"})).await;
        assert_eq!((&answer["expires_in"], &answer["resend_in"], &answer["sends_left"]), (&json!(120), &json!(5), &json!(1)));
        host.run().await;
        let text = host.texts_to(ANA).pop().unwrap();
        let digits = text.split(|c: char| !c.is_ascii_digit()).map(str::len).max();
        assert!(digits == Some(8) && text.contains("2 minutes"), "{text}");
        let path = |what: &str| format!("/api/v1/otp/{}/{what}", answer["id"].as_str().unwrap());
        host.clock.advance(TimeDelta::seconds(5));
        let (status, again) = host.post(&path("resend"), json!({})).await;
        assert_eq!((status, &again["resend_in"], &again["sends_left"]), (202, &Value::Null, &json!(0)));
        let (_, checked) = host.post(&path("check"), json!({"code": "0"})).await;
        assert_eq!(checked["status"], "exhausted", "after the only try");
    }

    async fn the_address_that_the_caller_reports_is_braked(start: Start) {
        let mut start = start;
        unbraked(&mut start.config);
        start.config.otp.limits.address = rates("1/1h");
        start.config.otp.public = true;
        start.config.server.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
        let host = start.host().await;
        let ask = async |phone: &str, ip: &str| {
            post(&host, Some(&host.key), "203.0.113.1", "/api/v1/otp", &json!({"phone": phone, "purpose": "LOGIN", "ip": ip})).await
        };
        assert_eq!(ask(ANA, "192.0.2.1").await.0, 202);
        let (status, wait, problem) = ask(BO, "192.0.2.9").await;
        assert!(status == 429 && wait > Some(0) && problem["detail"].as_str().unwrap().contains("otp.limits.address"), "{problem}");
        assert_eq!(ask(BO, "198.51.100.1").await.0, 202);

        // Without a key the connection tells the address; what the body says anybody may have made up.
        let send = async |phone: &str, from: &str, ip: &str| {
            post(&host, None, from, "/api/v1/sms/send-otp", &json!({"phoneNumber": phone, "purpose": "MFA", "ip": ip})).await.0
        };
        assert_eq!(send(ANA, "203.0.113.1", "192.0.2.1").await, 200);
        assert_eq!(send(BO, "203.0.113.2", "8.8.8.8").await, 429);
        assert_eq!(send(BO, "100.64.0.1", "192.0.2.1").await, 200);
    }

    async fn tries_without_a_key_are_braked_by_their_network(start: Start) {
        let mut start = start;
        start.config.otp.public = true;
        start.config.otp.limits.checks = rates("1/1h");
        start.config.server.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
        let host = start.host().await;
        let verify = async |from: &str| {
            post(&host, None, from, "/api/v1/sms/verify-otp", &json!({"phoneNumber": ANA, "code": "000000"})).await
        };
        assert_eq!(verify("203.0.113.1").await.0, 200);
        let (status, wait, _) = verify("203.0.113.200").await;
        assert_eq!(status, 429);
        assert_eq!(verify("198.51.100.1").await.0, 200, "another network");
        host.clock.advance(TimeDelta::seconds(wait.unwrap()));
        assert_eq!(verify("203.0.113.200").await.0, 200, "after {wait:?} s");
    }

    async fn codes_need_a_key_that_may(start: Start) {
        let host = start.host().await;
        let narrow = host.key_with(&["messages:read", "messages:write", "otp:unlimited", "otp-refusals:read"]).await;
        let none = "019a6b0e-6f5e-7b8e-9f63-0d5c8d8f8c11";
        for (path, body) in [
            ("/api/v1/otp".to_owned(), json!({"phone": ANA, "purpose": "LOGIN"})),
            (format!("/api/v1/otp/{none}/check"), json!({"code": "000000"})),
            (format!("/api/v1/otp/{none}/resend"), json!({})),
            ("/api/v1/sms/send-otp".to_owned(), json!({"phoneNumber": ANA})),
            ("/api/v1/sms/verify-otp".to_owned(), json!({"phoneNumber": ANA, "code": "000000"})),
        ] {
            let (status, _, problem) = post(&host, Some(&narrow), "203.0.113.1", &path, &body).await;
            assert_eq!((status, &problem["type"]), (403, &json!("/docs/problems/forbidden")), "{path}: {problem}");
        }
        host.run().await;
        assert_eq!(host.sandbox.calls(), 0);
    }

    async fn a_number_for_tests_is_none_for_live_keys(start: Start) {
        let mut start = start;
        unbraked(&mut start.config);
        start.config.otp.limits.phone = rates("2/1h");
        start.config.otp.test_numbers = [(ANA.to_owned(), Secret::new("2468101214"))].into();
        let host = start.host().await;
        let (earnest, base, key) = live(&host).await;
        let ask = async |base: &str, key: &str| {
            let request = host.client.post(format!("{base}/api/v1/otp")).bearer_auth(key);
            let answer = request.json(&json!({"phone": ANA, "purpose": "LOGIN"})).send().await.unwrap();
            (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
        };
        let (status, answer) = ask(&base, &key).await;
        assert_eq!(status, 202, "{answer}");
        earnest.tick().await.unwrap();
        host.sandbox.until_quiet().await;
        let id = answer["id"].as_str().unwrap().parse().unwrap();
        let fixed = earnest.check_code(id, false, "2468101214").await.unwrap();
        assert!(matches!(fixed, tidings::service::Checked::Pending { .. }), "{fixed:?}");
        let sent = earnest.check_code(id, false, &last_code(&host, ANA)).await.unwrap();
        assert!(matches!(sent, tidings::service::Checked::Approved { .. }), "{sent:?}");
        assert_eq!(ask(&base, &key).await.0, 202);
        assert_eq!(ask(&base, &key).await.0, 429, "`otp:unlimited` is a matter of test keys");

        // Test keys have counters of their own.
        let limited = host.key_with(&["otp"]).await;
        let mut answers = Vec::new();
        for key in [&limited, &limited, &limited, &host.key] {
            answers.push(ask(&host.base, key).await.0);
        }
        assert_eq!(answers, [202, 202, 429, 202]);
    }
}

#[tokio::test]
async fn a_backend_without_its_service_is_refused_at_the_start_and_found_by_the_doctor() {
    let home = new_home();
    std::fs::write(home.path().join("tidings.toml"), "[otp]\nbackend = \"verify\"\n").unwrap();
    let twilio = Sandbox::start(SandboxSettings::immediate(), Arc::new(SystemClock), Chance::from_machine())
        .await
        .unwrap();
    let run = |command: &'static str| {
        let mut command = tidings(home.path(), &[command]);
        command
            .env("TWILIO_ACCOUNT_SID", twilio.account_sid())
            .env("TWILIO_AUTH_TOKEN", twilio.auth_token().expose())
            .env("TWILIO_PHONE_NUMBER", "+15005550006")
            .env("TWILIO_BASE_URL", twilio.base_url())
            .env("TIDINGS_PUBLIC_URL", "http://127.0.0.1:9");
        tokio::task::spawn_blocking(move || {
            let output = command.output().unwrap();
            let said = [output.stdout, output.stderr].concat();
            (output.status.code(), String::from_utf8(said).unwrap())
        })
    };
    let (status, said) = run("serve").await.unwrap();
    assert!(status != Some(0) && said.contains("set TWILIO_VERIFY_SERVICE_SID"), "{said}");
    let (status, said) = run("doctor").await.unwrap();
    let line = said.lines().find(|line| line.contains("twilio verify")).unwrap_or_else(|| panic!("{said}"));
    assert!(status != Some(0) && line.contains("no service: set TWILIO_VERIFY_SERVICE_SID"), "{said}");
}
