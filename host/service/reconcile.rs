//! Reconciling: what a dead host left behind, texts whose outcome was not seen, held messages that
//! are asked again, events whose planning was interrupted. One round is [`Host::sweep`].

use super::receipts::Receipt;
use super::{Host, HostError};
use crate::domain::failure::ListedText;
use crate::domain::kind::OnUnknown;
use crate::domain::message::{Cause, MAX_ATTEMPTS, Message, State};
use crate::store::{AttemptOutcome, Change, OpenAttempt, ProviderEventSource, StoreError};
use chrono::{DateTime, TimeDelta, Utc};
use std::future::Future;

/// How often a host says that it is alive, and looks around.
const HEARTBEAT: std::time::Duration = std::time::Duration::from_secs(5);

/// Absence at the provider is believed when it was seen twice, so far apart.
const SEEN_TWICE: TimeDelta = TimeDelta::seconds(30);

/// Where the provider's clock and ours may differ.
const CLOCKS: TimeDelta = TimeDelta::seconds(60);

/// An event is planned by the request that posted it; one that is older was interrupted.
const PLANNING: TimeDelta = TimeDelta::seconds(10);

/// So many rows in one round.
const BATCH: u32 = 200;

impl Host {
    /// Says that this process is alive, and takes up what others left, until `stop` resolves.
    pub async fn keep_house(&self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        loop {
            if let Err(error) = self.sweep().await {
                tracing::error!(error = &error as &dyn std::error::Error, "sweeping failed");
            }
            tokio::select! {
                () = &mut stop => break,
                () = tokio::time::sleep(HEARTBEAT) => {}
            }
        }
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
        Ok(tx.commit().await?)
    }

