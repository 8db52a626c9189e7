//! The checklist: one test a row. Each is true of the whole product, through a real socket, on both
//! databases.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod support;

use chrono::TimeDelta;
use serde_json::{Value, json};
use support::{ANA, VISIT, booked};
use tidings::sandbox::Fault;

/// `state` and the provider's words, in order, of the message with this type and key.
async fn message_of(host: &support::TestHost, kind: &str, key: &str) -> Value {
    let list = host.get(&format!("/api/v1/messages?type={kind}&limit=200")).await;
    let found =
        list["items"].as_array().unwrap().iter().find(|m| m["key"].as_str().unwrap_or_default() == key);
    let id = found.unwrap_or_else(|| panic!("no {kind} {key} in {list}"))["id"].as_str().unwrap().to_owned();
    host.story(&id).await
}

/// The story of the newest message of this type.
async fn message_of_type(host: &support::TestHost, kind: &str) -> Value {
    let list = host.get(&format!("/api/v1/messages?type={kind}")).await;
    host.story(list["items"][0]["id"].as_str().unwrap()).await
}

fn statuses(story: &Value) -> Vec<&str> {
    story["provider_events"].as_array().unwrap().iter().map(|e| e["status"].as_str().unwrap()).collect()
}

/// Asks for a code, and answers the path of its checks and what the phone got.
async fn code(host: &support::TestHost) -> (String, String) {
    let (status, answer) = host.post("/api/v1/otp", json!({"phone": ANA, "purpose": "LOGIN"})).await;
    assert_eq!(status, 202, "{answer}");
    host.run().await;
    let text = host.texts_to(ANA).pop().unwrap();
    let code = text.split(|c: char| !c.is_ascii_digit()).find(|digits| digits.len() == 6).unwrap().to_owned();
    (format!("/api/v1/otp/{}/check", answer["id"].as_str().unwrap()), code)
}

/// A code that is not this one.
fn another(code: &str) -> String {
    code.chars().rev().chain("x".chars()).collect()
}

/// What a text of this type is made of.
fn variables(kind: &str) -> Value {
    match kind {
        "otp" => json!({"code": "482913"}),
        "urgent-alert" => json!({"text": "The clinic is closed today."}),
        "payment-reminder" => json!({"amount": {"amount": "25.50", "currency": "USD"}}),
        kind if kind.starts_with("appointment") || kind == "cancellation-alert" => {
            json!({"starts_at": VISIT})
        }
        _ => json!({}),
    }
}

