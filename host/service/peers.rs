//! Peers: the other hosts on the same database. Whether one is alive is told by what it does, never by
//! comparing its clock with ours: its heartbeat changes, or it stands still.

use super::Host;
use super::patience::Patience;
use crate::domain::id::HostId;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Clocks of hosts that work together agree better than this. A heartbeat is seen a moment after it was
/// written.
const AGREE: TimeDelta = TimeDelta::seconds(20);

/// Heartbeats, as this host has seen them.
#[derive(Default)]
pub(super) struct Peers(Mutex<HashMap<HostId, Beat>>);

#[derive(Clone, Copy)]
struct Beat {
    /// What the peer wrote, by its own clock.
    seen_at: DateTime<Utc>,
    /// When that was new to us, in the time that this process has been running.
    noticed: Duration,
}

/// The heartbeats at one moment.
pub(super) struct Seen {
    beats: HashMap<HostId, Beat>,
    /// Those that are new since the look before.
    fresh: Vec<DateTime<Utc>>,
    running: Duration,
}

impl Peers {
    /// The database did not answer: nobody's silence in that time says anything.
    pub(super) fn was_blind(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Takes in what the database says.
    pub(super) fn learn(&self, hosts: Vec<(HostId, DateTime<Utc>)>, running: Duration) -> Seen {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut fresh = Vec::new();
        let beats = hosts.into_iter().map(|(id, seen_at)| match known.get(&id) {
            Some(beat) if beat.seen_at == seen_at => (id, *beat),
            before => {
                fresh.extend(before.map(|_| seen_at));
                (id, Beat { seen_at, noticed: running })
            }
        });
        *known = beats.collect();
        Seen { beats: known.clone(), fresh, running }
    }
}

impl Seen {
    /// Those that have been silent for too long, and what they said last.
    pub(super) fn silent(&self, patience: &Patience) -> Vec<(HostId, DateTime<Utc>)> {
        let dead_after = patience.dead_after.to_std().unwrap_or_default();
        let is_silent = |beat: &Beat| self.running.saturating_sub(beat.noticed) > dead_after;
        let silent = self.beats.iter().filter(|(_, beat)| is_silent(beat));
        silent.map(|(id, beat)| (*id, beat.seen_at)).collect()
    }
}

impl Host {
    /// Where another host's clock is not ours, nobody knows at once which of the two is wrong.
    pub(super) fn compare_clocks(&self, seen: &Seen, now: DateTime<Utc>) {
        let apart = seen.fresh.iter().map(|seen_at| now - *seen_at).max_by_key(TimeDelta::abs);
        if let Some(apart) = apart.filter(|apart| apart.abs() > AGREE) {
            self.doubt_clock_beside(apart);
        }
    }
}
