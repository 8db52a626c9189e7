//! Under load: how many texts a host takes in, and how many it sees through to `delivered`.

use crate::daytime::daytime_zone;
use crate::host::{Home, Serving};
use crate::stand_in::StandIn;
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tidings::clock::{Clock as _, SystemClock};

const CLIENTS: u32 = 50;

/// Everybody posts until so many requests are answered; answers how long each took.
pub(crate) async fn post_all(
    host: &Serving,
    key: &str,
    path: &str,
    count: u32,
    body: impl Fn(u32) -> Value + Send + Sync + 'static,
) -> (Duration, Vec<Duration>) {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client for loopback");
    let (next, body) = (Arc::new(AtomicU32::new(0)), Arc::new(body));
    let began = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (client, next, body) = (client.clone(), next.clone(), body.clone());
            let (url, key) = (format!("{}{path}", host.address), key.to_owned());
            tokio::spawn(async move {
                let mut waits = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return waits;
                    }
                    let asked = Instant::now();
                    let answer = client.post(&url).bearer_auth(&key).json(&body(number)).send().await;
                    let status = answer.map(|answer| answer.status());
                    assert!(matches!(status, Ok(StatusCode::ACCEPTED)), "{status:?}");
                    waits.push(asked.elapsed());
                }
            })
        })
        .collect();
    let mut waits = Vec::new();
    for client in clients {
        waits.extend(client.await.expect("a client goes on"));
    }
    waits.sort();
    (began.elapsed(), waits)
}

pub(crate) fn print(what: &str, count: u32, took: Duration, waits: &[Duration]) {
    let at = |share: usize| waits[(waits.len() - 1) * share / 100].as_secs_f64() * 1000.0;
    println!(
        "{what:<44} {:>8.0} /s   p50 {:>6.1} ms   p99 {:>6.1} ms",
        f64::from(count) / took.as_secs_f64(),
        at(50),
        at(99)
    );
}

/// Texts for later, each answered once it is on the disk.
pub(crate) async fn accepts(database: Option<String>) {
    const TEXTS: u32 = 20_000;
    let stand_in = StandIn::start();
    let home = Home::new(database);
    let key = home.run(&["key", "create", "--name", "bench"], &stand_in.address);
    let host = home.serve(&stand_in.address);
    let due = SystemClock.now() + chrono::TimeDelta::days(200);
    let text = move |number: u32| {
        json!({
            "type": "prescription-ready",
            "to": {"id": (number % 5000).to_string(), "phone": format!("+1202555{:04}", number % 5000)},
            "send_at": due,
            "expires_at": due + chrono::TimeDelta::days(1),
        })
    };
    let (took, waits) = post_all(&host, key.trim(), "/api/v1/messages", TEXTS, text).await;
    print("texts taken in, 50 clients, one a request", TEXTS, took, &waits);
    host.stop();
}

/// Event, policy, render, provider, two callbacks: all on the disk. And the same without policies and
/// rendering: texts that are posted, of a type that nobody decides about and that says one given word.
pub(crate) async fn end_to_end(database: impl Fn() -> Option<Option<String>>) {
    const EVENTS: u32 = 6_000;
    let phone = |number: u32| format!("+1202{:07}", 2_000_000 + number);
    let event = move |number: u32| {
        json!({
            "type": "prescription.ready",
            "subject": {"type": "prescription", "id": number.to_string(), "version": 1},
            "people": [{"id": number.to_string(), "phone": phone(number), "time_zone": daytime_zone()}],
        })
    };
    let text = move |number: u32| {
        let to = json!({"id": number.to_string(), "phone": phone(number), "time_zone": daytime_zone()});
        json!({"type": "prescription-ready", "to": to})
    };
    let Some(first) = database() else { return };
    let home = Home::new(first);
    let whole = seen_through("event -> delivered, end to end", &home, "/api/v1/events", EVENTS, event).await;
    let Some(second) = database() else { return };
    let home = Home::new(second);
    home.write("plugins/prescription-ready.toml", "mode = \"off\"\n");
    home.write("templates/prescription-ready.j2", "{{ clinic }}");
    let bare =
        seen_through("text -> delivered, no policy or words", &home, "/api/v1/messages", EVENTS, text).await;
    println!("{:<44} {:>8.2}", "end to end, ratio to no policy or words", whole / bare);
}

/// Posts, waits for the last to be delivered, and answers how many a second that were.
async fn seen_through(
    what: &str,
    home: &Home,
    path: &str,
    count: u32,
    body: impl Fn(u32) -> Value + Send + Sync + 'static,
) -> f64 {
    let stand_in = StandIn::start();
    let key = home.run(&["key", "create", "--name", "bench"], &stand_in.address);
    let host = home.serve(&stand_in.address);
    let client = reqwest::Client::builder().no_proxy().build().expect("a client for loopback");
    let before = host.processor_time();
    let began = Instant::now();
    let (took, waits) = post_all(&host, key.trim(), path, count, body).await;
    print("  of these taken in, 50 clients", count, took, &waits);
    let ended = stand_in.until_delivered(&client, u64::from(count)).await;
    let rate = f64::from(count) / ended.duration_since(began).as_secs_f64();
    let own = host.processor_time().saturating_sub(before);
    println!(
        "{what:<44} {rate:>8.0} /s   host {:.0} us of processor time a text, {:.1} MB",
        own.as_secs_f64() * 1e6 / f64::from(count),
        host.resident_mb()
    );
    restart(host, home, &stand_in, &client, u64::from(count), &key).await;
    rate
}

/// From a kill to the first text of the next process.
async fn restart(
    host: Serving,
    home: &Home,
    stand_in: &StandIn,
    client: &reqwest::Client,
    seen: u64,
    key: &str,
) {
    let later = json!({
        "type": "prescription-ready",
        "to": {"id": "1", "phone": "+12025550100", "time_zone": daytime_zone()},
    });
    // Taken in, and killed before or after it was claimed.
    let url = format!("{}/api/v1/messages", host.address);
    let answer = client.post(url).bearer_auth(key.trim()).json(&later).send().await.expect("it answers");
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    host.kill();
    let began = Instant::now();
    let host = home.serve(&stand_in.address);
    let listening = began.elapsed();
    let url = format!("{}/api/v1/messages", host.address);
    let answer = client.post(url).bearer_auth(key.trim()).json(&later).send().await.expect("it answers");
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    while stand_in.seen(client).await.taken <= seen + 1 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    println!(
        "{:<44} {:>8} ms   first text after {} ms",
        "SIGKILL -> listening again",
        listening.as_millis(),
        began.elapsed().as_millis()
    );
    host.stop();
}
