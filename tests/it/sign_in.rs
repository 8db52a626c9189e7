//! Patients and doctors who signed in elsewhere change what they want themselves, and nobody else's.

mod issuer;

use crate::for_each_database;
use crate::support::{ANA, Start, TestHost, VISIT, booked};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chrono::TimeDelta;
use issuer::{AUDIENCE, ISSUER, Pair, Published, claims, key_set};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tidings::clock::Clock as _;
use tidings::domain::secret::Secret;

const ROUTE: &str = "/api/v1/sms/preferences";
const SECRET: &str = "a secret of at least 32 bytes, shared";

fn pair() -> Pair {
    Pair::new("one", 1)
}

/// A host that believes the issuer, whose keys stand in a file.
fn believing(mut start: Start, keys: &Value, algorithms: &str) -> Start {
    let file = start.folder.path().join("jwks.json");
    std::fs::write(&file, keys.to_string()).unwrap();
    start.config.jwt = toml::from_str(&format!(
        "issuer = '{ISSUER}'\naudience = '{AUDIENCE}'\nalgorithms = {algorithms}\nrole_claim = '{}'\njwks_file = '{}'",
        start.config.jwt.role_claim,
        file.display()
    ))
    .unwrap();
    start
}

async fn host(start: Start) -> TestHost {
    known(believing(start, &key_set(&[&pair()]), "['EdDSA']")).await
}

/// A host that knows Ana.
async fn known(start: Start) -> TestHost {
    let host = Box::pin(start.host()).await;
    let body = json!({"phone": ANA, "language": "en", "time_zone": "America/New_York"});
    assert_eq!(host.request("PUT", "/api/v1/recipients/ana", Some(&body)).await.0, 200);
    host
}

struct Answered {
    status: u16,
    body: Value,
    kind: String,
    challenge: Option<String>,
}

async fn patch(host: &TestHost, token: &str, body: &Value) -> Answered {
    let request = host.client.patch(format!("{}{ROUTE}", host.base)).bearer_auth(token).json(body);
    let answer = request.send().await.unwrap();
    let header = |name: &str| Some(answer.headers().get(name)?.to_str().unwrap().to_owned());
    let (kind, challenge) = (header("content-type").unwrap(), header("www-authenticate"));
    Answered { status: answer.status().as_u16(), kind, challenge, body: answer.json().await.unwrap() }
}

/// Ana's own good token.
fn token(host: &TestHost) -> String {
    pair().sign(&claims("ana", host.clock.now()))
}

fn all_wanted() -> Value {
    json!({"appointmentReminders": true, "appointmentConfirmation": true, "paymentReminders": true,
        "prescriptionAlerts": true, "optedOut": false})
}

fn with(mut base: Value, changes: &[(&str, Value)]) -> Value {
    for (name, value) in changes {
        if value.is_null() {
            base.as_object_mut().unwrap().remove(*name);
        } else {
            base[*name] = value.clone();
        }
    }
    base
}

