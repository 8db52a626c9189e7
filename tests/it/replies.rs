//! Replies: what a policy makes of them, which visit is meant, and that each counts once.

use crate::for_each_database;
use crate::support::{ANA, TestHost, VISIT, booked, phone};
use chrono::TimeDelta;
use serde_json::{Value, json};
use tidings::service::{Inbound, ReplyFilter};

/// Nobody has this phone.
pub(crate) const STRANGER: &str = "+13125550199";
/// The sandbox's own number, which texts come from.
pub(crate) const CLINIC: &str = "+15005550006";

pub(crate) fn items(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}"))
}

pub(crate) fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {value}"))
}

/// Types a text on a phone, and lets the host do what follows.
pub(crate) async fn type_on(host: &TestHost, phone: &str, text: &str) {
    host.clock.advance(TimeDelta::seconds(1));
    let reply = host.sandbox.reply(phone, Some(CLINIC), text).await.unwrap();
    assert_eq!(reply.answer, Some(200));
    host.run().await;
}

/// What a phone says where no filter of Twilio's stands before it.
pub(crate) async fn say(host: &TestHost, n: usize, phone: &str, text: &str) {
    host.clock.advance(TimeDelta::seconds(1));
    assert!(host.host.accept_reply(&inbound(&format!("SM{n:032}"), phone, text)).await.unwrap());
    host.run().await;
}

/// The replies as staff see them, the oldest first: meaning and reason of each.
pub(crate) async fn replies(host: &TestHost) -> Vec<(String, String)> {
    let list = host.get("/api/v1/replies").await;
    let told = items(&list["items"]).iter().rev();
    told.map(|reply| (word(reply, "meaning").to_owned(), word(reply, "reason").to_owned())).collect()
}

