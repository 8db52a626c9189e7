//! Time and chance, given to the code and never taken by it.

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Tells the time, in whole milliseconds: both databases keep no more.
pub trait Clock: Send + Sync {
    /// This moment.
    fn now(&self) -> DateTime<Utc>;

    /// How long it has been running, however it was set meanwhile. Time in which the machine slept is left out.
    fn running(&self) -> Duration;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock the others ask")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now().trunc_subsecs(3)
    }

    fn running(&self) -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed()
    }
}

/// A clock that moves when it is told to.
#[derive(Debug)]
pub struct ManualClock(Mutex<(DateTime<Utc>, Duration)>);

impl ManualClock {
    /// A clock that stands at a moment.
    #[must_use]
    pub fn at(now: DateTime<Utc>) -> Self {
        Self(Mutex::new((now, Duration::ZERO)))
    }

    /// Moves it on, or back.
    pub fn advance(&self, by: TimeDelta) {
        let mut clock = lock(&self.0);
        clock.0 += by;
        clock.1 += by.to_std().unwrap_or_default();
    }

    /// Moves it to a moment.
    pub fn set(&self, now: DateTime<Utc>) {
        let by = now - self.now();
        self.advance(by);
    }

    /// Sets it wrong, or right: no time has passed.
    pub fn leap(&self, by: TimeDelta) {
        lock(&self.0).0 += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        lock(&self.0).0
    }

    fn running(&self) -> Duration {
        lock(&self.0).1
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
