//! STOP, START, HELP and CANCEL: heard at once, in every language of the house, and answered once.

use crate::for_each_database;
use crate::replies::{
    STRANGER, asked, inbound, items, of_type, ready, reminded, replies, requests, say, two_visits, type_on,
    word,
};
use crate::support::{ANA, TestHost, VISIT, booked};
use chrono::TimeDelta;
use serde_json::{Value, json};
use tidings::domain::keyword::{Keyword, OptOutAnswers};
use tidings::domain::message::{Lane, Lease};
use tidings::service::{Inbound, PostedOptOut};
use tidings::store::Claim;

/// Everything that a phone shows but what was typed on it, Twilio's own words included.
async fn shown_on(host: &TestHost, phone: &str) -> Vec<String> {
    let texts = host.get(&format!("/sandbox/api/texts?phone={}", phone.replace('+', "%2B"))).await;
    let shown =
        items(&texts["items"]).iter().filter(|t| t["direction"] != "inbound" && t["status"] == "delivered");
    shown.map(|text| word(text, "body").to_owned()).collect()
}

/// STOP, and then YES to the reminder that came before it.
async fn stop_then_yes(host: &TestHost) {
    reminded(host).await;
    for text in ["STOP", " yes "] {
        type_on(host, ANA, text).await;
    }
    assert_eq!(requests(host).await, [asked("confirm", "9", "ana")]);
    assert_eq!(host.get("/api/v1/recipients/ana").await["opted_out"], false);
    let ledger = host.get("/api/v1/recipients/ana/consents").await;
    let newest = &items(&ledger["items"])[0];
    assert_eq!((word(newest, "choice"), word(newest, "wording")), ("opt_in", "yes"));
    assert_eq!(word(&ready(host).await, "status"), "DELIVERED");
}

