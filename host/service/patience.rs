//! Patience: the spans of time on which it rests that nothing is lost and nothing is sent twice. They
//! belong together, so nobody sets one alone: there are those of real life, and hurried ones for tests
//! of whole processes, in the same order and with the same room between them.

use chrono::TimeDelta;
use std::time::Duration;

/// How long the host waits for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// How long a host may hold a message. More than twice the time a call may take, so that a slow
    /// call is not taken for a dead host.
    pub lease: TimeDelta,
    /// No call is begun when less than this is left of the lease: the process was asleep.
    pub call_time: TimeDelta,
    /// When a text whose answer was not seen is first looked up, counted from the intent: longer than
    /// a call may take, and than the provider's list may lag.
    pub look_up_after: TimeDelta,
    /// Absence at the provider is believed when it was seen twice, so far apart.
    pub seen_twice: TimeDelta,
    /// How often a host says that it is alive, and looks around.
    pub heartbeat: Duration,
    /// A host that was not seen for so long is dead.
    pub dead_after: TimeDelta,
    /// When a provider that is silent about a text is first asked: later than callbacks and their
    /// retries.
    pub ask_first: TimeDelta,
    /// When it is asked again.
    pub ask_again: TimeDelta,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            lease: TimeDelta::seconds(60),
            call_time: TimeDelta::seconds(40),
            look_up_after: TimeDelta::seconds(60),
            seen_twice: TimeDelta::seconds(30),
            heartbeat: Duration::from_secs(5),
            dead_after: TimeDelta::seconds(20),
            ask_first: TimeDelta::minutes(15),
            ask_again: TimeDelta::hours(4),
        }
    }
}

impl Patience {
    /// The variable that hurries a program of its own, in a build that has crash points.
    pub const VARIABLE: &str = "TIDINGS_HURRY";

    /// For tests that kill processes: a text of unknown fate is settled within seconds. A provider that
    /// takes longer than two seconds for a call or its list is too slow for it.
    #[must_use]
    pub const fn hurried() -> Self {
        Self {
            lease: TimeDelta::milliseconds(5000),
            call_time: TimeDelta::milliseconds(2500),
            look_up_after: TimeDelta::milliseconds(3000),
            seen_twice: TimeDelta::milliseconds(1500),
            heartbeat: Duration::from_millis(250),
            dead_after: TimeDelta::milliseconds(1500),
            ask_first: TimeDelta::milliseconds(2500),
            ask_again: TimeDelta::milliseconds(2500),
        }
    }
}
