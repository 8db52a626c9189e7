//! What the host costs and how fast it is: prints figures, judges nothing. `cargo bench`.
//!
//! The real program runs as a process of its own, against a stand-in for Twilio in this one that takes
//! every text at once. Machines differ: quote ratios of figures from one run.
#![expect(clippy::print_stdout, reason = "this is what it is for")]

mod policies;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::post;
use axum::{Form, Router};
use serde_json::json;
use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

const EVENTS: u32 = 300;

/// A text as it arrived: its number, and when.
type Arrivals = mpsc::UnboundedSender<(String, Instant)>;

#[tokio::main]
async fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (arrived, mut arrivals) = mpsc::unbounded_channel();
    let provider = stand_in(arrived).await;
    let home = Home::new();
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
    policies::run(&home.0).await;
}

/// A zone in which it is daytime, so that nothing waits for the morning.
fn daytime_zone() -> &'static str {
    use chrono::Timelike as _;
    use tidings::clock::{Clock as _, SystemClock};
    let hour = SystemClock.now().hour();
    match hour {
        14..=23 => "America/New_York",
        0..=6 => "Asia/Tokyo",
        _ => "Europe/Madrid",
    }
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

/// A home with the bundled files, gone at the end.
struct Home(PathBuf);

/// A running host.
struct Serving {
    child: Child,
    address: String,
    start: Duration,
}

impl Home {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("tidings-bench-{}", std::process::id()));
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
        for part in ["plugins", "templates", "locales"] {
            copy(&repository.join(part), &folder.join(part));
        }
        Self(folder)
    }

    fn command(&self, arguments: &[&str], provider: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
        command
            .arg("--home")
            .arg(&self.0)
            .args(arguments)
            .env("TWILIO_ACCOUNT_SID", format!("AC{}", "a".repeat(32)))
            .env("TWILIO_AUTH_TOKEN", "b".repeat(32))
            .env("TWILIO_PHONE_NUMBER", "+15005550006")
            .env("TWILIO_BASE_URL", provider)
            .env("TIDINGS_PUBLIC_URL", "http://127.0.0.1:9")
            .env("TIDINGS_LOG", "warn")
            .stdout(Stdio::piped());
        command
    }

    fn run(&self, arguments: &[&str], provider: &str) -> String {
        let output = self.command(arguments, provider).output().expect("the program runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("it prints text")
    }

    fn serve(&self, provider: &str) -> Serving {
        let began = Instant::now();
        let mut child =
            self.command(&["serve", "--address", "127.0.0.1:0"], provider).spawn().expect("the program runs");
        let mut line = String::new();
        let output = child.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut line).expect("it prints where it listens");
        let start = began.elapsed();
        let address = line.split_whitespace().find(|word| word.starts_with("http://")).expect("an address");
        Serving { child, address: address.trim_end_matches(';').to_owned(), start }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Serving {
    fn resident_mb(&self) -> f64 {
        resident_mb(self.child.id())
    }

    fn stop(mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// What a process holds in memory.
fn resident_mb(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kb: f64 = line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(f64::NAN);
    kb / 1024.0
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("the temporary folder can be written");
    for entry in std::fs::read_dir(from).expect("the repository can be read").flatten() {
        let path = entry.path();
        let target = to.join(entry.file_name());
        if path.is_dir() && !path.join("Cargo.toml").is_file() {
            copy(&path, &target);
        } else if path.is_file() {
            std::fs::copy(&path, &target).expect("the temporary folder can be written");
        }
    }
}