for_each_database! {
    async fn a_patient_who_signed_in_says_what_they_want(start: Start) {
        let host = host(start).await;
        let answer = patch(&host, &token(&host), &json!({})).await;
        assert_eq!((answer.status, &answer.body), (200, &json!({"success": true, "message": "Your preferences are saved.", "data": all_wanted()})));
        for (field, kind) in [("appointmentReminders", "appointment-reminder"), ("appointmentConfirmation", "appointment-confirmation"),
            ("paymentReminders", "payment-reminder"), ("prescriptionAlerts", "prescription-ready")] {
            let answer = patch(&host, &token(&host), &json!({field: false})).await;
            assert_eq!((answer.status, &answer.body["data"]), (200, &with(all_wanted(), &[(field, json!(false))])));
            let kept = host.get("/api/v1/recipients/ana/preferences").await;
            assert_eq!(kept["types"][kind], false, "{kept}");
            assert_eq!(patch(&host, &token(&host), &json!({field: true})).await.body["data"], all_wanted());
        }
    }

    async fn who_opts_out_is_sent_nothing_more_until_they_opt_in(start: Start) {
        let host = host(start).await;
        host.event(booked(1, VISIT)).await;
        let answer = patch(&host, &token(&host), &json!({"optedOut": true})).await;
        assert_eq!((answer.status, &answer.body["data"]["optedOut"]), (200, &json!(true)), "{}", answer.body);
        let states: Vec<String> = host.states().await.into_iter().map(|(.., state)| state).collect();
        assert_eq!(states, ["suppressed"; 3]);
        // Said twice is said once.
        patch(&host, &token(&host), &json!({"optedOut": true})).await;
        let lines = host.get("/api/v1/recipients/ana/consents").await["items"].as_array().unwrap().clone();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert_eq!((&lines[0]["choice"], &lines[0]["source"], &lines[0]["binds"]), (&json!("opt_out"), &json!("form"), &json!("recipient")));

        host.clock.advance(TimeDelta::seconds(1));
        let answer = patch(&host, &token(&host), &json!({"optedOut": false})).await;
        assert_eq!((answer.status, &answer.body["data"]), (200, &all_wanted()));
        host.message(json!({"type": "prescription-ready", "to": {"id": "ana"}})).await;
        host.run().await;
        assert_eq!(host.texts_to(ANA).len(), 1);
        let audit = host.host.store.read().await.unwrap().audit_after(0, 100).await.unwrap();
        assert!(audit.iter().any(|line| line.entry.actor == "recipient:ana" && line.entry.action == format!("PATCH {ROUTE}")));
    }

    async fn a_stop_from_the_phone_is_not_undone_by_a_sign_in(start: Start) {
        let host = host(start).await;
        host.sandbox.reply(ANA, Some("+15005550006"), "STOP").await.unwrap();
        host.sandbox.until_quiet().await;
        host.run().await;
        let answer = patch(&host, &token(&host), &json!({"optedOut": false, "paymentReminders": false})).await;
        assert_eq!((answer.status, &answer.body["type"]), (409, &json!("/docs/problems/stopped-by-phone")), "{}", answer.body);
        assert!(answer.body["message"].as_str().unwrap().contains("START"), "{}", answer.body);
        // Nothing of it was taken; what does not undo the STOP is.
        assert_eq!(host.get("/api/v1/recipients/ana/preferences").await["types"]["payment-reminder"], true);
        let answer = patch(&host, &token(&host), &json!({"paymentReminders": false})).await;
        assert_eq!((answer.status, &answer.body["data"]["optedOut"], &answer.body["data"]["paymentReminders"]), (200, &json!(true), &json!(false)));
    }

    async fn a_type_that_the_ledger_refuses_is_off_and_can_be_wanted_again(start: Start) {
        let host = host(start).await;
        let out = |scope: &str| json!({"choice": "opt_out", "scope": scope, "source": "staff"});
        for scope in ["type:payment-reminder", "group:appointments"] {
            assert_eq!(host.post("/api/v1/recipients/ana/consents", out(scope)).await.0, 201);
        }
        host.clock.advance(TimeDelta::seconds(1));
        let data = patch(&host, &token(&host), &json!({})).await.body["data"].clone();
        let off = json!(false);
        assert_eq!(data, with(all_wanted(), &[("paymentReminders", off.clone()), ("appointmentReminders", off.clone()), ("appointmentConfirmation", off.clone())]));
        // One's own word is enough for a type; what was said of a whole group is wider.
        let answer = patch(&host, &token(&host), &json!({"paymentReminders": true, "appointmentReminders": true})).await;
        assert_eq!((&answer.body["data"]["paymentReminders"], &answer.body["data"]["appointmentReminders"]), (&json!(true), &off));
    }

    async fn only_the_person_of_the_token_is_changed(start: Start) {
        let host = host(start).await;
        host.request("PUT", "/api/v1/recipients/bo", Some(&json!({"phone": "+12025550144"}))).await;
        let answer = patch(&host, &pair().sign(&claims("bo", host.clock.now())), &json!({"optedOut": true})).await;
        assert_eq!(answer.status, 200);
        assert_eq!(host.get("/api/v1/recipients/ana").await["opted_out"], false);
        assert_eq!(host.get("/api/v1/recipients/bo").await["opted_out"], true);
        let nobody = patch(&host, &pair().sign(&claims("nobody", host.clock.now())), &json!({})).await;
        assert_eq!((nobody.status, &nobody.body["success"]), (404, &json!(false)));
        host.request("DELETE", "/api/v1/recipients/bo", None).await;
        assert_eq!(patch(&host, &pair().sign(&claims("bo", host.clock.now())), &json!({})).await.status, 404);
    }

    async fn a_token_that_is_not_believed_changes_nothing(start: Start) {
        let host = host(start).await;
        let now = host.clock.now();
        let good = claims("ana", now);
        let (pair, other) = (pair(), Pair::new("one", 2));
        let seconds = |span: TimeDelta| json!((now + span).timestamp());
        let signed = |changes: &[(&str, Value)]| pair.sign(&with(good.clone(), changes));
        let whole = signed(&[]);
        let parts: Vec<&str> = whole.split('.').collect();
        let bo = BASE64.encode(claims("bo", now).to_string());
        let none = |alg: &str| format!("{}.{}.", BASE64.encode(json!({"alg": alg, "typ": "JWT"}).to_string()), parts[1]);
        // What everybody can read, taken for a secret (RFC 8725, 2.1).
        let public = pair.public();
        let hmac = |secret: &[u8]| {
            let header = Header { kid: Some("one".to_owned()), ..Header::new(Algorithm::HS256) };
            jsonwebtoken::encode(&header, &good, &EncodingKey::from_secret(secret)).unwrap()
        };
        let x = public["x"].as_str().unwrap();
        let crit = Header { kid: Some("one".to_owned()), crit: Some(vec!["exp".to_owned()]), ..Header::new(Algorithm::EdDSA) };
        let crit = format!("{}.{}.{}", BASE64.encode(serde_json::to_vec(&crit).unwrap()), parts[1], parts[2]);
        for (token, why) in [
            (none("none"), "is no JSON Web Token"),
            (none("None"), "is no JSON Web Token"),
            (hmac(public.to_string().as_bytes()), "jwt.algorithms"),
            (hmac(x.as_bytes()), "jwt.algorithms"),
            (hmac(&BASE64.decode(x).unwrap()), "jwt.algorithms"),
            (Pair::rsa("one").sign(&good), "jwt.algorithms"),
            (other.sign(&good), "signature"),
            (Pair::new("another", 2).sign(&good), "key that is not known"),
            (format!("{}.{bo}.{}", parts[0], parts[2]), "signature"),
            (format!("{}.{}.", parts[0], parts[1]), "signature"),
            (crit, "extension"),
            (signed(&[("iss", json!("https://elsewhere.example"))]), "jwt.issuer"),
            (signed(&[("aud", json!("another"))]), "jwt.audience"),
            (signed(&[("aud", json!(["another", "third"]))]), "jwt.audience"),
            (signed(&[("iss", Value::Null)]), "lacks"),
            (signed(&[("aud", Value::Null)]), "lacks"),
            (signed(&[("sub", Value::Null)]), "lacks"),
            (signed(&[("exp", Value::Null)]), "lacks"),
            (signed(&[("sub", json!(""))]), "nobody"),
            (signed(&[("exp", seconds(TimeDelta::seconds(-30)))]), "expired"),
            (signed(&[("exp", json!(-1))]), ""),
            (signed(&[("exp", json!(1e300))]), ""),
            (signed(&[("exp", json!("tomorrow"))]), "lacks"),
            (signed(&[("nbf", seconds(TimeDelta::seconds(31)))]), "not valid yet"),
            (signed(&[("nbf", json!("now"))]), "nbf"),
            (host.key.clone(), "is no JSON Web Token"),
            ("x".to_owned(), "is no JSON Web Token"),
        ] {
            let answer = patch(&host, &token, &json!({"optedOut": true})).await;
            assert_eq!((answer.status, answer.kind.as_str()), (401, "application/problem+json"), "{why}: {}", answer.body);
            assert_eq!(answer.challenge.as_deref(), Some("Bearer error=\"invalid_token\""));
            assert_eq!((&answer.body["success"], &answer.body["type"]), (&json!(false), &json!("/docs/problems/invalid-token")));
            assert!(answer.body["detail"].as_str().unwrap().contains(why), "{why}: {}", answer.body);
        }
        let request = host.client.patch(format!("{}{ROUTE}", host.base)).json(&json!({"optedOut": true}));
        let answer = request.send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers()["www-authenticate"].to_str().unwrap()), (401, "Bearer"));
        assert_eq!(host.get("/api/v1/recipients/ana").await["opted_out"], false);
    }

    async fn the_time_of_a_token_is_told_by_our_clock(start: Start) {
        let host = host(start).await;
        let (token, now) = (token(&host), host.clock.now());
        for (at, status) in [(-31, 401), (-30, 200), (0, 200), (329, 200), (330, 401)] {
            host.clock.set(now + TimeDelta::seconds(at));
            assert_eq!(patch(&host, &token, &json!({})).await.status, status, "{at} s");
        }
    }

    async fn a_role_is_patient_or_doctor(start: Start) {
        let mut start = start;
        "/access/roles".clone_into(&mut start.config.jwt.role_claim);
        let host = host(start).await;
        for (said, status) in [
            (json!({"roles": ["clerk", "doctor"]}), 200),
            (json!({"roles": "PATIENT"}), 200),
            (json!({"roles": "nurse"}), 403),
            (json!({"roles": ["admin", 7]}), 403),
            (json!({"roles": {"patient": true}}), 403),
            (json!("patient"), 403),
        ] {
            let token = pair().sign(&with(claims("ana", host.clock.now()), &[("access", said.clone())]));
            let answer = patch(&host, &token, &json!({})).await;
            assert_eq!(answer.status, status, "{said}: {}", answer.body);
        }
        // The claim of another name says nothing.
        assert_eq!(patch(&host, &token(&host), &json!({})).await.status, 403);
    }

    async fn fields_that_are_wrong_are_named(start: Start) {
        let host = host(start).await;
        for (body, pointer) in [
            (json!({"appointmentReminder": true}), "/appointmentReminder"),
            (json!({"appointment_reminders": true}), "/appointment_reminders"),
            (json!({"optedOut": null}), "/optedOut"),
            (json!({"optedOut": "no"}), "/optedOut"),
        ] {
            let answer = patch(&host, &token(&host), &body).await;
            assert_eq!((answer.status, &answer.body["errors"][0]["pointer"]), (422, &json!(pointer)), "{}", answer.body);
        }
        assert_eq!(patch(&host, &token(&host), &json!([])).await.status, 422);
    }

    async fn a_person_can_ask_only_so_often(start: Start) {
        let host = host(start).await;
        for _ in 0..60 {
            assert_eq!(patch(&host, &token(&host), &json!({})).await.status, 200);
        }
        assert_eq!(patch(&host, &token(&host), &json!({})).await.status, 429);
        host.clock.advance(TimeDelta::minutes(1));
        assert_eq!(patch(&host, &token(&host), &json!({})).await.status, 200);
    }
}

