//! The store: no row is in two hands, no half-made state is kept, and nobody reads a patient's data
//! without the keys.

mod hosts;
mod people;
mod plans;
mod subjects;

use crate::delivery::{after_seconds, code, end};
use crate::for_each_database;
use crate::support::{self, ANA, Start, VISIT, booked, phone, tuesday_morning};
use chrono::TimeDelta;
use serde_json::{Value, json};
use sqlx::postgres::PgPool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use sqlx::{AssertSqlSafe, query, query_as, query_scalar};
use std::collections::{BTreeMap, BTreeSet};
use tidings::clock::Chance;
use tidings::domain::id::{AttemptId, HostId, MessageId};
use tidings::domain::kind::TypeName;
use tidings::domain::message::{Cause, Lane, Lease, Message};
use tidings::domain::recipient::{Recipient, Role};
use tidings::sandbox::Fault;
use tidings::store::seal::{Keyring, hex};
use tidings::store::{Change, Claim, NewAttempt, Payload, Store, StoreError};
use tokio::task::JoinSet;

/// The same database, past the store.
pub(crate) enum Raw {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Raw {
    pub(crate) async fn of(start: &Start) -> Self {
        if let Some(url) = &start.database_url {
            return Self::Postgres(PgPool::connect(url).await.unwrap());
        }
        let options = SqliteConnectOptions::new().filename(start.folder.path().join("tidings.db"));
        Self::Sqlite(SqlitePool::connect_with(options).await.unwrap())
    }

    /// What the provider was asked to redact: what came of it, and how often it was asked.
    pub(crate) async fn redactions(&self) -> Vec<(Option<String>, i64)> {
        let sql = "SELECT outcome, tries FROM redactions";
        match self {
            Self::Sqlite(pool) => query_as(sql).fetch_all(pool).await.unwrap(),
            Self::Postgres(pool) => query_as(sql).fetch_all(pool).await.unwrap(),
        }
    }

    async fn run(&self, sql: &'static str) -> Result<u64, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(pool) => query(sql).execute(pool).await?.rows_affected(),
            Self::Postgres(pool) => query(sql).execute(pool).await?.rows_affected(),
        })
    }

    /// A statement that was put together; what it says of itself is not looked at.
    async fn run_text(&self, sql: String) {
        match self {
            Self::Sqlite(pool) => query(AssertSqlSafe(sql)).execute(pool).await.map(drop).unwrap(),
            Self::Postgres(pool) => query(AssertSqlSafe(sql)).execute(pool).await.map(drop).unwrap(),
        }
    }

    /// Everything that is kept: the files of SQLite, the rows of PostgreSQL with their bytes in hex.
    pub(crate) async fn dump(&self, start: &Start) -> Vec<u8> {
        let Self::Postgres(pool) = self else {
            let files = std::fs::read_dir(start.folder.path()).unwrap();
            return files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
        };
        let tables = query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'");
        let tables: Vec<String> = tables.fetch_all(pool).await.unwrap();
        let mut dump = Vec::new();
        for table in tables {
            let rows = AssertSqlSafe(format!("SELECT row_to_json(t)::text FROM {table} t"));
            let rows: Vec<String> = query_scalar(rows).fetch_all(pool).await.unwrap();
            dump.extend(rows.concat().into_bytes());
        }
        dump
    }
}

pub(crate) fn holds(dump: &[u8], words: &str) -> bool {
    [words, &hex(words.as_bytes())]
        .iter()
        .any(|text| dump.windows(text.len()).any(|part| part == text.as_bytes()))
}

pub(crate) fn host_id() -> HostId {
    HostId::new(tuesday_morning(), &mut *Chance::from_machine().lock())
}

fn lease(host: HostId) -> Lease {
    Lease { host, until: tuesday_morning() + TimeDelta::seconds(60) }
}

pub(crate) fn claim(host: HostId, limit: u32) -> Claim {
    Claim { lane: Lane::Normal, test: true, now: tuesday_morning(), limit, lease: lease(host) }
}

fn noted() -> Change<'static> {
    Change::noted(Cause::new("test", "for a test"), None, tuesday_morning())
}

/// Ana, and so many messages to her that are due.
/// Until a statement waits for a row that another has locked, or is done.
async fn until_one_waits(pool: &PgPool, done: impl Fn() -> bool) {
    let waits = "SELECT COUNT(*) FROM pg_locks WHERE NOT granted
        AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())";
    while !done() && query_scalar::<_, i64>(waits).fetch_one(pool).await.unwrap() == 0 {
        tokio::task::yield_now().await;
    }
}

