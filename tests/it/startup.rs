//! Starting and stopping: the real program in a home of its own. What was accepted outlives a kill.

use crate::support::program::{Killed, Running, new_home, refused, run, tidings};
use crate::support::{Folder, postgres, reqwest_client};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tidings::clock::{Chance, SystemClock};
use tidings::sandbox::{Sandbox, SandboxSettings};
use tokio::task::JoinSet;

#[test]
fn a_folder_that_is_no_home_is_told_what_to_do() {
    let folder = Folder::new();
    let (status, errors) = refused(folder.path());
    assert_eq!(status, Some(2), "{errors}");
    for word in [folder.path().to_str().unwrap(), "is no home", "plugins/", "--home"] {
        assert!(errors.contains(word), "{word}: {errors}");
    }
}

#[test]
fn without_an_account_only_the_sandbox_starts() {
    let home = new_home();
    let (status, said, errors) = run(home.path(), &["serve", "--address", "127.0.0.1:0"]);
    assert_eq!((status, said.as_str()), (Some(2), ""), "{errors}");
    assert!(errors.contains("TWILIO_ACCOUNT_SID") && errors.contains("--sandbox"), "{errors}");
}

#[test]
fn a_sound_home_is_called_sound() {
    let home = new_home();
    let (status, said, errors) = run(home.path(), &["check"]);
    assert_eq!(status, Some(0), "{errors}");
    for word in [
        "configuration  ok",
        "locales        ar bn en es fil fr hi pt-BR vi zh-Hans",
        "appointment-reminder 0.1.0",
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert_eq!(said.matches("policy  ").count(), 8, "{said}");
}

#[test]
fn check_warns_where_the_answer_to_help_would_name_no_number() {
    let home = new_home();
    let warned = || {
        let (status, said, errors) = run(home.path(), &["check"]);
        assert_eq!(status, Some(0), "{errors}");
        said.contains("[clinic] phone is not set")
    };
    assert!(warned());
    let file = home.path().join("tidings.toml");
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    std::fs::write(&file, format!("{written}\n[clinic]\nphone = \"+12065550100\"\n")).unwrap();
    assert!(!warned());
}

#[tokio::test]
async fn the_printed_line_brings_a_text_to_the_phone() {
    let home = new_home();
    let running = Running::start(home.path(), None);
    let answer = running.post(&running.key, &running.event).send().await.unwrap();
    assert_eq!(answer.status(), 202);
    let event: Value = answer.json().await.unwrap();
    assert_eq!(event["messages"].as_array().unwrap().len(), 3);
    let path = format!("/api/v1/messages/{}", event["messages"][0]["id"].as_str().unwrap());
    let mut story = running.get(&path).await;
    // The program has a clock of its own: there is nothing to wait for but the time it takes.
    for _ in 0..3000 {
        if story["state"] == "delivered" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        story = running.get(&path).await;
    }
    assert_eq!(story["state"], "delivered", "{story}");
    let phones = running.get("/sandbox/api/texts?phone=%2B12025550143").await;
    assert_eq!(phones["items"][0]["body"], story["text"]["body"]);
    assert_eq!(running.stop(), Some(0));
}

#[tokio::test]
async fn a_key_opens_what_its_scopes_say_until_it_is_taken_back() {
    let home = new_home();
    let create =
        || run(home.path(), &["key", "create", "--test", "--name", "booking", "--scope", "events:write"]);
    let ((status, key, _), (_, taken_back, _)) = (create(), create());
    let (key, taken_back) = (key.trim(), taken_back.trim());
    assert!(status == Some(0) && key.starts_with("tdg_test_") && key != taken_back, "{key}");
    let (_, list, _) = run(home.path(), &["key", "list"]);
    assert!(list.lines().count() == 2 && !list.contains(key) && !list.contains(taken_back), "{list}");
    // Keys are listed from the oldest.
    let id = list.lines().last().unwrap().split(' ').next().unwrap();
    assert_eq!(run(home.path(), &["key", "revoke", id]).0, Some(0));
    assert_eq!(run(home.path(), &["key", "revoke", id]).0, Some(1));
    let running = Running::start(home.path(), None);
    for (key, expected) in [(key, 202), (taken_back, 401)] {
        assert_eq!(running.post(key, &running.event).send().await.unwrap().status(), expected);
    }
    let list = running.client.get(format!("{}/api/v1/messages", running.base)).bearer_auth(key);
    assert_eq!(list.send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn a_test_key_beside_live_ones_never_reaches_twilio() {
    let home = new_home();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let base = format!("http://127.0.0.1:{port}");
    let settings = SandboxSettings::immediate();
    let twilio = Sandbox::start(settings, Arc::new(SystemClock), Chance::from_machine()).await.unwrap();
    let key = |arguments: &[&str]| {
        let (status, key, errors) =
            run(home.path(), &[&["key", "create", "--name", "a"], arguments].concat());
        assert_eq!(status, Some(0), "{errors}");
        key.trim().to_owned()
    };
    let (live, test) = (key(&[]), key(&["--test"]));
    let child = tidings(home.path(), &["serve", "--address", &format!("127.0.0.1:{port}")])
        .env("TWILIO_ACCOUNT_SID", twilio.account_sid())
        .env("TWILIO_AUTH_TOKEN", twilio.auth_token().expose())
        .env("TWILIO_PHONE_NUMBER", "+15005550006")
        .env("TWILIO_BASE_URL", twilio.base_url())
        .env("TIDINGS_PUBLIC_URL", &base)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut running = Killed(child);
    let mut said = String::new();
    BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut said).unwrap();
    assert!(said.contains(&base), "{said}");

    let client = reqwest_client();
    let deliver = async |key: &str| {
        let body = json!({"type": "urgent-alert", "to": {"id": "ana", "phone": "+12025550143"},
            "variables": {"text": "The clinic is closed today."}});
        let answer =
            client.post(format!("{base}/api/v1/messages")).bearer_auth(key).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 202);
        let message: Value = answer.json().await.unwrap();
        let path = format!("{base}/api/v1/messages/{}", message["id"].as_str().unwrap());
        // The program has a clock of its own: there is nothing to wait for but the time it takes.
        for _ in 0..3000 {
            let story =
                client.get(&path).bearer_auth(key).send().await.unwrap().json::<Value>().await.unwrap();
            if story["state"] == "delivered" {
                return story;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("it was not delivered");
    };
    let tested = deliver(&test).await;
    assert_eq!((tested["test"].as_bool(), twilio.calls()), (Some(true), 0), "{tested}");
    let sent = deliver(&live).await;
    assert_eq!((sent["test"].as_bool(), twilio.calls()), (Some(false), 1), "{sent}");
    // What a test says of a person, or hears of a phone, changes nothing for patients.
    let posting = async |key: &str, path: &str, body: Value| {
        let request = client.post(format!("{base}/api/v1/{path}")).bearer_auth(key).json(&body);
        request.send().await.unwrap().status().as_u16()
    };
    let get = async |path: &str| {
        let request = client.get(format!("{base}/api/v1/{path}")).bearer_auth(&live);
        request.send().await.unwrap().json::<Value>().await.unwrap()
    };
    let before = get("recipients/ana").await;
    // The sandbox refuses this number because it has said STOP.
    let elsewhere = json!({"id": "ana", "phone": "+15005550004", "name": "Somebody", "language": "fr"});
    let moved = json!({"type": "urgent-alert", "to": elsewhere, "variables": {"text": "A test."}});
    assert_eq!(posting(&test, "messages", moved.clone()).await, 202);
    assert_eq!(posting(&test, "messages/batch", json!({"messages": [moved]})).await, 202);
    let event = json!({"type": "appointment.booked", "subject": {"type": "appointment", "id": "77", "version": 1},
        "people": [{"id": "ana", "role": "patient", "phone": "+15005550004", "language": "fr"}],
        "data": {"starts_at": "2031-01-01T15:00:00Z", "location": "12 Main St"}});
    assert_eq!(posting(&test, "events", event).await, 202);
    let refused = json!({"type": "urgent-alert", "to": {"id": "bo", "phone": "+15005550004"}, "variables": {"text": "A test."}});
    assert_eq!(posting(&test, "messages", refused).await, 202);
    let consent = json!({"choice": "opt_out", "scope": "all", "source": "staff"});
    assert_eq!(posting(&test, "recipients/ana/consents", consent).await, 403);
    assert_eq!(posting(&test, "opt-outs", json!({"items": [{"phone": "+12025550143"}]})).await, 403);
    let failed = async || {
        let list = client.get(format!("{base}/api/v1/messages?state=failed")).bearer_auth(&test);
        list.send().await.unwrap().json::<Value>().await.unwrap()["items"].as_array().map_or(0, Vec::len)
    };
    for _ in 0..3000 {
        if failed().await > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(failed().await, 1, "the text to the number that said STOP");
    assert_eq!(get("recipients/ana").await, before);
    assert_eq!(get("opt-outs").await["items"], json!([]));
    assert_eq!(twilio.calls(), 1);
    // Nobody from outside looks at the phones of the sandbox.
    assert_eq!(client.get(format!("{base}/sandbox")).send().await.unwrap().status(), 404);
    // A live key does not see what a test key did, nor the other way round.
    for (key, id) in [(&live, &tested["id"]), (&test, &sent["id"])] {
        let path = format!("{base}/api/v1/messages/{}", id.as_str().unwrap());
        assert_eq!(client.get(path).bearer_auth(key).send().await.unwrap().status(), 404);
    }
}

#[test]
fn a_second_host_in_the_same_home_is_refused_by_name() {
    let home = new_home();
    let running = Running::start(home.path(), None);
    let (status, errors) = refused(home.path());
    assert_eq!(status, Some(2), "{errors}");
    let file = home.path().join(".tidings/tidings.db");
    assert!(
        errors.contains(file.to_str().unwrap()) && errors.contains("another `tidings serve`"),
        "{errors}"
    );
    assert_eq!(running.stop(), Some(0));
    assert_eq!(Running::start(home.path(), None).stop(), Some(0));
}

/// Posts many events, kills the host when some are answered, and looks for those in the next one.
async fn kill_and_look(database: Option<&str>) {
    let home = new_home();
    let running = Running::start(home.path(), database);
    let mut posts = JoinSet::new();
    for n in 0..24 {
        let mut event = running.event.clone();
        event["subject"]["id"] = json!(n.to_string());
        let request = running.post(&running.key, &event);
        posts.spawn(async move {
            let answer = request.send().await.ok()?.error_for_status().ok()?;
            answer.json::<Value>().await.ok()
        });
    }
    let mut accepted: Vec<Value> = Vec::new();
    while accepted.len() < 8 {
        accepted.extend(posts.join_next().await.expect("eight of them are answered").unwrap());
    }
    running.kill();
    accepted.extend(posts.join_all().await.into_iter().flatten());
    let running = Running::start(home.path(), database);
    for event in accepted {
        let kept = running.get(&format!("/api/v1/events/{}", event["id"].as_str().unwrap())).await;
        assert_eq!((&kept["state"], &kept["subject"]), (&json!("planned"), &event["subject"]));
        assert_eq!(kept["messages"].as_array().unwrap().len(), 3, "{kept}");
    }
    assert_eq!(running.stop(), Some(0));
}

#[tokio::test]
async fn what_was_accepted_outlives_a_kill() {
    kill_and_look(None).await;
}

#[tokio::test]
async fn what_was_accepted_outlives_a_kill_on_postgres() {
    match postgres::url_for_new_database("outlives_a_kill") {
        Some(url) => kill_and_look(Some(&url)).await,
        None => postgres::skip_aloud("what_was_accepted_outlives_a_kill_on_postgres"),
    }
}
