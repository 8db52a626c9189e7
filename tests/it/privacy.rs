//! Privacy: what is forgotten and when, what a person may ask for, and who did what.

use crate::for_each_database;
use crate::support::{self, ANA, Start, TestHost, booked};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use std::time::Duration;
use tidings::service;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn word<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap()
}

fn items(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

const ANA_AT: &str = "/api/v1/recipients/ana";

async fn forget(host: &TestHost) {
    host.host.forget_what_is_over(Duration::ZERO).await.unwrap();
}

/// So many rows are in a table.
async fn rows(host: &TestHost, table: &str) -> i64 {
    host.number(&format!("SELECT COUNT(*) FROM {table}")).await
}

for_each_database! {
    async fn what_a_template_declares_to_be_a_person_is_in_no_question(start: Start) {
        let mut start = start;
        let home = support::home();
        start.home = home.path().to_owned();
        let file = home.path().join("templates/appointment-confirmation.toml");
        let declared = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, declared.replace("data.with", "data.specialist")).unwrap();
        let host = start.host().await;
        let mut event = booked(1, "2026-12-03T19:30:00Z");
        event["data"]["specialist"] = json!("Dr. Okafor");
        let event = host.event(event).await;
        host.run().await;
        let story = host.story(word(&event["messages"][0], "id")).await;
        let decisions = items(&story["decisions"]);
        assert_eq!(decisions.len(), 2, "{story}");
        for decision in decisions {
            let asked = decision["input"].to_string();
            assert!(asked.contains("data.location") && !asked.contains("Okafor"), "{asked}");
        }
    }

    async fn variables_texts_phones_and_at_last_the_message_are_forgotten_in_their_time(start: Start) {
        let host = start.host().await;
        let event = host.event(booked(1, "2026-12-03T19:30:00Z")).await;
        host.run().await;
        let id = word(&event["messages"][0], "id").to_owned();
        let planned = word(&event["messages"][1], "id").to_owned();
        forget(&host).await;
        let story = host.story(&id).await;
        assert!(story["text"]["body"].is_string() && story["phone"].is_string());

        for (day, text, phone) in [(31, true, true), (91, false, false)] {
            host.clock.set(at("2026-11-24T15:00:00Z") + TimeDelta::days(day));
            forget(&host).await;
            let story = host.story(&id).await;
            assert_eq!((story["text"]["body"].is_string(), story["phone"].is_string()), (text, phone), "day {day}");
            assert!(items(&story["decisions"]).iter().all(|decision| decision["input"].is_object()), "day {day}");
            // One that may still be sent keeps what it needs.
            let mut tx = host.host.store.read().await.unwrap();
            assert!(tx.open_message(planned.parse().unwrap()).await.unwrap().payload.is_some());
            assert!(tx.open_message(id.parse().unwrap()).await.unwrap().payload.is_none());
        }

        host.run_after(TimeDelta::zero()).await;
        host.clock.advance(TimeDelta::days(400));
        forget(&host).await;
        assert_eq!(host.states().await, []);
        let path = format!("/api/v1/messages/{id}");
        assert_eq!(host.request("GET", &path, None).await.0, 404);
        let path = format!("/api/v1/events/{}", word(&event, "id"));
        assert_eq!(host.request("GET", &path, None).await.0, 404);
        // Who Ana is was not a question of age.
        assert_eq!(host.get(ANA_AT).await["id"], "ana");
    }

    async fn the_provider_is_asked_to_take_the_words_out_of_an_erased_persons_texts(start: Start) {
        let host = start.host().await;
        host.event(booked(1, "2026-12-03T19:30:00Z")).await;
        host.run().await;
        assert_eq!(host.texts_to(ANA).len(), 1);
        let (status, certificate) = host.request("DELETE", ANA_AT, None).await;
        assert_eq!((status, word(&certificate, "recipient")), (200, "ana"));
        assert_eq!((&certificate["canceled"], &certificate["texts"], &certificate["redactions"]), (&json!(2), &json!(1), &json!(1)));
        host.host.sweep().await.unwrap();
        assert!(host.sandbox.texts_to(ANA)[0].redacted);
    }

    async fn a_person_is_exported_with_texts_replies_and_consents(start: Start) {
        let host = start.host().await;
        host.event(booked(1, "2026-12-03T19:30:00Z")).await;
        host.run().await;
        host.sandbox.reply(ANA, None, "STOP").await.unwrap();
        host.run().await;
        let known = service::export(&host.host.store, "ana").await.unwrap();
        assert_eq!(word(&known["recipient"], "phone"), ANA);
        let texts = items(&known["messages"]).iter().filter_map(|message| message["text"].as_str());
        assert!(texts.clone().any(|text| text.starts_with("Lakeside Clinic")), "{known:#}");
        assert_eq!(word(&items(&known["consents"])[0], "choice"), "opt_out");
        assert_eq!(word(&items(&known["replies"])[0], "text"), "STOP");
        assert_eq!(known["consents"][0]["phone"], ANA);
        let sent = items(&known["messages"]).iter().find(|message| message["text"].is_string()).unwrap();
        assert_eq!((&sent["language"], &sent["segments"], &sent["estimated_cost_micros"]), (&json!("es"), &json!(1), &json!(7500)));
        host.request("DELETE", ANA_AT, None).await;
        assert!(service::export(&host.host.store, "ana").await.is_err());
    }

    async fn an_export_has_the_events_and_decisions_about_a_person_and_nobody_elses_part(start: Start) {
        let host = start.host().await;
        let mut event = booked(1, "2026-12-03T19:30:00Z");
        let doctor = json!({"id": "dr-chen", "role": "doctor", "phone": "+12025550199", "language": "en", "time_zone": "America/Chicago"});
        event["people"].as_array_mut().unwrap().insert(0, doctor);
        host.event(event).await;
        host.run().await;
        let ana = service::export(&host.host.store, "ana").await.unwrap();
        let about = &items(&ana["events"])[0];
        assert_eq!((&about["type"], &about["role"]), (&json!("appointment.booked"), &json!("patient")));
        assert_eq!(about["data"]["location"], "12 Main St");
        let plan = items(&about["decisions"]).iter().find(|made| !items(&made["answer"]["messages"]).is_empty()).unwrap();
        let asked_about = items(&plan["input"]["people"]);
        assert_eq!((asked_about.len(), &asked_about[0]["role"], &asked_about[0]["time_zone"]),
            (1, &json!("patient"), &json!("America/New_York")), "{plan:#}");
        assert!(items(&plan["answer"]["messages"]).iter().all(|planned| planned["to"] == asked_about[0]["reference"]));
        let sent = items(&ana["messages"]).iter().find(|message| message["text"].is_string()).unwrap();
        let decided = &items(&sent["decisions"])[0];
        assert_eq!((&decided["question"], &decided["outcome"]), (&json!("decide"), &json!("send")));
        assert!(decided["input"]["facts"].is_array() && decided["input"]["to"]["language"] == "es", "{decided:#}");
        assert!(!ana.to_string().contains("chen") && !ana.to_string().contains("Chicago"), "{ana:#}");

        let doctor = service::export(&host.host.store, "dr-chen").await.unwrap();
        assert!(!doctor.to_string().contains("Main St") && !doctor.to_string().contains("New_York"), "{doctor:#}");
    }

    async fn an_export_has_requests_codes_without_the_codes_and_links(start: Start) {
        let mut start = start;
        start.config.links.hosts = vec!["*.lakeside.example".to_owned()];
        let host = start.host().await;
        host.event(booked(1, "2026-12-03T19:30:00Z")).await;
        host.run().await;
        host.message(json!({"type": "payment-reminder", "to": {"id": "ana"}, "variables":
            {"amount": {"amount": "25.50", "currency": "USD"}, "url": "https://pay.lakeside.example/i/77"}})).await;
        host.post("/api/v1/otp", json!({"phone": ANA, "purpose": "LOGIN"})).await;
        host.run().await;
        // The reminder of the day before asks for an answer.
        host.clock.set(at("2026-12-02T19:30:00Z"));
        host.run_after(TimeDelta::zero()).await;
        host.clock.advance(TimeDelta::seconds(1));
        host.sandbox.reply(ANA, None, "Sí").await.unwrap();
        host.run().await;
        let known = service::export(&host.host.store, "ana").await.unwrap();
        assert_eq!(known["requests"][0]["name"], "confirm", "{known:#}");
        assert_eq!(known["requests"][0]["subject"], json!({"type": "appointment", "id": "9"}));
        let code = &known["one_time_codes"][0];
        assert_eq!((&code["purpose"], &code["sends"], code["code"].is_null()), (&json!("LOGIN"), &json!(1), true), "{known:#}");
        let link = items(&known["messages"]).iter().find_map(|message| items(&message["links"]).first()).unwrap();
        assert_eq!(link["target"], "https://pay.lakeside.example/i/77");
        let texts = host.texts_to(ANA);
        let sent = texts.iter().find_map(|text| text.split(|c: char| !c.is_ascii_digit()).find(|digits| digits.len() == 6));
        assert!(sent.is_some_and(|code| !known.to_string().contains(code)), "{texts:?}");
    }

    async fn what_hangs_on_a_message_goes_with_it_and_counts_stay(start: Start) {
        let mut start = start;
        start.config.links.hosts = vec!["*.lakeside.example".to_owned()];
        start.config.webhooks.allow_networks = vec!["127.0.0.0/8".parse().unwrap()];
        let host = start.host().await;
        let (status, made) = host.post("/api/v1/webhook-endpoints", json!({"url": "http://127.0.0.1:9/hook"})).await;
        assert_eq!(status, 201, "{made}");
        host.event(booked(1, "2026-12-03T19:30:00Z")).await;
        host.message(json!({"type": "payment-reminder", "to": {"id": "ana"}, "variables":
            {"amount": {"amount": "25.50", "currency": "USD"}, "url": "https://pay.lakeside.example/i/77"}})).await;
        host.post("/api/v1/otp", json!({"phone": ANA, "purpose": "LOGIN"})).await;
        host.run().await;
        host.clock.set(at("2026-12-02T19:30:00Z"));
        host.run_after(TimeDelta::zero()).await;
        for words in ["Sí", "hm?", "STOP"] {
            host.clock.advance(TimeDelta::seconds(1));
            host.sandbox.reply(ANA, None, words).await.unwrap();
            host.run().await;
        }
        host.host.call_out_round().await.unwrap();
        let month = "/api/v1/usage?since=2026-11-01&until=2026-12-31";
        let counted = async || {
            let total = host.get(month).await["total"].clone();
            (total["messages"].as_i64().unwrap(), total["segments"].as_i64().unwrap())
        };
        let usage = counted().await;
        assert!(usage.0 > 2, "{usage:?}");
        for table in ["requests", "replies", "links", "webhook_events", "webhook_sequences", "questions"] {
            assert!(rows(&host, table).await > 0 || table == "questions", "nothing in {table} to forget");
        }
        host.clock.advance(TimeDelta::days(400));
        host.host.sweep().await.unwrap();
        forget(&host).await;
        for table in ["messages", "events", "attempts", "provider_events", "decisions", "requests", "replies", "questions", "links"] {
            assert_eq!(rows(&host, table).await, 0, "{table}");
        }
        assert_eq!(counted().await, usage);
        assert!(rows(&host, "usage").await > 0);
        // Who said STOP has said so for ever.
        assert_eq!(host.get("/api/v1/opt-outs").await["items"].as_array().map(Vec::len), Some(1));
        assert_eq!(host.get(ANA_AT).await["id"], "ana");
    }

    async fn counts_stay_for_ever_unless_the_clinic_says_how_long(start: Start) {
        let mut start = start;
        start.config.retention.counts = Some(TimeDelta::days(1000));
        let host = start.host().await;
        host.event(booked(1, "2026-12-03T19:30:00Z")).await;
        host.run().await;
        let before = rows(&host, "usage").await;
        assert!(before > 0);
        host.clock.set(at("2026-11-24T15:00:00Z") + TimeDelta::days(1000));
        forget(&host).await;
        assert_eq!(rows(&host, "usage").await, before, "not a quarter of an hour too early");
        host.clock.advance(TimeDelta::minutes(15));
        forget(&host).await;
        assert_eq!(rows(&host, "usage").await, 0);
    }

    async fn who_did_what_is_written_down_and_a_changed_line_is_noticed(start: Start) {
        let host = start.host().await;
        host.event(booked(1, "2026-12-03T19:30:00Z")).await;
        host.get(ANA_AT).await;
        host.request("PATCH", ANA_AT, Some(&json!({"language": "en"}))).await;
        host.request("DELETE", ANA_AT, None).await;
        host.host.auditor().flush().await;
        let mut tx = host.host.store.read().await.unwrap();
        let lines = tx.audit_after(0, 100).await.unwrap();
        let done: Vec<(&str, &str, i64)> = lines
            .iter()
            .map(|line| (line.entry.action.as_str(), line.entry.object.as_str(), line.entry.outcome))
            .collect();
        assert_eq!(done, [
            ("POST /api/v1/events", "/api/v1/events", 202),
            ("GET /api/v1/recipients/{id}", ANA_AT, 200),
            ("PATCH /api/v1/recipients/{id}", ANA_AT, 200),
            ("DELETE /api/v1/recipients/{id}", ANA_AT, 200),
        ]);
        assert!(lines.iter().all(|line| line.entry.actor.starts_with("key:")));
        let mut before = None;
        for line in &lines {
            assert!(tx.follows(before, line));
            before = Some(line);
        }
        let mut changed = lines[2].clone();
        changed.entry.outcome = 403;
        assert!(!tx.follows(Some(&lines[1]), &changed));
        assert!(!tx.follows(Some(&lines[0]), &lines[2]), "a line was taken out");
    }

    async fn a_new_master_key_wraps_everybodys_key_and_all_still_opens(start: Start) {
        let folder = start.folder.path().join("keys");
        let keys = tidings::store::seal::Keyring::open(&folder, None, &tidings::clock::Chance::seeded(1)).unwrap();
        let store = start.store_with(keys.clone()).await;
        let mut tx = store.begin().await.unwrap();
        for name in ["ana", "bo", "cy"] {
            let mut person = tidings::domain::recipient::Recipient::new(
                name.to_owned(), tidings::domain::recipient::Role::Patient, support::tuesday_morning());
            person.name = Some(name.to_uppercase());
            assert!(tx.insert_recipient(&person).await.unwrap());
        }
        tx.commit().await.unwrap();
        keys.rotate().unwrap();
        let mut tx = store.begin().await.unwrap();
        assert_eq!(tx.wrapped_otherwise().await.unwrap(), 3);
        // Interrupted after the first page, and taken up again.
        assert_eq!(tx.rewrap_recipient_keys("", 2).await.unwrap(), (Some("bo".to_owned()), 2));
        assert_eq!(tx.rewrap_recipient_keys("", 2).await.unwrap(), (Some("cy".to_owned()), 1));
        assert_eq!(tx.wrapped_otherwise().await.unwrap(), 0);
        tx.commit().await.unwrap();
        assert_eq!(keys.remove_retired().unwrap(), 1);
        let mut tx = store.read().await.unwrap();
        assert_eq!(tx.recipient("bo").await.unwrap().unwrap().name.as_deref(), Some("BO"));
    }
}

#[tokio::test]
async fn a_backup_beside_a_running_host_is_whole_and_a_host_starts_from_it() {
    let host = Start::sqlite().host().await;
    host.event(booked(1, "2026-12-03T19:30:00Z")).await;
    host.run().await;
    let restored = Start::sqlite();
    host.host.store.backup_sqlite(&restored.folder.path().join("tidings.db")).await.unwrap();
    let mut again = restored.host().await;
    // The keys of before are valid there, and so are the new host's own.
    assert_eq!(host.get(ANA_AT).await, again.get(ANA_AT).await);
    assert_eq!(host.states().await, again.states().await);
    again.key.clone_from(&host.key);
    assert_eq!(host.states().await, again.states().await);
}
