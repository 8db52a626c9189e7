//! One-time codes that a policy plans for an event: the same numbers as codes that are asked for, the same counters,
//! and each counted once.

use crate::delivery::another;
use crate::for_each_database;
use crate::guest::{Decides, Guest, Plans};
use crate::otp_brakes::{ask, origin, post, rates, refusals};
use crate::support::{ANA, Folder, Start, TestHost, home};
use chrono::TimeDelta;
use serde_json::{Value, json};

fn drop_in(home: &Folder, plans: Plans) {
    let events = &["clinic.door"];
    let guest = Guest { message_type: "otp", events, plans, ..Guest::new(Decides::Send) };
    std::fs::write(home.path().join("plugins/door.wasm"), guest.component()).unwrap();
}

/// A home whose codes are a policy's: one for each door that opens.
fn with_codes_for_doors(start: &mut Start, plans: Plans) -> Folder {
    let folder = home();
    let plugins = folder.path().join("plugins");
    for file in ["otp.wasm", "otp.toml"] {
        std::fs::remove_file(plugins.join(file)).unwrap();
    }
    drop_in(&folder, plans);
    let kind = folder.path().join("templates/otp.toml");
    let text = std::fs::read_to_string(&kind).unwrap();
    std::fs::write(kind, text.replace("[variables.code]", "[variables.code]\nfrom = \"data.code\"")).unwrap();
    folder.path().clone_into(&mut start.home);
    folder
}

/// Why there is no code for this phone; nothing when there is one.
async fn open_door(host: &TestHost, nth: u32, phone: &str) -> Value {
    open_door_again(host, nth, 1, phone).await["passed_over"][0]["reason"]["code"].clone()
}

/// What follows from a version of it.
async fn open_door_again(host: &TestHost, nth: u32, version: i64, phone: &str) -> Value {
    let event = json!({
        "type": "clinic.door",
        "subject": {"type": "door", "id": nth.to_string(), "version": version},
        "people": [{"id": phone, "role": "patient", "phone": phone}],
        "data": {"code": "482913"},
    });
    let (status, story) = host.post("/api/v1/events", event).await;
    assert_eq!(status, 202, "{story}");
    story
}

for_each_database! {
    /// A clinic's own rule plans a code for an event: the same numbers, the same price.
    async fn a_code_that_a_policy_plans_is_held_by_the_same_counters(start: Start) {
        let mut start = start;
        start.config.otp.limits.phone = rates("2/1h");
        let _home = with_codes_for_doors(&mut start, Plans::One);
        let host = start.host().await;
        for nth in 0..2 {
            assert_eq!(open_door(&host, nth, ANA).await, Value::Null);
        }
        assert_eq!(open_door(&host, 2, ANA).await, "code-refused");
        assert_eq!(open_door(&host, 3, "+33612345678").await, "code-refused");
        assert_eq!(post(&host, json!({"phone": ANA, "purpose": "LOGIN"})).await.0, 429, "the same counter");
        let kept: Vec<_> = refusals(&host).await.into_iter().map(|row| (row.refusal.reason, row.refusal.purpose)).collect();
        let row = |reason: &str, purpose: &str| (reason.to_owned(), purpose.to_owned());
        assert_eq!(kept, [row("otp.limits.phone", "LOGIN"), row("otp.limits.phone", ""), row("otp.countries", "")]);
        host.run().await;
        assert_eq!(host.texts_to(ANA).len(), 2);
    }

    async fn a_planned_code_that_is_refused_uses_up_nothing(start: Start) {
        let mut start = start;
        start.config.otp.limits.phone = rates("2/1h");
        start.config.otp.limits.everyone = rates("1/1h");
        let _home = with_codes_for_doors(&mut start, Plans::One);
        let host = start.host().await;
        assert_eq!(open_door(&host, 0, ANA).await, Value::Null);
        for nth in 1..4 {
            assert_eq!(open_door(&host, nth, ANA).await, "code-refused");
        }
        let open = another(&host, |config| config.otp.limits.everyone.clear());
        assert_eq!(ask(&open, &origin("192.0.2.1", 1), ANA).await, "ok", "the phone has had one");
        assert_eq!(ask(&open, &origin("192.0.2.1", 1), ANA).await, "otp.limits.phone");
    }

    async fn a_plan_that_came_to_nothing_has_counted_nothing(start: Start) {
        let mut start = start;
        start.config.otp.limits.phone = rates("1/1h");
        let _home = with_codes_for_doors(&mut start, Plans::One);
        let host = start.host().await;
        // It fails when it is written down who has decided.
        host.sql("ALTER TABLE decisions RENAME TO lost").await;
        let event = open_door_again(&host, 0, 1, ANA).await;
        assert_eq!((&event["state"], &event["messages"]), (&json!("planning"), &json!([])), "{event}");
        host.sql("ALTER TABLE lost RENAME TO decisions").await;
        host.clock.advance(TimeDelta::seconds(11));
        host.host.sweep().await.unwrap();
        let event = host.get(&format!("/api/v1/events/{}", event["id"].as_str().unwrap())).await;
        assert_eq!((&event["state"], &event["passed_over"]), (&json!("planned"), &json!([])), "{event}");
        host.run().await;
        assert_eq!(host.texts_to(ANA).len(), 1);
        assert_eq!(open_door(&host, 1, ANA).await, "code-refused", "it is counted");
    }

    async fn codes_of_one_subject_with_new_moments_are_each_counted(start: Start) {
        let mut start = start;
        start.config.otp.limits.phone = rates("2/1h");
        let home = with_codes_for_doors(&mut start, Plans::One);
        let host = start.host().await;
        let mut refused = Vec::new();
        for version in 1..=3_i64 {
            drop_in(&home, Plans::About(1_800_000_000_000 + version.unsigned_abs()));
            host.host.policies.reload().await;
            let event = open_door_again(&host, 0, version, ANA).await;
            refused.push(event["passed_over"][0]["reason"]["code"].clone());
            host.run().await;
        }
        assert_eq!((refused, host.texts_to(ANA).len()), (vec![Value::Null, Value::Null, json!("code-refused")], 2));
    }
}
