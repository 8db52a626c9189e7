//! Shadows on live traffic: all four questions are put to them, and what they would have said differently is
//! told apart: another answer, the same for another reason, or none.

use crate::drop_in::{begin, is_ready};
use crate::for_each_database;
use crate::guest::{Decides, Guest, Replies};
use crate::replies::{replies, type_on};
use crate::support::{ANA, TestHost, home};
use serde_json::{Value, json};
use tidings::sandbox::Fault;

/// A shadow that sends for a reason of its own, tries everything again and takes every reply for a STOP.
fn shadow() -> Guest {
    Guest {
        name: "beside",
        message_type: "prescription-ready",
        retries_at: Some(4_000_000_000_000),
        replies: Replies::OptOut,
        ..Guest::new(Decides::SendBecause("own-reason".to_owned()))
    }
}

/// Question, difference, and both outcomes, in the order of the alphabet.
async fn differences(host: &TestHost) -> Vec<[String; 4]> {
    let list = host.get("/api/v1/policies/differences").await;
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let told = list["items"].as_array().unwrap().iter().map(|it| {
        [&it["question"], &it["difference"], &it["live"]["outcome"], &it["shadow"]["outcome"]].map(word)
    });
    let mut told: Vec<_> = told.collect();
    told.sort_unstable();
    told
}

for_each_database! {
    async fn a_shadow_is_asked_about_failures_and_replies_too(start: Start) {
        let home = home();
        let plugins = home.path().join("plugins");
        std::fs::write(plugins.join("beside.wasm"), shadow().component()).unwrap();
        std::fs::write(plugins.join("beside.toml"), "mode = \"shadow\"\n").unwrap();
        let host = begin(start, &home).await;
        // One that Twilio refuses, one that a carrier does, and one that arrives.
        let notice = json!({"type": "prescription-ready", "to": {"id": "ana", "phone": ANA}});
        for fault in [Fault::Refuse(21211), Fault::Undelivered(30007)] {
            host.sandbox.script(ANA, [fault]);
            host.message(notice.clone()).await;
            host.run().await;
        }
        is_ready(&host).await;
        host.run().await;
        type_on(&host, ANA, "What do you mean?").await;
        assert_eq!(replies(&host).await, [("hand_to_staff".to_owned(), "for-staff".to_owned())]);
        let told = differences(&host).await;
        let decide = ["decide", "reason", "send", "send"];
        // A moment after the end of the message is no answer to a failure.
        let failure = ["on-failure", "fault", "give up", "invalid-answer"];
        let reply = ["on-reply", "answer", "hand to staff", "opt out"];
        assert_eq!(told, [decide, decide, decide, failure, failure, reply]);
        // Nothing of it was done.
        let story = host.get("/api/v1/recipients/ana/consents").await;
        assert_eq!(story["items"], json!([]), "{story}");
        assert_eq!(host.sandbox.calls(), 3);
    }
}
