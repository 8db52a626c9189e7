//! Somebody who signs patients in: keys, tokens, and the address where the keys are published.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

pub(super) const ISSUER: &str = "https://login.lakeside.example";
pub(super) const AUDIENCE: &str = "tidings";

/// A key pair, and the name it has in the key set.
pub(super) struct Pair {
    pub(super) id: &'static str,
    pub(super) algorithm: Algorithm,
    key: EncodingKey,
}

/// PKCS #8 (RFC 8410, 7) up to the 32 bytes of an Ed25519 key, which any bytes are.
const ED25519: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

impl Pair {
    pub(super) fn new(id: &'static str, seed: u8) -> Self {
        let der: Vec<u8> = ED25519.into_iter().chain([seed; 32]).collect();
        Self { id, algorithm: Algorithm::EdDSA, key: EncodingKey::from_ed_der(&der) }
    }

    pub(super) fn rsa(id: &'static str) -> Self {
        let key = EncodingKey::from_rsa_pem(include_bytes!("rsa.pem")).unwrap();
        Self { id, algorithm: Algorithm::RS256, key }
    }

    /// What is published of it.
    pub(super) fn public(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        jwk.common.key_id = Some(self.id.to_owned());
        serde_json::to_value(jwk).unwrap()
    }

    pub(super) fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.id.to_owned()), ..Header::new(self.algorithm) };
        jsonwebtoken::encode(&header, claims, &self.key).unwrap()
    }
}

/// What a good token of this person says at this moment.
pub(super) fn claims(person: &str, now: DateTime<Utc>) -> Value {
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": person, "role": "patient",
        "nbf": now.timestamp(), "exp": (now + TimeDelta::minutes(5)).timestamp()})
}

pub(super) fn key_set(keys: &[&Pair]) -> Value {
    json!({"keys": keys.iter().map(|pair| pair.public()).collect::<Vec<_>>()})
}

/// Where the keys are published.
pub(super) struct Published {
    port: u16,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    answer: (StatusCode, String),
    asked: usize,
}

impl Published {
    pub(super) async fn start(keys: &Value) -> Self {
        let shared = Arc::new(Mutex::new(Shared { answer: (StatusCode::OK, keys.to_string()), asked: 0 }));
        let router = Router::new().route("/jwks.json", get(answer)).with_state(Arc::clone(&shared));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { port, shared }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/jwks.json", self.port)
    }

    pub(super) fn publish(&self, keys: &Value) {
        self.shared.lock().unwrap().answer = (StatusCode::OK, keys.to_string());
    }

    pub(super) fn break_down(&self) {
        self.shared.lock().unwrap().answer = (StatusCode::BAD_GATEWAY, "no".to_owned());
    }

    /// How often somebody asked.
    pub(super) fn asked(&self) -> usize {
        self.shared.lock().unwrap().asked
    }
}

async fn answer(State(shared): State<Arc<Mutex<Shared>>>) -> (StatusCode, String) {
    let mut shared = shared.lock().unwrap();
    shared.asked += 1;
    shared.answer.clone()
}
