//! Reconciling: what a dead host left behind, texts whose outcome was not seen, held messages that
//! are asked again, events whose planning was interrupted. One round is [`Host::sweep`].

use super::receipts::{Receipt, Received};
use super::{Host, HostError};
use crate::crash::Point;
use crate::domain::message::{Cause, Message, State};
use crate::store::{Change, ProviderEventSource, StoreError};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeMap;
use std::future::Future;
use tokio::task::JoinSet;

/// An event is planned by the request that posted it; one that is older was interrupted.
const PLANNING: TimeDelta = TimeDelta::seconds(10);

/// Look-ups at the provider at once.
const LOOK_UPS: usize = 8;

/// A provider that is silent about a text is asked again for some days.
const ASK_FOR: TimeDelta = TimeDelta::days(3);

/// So many rows in one round.
const BATCH: u32 = 200;

impl Host {
    /// Says that this process is alive, and takes up what others left, and tells the clinic's own
    /// systems, until `stop` resolves. The
    /// heartbeat waits for nothing: a host that looks up texts at a slow provider is not dead.
    pub async fn keep_house(&self, stop: impl Future<Output = ()>) {
        let alive = async {
            loop {
                if let Err(error) = self.heartbeat().await {
                    tracing::error!(error = &error as &dyn std::error::Error, "the heartbeat failed");
                }
                tokio::time::sleep(self.settings.patience.heartbeat).await;
            }
        };
        let sweeping = async {
            loop {
                if let Err(error) = self.sweep().await {
                    tracing::error!(error = &error as &dyn std::error::Error, "sweeping failed");
                }
                tokio::time::sleep(self.settings.patience.heartbeat).await;
            }
        };
        tokio::select! {
            () = stop => {}
            ((), (), (), ()) = async { tokio::join!(alive, sweeping, self.keep_retention(), self.tell()) } => {}
        }
    }

    async fn heartbeat(&self) -> Result<(), HostError> {
        let now = self.now();
        if let Err(error) = self.store.keys().refresh() {
            tracing::error!(error = &error as &dyn std::error::Error, "the keys cannot be read again");
        }
        let mut tx = self.store.begin().await?;
        tx.host_seen(self.id, now).await?;
        tx.forget_dead_hosts(now - self.settings.patience.dead_after).await?;
        let (paces, stops) = (tx.paces().await?, tx.account_stops().await?);
        tx.commit().await?;
        self.turns.learn(paces);
        self.stops.learn(stops);
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
            tx.forget_dead_hosts(now + TimeDelta::days(1)).await?;
        }
        tx.host_seen(self.id, now).await?;
        for route in &self.settings.senders {
            tx.know_sender(route.sender.as_str()).await?;
        }
        // Whoever starts a host may have mended what was wrong with the account.
        tx.probe_now(now).await?;
        let (paces, stops) = (tx.paces().await?, tx.account_stops().await?);
        tx.commit().await?;
        self.turns.learn(paces);
        self.stops.learn(stops);
        Ok(())
    }

    /// This process ends, and holds nothing any more.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn end(&self) -> Result<(), HostError> {
        self.write_key_uses().await?;
        self.auditor().flush().await;
        let mut tx = self.store.begin().await?;
        tx.host_gone(self.id).await?;
        Ok(tx.commit().await?)
    }

    /// One round.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn sweep(&self) -> Result<(), HostError> {
        self.heartbeat().await?;
        self.look_at_clock().await;
        if self.doubts_clock() {
            // What a wrong clock would end or forget does not come back.
            return Ok(());
        }
        let now = self.now();
        self.take_over(now).await?;
        self.expire_waiting(now).await?;
        self.check(now).await?;
        self.ask_prices(now).await?;
        self.write_key_uses().await?;
        self.keep_codes().await?;
        let mut tx = self.store.read().await?;
        let events = tx.events_to_plan(now - PLANNING).await?;
        drop(tx);
        for event in events {
            // One that cannot be planned must not keep the others waiting.
            if let Err(error) = self.plan_event(event).await {
                tracing::error!(event_id = %event, error = &error as &dyn std::error::Error, "planning waits");
            }
        }
        self.redact_due(now).await
    }

    /// Claimed by a host that is gone: surely unsent. Sending: it may have been sent.
    async fn take_over(&self, now: DateTime<Utc>) -> Result<(), HostError> {
        let mut tx = self.store.read().await?;
        let abandoned = tx.abandoned_messages(now, BATCH).await?;
        drop(tx);
        for message in abandoned {
            let mut after = message.clone();
            let note = if let State::Sending(_, attempt) = message.state {
                let mut tx = self.store.read().await?;
                let intent = tx.attempt(attempt).await?.map_or(now, |open| open.attempt.intent_at);
                drop(tx);
                after.state = after.state.lose_sight(intent + self.settings.patience.look_up_after)?;
                Cause::new("outcome-unknown", "the host that was sending it is gone")
            } else if message.expires_at <= now {
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

    async fn check(&self, now: DateTime<Utc>) -> Result<(), HostError> {
        let mut tx = self.store.read().await?;
        let Some(modes) = self.modes() else { return Ok(()) };
        let due = tx.messages_to_check(now, modes, BATCH).await?;
        drop(tx);
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
            let host = self.clone();
            checks.spawn(async move {
                for message in &messages {
                    if let Err(error) = host.check_one(message, now).await {
                        let error = &error as &dyn std::error::Error;
                        tracing::error!(message_id = %message.id, error, "a message could not be checked");
                    }
                }
            });
        }
        while checks.join_next().await.is_some() {}
        Ok(())
    }

    async fn check_one(&self, message: &Message, now: DateTime<Utc>) -> Result<(), HostError> {
        match message.state {
            State::Unknown { .. } => self.look_up(message).await,
            State::Held { .. } => self.check_held(message, now).await,
            State::Accepted | State::Sent => self.ask_how_it_fares(message, now).await,
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

    /// The provider has the text and has not told its end: its callbacks may be lost.
    async fn ask_how_it_fares(&self, message: &Message, now: DateTime<Utc>) -> Result<(), HostError> {
        let (Some(sid), Some(attempt), Some(provider)) =
            (&message.sid, message.attempt, self.provider(message.test))
        else {
            return Ok(());
        };
        let told = match provider.fetch(sid).await {
            Ok(Some(text)) => {
                let receipt = Receipt {
                    attempt,
                    sid: text.sid,
                    status: text.status,
                    error_code: text.error_code,
                    raw_date: None,
                    source: ProviderEventSource::Fetch,
                };
                self.receive(&receipt).await? == Received::New
            }
            Ok(None) => false,
            Err(error) => {
                tracing::warn!(message_id = %message.id, error = &error as &dyn std::error::Error, "asking failed");
                false
            }
        };
        if told {
            return Ok(());
        }
        // Many carriers never tell the end: after some days the last word stands.
        let since = message.sent_at.unwrap_or(message.updated_at);
        let mut after = message.clone();
        after.ask_at = (since + ASK_FOR > now).then(|| now + self.settings.patience.ask_again);
        let note = Cause::new("asked", "the provider was asked how it fares, and had nothing new to tell");
        self.move_unless_lost(message, after, note, now).await
    }

    /// A held message is asked again, or has lost its use.
    async fn check_held(&self, message: &Message, now: DateTime<Utc>) -> Result<(), HostError> {
        let mut after = message.clone();
        let note = if message.expires_at <= now {
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
