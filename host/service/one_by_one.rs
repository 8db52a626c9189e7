//! One by one: of one person's texts a host judges one at a time, until it has committed itself to the call or decided
//! against it. What the one was judged to is then among what the next is judged by: of ten that are due at the end
//! of the quiet hours, a cap of six a day lets six out. Urgent texts wait for nobody, and are judged by whatever is
//! known at that moment.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// People who share a place by chance wait for each other, for a commit.
const PLACES: usize = 1024;

/// Held by whoever's turn it is.
pub(super) type Turn = OwnedMutexGuard<()>;

/// The turns of all people.
pub(super) struct OneByOne(Vec<Arc<Mutex<()>>>);

impl Default for OneByOne {
    fn default() -> Self {
        Self((0..PLACES).map(|_| Arc::default()).collect())
    }
}

impl OneByOne {
    /// Waits for the turn of a person's text.
    pub(super) async fn turn_of(&self, recipient: &str) -> Turn {
        let mut hasher = DefaultHasher::new();
        recipient.hash(&mut hasher);
        let place = hasher.finish() % PLACES as u64;
        self.0[usize::try_from(place).unwrap_or_default()].clone().lock_owned().await
    }
}