for_each_database! {
    async fn row_01_a_one_time_code_is_sent(start: Start) {
        let host = start.host().await;
        let (_, code) = code(&host).await;
        let text = host.texts_to(ANA).pop().unwrap();
        assert!(text.starts_with("Lakeside Clinic: ") && text.contains(&code), "{text}");
        assert_eq!(message_of_type(&host, "otp").await["status"], "DELIVERED");
    }

    async fn row_07_a_code_validates(start: Start) {
        let host = start.host().await;
        let (path, code) = code(&host).await;
        assert_eq!(host.post(&path, json!({"code": code})).await.1["status"], "approved");
    }

    async fn row_08_an_expired_code_is_rejected(start: Start) {
        let host = start.host().await;
        let (path, code) = code(&host).await;
        host.clock.advance(TimeDelta::minutes(5));
        assert_eq!(host.post(&path, json!({"code": code})).await.1["status"], "expired");
    }

    async fn row_09_an_invalid_code_is_rejected(start: Start) {
        let host = start.host().await;
        let (path, code) = code(&host).await;
        let (_, answer) = host.post(&path, json!({"code": another(&code)})).await;
        assert_eq!((&answer["status"], &answer["attempts_left"]), (&json!("pending"), &json!(2)));
    }

    async fn row_10_the_limit_of_attempts_is_enforced(start: Start) {
        let host = start.host().await;
        let (path, code) = code(&host).await;
        for _ in 0..3 {
            host.post(&path, json!({"code": another(&code)})).await;
        }
        assert_eq!(host.post(&path, json!({"code": code})).await.1["status"], "exhausted");
    }

    async fn row_11_a_code_is_used_after_verification(start: Start) {
        let host = start.host().await;
        let (path, code) = code(&host).await;
        assert_eq!(host.post(&path, json!({"code": code})).await.1["status"], "approved");
        assert_eq!(host.post(&path, json!({"code": code})).await.1["status"], "expired");
    }

    async fn row_02_an_appointment_reminder_is_sent(start: Start) {
        let host = start.host().await;
        host.event(booked(1, VISIT)).await;
        host.run().await;
        host.run_after(TimeDelta::days(8) + TimeDelta::hours(4) + TimeDelta::minutes(30)).await;

        let texts = host.texts_to(ANA);
        assert_eq!(texts.len(), 2, "the confirmation and the 24-hour reminder: {texts:?}");
        assert!(texts[1].contains("3 de diciembre") && texts[1].contains("2:30"), "{}", texts[1]);
        let story = message_of(&host, "appointment-reminder", "24h").await;
        assert_eq!((&story["state"], &story["text"]["body"]), (&json!("delivered"), &json!(texts[1])));
    }

    async fn row_03_a_confirmation_is_sent_at_once(start: Start) {
        let host = start.host().await;
        let answer = host.event(booked(1, VISIT)).await;
        let due: Vec<&str> = answer["messages"].as_array().unwrap().iter().map(|m| m["due_at"].as_str().unwrap()).collect();
        assert_eq!(due[0], "2026-11-24T15:00:00Z");
        host.run().await;
        assert_eq!(host.texts_to(ANA).len(), 1);
        assert_eq!(message_of(&host, "appointment-confirmation", "confirmation").await["status"], "DELIVERED");
    }

    async fn row_04_international_numbers_work(start: Start) {
        let host = start.host().await;
        for (region, phone, e164) in [
            ("GB", "07400 123456", "+447400123456"),
            ("FR", "06 12 34 56 78", "+33612345678"),
            ("BD", "01812-345678", "+8801812345678"),
            ("BR", "(11) 96123-4567", "+5511961234567"),
        ] {
            let to = json!({"id": region, "phone": phone, "region": region, "language": "en"});
            let id = host.message(json!({"type": "prescription-ready", "to": to})).await;
            host.run().await;
            assert_eq!(host.texts_to(e164).len(), 1, "{region}");
            assert_eq!(host.story(&id).await["status"], "DELIVERED", "{region}");
        }
    }

    async fn row_05_status_callbacks_are_received(start: Start) {
        let host = start.host().await;
        host.event(booked(1, VISIT)).await;
        host.run().await;
        let story = message_of(&host, "appointment-confirmation", "confirmation").await;
        let sources: Vec<&str> =
            story["provider_events"].as_array().unwrap().iter().map(|e| e["source"].as_str().unwrap()).collect();
        assert_eq!(sources, ["answer", "callback", "callback"]);
    }

    async fn row_06_delivery_is_tracked(start: Start) {
        let host = start.host().await;
        host.event(booked(1, VISIT)).await;
        host.run().await;
        let story = message_of(&host, "appointment-confirmation", "confirmation").await;
        assert_eq!(statuses(&story), ["queued", "sent", "delivered"]);
        assert!(story["sent_at"].is_string() && story["delivered_at"].is_string() && story["sid"].is_string());
        let journal: Vec<&str> = story["journal"].as_array().unwrap().iter().map(|l| l["to"].as_str().unwrap()).collect();
        // A callback may be faster than the answer to the call itself: then `accepted` is passed by.
        assert_eq!(journal[..3], ["planned", "claimed", "sending"]);
        assert_eq!(journal.last(), Some(&"delivered"));
    }

    async fn row_12_who_opts_out_receives_nothing(start: Start) {
        let host = start.host().await;
        host.event(booked(1, VISIT)).await;
        host.run().await;
        let (texts, calls) = (host.texts_to(ANA).len(), host.sandbox.calls());
        host.sandbox.reply(ANA, Some("+15005550006"), "stop").await.unwrap();
        host.run().await;
        assert_eq!(host.get("/api/v1/recipients/ana").await["opted_out"], true);
        for key in ["24h", "1h"] {
            let story = message_of(&host, "appointment-reminder", key).await;
            assert_eq!((&story["status"], &story["reason"]["code"]), (&json!("SUPPRESSED"), &json!("opted-out")));
        }
        for name in host.host.kind_names().iter().filter(|name| !name.starts_with("reply-")) {
            let id = host.message(json!({"type": name, "to": {"id": "ana"}, "variables": variables(name)})).await;
            host.run().await;
            assert_eq!(host.story(&id).await["reason"]["code"], "opted-out", "{name}");
        }
        host.clock.set("2026-12-03T19:00:00Z".parse().unwrap());
        host.run_after(TimeDelta::zero()).await;
        assert_eq!((host.texts_to(ANA).len(), host.sandbox.calls()), (texts, calls));
        // Nobody but the phone brings them back.
        let staff = json!({"choice": "opt_in", "source": "staff", "evidence": "said so on the phone"});
        assert_eq!(host.post("/api/v1/recipients/ana/consents", staff).await.0, 409);
        host.clock.advance(TimeDelta::seconds(1));
        host.sandbox.reply(ANA, Some("+15005550006"), "START").await.unwrap();
        let id = host.message(json!({"type": "prescription-ready", "to": {"id": "ana"}})).await;
        host.run().await;
        assert_eq!(host.story(&id).await["status"], "DELIVERED");
    }

    async fn row_13_preferences_are_saved_and_each_type_can_be_switched_off(start: Start) {
        let host = start.host().await;
        let types = host.host.kind_names();
        for name in types.iter().filter(|name| !name.starts_with("reply-")) {
            let (status, answer) = host
                .request("PUT", &format!("/api/v1/recipients/off-{name}"), Some(&json!({
                    "phone": ANA, "language": "en", "preferences": {"types": {name: false}}
                })))
                .await;
            assert_eq!((status, &answer["preferences"]["types"][name]), (200, &json!(false)), "{answer}");
            let to = json!({"id": format!("off-{name}")});
            let id = host.message(json!({"type": name, "to": to, "variables": variables(name)})).await;
            host.run().await;
            let story = host.story(&id).await;
            assert_eq!((&story["state"], &story["reason"]["code"]), (&json!("suppressed"), &json!("switched-off")), "{name}");
        }
        assert_eq!(host.sandbox.texts().len(), 0);
        let kept = host.get("/api/v1/recipients/off-otp/preferences").await;
        assert_eq!((&kept["types"]["otp"], &kept["types"]["follow-up"]), (&json!(false), &json!(true)));
    }

    async fn row_14_every_text_is_logged_with_its_status(start: Start) {
        let host = start.host().await;
        host.event(booked(1, VISIT)).await;
        host.message(json!({"type": "prescription-ready", "to": {"id": "bo", "phone": "+15005550112", "language": "en"}})).await;
        host.run().await;
        let of = async |query: &str| host.get(&format!("/api/v1/messages?{query}")).await["items"].as_array().unwrap().len();
        assert_eq!(of("recipient=ana").await, 3);
        assert_eq!(of("recipient=ana&state=delivered").await, 1);
        assert_eq!(of("type=appointment-reminder&state=planned").await, 2);
        assert_eq!(of("recipient=bo&state=undelivered").await, 1);
        let story = message_of(&host, "prescription-ready", "").await;
        assert_eq!((&story["status"], &story["error_code"]), (&json!("UNDELIVERED"), &json!(30007)));
        assert!(story["error_text"].is_string());
    }

    async fn row_15_what_fails_is_sent_again_at_most_three_times(start: Start) {
        let host = start.host().await;
        // The handset is off: the reminder is tried again, later and later, while it is of use.
        host.sandbox.script(ANA, [Fault::Undelivered(30003); 8]);
        host.event(booked(1, VISIT)).await;
        for _ in 0..12 {
            host.run_after(TimeDelta::hours(6)).await;
        }
        let story = message_of(&host, "appointment-confirmation", "confirmation").await;
        let attempts = story["attempts"].as_array().unwrap().len();
        assert!((2..=4).contains(&attempts), "{attempts} attempts: {story}");
        assert_eq!((&story["status"], &story["error_code"]), (&json!("UNDELIVERED"), &json!(30003)), "{story}");
        // A 429 and a call that reached nobody are no attempts: the text goes out when it can.
        let bo = json!({"type": "prescription-ready", "to": {"id": "bo", "phone": "+12025550144", "language": "en"}});
        host.sandbox.script("+12025550144", [Fault::TooManyRequests(Some(1)); 6]);
        let id = host.message(bo).await;
        for _ in 0..8 {
            host.run_after(TimeDelta::minutes(15)).await;
        }
        assert_eq!((host.story(&id).await["status"].clone(), host.texts_to("+12025550144").len()), (json!("DELIVERED"), 1));
    }

    async fn row_18_bulk_texts_are_queued_and_each_is_sent_once(start: Start) {
        let host = start.host().await;
        let messages: Vec<Value> = (0..200)
            .map(|number| json!({"type": "prescription-ready", "to": {"id": number.to_string(), "phone": format!("+12025550{}", 100 + number), "language": "en"}}))
            .collect();
        let (status, answer) = host.post("/api/v1/messages/batch", json!({"messages": messages})).await;
        assert_eq!((status, &answer["accepted"]), (202, &json!(200)), "{answer}");
        host.run().await;
        assert_eq!((host.sandbox.texts().len(), host.sandbox.calls()), (200, 200));
        let delivered = host.get("/api/v1/messages?state=delivered&limit=200").await;
        assert_eq!(delivered["items"].as_array().unwrap().len(), 200);
    }

    async fn row_16_reminders_are_scheduled_24_hours_and_1_hour_before(start: Start) {
        let host = start.host().await;
        let answer = host.event(booked(1, VISIT)).await;
        let planned: Vec<(&str, &str)> = answer["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| (m["key"].as_str().unwrap(), m["due_at"].as_str().unwrap()))
            .collect();
        assert_eq!(planned, [
            ("confirmation", "2026-11-24T15:00:00Z"),
            ("24h", "2026-12-02T19:30:00Z"),
            ("1h", "2026-12-03T18:30:00Z"),
        ]);
    }

    async fn row_17_webhooks_refuse_forgeries(start: Start) {
        let host = start.host().await;
        host.event(booked(1, VISIT)).await;
        host.run().await;
        let story = message_of(&host, "appointment-confirmation", "confirmation").await;
        let sid = story["sid"].as_str().unwrap();
        let forged = [("MessageSid", sid), ("MessageStatus", "failed"), ("ErrorCode", "30007")];
        let stop = [("MessageSid", "SM00000000000000000000000000000001"), ("From", ANA), ("Body", "STOP")];
        for (path, form) in [
            ("/webhooks/twilio/status", forged),
            ("/api/v1/sms/status-callback", forged),
            ("/webhooks/twilio/inbound", stop),
        ] {
            for signature in [None, Some("bm90IGEgc2lnbmF0dXJl")] {
                let mut request = host.client.post(format!("{}{path}", host.base)).form(&form);
                if let Some(signature) = signature {
                    request = request.header("X-Twilio-Signature", signature);
                }
                assert_eq!(request.send().await.unwrap().status().as_u16(), 403, "{path}");
            }
        }
        assert_eq!(message_of(&host, "appointment-confirmation", "confirmation").await, story);
        assert_eq!(host.get("/api/v1/recipients/ana").await["opted_out"], false);
    }

    async fn row_19_a_text_is_in_its_readers_language_and_time_and_names_those_who_like_details(start: Start) {
        let host = start.host().await;
        let mut bodies = std::collections::BTreeSet::new();
        let languages = ["en", "es", "fr", "pt-BR", "ar", "bn", "hi", "zh-Hans", "vi", "fil"];
        for (number, language) in languages.iter().enumerate() {
            let to = json!({"id": language, "phone": format!("+1202555016{number}"), "language": language, "time_zone": "America/New_York"});
            let id = host.message(json!({"type": "appointment-confirmation", "to": to, "variables": {"starts_at": VISIT}})).await;
            host.run().await;
            let story = host.story(&id).await;
            assert_eq!((&story["text"]["locale_sent"], &story["text"]["fallback"]), (&json!(language), &Value::Null), "{story}");
            assert_eq!(host.texts_to(&format!("+1202555016{number}")).len(), 1);
            bodies.insert(story["text"]["body"].as_str().unwrap().to_owned());
        }
        assert_eq!(bodies.len(), languages.len(), "{bodies:?}");
        // The same visit is at another time of day for who lives elsewhere.
        let to = json!({"id": "bo", "phone": "+12025550171", "language": "en", "time_zone": "America/Chicago"});
        host.message(json!({"type": "appointment-confirmation", "to": to, "variables": {"starts_at": VISIT}})).await;
        host.run().await;
        let (ana, bo) = (host.texts_to("+12025550160").pop().unwrap(), host.texts_to("+12025550171").pop().unwrap());
        assert!(ana.contains("2:30") && bo.contains("1:30"), "{ana} / {bo}");
        // Only who asked for details is named: texts show on locked telephones.
        for (number, discretion, named) in [(172, "detailed", true), (173, "standard", false)] {
            let phone = format!("+12025550{number}");
            let likes = json!({"phone": phone, "name": "Cleo", "language": "en", "preferences": {"discretion": discretion}});
            assert_eq!(host.request("PUT", &format!("/api/v1/recipients/{discretion}"), Some(&likes)).await.0, 200);
            host.message(json!({"type": "appointment-reminder", "to": {"id": discretion}, "variables": {"starts_at": VISIT}})).await;
            host.run().await;
            let text = host.texts_to(&phone).pop().unwrap();
            assert_eq!(text.contains("Cleo"), named, "{text}");
        }
    }

    async fn row_22_preferred_time_windows_are_respected(start: Start) {
        let host = start.host().await;
        // It is Tuesday, 10:00 in New York; he lives there and likes Tuesday evenings.
        let likes = json!({"phone": ANA, "language": "en", "time_zone": "America/New_York",
            "preferences": {"windows": {"tue": ["18:00-20:00"], "sat-sun": ["10:00-12:00"]}}});
        assert_eq!(host.request("PUT", "/api/v1/recipients/bo", Some(&likes)).await.0, 200);
        let id = host.message(json!({"type": "prescription-ready", "to": {"id": "bo"}})).await;
        host.run().await;
        let story = host.story(&id).await;
        assert_eq!((&story["state"], &story["due_at"]), (&json!("planned"), &json!("2026-11-24T23:00:00Z")), "{story}");
        host.run_after(TimeDelta::hours(8) - TimeDelta::seconds(1)).await;
        assert_eq!(host.texts_to(ANA).len(), 0);
        host.run_after(TimeDelta::seconds(1)).await;
        assert_eq!((host.texts_to(ANA).len(), &host.story(&id).await["status"]), (1, &json!("DELIVERED")));
        // What cannot wait so long is not sent, and says why: the reminder an hour before a visit at nine.
        let mut early = booked(1, "2026-11-26T09:00:00-05:00");
        early["people"][0] = json!({"id": "bo", "role": "patient"});
        host.event(early).await;
        host.clock.set("2026-11-26T13:00:00Z".parse().unwrap());
        host.run_after(TimeDelta::zero()).await;
        let reminder = message_of(&host, "appointment-reminder", "1h").await;
        assert_eq!((&reminder["state"], &reminder["reason"]["code"]), (&json!("suppressed"), &json!("preferred-window-too-late")), "{reminder}");
    }

    async fn row_20_links_in_texts_are_short(start: Start) {
        let mut start = start;
        start.config.links.hosts = vec!["pay.lakeside.example".to_owned()];
        let host = start.host().await;
        let page = "https://pay.lakeside.example/invoices/2026/11/77?session=0123456789abcdef";
        host.message(json!({"type": "payment-reminder", "to": {"id": "ana", "phone": ANA, "language": "en"},
            "variables": {"amount": {"amount": "25.50", "currency": "USD"}, "url": page}}))
            .await;
        host.run().await;
        let text = host.texts_to(ANA).pop().unwrap();
        let link = text.split_whitespace().find(|word| word.starts_with(&host.base)).unwrap();
        assert!(link.len() < page.len() && !text.contains("invoices"), "{text}");
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let answer = client.get(link).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers()["location"].to_str().unwrap()), (302, page));
    }

    async fn row_21_cost_and_usage_are_tracked(start: Start) {
        let host = start.host().await;
        host.event(booked(1, VISIT)).await;
        host.run().await;
        let usage = host.get("/api/v1/usage").await;
        let item = json!({"day": "2026-11-24", "type": "appointment-confirmation", "country": "US", "locale": "es",
            "messages": 1, "segments": 1, "estimated_cost": "0.007500", "actual_cost": "0.000000", "priced": 0});
        assert_eq!(usage["items"], json!([item]));
        // Twilio tells the price some time after the end.
        host.run_after(TimeDelta::hours(2)).await;
        let total = host.get("/api/v1/usage").await["total"].clone();
        assert_eq!(total["priced"], 1);
        assert_ne!(total["actual_cost"], "0.000000");
    }
}
