//! Whether the host says by itself that it can work, and by name what keeps it from it.

use crate::delivery::notice;
use crate::for_each_database;
use crate::support::{ANA, Start};
use chrono::TimeDelta;
use serde_json::json;
use std::sync::Arc;
use tokio::sync::oneshot;

for_each_database! {
    async fn a_host_that_can_work_says_so_and_tells_what_waits(start: Start) {
        let host = start.host().await;
        host.message(notice(ANA)).await;
        host.clock.advance(TimeDelta::seconds(42));
        let told = host.get("/readyz").await;
        assert_eq!((&told["ready"], &told["migrations"], &told["claiming"]), (&json!(true), &json!("up to date"), &json!("at work")));
        let waits: Vec<_> = told["lanes"].as_array().unwrap().iter()
            .map(|lane| (lane["lane"].as_str().unwrap(), lane["oldest_due_seconds"].as_u64().unwrap())).collect();
        assert_eq!(waits, [("otp", 0), ("urgent", 0), ("normal", 42), ("bulk", 0)]);
        assert!(told["lanes"].as_array().unwrap().iter().all(|lane| lane["free"].as_u64().unwrap() > 0), "{told}");
    }

    async fn a_schema_that_is_behind_is_not_ready_and_one_that_is_ahead_is_named(start: Start) {
        let host = start.host().await;
        host.sql("UPDATE _sqlx_migrations SET version = 9999 WHERE version = 1").await;
        let (status, told) = host.request("GET", "/readyz", None).await;
        assert_eq!((status, &told["ready"]), (503, &json!(false)), "{told}");
        assert!(told["migrations"].as_str().unwrap().starts_with("1 steps behind"), "{told}");
        host.sql("UPDATE _sqlx_migrations SET version = 1 WHERE version = 9999").await;
        assert_eq!(host.get("/readyz").await["migrations"], "up to date");
        host.sql("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
            SELECT 9999, 'newer', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1").await;
        assert!(host.get("/readyz").await["migrations"].as_str().unwrap().starts_with("1 steps ahead"));
    }

    async fn a_host_that_was_told_to_stop_is_not_ready(start: Start) {
        let host = start.host().await;
        let (stop, stopped) = oneshot::channel::<()>();
        let runs = tokio::spawn({
            let host = host.host.clone();
            async move { host.run(async { drop(stopped.await) }).await }
        });
        drop(stop);
        runs.await.unwrap();
        let (status, told) = host.request("GET", "/readyz", None).await;
        assert_eq!((status, &told["claiming"]), (503, &json!("was told to stop")), "{told}");
    }
}

#[tokio::test]
async fn all_who_ask_at_the_same_time_share_one_look() {
    let host = Start::sqlite().host().await;
    let before = host.host.store.asked();
    let first = host.host.readiness().await;
    let price = host.host.store.asked() - before;
    let asking: Vec<_> = (0..50)
        .map(|_| {
            let host = host.host.clone();
            tokio::spawn(async move { host.readiness().await })
        })
        .collect();
    let mut answers = Vec::new();
    for answer in asking {
        answers.push(answer.await.unwrap());
    }
    assert!(answers.iter().all(|answer| Arc::ptr_eq(answer, &answers[0])), "one look");
    assert!(!Arc::ptr_eq(&answers[0], &first), "and a new one");
    assert_eq!(host.host.store.asked() - before, 2 * price);
}

#[tokio::test]
async fn a_writer_that_does_not_answer_and_a_host_that_does_not_claim_are_named() {
    let host = Start::sqlite().host().await;
    let mut later = notice(ANA);
    later["send_at"] = json!(host.clock_now() + TimeDelta::minutes(10));
    host.message(later).await;
    let runs = tokio::spawn({
        let host = host.host.clone();
        async move { host.run(std::future::pending()).await }
    });
    // Whoever claims waits for this unit of work, and so does whoever asks whether it can be written.
    let held = host.host.store.begin().await.unwrap();
    host.clock.advance(TimeDelta::minutes(11));
    let mut told = json!(null);
    // A look that had begun before is one look.
    for _ in 0..3 {
        host.clock.advance(TimeDelta::minutes(1));
        let status;
        (status, told) = host.request("GET", "/readyz", None).await;
        assert_eq!(status, 503, "{told}");
    }
    assert!(told["database"].as_str().unwrap().contains("takes no writes"), "{told}");
    assert!(told["claiming"].as_str().unwrap().starts_with("has not looked"), "{told}");
    drop(held);
    runs.abort();
}
