//! For tests: how SQLite finds the rows of a statement. A statement of the hot path must not read a table
//! from end to end, which no test with few rows would notice.

use super::seal::Keyring;
use super::{Inner, Store};
use crate::clock::Chance;
use std::sync::atomic::{AtomicU32, Ordering};

/// The tables that a statement reads from end to end.
pub(super) async fn tables_read_whole(sql: &str) -> Vec<String> {
    let (tables, plan) = plan_of(sql).await;
    let scanned = plan.iter().filter_map(|line| line.strip_prefix("SCAN ")?.split(' ').next());
    scanned.filter(|name| tables.iter().any(|table| table == name)).map(str::to_owned).collect()
}

/// The tables there are, and SQLite's plan of a statement, line by line.
pub(super) async fn plan_of(sql: &str) -> (Vec<String>, Vec<String>) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("tidings-found-by-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let keys = Keyring::new([7; 32], [9; 32], Chance::seeded(1));
    let store = Store::open_sqlite(&folder.join("tidings.db"), keys).await.unwrap();
    store.migrate().await.unwrap();
    let mut tx = store.look().await.unwrap();
    let Inner::Sqlite(unit) = &mut tx.inner else { unreachable!("it was opened as SQLite") };
    let tables: Vec<String> = sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'table'")
        .fetch_all(unit.connection())
        .await
        .unwrap();
    let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
    let plan: Vec<(i64, i64, i64, String)> =
        sqlx::query_as(explain).fetch_all(unit.connection()).await.unwrap();
    drop(tx);
    store.close().await;
    std::fs::remove_dir_all(&folder).unwrap();
    (tables, plan.into_iter().map(|(.., line)| line).collect())
}
