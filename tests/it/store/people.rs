//! What people were sent is counted by one unit of work after the other, whoever counts.

use super::{Raw, until_one_waits};
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

/// On SQLite whoever writes has the writer's place.
#[tokio::test]
async fn of_texts_that_were_judged_by_the_same_the_one_that_waits_for_the_other_is_not_counted() {
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
    // In everybody's order: whoever waits for bo holds ana, and nobody who holds ana is waited for by bo's.
    let free = "SELECT id FROM recipients ORDER BY id FOR NO KEY UPDATE SKIP LOCKED";
    assert_eq!(sqlx::query_scalar::<_, String>(free).fetch_all(&pool).await.unwrap(), [""; 0]);
    tx.commit().await.unwrap();
    assert_eq!(counting.await.unwrap(), ["ana"]);
    let mut tx = store.begin().await.unwrap();
    for person in ["ana", "bo"] {
        assert_eq!(tx.recipient(person).await.unwrap().unwrap().texts, 1, "{person}");
    }
}
