//! How a policy fares: its faults are counted, and when they repeat it is not to be trusted any more.

use crate::domain::policy::UnixMs;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// So many faults, each about another message or event, within [`WINDOW`]: it is the policy, not the input.
const TOO_MANY: usize = 3;

/// A shadow with so many faults is asked no more: it costs time and teaches nothing new.
const SHADOW_FAULTS: u64 = 100;

/// Ten minutes.
const WINDOW: UnixMs = 10 * 60 * 1000;

/// The faults of one version at work.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<Faults>);

#[derive(Debug, Default)]
struct Faults {
    count: u64,
    asked: u64,
    last: Option<&'static str>,
    recent: VecDeque<(UnixMs, String)>,
}

impl Health {
    /// Takes down a fault about a message or event. Whether they repeat.
    pub(super) fn fault(&self, code: &'static str, about: &str, now: UnixMs) -> bool {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        faults.count += 1;
        faults.last = Some(code);
        faults.recent.retain(|(at, id)| at.saturating_add(WINDOW) > now && id != about);
        faults.recent.push_back((now, about.to_owned()));
        // No more are needed to know.
        if faults.recent.len() > TOO_MANY {
            faults.recent.pop_front();
        }
        faults.recent.len() >= TOO_MANY
    }

    /// Counts a question to a shadow; `false` when it has failed too often to be asked.
    pub(super) fn may_shadow(&self) -> bool {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let may = faults.count < SHADOW_FAULTS;
        faults.asked += u64::from(may);
        may
    }

    /// How often a shadow was asked.
    pub(super) fn asked(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).asked
    }

    /// How many there were, and the code of the last.
    pub(super) fn faults(&self) -> (u64, Option<&'static str>) {
        let faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (faults.count, faults.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_messages_within_ten_minutes_are_too_many() {
        let health = Health::default();
        assert!(!health.fault("trap", "a", 0));
        assert!(!health.fault("trap", "b", 1));
        assert!(health.fault("timeout", "c", WINDOW - 1));
        assert_eq!(health.faults(), (3, Some("timeout")));
    }

    #[test]
    fn one_message_that_is_asked_again_and_again_is_one() {
        let health = Health::default();
        assert!(!(0..20).any(|minute| health.fault("trap", "a", minute * 60_000)));
    }

    #[test]
    fn faults_that_are_far_apart_are_not_a_series() {
        let health = Health::default();
        assert!(!(0..20).any(|number| health.fault("trap", &number.to_string(), number * WINDOW / 2)));
    }
}
