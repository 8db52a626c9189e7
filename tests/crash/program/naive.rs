//! The control: the protocol that everybody writes first. Call, then record; what is not recorded is
//! sent at the next start. It runs as a process of its own and is killed like a host.

use super::count::{Count, End};
use super::host::first_line;
use super::house::new_folder;
use super::trial::{QUICK, phone, twilio};
use sqlx::SqlitePool;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tidings::domain::failure::SendOutcome;
use tidings::domain::phone::PhoneNumber;
use tidings::domain::secret::Secret;
use tidings::sandbox::Sandbox;
use tidings::twilio::{Outgoing, Provider as _, Sender, TwilioClient, TwilioSettings};
use tokio::process::Command;
use tokio::task::JoinSet;

/// The word that makes this program the naive sender.
pub(crate) const WORD: &str = "naive-sender";

/// Calls at once, as a lane of the host has.
const AT_ONCE: i64 = 16;

/// The trial of the naive sender.
pub(crate) struct Control {
    folder: PathBuf,
    twilio: Arc<Sandbox>,
    pool: SqlitePool,
    texts: u32,
}

impl Control {
    pub(crate) async fn new(texts: u32) -> Self {
        let folder = new_folder();
        let pool = open(&folder.join("naive.db").display().to_string()).await;
        sqlx::query("CREATE TABLE texts (phone TEXT PRIMARY KEY, sent INTEGER NOT NULL DEFAULT 0)")
            .execute(&pool)
            .await
            .unwrap();
        for number in 0..texts {
            sqlx::query("INSERT INTO texts (phone) VALUES ($1)")
                .bind(phone(number as usize))
                .execute(&pool)
                .await
                .unwrap();
        }
        Self { folder, twilio: twilio(QUICK).await, pool, texts }
    }

    /// One life: to a kill so long after so many calls, or to its end.
    pub(crate) async fn live_for(&self, span: Option<(u64, Duration)>) {
        let calls = self.twilio.calls();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([WORD, &self.twilio.base_url(), self.twilio.account_sid()])
            .args([self.twilio.auth_token().expose(), &self.folder.join("naive.db").display().to_string()])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        first_line(child.stdout.take().unwrap()).await;
        match span {
            Some((more, span)) => {
                while self.twilio.calls() < calls + more && child.try_wait().unwrap().is_none() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                let _ = tokio::time::timeout(span, child.wait()).await;
                child.kill().await.unwrap();
            }
            None => assert!(child.wait().await.unwrap().success()),
        }
    }

    pub(crate) async fn count(self) -> Count {
        let mut count = Count::default();
        for number in 0..self.texts {
            let phone = phone(number as usize);
            let sent: i64 = sqlx::query_scalar("SELECT sent FROM texts WHERE phone = $1")
                .bind(&phone)
                .fetch_one(&self.pool)
                .await
                .unwrap();
            count.add(&phone, End::told(sent == 1), self.twilio.texts_to(&phone).len());
        }
        let _ = std::fs::remove_dir_all(&self.folder);
        count
    }
}

async fn open(file: &str) -> SqlitePool {
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal);
    SqlitePool::connect_with(options).await.unwrap()
}

/// The process.
pub(crate) async fn run(words: &[String]) {
    let [base_url, account_sid, auth_token, database] = words else { panic!("four words: {words:?}") };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = TwilioClient::new(&TwilioSettings {
        base_url: base_url.clone(),
        account_sid: account_sid.clone(),
        auth_token: Secret::new(auth_token.clone()),
        phone_number: Some("+15005550006".to_owned()),
        ..TwilioSettings::default()
    });
    let (client, pool) = (Arc::new(client.unwrap()), open(database).await);
    println!("ready");
    loop {
        let unsent: Vec<String> = sqlx::query_scalar("SELECT phone FROM texts WHERE sent = 0 LIMIT $1")
            .bind(AT_ONCE)
            .fetch_all(&pool)
            .await
            .unwrap();
        if unsent.is_empty() {
            return;
        }
        let mut calls = JoinSet::new();
        for phone in unsent {
            let (client, pool) = (client.clone(), pool.clone());
            calls.spawn(async move {
                let text = Outgoing {
                    to: PhoneNumber::parse(&phone, None).unwrap(),
                    from: Sender::Number("+15005550006".to_owned()),
                    body: Secret::new("A text for you.".to_owned()),
                    status_callback: None,
                    validity: None,
                };
                if matches!(client.send(&text).await, SendOutcome::Accepted(_)) {
                    let done = sqlx::query("UPDATE texts SET sent = 1 WHERE phone = $1").bind(phone);
                    done.execute(&pool).await.unwrap();
                }
            });
        }
        calls.join_all().await;
    }
}
