//! The clock: where it leaps, forward or back, nobody knows at once which of the two times is wrong. Until
//! the provider's clock agrees with ours, only urgent texts go out, and nothing ends or is forgotten: a clock that
//! is a day ahead must not send a day of reminders, nor end them. Where the provider does not answer, nothing
//! could be sent through it anyway, and its first answer decides; texts of test keys, which the host itself takes,
//! wait with the others, for nobody else can tell them the time.

use super::Host;
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// More than a clock is set right by in its daily life.
const LEAP: TimeDelta = TimeDelta::seconds(60);

/// Less than half of what keeps two looks at the provider's list apart: of two hosts that differ by more, one
/// is further than this from the provider.
const APART: TimeDelta = TimeDelta::seconds(12);

/// How often the clock is looked at, where nothing else does.
const LOOKED_AT: Duration = Duration::from_secs(1);

/// How often the provider is asked, while there is a doubt.
const ASK_EVERY: Duration = Duration::from_secs(10);

/// A sender may be busy for so long because the provider has asked for it, or with urgent texts.
const ASKED_FOR: TimeDelta = TimeDelta::minutes(20);

/// As long as any call of the provider may take.
const ANSWER: Duration = Duration::from_secs(15);

/// How often one clock is doubted because another host's differs.
const COMPARED: Duration = Duration::from_mins(10);

/// The clock, as it was last seen.
#[derive(Default)]
pub(super) struct Steady(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    last: Option<(DateTime<Utc>, Duration)>,
    doubt: Option<Doubt>,
    has_begun: bool,
    compared: Option<Duration>,
}

#[derive(Clone, Copy)]
struct Doubt {
    asked: Option<Duration>,
    /// How well the provider's clock must agree.
    within: TimeDelta,
    /// It was seen to leap: it may have counted wrong.
    has_leapt: bool,
}

impl Doubt {
    const OF_LEAP: Self = Self { asked: None, within: LEAP, has_leapt: true };
}

impl Seen {
    /// One more reason to doubt: whatever confirms the clock must answer to all of them.
    fn doubts(&mut self, new: Doubt) {
        self.doubt = Some(match self.doubt {
            Some(known) => Doubt {
                asked: None,
                within: known.within.min(new.within),
                has_leapt: known.has_leapt || new.has_leapt,
            },
            None => new,
        });
    }
}

impl Steady {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host {
    /// Looks whether the clock has leapt since it was last looked at.
    pub(super) fn notice_leap(&self) {
        let mut seen = self.steady.lock();
        let (now, running) = (self.now(), self.clock.running());
        let Some((then, ran)) = seen.last.replace((now, running)) else { return };
        let passed = TimeDelta::from_std(running.saturating_sub(ran)).unwrap_or(TimeDelta::zero());
        let leap = (now - then) - passed;
        if leap.abs() > LEAP {
            tracing::error!(
                seconds = leap.num_seconds(),
                "the clock has leapt; only urgent texts go out until it is sure"
            );
            seen.doubts(Doubt::OF_LEAP);
        }
    }

    /// Looks at the clock for as long as it is polled.
    pub(super) async fn keep_clock(&self) {
        loop {
            self.look_at_clock().await;
            tokio::time::sleep(LOOKED_AT).await;
        }
    }

    /// Looks at the clock, and asks the provider about it where it is in doubt. That may take long: whatever sends is
    /// not held up by it.
    pub(super) async fn look_at_clock(&self) {
        self.notice_leap();
        let running = self.clock.running();
        let doubt = {
            let mut seen = self.steady.lock();
            let Some(doubt) = seen.doubt.as_mut() else { return };
            if doubt.asked.is_some_and(|asked| running.saturating_sub(asked) < ASK_EVERY) {
                return;
            }
            doubt.asked = Some(running);
            *doubt
        };
        let provider = self.providers.live.as_ref().or(self.providers.test.as_ref());
        let date = match provider {
            Some(provider) => tokio::time::timeout(ANSWER, provider.date()).await.ok().flatten(),
            // Nobody can be asked, and nothing is sent.
            None => Some(self.now()),
        };
        self.notice_leap();
        let now = self.now();
        if date.is_some_and(|date| (date - now).abs() <= doubt.within) {
            {
                // A newer doubt is another question.
                let mut seen = self.steady.lock();
                if seen.doubt.is_none_or(|of_now| of_now.asked != doubt.asked) {
                    return;
                }
                seen.doubt = None;
            }
            tracing::info!("the clock is sure");
            // What was counted by the wrong time.
            if doubt.has_leapt
                && let Err(error) = self.free_senders(now + ASKED_FOR, now).await
            {
                tracing::error!(error = &error as &dyn std::error::Error, "senders stay busy");
            }
            self.wake.notify_one();
        } else if let Some(date) = date {
            tracing::error!(
                ahead = (now - date).num_seconds(),
                "the clock is not the provider's, and only urgent texts go out: set this machine's clock"
            );
        } else {
            tracing::warn!("the provider's clock cannot be asked; until it can, only urgent texts go out");
        }
    }

    /// A process that begins has not seen its clock leap: the provider is asked. Whatever it does first begins
    /// with this.
    pub(super) fn doubt_clock_at_start(&self) {
        let mut seen = self.steady.lock();
        if !std::mem::replace(&mut seen.has_begun, true) {
            seen.doubts(Doubt { has_leapt: false, ..Doubt::OF_LEAP });
        }
    }

    /// Another host's clock is so far from ours. The provider's tells which of the two is wrong.
    pub(super) fn doubt_clock_beside(&self, apart: TimeDelta) {
        let running = self.clock.running();
        let mut seen = self.steady.lock();
        if seen.compared.is_some_and(|at| running.saturating_sub(at) < COMPARED) {
            return;
        }
        seen.compared = Some(running);
        tracing::error!(seconds = apart.num_seconds(), "another host's clock differs from this one's");
        seen.doubts(Doubt { within: APART, has_leapt: false, ..Doubt::OF_LEAP });
    }

    /// Whether the clock may be wrong; a moment that was read before this was asked and answered with no is right.
    #[must_use]
    pub fn doubts_clock(&self) -> bool {
        self.notice_leap();
        self.steady.lock().doubt.is_some()
    }

    /// Whether a moment that was read a short while ago may be wrong: the clock is in doubt, or it was and has been
    /// set right since.
    pub(super) fn doubts(&self, read: DateTime<Utc>) -> bool {
        self.doubts_clock() || (self.now() - read).abs() > LEAP
    }
}
