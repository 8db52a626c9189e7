//! Requests that change something: each is seen through, even when whoever sent it hangs up or is told that it took
//! too long. So many are underway at once, and a host that ends waits for them.

use super::Host;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// So many at once; further ones wait before they begin.
const MOST: u32 = 1024;

/// Requests that are underway.
pub(super) struct Changes(std::sync::Arc<Semaphore>);

impl Default for Changes {
    fn default() -> Self {
        Self(std::sync::Arc::new(Semaphore::new(MOST as usize)))
    }
}

/// A request that changes something, until this is dropped.
pub struct Underway(#[expect(dead_code, reason = "held, not read")] OwnedSemaphorePermit);

impl Host {
    /// Waits until a request may begin to change something; `None` when the host is ending.
    pub async fn begin_change(&self) -> Option<Underway> {
        self.changes.0.clone().acquire_owned().await.ok().map(Underway)
    }

    /// How many requests that change something are underway.
    #[must_use]
    pub fn changes_underway(&self) -> usize {
        MOST as usize - self.changes.0.available_permits()
    }

    /// Waits for what is underway, and lets nothing begin any more.
    pub(super) async fn see_changes_through(&self, until: Instant) {
        let all = timeout_at(until, self.changes.0.acquire_many(MOST)).await;
        self.changes.0.close();
        if all.is_err() {
            tracing::warn!("requests that change something were still underway at the end of the shutdown");
        }
    }
}
