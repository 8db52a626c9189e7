//! Candidates that a backtest speaks against: they would write to somebody who said stop, not hear somebody
//! who says it, or wake people; and what they would no longer plan.

use crate::authoring::{plugin_beside, printed};
use crate::backtest::confirmed;
use crate::for_each_database;
use crate::guest::{Decides, Guest, Plans, Replies};
use crate::support::{Folder, Start, TestHost};
use serde_json::{Value, json};
use tidings::clock::Chance;
use tidings::domain::id::DecisionId;
use tidings::domain::policy::Answerer;
use tidings::store::NewDecision;

/// A host that has confirmed a visit; decisions of other kinds are put beside those it made.
struct Recorded {
    home: Folder,
    host: TestHost,
    environment: Vec<(&'static str, String)>,
    message: String,
    /// What `plan` was asked and answered, and what `decide` was asked.
    plan: Value,
    planned: Value,
    decide: Value,
}

impl Recorded {
    async fn begin(start: Start) -> Self {
        let (home, host, environment) = Box::pin(confirmed(start)).await;
        let messages = host.get("/api/v1/messages?type=appointment-confirmation").await;
        let message = messages["items"][0]["id"].as_str().unwrap().to_owned();
        let story = host.story(&message).await;
        let decisions = story["decisions"].as_array().unwrap();
        let id = decisions[0]["id"].as_str().unwrap().parse().unwrap();
        let planned = host.host.store.read().await.unwrap().decision(id).await.unwrap().unwrap();
        let planned = serde_json::from_slice(&planned.answer.unwrap()).unwrap();
        let (plan, decide) = (decisions[0]["input"].clone(), decisions[1]["input"].clone());
        host.clock.advance(chrono::TimeDelta::seconds(1));
        Self { home, host, environment, message, plan, planned, decide }
    }

    async fn record(&self, question: &'static str, input: &Value, answer: &Value) {
        let by = Answerer {
            name: "appointment-confirmation".to_owned(),
            version: "0.1.0".to_owned(),
            hash: "0".repeat(64),
            settings_hash: "0".repeat(64),
            fuel: 1,
            log: Vec::new(),
        };
        let (input, answer) = (input.to_string(), answer.to_string());
        let id = DecisionId::new(self.host.clock_now(), &mut *Chance::from_machine().lock());
        let mut tx = self.host.host.store.begin().await.unwrap();
        tx.insert_decision(&NewDecision {
            id,
            message: Some(self.message.parse().unwrap()),
            event: None,
            recipient: "ana",
            question,
            by: &by,
            input: input.as_bytes(),
            answer: answer.as_bytes(),
            outcome: "any",
            reason_code: "any",
            reason_text: "Any.",
            at: self.host.clock_now(),
        })
        .await
        .unwrap();
        tx.commit().await.unwrap();
    }

    /// What the person wrote, as the policy was asked about it.
    fn reply(&self, text: &str) -> Value {
        let asked = &self.decide;
        json!({"now": asked["now"], "received_at": asked["now"], "who": asked["to"], "text": text,
            "in_reply_to": asked["message"], "clinic": asked["clinic"], "facts": []})
    }