/// A host whose issuer publishes its keys.
async fn host_at(published: &Published, networks: &str) -> TestHost {
    let mut start = Start::sqlite();
    start.config.jwt = toml::from_str(&format!(
        "issuer = '{ISSUER}'\naudience = '{AUDIENCE}'\nalgorithms = ['EdDSA']\njwks_url = '{}'\nallow_networks = {networks}",
        published.url()
    ))
    .unwrap();
    known(start).await
}

#[tokio::test]
async fn published_keys_are_fetched_once_and_again_for_one_that_is_not_known() {
    let (one, two, three) = (Pair::new("one", 1), Pair::new("two", 2), Pair::new("three", 3));
    let published = Published::start(&key_set(&[&one])).await;
    let host = host_at(&published, "['127.0.0.0/8']").await;
    let status = async |pair: &Pair| {
        patch(&host, &pair.sign(&claims("ana", host.clock.now())), &json!({})).await.status
    };
    assert_eq!((status(&one).await, status(&one).await, published.asked()), (200, 200, 1));
    // The issuer changes its key. Tokens that name what nobody knows do not make us ask without end.
    published.publish(&key_set(&[&one, &two]));
    assert_eq!(
        (status(&two).await, status(&three).await, published.asked()),
        (401, 401, 1),
        "a minute is not over"
    );
    host.clock.advance(TimeDelta::minutes(1));
    assert_eq!((status(&two).await, published.asked()), (200, 2));
    assert_eq!((status(&three).await, status(&three).await, published.asked()), (401, 401, 2));
    // A key that was taken back ends within ten minutes, although tokens name it.
    published.publish(&key_set(&[&two]));
    assert_eq!((status(&one).await, published.asked()), (200, 2));
    host.clock.advance(TimeDelta::minutes(10));
    assert_eq!((status(&one).await, status(&two).await, published.asked()), (401, 200, 3));
}

