//! The clock: where it leaps, forward or back, nobody knows at once which of the two times is wrong. Until
//! the provider's clock agrees with ours, only urgent texts go out: a clock that is a day ahead must not
//! send a day of reminders.

use super::Host;
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// More than a clock is set right by in its daily life.
const LEAP: TimeDelta = TimeDelta::seconds(60);

/// How often the provider is asked, while there is a doubt.
const ASK_EVERY: Duration = Duration::from_secs(10);

/// How long a clock is doubted that nobody contradicts.
const DOUBT: Duration = Duration::from_mins(1);

/// The clock, as it was last seen.
#[derive(Default)]
pub(super) struct Steady(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    last: Option<(DateTime<Utc>, Duration)>,
    doubt: Option<Doubt>,
}

#[derive(Clone, Copy)]
struct Doubt {
    since: Duration,
    asked: Option<Duration>,
}

impl Steady {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host {
    /// Looks whether the clock has leapt since it was last looked at, and asks the provider where it has.
    pub(super) async fn look_at_clock(&self) {
        let (now, running) = (self.now(), self.clock.running());
        let doubt = {
            let mut seen = self.steady.lock();
            if let Some((then, ran)) = seen.last.replace((now, running)) {
                let passed = TimeDelta::from_std(running.saturating_sub(ran)).unwrap_or(TimeDelta::zero());
                let leap = (now - then) - passed;
                if leap.abs() > LEAP {
                    tracing::error!(
                        seconds = leap.num_seconds(),
                        "the clock has leapt; only urgent texts go out until it is sure"
                    );
                    seen.doubt = Some(Doubt { since: running, asked: None });
                }
            }
            let Some(doubt) = seen.doubt.as_mut() else { return };
            if doubt.asked.is_some_and(|asked| running.saturating_sub(asked) < ASK_EVERY) {
                return;
            }
            doubt.asked = Some(running);
            *doubt
        };
        let provider = self.providers.live.as_ref().or(self.providers.test.as_ref());
        let date = match provider {
            Some(provider) => provider.date().await,
            None => None,
        };
        let is_sure = match date {
            Some(date) => (date - now).abs() <= LEAP,
            None => running.saturating_sub(doubt.since) >= DOUBT,
        };
        if is_sure {
            tracing::warn!("the clock is sure again");
            self.steady.lock().doubt = None;
            self.wake.notify_one();
        } else if let Some(date) = date {
            tracing::error!(
                ahead = (now - date).num_seconds(),
                "the clock is not the provider's; only urgent texts go out"
            );
        }
    }

    /// Whether the clock may be wrong.
    #[must_use]
    pub fn doubts_clock(&self) -> bool {
        self.steady.lock().doubt.is_some()
    }
}