/// What was asked of the clinic's system, the oldest first: type, subject and who asks.
pub(crate) async fn requests(host: &TestHost) -> Vec<(String, String, String)> {
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

pub(crate) fn asked(kind: &str, subject: &str, recipient: &str) -> (String, String, String) {
    (format!("appointment.{kind}-requested"), subject.to_owned(), recipient.to_owned())
}

/// Two visits on one phone, each reminded of: `9` of Ana on 3 December, `10` of another or of herself.
pub(crate) async fn two_visits(host: &TestHost, whose: &str, starts_at: &str) {
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

pub(crate) async fn ready(host: &TestHost) -> Value {
    let id = host
        .message(json!({"type": "prescription-ready", "to": {"id": "ana", "phone": ANA, "language": "en"}}))
        .await;
    host.run().await;
    host.story(&id).await
}

/// Books a visit, and sends the confirmation and the reminder of the day before.
pub(crate) async fn reminded(host: &TestHost) -> Value {
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

pub(crate) async fn of_type(host: &TestHost, kind: &str) -> Vec<Value> {
    items(&host.get(&format!("/api/v1/messages?type={kind}")).await["items"]).to_vec()
}

pub(crate) fn inbound(sid: &str, from: &str, text: &str) -> Inbound {
    Inbound {
        sid: sid.to_owned(),
        from: phone(from),
        text: text.to_owned(),
        answered: None,
        media: 0,
        test: true,
    }
}

for_each_database! {
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
        // The question is answered. A number that comes again may be the same one, typed twice: within the
        // hour it is no word about the other visit.
        for stray in ["1", "2", " 1. "] {
            type_on(&host, ANA, stray).await;
            assert_eq!(replies(&host).await.pop().unwrap(), ("hand_to_staff".to_owned(), "no-open-question".to_owned()));
        }
        assert_eq!(requests(&host).await.len(), 1);
        // Then 1 is a word of the policy's again.
        host.clock.advance(TimeDelta::hours(1));
        type_on(&host, ANA, "1").await;
        assert_eq!(requests(&host).await[1..], [asked("confirm", "10", "ana")]);
    }

    async fn a_live_reply_and_a_test_have_nothing_to_do_with_each_other(start: Start) {
        let host = start.host().await;
        two_visits(&host, "brother", "2026-12-03T15:30:00-05:00").await;
        let live = |n, text| Inbound { test: false, ..inbound(&format!("SMlive{n}"), ANA, text) };
        let texts = host.sandbox.calls();
        assert!(host.host.accept_reply(&live(1, "C")).await.unwrap());
        // A question is open to the phone, but it is the test's.
        type_on(&host, ANA, "C").await;
        assert!(host.host.accept_reply(&live(2, "2")).await.unwrap());
        type_on(&host, ANA, "2").await;
        assert_eq!(requests(&host).await, [asked("confirm", "10", "brother")]);
        assert_eq!(host.sandbox.calls(), texts + 1, "the question which visit");
        let filter = ReplyFilter { test: false, limit: 10, ..ReplyFilter::default() };
        let live = host.host.find_replies(&filter).await.unwrap().replies;
        let taken: Vec<_> = live.iter().map(|reply| (reply.message, reply.reason_code.as_str())).collect();
        assert_eq!(taken, [(None, "answers-nothing"); 2]);
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
        assert_eq!((word(stranger, "text"), &stranger["recipient"], &confirmed["media"]), ("C", &Value::Null, &json!(1)));
        assert_eq!((word(stranger, "phone"), &confirmed["phone"]), ("+1•••••••199", &Value::Null));
        let rest = host.get(&format!("/api/v1/replies?limit=3&cursor={}", word(&list, "next_cursor"))).await;
        assert_eq!((items(&rest["items"]).len(), &rest["next_cursor"]), (3, &Value::Null));
        assert_eq!((host.texts_to(ANA).len(), host.texts_to(STRANGER).len()), (2, 0));
    }

    async fn what_a_stranger_wrote_is_for_staff_and_goes_when_they_are_erased(start: Start) {
        let host = start.host().await;
        for (n, text) in ["is this the clinic?", "call me"].into_iter().enumerate() {
            say(&host, n, STRANGER, text).await;
        }
        let whole = host.get("/api/v1/replies?numbers=whole&meaning=hand_to_staff").await;
        let told: Vec<_> = items(&whole["items"]).iter().map(|reply| (word(reply, "phone"), word(reply, "text"))).collect();
        assert_eq!(told, [(STRANGER, "call me"), (STRANGER, "is this the clinic?")]);
        let key = host.key_with(&["messages:read"]).await;
        let url = format!("{}/api/v1/replies?numbers=whole", host.base);
        let answer = host.client.get(url).bearer_auth(key).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 403);
        assert_eq!(host.request("GET", "/api/v1/replies?numbers=some", None).await.0, 422);
        host.request("PUT", "/api/v1/recipients/new", Some(&json!({"phone": STRANGER}))).await;
        say(&host, 3, STRANGER, "it is me").await;
        assert_eq!(host.request("DELETE", "/api/v1/recipients/new", None).await.0, 200);
        let list = host.get("/api/v1/replies?numbers=whole").await;
        assert!(items(&list["items"]).iter().all(|reply| reply["text"].is_null() && reply["phone"].is_null()), "{list}");
        assert_eq!(items(&list["items"]).len(), 3);
    }

    async fn what_a_stranger_wrote_is_forgotten_after_its_time(start: Start) {
        let mut start = start;
        start.config.retention.texts = TimeDelta::days(30);
        start.config.retention.phones = TimeDelta::days(60);
        let host = start.host().await;
        say(&host, 1, STRANGER, "is this the clinic?").await;
        let kept = async || {
            host.host.forget_what_is_over(std::time::Duration::ZERO).await.unwrap();
            let list = host.get("/api/v1/replies").await;
            let reply = &items(&list["items"])[0];
            (!reply["text"].is_null(), !reply["phone"].is_null())
        };
        for (days, left) in [(29, (true, true)), (2, (false, true)), (30, (false, false))] {
            host.clock.advance(TimeDelta::days(days));
            assert_eq!(kept().await, left, "{days} days later");
        }
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
