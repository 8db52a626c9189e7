//! One-time codes between two steps: what happens at once, and what has lost its use while it was on its way.

use crate::for_each_database;
use crate::many_hosts::same_database;
use crate::otp::{ask, check, code, last_code};
use crate::support::{ANA, Start, TestHost};
use chrono::TimeDelta;
use std::sync::Arc;
use tidings::config::Backend;
use tidings::crash::{Crash, Point};
use tidings::service::{CodeRequest, Host, Origin, PostedCode};
use tidings::twilio::TwilioClient;
use tokio::task::JoinSet;

/// Another host, to which nothing happens between its intent and its call but that time passes.
fn slow(host: &TestHost, span: TimeDelta) -> Host {
    let client = Arc::new(TwilioClient::new(&host.start.config.twilio).unwrap());
    let clock = host.clock.clone();
    same_database(host, client, |settings| {
        settings.crash = Crash::hooked(move |point| {
            if point == Point::IntentCommitted {
                clock.advance(span);
            }
            Box::pin(std::future::ready(()))
        });
    })
}

fn request(host: &Host, phone: &str) -> CodeRequest {
    let posted = PostedCode { phone: phone.to_owned(), purpose: "LOGIN".to_owned(), ..PostedCode::default() };
    host.read_code_request(&posted).unwrap()
}

async fn nothing_leaves_late(mut start: Start, backend: Backend) {
    start.config.otp.life = toml::Value::from("30s").try_into().unwrap();
    start.config.otp.backend = backend;
    let host = start.host().await;
    assert_eq!(ask(&host, ANA, "LOGIN").await.0, 202);
    // What is left of the lease would be enough for a call.
    host.clock.advance(TimeDelta::seconds(15));
    slow(&host, TimeDelta::seconds(15)).tick().await.unwrap();
    host.run().await;
    assert_eq!((host.sandbox.calls(), host.texts_to(ANA).len()), (0, 0));
    assert_eq!(host.states().await[0].2, "expired");
}

for_each_database! {
    async fn a_text_never_leaves_after_the_life_of_its_code(start: Start) {
        nothing_leaves_late(start, Backend::Tidings).await;
    }

    async fn by_verify_no_text_leaves_after_the_life_of_its_code(start: Start) {
        nothing_leaves_late(start, Backend::Verify).await;
    }

    async fn a_text_is_valid_for_what_is_left_when_it_leaves(start: Start) {
        let host = start.host().await;
        assert_eq!(ask(&host, ANA, "LOGIN").await.0, 202);
        slow(&host, TimeDelta::seconds(20)).tick().await.unwrap();
        host.sandbox.until_quiet().await;
        assert_eq!(host.sandbox.texts_to(ANA)[0].validity, Some(280));
    }

    /// The counters of the breaker and the challenge are taken in one order by all.
    async fn who_types_a_code_while_another_is_asked_for_is_always_answered(start: Start) {
        let host = start.host().await;
        let phones: Vec<String> = (0..4).map(|place| format!("+1202555{}100", place + 1)).collect();
        for _ in 0..6 {
            let mut ids = Vec::new();
            for phone in &phones {
                ids.push(host.host.start_code(&Origin { test: true, ..Origin::default() }, &request(&host.host, phone)).await.unwrap().id);
            }
            host.run().await;
            let mut tries = JoinSet::new();
            for (phone, id) in phones.iter().zip(ids) {
                let (typing, asking) = (host.host.clone(), host.host.clone());
                let (code, request) = (last_code(&host, phone), request(&host.host, phone));
                tries.spawn(async move { typing.check_code(id, true, &code).await.map(drop) });
                let from = Origin { test: true, ..Origin::default() };
                tries.spawn(async move { asking.start_code(&from, &request).await.map(drop) });
            }
            for answer in tries.join_all().await {
                answer.unwrap();
            }
            host.clock.advance(TimeDelta::hours(1));
        }
    }

    async fn a_retired_key_stays_for_a_host_whose_clock_is_behind(start: Start) {
        let host = start.host().await;
        let (id, older) = code(&host, ANA, "LOGIN").await;
        host.host.store.keys().codes().rotate(&tidings::clock::Chance::seeded(1)).unwrap();
        host.host.sweep().await.unwrap();
        let retired = || host.host.store.keys().codes().retired().len();
        host.run_after(TimeDelta::seconds(330)).await;
        assert_eq!(retired(), 1, "for half a minute its life is over here, and not there");
        host.clock.advance(TimeDelta::seconds(-40));
        assert_eq!(check(&host, &id, &older).await["status"], "approved");
        host.run_after(TimeDelta::seconds(1)).await;
        assert_eq!(retired(), 0, "its last challenge has ended");
    }
}
