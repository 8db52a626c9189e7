//! The pump breaker: codes that nobody types are held against those that were typed.

use crate::delivery::another;
use crate::for_each_database;
use crate::otp::last_code;
use crate::otp_brakes::{ask, origin, refusals, unbraked};
use crate::support::{ANA, Start, TestHost};
use chrono::{DateTime, TimeDelta, Utc};
use tidings::domain::secret::Secret;
use tidings::service::{Checked, Host, Origin, OtpError, PostedCode};

/// No brake but the breaker, which refuses.
async fn denying(start: Start) -> TestHost {
    let mut start = start;
    unbraked(&mut start.config);
    start.config.otp.pump = toml::Value::from("deny").try_into().unwrap();
    start.host().await
}

fn number(place: usize) -> String {
    format!("+1202555{:04}", 1000 + place)
}

/// Asks for a code from this address, and types it.
async fn type_code(host: &TestHost, origin: &Origin, phone: &str) {
    let posted = PostedCode { phone: phone.to_owned(), purpose: "LOGIN".to_owned(), ..PostedCode::default() };
    let request = host.host.read_code_request(&posted).unwrap();
    let sent = host.host.start_code(origin, &request).await.unwrap();
    host.run().await;
    let checked = host.host.check_code(sent.id, true, &last_code(host, phone)).await.unwrap();
    assert!(matches!(checked, Checked::Approved { .. }), "{checked:?}");
}

async fn wait(host: &Host, origin: &Origin, phone: &str) -> TimeDelta {
    let posted = PostedCode { phone: phone.to_owned(), purpose: "LOGIN".to_owned(), ..PostedCode::default() };
    let request = host.read_code_request(&posted).unwrap();
    match host.start_code(origin, &request).await {
        Err(OtpError::Limited { retry_after, .. }) => retry_after,
        other => panic!("{other:?}"),
    }
}

for_each_database! {
    async fn codes_that_nobody_types_are_noted_and_where_it_is_set_refused(start: Start) {
        let host = start.host().await;
        let record = another(&host, |config| { unbraked(config); config.otp.pump = toml::Value::from("record").try_into().unwrap(); });
        let deny = another(&host, |config| { unbraked(config); config.otp.pump = toml::Value::from("deny").try_into().unwrap(); });
        for place in 0..4 {
            assert_eq!(ask(&deny, &origin("192.0.2.1", 1), &number(place)).await, "ok");
        }
        assert_eq!(ask(&deny, &origin("198.51.100.1", 1), &number(4)).await, "otp.pump.country");
        assert_eq!(ask(&record, &origin("198.51.100.1", 1), &number(5)).await, "ok");
        assert_eq!(ask(&deny, &origin("198.51.100.1", 1), "+33612345678").await, "ok", "another country");
        let kept = refusals(&host).await;
        let noted: Vec<bool> = kept.iter().filter(|row| row.refusal.reason == "otp.pump.country").map(|row| row.refusal.noted).collect();
        assert!(noted.contains(&true) && noted.contains(&false), "{kept:?}");
    }

    async fn who_types_the_codes_is_never_held_for_pumping(start: Start) {
        let host = denying(start).await;
        let from = origin("192.0.2.1", 1);
        for place in 0..8 {
            type_code(&host, &from, &number(place)).await;
        }
        // What was typed does not pay for all that is not.
        let mut answers = Vec::new();
        for place in 8..13 {
            answers.push(ask(&host.host, &from, &number(place)).await);
        }
        assert_eq!(answers, ["ok", "ok", "ok", "ok", "otp.pump.country"]);
    }

    async fn a_network_is_held_whatever_countries_its_codes_go_to(start: Start) {
        let host = denying(start).await;
        let (pump, other) = (origin("192.0.2.1", 1), origin("198.51.100.1", 1));
        for place in 0..3 {
            assert_eq!(ask(&host.host, &pump, &number(place)).await, "ok");
            assert_eq!(ask(&host.host, &pump, &format!("+3361234567{place}")).await, "ok");
        }
        assert_eq!(ask(&host.host, &pump, "+33612345688").await, "otp.pump.address");
        assert_eq!(ask(&host.host, &other, "+33612345688").await, "ok", "neither country is suspicious");
    }

    /// Each text counts, and a right code speaks for each of its texts.
    async fn a_code_that_is_sent_again_is_held_against_the_network_it_was_asked_from(start: Start) {
        let host = denying(start).await;
        let from = origin("192.0.2.1", 1);
        let resend = Origin { address: None, ..from.clone() };
        for place in 0..3 {
            let phone = format!("+3361234568{place}");
            let posted = PostedCode { phone: if place == 0 { number(0) } else { phone }, purpose: "LOGIN".to_owned(), ..PostedCode::default() };
            let request = host.host.read_code_request(&posted).unwrap();
            let sent = host.host.start_code(&from, &request).await.unwrap();
            host.clock.advance(TimeDelta::seconds(30));
            host.host.resend_code(&resend, sent.id).await.unwrap();
        }
        // Six texts so far, too many for a network; two of them to the one country and four to the other.
        assert_eq!(ask(&host.host, &from, &number(1)).await, "otp.pump.address");
        assert_eq!(ask(&host.host, &origin("198.51.100.1", 1), &number(1)).await, "ok");
    }

    async fn a_wait_for_the_breaker_is_as_long_as_it_holds(start: Start) {
        let host = denying(start).await;
        let from = origin("192.0.2.1", 1);
        let nobodys = Origin { address: None, ..from };
        for hour in 0..7 {
            for place in 0..3 {
                assert_eq!(ask(&host.host, &nobodys, &number(10 * hour + place)).await, "ok");
            }
            host.clock.advance(TimeDelta::hours(1));
        }
        host.clock.advance(TimeDelta::minutes(20));
        // 21 of the last day: until those of its first hour are a day old.
        let wait = wait(&host.host, &nobodys, &number(90)).await;
        let until: DateTime<Utc> = "2026-11-25T15:00:00Z".parse().unwrap();
        assert_eq!(host.clock_now() + wait, until);
        host.clock.advance(wait - TimeDelta::seconds(1));
        assert_eq!(ask(&host.host, &nobodys, &number(90)).await, "otp.pump.country");
        host.clock.advance(TimeDelta::seconds(1));
        assert_eq!(ask(&host.host, &nobodys, &number(90)).await, "ok");
    }

    /// They are sent nothing: nobody earns from them, and their codes are no sign of honest people.
    async fn numbers_for_tests_are_of_no_weight_in_the_breaker(start: Start) {
        let mut start = start;
        start.config.otp.test_numbers = [(ANA.to_owned(), Secret::new("246810"))].into();
        let host = denying(start).await;
        for (unlimited, times) in [(true, 12), (false, 6)] {
            let from = Origin { unlimited, ..origin("192.0.2.1", 1) };
            for _ in 0..times {
                let posted = PostedCode { phone: ANA.to_owned(), purpose: "LOGIN".to_owned(), ..PostedCode::default() };
                let request = host.host.read_code_request(&posted).unwrap();
                let id = host.host.start_code(&from, &request).await.unwrap().id;
                if unlimited {
                    let checked = host.host.check_code(id, true, "246810").await.unwrap();
                    assert!(matches!(checked, Checked::Approved { .. }), "{checked:?}");
                }
            }
        }
        let mut answers = Vec::new();
        for place in 0..5 {
            answers.push(ask(&host.host, &origin("192.0.2.1", 1), &number(place)).await);
        }
        assert_eq!(answers, ["ok", "ok", "ok", "ok", "otp.pump.country"]);
    }
}
