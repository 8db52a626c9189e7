//! A bulk run of a hundred thousand texts, and one-time codes through the middle of it.

use crate::daytime::daytime_zone;
use crate::host::{Home, Serving};
use crate::load::{post_all, print};
use crate::stand_in::{CODES, StandIn, micros};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

const TEXTS: u32 = 100_000;
const A_REQUEST: u32 = 500;
const CODE_EVERY: Duration = Duration::from_millis(100);
/// A code that takes longer is late, in milliseconds.
const LATE: f64 = 100.0;
/// So many stories are read again at the end.
const SAMPLE: usize = 1_000;

pub(crate) async fn run(database: Option<String>) {
    let stand_in = StandIn::start();
    let home = Home::new(database);
    let key = home.run(&["key", "create", "--name", "bench"], &stand_in.address).trim().to_owned();
    let host = home.serve(&stand_in.address);
    let client = reqwest::Client::builder().no_proxy().build().expect("a client for loopback");

    let began = Instant::now();
    let texts = |batch: u32| {
        let texts: Vec<Value> = (batch * A_REQUEST..(batch + 1) * A_REQUEST).map(text).collect();
        json!({"messages": texts})
    };
    let (took, waits) = post_all(&host, &key, "/api/v1/messages/batch", TEXTS / A_REQUEST, texts).await;
    print("texts taken in, 50 clients, 500 a request", TEXTS, took, &waits);

    // The lane is full from here on.
    let mut asked = HashMap::new();
    while stand_in.seen(&client).await.delivered < u64::from(TEXTS) + asked.len() as u64 {
        let to = format!("{CODES}555{:04}", asked.len() % 10_000);
        // Everybody is at home in a network of their own.
        let ip = format!("10.{}.{}.7", asked.len() / 256, asked.len() % 256);
        let code = json!({"phone": to, "purpose": "LOGIN", "ip": ip});
        let at = micros();
        let url = format!("{}/api/v1/otp", host.address);
        let answer = client.post(url).bearer_auth(&key).json(&code).send().await.expect("it answers");
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        asked.insert(to, (at, micros()));
        tokio::time::sleep(CODE_EVERY).await;
        assert!(asked.len() < 10_000, "the run never ends");
    }
    println!(
        "{:<44} {:>8.0} /s   {:.1} MB resident",
        "bulk run of 100,000, with a code every 100 ms",
        f64::from(TEXTS) / began.elapsed().as_secs_f64(),
        host.resident_mb()
    );
    let came = stand_in.codes(&client).await;
    // A text may leave before the answer to its request has arrived.
    let since = |to: &String, at: u64| {
        Some((at, f64::from(u32::try_from(came.get(to)?.saturating_sub(at)).ok()?) / 1e3))
    };
    let posted: Vec<(u64, f64)> = asked.iter().filter_map(|(to, (posted, _))| since(to, *posted)).collect();
    let accepted = asked.iter().filter_map(|(to, (_, accepted))| Some(since(to, *accepted)?.1));
    print_spans(
        "code posted -> provider, under the bulk run",
        posted.iter().map(|(_, wait)| *wait).collect(),
    );
    print_spans("code accepted -> provider, the same", accepted.collect());
    let late: Vec<u64> =
        posted.iter().filter(|(_, wait)| *wait > LATE).map(|(at, _)| at / 1_000_000).collect();
    let moments: BTreeSet<&u64> = late.iter().collect();
    println!("{:<44} {:>8} of them, in {} seconds of the run", "over 100 ms", late.len(), moments.len());
    let codes = ids(&host, &key, &client, "otp").await;
    print_spans("code accepted -> delivered, the same", told(&host, &key, &client, codes).await);
    let bulk = ids(&host, &key, &client, "prescription-ready").await;
    print_spans("bulk text accepted -> delivered, the same", told(&host, &key, &client, bulk).await);
    host.stop();
}

fn text(number: u32) -> Value {
    let phone = format!("+1202{:07}", 2_000_000 + number);
    let to = json!({"id": number.to_string(), "phone": phone, "time_zone": daytime_zone()});
    json!({"type": "prescription-ready", "to": to})
}

/// The newest messages of a type.
async fn ids(host: &Serving, key: &str, client: &reqwest::Client, kind: &str) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    while ids.len() < SAMPLE {
        let url = format!("{}/api/v1/messages?type={kind}&limit=200{cursor}", host.address);
        let page: Value = get(client, key, &url).await;
        let items = page["items"].as_array().cloned().unwrap_or_default();
        ids.extend(items.iter().filter_map(|item| Some(item["id"].as_str()?.to_owned())));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    ids
}

/// From the provider's answer to its word that the text has arrived, in milliseconds, as the host kept it.
async fn told(host: &Serving, key: &str, client: &reqwest::Client, ids: Vec<String>) -> Vec<f64> {
    let mut spans = Vec::new();
    for id in ids.into_iter().take(SAMPLE) {
        let story = get(client, key, &format!("{}/api/v1/messages/{id}", host.address)).await;
        let at = |status: &str| {
            let events = story["provider_events"].as_array()?;
            let event = events.iter().find(|event| event["status"] == status)?;
            event["received_at"].as_str()?.parse::<DateTime<Utc>>().ok()
        };
        if let (Some(queued), Some(delivered)) = (at("queued"), at("delivered")) {
            spans.push((delivered - queued).as_seconds_f64() * 1e3);
        }
    }
    spans
}

async fn get(client: &reqwest::Client, key: &str, url: &str) -> Value {
    let answer = client.get(url).bearer_auth(key).send().await.expect("it answers");
    answer.json().await.expect("it answers with JSON")
}

fn print_spans(what: &str, mut spans: Vec<f64>) {
    spans.sort_by(f64::total_cmp);
    assert!(!spans.is_empty(), "{what}: nothing was measured");
    let at = |share: usize| spans[(spans.len() - 1) * share / 100];
    println!(
        "{what:<44} {:>8} of them   p50 {:>6.1} ms   p99 {:>6.1} ms   max {:>6.1} ms",
        spans.len(),
        at(50),
        at(99),
        at(100)
    );
}
