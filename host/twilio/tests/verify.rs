//! Verify against the sandbox: every answer, and what it means.

use super::super::verify::{CodeCheck, NewVerification, Verify as _};
use super::*;
use crate::domain::failure::ProviderStatus;
use crate::sandbox::Fault;
use chrono::TimeDelta;

fn to(number: &str) -> PhoneNumber {
    PhoneNumber::parse(number, None).unwrap()
}

fn new(number: &str) -> NewVerification {
    NewVerification { to: to(number), language: Some("es".to_owned()), app_hash: None }
}

fn code(bench: &Bench) -> Secret {
    let body = bench.sandbox.texts_to(PATIENT).pop().unwrap().body;
    Secret::new(body.rsplit(' ').next().unwrap())
}

/// The sending and the verification of a code that is taken.
async fn started(bench: &Bench) -> (String, String) {
    let started = bench.client.start_code(&new(PATIENT)).await;
    let SendOutcome::Accepted(text) = started.outcome else { panic!("{started:?}") };
    (text.sid, started.verification.unwrap())
}

#[tokio::test]
async fn a_code_is_sent_sent_again_and_checked() {
    let bench = Bench::new().await;
    let (first, verification) = started(&bench).await;
    let wrong = bench.client.check_code(&verification, &Secret::new("0000000")).await;
    assert_eq!(wrong.unwrap(), CodeCheck::Wrong);
    bench.clock.advance(TimeDelta::seconds(30));
    let (second, same) = started(&bench).await;
    assert!(verification == same && first != second, "one verification, two sendings");
    let pending = bench.client.pending_code(&to(PATIENT)).await.unwrap().unwrap();
    assert_eq!((pending.sid.as_str(), pending.sendings.len()), (verification.as_str(), 2));
    let right = code(&bench);
    assert_eq!(bench.client.check_code(&verification, &right).await.unwrap(), CodeCheck::Right);
    assert_eq!(bench.client.check_code(&verification, &right).await.unwrap(), CodeCheck::Gone);
    assert_eq!(bench.client.pending_code(&to(PATIENT)).await.unwrap(), None);
    let sending = bench.client.fetch(&first).await.unwrap().unwrap();
    assert_eq!((sending.status, sending.price_micros), (ProviderStatus::Delivered, Some(50_000)));
}

#[tokio::test]
async fn a_canceled_and_an_expired_code_are_gone_and_the_next_is_another_verification() {
    let bench = Bench::new().await;
    let (_, first) = started(&bench).await;
    bench.client.cancel_code(&to(PATIENT)).await.unwrap();
    bench.client.cancel_code(&to(PATIENT)).await.unwrap();
    assert_eq!(bench.client.check_code(&first, &code(&bench)).await.unwrap(), CodeCheck::Gone);
    let (_, second) = started(&bench).await;
    assert_ne!(first, second);
    bench.clock.advance(TimeDelta::minutes(10));
    assert_eq!(bench.client.check_code(&second, &code(&bench)).await.unwrap(), CodeCheck::Gone);
}

#[tokio::test]
async fn twilios_own_limits_are_told_from_its_faults() {
    let bench = Bench::new().await;
    let (_, verification) = started(&bench).await;
    for _ in 0..4 {
        started(&bench).await;
    }
    let sixth = bench.client.start_code(&new(PATIENT)).await.outcome;
    assert!(matches!(&sixth, SendOutcome::Refused(error) if error.code == Some(60203)), "{sixth:?}");
    for _ in 0..5 {
        assert_eq!(
            bench.client.check_code(&verification, &Secret::new("00000")).await.unwrap(),
            CodeCheck::Wrong
        );
    }
    assert_eq!(bench.client.check_code(&verification, &code(&bench)).await.unwrap(), CodeCheck::Exhausted);
    bench.sandbox.script("verification-check", [Fault::Error500, Fault::Refuse(20429), Fault::Refuse(60410)]);
    for _ in 0..3 {
        assert!(bench.client.check_code(&verification, &code(&bench)).await.is_err(), "no answer is no yes");
    }
}

#[tokio::test]
async fn a_start_is_told_apart_as_every_call_is() {
    let bench = Bench::new().await;
    let outcome = async |fault: Fault| {
        bench.sandbox.script(PATIENT, [fault]);
        bench.client.start_code(&new(PATIENT)).await.outcome
    };
    for fault in [Fault::Error500, Fault::AcceptThenError500, Fault::AcceptThenGarbage, Fault::Reset] {
        let outcome = outcome(fault).await;
        assert!(matches!(outcome, SendOutcome::Unknown(_)), "{fault}: {outcome:?}");
    }
    for code in [60200, 60203, 60204, 60205, 60220, 60223, 60410, 60605, 20404] {
        let outcome = outcome(Fault::Refuse(code)).await;
        assert!(
            matches!(&outcome, SendOutcome::Refused(error) if !error.account_wide),
            "{code}: {outcome:?}"
        );
    }
    for fault in [Fault::Refuse(60212), Fault::TooManyRequests(Some(2))] {
        let outcome = outcome(fault).await;
        assert!(matches!(&outcome, SendOutcome::NotNow { error, .. } if !error.account_wide), "{outcome:?}");
    }
    let refused = outcome(Fault::Refuse(20003)).await;
    assert!(matches!(&refused, SendOutcome::NotNow { error, .. } if error.account_wide), "{refused:?}");
}

#[tokio::test]
async fn the_service_is_looked_at() {
    let bench = Bench::new().await;
    let service = bench.client.verify_service_found().await.unwrap().unwrap();
    assert_eq!((service.friendly_name.as_str(), service.code_length), ("Sandbox", Some(6)));
    let client = |sid: Option<String>| {
        TwilioClient::new(&TwilioSettings { verify_service_sid: sid, ..settings_for(&bench.sandbox) })
    };
    let other = client(Some(format!("VA{}", "0".repeat(32)))).unwrap();
    assert!(other.verify_service_found().await.unwrap().is_none());
    assert!(matches!(client(None).unwrap().verify_service_found().await, Err(LookUpError::NotASid)));
    assert!(client(Some("VA1".to_owned())).is_err(), "misspelt");
}
