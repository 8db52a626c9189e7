//! Messages: one text posted directly, from the request to the phone, and the story told of it.

use crate::for_each_database;
use crate::support::{ANA, TestHost, VISIT, booked};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io;
use std::sync::Mutex;
use tokio::task::JoinSet;
use tracing_subscriber::EnvFilter;

/// With letters, so that no clock and no counter in the log shows it by chance.
const CODE: &str = "K6Q4Z8";

fn items(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}"))
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {value}"))
}

fn at(moment: &str) -> DateTime<Utc> {
    moment.parse().unwrap()
}

fn ana(language: &str) -> Value {
    json!({"id": "ana", "phone": ANA, "language": language, "time_zone": "America/New_York"})
}

fn prescription(mut more: Value) -> Value {
    more["type"] = json!("prescription-ready");
    more["to"] = ana("en");
    more
}

fn otp() -> Value {
    json!({"type": "otp", "to": ana("en"), "variables": {"code": CODE, "minutes": 5}})
}

/// The ids of all messages of a search, page by page; `between` happens after the first page.
async fn pages(host: &TestHost, query: &str, between: impl AsyncFn()) -> Vec<String> {
    let mut ids = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = host.get(&format!("/api/v1/messages?limit=2&{query}{cursor}")).await;
        ids.extend(items(&page["items"]).iter().map(|m| word(m, "id").to_owned()));
        if ids.len() == 2 {
            between().await;
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
    }
}

/// Words that are looked for in everything that the tests of this binary log, and the lines they are in.
static WATCHED: Mutex<(Vec<String>, Vec<String>)> = Mutex::new((Vec::new(), Vec::new()));

struct Watch;

