//! Replies whose ground has moved: the visit is another day, the phone another person's, the number a slip, or
//! two came at once. Nobody guesses, and nothing is lost.

use crate::for_each_database;
use crate::replies::{CLINIC, asked, inbound, items, reminded, replies, requests, two_visits, type_on, word};
use crate::support::{ANA, booked};
use chrono::TimeDelta;
use serde_json::{Value, json};

fn staff(reason: &str) -> (String, String) {
    ("hand_to_staff".to_owned(), reason.to_owned())
}

for_each_database! {
    async fn a_reply_to_a_visit_that_has_moved_confirms_nothing(start: Start) {
        let host = start.host().await;
        reminded(&host).await;
        let mut moved = booked(2, "2026-12-04T15:30:00-05:00");
        moved["type"] = json!("appointment.rescheduled");
        host.event(moved).await;
        // The new day is not on the phone yet: what she answers is the old one.
        for text in ["C", "R", "see you then"] {
            host.clock.advance(TimeDelta::seconds(1));
            host.sandbox.reply(ANA, Some(CLINIC), text).await.unwrap();
        }
        assert_eq!(requests(&host).await, []);
        assert_eq!(replies(&host).await, [staff("visit-changed"), staff("visit-changed"), staff("visit-changed")]);
        host.run().await;
        assert_eq!(host.texts_to(ANA).len(), 3);
        type_on(&host, ANA, "R").await;
        assert_eq!(requests(&host).await, [asked("reschedule", "9", "ana")]);
    }

    async fn a_reply_to_a_visit_that_has_moved_is_about_no_other_visit(start: Start) {
        let host = start.host().await;
        two_visits(&host, "brother", "2026-12-03T15:30:00-05:00").await;
        // The one that the phone was asked about last.
        let newest = host.get("/api/v1/messages?type=appointment-reminder&state=delivered").await;
        let newest = items(&newest["items"]).iter().max_by_key(|m| (word(m, "sent_at").to_owned(), word(m, "id").to_owned())).unwrap().clone();
        let (subject, whose) = (newest["subject"]["id"].clone(), newest["recipient"].clone());
        let mut moved = booked(2, "2026-12-04T15:30:00-05:00");
        moved["type"] = json!("appointment.rescheduled");
        moved["subject"]["id"] = subject;
        moved["people"][0]["id"] = whose;
        host.event(moved).await;
        host.sandbox.reply(ANA, Some(CLINIC), "C").await.unwrap();
        assert_eq!((requests(&host).await, replies(&host).await), (vec![], vec![staff("visit-changed")]));
    }

    async fn who_has_a_new_number_is_not_answered_for_from_the_old_one(start: Start) {
        let host = start.host().await;
        reminded(&host).await;
        host.request("PATCH", "/api/v1/recipients/ana", Some(&json!({"phone": "+12025550144"}))).await;
        type_on(&host, ANA, "C").await;
        let list = host.get("/api/v1/replies").await;
        let reply = &items(&list["items"])[0];
        assert_eq!((&reply["recipient"], word(reply, "phone")), (&Value::Null, "+1•••••••143"), "nobody's, as far as is known");
        // Whoever has it now is not Ana.
        host.request("PUT", "/api/v1/recipients/new", Some(&json!({"phone": ANA}))).await;
        for text in ["C", "STOP"] {
            type_on(&host, ANA, text).await;
        }
        assert_eq!(requests(&host).await, []);
        assert_eq!(replies(&host).await, [staff("former-phone"), staff("former-phone"), ("stop".to_owned(), "keyword".to_owned())]);
        let list = host.get("/api/v1/replies?recipient=new").await;
        assert_eq!(items(&list["items"]).len(), 2, "{list}");
        assert_eq!(items(&host.get("/api/v1/replies?recipient=ana").await["items"]), &[] as &[Value]);
        for (id, lines) in [("ana", 0), ("new", 1)] {
            let ledger = host.get(&format!("/api/v1/recipients/{id}/consents")).await;
            assert_eq!(items(&ledger["items"]).len(), lines, "{id}: {ledger}");
        }
    }

    async fn a_number_that_was_not_among_them_leaves_the_question_open(start: Start) {
        let host = start.host().await;
        two_visits(&host, "ana", "2026-12-03T15:30:00-05:00").await;
        for text in ["R", "3", "0", "2"] {
            type_on(&host, ANA, text).await;
        }
        assert_eq!(requests(&host).await, [asked("reschedule", "10", "ana")]);
        assert_eq!(replies(&host).await[1..3], [staff("no-such-number"), staff("no-such-number")]);
    }

    async fn of_two_numbers_at_once_one_chooses_and_neither_is_lost(start: Start) {
        let host = start.host().await;
        two_visits(&host, "ana", "2026-12-03T15:30:00-05:00").await;
        type_on(&host, ANA, "R").await;
        host.clock.advance(TimeDelta::seconds(1));
        let numbers = ["1", "2", "1", "2"].iter().enumerate();
        let numbers: Vec<_> = numbers.map(|(n, text)| inbound(&format!("SM{n:032}"), ANA, text)).collect();
        let [one, two, three, four] = &numbers[..] else { panic!() };
        let all = tokio::join!(
            host.host.accept_reply(one),
            host.host.accept_reply(two),
            host.host.accept_reply(three),
            host.host.accept_reply(four),
        );
        assert!(all.0.unwrap() && all.1.unwrap() && all.2.unwrap() && all.3.unwrap());
        assert_eq!(requests(&host).await.len(), 1);
        let mut told: Vec<String> = replies(&host).await.split_off(1).into_iter().map(|(_, reason)| reason).collect();
        told.sort();
        assert_eq!(told, ["chosen", "no-open-question", "no-open-question", "no-open-question"]);
    }

    /// As if there were no end of others.
    async fn a_number_that_others_overtake_time_and_again_is_given_back_to_the_provider(start: Start) {
        let host = start.host().await;
        two_visits(&host, "ana", "2026-12-03T15:30:00-05:00").await;
        type_on(&host, ANA, "R").await;
        host.sql(match host.host.store.engine() {
            "sqlite" => "CREATE TRIGGER kept BEFORE UPDATE ON questions BEGIN SELECT RAISE(IGNORE); END",
            _ => "CREATE RULE kept AS ON UPDATE TO questions DO INSTEAD NOTHING",
        }).await;
        let error = host.host.accept_reply(&inbound(&format!("SM{:032}", 7), ANA, "1")).await.unwrap_err();
        assert_eq!(error.to_string(), "others changed what it rests on, 50 times in a row");
        assert_eq!(requests(&host).await, []);
    }
}
