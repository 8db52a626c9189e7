//! One-time codes held back: too many of them, closed countries, counters that do not answer; and what the texts
//! say besides.

use crate::delivery::another;
use crate::for_each_database;
use crate::support::{ANA, TestHost};
use chrono::TimeDelta;
use serde_json::{Value, json};
use std::net::IpAddr;
use tidings::config::Config;
use tidings::domain::id::KeyId;
use tidings::domain::otp::rate::Rate;
use tidings::domain::secret::Secret;
use tidings::service::{Host, Origin, OtpError, PostedCode};
use tidings::store::RefusalCount;
use tokio::task::JoinSet;

const TWO: &str = "2/1h";

type Set = fn(&mut Config);

pub(crate) fn rates(rate: &str) -> Vec<Rate> {
    vec![rate.parse().unwrap()]
}

/// No brake but those that a test sets.
pub(crate) fn unbraked(config: &mut Config) {
    let limits = &mut config.otp.limits;
    for list in [&mut limits.phone, &mut limits.prefix, &mut limits.address, &mut limits.key] {
        list.clear();
    }
    for list in [&mut limits.country, &mut limits.everyone, &mut limits.checks] {
        list.clear();
    }
    config.otp.pump = toml::Value::from("off").try_into().unwrap();
    config.otp.countries = ["US", "FR"].map(str::to_owned).into();
}

pub(crate) fn origin(address: &str, key: u128) -> Origin {
    let address: IpAddr = address.parse().unwrap();
    Origin {
        key: Some(KeyId(uuid::Uuid::from_u128(key))),
        test: true,
        address: Some(address),
        ..Origin::default()
    }
}

/// `ok`, or the brake that holds.
pub(crate) async fn ask(host: &Host, origin: &Origin, phone: &str) -> &'static str {
    let posted = PostedCode { phone: phone.to_owned(), purpose: "LOGIN".to_owned(), ..PostedCode::default() };
    let request = host.read_code_request(&posted).unwrap();
    match host.start_code(origin, &request).await {
        Ok(_) => "ok",
        Err(OtpError::Limited { brake, retry_after }) => {
            assert!(retry_after > TimeDelta::zero() && retry_after <= TimeDelta::days(2), "{retry_after}");
            brake
        }
        Err(OtpError::CountryClosed) => "closed",
        Err(other) => panic!("{other:?}"),
    }
}

/// A number, an address and a key, four times.
type Four = [(&'static str, &'static str, u128); 4];

pub(crate) async fn post(host: &TestHost, body: Value) -> (u16, Option<String>, Value) {
    let request = host.client.post(format!("{}/api/v1/otp", host.base)).bearer_auth(&host.key).json(&body);
    let answer = request.send().await.unwrap();
    let wait = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    (answer.status().as_u16(), wait, answer.json().await.unwrap())
}

pub(crate) async fn refusals(host: &TestHost) -> Vec<RefusalCount> {
    host.host.code_refusals(true, None, 100).await.unwrap()
}

