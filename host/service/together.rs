//! Together: requests of many tasks that are answered by one unit of work. Whoever comes first works
//! for all who have come; while that unit is on its way to the disk, the next ones gather. Tasks that
//! could run at this moment are let come along, and those that have announced themselves and run already on another
//! core; nobody waits for others to come.

use super::HostError;
use crate::store::unyielding;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// So many at once, at the most: an urgent request waits behind one batch.
const MOST: usize = 128;

/// As long as a policy and a text take on another core, which is little against a unit of work more.
const PATIENCE: Duration = Duration::from_micros(100);

/// And so often others are let go first, at the most.
const AT_MOST: usize = 64;

/// The answer to a request that must be made alone: the one unit of work for all has failed.
pub(super) struct Alone;

/// A request, and where its answer goes.
type Waiting<Q, A> = (Q, oneshot::Sender<A>);

/// The answers of one unit of work for many; where it failed, each of them must be asked for alone.
pub(super) fn or_alone<A>(answered: Result<Vec<Option<A>>, HostError>, asked: usize) -> Vec<Option<A>> {
    answered.unwrap_or_else(|error| {
        tracing::debug!(error = &error as &dyn std::error::Error, asked, "done one by one");
        (0..asked).map(|_| None).collect()
    })
}

/// Where requests of one kind meet.
pub(super) struct Together<Q, A> {
    waiting: Mutex<Vec<Waiting<Q, A>>>,
    turn: tokio::sync::Mutex<()>,
    announced: AtomicUsize,
    /// So long others are let go first while somebody is announced.
    patience: Duration,
}

/// Somebody who is about to make a request.
pub(super) struct Announced<'a>(&'a AtomicUsize);

impl Drop for Announced<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<Q, A> Default for Together<Q, A> {
    fn default() -> Self {
        Self {
            waiting: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            announced: AtomicUsize::default(),
            patience: PATIENCE,
        }
    }
}

impl<Q: Clone, A> Together<Q, A> {
    /// Says that a request comes as soon as it is made, and that it waits for nothing until then.
    pub(super) fn announce(&self) -> Announced<'_> {
        self.announced.fetch_add(1, Ordering::Relaxed);
        Announced(&self.announced)
    }

    /// Answers a request by `work`, which is given many at once and answers each in its place. Whoever
    /// is dropped while working for others leaves them to ask anew.
    pub(super) async fn ask<W, F>(&self, request: Q, work: W) -> A
    where
        W: Fn(Vec<Q>) -> F,
        F: Future<Output = Vec<A>>,
    {
        loop {
            let (sender, mut answer) = oneshot::channel();
            self.lock().push((request.clone(), sender));
            // Until it is answered, or the one who worked for us was dropped.
            loop {
                tokio::select! {
                    biased;
                    answered = &mut answer => match answered {
                        Ok(answer) => return answer,
                        Err(_) => break,
                    },
                    turn = self.turn.lock() => {
                        // What one unit has answered comes back all at once: the first of it would work for
                        // itself alone, and the others for a second unit.
                        tokio::task::yield_now().await;
                        self.let_come_along().await;
                        self.work_for_all(&work).await;
                        drop(turn);
                    }
                }
            }
        }
    }

    async fn let_come_along(&self) {
        let began = Instant::now();
        for _ in 0..AT_MOST {
            if self.announced.load(Ordering::Relaxed) == 0 || began.elapsed() >= self.patience {
                break;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn work_for_all<W, F>(&self, work: &W)
    where
        W: Fn(Vec<Q>) -> F,
        F: Future<Output = Vec<A>>,
    {
        let batch: Vec<Waiting<Q, A>> = {
            let mut waiting = self.lock();
            waiting.retain(|(_, sender)| !sender.is_closed());
            let some = waiting.len().min(MOST);
            waiting.drain(..some).collect()
        };
        if batch.is_empty() {
            return;
        }
        let (requests, senders): (Vec<Q>, Vec<_>) = batch.into_iter().unzip();
        for (sender, answer) in senders.into_iter().zip(unyielding(work(requests)).await) {
            // Whoever has gone does not want to know.
            let _ = sender.send(answer);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Waiting<Q, A>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tokio::sync::Semaphore;

    #[tokio::test]
    async fn who_comes_while_one_works_is_answered_by_the_next_all_at_once() {
        let (together, gate) = (Arc::new(Together::<u32, usize>::default()), Arc::new(Semaphore::new(0)));
        let asks: Vec<_> = (0..300)
            .map(|number| {
                let (together, gate) = (together.clone(), gate.clone());
                tokio::spawn(async move {
                    together
                        .ask(number, |batch: Vec<u32>| {
                            let gate = gate.clone();
                            async move {
                                gate.acquire().await.unwrap().forget();
                                vec![batch.len(); batch.len()]
                            }
                        })
                        .await
                })
            })
            .collect();
        tokio::task::yield_now().await;
        gate.add_permits(10);
        let mut sizes = Vec::new();
        for ask in asks {
            sizes.push(ask.await.unwrap());
        }
        assert_eq!(sizes.len(), 300);
        assert!(sizes.iter().all(|size| *size <= MOST) && sizes.contains(&MOST), "{sizes:?}");
    }

    #[tokio::test]
    async fn who_could_come_at_this_moment_comes_along_with_the_first() {
        let together = Arc::new(Together::<u32, usize>::default());
        let mut asks = tokio::task::JoinSet::new();
        for number in 0..10 {
            let together = together.clone();
            asks.spawn(async move {
                together.ask(number, |batch: Vec<u32>| async move { vec![batch.len(); batch.len()] }).await
            });
        }
        assert_eq!(asks.join_all().await, [10; 10]);
    }

    #[tokio::test]
    async fn who_is_announced_comes_along_but_is_not_waited_for_for_ever() {
        let together = Together::<u32, usize> { patience: Duration::MAX, ..Together::default() };
        let together = Arc::new(together);
        let size = |batch: Vec<u32>| async move { vec![batch.len(); batch.len()] };
        let never = together.announce();
        assert_eq!(together.ask(0, size).await, 1);
        drop(never);
        let mut asks = tokio::task::JoinSet::new();
        for number in 0..2 {
            let together = together.clone();
            asks.spawn(async move {
                let announced = together.announce();
                for _ in 0..10 * number {
                    tokio::task::yield_now().await;
                }
                drop(announced);
                together.ask(number, size).await
            });
        }
        assert_eq!(asks.join_all().await, [2; 2]);
    }

    #[tokio::test]
    async fn who_is_dropped_while_working_for_others_leaves_them_answered() {
        let together = Arc::new(Together::<u32, u32>::default());
        let never = || std::future::pending::<()>();
        let first = tokio::spawn({
            let together = together.clone();
            async move {
                together
                    .ask(1, |batch: Vec<u32>| async move {
                        never().await;
                        batch
                    })
                    .await
            }
        });
        tokio::task::yield_now().await;
        let second = tokio::spawn({
            let together = together.clone();
            async move { together.ask(2, |batch: Vec<u32>| async move { batch }).await }
        });
        tokio::task::yield_now().await;
        first.abort();
        assert_eq!(second.await.unwrap(), 2);
    }
}
