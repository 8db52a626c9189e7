//! The consent ledger: what people, staff and Twilio write in it, and what is then not sent.

use crate::for_each_database;
use crate::support::{ANA, TestHost, VISIT, booked, phone};
use chrono::TimeDelta;
use serde_json::{Value, json};
use tidings::domain::consent::{Binds, Choice, ConsentSource, Scope};
use tidings::domain::id::ConsentId;
use tidings::store::NewConsent;
use uuid::Uuid;

const PATH: &str = "/api/v1/recipients/ana/consents";
const CLINIC: &str = "+15005550006";

fn items(value: &Value) -> &[Value] {
    value["items"].as_array().unwrap_or_else(|| panic!("no list: {value}"))
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {value}"))
}

async fn known(host: &TestHost, id: &str, phone: &str) {
    let body = json!({"phone": phone, "language": "en", "time_zone": "America/New_York"});
    let (status, answer) = host.request("PUT", &format!("/api/v1/recipients/{id}"), Some(&body)).await;
    assert_eq!(status, 200, "{answer}");
}

async fn write(host: &TestHost, body: Value) -> Value {
    host.clock.advance(TimeDelta::seconds(1));
    let (status, line) = host.post(PATH, body).await;
    assert_eq!(status, 201, "{line}");
    line
}

async fn type_on(host: &TestHost, phone: &str, text: &str) {
    host.clock.advance(TimeDelta::seconds(1));
    assert_eq!(host.sandbox.reply(phone, Some(CLINIC), text).await.unwrap().answer, Some(200));
    host.run().await;
}

/// Posts a text of this type to a person, and answers its status and the code of its reason.
async fn text(host: &TestHost, kind: &str, id: &str) -> (String, String) {
    let variables = if kind == "payment-reminder" {
        json!({"amount": {"amount": "25.50", "currency": "USD"}})
    } else {
        json!({})
    };
    let id = host.message(json!({"type": kind, "to": {"id": id}, "variables": variables})).await;
    host.run().await;
    let story = host.story(&id).await;
    (word(&story, "status").to_owned(), story["reason"]["code"].as_str().unwrap_or_default().to_owned())
}

fn refused() -> (String, String) {
    ("SUPPRESSED".to_owned(), "opted-out".to_owned())
}

