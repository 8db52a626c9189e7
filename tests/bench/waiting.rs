//! A host with a million texts that wait: its memory, and how it comes back from SIGKILL.

use crate::daytime::daytime_zone;
use crate::filled::Raw;
use crate::host::Home;
use crate::stand_in::StandIn;
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const WAITING: i64 = 1_000_000;
/// Texts that are due when the host is killed.
const DUE: usize = 3_000;
/// It is killed when the provider has so many of them.
const SENT: u64 = 300;

pub(crate) async fn run(database: Option<String>) {
    let stand_in = StandIn::start();
    let home = Home::new(database.clone());
    let key = home.run(&["key", "create", "--name", "bench"], &stand_in.address);
    let raw = Raw::open(database.as_deref(), &home.folder().join(".tidings/tidings.db")).await;
    raw.add_person().await;
    raw.add_future(0, WAITING).await;
    raw.close().await;

    let host = home.serve(&stand_in.address);
    println!("{:<44} {:>8} ms", "start with 1,000,000 waiting", host.start.as_millis());
    // Long enough for every round that a host makes by itself.
    tokio::time::sleep(Duration::from_secs(12)).await;
    println!("{:<44} {:>8.1} MB", "resident memory with 1,000,000 waiting", host.resident_mb());

    let client = reqwest::Client::builder().no_proxy().build().expect("a client for loopback");
    for first in (0..DUE).step_by(1000) {
        let messages: Vec<Value> = (first..first + 1000).map(text).collect();
        let url = format!("{}/api/v1/messages/batch", host.address);
        let post = client.post(url).bearer_auth(key.trim()).json(&json!({"messages": messages}));
        assert_eq!(post.send().await.expect("it answers").status(), StatusCode::ACCEPTED);
    }
    while stand_in.seen(&client).await.taken < SENT {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    println!("{:<44} {:>8.1} MB", "resident memory while it sends", host.resident_mb());
    host.kill();
    // What was on its way arrives.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let before = stand_in.seen(&client).await.taken;
    let began = Instant::now();
    let host = home.serve(&stand_in.address);
    let listening = began.elapsed();
    while stand_in.seen(&client).await.taken == before {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    println!(
        "{:<44} {:>8} ms   listening after {} ms",
        "start after SIGKILL -> first text sent",
        began.elapsed().as_millis(),
        listening.as_millis()
    );
    host.stop();
}

fn text(number: usize) -> Value {
    let phone = format!("+1202{:07}", 2_000_000 + number);
    let to = json!({"id": number.to_string(), "phone": phone, "time_zone": daytime_zone()});
    json!({"type": "prescription-ready", "to": to})
}
