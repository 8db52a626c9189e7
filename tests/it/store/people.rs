//! What people were sent is counted by one unit of work after the other, whoever counts.

use super::Raw;
use crate::support::{self, Start, tuesday_morning};
use sqlx::postgres::PgPool;
use tidings::domain::recipient::{Recipient, Role};
use tidings::store::{Counting, Store};

/// Judged by nothing sent before.
fn first(person: &str) -> Counting<'_> {
    Counting { person, version: 1, texts: Some(0), more: 1 }
}

async fn store_of(start: &Start, people: &[&str]) -> (Store, PgPool) {
    let store = start.store().await;
    let mut tx = store.begin().await.unwrap();
    for id in people {
        let person = Recipient::new((*id).to_owned(), Role::Patient, tuesday_morning());
        tx.insert_recipient(&person).await.unwrap();
    }
    tx.commit().await.unwrap();
    let Raw::Postgres(pool) = Raw::of(start).await else { unreachable!() };
    (store, pool)
}

async fn until_one_waits(pool: &PgPool, done: impl Fn() -> bool) {
    let waits = "SELECT COUNT(*) FROM pg_locks WHERE NOT granted
        AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())";
    while !done() && sqlx::query_scalar::<_, i64>(waits).fetch_one(pool).await.unwrap() == 0 {
        tokio::task::yield_now().await;
    }
}

/// On SQLite whoever writes has the writer's place.
#[tokio::test]
async fn of_two_texts_that_were_judged_by_the_same_the_one_that_waits_for_the_other_is_not_counted() {
    let Some(start) = Start::postgres("counting") else {
        return support::postgres::skip_aloud("two who count one person's texts");
    };
    let (store, pool) = store_of(&start, &["ana", "bo"]).await;
    let mut tx = store.begin().await.unwrap();
    assert_eq!(tx.count_texts(&[first("bo")]).await.unwrap().len(), 1);
    let other = store.clone();
    // In the other order of names, and with one whom nobody holds.
    let counting = tokio::spawn(async move {
        let mut tx = other.begin().await.unwrap();
        let counted = tx.count_texts(&[first("bo"), first("ana")]).await.unwrap();
        tx.commit().await.unwrap();
        counted.into_iter().collect::<Vec<_>>()
    });
    until_one_waits(&pool, || counting.is_finished()).await;
    tx.commit().await.unwrap();
    assert_eq!(counting.await.unwrap(), ["ana"]);
    let mut tx = store.begin().await.unwrap();
    let texts =
        [tx.recipient("ana").await.unwrap().unwrap().texts, tx.recipient("bo").await.unwrap().unwrap().texts];
    assert_eq!(texts, [1, 1]);
}

#[tokio::test]
async fn two_who_count_the_same_people_in_other_orders_wait_for_each_other_and_never_both() {
    let Some(start) = Start::postgres("crossing") else {
        return support::postgres::skip_aloud("two who count the same people");
    };
    let (store, pool) = store_of(&start, &["ana", "bo"]).await;
    // Whoever counts both holds the first of them, and waits for the second.
    let mut holds_bo = store.begin().await.unwrap();
    assert_eq!(holds_bo.count_texts(&[first("bo")]).await.unwrap().len(), 1);
    let other = store.clone();
    let both = tokio::spawn(async move {
        let mut tx = other.begin().await.unwrap();
        let counted = tx.count_texts(&[first("bo"), first("ana")]).await.unwrap().len();
        tx.commit().await.unwrap();
        counted
    });
    until_one_waits(&pool, || both.is_finished()).await;
    let mut third = store.begin().await.unwrap();
    let is_free = "SELECT COUNT(*) FROM recipients WHERE id = 'ana' AND EXISTS (
        SELECT 1 FROM (SELECT id FROM recipients WHERE id = 'ana' FOR NO KEY UPDATE SKIP LOCKED) AS free)";
    assert_eq!(
        sqlx::query_scalar::<_, i64>(is_free).fetch_one(&pool).await.unwrap(),
        0,
        "ana is locked before bo"
    );
    holds_bo.commit().await.unwrap();
    assert_eq!(both.await.unwrap(), 1);
    assert_eq!(third.count_texts(&[first("ana"), first("bo")]).await.unwrap().len(), 0);
}