#[tokio::test]
async fn the_last_good_keys_stay_while_the_issuer_is_down() {
    let pair = pair();
    let published = Published::start(&key_set(&[&pair])).await;
    let host = host_at(&published, "['127.0.0.0/8']").await;
    let status = async || patch(&host, &token(&host), &json!({})).await.status;
    published.break_down();
    assert_eq!((status().await, status().await, published.asked()), (503, 503, 1), "no key was ever read");
    published.publish(&key_set(&[&pair]));
    host.clock.advance(TimeDelta::minutes(1));
    assert_eq!((status().await, published.asked()), (200, 2));
    for broken in [json!({"keys": []}), json!("no keys"), json!({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]})]
    {
        published.publish(&broken);
        host.clock.advance(TimeDelta::minutes(11));
        assert_eq!(status().await, 200, "{broken}");
    }
    published.break_down();
    host.clock.advance(TimeDelta::days(1));
    assert_eq!(status().await, 200);
    assert_eq!(published.asked(), 6, "each time it was asked");
}

#[tokio::test]
async fn keys_are_not_fetched_from_a_network_that_nobody_allowed() {
    let published = Published::start(&key_set(&[&pair()])).await;
    let host = host_at(&published, "['10.0.0.0/8']").await;
    let answer = patch(&host, &token(&host), &json!({})).await;
    assert_eq!((answer.status, published.asked()), (503, 0), "{}", answer.body);
}

