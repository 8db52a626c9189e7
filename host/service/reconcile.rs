//! Reconciling: what a dead host left behind, texts whose outcome was not seen, held messages that
//! are asked again, events whose planning was interrupted. One round is [`Host::sweep`].

use super::count_anew::is_over;
use super::{Host, HostError};
use crate::crash::Point;
use crate::domain::failure::ListedText;
use crate::domain::message::{Cause, Message, State};
use crate::store::{Change, StoreError, Waiting};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::{Arc, PoisonError};
use tokio::task::JoinSet;

/// An event is planned by the request that posted it; one that is older was interrupted.
const PLANNING: TimeDelta = TimeDelta::seconds(10);

/// One that is so far ahead was taken in by a clock that was wrong.
const AHEAD: TimeDelta = TimeDelta::minutes(1);

/// Look-ups at the provider at once.
const LOOK_UPS: usize = 8;

/// So many rows in one round.
const BATCH: u32 = 200;

/// So many events in one round.
const EVENTS: u32 = 100;

impl Host {
    /// Takes up what others left, asks the provider what it has not told, and tells the clinic's own systems,
    /// until `stop` resolves. Whatever asks the provider keeps nothing else waiting.
    pub async fn keep_house(&self, stop: impl Future<Output = ()>) {
        self.doubt_clock_at_start();
        let sweeping = async {
            loop {
                self.log_failed(self.take_up().await, "taking up what was left failed");
                tokio::time::sleep(self.settings.patience.heartbeat).await;
            }
        };
        let asking = async {
            loop {
                self.log_failed(self.look_up_due().await, "looking up failed");
                tokio::time::sleep(self.settings.patience.heartbeat).await;
            }
        };
        let fetching = async {
            loop {
                self.log_failed(self.ask_due().await, "asking the provider failed");
                tokio::time::sleep(self.settings.patience.heartbeat).await;
            }
        };
        tokio::select! {
            () = stop => {}
            ((), (), (), (), ()) = async {
                tokio::join!(sweeping, asking, fetching, self.keep_retention(), self.call_out())
            } => {}
        }
    }

    /// Says that this process is alive, for as long as it is. It waits for nothing: a host that looks up texts
    /// at a slow provider is not dead.
    pub(super) async fn stay_alive(&self) {
        loop {
            let beaten = self.heartbeat().await;
            if beaten.is_err() {
                self.peers.was_blind();
            }
            self.log_failed(beaten, "the heartbeat failed");
            tokio::time::sleep(self.settings.patience.heartbeat).await;
        }
    }

    #[expect(clippy::unused_self, reason = "what fails here fails for the host")]
    fn log_failed(&self, done: Result<(), HostError>, what: &str) {
        if let Err(error) = done {
            tracing::error!(error = &error as &dyn std::error::Error, "{what}");
        }
    }

    async fn heartbeat(&self) -> Result<(), HostError> {
        let now = self.now();
        if let Err(error) = self.store.keys().refresh() {
            tracing::error!(error = &error as &dyn std::error::Error, "the keys cannot be read again");
        }
        let mut tx = self.store.begin().await?;
        tx.host_seen(self.id, now).await?;
        let seen = self.peers.learn(tx.hosts().await?, self.clock.running());
        let dead = seen.silent(&self.settings.patience);
        tx.forget_hosts(&dead).await?;
        let (paces, stops) = (tx.paces().await?, tx.account_stops().await?);
        self.recoveries.learn(tx.recoveries(Self::recovered_after(now)).await?);
        tx.commit().await?;
        self.turns.learn(paces, now);
        self.stops.learn(stops);
        self.compare_clocks(&seen, now);
        Ok(())
    }

