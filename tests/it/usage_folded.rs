//! What connections counted that are gone is added up in one row.

use crate::delivery::{BO, notice};
use crate::for_each_database;
use crate::support::{ANA, TestHost};
use tidings::store::UsageTotal;

async fn spent(host: &TestHost) -> UsageTotal {
    host.host.store.look().await.unwrap().usage_total(true).await.unwrap()
}

for_each_database! {
    async fn the_counts_of_connections_that_are_gone_are_folded_and_none_is_lost(start: Start) {
        let host = start.host().await;
        host.message(notice(ANA)).await;
        host.run().await;
        // No connection ever has this number. On SQLite one counts for all.
        if host.host.store.engine() == "postgres" {
            host.sql("UPDATE usage_totals SET shard = -1").await;
        }
        let before = spent(&host).await;
        assert_eq!(before.texts, 1);
        host.host.forget_what_is_over(std::time::Duration::ZERO).await.unwrap();
        assert_eq!(spent(&host).await, before);
        assert_eq!(host.number("SELECT COUNT(*) FROM usage_totals WHERE shard = -1").await, 0);
        // Whoever still counts under a number that was folded begins a row anew.
        host.sql("UPDATE usage SET texts = texts + 1").await;
        host.message(notice(BO)).await;
        host.run().await;
        assert_eq!(spent(&host).await.texts, 3);
    }
}
