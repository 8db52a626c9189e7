//! Who asks for codes learns nothing of the numbers: the host does as much for each, and asks its database as
//! often.

use crate::delivery::another;
use crate::for_each_database;
use crate::otp::{BO, ask, last_code, wrong};
use crate::support::{ANA, TestHost};
use chrono::TimeDelta;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tidings::config::Backend;
use tidings::sandbox::Fault;
use tidings::service::{CodeRequest, Host, Origin, PostedCode};

const STOPPED: &str = "+12025550145";
const UNREACHABLE: &str = "+12025550149";
const UNKNOWN: &str = "+12025550146";

/// One whom the clinic knows, one who said stop, one whose phone takes no texts, and one of whom nothing is
/// known.
async fn numbers(host: &TestHost) -> [&'static str; 4] {
    host.request("PUT", "/api/v1/recipients/bo", Some(&json!({"phone": BO, "language": "es"}))).await;
    host.sandbox.always(UNREACHABLE, Fault::Undelivered(30006));
    for (id, phone) in [("cy", STOPPED), ("dan", UNREACHABLE)] {
        host.message(json!({"type": "follow-up", "to": {"id": id, "phone": phone}})).await;
    }
    host.run().await;
    host.sandbox.reply(STOPPED, None, "STOP").await.unwrap();
    host.run().await;
    host.host.auditor().flush().await;
    [BO, STOPPED, UNREACHABLE, UNKNOWN]
}

fn request(host: &Host, phone: &str, purpose: &str) -> CodeRequest {
    let posted = PostedCode { phone: phone.to_owned(), purpose: purpose.to_owned(), ..PostedCode::default() };
    host.read_code_request(&posted).unwrap()
}

/// How often the database is asked while something is done.
async fn asked<T>(host: &Host, work: impl Future<Output = T>) -> (u64, T) {
    let before = host.store.asked();
    let done = work.await;
    (host.store.asked() - before, done)
}

fn origin() -> Origin {
    Origin { test: true, address: Some("192.0.2.1".parse().unwrap()), ..Origin::default() }
}

for_each_database! {
    async fn a_start_and_a_resend_ask_the_database_as_often_for_every_number(start: Start) {
        let test = start.host().await;
        let numbers = numbers(&test).await;
        for backend in [Backend::Tidings, Backend::Verify] {
            let host = another(&test, |config| {
                config.otp.backend = backend;
                // A note of the breaker is one statement more: for the country, whoever asks.
                config.otp.pump = toml::Value::from("off").try_into().unwrap();
            });
            let (mut starts, mut resends, mut older) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
            let mut ids = Vec::new();
            for phone in numbers {
                let (statements, sent) = asked(&host, host.start_code(&origin(), &request(&host, phone, "LOGIN"))).await;
                starts.insert(statements);
                ids.push(sent.unwrap().id);
                older.insert(asked(&host, host.send_code(&origin(), &request(&host, phone, "MFA"))).await.0);
            }
            test.clock.advance(TimeDelta::seconds(30));
            if backend == Backend::Tidings {
                for id in ids {
                    let (statements, sent) = asked(&host, host.resend_code(&origin(), id)).await;
                    sent.unwrap();
                    resends.insert(statements);
                }
                assert_eq!(resends.len(), 1, "{resends:?}");
            }
            assert!(starts.len() == 1 && starts.first() > Some(&5), "{starts:?}");
            assert_eq!(older.len(), 1, "{older:?}");
        }
    }

    async fn the_breaker_asks_the_database_as_often_for_every_number(start: Start) {
        let test = start.host().await;
        let numbers = numbers(&test).await;
        let host = another(&test, |config| config.otp.pump = toml::Value::from("deny").try_into().unwrap());
        host.start_code(&origin(), &request(&host, "+12025550150", "LOGIN")).await.unwrap();
        // An honest country, and an honest network: there is nothing to note.
        test.sql("UPDATE otp_traffic SET verified = 1000").await;
        let (mut starts, mut resends, mut ids) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
        for phone in numbers {
            let (statements, sent) = asked(&host, host.start_code(&origin(), &request(&host, phone, "LOGIN"))).await;
            starts.insert(statements);
            ids.push(sent.unwrap().id);
        }
        test.clock.advance(TimeDelta::seconds(30));
        for id in ids {
            let (statements, sent) = asked(&host, host.resend_code(&origin(), id)).await;
            sent.unwrap();
            resends.insert(statements);
        }
        let without = another(&test, |config| config.otp.pump = toml::Value::from("off").try_into().unwrap());
        let (fewer, _) = asked(&without, without.start_code(&origin(), &request(&host, UNKNOWN, "LOGIN"))).await;
        assert!(starts.len() == 1 && starts.first() == Some(&(fewer + 4)), "{starts:?}, {fewer} without");
        assert_eq!(resends.len(), 1, "{resends:?}");
    }

    async fn a_check_asks_the_database_as_often_for_a_challenge_that_is_none(start: Start) {
        let test = start.host().await;
        for backend in [Backend::Tidings, Backend::Verify] {
            let host = another(&test, |config| config.otp.backend = backend);
            let sent = host.start_code(&origin(), &request(&host, ANA, "LOGIN")).await.unwrap();
            host.tick().await.unwrap();
            test.sandbox.until_quiet().await;
            let code = last_code(&test, ANA);
            let none = "019a6b0e-6f5e-7b8e-9f63-0d5c8d8f8c11".parse().unwrap();
            let mut counts = BTreeSet::new();
            for id in [sent.id, none] {
                let (statements, checked) = asked(&host, host.check_code(id, true, &wrong(&code))).await;
                checked.unwrap();
                counts.insert(statements);
            }
            assert_eq!(counts.len(), 1, "{counts:?}");
            let mut older = BTreeSet::new();
            for phone in [ANA, UNKNOWN] {
                let request = request(&host, phone, "LOGIN");
                let (origin, wrong) = (origin(), wrong(&code));
                let check = host.check_code_of_phone(&origin, &request.phone, &request.purpose, &wrong);
                older.insert(asked(&host, check).await.0);
            }
            assert_eq!(older.len(), 1, "{older:?}");
        }
    }

    async fn the_count_of_statements_counts(start: Start) {
        let host = start.host().await;
        let keys = async { host.host.store.read().await.unwrap().api_keys().await.unwrap() };
        assert_eq!(asked(&host.host, keys).await.0, 2, "the beginning of a unit of work, and a statement");
    }

    async fn a_limit_that_is_reached_depends_on_counters_alone(start: Start) {
        let mut start = start;
        start.config.otp.limits.phone = vec!["1/1h".parse().unwrap()];
        let host = start.host().await;
        let mut shapes = BTreeSet::new();
        for phone in numbers(&host).await {
            assert_eq!(ask(&host, phone, "LOGIN").await.0, 202);
            host.run().await;
            let (status, mut problem) = ask(&host, phone, "MFA").await;
            problem["instance"] = Value::Null;
            shapes.insert((status, problem.to_string()));
        }
        assert!(shapes.len() == 1 && shapes.first().unwrap().0 == 429, "{shapes:?}");
    }
}
