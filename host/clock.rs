//! Time and chance, given to the code and never taken by it.

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Tells the time, in whole milliseconds: both databases keep no more.
pub trait Clock: Send + Sync {
    /// This moment.
    fn now(&self) -> DateTime<Utc>;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock the others ask")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now().trunc_subsecs(3)
    }
}

/// A clock that moves when it is told to.
#[derive(Debug)]
pub struct ManualClock(Mutex<DateTime<Utc>>);

impl ManualClock {
    /// A clock that stands at a moment.
    #[must_use]
    pub fn at(now: DateTime<Utc>) -> Self {
        Self(Mutex::new(now))
    }

    /// Moves it on, or back.
    pub fn advance(&self, by: TimeDelta) {
        *lock(&self.0) += by;
    }

    /// Puts it to a moment.
    pub fn set(&self, now: DateTime<Utc>) {
        *lock(&self.0) = now;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *lock(&self.0)
    }
}

/// The host's one random source, seeded by the machine.
#[derive(Clone)]
pub struct Chance(Arc<Mutex<StdRng>>);

impl Chance {
    /// Seeded by the machine.
    ///
    /// # Panics
    ///
    /// The machine has no random numbers to give: nothing safe can be done without them.
    #[expect(clippy::disallowed_methods, reason = "this is the source the others ask")]
    #[must_use]
    pub fn from_machine() -> Self {
        Self(Arc::new(Mutex::new(rand::make_rng())))
    }

    /// The same numbers every time: for tests.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// The source itself, for as long as the guard lives. Never hold it across an `await`.
    pub fn lock(&self) -> MutexGuard<'_, StdRng> {
        lock(&self.0)
    }
}

/// A poisoned clock or random source is as good as a sound one: neither can be left half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