    /// This process begins. On SQLite, where one process has the file, whoever else is written down
    /// as running is dead.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn begin(&self) -> Result<(), HostError> {
        let now = self.now();
        let mut tx = self.store.begin().await?;
        if self.store.engine() == "sqlite" {
            tx.forget_other_hosts(self.id).await?;
        }
        tx.host_seen(self.id, now).await?;
        self.peers.learn(tx.hosts().await?, self.clock.running());
        for route in &self.settings.senders {
            tx.know_sender(route.sender.as_str()).await?;
        }
        // Whoever starts a host may have mended what was wrong with the account.
        tx.probe_now(now).await?;
        let (paces, stops) = (tx.paces().await?, tx.account_stops().await?);
        self.recoveries.learn(tx.recoveries(Self::recovered_after(now)).await?);
        tx.commit().await?;
        self.turns.learn(paces, now);
        self.stops.learn(stops);
        Ok(())
    }

    /// This process ends, and holds nothing any more. What was asked of it and is underway is waited for `until`
    /// that moment.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn end(&self, until: tokio::time::Instant) -> Result<(), HostError> {
        self.see_changes_through(until).await;
        self.write_key_uses().await?;
        self.auditor().flush().await;
        let mut tx = self.store.begin().await?;
        tx.host_gone(self.id).await?;
        Ok(tx.commit().await?)
    }

    /// One round of everything.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn sweep(&self) -> Result<(), HostError> {
        self.look_at_clock().await;
        self.take_up().await?;
        self.look_up_due().await?;
        self.ask_due().await
    }

    /// What waits for nobody but the database.
    async fn take_up(&self) -> Result<(), HostError> {
        self.heartbeat().await?;
        let now = self.now();
        self.take_over(now).await?;
        self.write_key_uses().await?;
        if self.doubts(now) {
            // What a wrong clock would end or forget does not come back.
            return Ok(());
        }
        self.count_waiting_anew(now).await?;
        self.expire_waiting(now).await?;
        self.keep_codes().await?;
        self.plan_left_over(now).await
    }

    /// A page of the events whose planning was not finished. Some of them wait for a policy, for as long as a day:
    /// the next round goes on after them, and begins anew at the end.
    async fn plan_left_over(&self, now: DateTime<Utc>) -> Result<(), HostError> {
        let after = *self.planned_up_to.lock().unwrap_or_else(PoisonError::into_inner);
        let page =
            self.store.read().await?.events_to_plan(now - PLANNING..now + AHEAD, after, EVENTS).await?;
        let is_last = page.len() < EVENTS as usize;
        *self.planned_up_to.lock().unwrap_or_else(PoisonError::into_inner) =
            page.last().copied().filter(|_| !is_last);
        for (_, event) in page {
            // One that cannot be planned must not keep the others waiting.
            if let Err(error) = self.plan_event(event).await {
                tracing::error!(event_id = %event, error = &error as &dyn std::error::Error, "planning waits");
            }
        }
        Ok(())
    }

    /// Texts whose outcome was not seen, and held ones.
    async fn look_up_due(&self) -> Result<(), HostError> {
        self.check(Waiting::OnUs).await
    }

    /// Ends and prices that the provider has not told, and texts that it is asked to forget.
    async fn ask_due(&self) -> Result<(), HostError> {
        self.check(Waiting::OnProvider).await?;
        let now = self.now();
        if self.doubts_clock() {
            return Ok(());
        }
        self.ask_prices(now).await?;
        self.redact_due(now).await
    }

    /// Claimed by a host that is gone: surely unsent. Sending: it may have been sent. Neither ends anything by a
    /// clock that is in doubt.
    async fn take_over(&self, now: DateTime<Utc>) -> Result<(), HostError> {
        // Nor are this host's own living calls too slow by it.
        let ended = if self.doubts(now) { DateTime::UNIX_EPOCH } else { now };
        let mut tx = self.store.read().await?;
        let abandoned = tx.abandoned_messages(self.id, ended, BATCH).await?;
        drop(tx);
        for message in abandoned {
            let mut after = message.clone();
            let note = if let State::Sending(_, attempt) = message.state {
                let mut tx = self.store.read().await?;
                let intent = tx.attempt(attempt).await?.map_or(now, |open| open.attempt.intent_at);
                drop(tx);
                after.state = after.state.lose_sight(intent + self.settings.patience.look_up_after)?;
                Cause::new("outcome-unknown", "the host that was sending it is gone")
            } else if is_over(&message, now) && !self.doubts(now) {
                let cause = Cause::new("expired", "its use was over before it could be sent");
                after.state = after.state.expire(cause.clone())?;
                cause
            } else {
                after.state = after.state.plan_again()?;
                Cause::new("taken-over", "the host that had claimed it is gone; it was not sent")
            };
            self.crash_at(Point::LeftBehindFound).await;
            self.move_unless_lost(&message, after, note, now).await?;
            self.wake();
        }
        Ok(())
    }

    async fn check(&self, waiting: Waiting) -> Result<(), HostError> {
        let now = self.now();
        let Some(modes) = self.modes().filter(|_| !self.doubts_clock()) else { return Ok(()) };
        let due = self.store.look().await?.messages_to_check(waiting, now, modes, BATCH).await?;
        let listed = Arc::new(self.listed_by_day(waiting, &due).await);
        // Several people at once, for each look-up may wait for the provider; one person's messages one
        // after the other, so that two texts of the same words never find the same one.
        let mut by_person: BTreeMap<String, Vec<Message>> = BTreeMap::new();
        for message in due {
            by_person.entry(message.recipient.clone()).or_default().push(message);
        }
        let mut checks = JoinSet::new();
        for messages in by_person.into_values() {
            if checks.len() >= LOOK_UPS {
                checks.join_next().await;
            }
            let (host, listed) = (self.clone(), listed.clone());
            checks.spawn(async move {
                for message in &messages {
                    if let Err(error) = host.check_one(message, &listed).await {
                        let error = &error as &dyn std::error::Error;
                        tracing::error!(message_id = %message.id, error, "a message could not be checked");
                    }
                }
            });
        }
        while checks.join_next().await.is_some() {}
        Ok(())
    }

    async fn check_one(
        &self,
        message: &Message,
        listed: &HashMap<String, ListedText>,
    ) -> Result<(), HostError> {
        let now = self.now();
        // A round takes its time, and each look-up of it must be by a clock that is sure.
        if self.doubts_clock() {
            return Ok(());
        }
        match message.state {
            State::Unknown { .. } => self.look_up(message).await,
            State::Held { .. } => self.check_held(message, now).await,
            State::Accepted | State::Sent => self.ask_how_it_fares(message, listed, now).await,
            State::Planned
            | State::Claimed(_)
            | State::Sending(..)
            | State::Delivered
            | State::Undelivered(_)
            | State::Failed(_)
            | State::Suppressed(_)
            | State::Canceled(_)
            | State::Expired(_) => Ok(()),
        }
    }

    /// A held message is asked again, or has lost its use.
    async fn check_held(&self, message: &Message, now: DateTime<Utc>) -> Result<(), HostError> {
        let mut after = message.clone();
        let note = if is_over(message, now) {
            let cause = Cause::new("expired", "its use was over while it was held");
            after.state = after.state.expire(cause.clone())?;
            cause
        } else {
            after.state = after.state.plan_again()?;
            after.due_at = now;
            Cause::new("asked-again", "the host tries once more")
        };
        self.move_unless_lost(message, after, note, now).await?;
        self.wake();
        Ok(())
    }

    /// Moves a message, unless another host or a callback has done so since.
    pub(super) async fn move_unless_lost(
        &self,
        before: &Message,
        mut after: Message,
        note: Cause,
        now: DateTime<Utc>,
    ) -> Result<(), HostError> {
        let mut tx = self.store.begin().await?;
        match tx.move_message(before, &mut after, &Change::noted(note, Some(self.id), now)).await {
            Ok(()) => Ok(tx.commit().await?),
            Err(StoreError::LeaseLost { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
