//! A running host, as a test talks to it.

use super::Start;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use std::sync::Arc;
use tidings::clock::{Chance, Clock, ManualClock};
use tidings::sandbox::Sandbox;
use tidings::service::{Host, NewKey};
use tidings::store::KeyMode;

/// A running host.
pub(crate) struct TestHost {
    pub(crate) host: Host,
    pub(crate) sandbox: Sandbox,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) base: String,
    pub(crate) key: String,
    pub(crate) client: reqwest::Client,
    pub(crate) start: Start,
}

/// An answer: status and JSON.
pub(crate) type Answer = (u16, Value);

impl TestHost {
    pub(crate) async fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.client.request(method, format!("{}{path}", self.base)).bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Another key, that may do only this.
    pub(crate) async fn key_with(&self, scopes: &[&str]) -> String {
        let new = NewKey {
            name: "narrow".to_owned(),
            mode: KeyMode::Test,
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            expires_in: None,
        };
        let prepared = new.prepare(&mut *Chance::from_machine().lock(), self.clock.now());
        prepared.keep(&self.host.store).await.unwrap().expose().to_owned()
    }

    /// Leaves nothing half written: a command that is run on this very thread could not wait for it.
    pub(crate) async fn rests(&self) {
        self.host.auditor().flush().await;
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.request("GET", path, None).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.request("POST", path, Some(&body)).await
    }

    /// Posts an event that must be taken, and answers what came of it.
    pub(crate) async fn event(&self, body: Value) -> Value {
        let (status, answer) = self.post("/api/v1/events", body).await;
        assert_eq!(status, 202, "{answer}");
        answer
    }

    /// Posts a text that must be taken, and answers its id.
    pub(crate) async fn message(&self, body: Value) -> String {
        let (status, answer) = self.post("/api/v1/messages", body).await;
        assert_eq!(status, 202, "{answer}");
        answer["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn story(&self, id: &str) -> Value {
        self.get(&format!("/api/v1/messages/{id}")).await
    }

    /// Sends what is due and waits for what the sandbox tells, until nothing more happens.
    pub(crate) async fn run(&self) {
        loop {
            let ticked = self.host.tick().await.unwrap();
            self.sandbox.until_quiet().await;
            if ticked.claimed == 0 {
                break;
            }
        }
    }

    pub(crate) fn clock_now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// What the database answers to a question with one number.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        if let Some(url) = &self.start.database_url {
            let pool = sqlx::PgPool::connect(url).await.unwrap();
            sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap()
        } else {
            let path = self.start.folder.path().join("tidings.db");
            let pool = sqlx::SqlitePool::connect(path.to_str().unwrap()).await.unwrap();
            sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap()
        }
    }

    /// Does something to the database that no host would.
    pub(crate) async fn sql(&self, statement: &'static str) {
        self.try_sql(statement).await.unwrap();
    }

    /// Tries to.
    pub(crate) async fn try_sql(&self, statement: &'static str) -> Result<(), sqlx::Error> {
        if let Some(url) = &self.start.database_url {
            let pool = sqlx::PgPool::connect(url).await?;
            sqlx::query(statement).execute(&pool).await.map(drop)
        } else {
            let folder = self.start.state.as_deref().unwrap_or(self.start.folder.path());
            let path = folder.join("tidings.db");
            let pool = sqlx::SqlitePool::connect(path.to_str().unwrap()).await?;
            sqlx::query(statement).execute(&pool).await.map(drop)
        }
    }

    /// Moves the time and does what is due then.
    pub(crate) async fn run_after(&self, span: TimeDelta) {
        self.clock.advance(span);
        self.host.sweep().await.unwrap();
        self.run().await;
    }

    /// The words that reached a phone, in order.
    pub(crate) fn texts_to(&self, phone: &str) -> Vec<String> {
        self.sandbox.texts_to(phone).into_iter().map(|text| text.body).collect()
    }

    /// The messages of an answer or list: type, key and state of each.
    pub(crate) async fn states(&self) -> Vec<(String, String, String)> {
        let list = self.get("/api/v1/messages?limit=200").await;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut states: Vec<_> = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| (text(&m["type"]), text(&m["key"]), text(&m["state"])))
            .collect();
        states.sort();
        states
    }
}
