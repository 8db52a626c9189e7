//! Replies: STOP, START and HELP, what a policy makes of other words, and that each counts once.

use crate::for_each_database;
use crate::support::{ANA, TestHost, VISIT, booked, phone};
use chrono::TimeDelta;
use serde_json::{Value, json};
use tidings::domain::keyword::{Keyword, OptOutAnswers};
use tidings::domain::message::{Lane, Lease};
use tidings::service::Inbound;
use tidings::store::{Claim, Modes};

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

/// What a phone says where no filter of Twilio's stands before it.
async fn say(host: &TestHost, n: usize, phone: &str, text: &str) {
    host.clock.advance(TimeDelta::seconds(1));
    assert!(host.host.accept_reply(&inbound(&format!("SM{n:032}"), phone, text)).await.unwrap());
    host.run().await;
}

/// The replies as staff see them, the oldest first: meaning and reason of each.
async fn replies(host: &TestHost) -> Vec<(String, String)> {
    let list = host.get("/api/v1/replies").await;
    let told = items(&list["items"]).iter().rev();
    told.map(|reply| (word(reply, "meaning").to_owned(), word(reply, "reason").to_owned())).collect()
}

/// What was asked of the clinic's system, the oldest first: type, subject and who asks.
async fn requests(host: &TestHost) -> Vec<(String, String, String)> {
    let list = host.get("/api/v1/replies?requests=true").await;
    let asked = items(&list["items"]).iter().rev();
    asked
        .map(|reply| {
            let request = &reply["request"];
            (
                word(request, "type").to_owned(),
                word(&request["subject"], "id").to_owned(),
                word(reply, "recipient").to_owned(),
            )
        })
        .collect()
}

fn asked(kind: &str, subject: &str, recipient: &str) -> (String, String, String) {
    (format!("appointment.{kind}-requested"), subject.to_owned(), recipient.to_owned())
}