for_each_database! {
    async fn each_brake_holds_for_its_own_and_nobody_else(start: Start) {
        let host = start.host().await;
        // Two of a kind pass, the third does not, and one of another kind does.
        let cases: [(&str, Set, Four); 6] = [
            ("otp.limits.phone", |c| c.otp.limits.phone = rates(TWO),
                [(ANA, "192.0.2.1", 1), (ANA, "198.51.100.1", 2), (ANA, "203.0.113.1", 3), ("+12025550144", "192.0.2.1", 1)]),
            ("otp.limits.prefix", |c| c.otp.limits.prefix = rates(TWO),
                [("+12025550101", "192.0.2.1", 1), ("+12025550102", "198.51.100.1", 2), ("+12025550103", "203.0.113.1", 3), ("+12025551103", "192.0.2.1", 1)]),
            ("otp.limits.address", |c| c.otp.limits.address = rates(TWO),
                [("+12025550104", "192.0.2.1", 1), ("+12025551105", "192.0.2.9", 2), ("+12025552106", "192.0.2.200", 3), ("+12025550104", "192.0.3.1", 1)]),
            ("otp.limits.key", |c| c.otp.limits.key = rates(TWO),
                [("+12025550107", "192.0.2.1", 1), ("+12025551108", "198.51.100.1", 1), ("+12025552109", "203.0.113.1", 1), ("+12025550107", "192.0.2.1", 2)]),
            ("otp.limits.country", |c| c.otp.limits.country = rates(TWO),
                [("+12025550110", "192.0.2.1", 1), ("+12025551111", "198.51.100.1", 2), ("+12025552112", "203.0.113.1", 3), ("+33612345678", "192.0.2.1", 1)]),
            ("otp.limits.country", |c| { c.otp.limits.country = rates("9/1h"); c.otp.limits.countries = [("FR".to_owned(), rates("2/1d"))].into(); },
                [("+33612345679", "192.0.2.1", 1), ("+33612345680", "198.51.100.1", 2), ("+33612345681", "203.0.113.1", 3), ("+12025550113", "192.0.2.1", 1)]),
        ];
        for (brake, set, requests) in cases {
            let host = another(&host, |config| { unbraked(config); set(config); });
            let mut answers = Vec::new();
            for (phone, address, key) in requests {
                answers.push(ask(&host, &origin(address, key), phone).await);
            }
            assert_eq!(answers, ["ok", "ok", brake, "ok"]);
        }
        let all = another(&host, |config| { unbraked(config); config.otp.limits.everyone = rates(TWO); });
        assert_eq!(ask(&all, &origin("192.0.2.1", 1), "+12025550114").await, "ok");
        assert_eq!(ask(&all, &origin("198.51.100.1", 2), "+33612345682").await, "ok");
        assert_eq!(ask(&all, &origin("203.0.113.1", 3), "+12025559115").await, "otp.limits.everyone");
        let kept = refusals(&host).await;
        let reasons: Vec<&str> = kept.iter().map(|row| row.refusal.reason.as_str()).collect();
        for brake in ["phone", "prefix", "address", "key", "country", "everyone"] {
            assert!(reasons.contains(&format!("otp.limits.{brake}").as_str()), "{reasons:?}");
        }
    }

    async fn a_refusal_says_how_long_to_wait_and_the_wait_is_long_enough(start: Start) {
        let mut start = start;
        start.config.otp.limits.phone = rates("3/1h");
        let host = start.host().await;
        let body = json!({"phone": ANA, "purpose": "LOGIN"});
        for _ in 0..3 {
            assert_eq!(post(&host, body.clone()).await.0, 202);
        }
        let (status, wait, problem) = post(&host, body.clone()).await;
        assert_eq!((status, &problem["type"]), (429, &json!("/docs/problems/too-many-codes")));
        assert!(problem["detail"].as_str().unwrap().contains("otp.limits.phone"), "{problem}");
        let wait: i64 = wait.unwrap().parse().unwrap();
        host.clock.advance(TimeDelta::seconds(wait));
        assert_eq!(post(&host, body).await.0, 202, "after {wait} s");
    }

    async fn a_clock_that_is_set_back_forgets_no_counter(start: Start) {
        let mut start = start;
        start.config.otp.limits.phone = rates("2/1h");
        let host = start.host().await;
        let body = json!({"phone": ANA, "purpose": "LOGIN"});
        host.clock.advance(TimeDelta::minutes(30));
        post(&host, body.clone()).await;
        post(&host, body.clone()).await;
        for minutes in [-20, -20] {
            // The second time over the window's edge.
            host.clock.advance(TimeDelta::minutes(minutes));
            assert_eq!(post(&host, body.clone()).await.0, 429);
        }
        let wait: i64 = post(&host, body.clone()).await.1.unwrap().parse().unwrap();
        host.clock.advance(TimeDelta::seconds(wait - 2));
        assert_eq!(post(&host, body.clone()).await.0, 429, "two seconds before {wait} s are over");
        host.clock.advance(TimeDelta::seconds(2));
        assert_eq!(post(&host, body.clone()).await.0, 202, "after {wait} s");
    }

    /// What a clock that ran ahead has counted holds nobody until that time comes.
    async fn a_clock_that_was_far_ahead_holds_nobody(start: Start) {
        let mut start = start;
        start.config.otp.limits.phone = rates("2/1h");
        let host = start.host().await;
        let body = json!({"phone": ANA, "purpose": "LOGIN"});
        host.clock.advance(TimeDelta::days(400));
        post(&host, body.clone()).await;
        post(&host, body.clone()).await;
        host.clock.advance(TimeDelta::days(-400));
        assert_eq!(post(&host, body).await.0, 202);
    }

    async fn a_resend_is_braked_like_a_start_and_by_the_network_of_its_start(start: Start) {
        let host = start.host().await;
        let cases: [(&str, &str, Set); 2] = [
            ("otp.limits.phone", "+12025550101", |c| c.otp.limits.phone = rates("1/1h")),
            ("otp.limits.address", "+12025550102", |c| c.otp.limits.address = rates("1/1h")),
        ];
        for (brake, phone, set) in cases {
            let braked = another(&host, |config| { unbraked(config); set(config); });
            let from = origin("192.0.2.1", 1);
            let posted = PostedCode { phone: phone.to_owned(), purpose: "LOGIN".to_owned(), ..PostedCode::default() };
            let sent = braked.start_code(&from, &braked.read_code_request(&posted).unwrap()).await.unwrap();
            host.clock.advance(TimeDelta::seconds(30));
            // As over HTTP: a resend says no address.
            let resent = braked.resend_code(&Origin { address: None, ..from }, sent.id).await;
            assert!(matches!(resent, Err(OtpError::Limited { brake: held, .. }) if held == brake), "{resent:?}");
        }
    }

    async fn of_many_requests_at_once_no_more_pass_than_may(start: Start) {
        let host = start.host().await;
        let braked = another(&host, |config| { unbraked(config); config.otp.limits.prefix = rates("4/1h"); });
        let mut asked = JoinSet::new();
        for number in 0..10 {
            let braked = braked.clone();
            asked.spawn(async move { ask(&braked, &origin("192.0.2.1", 1), &format!("+120255501{number:02}")).await });
        }
        let answers = asked.join_all().await;
        assert_eq!(answers.iter().filter(|answer| **answer == "ok").count(), 4, "{answers:?}");
    }

    async fn what_cannot_be_counted_is_not_sent(start: Start) {
        let host = start.host().await;
        host.sql("DROP TABLE limits").await;
        let (status, wait, problem) = post(&host, json!({"phone": ANA, "purpose": "LOGIN"})).await;
        assert_eq!((status, &problem["type"]), (503, &json!("/docs/problems/codes-unavailable")));
        assert!(wait.is_some());
        host.run().await;
        assert_eq!(host.sandbox.calls(), 0);
    }

    /// Codes that a caller makes itself cost as much, and are sold as dear.
    async fn a_code_that_is_posted_as_a_text_is_held_by_the_same_counters(start: Start) {
        let mut start = start;
        start.config.otp.limits.phone = rates("2/1h");
        let host = start.host().await;
        let code = |phone: &str| json!({"type": "otp", "to": {"phone": phone}, "variables": {"code": "482913"}});
        let once = async |body: &Value| {
            let request = host.client.post(format!("{}/api/v1/messages", host.base)).bearer_auth(&host.key);
            request.header("Idempotency-Key", "a").json(body).send().await.unwrap().status().as_u16()
        };
        assert_eq!(once(&code(ANA)).await, 202);
        assert_eq!(host.post("/api/v1/messages", code(ANA)).await.0, 202);
        let (status, problem) = host.post("/api/v1/messages", code(ANA)).await;
        assert_eq!((status, &problem["type"]), (429, &json!("/docs/problems/too-many-codes")), "{problem}");
        assert_eq!(once(&code(ANA)).await, 202, "a repeated request is answered as it was");
        assert_eq!(post(&host, json!({"phone": ANA, "purpose": "LOGIN"})).await.0, 429, "the same counter");
        let (_, batch) = host.post("/api/v1/messages/batch", json!({"messages": [code(ANA), code("+12025551144")]})).await;
        assert_eq!((&batch["accepted"], &batch["items"][0]["problem"]["type"]), (&json!(1), &json!("/docs/problems/too-many-codes")), "{batch}");
        let (status, problem) = host.post("/api/v1/messages", code("+33612345678")).await;
        assert_eq!((status, &problem["type"]), (403, &json!("/docs/problems/country-closed")));
        let notice = json!({"type": "follow-up", "to": {"phone": ANA}});
        assert_eq!(host.post("/api/v1/messages", notice).await.0, 202, "it is none");
        let kept: Vec<_> = refusals(&host).await.into_iter().map(|row| (row.refusal.reason, row.refusal.purpose, row.count)).collect();
        let row = |reason: &str, purpose: &str, count| (reason.to_owned(), purpose.to_owned(), count);
        assert_eq!(kept, [row("otp.limits.phone", "LOGIN", 1), row("otp.limits.phone", "", 2), row("otp.countries", "", 1)]);
        host.run().await;
        assert_eq!(host.texts_to(ANA).len(), 3);
    }

    async fn a_counter_that_does_not_answer_lets_no_posted_code_through(start: Start) {
        let host = start.host().await;
        host.sql("DROP TABLE limits").await;
        let code = json!({"type": "otp", "to": {"phone": ANA}, "variables": {"code": "482913"}});
        let (status, problem) = host.post("/api/v1/messages", code).await;
        assert_eq!((status, &problem["type"]), (503, &json!("/docs/problems/codes-unavailable")));
        host.run().await;
        assert_eq!(host.sandbox.calls(), 0);
    }

    async fn a_country_is_closed_until_it_is_opened(start: Start) {
        let host = start.host().await;
        let (status, wait, problem) = post(&host, json!({"phone": "+33612345678", "purpose": "LOGIN"})).await;
        assert_eq!((status, &problem["type"]), (403, &json!("/docs/problems/country-closed")));
        assert_eq!(wait, None, "no wait helps");
        let open = another(&host, |config| config.otp.countries = ["FR".to_owned()].into());
        assert_eq!(ask(&open, &origin("192.0.2.1", 1), "+33612345678").await, "ok");
        assert_eq!(ask(&open, &origin("192.0.2.1", 1), ANA).await, "closed");
        let kept = refusals(&host).await;
        assert!(kept.iter().any(|row| row.refusal.reason == "otp.countries" && row.refusal.country == "FR"), "{kept:?}");
    }

    async fn a_number_for_tests_has_its_code_and_is_sent_nothing(start: Start) {
        let mut start = start;
        start.config.otp.test_numbers = [(ANA.to_owned(), Secret::new("246810"))].into();
        start.config.otp.limits.phone = rates("2/1h");
        let host = start.host().await;
        let asked = async || {
            let request = host.host.read_code_request(&PostedCode { phone: ANA.to_owned(), purpose: "LOGIN".to_owned(), ..PostedCode::default() }).unwrap();
            host.host.start_code(&Origin { test: true, ..Origin::default() }, &request).await
        };
        let id = asked().await.unwrap().id;
        asked().await.unwrap();
        assert!(matches!(asked().await, Err(OtpError::Limited { .. })), "under the same limits");
        // The tests' key says otherwise.
        let (status, answer) = host.post("/api/v1/otp", json!({"phone": ANA, "purpose": "LOGIN"})).await;
        assert_eq!(status, 202, "{answer}");
        let path = format!("/api/v1/otp/{}/check", answer["id"].as_str().unwrap());
        assert_eq!(host.post(&path, json!({"code": "111111"})).await.1["status"], "pending");
        assert_eq!(host.post(&path, json!({"code": "246810"})).await.1["status"], "approved");
        assert_eq!(host.post(&format!("/api/v1/otp/{id}/check"), json!({"code": "246810"})).await.1["status"], "expired");
        host.run().await;
        assert_eq!(host.sandbox.calls(), 0);
    }

    async fn the_text_ends_with_what_machines_read_in_every_language(start: Start) {
        let mut start = start;
        start.config.otp.domain = Some("lakeside-clinic.com".to_owned());
        start.config.otp.app_hash = Some("FA+9qCX9VSu".to_owned());
        let host = start.host().await;
        for (place, (locale, segments)) in [
            ("en", 1), ("es", 1), ("fr", 1), ("pt-BR", 1), ("fil", 1), ("ar", 2), ("bn", 2), ("hi", 2), ("vi", 2), ("zh-Hans", 2),
        ].into_iter().enumerate() {
            let number = format!("+1202555{:04}", 1000 + 100 * place);
            let number = number.as_str();
            let (status, answer) = host.post("/api/v1/otp", json!({"phone": number, "purpose": "LOGIN", "locale": locale})).await;
            assert_eq!(status, 202, "{answer}");
            host.run().await;
            let text = host.texts_to(number).pop().unwrap();
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!((lines.len(), lines[1]), (3, "FA+9qCX9VSu"), "{text}");
            let code = lines[2].strip_prefix("@lakeside-clinic.com #").unwrap();
            assert!(code.len() == 6 && lines[0].contains(code), "{text}");
            let list = host.get(&format!("/api/v1/messages?type=otp&phone=%2B{}", &number[1..])).await;
            let story = host.story(list["items"][0]["id"].as_str().unwrap()).await;
            assert_eq!(story["text"]["locale_sent"], json!(locale));
            assert!(story["text"]["segments"].as_u64() <= Some(segments), "{locale}: {story}");
            assert!(!story.to_string().contains(code), "the line is redacted too: {story}");
        }
    }

    async fn the_words_at_the_provider_are_taken_out_at_the_end(start: Start) {
        let host = start.host().await;
        host.post("/api/v1/otp", json!({"phone": ANA, "purpose": "LOGIN"})).await;
        host.run().await;
        assert!(!host.sandbox.texts_to(ANA)[0].redacted);
        host.run_after(TimeDelta::seconds(5)).await;
        assert!(host.sandbox.texts_to(ANA)[0].redacted);
        // A carrier that tells no end: once the code's use is long over.
        let silent = "+12025550150";
        host.sandbox.always(silent, tidings::sandbox::Fault::NoReceipt);
        host.post("/api/v1/otp", json!({"phone": silent, "purpose": "LOGIN"})).await;
        host.run().await;
        host.run_after(TimeDelta::minutes(30)).await;
        assert!(!host.sandbox.texts_to(silent)[0].redacted);
        host.run_after(TimeDelta::minutes(40)).await;
        assert!(host.sandbox.texts_to(silent)[0].redacted);
    }
}
