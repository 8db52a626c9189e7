//! One-time codes: asked for, sent, tried, once; whoever guesses, repeats, races or pumps.

use crate::delivery::another;
use crate::for_each_database;
use crate::support::{ANA, Answer, TestHost};
use chrono::TimeDelta;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tidings::service::{Checked, Origin};
use tokio::task::JoinSet;

pub(crate) const BO: &str = "+12025550144";

pub(crate) async fn ask(host: &TestHost, phone: &str, purpose: &str) -> Answer {
    host.post("/api/v1/otp", json!({"phone": phone, "purpose": purpose})).await
}

/// Asks for a code that must be given, and answers its id and what the phone got.
pub(crate) async fn code(host: &TestHost, phone: &str, purpose: &str) -> (String, String) {
    let (status, answer) = ask(host, phone, purpose).await;
    assert_eq!(status, 202, "{answer}");
    host.run().await;
    (answer["id"].as_str().unwrap().to_owned(), last_code(host, phone))
}

/// The digits of the last text to a phone.
pub(crate) fn last_code(host: &TestHost, phone: &str) -> String {
    let text = host.texts_to(phone).pop().unwrap_or_else(|| panic!("no text to {phone}"));
    let mut words = text.split(|c: char| !c.is_ascii_digit());
    words.rfind(|digits| digits.len() == 6).unwrap_or_else(|| panic!("no code in it")).to_owned()
}

pub(crate) async fn check(host: &TestHost, id: &str, code: &str) -> Value {
    let (status, answer) = host.post(&format!("/api/v1/otp/{id}/check"), json!({"code": code})).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

/// Another code, for sure.
pub(crate) fn wrong(code: &str) -> String {
    code.chars().map(|c| char::from(b'0' + (c as u8 - b'0' + 1) % 10)).collect()
}

/// Tries a right code three times at once.
pub(crate) async fn one_of_three_wins(host: &TestHost, id: &str, code: &str) {
    let mut tries = JoinSet::new();
    for _ in 0..3 {
        let (host, id, code) = (host.host.clone(), id.parse().unwrap(), code.to_owned());
        tries.spawn(async move { format!("{:?}", host.check_code(id, true, &code).await.unwrap()) });
    }
    let answers = tries.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.starts_with("Approved")).count(), 1, "{answers:?}");
}

