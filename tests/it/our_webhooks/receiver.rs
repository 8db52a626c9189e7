//! A system of the clinic's that listens, and writes down what it hears.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// One call, as it came in.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) timestamp: String,
    pub(crate) signatures: String,
    pub(crate) text: String,
    pub(crate) body: Value,
    pub(crate) answered: u16,
}

impl Call {
    /// Whether one of the signatures is of this secret.
    pub(crate) fn is_signed_by(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        self.signatures.split(' ').any(|signature| {
            let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
            mac.update(format!("{}.{}.{}", self.id, self.timestamp, self.text).as_bytes());
            let given = STANDARD.decode(signature.strip_prefix("v1,").unwrap()).unwrap();
            mac.verify_slice(&given).is_ok()
        })
    }
}

struct Shared {
    calls: watch::Sender<Vec<Call>>,
    answer: Mutex<(u16, Option<u32>)>,
}

pub(crate) struct Receiver {
    port: u16,
    shared: Arc<Shared>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let shared =
            Arc::new(Shared { calls: watch::Sender::new(Vec::new()), answer: Mutex::new((200, None)) });
        let router = Router::new().route("/hook", post(take)).with_state(Arc::clone(&shared));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { port, shared }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    pub(crate) fn answer_with(&self, status: u16) {
        *self.shared.answer.lock().unwrap() = (status, None);
    }

    pub(crate) fn answer_with_wait(&self, status: u16, seconds: u32) {
        *self.shared.answer.lock().unwrap() = (status, Some(seconds));
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.shared.calls.borrow().clone()
    }

    /// Those that were answered well.
    pub(crate) fn taken(&self) -> Vec<Call> {
        self.calls().into_iter().filter(|call| (200..300).contains(&call.answered)).collect()
    }

    pub(crate) fn types(&self) -> Vec<String> {
        self.taken().iter().map(|call| call.body["type"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) async fn until_called(&self, times: usize) {
        self.shared.calls.subscribe().wait_for(|calls| calls.len() >= times).await.unwrap();
    }
}

async fn take(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let (status, wait) = *shared.answer.lock().unwrap();
    let text = String::from_utf8(body.to_vec()).unwrap();
    let call = Call {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signatures: header("webhook-signature"),
        body: serde_json::from_str(&text).unwrap(),
        text,
        answered: status,
    };
    shared.calls.send_modify(|calls| calls.push(call));
    let status = StatusCode::from_u16(status).unwrap();
    match wait {
        Some(seconds) => (status, [("retry-after", seconds.to_string())]).into_response(),
        None => status.into_response(),
    }
}
