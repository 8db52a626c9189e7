//! Calls and look-ups: every outcome, by the fault that brings it about.

use super::*;
use crate::clock::Clock as _;
use crate::domain::failure::{FailureClass, ProviderStatus};
use crate::sandbox::Fault;
use chrono::TimeDelta;
use std::fmt::Write as _;

#[tokio::test]
async fn a_text_is_accepted_as_it_was_given() {
    let bench = Bench::new().await;
    let text = Outgoing {
        status_callback: Some("http://127.0.0.1:9/x?m=1#rc=0".to_owned()),
        validity: Some(Duration::from_mins(5)),
        ..outgoing(PATIENT, "Ça va 👍 & more+")
    };
    let SendOutcome::Accepted(accepted) = bench.client.send(&text).await else { panic!() };
    assert_eq!((accepted.status, accepted.segments), (ProviderStatus::Queued, Some(1)));
    let taken = &bench.sandbox.texts_to(PATIENT)[0];
    assert_eq!((taken.body.as_str(), taken.validity), ("Ça va 👍 & more+", Some(300)));
    assert_eq!(taken.status_callback.as_deref(), Some("http://127.0.0.1:9/x?m=1#rc=0"));
    assert_eq!(taken.sid, accepted.sid);
}

#[tokio::test]
async fn a_validity_is_brought_into_twilios_limits() {
    let bench = Bench::new().await;
    for (seconds, expected) in [(0, 1), (36_000, 36_000), (90_000, 36_000)] {
        let text = Outgoing { validity: Some(Duration::from_secs(seconds)), ..outgoing(PATIENT, "Hello") };
        bench.accepted(&text).await;
        assert_eq!(bench.sandbox.texts().last().unwrap().validity, Some(expected));
    }
}

#[tokio::test]
async fn a_messaging_service_picks_the_sender() {
    let bench = Bench::new().await;
    let from = Sender::Service(format!("MG{}", "a".repeat(32)));
    let outcome = bench.client.send(&Outgoing { from, ..outgoing(PATIENT, "Hello") }).await;
    let SendOutcome::Accepted(accepted) = outcome else { panic!("{outcome:?}") };
    assert_eq!((accepted.status, accepted.segments), (ProviderStatus::Accepted, None));
    bench.sandbox.until_quiet().await;
    assert_eq!(bench.sandbox.texts()[0].from.as_deref(), Some("+15005550006"));
}

#[tokio::test]
async fn twilios_magic_numbers_are_refused_with_their_code_and_without_their_number() {
    let bench = Bench::new().await;
    for (to, code, class) in [
        ("+15005550001", 21211, FailureClass::InvalidNumber),
        ("+15005550002", 21612, FailureClass::Sender),
        ("+15005550003", 21408, FailureClass::Sender),
        ("+15005550004", 21610, FailureClass::Blocked),
        ("+15005550009", 21614, FailureClass::InvalidNumber),
    ] {
        let SendOutcome::Refused(error) = bench.send(to).await else { panic!("{code}") };
        assert_eq!((error.http_status, error.code, error.class), (Some(400), Some(code), class));
        assert!(!error.text.contains("500555") && !error.may_have_arrived, "{}", error.text);
    }
    assert!(bench.sandbox.texts().is_empty());
}

#[tokio::test]
async fn a_wrong_sender_is_refused_and_a_full_one_asks_for_patience() {
    let bench = Bench::new().await;
    for (from, code) in [("+15005550001", 21212), ("+15005550007", 21606), ("+12025550199", 21606)] {
        let text = Outgoing { from: Sender::Number(from.to_owned()), ..outgoing(PATIENT, "Hello") };
        let SendOutcome::Refused(error) = bench.client.send(&text).await else { panic!("{code}") };
        assert_eq!((error.code, error.class), (Some(code), FailureClass::Sender));
    }
    let text = Outgoing { from: Sender::Number("+15005550008".to_owned()), ..outgoing(PATIENT, "Hello") };
    let outcome = bench.client.send(&text).await;
    assert!(matches!(outcome, SendOutcome::NotNow { error, .. } if error.code == Some(21611)));
}

