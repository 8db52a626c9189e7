//! One-time codes by Twilio Verify: the same three requests, the same rules; the code is Twilio's.

use crate::for_each_database;
use crate::otp::{BO, ask, check, code, last_code, one_of_three_wins, wrong};
use crate::support::{ANA, Start, TestHost};
use chrono::TimeDelta;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tidings::config::Backend;
use tidings::sandbox::Fault;

async fn verifying(mut start: Start) -> TestHost {
    start.config.otp.backend = Backend::Verify;
    start.host().await
}

/// The check of a code whose call to Twilio goes wrong.
const CHECKS: &str = "verification-check";

async fn newest(host: &TestHost) -> Value {
    let list = host.get("/api/v1/messages?type=otp").await;
    host.story(list["items"][0]["id"].as_str().unwrap()).await
}

for_each_database! {
    async fn a_code_by_verify_arrives_and_opens_once(start: Start) {
        let host = verifying(start).await;
        host.request("PUT", "/api/v1/recipients/ana", Some(&json!({"phone": ANA}))).await;
        let (id, code) = code(&host, ANA, "LOGIN").await;
        assert_eq!(host.texts_to(ANA), [format!("Your Sandbox verification code is: {code}")]);
        assert_eq!(check(&host, &id, &wrong(&code)).await, json!({"status": "pending", "attempts_left": 2, "recipient": null}));
        assert_eq!(check(&host, &id, "no code").await["status"], "pending");
        assert_eq!(check(&host, &id, &code).await, json!({"status": "approved", "attempts_left": 0, "recipient": "ana"}));
        assert_eq!(check(&host, &id, &code).await["status"], "expired", "used is used");
        let story = newest(&host).await;
        assert!(!story.to_string().contains(&code), "{story}");
        assert_eq!(story["state"], "accepted");
        // Verify calls nobody back: it is asked, and a code that was typed has arrived.
        host.run_after(TimeDelta::minutes(16)).await;
        let story = newest(&host).await;
        assert_eq!(story["state"], "delivered", "{story}");
    }

    async fn verify_sends_the_same_code_again(start: Start) {
        let host = verifying(start).await;
        let (id, first) = code(&host, ANA, "LOGIN").await;
        let path = format!("/api/v1/otp/{id}/resend");
        assert_eq!(host.post(&path, json!({})).await.0, 429, "too early");
        for (wait, left) in [(30, 2), (60, 1), (120, 0)] {
            host.clock.advance(TimeDelta::seconds(wait));
            let (status, answer) = host.post(&path, json!({})).await;
            assert_eq!((status, &answer["sends_left"]), (202, &json!(left)), "{answer}");
            host.run().await;
            assert_eq!(last_code(&host, ANA), first);
        }
        assert_eq!(host.texts_to(ANA).len(), 4);
        assert_eq!(check(&host, &id, &first).await["status"], "approved");
    }

    async fn by_verify_a_code_that_is_asked_for_again_before_it_is_out_is_sent_once_and_is_no_older_one(start: Start) {
        let host = verifying(start).await;
        let (older, dead) = code(&host, ANA, "LOGIN").await;
        host.clock.advance(TimeDelta::seconds(30));
        let (_, answer) = host.post("/api/v1/otp", json!({"phone": ANA, "purpose": "LOGIN"})).await;
        let id = answer["id"].as_str().unwrap();
        assert_ne!(id, older);
        host.clock.advance(TimeDelta::seconds(60));
        assert_eq!(host.post(&format!("/api/v1/otp/{id}/resend"), json!({})).await.0, 202);
        host.run().await;
        assert_eq!(host.texts_to(ANA).len(), 2, "{:?}", host.texts_to(ANA));
        let code = last_code(&host, ANA);
        assert_ne!(code, dead);
        assert_eq!(check(&host, id, &code).await["status"], "approved");
    }

    async fn by_verify_three_wrong_codes_end_it_and_the_next_code_is_another(start: Start) {
        let host = verifying(start).await;
        let (id, first) = code(&host, ANA, "LOGIN").await;
        for _ in 0..3 {
            check(&host, &id, &wrong(&first)).await;
        }
        assert_eq!(check(&host, &id, &first).await["status"], "exhausted");
        let (newer, second) = code(&host, ANA, "LOGIN").await;
        assert_eq!(check(&host, &id, &second).await["status"], "expired", "the older is over");
        assert_eq!(check(&host, &newer, &second).await["status"], "approved");
    }

    async fn by_verify_a_code_for_one_purpose_does_not_pass_for_another(start: Start) {
        let host = verifying(start).await;
        let (login, login_code) = code(&host, ANA, "LOGIN").await;
        // Twilio has one code for a number at a time: the newer request ends the older, whatever it is for.
        let (mfa, mfa_code) = code(&host, ANA, "MFA").await;
        assert_eq!(check(&host, &login, &login_code).await["status"], "expired");
        assert_eq!(check(&host, &login, &mfa_code).await["status"], "expired");
        if login_code != mfa_code {
            assert_eq!(check(&host, &mfa, &login_code).await["status"], "pending");
        }
        assert_eq!(check(&host, &mfa, &mfa_code).await["status"], "approved");
    }

    async fn a_verification_of_another_challenge_is_none_of_this(start: Start) {
        let host = verifying(start).await;
        let (first, first_code) = code(&host, ANA, "LOGIN").await;
        let (second, _) = code(&host, BO, "LOGIN").await;
        // As if Twilio had sent the first one's code for the second.
        let mut tx = host.host.store.begin().await.unwrap();
        let of_first = tx.challenge(first.parse().unwrap(), true).await.unwrap().unwrap().verification.unwrap();
        assert!(!tx.verification_begun(second.parse().unwrap(), &of_first).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(check(&host, &second, &first_code).await["status"], "pending");
    }

    async fn by_verify_a_code_dies_with_our_life_and_no_text_leaves_after_it(start: Start) {
        let host = verifying(start).await;
        let (id, code) = code(&host, ANA, "LOGIN").await;
        ask(&host, BO, "LOGIN").await;
        host.clock.advance(TimeDelta::minutes(5));
        assert_eq!(check(&host, &id, &code).await["status"], "expired");
        host.run().await;
        assert_eq!((host.sandbox.calls(), host.texts_to(BO).len()), (1, 0));
    }

    async fn by_verify_of_two_right_codes_at_once_one_wins(start: Start) {
        let host = verifying(start).await;
        let (id, code) = code(&host, ANA, "LOGIN").await;
        one_of_three_wins(&host, &id, &code).await;
    }

    async fn a_check_that_verify_does_not_answer_is_no_approval(start: Start) {
        let host = verifying(start).await;
        let (id, code) = code(&host, ANA, "LOGIN").await;
        host.sandbox.script(CHECKS, [Fault::Error500, Fault::Refuse(20429), Fault::Error500]);
        let path = format!("/api/v1/otp/{id}/check");
        for id in [id.as_str(), "019a6b0e-6f5e-7b8e-9f63-0d5c8d8f8c11"] {
            let (status, problem) = host.post(&format!("/api/v1/otp/{id}/check"), json!({"code": code})).await;
            assert_eq!((status, &problem["type"]), (503, &json!("/docs/problems/codes-unavailable")), "alike for all");
        }
        let (status, _) = host.post(&path, json!({"code": code})).await;
        assert_eq!(status, 503);
        // Both tries counted.
        assert_eq!(check(&host, &id, &code).await["status"], "approved");
    }

    async fn a_try_counts_before_verify_is_asked(start: Start) {
        let host = verifying(start).await;
        let (id, code) = code(&host, ANA, "LOGIN").await;
        host.sandbox.script(CHECKS, [Fault::Error500; 3]);
        for _ in 0..3 {
            assert_eq!(host.post(&format!("/api/v1/otp/{id}/check"), json!({"code": code})).await.0, 503);
        }
        assert_eq!(check(&host, &id, &code).await["status"], "exhausted", "all three were used up");
    }

    async fn an_approval_that_was_not_seen_is_none(start: Start) {
        let host = verifying(start).await;
        let (id, code) = code(&host, ANA, "LOGIN").await;
        host.sandbox.script(CHECKS, [Fault::AcceptThenError500]);
        assert_eq!(host.post(&format!("/api/v1/otp/{id}/check"), json!({"code": code})).await.0, 503);
        assert_eq!(check(&host, &id, &code).await["status"], "expired", "Twilio has used it up");
        assert_eq!(check(&host, &id, &code).await["status"], "expired");
        let (id, code) = crate::otp::code(&host, ANA, "LOGIN").await;
        assert_eq!(check(&host, &id, &code).await["status"], "approved", "a new one is given");
    }

    async fn too_many_checks_at_verify_end_it_here(start: Start) {
        let host = verifying(start).await;
        let (id, code) = code(&host, ANA, "LOGIN").await;
        host.sandbox.script(CHECKS, [Fault::Refuse(60202)]);
        assert_eq!(check(&host, &id, &code).await["status"], "exhausted");
    }

    async fn a_start_whose_answer_was_not_seen_is_looked_up_and_not_sent_again(start: Start) {
        let host = verifying(start).await;
        host.sandbox.script(ANA, [Fault::AcceptThenError500]);
        let (id, code) = code(&host, ANA, "LOGIN").await;
        assert_eq!(newest(&host).await["state"], "unknown");
        assert_eq!(check(&host, &id, &code).await["status"], "pending", "nobody knows which verification it is");
        host.run_after(TimeDelta::seconds(61)).await;
        assert_eq!(newest(&host).await["state"], "accepted");
        assert_eq!(check(&host, &id, &code).await["status"], "approved");
        // One that Twilio never took.
        host.sandbox.script(BO, [Fault::Error500]);
        let (_, answer) = ask(&host, BO, "LOGIN").await;
        host.run().await;
        for _ in 0..4 {
            host.run_after(TimeDelta::seconds(35)).await;
        }
        assert_eq!((newest(&host).await["reason"]["code"].clone(), host.texts_to(BO).len()), (json!("outcome_unknown"), 0));
        let path = format!("/api/v1/otp/{}/resend", answer["id"].as_str().unwrap());
        assert_eq!(host.post(&path, json!({})).await.0, 202, "the person does it");
        host.run().await;
        assert_eq!(check(&host, answer["id"].as_str().unwrap(), &last_code(&host, BO)).await["status"], "approved");
    }

    async fn what_verify_refuses_shows_in_the_story_and_in_no_answer(start: Start) {
        let host = verifying(start).await;
        let stopped = "+12025550145";
        host.message(json!({"type": "follow-up", "to": {"id": "cy", "phone": stopped}})).await;
        host.run().await;
        host.sandbox.reply(stopped, None, "STOP").await.unwrap();
        host.run().await;
        let before = host.texts_to(stopped).len();
        let mut shapes = BTreeSet::new();
        for (number, code) in [
            (ANA, None), (stopped, None), ("+12025550151", Some(60205)), ("+12025550152", Some(60203)),
            ("+12025550153", Some(60410)), ("+12025550154", Some(60605)), ("+12025550155", Some(60200)),
            ("+12025550156", Some(20404)), ("+12025550157", Some(60220)), ("+12025550158", Some(60223)),
        ] {
            host.sandbox.script(number, code.map(Fault::Refuse));
            let (status, mut answer) = ask(&host, number, "LOGIN").await;
            answer["id"] = Value::Null;
            shapes.insert((status, answer.to_string()));
            host.run().await;
            let list = host.get(&format!("/api/v1/messages?type=otp&phone=%2B{}", &number[1..])).await;
            if let Some(code) = code {
                assert_eq!((&list["items"][0]["state"], &list["items"][0]["error_code"]), (&json!("failed"), &json!(code)), "{list}");
            }
        }
        assert_eq!(shapes.len(), 1, "{shapes:?}");
        assert_eq!(host.texts_to(stopped).len(), before, "who has said stop is not written to");
        // A service that is not there does not stop the account's other texts.
        host.message(json!({"type": "follow-up", "to": {"id": "dan", "phone": "+12025550147"}})).await;
        host.run().await;
        assert_eq!(host.texts_to("+12025550147").len(), 1);
    }

    async fn the_older_names_work_by_verify(start: Start) {
        let host = verifying(start).await;
        assert_eq!(host.post("/api/v1/sms/send-otp", json!({"phoneNumber": ANA})).await.0, 200);
        host.run().await;
        let code = last_code(&host, ANA);
        let verify = async |code: &str| host.post("/api/v1/sms/verify-otp", json!({"phoneNumber": ANA, "code": code})).await.1;
        assert_eq!(verify(&wrong(&code)).await["success"], false);
        assert_eq!(verify(&code).await["success"], true);
        assert_eq!(verify(&code).await["success"], false);
    }
}