impl io::Write for Watch {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(bytes);
        let (words, lines) = &mut *WATCHED.lock().unwrap();
        if words.iter().any(|word| line.contains(word)) {
            lines.push(line.into_owned());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn watch_the_log_for(words: &[&str]) {
    WATCHED.lock().unwrap().0.extend(words.iter().map(|word| (*word).to_owned()));
    let filter = EnvFilter::new("debug,tidings=trace");
    let log =
        tracing_subscriber::fmt().with_ansi(false).with_env_filter(filter).with_writer(|| Watch).finish();
    // The second test finds the log watched already.
    let _ = tracing::subscriber::set_global_default(log);
    tracing::callsite::rebuild_interest_cache();
}

fn lines_with(word: &str) -> Vec<String> {
    WATCHED.lock().unwrap().1.iter().filter(|line| line.contains(word)).cloned().collect()
}

for_each_database! {
    async fn every_type_is_delivered_in_the_language_that_is_asked_for(start: Start) {
        let host = start.host().await;
        let money = json!({"amount": "25.50", "currency": "USD"});
        let cases = [
            ("otp", json!({"code": CODE}), "your code is K6Q4Z8", "su clave es K6Q4Z8"),
            ("appointment-reminder", json!({"starts_at": VISIT}), "you have a visit on Thu, Dec 3", "tiene cita el jue 3"),
            ("appointment-confirmation", json!({"starts_at": VISIT}), "your visit is booked", "su cita es el jue 3"),
            ("payment-reminder", json!({"amount": money}), "$25.50 is due", "tiene un pago pendiente de"),
            ("prescription-ready", json!({"pharmacy": "Main St Pharmacy"}), "Main St Pharmacy", "Main St Pharmacy"),
            ("cancellation-alert", json!({"starts_at": VISIT}), "is canceled", "se cancela la cita"),
            ("follow-up", json!({}), "thank you for your visit", "gracias por su visita"),
            ("urgent-alert", json!({"text": "Closed today."}), "Urgent message", "Mensaje urgente"),
        ];
        let tried: BTreeSet<&str> = cases.iter().map(|(kind, ..)| *kind).collect();
        let known = host.host.kind_names();
        assert_eq!(tried, known.iter().map(String::as_str).filter(|kind| !kind.starts_with("reply-")).collect());
        for (index, (kind, variables, english, spanish)) in cases.into_iter().enumerate() {
            for (language, words) in [("en", english), ("es", spanish)] {
                // Nobody gets more texts in a day than the policies allow.
                let phone = format!("+1202555{:04}", 100 + index * 2 + usize::from(language == "es"));
                let to = json!({"id": phone, "phone": phone, "language": "en"});
                let body = json!({"type": kind, "to": to, "variables": variables, "language": language});
                let id = host.message(body).await;
                host.run().await;
                let text = host.texts_to(&phone).join("\n");
                assert!(text.contains(words), "{kind} in {language}: {text}");
                let story = host.story(&id).await;
                assert_eq!((word(&story, "state"), word(&story["text"], "locale_sent")), ("delivered", language), "{kind}");
            }
        }
    }

    async fn a_text_for_later_waits(start: Start) {
        let host = start.host().await;
        let body = prescription(json!({"send_at": "2026-11-24T12:00:00-05:00"}));
        let id = host.message(body).await;
        host.run_after(TimeDelta::minutes(119)).await;
        assert_eq!((word(&host.story(&id).await, "status"), host.texts_to(ANA).len()), ("PENDING", 0));
        host.run_after(TimeDelta::minutes(1)).await;
        assert_eq!((word(&host.story(&id).await, "status"), host.texts_to(ANA).len()), ("DELIVERED", 1));
    }

    async fn a_text_that_is_taken_back_in_time_is_never_sent(start: Start) {
        let host = start.host().await;
        let id = host.message(prescription(json!({"send_at": "2026-11-24T12:00:00-05:00"}))).await;
        let (status, answer) = host.post(&format!("/api/v1/messages/{id}/cancel"), json!({})).await;
        assert_eq!((status, word(&answer, "state"), word(&answer["reason"], "code")), (200, "canceled", "canceled"));
        host.run_after(TimeDelta::hours(3)).await;
        assert_eq!((word(&host.story(&id).await, "status"), host.texts_to(ANA).len()), ("CANCELED", 0));
        let (status, problem) = host.post(&format!("/api/v1/messages/{id}/cancel"), json!({})).await;
        assert_eq!((status, word(&problem, "type")), (409, "/docs/problems/too-late"));
    }

    async fn a_text_that_was_sent_cannot_be_taken_back_or_released(start: Start) {
        let host = start.host().await;
        let planned = host.message(prescription(json!({"send_at": "2026-11-24T12:00:00-05:00"}))).await;
        let sent = host.message(prescription(json!({}))).await;
        host.run().await;
        for (id, verb) in [(&sent, "cancel"), (&sent, "retry"), (&planned, "retry")] {
            let (status, problem) = host.post(&format!("/api/v1/messages/{id}/{verb}"), json!({})).await;
            assert_eq!((status, word(&problem, "type")), (409, "/docs/problems/too-late"), "{verb}");
        }
        assert_eq!(word(&host.story(&sent).await, "state"), "delivered");
        assert_eq!(word(&host.story(&planned).await, "state"), "planned");
    }

    async fn a_code_is_on_the_phone_and_in_no_answer(start: Start) {
        let host = start.host().await;
        let (_, posted) = host.post("/api/v1/messages", otp()).await;
        let path = format!("/api/v1/messages/{}", word(&posted, "id"));
        let before = host.get(&path).await;
        host.run().await;
        assert!(host.texts_to(ANA)[0].contains(CODE), "{:?}", host.texts_to(ANA));
        let story = host.get(&path).await;
        let shown = word(&story["text"], "body");
        assert!(shown.contains("your code is") && !shown.contains(CODE), "{shown}");
        for answer in [posted, before, story, host.get("/api/v1/messages").await] {
            assert!(!answer.to_string().contains(CODE), "{answer}");
        }
    }

    async fn a_code_is_forgotten_however_its_text_ends(start: Start) {
        let host = start.host().await;
        let (sent, canceled) = (host.message(otp()).await, host.message(otp()).await);
        let (status, _) = host.post(&format!("/api/v1/messages/{canceled}/cancel"), json!({})).await;
        assert_eq!(status, 200);
        host.run().await;
        let expired = host.message(otp()).await;
        host.run_after(TimeDelta::minutes(6)).await;
        let suppressed = host.message(otp()).await;
        host.sandbox.reply(ANA, None, "STOP").await.unwrap();
        for (id, state) in [(sent, "delivered"), (canceled, "canceled"), (expired, "expired"), (suppressed, "suppressed")] {
            assert_eq!(word(&host.story(&id).await, "state"), state);
            let kept = host.host.store.read().await.unwrap().open_message(id.parse().unwrap()).await.unwrap();
            assert!(kept.payload.is_none(), "the code of a text that is {state} is kept");
        }
    }

    async fn no_line_of_the_log_has_a_code_a_number_or_a_key(start: Start) {
        let host = start.host().await;
        let secrets = [CODE, &ANA[1..], &host.key];
        watch_the_log_for(&secrets);
        watch_the_log_for(&["event accepted"]);
        host.event(booked(1, VISIT)).await;
        host.message(otp()).await;
        host.run().await;
        host.sandbox.reply(ANA, None, "what is this?").await.unwrap();
        host.post("/api/v1/messages", json!({"type": "otp", "to": {"phone": ANA}, "variables": {"code": [CODE]}})).await;
        assert!(!lines_with("event accepted").is_empty(), "nothing was heard");
        for secret in secrets {
            assert_eq!(lines_with(secret), Vec::<String>::new());
        }
    }

    async fn a_language_without_texts_gets_english_whole(start: Start) {
        let host = start.host().await;
        let id = host.message(json!({"type": "follow-up", "to": ana("so")})).await;
        host.run().await;
        let text = host.texts_to(ANA).remove(0);
        assert!(text.contains("thank you for your visit"), "{text}");
        let story = host.story(&id).await;
        let told = &story["text"];
        assert_eq!((word(told, "locale_asked"), word(told, "locale_sent")), ("so", "en"));
        assert!(word(told, "fallback").contains("no texts in `so`"), "{told}");
        assert_eq!(word(told, "body"), text);
    }

    async fn a_text_whose_use_is_over_is_not_sent(start: Start) {
        let host = start.host().await;
        let body = prescription(json!({"send_at": "2026-11-24T16:00:00Z", "expires_at": "2026-11-24T17:00:00Z"}));
        let late = host.message(body).await;
        host.run_after(TimeDelta::hours(2)).await;
        let story = host.story(&late).await;
        assert_eq!((word(&story, "status"), word(&story["reason"], "code")), ("EXPIRED", "expired"));
        assert_eq!(host.texts_to(ANA).len(), 0);
        host.message(prescription(json!({"expires_at": "2026-11-24T17:30:00Z"}))).await;
        host.run().await;
        let sent = host.sandbox.texts_to(ANA);
        assert_eq!((sent.len(), sent[0].validity), (1, Some(1800)), "the provider may hold it as long");
    }

    async fn the_story_tells_who_decided_with_which_reasons_and_facts(start: Start) {
        let host = start.host().await;
        let event = host.event(booked(1, VISIT)).await;
        host.run().await;
        let story = host.story(word(&event["messages"][0], "id")).await;
        let own = host.host.policies.for_type(&"appointment-confirmation".into()).unwrap();
        let decisions = items(&story["decisions"]);
        let told: Vec<(&str, &str)> = decisions.iter().map(|d| (word(d, "question"), word(d, "outcome"))).collect();
        assert_eq!(told, [("plan", "plan"), ("decide", "send")]);
        for decision in decisions {
            assert_eq!(decision["policy"], json!({
                "name": "appointment-confirmation", "version": own.description.version,
                "hash": own.hash, "settings_hash": own.settings_hash
            }));
            let facts = items(&decision["input"]["facts"]);
            let starts_at = at(VISIT).timestamp_millis();
            assert!(facts.iter().any(|f| f["key"] == "data.starts_at" && f.to_string().contains(&starts_at.to_string())), "{decision}");
            assert!(!decision["input"].to_string().contains("2025550143"), "no number goes into a question");
        }
        assert_eq!(word(&decisions[1]["reason"], "code"), "ok");
        assert!(decisions[1]["answer"].to_string().contains("America/New_York"), "{}", decisions[1]);
        assert_eq!((word(&story["why"], "code"), word(&story["event"], "type")), ("booked", "appointment.booked"));
        assert_eq!((&story["event"]["id"], word(&story, "phone")), (&event["id"], "+1•••••••143"));
        assert_eq!((items(&story["attempts"]).len(), word(&story["text"], "encoding")), (1, "GSM-7"));
        assert_eq!((&story["text"]["segments"], word(&story["text"], "currency")), (&json!(1), "USD"));
        let journal: Vec<&str> = items(&story["journal"]).iter().map(|line| word(&line["reason"], "code")).collect();
        assert_eq!(journal[..3], ["booked", "claimed", "ok"]);
    }

    async fn one_idempotency_key_is_one_text_also_at_the_same_moment(start: Start) {
        let host = start.host().await;
        let mut posts = JoinSet::new();
        for warming_up in [true, false] {
            for n in 0..8 {
                let key = if warming_up { format!("other-{n}") } else { "one".to_owned() };
                let send_at = if warming_up { "2026-11-25T12:00:00-05:00" } else { "2026-11-24T15:00:00Z" };
                let request = host.client.post(format!("{}/api/v1/messages", host.base)).bearer_auth(&host.key);
                let request = request.header("Idempotency-Key", key).json(&json!({
                    "type": "prescription-ready", "to": {"id": "ana", "phone": ANA}, "send_at": send_at
                }));
                posts.spawn(async move { request.send().await.unwrap().json::<Value>().await.unwrap() });
            }
            if warming_up {
                while posts.join_next().await.is_some() {}
            }
        }
        let ids: BTreeSet<String> = posts.join_all().await.iter().map(|answer| word(answer, "id").to_owned()).collect();
        host.run().await;
        assert_eq!((ids.len(), host.texts_to(ANA).len()), (1, 1));
    }

    async fn a_search_finds_what_it_asks_for_and_no_more(start: Start) {
        let host = start.host().await;
        host.event(booked(1, VISIT)).await;
        host.run().await;
        host.clock.advance(TimeDelta::minutes(1));
        host.message(json!({"type": "follow-up", "to": {"id": "bo", "phone": "+12025550144"}})).await;
        let of = async |query: &str| items(&host.get(&format!("/api/v1/messages?{query}")).await["items"]).len();
        for (query, expected) in [
            ("recipient=ana", 3),
            ("recipient=nobody", 0),
            ("type=appointment-reminder", 2),
            ("type=follow-up", 1),
            ("state=delivered", 1),
            ("state=planned&recipient=ana", 2),
            ("phone=%2B12025550143", 1),
            ("phone=202-555-0143&state=planned", 0),
            ("since=2026-11-24T15:01:00Z", 1),
            ("until=2026-11-24T15:01:00Z", 3),
            ("limit=2", 2),
        ] {
            assert_eq!(of(query).await, expected, "{query}");
        }
    }

    async fn pages_stay_right_while_messages_are_added(start: Start) {
        let host = start.host().await;
        // Five of one moment, two of the next.
        let mut posted = Vec::new();
        for n in 0..7 {
            if n == 5 {
                host.clock.advance(TimeDelta::seconds(1));
            }
            posted.push(host.message(prescription(json!({"send_at": "2026-11-25T15:00:00Z"}))).await);
        }
        let added = async || {
            host.clock.advance(TimeDelta::seconds(1));
            host.message(prescription(json!({"send_at": "2026-11-25T15:00:00Z"}))).await;
        };
        let found = pages(&host, "type=prescription-ready", added).await;
        assert_eq!(found.len(), 7, "none twice, none left out: {found:?}");
        assert_eq!(found.iter().collect::<BTreeSet<_>>(), posted.iter().collect());
        assert_eq!(found[..2].iter().collect::<BTreeSet<_>>(), posted[5..].iter().collect(), "the newest come first");
    }
}
