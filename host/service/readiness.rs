//! Whether the host can do its work at this moment: the schema, the writer, the lanes. Everybody may ask, so all who
//! ask at the same time share one look.

use super::Host;
use crate::domain::message::Lane;
use crate::store::{NextDue, Result, Schema};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// A writer that takes longer than this for an empty unit of work is not at work.
const PATIENCE: Duration = Duration::from_secs(2);

/// A host that has not looked for what is due for so long does not claim.
const LOOKS_EVERY: Duration = Duration::from_secs(20);

/// What stands in the way, and what does not.
#[derive(Debug)]
pub struct Readiness {
    /// The schema against this program's.
    pub schema: Result<Schema>,
    /// Whether a unit of work that writes can begin.
    pub writes: bool,
    /// Whether this host takes what is due.
    pub claiming: Claiming,
    /// Each lane, in the order of urgency.
    pub lanes: Vec<LaneReadiness>,
    /// Webhook endpoints that are switched off: the id and why.
    pub webhooks_off: Vec<String>,
    /// Budgets that are used up.
    pub fuses_blown: Vec<String>,
    /// The texts that a trial account has left, once its credit is nearly used up.
    pub trial_texts_left: Option<i64>,
}

/// Who asks: one looks, and those who come meanwhile wait for what it finds.
#[derive(Default)]
pub(super) struct Asking {
    looks: AtomicU64,
    last: Mutex<Option<Arc<Readiness>>>,
}

/// Whether a host takes what is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claiming {
    /// It has not begun to; whoever runs it does each round by hand, or will begin in a moment.
    ByHand,
    /// It does.
    Running,
    /// It should, and its last look is too long ago.
    Stalled,
    /// It was told to stop, and sees through what it has in hand.
    Stopped,
}

/// When a host last looked for what is due, in milliseconds of its own running time.
#[derive(Debug, Default)]
pub(super) struct Looked(AtomicU64);

/// A lane at this moment.
#[derive(Debug)]
pub struct LaneReadiness {
    /// Which.
    pub lane: Lane,
    /// How long its oldest due text has waited; zero when none is due.
    pub waits: Duration,
    /// So many more texts this host can have in hand.
    pub free: usize,
}

impl Host {
    /// Looks whether the host can do its work. Never fails: what fails is the finding.
    pub async fn readiness(&self) -> Arc<Readiness> {
        let looks = self.asking.looks.load(Ordering::Acquire);
        let mut last = self.asking.last.lock().await;
        // Somebody has looked while this one waited.
        if let Some(found) = &*last
            && self.asking.looks.load(Ordering::Acquire) != looks
        {
            return found.clone();
        }
        let found = Arc::new(self.look_whether_ready().await);
        *last = Some(found.clone());
        self.asking.looks.fetch_add(1, Ordering::Release);
        found
    }

    async fn look_whether_ready(&self) -> Readiness {
        let now = self.now();
        let due = match self.modes() {
            Some(modes) => async { self.store.look().await?.next_due(modes).await }.await.unwrap_or_default(),
            None => NextDue::default(),
        };
        let lanes = Lane::ALL.map(|lane| LaneReadiness {
            lane,
            waits: due.of(lane).map(|due| (now - due).to_std().unwrap_or_default()).unwrap_or_default(),
            free: self.permits.of(lane).available_permits(),
        });
        // Given back at once: others wait for it.
        let writes = matches!(tokio::time::timeout(PATIENCE, self.store.begin()).await, Ok(Ok(_)));
        Readiness {
            schema: self.store.schema().await,
            writes,
            claiming: self.claiming(),
            lanes: lanes.into(),
            webhooks_off: self.webhooks_off().await,
            fuses_blown: self.fuses_blown().await,
            trial_texts_left: self.trial_texts_left().await,
        }
    }

    /// This host has looked for what is due.
    pub(super) fn has_looked(&self) {
        let running = u64::try_from(self.clock.running().as_millis()).unwrap_or(u64::MAX);
        self.looked.0.store(running, Ordering::Relaxed);
    }

    fn claiming(&self) -> Claiming {
        let looked = self.looked.0.load(Ordering::Relaxed);
        let is_old = || self.clock.running().saturating_sub(Duration::from_millis(looked)) > LOOKS_EVERY;
        match (self.serving.load(Ordering::Relaxed), self.has_stopped.load(Ordering::Relaxed)) {
            (_, true) => Claiming::Stopped,
            (true, false) if is_old() => Claiming::Stalled,
            (true, false) => Claiming::Running,
            (false, false) => Claiming::ByHand,
        }
    }
}
