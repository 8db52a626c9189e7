//! How the database finds what is due, and what it does with a row that makes no sense.

use super::{Raw, claim, claimed, host_id, planted};
use crate::delivery::{end, is, notice};
use crate::for_each_database;
use crate::support::{self, ANA, Start, VISIT, booked};
use sqlx::query_scalar;
use tidings::store::Store;

// So many that the database has to think of an index.
const FILL: &str = "INSERT INTO messages
    (id, kind, lane, priority, recipient_id, key, test, state, planned_for, due_at, expires_at, attempts, deferrals,
     why_code, why_text, superseded, created_at, updated_at, changes)
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
    SELECT ID, kind, lane, priority, recipient_id, key, test, 'planned', planned_for, due_at + 86400000 + i,
     expires_at + 172800000, 0, 0, why_code, why_text, superseded, created_at, updated_at, 1 FROM messages, n";

async fn fill(raw: &Raw, store: &Store) {
    if store.engine() == "sqlite" {
        let id = "randomblob(16)";
        raw.run_text(FILL.replace("ID,", &format!("{id},")).replacen(&format!("({id},"), "(id,", 1)).await;
    } else {
        raw.run_text(FILL.replace("SELECT ID,", "SELECT gen_random_uuid(),")).await;
    }
    raw.run_text("ANALYZE".to_owned()).await;
}

/// Ends every other connection and waits until the server has counted what was done on it.
const CUT: &str = "SELECT COUNT(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()";

/// How often tables that grow with every text were read from end to end.
const READ_WHOLE: &str = "SELECT CAST(SUM(seq_scan) AS BIGINT) FROM pg_stat_user_tables
    WHERE relname IN ('messages', 'attempts', 'decisions', 'journal', 'provider_events', 'recipients', 'events')";

/// The server keeps a plan that was made while the tables were empty until long after they have grown. SQLite
/// plans without looking at what tables hold.
#[tokio::test]
async fn no_plan_of_an_empty_database_reads_tables_from_end_to_end() {
    let Some(start) = Start::postgres("plans") else {
        return support::postgres::skip_aloud("plans of an empty database");
    };
    start.store().await.close().await;
    let raw = sqlx::PgPool::connect(start.database_url.as_deref().unwrap()).await.unwrap();
    let number = async |sql: &'static str| -> i64 { query_scalar(sql).fetch_one(&raw).await.unwrap() };
    number(CUT).await;
    let by_migrations = number(READ_WHOLE).await;
    let host = start.host().await;
    host.event(booked(1, VISIT)).await;
    host.message(notice(ANA)).await;
    host.run().await;
    assert!(!host.texts_to(ANA).is_empty());
    assert!(number(CUT).await > 0);
    assert_eq!(number(READ_WHOLE).await, by_migrations);
}

for_each_database! {
    async fn a_claim_goes_by_the_index_of_its_lane_however_many_wait_for_later(start: Start) {
        let store = start.store().await;
        planted(&store, 1).await;
        let raw = Raw::of(&start).await;
        fill(&raw, &store).await;
        let plan = store.explain_claim(&claim(host_id(), 100)).await.unwrap().join("\n");
        assert!(plan.contains("messages_due"), "{plan}");
        // Live texts that wait for a refused account are no way to test texts, nor the other way round.
        let found_by = ["lane=? AND test=? AND due_at<?", "Index Cond: ((lane = 'normal'::text) AND (test = true) AND"];
        assert!(found_by.iter().any(|found_by| plan.contains(found_by)), "{plan}");
        for costly in ["SCAN messages", "Seq Scan", "Sort", "TEMP B-TREE"] {
            assert!(!plan.contains(costly), "{costly} in\n{plan}");
        }
        assert_eq!(claimed(&store, &claim(host_id(), 100)).await.len(), 1);
    }

    async fn a_row_that_makes_no_sense_is_held_and_keeps_nobody_waiting(start: Start) {
        let host = start.host().await;
        let bad = host.message(notice(ANA)).await;
        host.sql("UPDATE messages SET planned_for = 9000000000000000000").await;
        let good = host.message(notice(ANA)).await;
        host.run().await;
        host.host.sweep().await.unwrap();
        assert_eq!(end(&host, &good).await, is("delivered", ""));
        host.sql("UPDATE messages SET planned_for = created_at").await;
        assert_eq!(end(&host, &bad).await, is("held", "unreadable"));
        assert_eq!(host.texts_to(ANA).len(), 1);
    }
}
