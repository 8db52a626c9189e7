//! Replies: STOP, START and HELP, what a policy makes of other words, and that each counts once.

use crate::for_each_database;
use crate::support::{ANA, TestHost, VISIT, booked, phone};
use chrono::TimeDelta;
use serde_json::{Value, json};
use tidings::service::Inbound;

/// Nobody has this phone.
const STRANGER: &str = "+13125550199";
/// The sandbox's own number, which texts come from.
const CLINIC: &str = "+15005550006";

fn items(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}"))
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {value}"))
}

/// Types a text on a phone, and lets the host do what follows.
async fn type_on(host: &TestHost, phone: &str, text: &str) {
    host.clock.advance(TimeDelta::seconds(1));
    let reply = host.sandbox.reply(phone, Some(CLINIC), text).await.unwrap();
    assert_eq!(reply.answer, Some(200));
    host.run().await;
}

/// Everything that a phone shows but what was typed on it, Twilio's own words included.
async fn shown_on(host: &TestHost, phone: &str) -> Vec<String> {
    let texts = host.get(&format!("/sandbox/api/texts?phone={}", phone.replace('+', "%2B"))).await;
    let shown =
        items(&texts["items"]).iter().filter(|t| t["direction"] != "inbound" && t["status"] == "delivered");
    shown.map(|text| word(text, "body").to_owned()).collect()
}

async fn ready(host: &TestHost) -> Value {
    let id = host
        .message(json!({"type": "prescription-ready", "to": {"id": "ana", "phone": ANA, "language": "en"}}))
        .await;
    host.run().await;
    host.story(&id).await
}

/// Books a visit, and sends the confirmation and the reminder of the day before.
async fn reminded(host: &TestHost) -> Value {
    let event = host.event(booked(1, VISIT)).await;
    host.run().await;
    host.clock.set("2026-12-02T19:30:00Z".parse().unwrap());
    host.run_after(TimeDelta::zero()).await;
    assert_eq!(host.texts_to(ANA).len(), 2);
    event
}

/// What the replies to a message were taken to mean.
async fn meanings(host: &TestHost, id: &str) -> Vec<String> {
    let story = host.story(id).await;
    let replies = items(&story["decisions"]).iter().filter(|d| d["question"] == "on-reply");
    replies.map(|decision| word(decision, "outcome").to_owned()).collect()
}

async fn of_type(host: &TestHost, kind: &str) -> Vec<Value> {
    items(&host.get(&format!("/api/v1/messages?type={kind}")).await["items"]).to_vec()
}

fn inbound(sid: &str, from: &str, text: &str) -> Inbound {
    Inbound { sid: sid.to_owned(), from: phone(from), text: text.to_owned(), handled: None, test: true }
}