    /// What a backtest says of a candidate, and its exit status.
    async fn tried(&self, guest: Guest) -> (Option<i32>, String) {
        let candidate = self.home.path().join("candidate.wasm");
        let guest = Guest { message_type: "appointment-confirmation", ..guest };
        std::fs::write(&candidate, guest.component()).unwrap();
        let arguments = ["backtest", candidate.to_str().unwrap(), "--since", "9999d"];
        let output = plugin_beside(self.home.path(), &arguments, &self.environment).await;
        (output.status.code(), printed(&output))
    }
}

/// It plans the one text that was planned, and sends it.
fn candidate() -> Guest {
    Guest { events: &["appointment.booked"], plans: Plans::One, ..Guest::new(Decides::Send) }
}

fn why() -> Value {
    json!({"code": "no", "text": "No.", "facts": []})
}

const WRITES: &str = "       1  would write to somebody who said stop";
const OVERHEARS: &str = "       1  would not hear somebody who says stop";
const WAKES: &str = "       1  would send at night what may not disturb";

for_each_database! {
    async fn a_candidate_that_wakes_people_or_writes_to_who_said_stop_is_not_sound(start: Start) {
        let recorded = Recorded::begin(start).await;
        let (mut stopped, mut night) = (recorded.decide.clone(), recorded.decide.clone());
        stopped["to"]["opted_out"] = json!(true);
        night["to"]["local"]["hour"] = json!(3);
        for input in [stopped, night] {
            recorded.record("decide", &input, &json!({"answer": "suppress", "why": why()})).await;
        }
        let (status, text) = recorded.tried(candidate()).await;
        assert_eq!(status, Some(1), "{text}");
        // Both were about one message: it is one text, however often it was decided upon.
        let change = "       2  decide appointment-confirmation: suppress: no -> send: ok";
        for line in [change, "\n1 text more, about 0.00 USD", "Errors", WRITES, WAKES, "the candidate is not sound"] {
            assert!(text.contains(line), "{line} in {text}");
        }
        // What the clinic lets through at night wakes nobody against its will.
        let settings = recorded.home.path().join("tidings.toml");
        let written = std::fs::read_to_string(&settings).unwrap();
        let guard = "[guard]\nmay_disturb = ['appointment-confirmation']\n";
        std::fs::write(&settings, written + guard).unwrap();
        let (_, text) = recorded.tried(candidate()).await;
        assert!(text.contains(WRITES) && !text.contains(WAKES), "{text}");
    }

    async fn a_candidate_that_overhears_stop_is_not_sound(start: Start) {
        let recorded = Recorded::begin(start).await;
        let stop = recorded.reply("please stop");
        recorded.record("on-reply", &stop, &json!({"answer": "opt_out", "why": why()})).await;
        for (replies, does) in [(Replies::Ignore, "ignore"), (Replies::HandToStaff, "hand to staff")] {
            let (status, text) = recorded.tried(Guest { replies, ..candidate() }).await;
            assert_eq!(status, Some(1), "{text}");
            let change = format!("       1  on-reply appointment-confirmation: opt out: no -> {does}: said-so");
            for line in [change.as_str(), OVERHEARS, "the candidate is not sound"] {
                assert!(text.contains(line), "{line} in {text}");
            }
        }
        let (status, text) = recorded.tried(Guest { replies: Replies::OptOut, ..candidate() }).await;
        assert_eq!(status, Some(0), "{text}");
    }

    async fn a_candidate_that_answers_or_tries_again_after_stop_is_not_sound(start: Start) {
        let recorded = Recorded::begin(start).await;
        let mut reply = recorded.reply("hello?");
        reply["who"]["opted_out"] = json!(true);
        recorded.record("on-reply", &reply, &json!({"answer": "ignore", "why": why()})).await;
        let (status, text) = recorded.tried(Guest { replies: Replies::Answer("reply-help"), ..candidate() }).await;
        assert_eq!(status, Some(1), "{text}");
        assert!(text.contains(WRITES) && text.contains("\n1 text more"), "{text}");
        let (status, text) = recorded.tried(Guest { replies: Replies::Ignore, ..candidate() }).await;
        assert_eq!(status, Some(0), "{text}");

        let asked = &recorded.decide;
        let mut failed = json!({"now": asked["now"], "message": asked["message"], "to": asked["to"],
            "class": "unreachable", "provider_code": "30003", "may_have_arrived": false,
            "failed_at": asked["now"], "attempts_left": 2, "clinic": asked["clinic"], "facts": []});
        failed["to"]["opted_out"] = json!(true);
        recorded.record("on-failure", &failed, &json!({"answer": "give_up", "why": why()})).await;
        let retries_at = Some(asked["now"].as_u64().unwrap() + 60_000);
        let (status, text) = recorded.tried(Guest { retries_at, replies: Replies::Ignore, ..candidate() }).await;
        assert_eq!(status, Some(1), "{text}");
        let change = "       1  on-failure appointment-confirmation: give up: no -> retry: ok";
        for line in [change, WRITES, "\n0 texts more"] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }

    async fn a_plan_for_who_said_stop_counts_against_a_candidate_where_there_was_none(start: Start) {
        let recorded = Recorded::begin(start).await;
        let mut stopped = recorded.plan.clone();
        stopped["people"][0]["opted_out"] = json!(true);
        recorded.record("plan", &stopped, &recorded.planned).await;
        let (status, text) = recorded.tried(candidate()).await;
        assert_eq!(status, Some(0), "the policy before planned it as well: {text}");
        recorded.record("plan", &stopped, &json!({"messages": [], "passed_over": []})).await;
        let (status, text) = recorded.tried(candidate()).await;
        assert_eq!(status, Some(1), "{text}");
        assert!(text.contains(WRITES), "{text}");
    }

    async fn what_a_candidate_no_longer_plans_is_shown_as_texts_that_are_gone(start: Start) {
        let recorded = Recorded::begin(start).await;
        let (status, text) = recorded.tried(Guest { events: &[], ..candidate() }).await;
        assert_eq!(status, Some(0), "{text}");
        let change = "       1  plan appointment.booked: plans 1 message -> not asked any more";
        for line in ["       1  answer changed", change, "\n1 text fewer"] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}