async fn planted(store: &Store, count: u32) {
    let mut ana = Recipient::new("ana".to_owned(), Role::Patient, tuesday_morning());
    (ana.name, ana.phone) = (Some("Ana".to_owned()), Some(phone(ANA)));
    let mut tx = store.begin().await.unwrap();
    tx.insert_recipient(&ana).await.unwrap();
    for _ in 0..count {
        let id = MessageId::new(tuesday_morning(), &mut *Chance::from_machine().lock());
        let (kind, why) = (TypeName::from("prescription-ready"), Cause::new("posted", "for a test"));
        let message = Message::new(id, kind, "ana".to_owned(), why, true, tuesday_morning());
        assert!(tx.insert_message(&message, &Payload::default()).await.unwrap());
    }
    tx.commit().await.unwrap();
}

pub(crate) async fn claimed(store: &Store, claim: &Claim) -> Vec<Message> {
    let mut tx = store.begin().await.unwrap();
    tx.host_seen(claim.lease.host, claim.now).await.unwrap();
    let messages = tx.claim_messages(claim).await.unwrap();
    tx.commit().await.unwrap();
    messages
}

/// The intent of a process to send what it has claimed.
async fn intend(store: &Store, message: &Message, host: HostId) -> Result<(), StoreError> {
    let id = AttemptId::new(tuesday_morning(), &mut *Chance::from_machine().lock());
    let state = message.state.clone().send(lease(host), id).unwrap();
    let mut after = Message { state, attempt: Some(id), attempts: 1, ..message.clone() };
    let new =
        NewAttempt { id, message: message.id, host, sender: "+1", body: "", intent_at: tuesday_morning() };
    let mut tx = store.begin().await?;
    tx.insert_attempt(&new);
    tx.move_message(message, &mut after, &noted()).await?;
    tx.commit().await
}

/// What is known of a message: its row, its attempts, its journal.
async fn known(store: &Store, id: MessageId) -> (Message, usize, usize) {
    let mut tx = store.read().await.unwrap();
    let message = tx.message(id).await.unwrap().unwrap();
    (message, tx.attempts_of(id).await.unwrap().len(), tx.journal_of(id).await.unwrap().len())
}

/// Table, column or index, what it is.
type Schema = BTreeSet<(String, String, String)>;