/// Two visits on one phone, each reminded of: `9` of Ana on 3 December, `10` of another or of herself.
async fn two_visits(host: &TestHost, whose: &str, starts_at: &str) {
    host.event(booked(1, VISIT)).await;
    let mut other = booked(1, starts_at);
    other["subject"]["id"] = json!("10");
    other["people"][0]["id"] = json!(whose);
    host.event(other).await;
    host.run().await;
    host.clock.set("2026-12-02T20:30:00Z".parse().unwrap());
    host.run_after(TimeDelta::zero()).await;
    assert_eq!(host.texts_to(ANA).len(), 4, "{:?}", host.texts_to(ANA));
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
    Inbound {
        sid: sid.to_owned(),
        from: phone(from),
        text: text.to_owned(),
        handled: None,
        media: 0,
        test: true,
    }
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

    async fn a_reply_becomes_a_request_to_the_clinics_system(start: Start) {
        let host = start.host().await;
        reminded(&host).await;
        type_on(&host, ANA, "Sí").await;
        type_on(&host, ANA, "reagendar").await;
        type_on(&host, ANA, "no puedo ir").await;
        assert_eq!(requests(&host).await, [asked("confirm", "9", "ana"), asked("reschedule", "9", "ana"), asked("cancel", "9", "ana")]);
        let list = host.get("/api/v1/replies?recipient=ana&meaning=confirm").await;
        let reply = &items(&list["items"])[0];
        assert_eq!((word(reply, "text"), &reply["request"]["subject"]["version"], &reply["media"]), ("Sí", &json!(1), &json!(0)));
        assert_eq!(host.texts_to(ANA).len(), 2, "the clinic answers when it has done it");
    }

    async fn on_a_familys_phone_nobody_guesses_whose_visit_was_meant(start: Start) {
        let host = start.host().await;
        two_visits(&host, "brother", "2026-12-03T15:30:00-05:00").await;
        type_on(&host, ANA, "C").await;
        assert_eq!(requests(&host).await, []);
        let question = host.texts_to(ANA).pop().unwrap();
        assert!(question.contains("1: ") && question.contains("2:30") && question.contains("2: ") && question.contains("3:30"), "{question}");
        type_on(&host, ANA, " 2. ").await;
        assert_eq!(requests(&host).await, [asked("confirm", "10", "brother")]);
        // Of the other one the question is still open, and now the only one.
        type_on(&host, ANA, "C").await;
        assert_eq!(requests(&host).await[1..], [asked("confirm", "9", "ana")]);
        assert_eq!(replies(&host).await[..2], [("which".to_owned(), "several-visits".to_owned()), ("confirm".to_owned(), "chosen".to_owned())]);
    }

    async fn a_number_is_an_answer_only_to_the_question_which_visit(start: Start) {
        let host = start.host().await;
        two_visits(&host, "ana", "2026-12-03T15:30:00-05:00").await;
        type_on(&host, ANA, "R").await;
        type_on(&host, ANA, "7").await;
        assert_eq!((requests(&host).await.len(), replies(&host).await.pop().unwrap().1.as_str()), (0, "no-such-number"));
        type_on(&host, ANA, "R").await;
        type_on(&host, ANA, "1").await;
        assert_eq!(requests(&host).await, [asked("reschedule", "9", "ana")]);
        // The question is answered: 1 is a word of the policy's again, and the other visit is meant.
        type_on(&host, ANA, "1").await;
        assert_eq!(requests(&host).await[1..], [asked("confirm", "10", "ana")]);
    }

    async fn a_number_that_comes_too_late_is_no_answer(start: Start) {
        let host = start.host().await;
        two_visits(&host, "brother", "2026-12-03T15:30:00-05:00").await;
        type_on(&host, ANA, "X").await;
        assert_eq!(replies(&host).await.pop().unwrap().0, "which");
        // The reminder an hour before has asked anew.
        host.clock.set("2026-12-03T18:30:00Z".parse().unwrap());
        host.run_after(TimeDelta::zero()).await;
        type_on(&host, ANA, "2").await;
        assert_eq!((requests(&host).await, replies(&host).await.pop().unwrap().0.as_str()), (vec![], "which"));
    }

    async fn visits_that_cannot_be_told_apart_are_for_staff(start: Start) {
        let host = start.host().await;
        two_visits(&host, "brother", VISIT).await;
        type_on(&host, ANA, "C").await;
        assert_eq!(replies(&host).await, [("hand_to_staff".to_owned(), "visits-at-one-time".to_owned())]);
        assert_eq!((requests(&host).await.len(), host.texts_to(ANA).len()), (0, 4));
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
        let stopped = Inbound { handled: Some(Keyword::Stop), ..inbound("SMa", ANA, "CANCEL") };
        assert!(host.host.accept_reply(&stopped).await.unwrap());
        assert_eq!(requests(&host).await.len(), 2);
        assert_eq!(host.get("/api/v1/recipients/ana").await["opted_out"], true);
    }

    async fn cancel_stops_all_texts_everywhere_else(start: Start) {
        let host = start.host().await;
        reminded(&host).await;
        type_on(&host, ANA, "Cancel").await;
        assert_eq!(requests(&host).await, []);
        assert_eq!(host.get("/api/v1/recipients/ana").await["opted_out"], true);
    }

    async fn pictures_empty_texts_and_strangers_each_have_their_answer(start: Start) {
        let host = start.host().await;
        reminded(&host).await;
        let picture = Inbound { media: 1, ..inbound("SM1", ANA, "") };
        let confirmed = Inbound { media: 1, ..inbound("SM2", ANA, "C") };
        for (second, text) in [picture, inbound("SM3", ANA, " \n"), inbound("SM4", ANA, "👍"), confirmed, inbound("SM5", STRANGER, "C")].iter().enumerate() {
            host.clock.advance(TimeDelta::seconds(i64::try_from(second).unwrap() + 1));
            assert!(host.host.accept_reply(text).await.unwrap());
        }
        host.run().await;
        let staff = |reason: &str| ("hand_to_staff".to_owned(), reason.to_owned());
        let confirm = ("confirm".to_owned(), "confirm".to_owned());
        assert_eq!(replies(&host).await, [staff("media"), staff("empty"), staff("not-understood"), confirm, staff("unknown-phone")]);
        let list = host.get("/api/v1/replies?limit=2").await;
        let [stranger, confirmed] = items(&list["items"]) else { panic!("{list}") };
        assert_eq!((&stranger["text"], &stranger["recipient"], &confirmed["media"]), (&Value::Null, &Value::Null, &json!(1)));
        let rest = host.get(&format!("/api/v1/replies?limit=3&cursor={}", word(&list, "next_cursor"))).await;
        assert_eq!((items(&rest["items"]).len(), &rest["next_cursor"]), (3, &Value::Null));
        assert_eq!((host.texts_to(ANA).len(), host.texts_to(STRANGER).len()), (2, 0));
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

    async fn who_has_a_new_number_is_not_answered_for_from_the_old_one(start: Start) {
        let host = start.host().await;
        reminded(&host).await;
        host.request("PATCH", "/api/v1/recipients/ana", Some(&json!({"phone": "+12025550144"}))).await;
        type_on(&host, ANA, "C").await;
        assert_eq!(requests(&host).await, []);
        assert_eq!(replies(&host).await, [("hand_to_staff".to_owned(), "former-phone".to_owned())]);
    }

    async fn a_stop_that_comes_while_a_text_is_in_hand_is_in_time(start: Start) {
        let host = start.host().await;
        let id = host.message(json!({"type": "follow-up", "to": {"id": "ana", "phone": ANA}})).await;
        let modes = Modes::new(false, true).unwrap();
        let now = host.host.now();
        let lease = Lease { host: host.host.id, until: now + TimeDelta::seconds(60) };
        let mut tx = host.host.store.begin().await.unwrap();
        let claimed = tx.claim_messages(&Claim { lane: Lane::Normal, modes, now, limit: 10, lease }).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(claimed.len(), 1);
        say(&host, 1, ANA, "STOP").await;
        let story = host.story(&id).await;
        assert_eq!((word(&story, "state"), word(&story["reason"], "code")), ("suppressed", "opted-out"));
        assert_eq!(host.sandbox.texts().len(), 0);
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