#[tokio::test]
async fn too_many_calls_ask_for_patience_with_the_wait_that_twilio_names() {
    let bench = Bench::new().await;
    for (to, wait) in [("+15005550104", None), ("+15005550105", Some(Duration::from_secs(2)))] {
        let SendOutcome::NotNow { error, retry_after } = bench.send(to).await else { panic!("{to}") };
        assert_eq!((error.code, error.account_wide, retry_after), (Some(20429), false, wait));
    }
    assert!(bench.sandbox.texts().is_empty());
}

#[tokio::test]
async fn wrong_credentials_are_the_accounts_trouble_and_no_texts() {
    let bench = Bench::new().await;
    let settings = TwilioSettings { auth_token: Secret::new("wrong"), ..settings_for(&bench.sandbox) };
    let stranger = TwilioClient::new(&settings).unwrap();
    let outcome = stranger.send(&outgoing(PATIENT, "Hello")).await;
    let SendOutcome::NotNow { error, retry_after: None } = outcome else { panic!("{outcome:?}") };
    assert_eq!((error.code, error.account_wide), (Some(20003), true));
}

#[tokio::test]
async fn an_api_key_opens_the_account_too() {
    let key = format!("SK{}", "b".repeat(32));
    let settings = SandboxSettings {
        api_key: Some((key.clone(), Secret::new("key secret"))),
        ..SandboxSettings::immediate()
    };
    let bench = Bench::with(settings).await;
    let settings = TwilioSettings {
        auth_token: Secret::new("only for webhooks"),
        api_key: Some(key),
        api_key_secret: Some(Secret::new("key secret")),
        ..settings_for(&bench.sandbox)
    };
    let outcome = TwilioClient::new(&settings).unwrap().send(&outgoing(PATIENT, "Hello")).await;
    assert!(matches!(outcome, SendOutcome::Accepted(_)), "{outcome:?}");
}

