//! Claiming: what is due is taken lane by lane, as much as this host has hands for and its senders have time
//! for, and seen through in tasks of its own.

use super::{Host, HostError, Permits};
use crate::crash::Point;
use crate::domain::message::{Lane, Lease};
use crate::measure::SPANS;
use crate::store::{Claim, NextDue, yielding};
use chrono::{DateTime, Utc};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tracing::Instrument as _;

/// As many texts of each lane as a host has in hand at once.
pub(super) struct LanePermits {
    otp: Arc<Semaphore>,
    urgent: Arc<Semaphore>,
    normal: Arc<Semaphore>,
    bulk: Arc<Semaphore>,
}

impl LanePermits {
    pub(super) fn new(permits: &Permits) -> Self {
        Self {
            otp: Arc::new(Semaphore::new(permits.otp)),
            urgent: Arc::new(Semaphore::new(permits.urgent)),
            normal: Arc::new(Semaphore::new(permits.normal)),
            bulk: Arc::new(Semaphore::new(permits.bulk)),
        }
    }

    pub(super) fn of(&self, lane: Lane) -> &Arc<Semaphore> {
        match lane {
            Lane::Otp => &self.otp,
            Lane::Urgent => &self.urgent,
            Lane::Normal => &self.normal,
            Lane::Bulk => &self.bulk,
        }
    }
}

impl Host {
    /// Takes what is due, as much as there are free permits for, and sees it through in tasks of their own.
    pub(super) async fn claim_due(&self, tasks: &mut JoinSet<()>) -> Result<usize, HostError> {
        self.notice_leap();
        let now = self.now();
        let claimed = self.claim_open_lanes(tasks, now).await?;
        self.has_looked();
        Ok(claimed)
    }

    async fn claim_open_lanes(
        &self,
        tasks: &mut JoinSet<()>,
        now: DateTime<Utc>,
    ) -> Result<usize, HostError> {
        let tried = self.try_refused_account(tasks, now).await?;
        let Some(modes) = self.open_modes() else { return Ok(tried) };
        // Looking is free; only where something is due is the writer's place asked for.
        let on_the_way = self.turns.on_the_way();
        let due = self.store.look().await?.next_due(modes).await?;
        self.turns.let_go(&due, &on_the_way);
        let lanes: Vec<(Lane, u32)> = Lane::ALL
            .into_iter()
            .filter(|lane| due.of(*lane).is_some_and(|due| due <= now))
            .filter_map(|lane| {
                let free = u32::try_from(self.permits.of(lane).available_permits()).ok()?;
                let limit = free.min(self.room(lane, now));
                (limit > 0).then_some((lane, limit))
            })
            .collect();
        if lanes.is_empty() {
            return Ok(tried);
        }
        Ok(tried + self.claim_lanes(lanes, &due, tasks, now).await?)
    }

    /// Where the account is refused, one text is tried from time to time.
    async fn try_refused_account(
        &self,
        tasks: &mut JoinSet<()>,
        now: DateTime<Utc>,
    ) -> Result<usize, HostError> {
        let mut tried = 0;
        for (test, modes) in self.probes_due(now) {
            let due = self.store.look().await?.next_due(modes).await?;
            let is_due = |lane: &Lane| {
                due.of(*lane).is_some_and(|due| due <= now)
                    && (lane.is_urgent() || !self.doubts(now))
                    && self.permits.of(*lane).available_permits() > 0
            };
            if let Some(lane) = Lane::ALL.into_iter().find(is_due)
                && self.takes_probe(test, now).await?
            {
                tried += self.claim_lanes(vec![(lane, 1)], &due, tasks, now).await?;
            }
        }
        Ok(tried)
    }

    async fn claim_lanes(
        &self,
        lanes: Vec<(Lane, u32)>,
        due: &NextDue,
        tasks: &mut JoinSet<()>,
        now: DateTime<Utc>,
    ) -> Result<usize, HostError> {
        let lease = Lease { host: self.id, until: now + self.settings.patience.lease };
        let mut claimed = Vec::new();
        let mut tx = self.store.begin().await?;
        for (lane, mut limit) in lanes {
            for test in due.modes(lane, now) {
                if limit == 0 {
                    break;
                }
                let taken = tx.claim_messages(&Claim { lane, test, now, limit, lease }).await?;
                limit = limit.saturating_sub(u32::try_from(taken.len()).unwrap_or(u32::MAX));
                claimed.extend(taken);
            }
        }
        self.crash_at(Point::ClaimUncommitted).await;
        tx.commit().await?;
        self.crash_at(Point::ClaimCommitted).await;
        let count = claimed.len();
        for message in claimed {
            let Ok(permit) = self.permits.of(message.lane).clone().try_acquire_owned() else { continue };
            let (host, arriving) = (self.clone(), self.arrives(message.lane));
            tasks.spawn(async move {
                let span = tracing::info_span!(target: SPANS, "message", message_id = %message.id, kind = %message.kind);
                let yields = matches!(message.lane, Lane::Normal | Lane::Bulk);
                let work = Box::pin(host.process(message, arriving)).instrument(span);
                if yields { yielding(work).await } else { work.await }
                drop(permit);
                host.wake.notify_one();
            });
        }
        Ok(count)
    }

    /// A lane without free permits is woken when one is given back, and a rest by its end; their due rows
    /// are no reason to look.
    pub(super) async fn time_to_next(&self) -> std::time::Duration {
        let poll = self.settings.poll;
        let Some(modes) = self.open_modes() else { return poll };
        let due = async { self.store.look().await?.next_due(modes).await };
        let now = self.now();
        let is_free = |lane: &Lane| self.permits.of(*lane).available_permits() > 0;
        // A lane whose senders are busy is looked at when one has time again, or when a text has reached it.
        let at = |(lane, due): (Lane, DateTime<Utc>)| match self.room(lane, now) {
            0 => self.opens_at(lane).filter(|at| *at > now).map(|at| due.max(at)),
            _ => Some(due),
        };
        let next = due.await.map(|due| {
            let lanes = Lane::ALL.into_iter().filter(is_free);
            lanes.filter_map(|lane| Some((lane, due.of(lane)?))).filter_map(at).min()
        });
        let floor = std::time::Duration::from_millis(20);
        match next {
            Ok(Some(due)) => (due - self.now()).to_std().unwrap_or(floor).clamp(floor, poll),
            Ok(None) | Err(_) => poll,
        }
    }
}
