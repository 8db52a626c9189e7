//! The operator's tools: a home from nothing, a doctor, and what a shell and a reader of manuals want.

use crate::support::Folder;
use crate::support::program::{Killed, run, tidings};
use axum::Json;
use axum::extract::{Path, State};
use axum::routing::get;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use tokio::net::TcpListener;

#[test]
fn one_binary_makes_a_home_that_is_sound_and_never_writes_over_a_file() {
    let folder = Folder::new();
    let home = folder.path().join("clinic");
    let init = || run(folder.path(), &["init", home.to_str().unwrap()]);
    let (status, said, errors) = init();
    assert!(status == Some(0) && said.contains("tidings check --home"), "{said}{errors}");
    assert!(
        !home.join("plugins/sdk").exists() && !home.join("plugins/otp").exists(),
        "sources are not part of a home"
    );
    let (status, said, errors) = run(&home, &["check"]);
    assert!(status == Some(0) && said.contains("appointment-reminder"), "{said}{errors}");
    let own = "[clinic]\nname = \"Our Clinic\"\n";
    std::fs::write(home.join("tidings.toml"), own).unwrap();
    let (status, said, _) = init();
    assert!(status == Some(0) && said.starts_with("0 files"), "{said}");
    assert_eq!(std::fs::read_to_string(home.join("tidings.toml")).unwrap(), own);
}

#[test]
fn a_systemd_unit_names_the_home_and_lets_it_write_nowhere_else() {
    let folder = Folder::new();
    let (status, unit, _) = run(folder.path(), &["init", "--systemd", "/srv/texts"]);
    assert_eq!(status, Some(0));
    for line in ["serve --home /srv/texts", "ReadWritePaths=/srv/texts", "ProtectSystem=strict"] {
        assert!(unit.contains(line), "{line}: {unit}");
    }
}

#[test]
fn completions_and_the_manual_come_from_the_commands_themselves() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish"] {
        let (status, script, _) = run(folder.path(), &["completions", shell]);
        assert!(status == Some(0) && script.contains("doctor"), "{shell}");
    }
    let (status, page, _) = run(folder.path(), &["man"]);
    assert!(status == Some(0) && page.contains(".TH tidings") && page.contains("doctor"), "{page:.200}");
}

const ACCOUNT: &str = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// The part of Twilio that a doctor asks; incoming texts go to the address it was given.
async fn twilio(inbound: String) -> String {
    async fn resource(State(inbound): State<String>, Path((_, what)): Path<(String, String)>) -> Json<Value> {
        Json(match what.as_str() {
            "Balance.json" => json!({"balance": "12.50", "currency": "USD"}),
            _ => json!({"incoming_phone_numbers": [{"sms_url": inbound}]}),
        })
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let account = get(|| async { Json(json!({"status": "active", "type": "Trial"})) });
    let router = axum::Router::new()
        .route("/2010-04-01/Accounts/{account}", account)
        .route("/2010-04-01/Accounts/{account}/{what}", get(resource))
        .with_state(inbound);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_doctor_tries_the_whole_way_and_says_what_is_wrong() {
    let home = crate::support::program::new_home();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let public = format!("http://127.0.0.1:{port}");
    let base = twilio(format!("{public}/webhooks/twilio/inbound")).await;
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
    assert!(report.to_string().contains(&format!("{public}/webhooks/twilio/inbound")), "{report:#}");
}