#[tokio::test]
async fn what_may_have_been_sent_is_unknown_and_is_found_when_it_was() {
    let bench = Bench::new().await;
    let since = bench.clock.now();
    for (to, taken, http_status) in [
        ("+15005550102", 1, Some(500)),
        ("+15005550103", 0, Some(500)),
        ("+15005550106", 0, None),
        ("+15005550107", 1, None),
        ("+15005550108", 1, Some(201)),
    ] {
        let SendOutcome::Unknown(error) = bench.send(to).await else { panic!("{to}") };
        assert!(error.may_have_arrived && !error.text.contains("500555"), "{}", error.text);
        assert_eq!(error.http_status, http_status, "{to}");
        assert_eq!(bench.sandbox.texts_to(to).len(), taken, "{to}");
        let listed = bench.client.list(&PhoneNumber::parse(to, None).unwrap(), since).await.unwrap();
        assert_eq!(listed.len(), taken, "{to}");
        assert!(listed.iter().all(|text| text.outbound && text.body == "Hello"));
    }
    assert_eq!(bench.sandbox.calls(), 5, "nothing is tried again by the client");
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_unknown() {
    let bench = Bench::new().await;
    let settings = TwilioSettings {
        connect_timeout: Duration::from_millis(600),
        timeout: Duration::from_millis(600),
        ..settings_for(&bench.sandbox)
    };
    let hasty = TwilioClient::new(&settings).unwrap();
    for (to, taken) in [("+15005550101", 1), ("+15005550109", 0)] {
        let SendOutcome::Unknown(error) = hasty.send(&outgoing(to, "Hello")).await else { panic!("{to}") };
        assert!(error.text.starts_with("Twilio did not answer in time"), "{}", error.text);
        assert_eq!(bench.sandbox.texts_to(to).len(), taken, "{to}");
    }
}

#[tokio::test]
async fn who_hangs_up_has_sent_a_text_all_the_same() {
    let settings =
        SandboxSettings { accept_delay: Duration::from_millis(900), ..SandboxSettings::immediate() };
    let bench = Bench::with(settings).await;
    let settings = TwilioSettings {
        connect_timeout: Duration::from_millis(400),
        timeout: Duration::from_millis(400),
        ..settings_for(&bench.sandbox)
    };
    let outcome = TwilioClient::new(&settings).unwrap().send(&outgoing(PATIENT, "Hello")).await;
    assert!(matches!(outcome, SendOutcome::Unknown(_)), "{outcome:?}");
    bench.sandbox.until(|texts| texts.len() == 1).await;
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_not_reached() {
    let bench = Bench::new().await;
    let settings = settings_for(&bench.sandbox);
    bench.sandbox.shut_down().await;
    let client = TwilioClient::new(&settings).unwrap();
    let outcome = client.send(&outgoing(PATIENT, "Hello")).await;
    let SendOutcome::NotReached(error) = outcome else { panic!("{outcome:?}") };
    assert!(!error.may_have_arrived && error.text.starts_with("No connection to Twilio"), "{}", error.text);
    let to = PhoneNumber::parse(PATIENT, None).unwrap();
    let error = client.list(&to, bench.clock.now()).await.unwrap_err();
    let mut said = error.to_string();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(&error);
    while let Some(error) = cause {
        let _ = write!(said, ": {error}");
        cause = error.source();
    }
    assert!(!said.contains("2025550143"), "{said}");
}

#[tokio::test]
async fn a_list_is_followed_to_its_end_and_has_only_what_was_asked_for() {
    let bench = Bench::new().await;
    bench.accepted(&outgoing(PATIENT, "too old")).await;
    bench.clock.advance(TimeDelta::seconds(10));
    for number in 0..450 {
        bench.accepted(&outgoing(PATIENT, &format!("text {number}"))).await;
    }
    bench.accepted(&outgoing("+12025550144", "to another")).await;
    let to = PhoneNumber::parse(PATIENT, None).unwrap();
    let mut bodies: Vec<String> =
        bench.client.list(&to, bench.clock.now()).await.unwrap().into_iter().map(|text| text.body).collect();
    bodies.sort();
    bodies.dedup();
    assert_eq!(bodies.len(), 450);
}

#[tokio::test]
async fn a_text_is_fetched_with_its_price_and_redacted_when_it_is_sent() {
    let bench = Bench::new().await;
    let sid = bench.accepted(&outgoing(PATIENT, "Hello")).await;
    bench.sandbox.until_quiet().await;
    let text = bench.client.fetch(&sid).await.unwrap().unwrap();
    assert_eq!((text.status, text.price_micros), (ProviderStatus::Delivered, Some(7500)));
    assert_eq!((text.segments, text.created_at.timestamp_millis()), (Some(1), NOON));
    bench.client.redact(&sid).await.unwrap();
    assert_eq!(bench.client.fetch(&sid).await.unwrap().unwrap().body, "");

    let waiting = bench.accepted(&outgoing("+15005550118", "Hello")).await;
    assert!(bench.client.redact(&waiting).await.unwrap_err().is_too_early());
    let absent = format!("SM{}", "0".repeat(32));
    assert_eq!(bench.client.fetch(&absent).await.unwrap(), None);
    bench.client.redact(&absent).await.unwrap();
    let error = bench.client.fetch("../Calls").await.unwrap_err();
    assert!(matches!(error, LookUpError::NotASid));
}

#[tokio::test]
async fn a_failed_text_is_fetched_with_its_code() {
    let bench = Bench::new().await;
    for (to, status, code) in [
        ("+15005550111", ProviderStatus::Undelivered, 30003),
        ("+15005550112", ProviderStatus::Undelivered, 30007),
        ("+15005550114", ProviderStatus::Failed, 30008),
        ("+15005550116", ProviderStatus::Failed, 21610),
    ] {
        let sid = bench.accepted(&outgoing(to, "Hello")).await;
        bench.sandbox.until_quiet().await;
        let text = bench.client.fetch(&sid).await.unwrap().unwrap();
        assert_eq!((text.status, text.error_code), (status, Some(code)));
    }
}

#[tokio::test]
async fn a_script_of_faults_is_followed_call_by_call() {
    let bench = Bench::new().await;
    bench.sandbox.script(PATIENT, [Fault::Error500, Fault::TooManyRequests(None), Fault::AcceptThenReset]);
    assert!(matches!(bench.send(PATIENT).await, SendOutcome::Unknown(_)));
    assert!(matches!(bench.send(PATIENT).await, SendOutcome::NotNow { .. }));
    assert!(matches!(bench.send(PATIENT).await, SendOutcome::Unknown(_)));
    assert!(matches!(bench.send(PATIENT).await, SendOutcome::Accepted(_)));
    assert_eq!(bench.sandbox.counts().into_values().collect::<Vec<_>>(), [2]);
}
