//! A stand-in for Twilio in a process of its own: it takes every text at once, and calls back twice.

use crate::host::TOKEN;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tidings::domain::secret::Secret;
use tidings::twilio::signature::{HEADER, sign};
use tokio::sync::mpsc;

/// Callbacks under way at once.
const CALLING_BACK: usize = 32;

/// The word that makes this program a stand-in.
pub(crate) const WORD: &str = "stand-in";

/// The process.
pub(crate) struct StandIn {
    child: Child,
    pub(crate) address: String,
}

/// What it has seen.
pub(crate) struct Seen {
    pub(crate) taken: u64,
    pub(crate) delivered: u64,
}

#[derive(Default)]
struct Counts {
    taken: AtomicU64,
    /// Callbacks `delivered` that were answered with a success.
    delivered: AtomicU64,
    /// When the codes came, by the machine's clock in microseconds.
    codes: Mutex<HashMap<String, u64>>,
}

/// Codes go to numbers that begin so.
pub(crate) const CODES: &str = "+1206";

/// The machine's clock, which two processes share.
pub(crate) fn micros() -> u64 {
    let since = std::time::UNIX_EPOCH.elapsed().expect("the machine's clock is set");
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

type Shared = (Arc<Counts>, mpsc::UnboundedSender<(String, String, String)>);

impl StandIn {
    pub(crate) fn start() -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let mut child =
            Command::new(program).arg(WORD).stdout(Stdio::piped()).spawn().expect("this program runs");
        let mut line = String::new();
        let output = child.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut line).expect("it prints where it listens");
        Self { child, address: line.trim().to_owned() }
    }

    pub(crate) async fn seen(&self, client: &reqwest::Client) -> Seen {
        let answer = client.get(format!("{}/seen", self.address)).send().await.expect("it answers");
        let seen: Value = answer.json().await.expect("it answers with JSON");
        let of = |name: &str| seen[name].as_u64().unwrap_or(0);
        Seen { taken: of("taken"), delivered: of("delivered") }
    }

    /// When each code came, by its number.
    pub(crate) async fn codes(&self, client: &reqwest::Client) -> HashMap<String, u64> {
        let answer = client.get(format!("{}/codes", self.address)).send().await.expect("it answers");
        answer.json().await.expect("it answers with JSON")
    }

    /// Waits until so many texts are `delivered`, and that was taken in.
    pub(crate) async fn until_delivered(&self, client: &reqwest::Client, count: u64) -> Instant {
        loop {
            let seen = self.seen(client).await;
            if seen.delivered >= count {
                return Instant::now();
            }
            assert!(seen.taken <= count, "{} texts were taken, {count} were posted", seen.taken);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs until it is killed.
pub(crate) async fn run() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port on loopback");
    println!("http://{}", listener.local_addr().expect("it has an address"));
    let (sender, receiver) = mpsc::unbounded_channel::<(String, String, String)>();
    let counts = Arc::new(Counts::default());
    let receiver = Arc::new(tokio::sync::Mutex::new(receiver));
    let client = reqwest::Client::builder().no_proxy().build().expect("a client for loopback");
    for _ in 0..CALLING_BACK {
        let (counts, receiver, client) = (counts.clone(), receiver.clone(), client.clone());
        tokio::spawn(async move {
            loop {
                let next = receiver.lock().await.recv().await;
                let Some((sid, to, url)) = next else { break };
                call_back(&client, &url, &sid, &to, "sent").await;
                if call_back(&client, &url, &sid, &to, "delivered").await {
                    counts.delivered.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
    let router = Router::new()
        .route("/seen", get(seen))
        .route("/codes", get(codes))
        .fallback(post(take))
        .with_state((counts, sender));
    axum::serve(listener, router).await.expect("it serves");
}

async fn seen(State((counts, _)): State<Shared>) -> Json<Value> {
    Json(json!({
        "taken": counts.taken.load(Ordering::Relaxed),
        "delivered": counts.delivered.load(Ordering::Relaxed),
    }))
}

async fn codes(State((counts, _)): State<Shared>) -> Json<HashMap<String, u64>> {
    Json(counts.codes.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

async fn take(
    State((counts, sender)): State<Shared>,
    Form(mut text): Form<HashMap<String, String>>,
) -> impl IntoResponse {
    let at = micros();
    let number = counts.taken.fetch_add(1, Ordering::Relaxed);
    if let Some(to) = text.get("To").filter(|to| to.starts_with(CODES)) {
        counts.codes.lock().unwrap_or_else(PoisonError::into_inner).insert(to.clone(), at);
    }
    let sid = format!("SM{number:032x}");
    let answer = (StatusCode::CREATED, Json(json!({"sid": sid, "status": "queued", "num_segments": "1"})));
    if let (Some(to), Some(url)) = (text.remove("To"), text.remove("StatusCallback")) {
        let _ = sender.send((sid, to, url));
    }
    answer
}

async fn call_back(client: &reqwest::Client, url: &str, sid: &str, to: &str, status: &str) -> bool {
    let parameters: Vec<(String, String)> =
        [("MessageSid", sid), ("MessageStatus", status), ("To", to), ("From", "+15005550006")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec();
    let signature = sign(&Secret::new(TOKEN), url, &parameters);
    loop {
        let answer = client.post(url).header(HEADER, &signature).form(&parameters).send().await;
        match answer {
            Ok(answer) if answer.status().is_success() => return true,
            Ok(answer) if answer.status().is_client_error() => return false,
            // The host is being started again.
            Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}
