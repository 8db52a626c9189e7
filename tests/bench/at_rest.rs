//! One event at a time: how long a host takes from a post to the provider.

use crate::daytime::daytime_zone;
use crate::host::Home;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::post;
use axum::{Form, Router};
use serde_json::json;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

const EVENTS: u32 = 300;

/// A text as it arrived: its number, and when.
type Arrivals = mpsc::UnboundedSender<(String, Instant)>;

pub(crate) async fn run(database: Option<String>) {
    let (arrived, mut arrivals) = mpsc::unbounded_channel();
    let provider = stand_in(arrived).await;
    let home = Home::new(database);
    let key = home.run(&["key", "create", "--name", "bench"], &provider);
    let key = key.trim();

    let cold = home.serve(&provider);
    println!("start, nothing compiled yet    {:>8} ms", cold.start.as_millis());
    cold.stop();
    let host = home.serve(&provider);
    println!("start, policies in the cache   {:>8} ms", host.start.as_millis());
    println!("resident memory at rest        {:>8.1} MB", host.resident_mb());

    let client = reqwest::Client::builder().no_proxy().build().expect("a client for loopback");
    let mut waits = Vec::new();
    for number in 0..EVENTS {
        let phone = format!("+1202555{:04}", 100 + number);
        let event = json!({
            "type": "prescription.ready",
            "subject": {"type": "prescription", "id": number.to_string(), "version": 1},
            "people": [{"id": number.to_string(), "phone": phone, "time_zone": daytime_zone()}],
        });
        let sent = Instant::now();
        let answer =
            client.post(format!("{}/api/v1/events", host.address)).bearer_auth(key).json(&event).send().await;
        let status = answer.map(|answer| answer.status());
        assert!(matches!(status, Ok(StatusCode::ACCEPTED)), "{status:?}");
        let (to, at) = arrivals.recv().await.expect("the stand-in runs");
        assert_eq!(to, phone);
        waits.push(at.duration_since(sent));
        // At rest: the callbacks of the one before are done.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    waits.sort();
    let at = |share: usize| waits[(waits.len() - 1) * share / 100].as_micros();
    println!("event posted -> first byte at the provider, {EVENTS} events one at a time");
    println!("  p50 {:>6} us   p90 {:>6} us   p99 {:>6} us   max {:>6} us", at(50), at(90), at(99), at(100));
    println!("resident memory after          {:>8.1} MB", host.resident_mb());
    host.stop();
}

async fn stand_in(arrived: Arrivals) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port on loopback");
    let address = listener.local_addr().expect("it has an address");
    let router = Router::new().fallback(post(take)).with_state(arrived);
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

async fn take(
    State(arrived): State<Arrivals>,
    Form(text): Form<HashMap<String, String>>,
) -> impl IntoResponse {
    let now = Instant::now();
    let to = text.get("To").cloned().unwrap_or_default();
    let sid = format!("SM{:032x}", to.bytes().fold(0u128, |sum, b| sum * 31 + u128::from(b)));
    let _ = arrived.send((to, now));
    (StatusCode::CREATED, axum::Json(json!({"sid": sid, "status": "queued", "num_segments": "1"})))
}