    /// This process ends, and holds nothing any more.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn end(&self) -> Result<(), HostError> {
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
        let now = self.now();
        let mut tx = self.store.begin().await?;
        tx.host_seen(self.id, now).await?;
        tx.forget_dead_hosts(now).await?;
        tx.commit().await?;
        self.take_over(now).await?;
        self.check(now).await?;
        let mut tx = self.store.read().await?;
        let events = tx.events_to_plan(now - PLANNING).await?;
        drop(tx);
        for event in events {
            self.plan_event(event).await?;
        }
        Ok(())
    }

    /// Claimed by a host that is gone: surely unsent. Sending: it may have been sent.
    async fn take_over(&self, now: DateTime<Utc>) -> Result<(), HostError> {
        let mut tx = self.store.read().await?;
        let abandoned = tx.abandoned_messages(now, BATCH).await?;
        drop(tx);
        for message in abandoned {
            let mut after = message.clone();
            let note = if let State::Sending(..) = message.state {
                after.state = after.state.lose_sight(now + super::settle::LOOK_UP_AFTER)?;
                Cause::new("outcome-unknown", "the host that was sending it is gone")
            } else {
                after.state = after.state.plan_again()?;
                Cause::new("taken-over", "the host that had claimed it is gone; it was not sent")
            };
            self.move_unless_lost(&message, after, note, now).await?;
            self.wake.notify_one();
        }
        Ok(())
    }

    async fn check(&self, now: DateTime<Utc>) -> Result<(), HostError> {
        let mut tx = self.store.read().await?;
        let due = tx.messages_to_check(now, BATCH).await?;
        drop(tx);
        for message in due {
            match &message.state {
                State::Held { .. } if message.expires_at <= now => {
                    let cause = Cause::new("expired", "its use was over while it was held");
                    let mut after = message.clone();
                    after.state = after.state.expire(cause.clone())?;
                    self.move_unless_lost(&message, after, cause, now).await?;
                }
                State::Held { .. } => {
                    let mut after = message.clone();
                    after.state = after.state.plan_again()?;
                    after.due_at = now;
                    let note = Cause::new("asked-again", "the host tries once more");
                    self.move_unless_lost(&message, after, note, now).await?;
                    self.wake.notify_one();
                }
                State::Unknown { .. } => self.look_up(&message, now).await?,
                State::Planned
                | State::Claimed(_)
                | State::Sending(..)
                | State::Accepted
                | State::Sent
                | State::Delivered
                | State::Undelivered(_)
                | State::Failed(_)
                | State::Suppressed(_)
                | State::Canceled(_)
                | State::Expired(_) => {}
            }
        }
        Ok(())
    }

    /// Looks for a text at the provider. Found: it was accepted. Absent twice: it was not sent.
    async fn look_up(&self, message: &Message, now: DateTime<Utc>) -> Result<(), HostError> {
        let again = |at: DateTime<Utc>| State::Unknown { check_at: at };
        let mut tx = self.store.read().await?;
        let open = match message.attempt {
            Some(attempt) => tx.attempt(attempt).await?,
            None => None,
        };
        let phone = tx.open_message(message.id).await?.phone;
        let (Some(open), Some(phone), Some(provider)) = (open, phone, self.provider(message.test)) else {
            drop(tx);
            let cause = Cause::new("outcome-unknown", "what was sent to whom was erased; it cannot be looked up");
            let mut after = message.clone();
            after.state = after.state.fail(cause.clone())?;
            return self.move_unless_lost(message, after, cause, now).await;
        };
        drop(tx);
        let since = open.attempt.intent_at - CLOCKS;
        let listed = match provider.list(&phone, since).await {
            Ok(listed) => listed,
            Err(error) => {
                tracing::warn!(message_id = %message.id, error = &error as &dyn std::error::Error, "look-up failed");
                let mut after = message.clone();
                after.state = again(now + SEEN_TWICE);
                let note = Cause::new("look-up-failed", "the provider could not be asked; asked again");
                return self.move_unless_lost(message, after, note, now).await;
            }
        };
        match self.find(&open, listed).await? {
            Some(text) => {
                let receipt = Receipt {
                    attempt: open.attempt.id,
                    sid: text.sid,
                    status: text.status,
                    error_code: text.error_code,
                    raw_date: None,
                    source: ProviderEventSource::List,
                };
                self.receive(&receipt).await.map(drop)
            }
            None => self.absent(message, &open, now).await,
        }
    }

    /// The oldest listed text with the same words whose identifier we do not know yet.
    async fn find(&self, open: &OpenAttempt, listed: Vec<ListedText>) -> Result<Option<ListedText>, HostError> {
        let mut candidates: Vec<ListedText> = listed
            .into_iter()
            .filter(|text| text.outbound && text.created_at >= open.attempt.intent_at - CLOCKS)
            .filter(|text| self.store.keys().hash("body", &text.body) == open.body_hash)
            .collect();
        candidates.sort_by_key(|text| text.created_at);
        let mut tx = self.store.read().await?;
        for candidate in candidates {
            if tx.attempt_by_sid(&candidate.sid).await?.is_none() {
                return Ok(Some(candidate));
            }
        }
        Ok(None)
    }

    async fn absent(&self, message: &Message, open: &OpenAttempt, now: DateTime<Utc>) -> Result<(), HostError> {
        let mut tx = self.store.begin().await?;
        let mut after = message.clone();
        let note = match open.attempt.absent_at {
            Some(before) if now - before >= SEEN_TWICE => {
                tx.settle_attempt(open.attempt.id, AttemptOutcome::Absent, None, None, now).await?;
                let on_unknown = self.kind(&message.kind).map_or(OnUnknown::NeverResend, |kind| kind.on_unknown);
                let may_resend = on_unknown == OnUnknown::Reconcile
                    && message.attempts < MAX_ATTEMPTS
                    && message.expires_at > now;
                if may_resend {
                    after.state = after.state.plan_again()?;
                    after.due_at = now;
                    Cause::new("proven-absent", "the provider does not have it; it is sent again")
                } else {
                    let cause = Cause::new("outcome_unknown", "the call's outcome was not seen, and it is not resent");
                    after.state = after.state.fail(cause.clone())?;
                    cause
                }
            }
            Some(before) => {
                after.state = State::Unknown { check_at: before + SEEN_TWICE };
                Cause::new("absent-once", "the provider does not list it yet; looked up again")
            }
            None => {
                tx.attempt_seen_absent(open.attempt.id, now).await?;
                after.state = State::Unknown { check_at: now + SEEN_TWICE };
                Cause::new("absent-once", "the provider does not list it yet; looked up again")
            }
        };
        self.forget_secrets(&mut tx, &after).await?;
        match tx.move_message(message, &mut after, &Change::noted(note, Some(self.id), now)).await {
            Ok(()) => tx.commit().await?,
            Err(StoreError::LeaseLost { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        self.wake.notify_one();
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