for_each_database! {
    async fn a_code_arrives_and_opens_once(start: Start) {
        let host = start.host().await;
        let (status, answer) = ask(&host, ANA, "LOGIN").await;
        assert_eq!((status, &answer["expires_in"], &answer["resend_in"], &answer["sends_left"]),
            (202, &json!(300), &json!(30), &json!(3)));
        assert_eq!(answer.as_object().unwrap().len(), 4, "no decision is in it: {answer}");
        host.run().await;
        let text = host.texts_to(ANA).pop().unwrap();
        assert!(text.contains("Lakeside Clinic") && text.contains("5 minutes") && text.contains("Do not share"), "{text}");
        assert_eq!(host.sandbox.texts_to(ANA)[0].validity, Some(300));
        let (id, code) = (answer["id"].as_str().unwrap().to_owned(), last_code(&host, ANA));
        assert_eq!(check(&host, &id, &code).await, json!({"status": "approved", "attempts_left": 0, "recipient": null}));
        assert_eq!(check(&host, &id, &code).await["status"], "expired", "used is used");
    }

    async fn the_code_is_stored_nowhere(start: Start) {
        let host = start.host().await;
        let (id, code) = code(&host, ANA, "LOGIN").await;
        let list = host.get("/api/v1/messages?type=otp").await;
        let message = list["items"][0]["id"].as_str().unwrap();
        let story = host.story(message).await;
        assert!(!story.to_string().contains(&code), "{story}");
        let kept = host.host.store.read().await.unwrap().open_message(message.parse().unwrap()).await.unwrap();
        assert!(!kept.text.unwrap().contains(&code) && kept.payload.is_none());
        // Without its key, which is no part of the database, nobody can tell the code any more.
        let keys = host.host.store.keys().codes();
        keys.rotate(&tidings::clock::Chance::seeded(1)).unwrap();
        keys.forget(&keys.retired()[0].id).unwrap();
        assert_eq!(check(&host, &id, &code).await["status"], "pending");
    }

    async fn a_retired_key_serves_until_its_last_challenge_has_ended(start: Start) {
        let host = start.host().await;
        let (id, older) = code(&host, ANA, "LOGIN").await;
        let (other, other_code) = code(&host, BO, "LOGIN").await;
        let keys = host.host.store.keys().codes();
        keys.rotate(&tidings::clock::Chance::seeded(1)).unwrap();
        let (newer, newer_code) = code(&host, ANA, "MFA").await;
        host.host.sweep().await.unwrap();
        assert_eq!(check(&host, &id, &older).await["status"], "approved");
        assert_eq!(check(&host, &newer, &newer_code).await["status"], "approved");
        host.host.sweep().await.unwrap();
        assert_eq!((keys.retired().len(), check(&host, &other, &other_code).await["status"].clone()), (1, json!("approved")));
        host.host.sweep().await.unwrap();
        assert_eq!(keys.retired().len(), 1, "a challenge that was begun with it a moment ago may be on its way");
        host.run_after(TimeDelta::seconds(60)).await;
        assert_eq!(keys.retired().len(), 0, "destroyed");
    }

    async fn three_wrong_codes_end_it_also_when_the_fourth_is_right(start: Start) {
        let host = start.host().await;
        let (id, code) = code(&host, ANA, "LOGIN").await;
        for left in [2, 1] {
            assert_eq!(check(&host, &id, &wrong(&code)).await, json!({"status": "pending", "attempts_left": left, "recipient": null}));
        }
        assert_eq!(check(&host, &id, "no code at all").await["status"], "exhausted");
        assert_eq!(check(&host, &id, &code).await["status"], "exhausted");
        let (status, problem) = host.post(&format!("/api/v1/otp/{id}/resend"), json!({})).await;
        assert_eq!((status, &problem["type"]), (409, &json!("/docs/problems/code-ended")));
    }

    async fn the_third_try_may_be_right(start: Start) {
        let host = start.host().await;
        let (id, code) = code(&host, ANA, "LOGIN").await;
        check(&host, &id, &wrong(&code)).await;
        check(&host, &id, &wrong(&code)).await;
        assert_eq!(check(&host, &id, &code).await["status"], "approved");
    }

    async fn a_code_dies_with_its_life(start: Start) {
        let host = start.host().await;
        let (id, code) = code(&host, ANA, "LOGIN").await;
        host.clock.advance(TimeDelta::seconds(299));
        assert_eq!(check(&host, &id, &wrong(&code)).await["status"], "pending");
        host.clock.advance(TimeDelta::seconds(1));
        assert_eq!(check(&host, &id, &code).await["status"], "expired");
    }

    async fn a_clock_that_is_set_back_lengthens_no_life(start: Start) {
        let host = start.host().await;
        let (id, code) = code(&host, ANA, "LOGIN").await;
        host.clock.advance(TimeDelta::hours(-1));
        assert_eq!(check(&host, &id, &code).await["status"], "expired");
        assert_eq!(ask(&host, ANA, "LOGIN").await.0, 202, "and a new one is given");
    }

    async fn a_new_challenge_ends_the_older_of_its_purpose_only(start: Start) {
        let host = start.host().await;
        let (login, login_code) = code(&host, ANA, "LOGIN").await;
        let (mfa, mfa_code) = code(&host, ANA, "MFA").await;
        let (newer, newer_code) = code(&host, ANA, "LOGIN").await;
        assert_eq!(check(&host, &login, &login_code).await["status"], "expired");
        assert_eq!(check(&host, &newer, &mfa_code).await["status"], "pending", "a code of another purpose");
        assert_eq!(check(&host, &mfa, &mfa_code).await["status"], "approved");
        assert_eq!(check(&host, &newer, &newer_code).await["status"], "approved");
    }

    async fn of_two_right_codes_at_once_one_wins(start: Start) {
        let host = start.host().await;
        for round in 0..3 {
            let (id, code) = code(&host, &format!("+1202555014{round}"), "LOGIN").await;
            one_of_three_wins(&host, &id, &code).await;
        }
    }

    async fn of_many_codes_at_once_no_more_are_compared_than_allowed(start: Start) {
        let host = start.host().await;
        let (id, code) = code(&host, ANA, "LOGIN").await;
        let mut tries = JoinSet::new();
        for _ in 0..12 {
            let (host, id, code) = (host.host.clone(), id.parse().unwrap(), wrong(&code));
            tries.spawn(async move { host.check_code(id, true, &code).await.unwrap() });
        }
        tries.join_all().await;
        assert_eq!(check(&host, &id, &code).await["status"], "exhausted");
    }

    async fn of_many_challenges_at_once_one_is_left(start: Start) {
        let host = start.host().await;
        let request = host.host.read_code_request(&tidings::service::PostedCode {
            phone: ANA.to_owned(), purpose: "LOGIN".to_owned(), ..Default::default()
        }).unwrap();
        let mut starts = JoinSet::new();
        for _ in 0..6 {
            let (host, request) = (host.host.clone(), request.clone());
            let origin = Origin { test: true, ..Origin::default() };
            starts.spawn(async move { host.start_code(&origin, &request).await.unwrap().id });
        }
        let ids: BTreeSet<String> = starts.join_all().await.iter().map(ToString::to_string).collect();
        assert_eq!(ids.len(), 6);
        host.run().await;
        assert_eq!(host.texts_to(ANA).len(), 1, "only the text of the last one has a use");
        let code = last_code(&host, ANA);
        let mut approved = 0;
        for id in ids {
            approved += u32::from(check(&host, &id, &code).await["status"] == "approved");
        }
        assert_eq!(approved, 1);
    }

    async fn the_same_code_is_sent_again_after_ever_longer_waits(start: Start) {
        let host = start.host().await;
        let (id, first) = code(&host, ANA, "LOGIN").await;
        let path = format!("/api/v1/otp/{id}/resend");
        for (wait, left, next) in [(30, 2, json!(60)), (60, 1, json!(120)), (120, 0, Value::Null)] {
            host.clock.advance(TimeDelta::seconds(wait - 1));
            let (status, problem) = host.post(&path, json!({})).await;
            assert_eq!((status, &problem["type"]), (429, &json!("/docs/problems/code-just-sent")), "{wait}");
            host.clock.advance(TimeDelta::seconds(1));
            let (status, answer) = host.post(&path, json!({})).await;
            assert_eq!((status, &answer["sends_left"], &answer["resend_in"], &answer["id"]), (202, &json!(left), &next, &json!(id)));
            host.run().await;
            assert_eq!(last_code(&host, ANA), first);
        }
        assert!(host.texts_to(ANA)[3].contains("1 minute."), "210 of 300 s are over: {:?}", host.texts_to(ANA)[3]);
        assert_eq!(host.sandbox.texts_to(ANA)[3].validity, Some(90));
        assert_eq!(host.post(&path, json!({})).await.0, 429, "as often as there are waits");
        assert_eq!(check(&host, &id, &first).await["status"], "approved");
        assert_eq!(host.post(&path, json!({})).await.0, 409);
    }

    async fn a_text_that_has_lost_its_use_is_not_sent(start: Start) {
        let host = start.host().await;
        let (_, answer) = ask(&host, ANA, "LOGIN").await;
        let id: tidings::domain::id::ChallengeId = answer["id"].as_str().unwrap().parse().unwrap();
        for _ in 0..3 {
            host.host.check_code(id, true, "000").await.unwrap();
        }
        ask(&host, BO, "LOGIN").await;
        host.clock.advance(TimeDelta::minutes(5));
        host.run().await;
        assert_eq!(host.sandbox.calls(), 0);
        let states = host.states().await;
        assert_eq!(states.iter().map(|(_, _, state)| state.as_str()).collect::<Vec<_>>(), ["expired", "expired"]);
    }

    async fn every_number_is_answered_alike(start: Start) {
        let host = start.host().await;
        host.request("PUT", "/api/v1/recipients/bo", Some(&json!({"phone": BO, "language": "es"}))).await;
        let stopped = "+12025550145";
        host.message(json!({"type": "follow-up", "to": {"id": "cy", "phone": stopped}})).await;
        host.run().await;
        host.sandbox.reply(stopped, None, "STOP").await.unwrap();
        host.run().await;
        let before = host.texts_to(stopped).len();
        let mut shapes = BTreeSet::new();
        for number in [ANA, BO, stopped, "+12025550146"] {
            let (status, mut answer) = ask(&host, number, "LOGIN").await;
            answer["id"] = Value::Null;
            shapes.insert((status, answer.to_string()));
        }
        assert_eq!(shapes.len(), 1, "{shapes:?}");
        host.run().await;
        assert!(host.texts_to(BO)[0].contains("su clave"), "who is known is written to in their language");
        assert_eq!(host.texts_to(stopped).len(), before, "who has said stop is not");
    }

    async fn a_right_code_names_the_person_and_a_shared_phone_nobody(start: Start) {
        let host = start.host().await;
        host.request("PUT", "/api/v1/recipients/ana", Some(&json!({"phone": ANA}))).await;
        let (id, right) = code(&host, ANA, "LOGIN").await;
        assert_eq!(check(&host, &id, &right).await["recipient"], "ana");
        host.request("PUT", "/api/v1/recipients/her-mother", Some(&json!({"phone": ANA}))).await;
        let (id, right) = code(&host, ANA, "LOGIN").await;
        assert_eq!(check(&host, &id, &right).await["recipient"], Value::Null);
        let (_, answer) = host.post("/api/v1/otp", json!({"phone": ANA, "purpose": "LOGIN", "recipient": "her-mother"})).await;
        host.run().await;
        assert_eq!(check(&host, answer["id"].as_str().unwrap(), &last_code(&host, ANA)).await["recipient"], "her-mother");
    }

    async fn a_clinics_own_id_is_a_name_whatever_it_begins_with(start: Start) {
        let host = start.host().await;
        for id in ["phone-7", "PHONE-0123456789abcdef"] {
            host.request("PUT", &format!("/api/v1/recipients/{id}"), Some(&json!({"phone": ANA}))).await;
            let (challenge, right) = code(&host, ANA, "LOGIN").await;
            assert_eq!(check(&host, &challenge, &right).await["recipient"], id);
            host.request("PATCH", &format!("/api/v1/recipients/{id}"), Some(&json!({"phone": null}))).await;
        }
        // Who was only ever written to has an id of ours, which is no name.
        host.message(json!({"type": "follow-up", "to": {"phone": BO}})).await;
        host.run().await;
        let (challenge, right) = code(&host, BO, "LOGIN").await;
        assert_eq!(check(&host, &challenge, &right).await["recipient"], Value::Null);
    }

    async fn a_code_never_goes_to_another_number_than_it_was_asked_for(start: Start) {
        let host = start.host().await;
        host.request("PUT", "/api/v1/recipients/ana", Some(&json!({"phone": ANA}))).await;
        let (_, answer) = host.post("/api/v1/otp", json!({"phone": BO, "purpose": "PHONE_VERIFY", "recipient": "ana"})).await;
        ask(&host, ANA, "LOGIN").await;
        host.request("PATCH", "/api/v1/recipients/ana", Some(&json!({"phone": "+12025550147"}))).await;
        host.run().await;
        assert_eq!((host.texts_to(BO).len(), host.sandbox.texts().len()), (1, 1), "Ana's number is another by now");
        assert_eq!(check(&host, answer["id"].as_str().unwrap(), &last_code(&host, BO)).await["recipient"], "ana");
    }

    async fn a_code_survives_the_death_of_its_host(start: Start) {
        let host = start.host().await;
        let (_, answer) = ask(&host, ANA, "LOGIN").await;
        // The one that took the request has sent nothing; another, which never saw the request, does.
        let next = another(&host, |_| ());
        next.tick().await.unwrap();
        host.sandbox.until_quiet().await;
        let id = answer["id"].as_str().unwrap().parse().unwrap();
        let checked = next.check_code(id, true, &last_code(&host, ANA)).await.unwrap();
        assert_eq!(checked, Checked::Approved { recipient: None });
    }

    async fn an_unseen_outcome_is_not_sent_again_by_itself(start: Start) {
        let host = start.host().await;
        // Twilio answers with a fault of its own: it may have sent the text.
        host.sandbox.always(ANA, tidings::sandbox::Fault::Error500);
        let (_, answer) = ask(&host, ANA, "LOGIN").await;
        host.run().await;
        for _ in 0..8 {
            host.run_after(TimeDelta::seconds(35)).await;
        }
        assert_eq!(host.sandbox.calls(), 1);
        let list = host.get("/api/v1/messages?type=otp").await;
        assert_eq!(list["items"][0]["reason"]["code"], "outcome_unknown", "{list}");
        // The person does it, and gets the same code.
        assert_eq!(host.post(&format!("/api/v1/otp/{}/resend", answer["id"].as_str().unwrap()), json!({})).await.0, 202);
        host.run().await;
        assert_eq!(host.sandbox.calls(), 2);
    }

    async fn fields_that_are_wrong_are_named(start: Start) {
        let host = start.host().await;
        for (body, pointer) in [
            (json!({"phone": "call me", "purpose": "LOGIN"}), "/phone"),
            (json!({"phone": ANA, "purpose": "log in"}), "/purpose"),
            (json!({"phone": ANA, "purpose": "LOGIN", "locale": "!"}), "/locale"),
            (json!({"phone": ANA, "purpose": "LOGIN", "recipient": ""}), "/recipient"),
            (json!({"phone": ANA, "purpose": "LOGIN", "ip": "here"}), "/ip"),
            (json!({"phone": ANA}), "/purpose"),
        ] {
            let (status, problem) = host.post("/api/v1/otp", body).await;
            assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!(pointer)), "{problem}");
        }
    }

    async fn the_older_names_do_the_same(start: Start) {
        let host = start.host().await;
        host.request("PUT", "/api/v1/recipients/ana", Some(&json!({"phone": ANA}))).await;
        let send = async |body: Value| host.post("/api/v1/sms/send-otp", body).await;
        let verify = async |body: Value| host.post("/api/v1/sms/verify-otp", body).await;
        let (status, answer) = send(json!({"phoneNumber": ANA})).await;
        assert_eq!((status, &answer["success"], &answer["data"]), (200, &json!(true), &json!({"success": true, "expiresAt": "2026-11-24T15:05:00Z"})));
        host.run().await;
        let first = last_code(&host, ANA);
        let (status, answer) = send(json!({"phoneNumber": ANA, "purpose": "LOGIN"})).await;
        assert_eq!((status, &answer["success"], &answer["data"]), (429, &json!(false), &Value::Null), "it is a resend, too early");
        host.clock.advance(TimeDelta::seconds(30));
        assert_eq!(send(json!({"phoneNumber": ANA})).await.0, 200);
        host.run().await;
        assert_eq!(last_code(&host, ANA), first, "the same code");
        let no = json!({"success": false, "message": "The code is wrong or has expired.", "data": {"success": false, "userId": null}});
        assert_eq!(verify(json!({"phoneNumber": ANA, "code": wrong(&first)})).await, (200, no.clone()));
        assert_eq!(verify(json!({"phoneNumber": ANA, "code": first, "purpose": "MFA"})).await, (200, no.clone()));
        assert_eq!(verify(json!({"phoneNumber": BO, "code": first})).await, (200, no.clone()), "nothing is waited for there");
        let (status, answer) = verify(json!({"phoneNumber": ANA, "code": first})).await;
        assert_eq!((status, &answer["success"], &answer["data"]), (200, &json!(true), &json!({"success": true, "userId": "ana"})));
        assert_eq!(verify(json!({"phoneNumber": ANA, "code": first})).await, (200, no));
        let (status, answer) = send(json!({"phoneNumber": "call me"})).await;
        assert_eq!((status, &answer["data"]), (422, &Value::Null));
        assert!(answer["message"].as_str().unwrap().starts_with("/phoneNumber "), "{answer}");
    }

    async fn the_older_names_need_a_key_unless_they_are_public(start: Start) {
        let host = start.host().await;
        let without = async |host: &TestHost, path: &str, body: Value| {
            let request = host.client.post(format!("{}{path}", host.base)).json(&body);
            request.send().await.unwrap().status().as_u16()
        };
        let body = json!({"phoneNumber": ANA});
        assert_eq!(without(&host, "/api/v1/sms/send-otp", body.clone()).await, 401);
        assert_eq!(without(&host, "/api/v1/sms/verify-otp", json!({"phoneNumber": ANA, "code": "1"})).await, 401);
        assert_eq!(without(&host, "/api/v1/otp", json!({"phone": ANA, "purpose": "LOGIN"})).await, 401);
        assert_eq!(host.texts_to(ANA).len(), 0);
    }

    async fn public_names_work_without_a_key(start: Start) {
        let mut start = start;
        start.config.otp.public = true;
        let host = start.host().await;
        let request = host.client.post(format!("{}/api/v1/sms/send-otp", host.base)).json(&json!({"phoneNumber": ANA}));
        assert_eq!(request.send().await.unwrap().status().as_u16(), 200);
        host.run().await;
        let body = json!({"phoneNumber": ANA, "code": last_code(&host, ANA)});
        let request = host.client.post(format!("{}/api/v1/sms/verify-otp", host.base)).json(&body);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["success"], true);
        let request = host.client.post(format!("{}/api/v1/otp", host.base)).json(&json!({"phone": ANA, "purpose": "LOGIN"}));
        assert_eq!(request.send().await.unwrap().status().as_u16(), 401, "only the two older names");
    }
}
