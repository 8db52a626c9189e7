//! Codes asked for once more: before the first text is out, and under the same `Idempotency-Key`; and refusals, as
//! they are read.

use crate::for_each_database;
use crate::otp::{check, last_code};
use crate::support::program::{new_home, run};
use crate::support::{ANA, Start, TestHost};
use chrono::TimeDelta;
use serde_json::{Value, json};
use tidings::sandbox::Fault;
use tokio::task::JoinSet;

async fn post(host: &TestHost, path: &str, once: &str, body: &Value) -> (u16, Value) {
    let request = host.client.post(format!("{}{path}", host.base)).bearer_auth(&host.key);
    let answer = request.header("Idempotency-Key", once).json(body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn login() -> Value {
    json!({"phone": ANA, "purpose": "LOGIN"})
}

/// Hour, reason, country, purpose, count, and whether a key asked.
type Row = (String, String, String, String, Value, bool);

async fn all_refusals(host: &TestHost) -> Vec<Row> {
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = host.get(&format!("/api/v1/otp/refusals?limit=2{cursor}")).await;
        for item in page["items"].as_array().unwrap() {
            let text = |name: &str| item[name].as_str().unwrap_or("-").to_owned();
            let (hour, reason) = (text("hour"), text("reason"));
            let has_key = item["api_key"].is_string();
            seen.push((hour, reason, text("country"), text("purpose"), item["count"].clone(), has_key));
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return seen,
        }
    }
}

fn row(hour: u32, reason: &str, country: &str, purpose: &str, count: i64, has_key: bool) -> Row {
    let hour = format!("2026-11-24T{hour}:00:00Z");
    (hour, reason.to_owned(), country.to_owned(), purpose.to_owned(), json!(count), has_key)
}

for_each_database! {
    async fn a_code_that_is_asked_for_again_before_it_is_out_is_sent_once(start: Start) {
        let host = start.host().await;
        let (_, answer) = host.post("/api/v1/otp", login()).await;
        let id = answer["id"].as_str().unwrap();
        host.clock.advance(TimeDelta::seconds(30));
        assert_eq!(host.post(&format!("/api/v1/otp/{id}/resend"), json!({})).await.0, 202);
        host.run().await;
        assert_eq!(host.texts_to(ANA).len(), 1, "{:?}", host.texts_to(ANA));
        assert_eq!(check(&host, id, &last_code(&host, ANA)).await["status"], "approved");
        let states = host.states().await;
        assert_eq!(states.iter().map(|(_, _, state)| state.as_str()).collect::<Vec<_>>(), ["delivered", "suppressed"]);
    }

    async fn a_code_whose_newer_text_has_failed_goes_out_with_the_older_one(start: Start) {
        let host = start.host().await;
        host.sandbox.script(ANA, [Fault::TooManyRequests(Some(120)), Fault::Refuse(21211)]);
        let (_, answer) = host.post("/api/v1/otp", login()).await;
        let id = answer["id"].as_str().unwrap();
        host.run().await;
        host.clock.advance(TimeDelta::seconds(30));
        assert_eq!(host.post(&format!("/api/v1/otp/{id}/resend"), json!({})).await.0, 202);
        host.run().await;
        assert_eq!(host.texts_to(ANA).len(), 0);
        host.run_after(TimeDelta::minutes(2)).await;
        assert_eq!(check(&host, id, &last_code(&host, ANA)).await["status"], "approved");
    }

    async fn a_repeated_request_for_a_code_is_one(start: Start) {
        let host = start.host().await;
        let (status, first) = post(&host, "/api/v1/otp", "a", &login()).await;
        assert_eq!(status, 202, "{first}");
        host.run().await;
        let code = last_code(&host, ANA);
        host.clock.advance(TimeDelta::seconds(10));
        let (status, again) = post(&host, "/api/v1/otp", "a", &login()).await;
        assert_eq!((status, &again["id"], &again["expires_in"], &again["resend_in"]), (202, &first["id"], &json!(290), &json!(20)));
        assert!(!again.to_string().contains(&code), "{again}");
        host.run().await;
        assert_eq!(host.texts_to(ANA).len(), 1);
        // Another body under the same key, and the same word under another route.
        let (status, problem) = post(&host, "/api/v1/otp", "a", &json!({"phone": ANA, "purpose": "MFA"})).await;
        assert_eq!((status, &problem["type"]), (409, &json!("/docs/problems/idempotency-key-reused")));
        let resend = format!("/api/v1/otp/{}/resend", first["id"].as_str().unwrap());
        assert_eq!(post(&host, &resend, "a", &json!({})).await.0, 409);
        // Without a key it is a new challenge.
        let (_, newer) = host.post("/api/v1/otp", login()).await;
        assert_ne!(newer["id"], first["id"]);
        assert_eq!(check(&host, first["id"].as_str().unwrap(), &code).await["status"], "expired");
    }

    async fn a_repeated_resend_sends_nothing(start: Start) {
        let host = start.host().await;
        let (_, first) = post(&host, "/api/v1/otp", "a", &login()).await;
        let resend = format!("/api/v1/otp/{}/resend", first["id"].as_str().unwrap());
        host.run().await;
        // A refusal is not remembered: the same request may be right later.
        assert_eq!(post(&host, &resend, "b", &json!({})).await.0, 429);
        host.clock.advance(TimeDelta::seconds(30));
        for _ in 0..2 {
            let (status, answer) = post(&host, &resend, "b", &json!({})).await;
            assert_eq!((status, &answer["sends_left"]), (202, &json!(2)), "{answer}");
        }
        host.run().await;
        assert_eq!(host.texts_to(ANA).len(), 2);
    }

    async fn of_the_same_requests_at_once_one_opens_a_challenge(start: Start) {
        let mut start = start;
        // What the first uses up is no reason to refuse the others.
        start.config.otp.limits.phone = vec!["1/1h".parse().unwrap()];
        let host = start.host().await;
        let mut posts = JoinSet::new();
        for _ in 0..6 {
            let request = host.client.post(format!("{}/api/v1/otp", host.base)).bearer_auth(&host.key);
            let request = request.header("Idempotency-Key", "a").json(&login());
            posts.spawn(async move {
                let answer = request.send().await.unwrap();
                assert_eq!(answer.status(), 202);
                answer.json::<Value>().await.unwrap()["id"].to_string()
            });
        }
        let mut ids = posts.join_all().await;
        ids.dedup();
        assert_eq!(ids.len(), 1, "{ids:?}");
        host.run().await;
        assert_eq!(host.texts_to(ANA).len(), 1);
    }

    async fn refusals_are_read_page_by_page_with_their_reasons(start: Start) {
        let mut start = start;
        start.config.otp.limits.phone = vec!["1/1h".parse().unwrap()];
        start.config.otp.limits.checks = vec!["1/1h".parse().unwrap()];
        start.config.otp.public = true;
        let host = start.host().await;
        assert_eq!(host.post("/api/v1/otp", login()).await.0, 202);
        for purpose in ["LOGIN", "LOGIN", "MFA"] {
            assert_eq!(host.post("/api/v1/otp", json!({"phone": ANA, "purpose": purpose})).await.0, 429);
        }
        assert_eq!(host.post("/api/v1/otp", json!({"phone": "+33612345678", "purpose": "LOGIN"})).await.0, 403);
        for expected in [200, 429] {
            let body = json!({"phoneNumber": ANA, "code": "000000"});
            let request = host.client.post(format!("{}/api/v1/sms/verify-otp", host.base)).json(&body);
            assert_eq!(request.send().await.unwrap().status(), expected);
        }
        host.clock.advance(TimeDelta::hours(2));
        // Nothing can be counted any more: refused, and that too is written down.
        host.sql("DROP TABLE limits").await;
        assert_eq!(host.post("/api/v1/otp", login()).await.0, 503);
        assert_eq!(all_refusals(&host).await, [
            row(17, "otp.limits", "US", "LOGIN", 1, true),
            row(15, "otp.limits.phone", "US", "MFA", 1, true),
            row(15, "otp.limits.phone", "US", "LOGIN", 2, true),
            row(15, "otp.limits.checks", "US", "LOGIN", 1, false),
            row(15, "otp.countries", "FR", "LOGIN", 1, true),
        ]);
        for query in ["cursor=x", "limit=0", "limit=201", "page=2"] {
            assert_eq!(host.request("GET", &format!("/api/v1/otp/refusals?{query}"), None).await.0, 422, "{query}");
        }
        let narrow = host.key_with(&["otp"]).await;
        let request = host.client.get(format!("{}/api/v1/otp/refusals", host.base)).bearer_auth(narrow);
        assert_eq!(request.send().await.unwrap().status(), 403);
    }

    async fn whatever_is_refused_is_written_down_also_for_a_resend(start: Start) {
        let host = start.host().await;
        let (_, answer) = host.post("/api/v1/otp", login()).await;
        let resend = format!("/api/v1/otp/{}/resend", answer["id"].as_str().unwrap());
        assert_eq!(host.post(&resend, json!({})).await.0, 429);
        host.clock.advance(TimeDelta::hours(1));
        // What is at fault is not the counters.
        host.sql("ALTER TABLE challenges RENAME TO lost").await;
        assert_eq!(host.post("/api/v1/otp", login()).await.0, 503);
        assert_eq!(host.post(&resend, json!({})).await.0, 503);
        assert_eq!(host.post("/api/v1/sms/send-otp", json!({"phoneNumber": ANA})).await.0, 503);
        assert_eq!(all_refusals(&host).await, [
            row(16, "otp.unavailable", "none", "", 1, true),
            row(16, "otp.unavailable", "US", "LOGIN", 2, true),
            row(15, "otp.resend_after", "US", "LOGIN", 1, true),
        ]);
    }

    async fn refusals_are_forgotten_after_ninety_days(start: Start) {
        let host = start.host().await;
        host.post("/api/v1/otp", json!({"phone": "+33612345678", "purpose": "LOGIN"})).await;
        host.run_after(TimeDelta::days(89)).await;
        assert_eq!(all_refusals(&host).await.len(), 1);
        host.run_after(TimeDelta::days(2)).await;
        assert_eq!(all_refusals(&host).await, []);
    }
}

#[tokio::test]
async fn refusals_are_printed_by_the_command() {
    let (mut start, home) = (Start::sqlite(), new_home());
    let state = home.path().join(".tidings");
    std::fs::create_dir_all(&state).unwrap();
    start.state = Some(state);
    let host = start.host().await;
    host.post("/api/v1/otp", json!({"phone": "+33612345678", "purpose": "LOGIN"})).await;
    host.rests().await;
    let (status, said, errors) = run(home.path(), &["otp", "refusals", "--test"]);
    assert_eq!(status, Some(0), "{errors}");
    assert!(said.starts_with("2026-11-24 15:00Z  refused       1  otp.countries  FR  LOGIN  "), "{said}");
    let (_, said, _) = run(home.path(), &["otp", "refusals", "--test", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap()["reason"], "otp.countries");
    assert_eq!(run(home.path(), &["otp", "refusals"]).1, "", "live keys had none");
}
