//! `tidings doctor`: everything a host needs is tried, and what is wrong is said with what to do.

use crate::support::program::{Killed, run, tidings};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::routing::get;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use tokio::net::TcpListener;

const ACCOUNT: &str = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// A Messaging Service that posts incoming texts itself, and one that leaves it to its numbers.
const OWN_SERVICE: &str = "MGaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
/// A number that another account has, and one whose texts go to somebody else.
const LOST_NUMBER: &str = "+12065550102";
const STRAY_NUMBER: &str = "+12065550103";
const SHY_SERVICE: &str = "MGbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// The part of Twilio that a doctor asks; incoming texts go to the address it was given.
async fn twilio(inbound: String) -> String {
    async fn resource(
        State(inbound): State<String>,
        Path((_, what)): Path<(String, String)>,
        Query(asked): Query<BTreeMap<String, String>>,
    ) -> Json<Value> {
        let number = asked.get("PhoneNumber").map(String::as_str);
        Json(match what.as_str() {
            "Balance.json" => json!({"balance": "12.50", "currency": "USD"}),
            OWN_SERVICE => json!({"inbound_request_url": inbound, "use_inbound_webhook_on_number": false}),
            SHY_SERVICE => json!({"inbound_request_url": null, "use_inbound_webhook_on_number": true}),
            _ if number == Some(LOST_NUMBER) => json!({"incoming_phone_numbers": []}),
            _ if number == Some(STRAY_NUMBER) => {
                json!({"incoming_phone_numbers": [{"sms_url": "https://a.example"}]})
            }
            _ => json!({"incoming_phone_numbers": [{"sms_url": inbound}]}),
        })
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let account = get(|| async { Json(json!({"status": "active", "type": "Trial"})) });
    let router = axum::Router::new()
        .route("/2010-04-01/Accounts/{account}", account)
        .route("/2010-04-01/Accounts/{account}/{what}", get(resource))
        .route(
            "/2010-04-01/Accounts/{account}/SMS/ShortCodes.json",
            get(|State(inbound): State<String>| async move {
                Json(json!({"short_codes": [{"sms_url": inbound}]}))
            }),
        )
        .route("/{version}/Services/{what}", get(resource))
        .with_state(inbound);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_doctor_tries_the_whole_way_and_says_what_is_wrong() {
    let home = crate::support::program::new_home();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let public = format!("http://127.0.0.1:{port}");
    let inbound = format!("{public}/webhooks/twilio/inbound#rc=5&rp=all");
    let base = twilio(inbound.clone()).await;
    assert_eq!(run(home.path(), &["key", "create", "--name", "a"]).0, Some(0));
    let mut child = tidings(home.path(), &["serve", "--address", &format!("127.0.0.1:{port}")])
        .envs([
            ("TWILIO_ACCOUNT_SID", ACCOUNT),
            ("TWILIO_AUTH_TOKEN", "a token"),
            ("TWILIO_PHONE_NUMBER", "+12065550100"),
        ])
        .envs([("TIDINGS_PUBLIC_URL", &public), ("TWILIO_BASE_URL", &base)])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
    let _running = Killed(child);

    let doctor = |token: &str, base: &str, public: &str| {
        let output = tidings(home.path(), &["doctor", "--json"])
            .envs([
                ("TWILIO_ACCOUNT_SID", ACCOUNT),
                ("TWILIO_AUTH_TOKEN", token),
                ("TWILIO_PHONE_NUMBER", "+12065550100"),
            ])
            .envs([("TIDINGS_PUBLIC_URL", public), ("TWILIO_BASE_URL", base)])
            .output()
            .unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let healths = report["findings"].as_array().unwrap().iter();
        let healths = healths
            .map(|f| (f["what"].as_str().unwrap().to_owned(), f["health"].as_str().unwrap().to_owned()));
        (output.status.code(), healths.collect::<BTreeMap<_, _>>(), report)
    };
    let (status, healths, report) = doctor("a token", &base, &public);
    assert_eq!(status, Some(0), "{report:#}");
    for what in [
        "configuration",
        "database",
        "clock",
        "api keys",
        "plugins",
        "texts",
        "time zones",
        "twilio balance",
        "twilio number",
        "webhooks",
    ] {
        assert_eq!(healths[what], "ok", "{what}: {report:#}");
    }
    assert_eq!(healths["twilio account"], "warning", "a trial");

    let (status, healths, report) = doctor("another token", &base, &public);
    assert_eq!((status, healths["webhooks"].as_str()), (Some(1), "wrong"), "{report:#}");
    let elsewhere = twilio("https://somebody.example/sms".to_owned()).await;
    let (status, healths, report) = doctor("a token", &elsewhere, &public);
    assert_eq!((status, healths["twilio number"].as_str()), (Some(1), "wrong"), "{report:#}");
    assert!(report.to_string().contains(&inbound), "{report:#}");
    // What comes to us and is tried only once is worth a word, and no fault.
    let once = twilio(format!("{public}/webhooks/twilio/inbound")).await;
    let (status, healths, report) = doctor("a token", &once, &public);
    assert_eq!((status, healths["twilio number"].as_str()), (Some(0), "warning"), "{report:#}");
    assert!(report.to_string().contains(&inbound), "{report:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_doctor_looks_at_a_messaging_service_and_makes_nothing() {
    let home = crate::support::program::new_home();
    let public = "http://127.0.0.1:9";
    let (ours, theirs) = (
        twilio(format!("{public}/webhooks/twilio/inbound#rc=5&rp=all")).await,
        twilio("https://a.example".to_owned()).await,
    );
    let look = |service: &str, base: &str| {
        let output = tidings(home.path(), &["doctor", "--json"])
            .envs([
                ("TWILIO_ACCOUNT_SID", ACCOUNT),
                ("TWILIO_AUTH_TOKEN", "a token"),
                ("TWILIO_BASE_URL", base),
            ])
            .envs([("TWILIO_MESSAGING_SERVICE_SID", service), ("TIDINGS_PUBLIC_URL", public)])
            .output()
            .unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let found = report["findings"].as_array().unwrap().iter();
        let found =
            found.map(|f| (f["what"].as_str().unwrap().to_owned(), f["health"].as_str().unwrap().to_owned()));
        found.collect::<BTreeMap<_, _>>()
    };
    for (service, base, health) in
        [(OWN_SERVICE, &ours, "ok"), (SHY_SERVICE, &ours, "warning"), (OWN_SERVICE, &theirs, "wrong")]
    {
        assert_eq!(look(service, base)["twilio service"], health, "{service} at {base}");
    }
    // To look is not to begin.
    assert_eq!(look(OWN_SERVICE, &ours)["database"], "warning");
    assert!(!home.path().join(".tidings/tidings.db").exists());
    assert_eq!(run(home.path(), &["migrate"]).0, Some(0));
    assert_eq!(look(OWN_SERVICE, &ours)["database"], "ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_doctor_looks_at_every_sender_and_at_every_key() {
    let home = crate::support::program::new_home();
    let public = "http://127.0.0.1:9";
    let base = twilio(format!("{public}/webhooks/twilio/inbound#rc=3&rp=5xx")).await;
    let senders = [
        "from = \"+12065550101\"",
        "from = \"+12065550102\"",
        "from = \"+12065550103\"",
        "from = \"24680\"",
        "from = \"Clinic\"",
        "messaging_service_sid = \"MGaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
    ];
    let senders = senders.map(|sender| format!("[[senders]]\n{sender}\ncountries = [\"CA\"]\n"));
    std::fs::write(home.path().join("tidings.toml"), senders.join("\n")).unwrap();
    for arguments in [["--name", "all"].as_slice(), &["--name", "soon", "--scope", "otp", "--expires", "5d"]]
    {
        let arguments = [&["key", "create"], arguments].concat();
        let (status, _, errors) = run(home.path(), &arguments);
        assert_eq!(status, Some(0), "{errors}");
    }
    let output = tidings(home.path(), &["doctor", "--json"])
        .envs([("TWILIO_ACCOUNT_SID", ACCOUNT), ("TWILIO_AUTH_TOKEN", "a token"), ("TWILIO_BASE_URL", &base)])
        .envs([("TWILIO_PHONE_NUMBER", "+12065550100"), ("TIDINGS_PUBLIC_URL", public)])
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = |part: &str| {
        let all = report["findings"].as_array().unwrap().iter();
        let of: Vec<&Value> = all.filter(|f| f["text"].as_str().unwrap().starts_with(part)).collect();
        assert_eq!(of.len(), 1, "{part}: {report:#}");
        (of[0]["health"].as_str().unwrap(), of[0]["text"].as_str().unwrap().to_owned())
    };
    for (sender, health) in [
        ("+12065550100", "ok"),
        ("+12065550101", "ok"),
        (LOST_NUMBER, "wrong"),
        (STRAY_NUMBER, "wrong"),
        ("24680", "ok"),
        ("Clinic", "ok"),
        (OWN_SERVICE, "ok"),
    ] {
        assert_eq!(found(&format!("{sender}: ")).0, health, "{sender}: {report:#}");
    }
    let (health, text) = found("all (tdg_live_");
    assert!(health == "warning" && text.contains("all scopes; does not expire; never used"), "{text}");
    let (health, text) = found("soon (tdg_live_");
    assert!(health == "warning" && text.contains(": otp; expires ") && text.contains("in time"), "{text}");
}
