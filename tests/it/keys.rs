//! API keys: what each may do, how often, and until when.

use crate::for_each_database;
use crate::support::{ANA, TestHost};
use chrono::TimeDelta;
use serde_json::{Value, json};
use tidings::clock::Chance;
use tidings::service::NewKey;
use tidings::store::KeyMode;

async fn new_key(host: &TestHost, scopes: &[&str]) -> String {
    let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    let new = NewKey { name: "narrow".to_owned(), mode: KeyMode::Test, scopes, expires_in: None };
    let prepared = new.prepare(&mut *Chance::from_machine().lock(), host.host.now());
    prepared.keep(&host.host.store).await.unwrap().expose().to_owned()
}

async fn ask(
    host: &TestHost,
    key: &str,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> reqwest::Response {
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let request = host.client.request(method, format!("{}{path}", host.base)).bearer_auth(key);
    let request = match body {
        Some(body) => request.json(body),
        None => request,
    };
    request.send().await.unwrap()
}

fn header<'a>(answer: &'a reqwest::Response, name: &str) -> &'a str {
    answer.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

for_each_database! {
    async fn a_key_for_one_message_type_sends_and_reads_that_type_alone(start: Start) {
        let host = start.host().await;
        let key = new_key(&host, &["messages:write:prescription-ready", "messages:read:prescription-ready"]).await;
        let message = |kind: &str| json!({"type": kind, "to": {"id": "ana", "phone": ANA}});
        let other = host.message(message("follow-up")).await;
        let ask = async |method: &str, path: &str, body: Option<Value>| {
            let answer = ask(&host, &key, method, path, body.as_ref()).await;
            (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
        };

        let (status, own) = ask("POST", "/api/v1/messages", Some(message("prescription-ready"))).await;
        assert_eq!(status, 202, "{own}");
        let own = format!("/api/v1/messages/{}", own["id"].as_str().unwrap());
        let other = format!("/api/v1/messages/{other}");
        let (status, told) = ask("POST", "/api/v1/messages", Some(message("follow-up"))).await;
        assert_eq!((status, &told["type"]), (403, &json!("/docs/problems/forbidden")), "{told}");
        for (path, expected) in [
            ("/api/v1/messages?type=prescription-ready", 200),
            ("/api/v1/messages?type=follow-up", 403),
            ("/api/v1/messages", 403),
            (own.as_str(), 200),
            (other.as_str(), 403),
        ] {
            assert_eq!(ask("GET", path, None).await.0, expected, "{path}");
        }
        for act in ["cancel", "retry"] {
            assert_eq!(ask("POST", &format!("{other}/{act}"), None).await.0, 403, "{act}");
        }
        assert_eq!(host.get(&other).await["state"], "planned");
        assert_eq!(ask("POST", &format!("{own}/cancel"), None).await.0, 200);
    }

    async fn a_key_for_one_message_type_gets_that_type_alone_out_of_a_batch(start: Start) {
        let host = start.host().await;
        let key = new_key(&host, &["messages:write:prescription-ready"]).await;
        let message = |kind: &str| json!({"type": kind, "to": {"id": "ana", "phone": ANA}});
        let batch = json!({"messages": [message("follow-up"), message("prescription-ready"), message("otp")]});
        let answer = ask(&host, &key, "POST", "/api/v1/messages/batch", Some(&batch)).await;
        assert_eq!(answer.status(), 202);
        let answer: Value = answer.json().await.unwrap();
        assert_eq!((&answer["accepted"], &answer["refused"]), (&json!(1), &json!(2)), "{answer}");
        for (place, status) in [(0, 403), (2, 403)] {
            assert_eq!(answer["items"][place]["problem"]["status"], json!(status), "{answer}");
        }
        assert_eq!(answer["items"][1]["message"]["type"], "prescription-ready", "{answer}");
        let sent: Vec<String> = host.states().await.into_iter().map(|(kind, ..)| kind).collect();
        assert_eq!(sent, ["prescription-ready"]);
        let preview = ask(&host, &key, "POST", "/api/v1/preview", Some(&message("follow-up"))).await;
        assert_eq!(preview.status(), 403);
    }

    async fn wrong_expired_and_revoked_keys_are_answered_alike_to_the_byte(start: Start) {
        let host = start.host().await;
        let make = async |expires_in| {
            let scopes = vec!["messages:read".to_owned()];
            let new = NewKey { name: "gone".to_owned(), mode: KeyMode::Test, scopes, expires_in };
            let prepared = new.prepare(&mut *Chance::from_machine().lock(), host.host.now());
            prepared.keep(&host.host.store).await.unwrap().expose().to_owned()
        };
        let (expired, revoked) = (make(Some(TimeDelta::days(1))).await, make(None).await);
        for key in [&expired, &revoked] {
            assert_eq!(ask(&host, key, "GET", "/api/v1/messages", None).await.status(), 200);
        }
        let id = host.host.caller(&revoked).await.unwrap().key;
        let mut tx = host.host.store.begin().await.unwrap();
        assert!(tx.revoke_api_key(id, host.host.now()).await.unwrap());
        tx.commit().await.unwrap();
        host.clock.advance(TimeDelta::days(1));
        let told = async |key: &str, method: &str| {
            let answer = ask(&host, key, method, "/api/v1/messages", None).await;
            let (status, mut headers) = (answer.status(), answer.headers().clone());
            headers.remove("date");
            (status, headers, answer.bytes().await.unwrap())
        };
        let mut wrong = expired.clone();
        let last = if wrong.pop() == Some('a') { 'b' } else { 'a' };
        wrong.push(last);
        for method in ["GET", "POST"] {
            let first = told("tdg_live_nobody", method).await;
            assert_eq!(first.0, 401);
            for key in [&expired, &revoked, &wrong, "x"] {
                assert_eq!(told(key, method).await, first, "{method}");
            }
        }
    }

    async fn a_key_without_the_scope_of_a_route_is_refused_by_every_route(start: Start) {
        let host = start.host().await;
        let document = host.get("/api/openapi.json").await;
        let (mut tried, mut seen) = (0, std::collections::BTreeSet::new());
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let needed = operation["security"].as_array().into_iter().flatten();
                let needed = needed.filter_map(|way| way["api_key"].as_array()).flatten();
                let needed: Vec<&str> = needed.map(|scope| scope.as_str().unwrap()).collect();
                if needed.is_empty() {
                    continue;
                }
                seen.extend(needed.iter().map(|scope| (*scope).to_owned()));
                let others: Vec<&str> =
                    tidings::service::SCOPES.into_iter().filter(|scope| !needed.contains(scope)).collect();
                let key = new_key(&host, &others).await;
                let mut address = path.clone();
                for parameter in operation["parameters"].as_array().into_iter().flatten() {
                    if parameter["in"] == "path" {
                        let value = parameter["example"].as_str().map_or_else(|| parameter["example"].to_string(), str::to_owned);
                        address = address.replace(&format!("{{{}}}", parameter["name"].as_str().unwrap()), &value);
                    }
                }
                let body = &operation["requestBody"]["content"]["application/json"]["example"];
                let body = Some(body).filter(|body| !body.is_null());
                let answer = ask(&host, &key, &method.to_uppercase(), &address, body).await;
                let status = answer.status();
                let problem: Value = answer.json().await.unwrap_or_default();
                assert_eq!((status.as_u16(), &problem["type"]), (403, &json!("/docs/problems/forbidden")), "{method} {path}: {problem}");
                tried += 1;
            }
        }
        assert!(tried > 25, "only {tried} routes name a scope");
        // Every scope but the one that no route asks for by itself opens something.
        let unused: Vec<&str> = tidings::service::SCOPES.into_iter().filter(|scope| !seen.contains(*scope)).collect();
        assert!(unused.iter().all(|scope| ["otp:unlimited", "opt-outs:export"].contains(scope)), "{unused:?}");
    }

    async fn a_key_is_told_its_allowance_and_stopped_at_its_end(start: Start) {
        let mut start = start;
        start.config.server.requests_per_minute = 3;
        let host = start.host().await;
        let key = new_key(&host, &["messages:read"]).await;
        for left in ["2", "1", "0"] {
            let answer = ask(&host, &key, "GET", "/api/v1/messages", None).await;
            assert_eq!(answer.status(), 200);
            assert_eq!(header(&answer, "ratelimit-policy"), "\"key\";q=3;w=60");
            assert_eq!(header(&answer, "ratelimit"), format!("\"key\";r={left};t=60"));
        }
        host.clock.advance(TimeDelta::milliseconds(12_500));
        let answer = ask(&host, &key, "GET", "/api/v1/messages", None).await;
        assert_eq!((answer.status().as_u16(), header(&answer, "retry-after")), (429, "48"));
        assert_eq!(header(&answer, "ratelimit"), "\"key\";r=0;t=48");
        assert_eq!(header(&answer, "content-type"), "application/problem+json");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["type"], "/docs/problems/too-many-requests");
        assert_eq!(ask(&host, &host.key, "GET", "/api/v1/messages", None).await.status(), 200, "another key");
        host.clock.advance(TimeDelta::seconds(48));
        assert_eq!(ask(&host, &key, "GET", "/api/v1/messages", None).await.status(), 200, "a minute later");
    }

    async fn who_tries_wrong_keys_is_stopped_and_a_known_proxy_names_them(start: Start) {
        let mut start = start;
        start.config.server.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
        let host = start.host().await;
        let try_from = async |address: &str, key: &str| {
            let request = host.client.get(format!("{}/api/v1/messages", host.base)).bearer_auth(key);
            request.header("x-forwarded-for", address).send().await.unwrap().status().as_u16()
        };
        for _ in 0..60 {
            assert_eq!(try_from("203.0.113.5", "tdg_live_wrong").await, 401);
        }
        assert_eq!(try_from("203.0.113.5", "tdg_live_wrong").await, 429);
        assert_eq!(try_from("203.0.113.6", "tdg_live_wrong").await, 401, "another address");
        assert_eq!(try_from("203.0.113.6", &host.key).await, 200);
        host.clock.advance(TimeDelta::minutes(1));
        assert_eq!(try_from("203.0.113.5", "tdg_live_wrong").await, 401);
    }

    async fn the_last_use_of_a_key_is_written_down(start: Start) {
        let host = start.host().await;
        let last_used = async || {
            let keys = host.host.store.read().await.unwrap().api_keys().await.unwrap();
            keys[0].last_used_at
        };
        assert_eq!(last_used().await, None);
        host.get("/api/v1/messages").await;
        host.host.sweep().await.unwrap();
        let first = host.host.now();
        assert_eq!(last_used().await, Some(first));
        host.clock.advance(TimeDelta::seconds(59));
        host.get("/api/v1/messages").await;
        host.host.sweep().await.unwrap();
        assert_eq!(last_used().await, Some(first), "once a minute is enough");
        host.clock.advance(TimeDelta::seconds(1));
        host.get("/api/v1/messages").await;
        host.host.end(tokio::time::Instant::now()).await.unwrap();
        assert_eq!(last_used().await, Some(first + TimeDelta::seconds(60)));
    }

    async fn a_development_key_that_was_taken_back_is_not_given_out_again(start: Start) {
        let host = start.host().await;
        let (store, now) = (&host.host.store, host.host.now());
        let first = NewKey::development(store, now).await.unwrap();
        assert_eq!(NewKey::development(store, now).await.unwrap(), first, "the same at every start");
        let id = host.host.caller(first.expose()).await.unwrap().key;
        let mut tx = store.begin().await.unwrap();
        assert!(tx.revoke_api_key(id, now).await.unwrap());
        tx.commit().await.unwrap();
        let second = NewKey::development(store, now).await.unwrap();
        assert_ne!(second, first);
        assert!(host.host.caller(second.expose()).await.is_ok());
        assert!(host.host.caller(first.expose()).await.is_err());
        assert_eq!(NewKey::development(store, now).await.unwrap(), second);
    }
}