#[tokio::test]
async fn keys_that_are_weak_or_not_meant_for_signatures_are_none() {
    let rsa = Pair::rsa("rsa");
    let (mut encrypts, mut other) = (rsa.public(), rsa.public());
    encrypts["use"] = json!("enc");
    other["alg"] = json!("RS512");
    for (key, status) in [(rsa.public(), 200), (encrypts, 401), (other, 401)] {
        let keys = json!({"keys": [key, pair().public()]});
        let host = known(believing(Start::sqlite(), &keys, "['RS256', 'EdDSA']")).await;
        let answer = patch(&host, &rsa.sign(&claims("ana", host.clock.now())), &json!({})).await;
        assert_eq!(answer.status, status, "{keys}");
    }
}

#[tokio::test]
async fn a_shared_secret_is_enough() {
    let mut start = Start::sqlite();
    (start.config.jwt.issuer, start.config.jwt.audience) =
        (Some(ISSUER.to_owned()), Some(AUDIENCE.to_owned()));
    start.config.jwt.secret = Some(Secret::new(SECRET));
    let host = known(start).await;
    let signed = |algorithm, secret: &str| {
        let key = EncodingKey::from_secret(secret.as_bytes());
        jsonwebtoken::encode(&Header::new(algorithm), &claims("ana", host.clock.now()), &key).unwrap()
    };
    for (token, status) in [
        (signed(Algorithm::HS256, SECRET), 200),
        (signed(Algorithm::HS512, SECRET), 401),
        (signed(Algorithm::HS256, "another secret of at least 32 bytes"), 401),
        (token(&host), 401),
    ] {
        assert_eq!(patch(&host, &token, &json!({})).await.status, status);
    }
}

#[tokio::test]
async fn a_host_without_the_section_takes_no_sign_ins() {
    let host = known(Start::sqlite()).await;
    let answer = patch(&host, &token(&host), &json!({})).await;
    assert_eq!(answer.status, 401);
    assert!(answer.body["detail"].as_str().unwrap().contains("[jwt]"), "{}", answer.body);
}
