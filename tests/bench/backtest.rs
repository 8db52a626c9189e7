//! A backtest: the real command, on decisions that a real host made and that were copied.

use crate::daytime::daytime_zone;
use crate::host::Home;
use crate::stand_in::StandIn;
use serde_json::{Value, json};
use std::time::Duration;
use tidings::clock::{Chance, Clock as _, SystemClock};
use tidings::domain::id::{DecisionId, MessageId};
use tidings::domain::policy::Answerer;
use tidings::store::seal::Keyring;
use tidings::store::{DecisionRecord, NewDecision, Store};

const DECISIONS: u32 = 40_000;

/// So many are written in one transaction.
const TOGETHER: u32 = 1_000;

pub(crate) async fn run() {
    let home = Home::new(None);
    let stand_in = StandIn::start();
    let message = decided(&home, &stand_in).await;
    fill(&home, message).await;
    for jobs in ["1", "2"] {
        let arguments = ["plugin", "backtest", "prescription-ready", "--since", "1d", "--jobs", jobs];
        let said = if jobs == "1" {
            home.run_on_one_core(&arguments, &stand_in.address)
        } else {
            home.run(&arguments, &stand_in.address)
        };
        let line =
            said.lines().find(|line| line.contains(" decisions in ")).expect("it says how long it took");
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |place: usize| -> f64 { words[place].parse().expect("is a number") };
        println!("backtest, --jobs {jobs}             {:>8.0} decisions a second", number(0) / number(3));
    }
}

/// One text whose policy was asked.
async fn decided(home: &Home, stand_in: &StandIn) -> MessageId {
    let key = home.run(&["key", "create", "--name", "bench"], &stand_in.address);
    let host = home.serve(&stand_in.address);
    let client = reqwest::Client::builder().no_proxy().build().expect("a client for loopback");
    let text = json!({
        "type": "prescription-ready",
        "to": {"id": "ana", "phone": "+12025550100", "time_zone": daytime_zone()},
    });
    let url = format!("{}/api/v1/messages", host.address);
    let answer = client.post(url).bearer_auth(key.trim()).json(&text).send().await.expect("it answers");
    let answer: Value = answer.json().await.expect("it answers with JSON");
    while stand_in.seen(&client).await.delivered == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    host.stop();
    answer["id"].as_str().and_then(|id| id.parse().ok()).expect("it has an id")
}

/// Copies its decision many times.
async fn fill(home: &Home, message: MessageId) {
    let state = home.folder().join(".tidings");
    let chance = Chance::from_machine();
    let keys = Keyring::open(&state.join("keys"), None, &chance).expect("the home has keys");
    let store = Store::open_sqlite(&state.join("tidings.db"), keys).await.expect("the home has a database");
    let mut tx = store.read().await.expect("it can be read");
    let record = tx.decisions_of_message(message).await.expect("it was decided").remove(0);
    drop(tx);
    let DecisionRecord { policy, version, hash, settings_hash, fuel, .. } = &record;
    let by = Answerer {
        name: policy.clone(),
        version: version.clone(),
        hash: hash.clone(),
        settings_hash: settings_hash.clone(),
        fuel: u64::try_from(*fuel).unwrap_or(0),
        log: Vec::new(),
    };
    for _ in 0..DECISIONS / TOGETHER {
        let mut tx = store.begin().await.expect("it can be written");
        for _ in 0..TOGETHER {
            let at = SystemClock.now();
            let copy = NewDecision {
                id: DecisionId::new(at, &mut *chance.lock()),
                message: Some(message),
                event: None,
                recipient: "ana",
                question: "decide",
                by: &by,
                input: record.input.as_deref().unwrap_or_default(),
                answer: record.answer.as_deref().unwrap_or_default(),
                outcome: &record.outcome,
                reason_code: &record.reason_code,
                reason_text: &record.reason_text,
                at,
            };
            tx.insert_decision(&copy).await.expect("it is taken");
        }
        tx.commit().await.expect("it is kept");
    }
    store.close().await;
}