#[tokio::test]
async fn both_schemas_have_the_same_tables_columns_and_indexes() {
    let Some(url) = support::postgres::url_for_new_database("schema") else {
        return support::postgres::skip_aloud("the schemas");
    };
    let start = Start::sqlite();
    start.store().await;
    let Raw::Sqlite(sqlite) = Raw::of(&start).await else { unreachable!() };
    let ours: Vec<(String, String, String)> = query_as(
        "SELECT t.name, c.name, CASE c.type WHEN 'BLOB' THEN 'bytes' WHEN 'TEXT' THEN 'text' ELSE 'number' END
                || CASE WHEN c.\"notnull\" = 1 OR c.pk > 0 THEN '' ELSE ' or null' END
            FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE '\\_sqlx%' ESCAPE '\\'
        UNION ALL SELECT tbl_name, name, 'index' FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL",
    ).fetch_all(&sqlite).await.unwrap();

    let keys = Keyring::new([7; 32], [9; 32], Chance::seeded(11));
    Store::open_postgres(&url, keys).await.unwrap().migrate().await.unwrap();
    let theirs: Vec<(String, String, String)> = query_as(
        "SELECT table_name::text, column_name::text, CASE data_type WHEN 'uuid' THEN 'bytes' WHEN 'bytea' THEN 'bytes'
                WHEN 'bigint' THEN 'number' WHEN 'boolean' THEN 'number' ELSE data_type::text END
                || CASE is_nullable WHEN 'NO' THEN '' ELSE ' or null' END
            FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '\\_sqlx%'
        UNION ALL SELECT tablename::text, indexname::text, 'index' FROM pg_indexes WHERE schemaname = 'public'
            AND tablename NOT LIKE '\\_sqlx%' AND indexname !~ '_(pkey|key)$'",
    ).fetch_all(&PgPool::connect(&url).await.unwrap()).await.unwrap();
    let (ours, theirs): (Schema, Schema) = (ours.into_iter().collect(), theirs.into_iter().collect());
    assert!(ours.len() > 100);
    assert_eq!(
        ours.symmetric_difference(&theirs).collect::<Vec<_>>(),
        Vec::<&(String, String, String)>::new()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sqlite_makes_everybody_wait_and_nobody_fail() {
    let start = Start::sqlite();
    let store = start.store().await;
    planted(&store, 1).await;
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let store = store.clone();
        tasks.spawn(async move {
            for _ in 0..25 {
                let mut tx = store.begin().await.unwrap();
                let mut ana = tx.recipient("ana").await.unwrap().unwrap();
                ana.name = Some(format!("Ana {}", ana.version));
                assert!(tx.update_recipient(&ana).await.unwrap());
                tx.commit().await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(store.read().await.unwrap().recipient("ana").await.unwrap().unwrap().version, 201);
}

for_each_database! {
    async fn no_message_is_claimed_twice(start: Start) {
        let store = start.store().await;
        planted(&store, 60).await;
        let mut tasks = JoinSet::new();
        for _ in 0..6 {
            let store = store.clone();
            tasks.spawn(async move {
                let (host, mut mine) = (host_id(), Vec::new());
                loop {
                    let got = claimed(&store, &claim(host, 3)).await;
                    if got.is_empty() {
                        return mine;
                    }
                    assert!(got.len() <= 3);
                    mine.extend(got.into_iter().map(|message| message.id));
                }
            });
        }
        let all = tasks.join_all().await.concat();
        assert_eq!((all.len(), all.iter().collect::<BTreeSet<_>>().len()), (60, 60));
    }

    async fn a_lost_lease_settles_nothing(start: Start) {
        let store = start.store().await;
        planted(&store, 1).await;
        let (slow, quick) = (host_id(), host_id());
        let held = claimed(&store, &claim(slow, 1)).await.remove(0);
        let mut free = Message { state: held.state.clone().plan_again().unwrap(), ..held.clone() };
        let mut tx = store.begin().await.unwrap();
        tx.move_message(&held, &mut free, &noted()).await.unwrap();
        tx.commit().await.unwrap();
        let ours = claimed(&store, &claim(quick, 1)).await.remove(0);
        let before = known(&store, ours.id).await;

        let other_lease = Message { state: held.state.clone(), ..ours.clone() };
        let other_count = Message { changes: held.changes, ..ours.clone() };
        for stale in [held, other_lease, other_count] {
            let lost = intend(&store, &stale, slow).await;
            assert!(matches!(lost, Err(StoreError::LeaseLost { id }) if id == ours.id), "{lost:?}");
            assert_eq!(known(&store, ours.id).await, before);
        }
        intend(&store, &ours, quick).await.unwrap();
        assert_eq!(known(&store, ours.id).await.1, 1);
    }

    async fn a_half_made_state_is_refused(start: Start) {
        let store = start.store().await;
        planted(&store, 1).await;
        let raw = Raw::of(&start).await;
        for sql in [
            "UPDATE messages SET state = 'lost'",
            "UPDATE messages SET lane = 'fast'",
            "UPDATE messages SET attempts = -1",
            "UPDATE messages SET state = 'claimed'",
            "UPDATE messages SET state = 'claimed', lease_host = id",
            "UPDATE messages SET state = 'claimed', lease_until = 1",
            "UPDATE messages SET lease_host = id, lease_until = 1",
            "UPDATE messages SET state = 'sending', lease_host = id, lease_until = 1",
            "UPDATE messages SET state = 'unknown', attempt_id = id",
            "UPDATE messages SET state = 'unknown', check_at = 1",
            "UPDATE messages SET check_at = 1",
            "UPDATE messages SET state = 'accepted'",
            "UPDATE messages SET state = 'sent', attempt_id = id",
            "UPDATE messages SET state = 'sent', sent_at = 1",
            "UPDATE messages SET state = 'delivered', attempt_id = id, sent_at = 1",
            "UPDATE messages SET state = 'delivered', delivered_at = 1",
            "UPDATE messages SET state = 'undelivered'",
            "UPDATE messages SET state = 'failed'",
            "UPDATE messages SET state = 'suppressed', cause_code = 'x'",
            "UPDATE messages SET state = 'held', cause_text = 'x'",
            "UPDATE messages SET state = 'canceled'",
            "UPDATE messages SET state = 'expired'",
            "UPDATE messages SET cause_code = 'x', cause_text = 'x'",
            "UPDATE messages SET subject_id = '9'",
            "UPDATE messages SET phone_sealed = payload_sealed",
            "UPDATE recipients SET wrapped_key = NULL",
            "UPDATE recipients SET phone_hash = NULL",
            "INSERT INTO attempts (id, message_id, number, host, sender, body_hash, intent_at, outcome, settled_at)
                SELECT id, id, 1, id, 'x', payload_sealed, 1, 'accepted', 1 FROM messages",
            "INSERT INTO attempts (id, message_id, number, host, sender, body_hash, intent_at, outcome)
                SELECT id, id, 1, id, 'x', payload_sealed, 1, 'refused' FROM messages",
        ] {
            let refused = raw.run(sql).await.unwrap_err();
            assert!(refused.to_string().to_lowercase().contains("check constraint"), "{sql}: {refused}");
        }
        let whole = "UPDATE messages SET state = 'claimed', lease_host = id, lease_until = 1";
        assert_eq!(raw.run(whole).await.unwrap(), 1);
    }

    async fn a_stolen_database_shows_no_person_no_number_and_no_word(start: Start) {
        let host = start.host().await;
        let raw = Raw::of(&host.start).await;
        let ana = json!({"phone": ANA, "name": "Quintanilla", "language": "en"});
        assert_eq!(host.request("PUT", "/api/v1/recipients/ana", Some(&ana)).await.0, 200);
        host.event(booked(1, VISIT)).await;
        host.sandbox.script(ANA, [Fault::Refuse(21211), Fault::Undelivered(30003)]);
        host.run().await;
        host.message(json!({"type": "otp", "to": {"id": "ana"}, "variables": {"code": "482913"}})).await;
        host.run_after(TimeDelta::days(8) + TimeDelta::hours(5)).await;
        host.sandbox.reply(ANA, None, "Is there parking nearby?").await.unwrap();
        host.run().await;

        let dump = raw.dump(&host.start).await;
        for shown in ["appointment-reminder", "invalid-number", "hand_to_staff"] {
            assert!(holds(&dump, shown), "{shown} is in clear, and is not found");
        }
        for hidden in ["Quintanilla", "2025550143", "202555", "12 Main St", "482913", "Lakeside", "parking"] {
            assert!(!holds(&dump, hidden), "{hidden} is in clear");
        }
    }

    async fn of_an_erased_person_only_the_counts_are_left(start: Start) {
        let host = start.host().await;
        host.event(booked(1, VISIT)).await;
        host.run().await;
        let sent = host.get("/api/v1/messages?recipient=ana&state=delivered").await["items"][0].clone();
        let before = host.story(sent["id"].as_str().unwrap()).await;
        assert!(before["text"]["body"].is_string() && before["decisions"][0]["input"].is_object());
        assert_eq!(host.request("DELETE", "/api/v1/recipients/ana", None).await.0, 200);

        let story = host.story(sent["id"].as_str().unwrap()).await;
        assert_eq!((&story["text"]["body"], &story["phone"]), (&Value::Null, &Value::Null));
        assert_eq!(story["event"]["data"], Value::Null);
        for decision in story["decisions"].as_array().unwrap() {
            assert_eq!((&decision["input"], &decision["answer"]), (&Value::Null, &Value::Null));
        }
        let opened = host.host.store.read().await.unwrap().open_message(sent["id"].as_str().unwrap().parse().unwrap()).await.unwrap();
        assert!(opened.payload.is_none() && opened.text.is_none() && opened.phone.is_none());
        assert_eq!((&story["state"], &story["text"]["segments"]), (&before["state"], &before["text"]["segments"]));
        host.run_after(TimeDelta::days(9)).await;
        let mut counts = BTreeMap::new();
        for (.., state) in host.states().await {
            *counts.entry(state).or_insert(0) += 1;
        }
        assert_eq!((counts["delivered"], counts["canceled"], host.sandbox.calls()), (1, 2, 1));
    }

    async fn a_code_is_in_no_record_of_its_message(start: Start) {
        let host = start.host().await;
        host.sandbox.script(ANA, [Fault::TooManyRequests(None)]);
        let id = host.message(code(ANA)).await;
        host.run().await;
        after_seconds(&host, 10).await;
        let story = host.story(&id).await;
        assert!(host.texts_to(ANA)[0].contains("482913") && story["state"] == "delivered");
        assert!(!story.to_string().contains("482913"), "{story:#}");
    }

    async fn what_a_code_was_made_of_is_forgotten_at_every_end(start: Start) {
        let host = start.host().await;
        let mut ended = Vec::new();
        for (state, fault) in [("delivered", Fault::None), ("failed", Fault::Refuse(21211))] {
            host.sandbox.script(ANA, [fault]);
            ended.push((state, host.message(code(ANA)).await));
            host.run().await;
        }
        ended.push(("canceled", host.message(code(ANA)).await));
        host.post(&format!("/api/v1/messages/{}/cancel", ended[2].1), json!({})).await;
        ended.push(("expired", host.message(code(ANA)).await));
        after_seconds(&host, 300).await;
        let off = json!({"preferences": {"types": {"otp": false}}});
        ended.push(("suppressed", host.message(code(ANA)).await));
        host.request("PATCH", &format!("/api/v1/recipients/{ANA}"), Some(&off)).await;
        host.run().await;
        for (state, id) in ended {
            assert_eq!(end(&host, &id).await.0, state);
            let opened = host.host.store.read().await.unwrap().open_message(id.parse().unwrap()).await.unwrap();
            assert_eq!(opened.payload, None, "{state}");
        }
    }
}