/// A stop that only we know of, and then YES to the reminder that came before it.
async fn yes_after_a_stop_of_ours(host: &TestHost) {
    reminded(host).await;
    for text in ["¡ALTO!", "YES"] {
        type_on(host, ANA, text).await;
    }
    assert_eq!(requests(host).await, [asked("confirm", "9", "ana")], "it is a word about the visit");
    assert_eq!(host.get("/api/v1/recipients/ana").await["opted_out"], true);
    let ledger = host.get("/api/v1/recipients/ana/consents").await;
    assert_eq!(items(&ledger["items"]).len(), 1, "{ledger}");
    assert_eq!(word(&ready(host).await["reason"], "code"), "opted-out");
    type_on(host, ANA, "START").await;
    assert_eq!(word(&ready(host).await, "status"), "DELIVERED");
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

    async fn what_twilios_filter_has_answered_is_not_answered_by_us(start: Start) {
        let host = start.host().await;
        ready(&host).await;
        let calls = host.sandbox.calls();
        for text in ["STOP", " stop ", "START", "unstop"] {
            type_on(&host, ANA, text).await;
        }
        assert_eq!(of_type(&host, "reply-stopped").await.len() + of_type(&host, "reply-started").await.len(), 0);
        assert_eq!(host.sandbox.calls(), calls, "nothing was sent for Twilio to refuse");
    }

    async fn a_locales_own_stop_word_is_heard_and_confirmed_by_us(start: Start) {
        let host = start.host().await;
        // She reads English; the clinic writes Spanish, too.
        ready(&host).await;
        for (text, stopped) in [("No más!", true), ("volver", false), ("¡ALTO!", true)] {
            type_on(&host, STRANGER, text).await;
            type_on(&host, ANA, text).await;
            ready(&host).await;
            assert_eq!(host.get("/api/v1/recipients/ana").await["opted_out"], json!(stopped), "{text}");
        }
        let texts = host.texts_to(ANA);
        let said = ["no more texts from us", "get our texts again", "prescription", "no more texts from us"];
        let texts: Vec<&String> = texts.iter().skip(texts.len() - 4).collect();
        assert!(texts.len() == 4 && texts.iter().zip(said).all(|(text, words)| text.contains(words)), "{texts:?}");
        let id = host.message(json!({"type": "follow-up", "to": {"phone": STRANGER}})).await;
        host.run().await;
        assert_eq!(word(&host.story(&id).await["reason"], "code"), "opted-out");
    }

    async fn stop_is_confirmed_once_however_often_it_is_said(start: Start) {
        let mut start = start;
        start.config.twilio.opt_out_answers = OptOutAnswers::Tidings;
        let host = start.host().await;
        ready(&host).await;
        for n in 0..3 {
            say(&host, n, ANA, "STOP").await;
        }
        assert_eq!(host.texts_to(ANA).len(), 2);
    }

    async fn without_twilios_filter_strangers_get_the_answers_they_are_owed(start: Start) {
        let mut start = start;
        start.config.twilio.opt_out_answers = OptOutAnswers::Tidings;
        let host = start.host().await;
        say(&host, 1, STRANGER, "ayuda").await;
        say(&host, 2, STRANGER, "STOP").await;
        say(&host, 3, STRANGER, "hello?").await;
        let texts = host.texts_to(STRANGER);
        assert!(texts.len() == 2 && texts[0].contains("sus citas") && texts[1].contains("START"), "{texts:?}");
    }

    async fn where_twilio_filters_nothing_our_own_answers_are_sent_once(start: Start) {
        let mut start = start;
        start.config.twilio.opt_out_answers = OptOutAnswers::Tidings;
        let host = start.host().await;
        ready(&host).await;
        for (n, text) in ["STOP", "HELP", "START"].into_iter().enumerate() {
            say(&host, n, ANA, text).await;
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

    async fn a_stranger_who_says_stop_is_heard(start: Start) {
        let host = start.host().await;
        type_on(&host, STRANGER, "STOP").await;
        let id = host.message(json!({"type": "follow-up", "to": {"phone": STRANGER}})).await;
        host.run().await;
        assert_eq!(word(&host.story(&id).await["reason"], "code"), "opted-out");
    }

    async fn cancel_cancels_a_visit_where_twilio_leaves_the_word_alone(start: Start) {
        let mut start = start;
        start.config.twilio.cancel_is_opt_out = false;
        let host = start.host().await;
        reminded(&host).await;
        say(&host, 1, ANA, "Cancel").await;
        assert_eq!(requests(&host).await, [asked("cancel", "9", "ana")]);
        assert_eq!(host.get("/api/v1/recipients/ana").await["opted_out"], false);
        // Twilio took it for STOP all the same: then both is true.
        host.clock.advance(TimeDelta::seconds(1));
        let stopped = Inbound { answered: Some(Keyword::Stop), ..inbound("SMa", ANA, "CANCEL") };
        assert!(host.host.accept_reply(&stopped).await.unwrap());
        assert_eq!(requests(&host).await.len(), 2);
        assert_eq!(host.get("/api/v1/recipients/ana").await["opted_out"], true);
    }

    async fn yes_confirms_a_visit_where_twilio_takes_it_for_start(start: Start) {
        let mut start = start;
        start.sandbox.advanced_opt_out = true;
        let host = start.host().await;
        reminded(&host).await;
        type_on(&host, ANA, "Yes").await;
        assert_eq!(requests(&host).await, [asked("confirm", "9", "ana")]);
        assert_eq!(replies(&host).await, [("confirm".to_owned(), "confirm".to_owned())]);
        let ledger = host.get("/api/v1/recipients/ana/consents").await;
        assert_eq!(items(&ledger["items"]), &[] as &[Value], "a phone that never stopped need not start");
        // Nothing is open any more: then it is START, and only that.
        for text in ["STOP", "YES"] {
            type_on(&host, ANA, text).await;
        }
        assert_eq!((requests(&host).await.len(), replies(&host).await.pop().unwrap().0.as_str()), (1, "start"));
        assert_eq!(host.get("/api/v1/recipients/ana").await["opted_out"], false);
    }

    async fn yes_brings_the_texts_back_and_answers_what_is_open(start: Start) {
        let mut start = start;
        start.sandbox.advanced_opt_out = true;
        stop_then_yes(&start.host().await).await;
    }

    async fn yes_brings_the_texts_back_where_twilio_does_not_say_so_either(start: Start) {
        stop_then_yes(&start.host().await).await;
    }

    async fn yes_undoes_no_stop_that_twilio_never_held(start: Start) {
        yes_after_a_stop_of_ours(&start.host().await).await;
    }

    async fn yes_undoes_no_stop_that_twilio_never_held_where_it_answers_for_start_either(start: Start) {
        let mut start = start;
        start.sandbox.advanced_opt_out = true;
        yes_after_a_stop_of_ours(&start.host().await).await;
    }

    async fn yes_undoes_no_stop_of_another_system_and_none_of_a_form(start: Start) {
        let host = start.host().await;
        ready(&host).await;
        let stopped = [PostedOptOut { phone: ANA.to_owned(), region: None, at: None }];
        assert_eq!(host.host.import_opt_outs(&stopped).await.unwrap(), 1);
        type_on(&host, ANA, "yes").await;
        assert_eq!(host.get("/api/v1/recipients/ana").await["opted_out"], true);
        type_on(&host, ANA, "START").await;
        // Of the two that stand now, YES is about Twilio's.
        let form = json!({"choice": "opt_out", "scope": "all", "source": "form"});
        assert_eq!(host.post("/api/v1/recipients/ana/consents", form).await.0, 201);
        for (text, reason) in [("STOP", "opted-out"), ("YES", "opted-out"), ("START", "ok")] {
            type_on(&host, ANA, text).await;
            let story = ready(&host).await;
            let code = story["reason"]["code"].as_str().unwrap_or("ok");
            assert_eq!(code == "opted-out", reason == "opted-out", "{text}: {story}");
        }
    }

    async fn where_twilio_filters_nothing_yes_is_a_word_about_a_visit_alone(start: Start) {
        let mut start = start;
        start.config.twilio.opt_out_answers = OptOutAnswers::Tidings;
        let host = start.host().await;
        reminded(&host).await;
        say(&host, 1, ANA, "STOP").await;
        say(&host, 2, ANA, "YES").await;
        assert_eq!(requests(&host).await, [asked("confirm", "9", "ana")]);
        assert_eq!(host.get("/api/v1/recipients/ana").await["opted_out"], true);
    }

    async fn a_cancel_that_stopped_all_texts_and_fits_two_visits_is_for_staff(start: Start) {
        let mut start = start;
        start.config.twilio.cancel_is_opt_out = false;
        let host = start.host().await;
        two_visits(&host, "ana", "2026-12-03T15:30:00-05:00").await;
        let stopped = Inbound { answered: Some(Keyword::Stop), ..inbound("SMa", ANA, "CANCEL") };
        assert!(host.host.accept_reply(&stopped).await.unwrap());
        assert_eq!(replies(&host).await, [("hand_to_staff".to_owned(), "several-visits".to_owned())]);
        assert_eq!(host.get("/api/v1/recipients/ana").await["opted_out"], true);
    }

    async fn cancel_stops_all_texts_everywhere_else(start: Start) {
        let host = start.host().await;
        reminded(&host).await;
        type_on(&host, ANA, "Cancel").await;
        assert_eq!(requests(&host).await, []);
        assert_eq!(host.get("/api/v1/recipients/ana").await["opted_out"], true);
    }

    async fn two_machines_that_answer_each_other_come_to_rest(start: Start) {
        let host = start.host().await;
        ready(&host).await;
        for n in 0..20 {
            say(&host, n, ANA, "HELP").await;
        }
        assert_eq!(of_type(&host, "reply-help").await.len(), 5);
        assert_eq!(replies(&host).await.len(), 20, "every text is kept");
        host.clock.advance(TimeDelta::hours(1));
        say(&host, 20, ANA, "HELP").await;
        assert_eq!(of_type(&host, "reply-help").await.len(), 6);
    }

    async fn a_stop_that_comes_while_a_text_is_in_hand_is_in_time(start: Start) {
        let host = start.host().await;
        let id = host.message(json!({"type": "follow-up", "to": {"id": "ana", "phone": ANA}})).await;
        let now = host.host.now();
        let lease = Lease { host: host.host.id, until: now + TimeDelta::seconds(60) };
        let mut tx = host.host.store.begin().await.unwrap();
        let claimed = tx.claim_messages(&Claim { lane: Lane::Normal, test: true, now, limit: 10, lease }).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(claimed.len(), 1);
        say(&host, 1, ANA, "STOP").await;
        let story = host.story(&id).await;
        assert_eq!((word(&story, "state"), word(&story["reason"], "code")), ("suppressed", "opted-out"));
        assert_eq!(host.sandbox.texts().len(), 0);
    }
}
