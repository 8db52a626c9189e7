//! One-time codes that nobody but their phone learns: neither from a stolen database, nor from the log, nor later
//! from the provider.

use crate::for_each_database;
use crate::otp::{ask, check, wrong};
use crate::store::{Raw, holds};
use crate::support::log::Heard;
use crate::support::{ANA, TestHost};
use chrono::TimeDelta;
use serde_json::{Value, json};
use tidings::sandbox::Fault;

/// Ten digits, which nothing else has by chance.
fn long_code(host: &TestHost) -> String {
    let text = host.texts_to(ANA).pop().unwrap();
    let mut words = text.split(|c: char| !c.is_ascii_digit());
    words.find(|digits| digits.len() == 10).unwrap().to_owned()
}

async fn redactions(host: &TestHost) -> Vec<(Option<String>, i64)> {
    Raw::of(&host.start).await.redactions().await
}

/// On the thread of another test nobody listens.
#[test]
fn what_another_thread_says_first_is_heard_here_all_the_same() {
    let heard = Heard::everything();
    let say = || tracing::info!("said by two");
    std::thread::spawn(say).join().unwrap();
    say();
    assert_eq!(heard.text().matches("said by two").count(), 1);
}

for_each_database! {
    async fn neither_the_database_nor_the_log_knows_a_code(start: Start) {
        let mut start = start;
        start.config.otp.digits = 10;
        let host = start.host().await;
        let heard = Heard::everything();
        let (_, answer) = ask(&host, ANA, "LOGIN").await;
        host.run().await;
        let (id, code) = (answer["id"].as_str().unwrap(), long_code(&host));
        assert_eq!(check(&host, id, &wrong(&code)).await["status"], "pending");
        let raw = Raw::of(&host.start).await;
        assert!(!holds(&raw.dump(&host.start).await, &code), "while it is waited for");
        assert_eq!(check(&host, id, &code).await["status"], "approved");
        let dump = raw.dump(&host.start).await;
        assert!(holds(&dump, "LOGIN") && !holds(&dump, &code) && !holds(&dump, &wrong(&code)));
        let log = heard.text();
        assert!(log.contains("TRACE") && log.contains(&format!("one-time code approved challenge_id={id}")), "{log:.2000}");
        for secret in [code.as_str(), &wrong(&code), "2025550143"] {
            let line = log.lines().find(|line| line.contains(secret));
            assert!(line.is_none(), "{line:?}");
        }
    }

    async fn the_words_at_the_provider_are_asked_away_again_and_at_last_given_up_aloud(start: Start) {
        let host = start.host().await;
        // One that does not come to an end: Twilio takes no words out of it.
        host.sandbox.always(ANA, Fault::StaysQueued);
        ask(&host, ANA, "LOGIN").await;
        host.run().await;
        let heard = Heard::everything();
        host.run_after(TimeDelta::minutes(66)).await;
        assert_eq!(redactions(&host).await, [(None, 1)], "refused, and to be asked again");
        for _ in 0..12 {
            assert!(!heard.text().contains("the provider keeps the words"), "{}", heard.text());
            host.run_after(TimeDelta::hours(36)).await;
            if redactions(&host).await[0].0.is_some() {
                break;
            }
        }
        assert_eq!(redactions(&host).await, [(Some("given_up".to_owned()), 12)]);
        assert!(heard.text().contains("the provider keeps the words of a text that should be redacted"));
        assert!(!host.sandbox.texts_to(ANA)[0].redacted);
    }

    async fn where_it_is_switched_off_the_provider_is_not_asked(start: Start) {
        let mut start = start;
        start.config.otp.redact = false;
        let host = start.host().await;
        ask(&host, ANA, "LOGIN").await;
        host.run().await;
        host.run_after(TimeDelta::hours(2)).await;
        assert_eq!(redactions(&host).await, []);
        let list = host.get("/api/v1/messages?type=otp").await;
        let story = host.story(list["items"][0]["id"].as_str().unwrap()).await;
        assert_ne!((&story["state"], &story["text"]["body"]), (&json!("planned"), &Value::Null), "it was sent, and is not asked for");
    }
}
