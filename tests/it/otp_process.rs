//! One-time codes of the real program: its keys changed beside it, and killed in the middle.

use crate::for_each_database;
use crate::support::program::{Killed, Running, new_home, run, tidings};
use crate::support::reqwest_client;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tidings::clock::{Chance, SystemClock};
use tidings::sandbox::{Sandbox, SandboxSettings};
use tokio::task::JoinSet;

/// The digits of a text.
fn code_in(text: &str) -> Option<&str> {
    text.split(|c: char| !c.is_ascii_digit()).rfind(|digits| digits.len() == 6)
}

async fn post(base: &str, key: &str, path: &str, body: Value) -> Option<Value> {
    let request = reqwest_client().post(format!("{base}/api/v1{path}")).bearer_auth(key).json(&body);
    request.send().await.ok()?.error_for_status().ok()?.json().await.ok()
}

async fn ask(base: &str, key: &str, phone: &str) -> Option<String> {
    let answer = post(base, key, "/otp", json!({"phone": phone, "purpose": "LOGIN"})).await?;
    Some(answer["id"].as_str()?.to_owned())
}

async fn check(base: &str, key: &str, id: &str, code: &str) -> Value {
    post(base, key, &format!("/otp/{id}/check"), json!({"code": code})).await.unwrap()["status"].clone()
}

#[tokio::test]
async fn the_key_of_codes_is_changed_beside_a_running_host() {
    let home = new_home();
    let running = Running::start_with(home.path(), None, &[]);
    let (base, key) =
        (running.base.strip_suffix("/api/v1").unwrap_or(&running.base).to_owned(), running.key.clone());
    let code = async |phone: &str| {
        let id = ask(&base, &key, phone).await.unwrap();
        // The program has a clock of its own: there is nothing to wait for but the time it takes.
        for _ in 0..3000 {
            let texts = running.get(&format!("/sandbox/api/texts?phone=%2B{}", &phone[1..])).await;
            if let Some(text) = texts["items"].as_array().unwrap().last() {
                return (id, code_in(text["body"].as_str().unwrap()).unwrap().to_owned());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("no code came");
    };
    let keys = home.path().join(".tidings/keys/otp.key");
    let before = std::fs::read_to_string(&keys).unwrap();
    let (id, older) = code("+12025550143").await;
    let (status, said, errors) = run(home.path(), &["key", "rotate-codes"]);
    assert_eq!(status, Some(0), "{errors}");
    assert!(said.contains("the older one stays"), "{said}");
    let after = std::fs::read_to_string(&keys).unwrap();
    assert!(
        after.lines().count() == 2 && after.ends_with(&before),
        "the newest first, and the older one too"
    );
    let (newer_id, newer) = code("+12025550144").await;
    assert_eq!(check(&base, &key, &id, &older).await, "approved", "of the key before");
    assert_eq!(check(&base, &key, &newer_id, &newer).await, "approved");
    let (_, audit, _) = run(home.path(), &["audit", "list"]);
    assert!(audit.contains("key rotate-codes"), "{audit}");
    assert_eq!(running.stop(), Some(0));
}

/// A host that sends in earnest, to a Twilio that outlives it.
fn serve(home: &Path, twilio: &Sandbox, address: &str, database: Option<&str>) -> Killed {
    let mut command = tidings(home, &["serve", "--address", address]);
    command
        .env("TWILIO_ACCOUNT_SID", twilio.account_sid())
        .env("TWILIO_AUTH_TOKEN", twilio.auth_token().expose())
        .env("TWILIO_PHONE_NUMBER", "+15005550006")
        .env("TWILIO_BASE_URL", twilio.base_url())
        .env("TIDINGS_PUBLIC_URL", format!("http://{address}"));
    if let Some(url) = database {
        command.env("DATABASE_URL", url);
    }
    let log = std::fs::File::create(home.join("log")).unwrap();
    let mut running = Killed(command.stdout(Stdio::piped()).stderr(log).spawn().unwrap());
    let mut said = String::new();
    BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut said).unwrap();
    assert!(said.contains(address), "{said}{}", std::fs::read_to_string(home.join("log")).unwrap());
    running
}

for_each_database! {
    async fn a_code_that_was_answered_outlives_a_kill_or_is_never_sent(start: Start) {
        let (home, database) = (new_home(), start.database_url.as_deref());
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let base = format!("http://{address}");
        let settings = SandboxSettings::immediate();
        let twilio = Sandbox::start(settings, Arc::new(SystemClock), Chance::from_machine()).await.unwrap();
        let mut create = tidings(home.path(), &["key", "create", "--name", "login", "--scope", "otp", "--scope", "messages:read"]);
        if let Some(url) = database {
            create.env("DATABASE_URL", url);
        }
        let key = String::from_utf8(create.output().unwrap().stdout).unwrap().trim().to_owned();

        let running = serve(home.path(), &twilio, &address, database);
        let phone = |number: usize| format!("+1202555{:04}", 1000 * (number / 10) + 100 + number);
        let mut asked = JoinSet::new();
        for number in 0..12 {
            let (base, key, phone) = (base.clone(), key.clone(), phone(number));
            asked.spawn(async move { ask(&base, &key, &phone).await.map(|id| (id, phone)) });
        }
        let mut answered = Vec::new();
        while answered.len() < 3 {
            answered.extend(asked.join_next().await.expect("three of them are answered").unwrap());
        }
        // Between two instructions.
        drop(running);
        answered.extend(asked.join_all().await.into_iter().flatten());

        let running = serve(home.path(), &twilio, &address, database);
        let client = reqwest_client();
        for (id, phone) in answered {
            let path = format!("{base}/api/v1/messages?type=otp&phone=%2B{}", &phone[1..]);
            // Whatever the program was doing with it, it is sent, or its outcome is looked for.
            let mut state = Value::Null;
            for _ in 0..3000 {
                let answer = client.get(&path).bearer_auth(&key).send().await.unwrap();
                let list: Value = answer.json().await.unwrap();
                state = list["items"][0]["state"].clone();
                if ["accepted", "sent", "delivered", "unknown"].iter().any(|end| state == *end) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            let texts = twilio.texts_to(&phone);
            assert!(texts.len() <= 1, "sent twice");
            match texts.first() {
                // The program that derived it is dead, and its heir knows it.
                Some(text) => {
                    assert_eq!(check(&base, &key, &id, code_in(&text.body).unwrap()).await, "approved");
                }
                None => assert_eq!(state, "unknown", "it was between its intent and its call"),
            }
        }
        drop(running);
    }
}
