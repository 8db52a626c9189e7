//! In order: versions of one subject that are posted at the same time are taken in one after the other, of those that
//! wait the oldest first. What the older one said is then known to the newer one, and nobody is late for want of luck.

use crate::domain::event::Subject;
use std::collections::btree_map::BTreeMap;
use std::collections::hash_map::{Entry, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// A subject of live keys, or of test keys.
type Key = (String, String, bool);

/// Who waits, by version, and in the order in which they came.
type Line = BTreeMap<(i64, u64), oneshot::Sender<Turn>>;

/// Where versions wait.
#[derive(Clone, Default)]
pub(super) struct InOrder(Arc<Mutex<Lines>>);

#[derive(Default)]
struct Lines {
    of: HashMap<Key, Line>,
    came: u64,
}

/// Held while a version is taken in.
pub(super) struct Turn {
    lines: InOrder,
    key: Key,
}

impl InOrder {
    /// Waits for the turn of a version.
    pub(super) async fn turn_of(&self, subject: &Subject, test: bool) -> Turn {
        let key = (subject.subject_type.clone(), subject.id.clone(), test);
        loop {
            let waits = self.join(&key, subject.version);
            match waits {
                None => return Turn { lines: self.clone(), key },
                Some(turn) => {
                    if let Ok(turn) = turn.await {
                        return turn;
                    }
                }
            }
        }
    }

    /// `None`: nobody else is there.
    fn join(&self, key: &Key, version: i64) -> Option<oneshot::Receiver<Turn>> {
        let mut lines = self.lock();
        lines.came += 1;
        let place = (version, lines.came);
        match lines.of.entry(key.clone()) {
            Entry::Vacant(line) => {
                line.insert(Line::default());
                None
            }
            Entry::Occupied(mut line) => {
                let (sender, turn) = oneshot::channel();
                line.get_mut().insert(place, sender);
                Some(turn)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut lines = self.lines.lock();
        while let Some((_, next)) = lines.of.get_mut(&self.key).and_then(BTreeMap::pop_first) {
            // Whoever has gone is passed over.
            if !next.is_closed() {
                drop(lines);
                // One who goes at this very moment drops the turn, and with it passes it on.
                let _ = next.send(Self { lines: self.lines.clone(), key: self.key.clone() });
                return;
            }
        }
        lines.of.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(id: &str, version: i64) -> Subject {
        Subject { subject_type: "appointment".to_owned(), id: id.to_owned(), version }
    }

    #[tokio::test]
    async fn of_the_versions_that_wait_the_oldest_is_next_and_who_has_gone_is_passed_over() {
        let (order, taken) = (InOrder::default(), Arc::new(Mutex::new(Vec::new())));
        let first = order.turn_of(&version("9", 3), true).await;
        let waiting: Vec<_> = [7, 5, 4, 6, 5]
            .into_iter()
            .map(|number| {
                let (order, taken) = (order.clone(), taken.clone());
                tokio::spawn(async move {
                    let _turn = order.turn_of(&version("9", number), true).await;
                    tokio::task::yield_now().await;
                    taken.lock().unwrap().push(number);
                })
            })
            .collect();
        // Others wait for none of these.
        drop(order.turn_of(&version("8", 1), true).await);
        drop(order.turn_of(&version("9", 1), false).await);
        tokio::task::yield_now().await;
        assert!(taken.lock().unwrap().is_empty());
        waiting[2].abort();
        tokio::task::yield_now().await;
        drop(first);
        for (place, waiting) in waiting.into_iter().enumerate() {
            assert_eq!(waiting.await.is_err(), place == 2);
        }
        assert_eq!(*taken.lock().unwrap(), [5, 5, 6, 7]);
        assert!(order.lock().of.is_empty(), "and nothing is left behind");
    }
}