for_each_database! {
    async fn an_opt_out_of_a_group_or_type_stops_that_and_nothing_else(start: Start) {
        let host = start.host().await;
        known(&host, "ana", ANA).await;
        let group = word(&write(&host, json!({"choice": "opt_out", "scope": "type:payment-reminder", "source": "staff"})).await, "scope").to_owned();
        assert_eq!(group, "type:payment-reminder");
        assert_eq!(text(&host, "payment-reminder", "ana").await, refused());
        assert_eq!(text(&host, "prescription-ready", "ana").await.0, "DELIVERED");
        write(&host, json!({"choice": "opt_out", "scope": "group:prescriptions", "source": "form"})).await;
        assert_eq!(text(&host, "prescription-ready", "ana").await, refused());
        assert_eq!(text(&host, "follow-up", "ana").await.0, "DELIVERED");
        let person = host.get("/api/v1/recipients/ana").await;
        assert_eq!((&person["opted_out"], &person["opt_outs"]), (&json!(false), &json!(["group:prescriptions", "type:payment-reminder"])));
        let agreed = json!({"choice": "opt_in", "scope": "group:prescriptions", "source": "form", "evidence": "scan 4711"});
        write(&host, agreed).await;
        assert_eq!(text(&host, "prescription-ready", "ana").await.0, "DELIVERED");
    }

    async fn an_opt_out_ends_what_waits_at_once(start: Start) {
        let host = start.host().await;
        host.event(booked(1, VISIT)).await;
        host.run().await;
        write(&host, json!({"choice": "opt_out", "scope": "type:appointment-reminder", "source": "staff"})).await;
        let states: Vec<String> = host.states().await.into_iter().map(|(.., state)| state).collect();
        assert_eq!(states, ["delivered", "suppressed", "suppressed"]);
    }

    async fn a_persons_own_opt_out_does_not_speak_for_others_on_the_phone(start: Start) {
        let host = start.host().await;
        known(&host, "ana", ANA).await;
        known(&host, "brother", ANA).await;
        write(&host, json!({"choice": "opt_out", "source": "form"})).await;
        assert_eq!(text(&host, "follow-up", "ana").await, refused());
        assert_eq!(text(&host, "follow-up", "brother").await.0, "DELIVERED");
        // What was said from the phone holds for all who use it.
        type_on(&host, ANA, "STOP").await;
        assert_eq!(text(&host, "follow-up", "brother").await, refused());
    }

    async fn staff_cannot_undo_a_stop_from_the_phone(start: Start) {
        let host = start.host().await;
        known(&host, "ana", ANA).await;
        type_on(&host, ANA, "STOP").await;
        let agreed = json!({"choice": "opt_in", "source": "staff", "evidence": "she called", "by": "reception"});
        for scope in ["all", "type:follow-up"] {
            let mut body = agreed.clone();
            body["scope"] = json!(scope);
            let (status, problem) = host.post(PATH, body).await;
            assert_eq!((status, word(&problem, "type")), (409, "/docs/problems/stopped-by-phone"), "{scope}");
        }
        assert_eq!(text(&host, "follow-up", "ana").await, refused());
        type_on(&host, ANA, "START").await;
        let line = write(&host, agreed).await;
        assert_eq!((word(&line, "evidence"), word(&line, "by"), word(&line, "binds")), ("she called", "reception", "recipient"));
        assert_eq!(text(&host, "follow-up", "ana").await.0, "DELIVERED");
    }

    async fn staff_cannot_undo_what_a_person_said_themselves(start: Start) {
        let host = start.host().await;
        known(&host, "ana", ANA).await;
        write(&host, json!({"choice": "opt_out", "scope": "group:prescriptions", "source": "form"})).await;
        // What staff write on top of it changes nothing of whose word it is.
        write(&host, json!({"choice": "opt_out", "scope": "group:prescriptions", "source": "staff"})).await;
        for (source, scope) in [("staff", "group:prescriptions"), ("import", "group:prescriptions"), ("staff", "type:prescription-ready")] {
            host.clock.advance(TimeDelta::seconds(1));
            let body = json!({"choice": "opt_in", "scope": scope, "source": source, "evidence": "she called"});
            let (status, problem) = host.post(PATH, body).await;
            assert_eq!((status, word(&problem, "type")), (409, "/docs/problems/opted-out-by-person"), "{source} {scope}");
            assert!(word(&problem, "detail").contains("START"), "{problem}");
        }
        assert_eq!(text(&host, "prescription-ready", "ana").await, refused());
        // Other things, and lines from before, are not undoing it.
        write(&host, json!({"choice": "opt_in", "scope": "all", "source": "staff", "evidence": "scan 4711"})).await;
        let old = json!({"choice": "opt_in", "scope": "group:prescriptions", "source": "import", "evidence": "old system", "at": "2025-03-01T09:00:00Z"});
        write(&host, old).await;
        assert_eq!(text(&host, "prescription-ready", "ana").await, refused());
        write(&host, json!({"choice": "opt_in", "scope": "group:prescriptions", "source": "form", "evidence": "scan 4712"})).await;
        assert_eq!(text(&host, "prescription-ready", "ana").await.0, "DELIVERED");
    }

    async fn start_gives_staff_their_say_again(start: Start) {
        let host = start.host().await;
        known(&host, "ana", ANA).await;
        write(&host, json!({"choice": "opt_out", "source": "form"})).await;
        let agreed = json!({"choice": "opt_in", "source": "staff", "evidence": "she called"});
        host.clock.advance(TimeDelta::seconds(1));
        assert_eq!(host.post(PATH, agreed.clone()).await.0, 409);
        type_on(&host, ANA, "START").await;
        assert_eq!(text(&host, "follow-up", "ana").await.0, "DELIVERED");
        write(&host, json!({"choice": "opt_out", "source": "staff"})).await;
        write(&host, agreed).await;
        assert_eq!(text(&host, "follow-up", "ana").await.0, "DELIVERED");
    }

    async fn a_long_ledger_is_read_in_pages_and_takes_an_old_line(start: Start) {
        let host = start.host().await;
        known(&host, "ana", ANA).await;
        let phone = phone(ANA);
        let mut tx = host.host.store.begin().await.unwrap();
        for n in 0..230 {
            let line = NewConsent {
                id: ConsentId(Uuid::from_u128(n + 1)),
                binds: Binds::Recipient,
                phone: Some(&phone),
                recipient: Some("ana"),
                scope: &Scope::All,
                choice: if n % 2 == 0 { Choice::OptOut } else { Choice::OptIn },
                source: ConsentSource::Form,
                held_by_provider: false,
                wording: None,
                evidence: None,
                by: None,
                // Two in every second.
                at: host.clock_now() - TimeDelta::seconds(i64::try_from(n / 2).unwrap()),
            };
            tx.insert_consent(&line).await.unwrap();
        }
        tx.commit().await.unwrap();
        let old = json!({"choice": "opt_out", "source": "import", "at": "2025-03-01T09:00:00Z"});
        let line = write(&host, old).await;
        assert_eq!(word(&line, "at"), "2025-03-01T09:00:00Z");
        let (mut seen, mut path) = (Vec::new(), format!("{PATH}?limit=100"));
        loop {
            let page = host.get(&path).await;
            seen.extend(items(&page).iter().map(|line| word(line, "id").to_owned()));
            let Some(next) = page["next_cursor"].as_str() else { break };
            path = format!("{PATH}?limit=100&cursor={next}");
        }
        assert_eq!((seen.len(), seen.last().unwrap().as_str()), (231, word(&line, "id")));
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 231, "each once");
        assert_eq!(items(&host.get(PATH).await).len(), 50);
        assert_eq!(host.request("GET", &format!("{PATH}?limit=0"), None).await.0, 422);
        let file = tidings::service::export(&host.host.store, "ana").await.unwrap();
        assert_eq!(items(&json!({"items": file["consents"]})).len(), 231);
    }

    async fn the_database_itself_removes_and_changes_no_line(start: Start) {
        let host = start.host().await;
        known(&host, "ana", ANA).await;
        write(&host, json!({"choice": "opt_out", "source": "form", "wording": "no"})).await;
        for statement in [
            "DELETE FROM consents",
            "UPDATE consents SET choice = 'opt_in'",
            "UPDATE consents SET at = at - 1",
            "UPDATE consents SET recipient_id = NULL",
            "UPDATE consents SET details_sealed = details_sealed",
            "UPDATE consents SET binds = 'phone', details_sealed = NULL",
            "UPDATE consents SET recipient_id = NULL, details_sealed = NULL",
            "UPDATE consents SET recipient_id = 'bo', details_sealed = NULL",
            "UPDATE consents SET phone_hash = details_sealed, details_sealed = NULL",
        ] {
            let refused = host.try_sql(statement).await.unwrap_err().to_string();
            assert!(refused.contains("of the consent ledger are never"), "{statement}: {refused}");
        }
        if host.start.database_url.is_some() {
            assert!(host.try_sql("TRUNCATE consents CASCADE").await.is_err());
        }
        assert_eq!(word(&items(&host.get(PATH).await)[0], "wording"), "no");
        assert_eq!(host.request("DELETE", "/api/v1/recipients/ana", None).await.0, 200);
    }

    async fn start_from_their_own_phone_ends_a_persons_other_opt_out_too(start: Start) {
        let host = start.host().await;
        known(&host, "ana", ANA).await;
        write(&host, json!({"choice": "opt_out", "source": "staff"})).await;
        type_on(&host, ANA, "START").await;
        assert_eq!(text(&host, "follow-up", "ana").await.0, "DELIVERED");
    }

    async fn the_ledger_keeps_every_line_with_its_source_and_words(start: Start) {
        let host = start.host().await;
        known(&host, "ana", ANA).await;
        let wording = "Text me about my visits.";
        write(&host, json!({"choice": "opt_in", "scope": "group:appointments", "source": "import", "wording": wording, "evidence": "old system", "at": "2025-03-01T09:00:00Z"})).await;
        type_on(&host, ANA, "Stop!").await;
        type_on(&host, ANA, "START").await;
        let ledger = host.get(PATH).await;
        let lines: Vec<(&str, &str, &str, &str)> = items(&ledger)
            .iter()
            .map(|l| (word(l, "choice"), word(l, "source"), word(l, "scope"), l["wording"].as_str().unwrap_or_default()))
            .collect();
        assert_eq!(lines, [
            ("opt_in", "reply", "all", "START"),
            ("opt_out", "reply", "all", "Stop!"),
            ("opt_in", "import", "group:appointments", wording),
        ]);
        assert_eq!(word(&items(&ledger)[2], "at"), "2025-03-01T09:00:00Z");
        assert!(!ledger.to_string().contains(&ANA[2..]), "a whole number: {ledger}");
    }

    async fn an_older_line_that_comes_late_changes_nothing(start: Start) {
        let host = start.host().await;
        known(&host, "ana", ANA).await;
        write(&host, json!({"choice": "opt_out", "source": "staff"})).await;
        write(&host, json!({"choice": "opt_in", "source": "import", "evidence": "old system", "at": "2025-03-01T09:00:00Z"})).await;
        assert_eq!(text(&host, "follow-up", "ana").await, refused());
    }

    async fn a_line_that_makes_no_sense_is_refused_by_its_field(start: Start) {
        let host = start.host().await;
        known(&host, "ana", ANA).await;
        for (body, pointer) in [
            (json!({"choice": "opt_in", "source": "staff"}), "/evidence"),
            (json!({"choice": "opt_out", "source": "reply"}), "/source"),
            (json!({"choice": "opt_out", "source": "staff", "scope": "group:horoscopes"}), "/scope"),
            (json!({"choice": "opt_out", "source": "staff", "scope": "type:horoscope"}), "/scope"),
            (json!({"choice": "opt_out", "source": "staff", "scope": "some"}), "/scope"),
            (json!({"choice": "opt_out", "source": "staff", "at": "2027-01-01T00:00:00Z"}), "/at"),
            (json!({"choice": "maybe", "source": "staff"}), "/choice"),
        ] {
            let (status, problem) = host.post(PATH, body.clone()).await;
            assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!(pointer)), "{body}: {problem}");
        }
        assert_eq!(host.post("/api/v1/recipients/bo/consents", json!({"choice": "opt_out", "source": "staff"})).await.0, 404);
        assert_eq!(items(&host.get(PATH).await).len(), 0);
    }

    async fn the_list_of_opt_outs_is_what_holds_now(start: Start) {
        let host = start.host().await;
        for (id, phone) in [("ana", ANA), ("bo", "+12025550144"), ("cy", "+12025550145")] {
            known(&host, id, phone).await;
            type_on(&host, phone, "STOP").await;
        }
        type_on(&host, "+12025550144", "START").await;
        write(&host, json!({"choice": "opt_out", "scope": "type:otp", "source": "form"})).await;
        let list = host.get("/api/v1/opt-outs").await;
        let of = |list: &Value| -> Vec<(String, String)> {
            items(list).iter().map(|l| (word(l, "recipient").to_owned(), word(l, "scope").to_owned())).collect()
        };
        let expected = [("ana", "type:otp"), ("cy", "all"), ("ana", "all")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(of(&list), expected);
        let first = host.get("/api/v1/opt-outs?limit=2").await;
        let rest = host.get(&format!("/api/v1/opt-outs?limit=2&cursor={}", word(&first, "next_cursor"))).await;
        assert_eq!([of(&first), of(&rest)].concat(), expected);
        assert_eq!(rest["next_cursor"], Value::Null);
    }

    async fn opt_outs_leave_as_csv_and_json_lines_and_whole_numbers_only_with_their_scope(start: Start) {
        let host = start.host().await;
        known(&host, "=ana, \"A\"", ANA).await;
        type_on(&host, ANA, "STOP").await;
        let (_, csv) = host.request("GET", "/api/v1/opt-outs?format=csv", None).await;
        let csv = csv.as_str().unwrap();
        let mut lines = csv.split("\r\n");
        assert_eq!(lines.next(), Some("at,scope,binds,source,recipient,phone"));
        assert_eq!(lines.next(), Some("2026-11-24T15:00:01.000Z,all,phone,reply,\"'=ana, \"\"A\"\"\",+1•••••••143"));
        let (_, whole) = host.request("GET", "/api/v1/opt-outs?format=jsonl&numbers=whole", None).await;
        assert_eq!((word(&whole, "phone"), word(&whole, "scope")), (ANA, "all"), "one line is one object");
        let (status, problem) = host.request("GET", "/api/v1/opt-outs?format=xml", None).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("format")));
        let key = host.key_with(&["recipients:read"]).await;
        let url = format!("{}/api/v1/opt-outs?numbers=whole", host.base);
        let answer = host.client.get(url).bearer_auth(key).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 403);
    }

    async fn phones_that_said_stop_elsewhere_are_taken_over(start: Start) {
        let host = start.host().await;
        host.event(booked(1, VISIT)).await;
        host.run().await;
        let items_of = json!({"items": [{"phone": "(202) 555-0143", "at": "2025-03-01T09:00:00Z"}, {"phone": "+33612345678"}]});
        let answer = host.post("/api/v1/opt-outs", items_of).await;
        assert_eq!(answer, (201, json!({"imported": 2})));
        let ends: Vec<String> = host.states().await.into_iter().map(|(.., state)| state).collect();
        assert_eq!(ends, ["delivered", "suppressed", "suppressed"]);
        known(&host, "fr", "+33612345678").await;
        assert_eq!(text(&host, "follow-up", "fr").await, refused());
        let (status, problem) = host.post("/api/v1/opt-outs", json!({"items": [{"phone": "+12025550199"}, {"phone": "12"}]})).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/items/1/phone")));
        assert!(!host.host.store.read().await.unwrap().consents("", Some(&phone("+12025550199"))).await.unwrap().phone_stopped());
    }

    async fn an_erased_persons_stop_stays_and_their_number_goes(start: Start) {
        let host = start.host().await;
        type_on(&host, ANA, "STOP").await;
        known(&host, "ana", ANA).await;
        type_on(&host, ANA, "STOP").await;
        assert_eq!(host.request("DELETE", "/api/v1/recipients/ana", None).await.0, 200);
        let (_, list) = host.request("GET", "/api/v1/opt-outs?numbers=whole", None).await;
        assert!(items(&list).iter().all(|line| line["phone"].is_null() && line["wording"].is_null()), "{list}");
        assert_eq!(items(&list).len(), 1);
        known(&host, "ana-again", ANA).await;
        assert_eq!(text(&host, "follow-up", "ana-again").await, refused());
    }
}