for_each_database! {
    async fn stop_ends_every_text_that_waits(start: Start) {
        let host = start.host().await;
        host.event(booked(1, VISIT)).await;
        host.run().await;
        // The same phone, another person.
        let to = json!({"id": "bo", "phone": ANA});
        let other = host.message(json!({"type": "follow-up", "to": to, "send_at": "2026-11-24T18:00:00Z"})).await;
        type_on(&host, ANA, "stop").await;
        let suppressed: Vec<String> = host.states().await.into_iter().filter(|(.., s)| s == "suppressed").map(|(kind, ..)| kind).collect();
        assert_eq!(suppressed, ["appointment-reminder", "appointment-reminder", "follow-up"]);
        let story = host.story(&other).await;
        assert_eq!((word(&story["reason"], "code"), word(&story, "status")), ("opted-out", "SUPPRESSED"));
        assert_eq!(host.get("/api/v1/recipients/ana").await["opted_out"], true);
        host.clock.set("2026-12-03T19:00:00Z".parse().unwrap());
        host.run_after(TimeDelta::zero()).await;
        assert_eq!(host.texts_to(ANA).len(), 1);
    }

    async fn after_stop_a_new_text_is_not_sent_and_says_why(start: Start) {
        let host = start.host().await;
        ready(&host).await;
        type_on(&host, ANA, "STOP").await;
        let calls = host.sandbox.calls();
        let story = ready(&host).await;
        assert_eq!((word(&story, "status"), word(&story["reason"], "code")), ("SUPPRESSED", "opted-out"));
        let alert = json!({"type": "urgent-alert", "to": {"id": "ana"}, "variables": {"text": "Closed today."}});
        let alert = host.message(alert).await;
        host.run().await;
        assert_eq!(word(&host.story(&alert).await["reason"], "code"), "opted-out");
        assert_eq!(host.sandbox.calls(), calls, "the provider was asked for nothing");
    }

    async fn stop_is_confirmed_once_on_the_phone(start: Start) {
        let host = start.host().await;
        ready(&host).await;
        type_on(&host, ANA, "STOP").await;
        host.run_after(TimeDelta::minutes(30)).await;
        let shown = shown_on(&host, ANA).await;
        assert_eq!(shown.len(), 2, "the text before, and one confirmation: {shown:?}");
        assert!(shown[1].contains("START"), "{shown:?}");
    }

    async fn our_answer_to_stop_ends_explained_where_twilio_has_answered(start: Start) {
        let host = start.host().await;
        ready(&host).await;
        let calls = host.sandbox.calls();
        type_on(&host, ANA, "STOP").await;
        host.run_after(TimeDelta::minutes(30)).await;
        let answers = of_type(&host, "reply-stopped").await;
        assert!(answers.len() <= 1 && host.sandbox.calls() <= calls + 1, "{answers:?}");
        for answer in answers {
            assert_eq!((word(&answer, "status"), &answer["error_code"]), ("FAILED", &json!(21610)));
        }
    }

    async fn where_twilio_filters_nothing_our_own_answers_are_sent_once(start: Start) {
        let host = start.host().await;
        ready(&host).await;
        for (n, text) in ["STOP", "HELP", "START"].into_iter().enumerate() {
            host.clock.advance(TimeDelta::seconds(1));
            assert!(host.host.accept_reply(&inbound(&format!("SM{n:032}"), ANA, text)).await.unwrap());
            host.run().await;
        }
        let texts = host.texts_to(ANA);
        let said = ["no more texts from us", "texts about your visits", "get our texts again"];
        assert!(texts.len() == 4 && texts[1..].iter().zip(said).all(|(text, words)| text.contains(words)), "{texts:?}");
    }

    async fn what_twilio_has_answered_is_not_answered_again(start: Start) {
        let mut start = start;
        // Advanced Opt-Out: Twilio answers, and says with the text that it has.
        start.sandbox.advanced_opt_out = true;
        let host = start.host().await;
        ready(&host).await;
        for text in ["HELP", "STOP", "START"] {
            type_on(&host, ANA, text).await;
        }
        for kind in ["reply-help", "reply-stopped", "reply-started"] {
            assert_eq!(of_type(&host, kind).await, Vec::<Value>::new());
        }
        assert_eq!(shown_on(&host, ANA).await.len(), 4);
    }

    async fn start_brings_the_texts_back(start: Start) {
        let host = start.host().await;
        ready(&host).await;
        type_on(&host, ANA, "STOP").await;
        type_on(&host, ANA, "START").await;
        assert_eq!(host.get("/api/v1/recipients/ana").await["opted_out"], false);
        assert_eq!(word(&ready(&host).await, "status"), "DELIVERED");
    }

    async fn help_is_answered_with_the_clinics_name_and_number(start: Start) {
        let mut start = start;
        start.config.clinic.phone = Some("+1 206 555 0100".to_owned());
        let host = start.host().await;
        ready(&host).await;
        type_on(&host, ANA, "Help").await;
        let texts = host.texts_to(ANA);
        assert!(texts.len() == 2 && texts[1].contains("Lakeside Clinic") && texts[1].contains("+1 206 555 0100"), "{texts:?}");
    }

    async fn a_reply_to_a_reminder_is_recorded_with_the_policys_answer(start: Start) {
        let host = start.host().await;
        let event = reminded(&host).await;
        type_on(&host, ANA, " c ").await;
        let id = word(&event["messages"][1], "id");
        let story = host.story(id).await;
        let decision = items(&story["decisions"]).last().unwrap();
        assert_eq!((word(decision, "question"), word(decision, "outcome")), ("on-reply", "confirm"));
        assert_eq!((word(&decision["policy"], "name"), word(&decision["reason"], "code")), ("appointment-reminder", "confirm"));
        type_on(&host, ANA, "can I bring my dog?").await;
        assert_eq!(meanings(&host, id).await, ["confirm", "hand_to_staff"]);
        assert_eq!(host.texts_to(ANA).len(), 2);
    }

    async fn a_reply_is_about_the_text_that_came_last(start: Start) {
        let host = start.host().await;
        let event = host.event(booked(1, VISIT)).await;
        host.run().await;
        // A later visit is booked and confirmed before the first one is reminded of.
        host.clock.advance(TimeDelta::days(1));
        let mut later = booked(1, "2026-12-20T09:00:00-05:00");
        later["subject"]["id"] = json!("10");
        let later = host.event(later).await;
        host.run().await;
        host.clock.set("2026-12-02T19:30:00Z".parse().unwrap());
        host.run_after(TimeDelta::zero()).await;
        assert_eq!(host.texts_to(ANA).len(), 3);
        type_on(&host, ANA, "C").await;
        assert_eq!(meanings(&host, word(&later["messages"][0], "id")).await, Vec::<String>::new());
        assert_eq!(meanings(&host, word(&event["messages"][1], "id")).await, ["confirm"]);
    }

    async fn on_a_familys_phone_a_reply_is_about_the_text_that_came_last(start: Start) {
        let host = start.host().await;
        // Their mother's phone; the brother was changed last, and has nothing to answer.
        let event = reminded(&host).await;
        host.request("PUT", "/api/v1/recipients/brother", Some(&json!({"phone": ANA}))).await;
        type_on(&host, ANA, "C").await;
        assert_eq!(meanings(&host, word(&event["messages"][1], "id")).await, ["confirm"]);
    }

    async fn a_strangers_text_is_taken_and_answered_with_nothing(start: Start) {
        let host = start.host().await;
        for text in ["who is this?", "C", "START"] {
            type_on(&host, STRANGER, text).await;
        }
        assert_eq!((host.texts_to(STRANGER).len(), host.states().await.len()), (0, 0));
    }

    async fn a_stranger_who_says_stop_is_heard(start: Start) {
        let host = start.host().await;
        type_on(&host, STRANGER, "STOP").await;
        let id = host.message(json!({"type": "follow-up", "to": {"phone": STRANGER}})).await;
        host.run().await;
        assert_eq!(word(&host.story(&id).await["reason"], "code"), "opted-out");
    }

    async fn a_text_that_is_delivered_twice_counts_once(start: Start) {
        let host = start.host().await;
        let event = reminded(&host).await;
        let confirmed = inbound("SM00000000000000000000000000000001", ANA, "C");
        assert!(host.host.accept_reply(&confirmed).await.unwrap());
        assert!(!host.host.accept_reply(&confirmed).await.unwrap());
        let help = inbound("SM00000000000000000000000000000002", ANA, "HELP");
        let (one, other) = tokio::join!(host.host.accept_reply(&help), host.host.accept_reply(&help));
        assert!(one.unwrap() ^ other.unwrap(), "taken twice, or not at all");
        host.run().await;
        assert_eq!(of_type(&host, "reply-help").await.len(), 1);
        assert_eq!(meanings(&host, word(&event["messages"][1], "id")).await, ["confirm"]);
    }
}
