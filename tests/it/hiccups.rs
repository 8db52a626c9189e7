//! A database that fails for a moment: it costs a text that moment, and no more.

use crate::delivery::{after_seconds, code, notice, state};
use crate::for_each_database;
use crate::support::{ANA, TestHost};
use chrono::TimeDelta;
use serde_json::json;

/// From here on no text can be judged, and everything else can be written.
async fn fail(host: &TestHost) {
    host.sql("ALTER TABLE consents RENAME TO lost").await;
}

async fn mend(host: &TestHost) {
    host.sql("ALTER TABLE lost RENAME TO consents").await;
}

for_each_database! {
    async fn a_code_that_the_database_has_failed_goes_out_a_second_later(start: Start) {
        let host = start.host().await;
        let id = host.message(code(ANA)).await;
        fail(&host).await;
        host.run().await;
        assert_eq!(state(&host, &id).await, "planned");
        mend(&host).await;
        after_seconds(&host, 1).await;
        assert_eq!(state(&host, &id).await, "delivered");
    }

    async fn a_text_that_is_short_of_time_is_tried_again_within_it(start: Start) {
        let host = start.host().await;
        let mut short = notice(ANA);
        short["expires_at"] = json!(host.clock_now() + TimeDelta::seconds(5));
        let id = host.message(short).await;
        fail(&host).await;
        host.run().await;
        after_seconds(&host, 1).await;
        mend(&host).await;
        after_seconds(&host, 2).await;
        assert_eq!(state(&host, &id).await, "delivered");
    }

    async fn what_the_database_fails_for_minutes_is_held(start: Start) {
        let host = start.host().await;
        let id = host.message(notice(ANA)).await;
        fail(&host).await;
        host.run().await;
        for seconds in [1, 5, 15, 60] {
            assert_eq!(state(&host, &id).await, "planned");
            after_seconds(&host, seconds).await;
        }
        assert_eq!(state(&host, &id).await, "held");
        mend(&host).await;
        after_seconds(&host, 60).await;
        assert_eq!(state(&host, &id).await, "delivered");
    }
}
