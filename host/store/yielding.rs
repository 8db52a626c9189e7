//! Work that lets others go first. A bulk run asks the database as fast as it is answered; on PostgreSQL, where all
//! share one pool, a one-time code would stand in line behind it.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many connections at once for work that yields: half of the pool.
const PLACES: usize = super::open::CONNECTIONS as usize / 2;

/// Nobody yields for ever.
const PATIENCE: Duration = Duration::from_secs(1);

tokio::task_local! {
    static YIELDS: bool;
}

/// Does work whose units of work leave half of the connections to others.
pub async fn yielding<F: Future>(work: F) -> F::Output {
    YIELDS.scope(true, work).await
}

/// Does work for others, too, among whom somebody may be who cannot wait.
pub async fn unyielding<F: Future>(work: F) -> F::Output {
    YIELDS.scope(false, work).await
}

/// The places of one pool.
#[derive(Clone, Debug)]
pub(super) struct Places(Arc<Semaphore>);

impl Places {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(PLACES)))
    }

    /// A place for as long as a unit of work lasts; `None` where none is needed, or where none became free and it
    /// is taken as if there were: the pool has the last word.
    pub(super) async fn take(&self) -> Option<OwnedSemaphorePermit> {
        if !YIELDS.try_with(|yields| *yields).unwrap_or(false) {
            return None;
        }
        tokio::time::timeout(PATIENCE, self.0.clone().acquire_owned()).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn half_of_the_pool_is_never_for_work_that_yields() {
        let places = Places::new();
        let mut taken = Vec::new();
        for _ in 0..PLACES {
            taken.push(yielding(places.take()).await.unwrap());
        }
        let mut next = Box::pin(yielding(places.take()));
        tokio::select! {
            biased;
            _ = &mut next => panic!("it did not wait"),
            place = places.take() => assert!(place.is_none(), "other work needs no place, and has not waited"),
        }
        assert!(yielding(unyielding(places.take())).await.is_none(), "nor does what is done for all");
        drop(taken.pop());
        assert!(next.await.is_some());
    }
}
