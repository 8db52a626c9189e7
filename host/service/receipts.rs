//! Receipts: what the provider tells of an attempt, by its answer, a callback or when asked. Events
//! are kept append-only, and the state of the attempt follows from the set of them, so that they may
//! come in any order, repeatedly, and before our own call has returned.

use super::failure::AfterFailure;
use super::{Host, HostError};
use crate::crash::Point;
use crate::domain::failure::{ProviderError, ProviderStatus};
use crate::domain::id::AttemptId;
use crate::domain::message::{Cause, Message, State};
use crate::domain::receipt::{Standing, is_conflict, standing};
use crate::store::{Attempt, AttemptOutcome, Change, ProviderEvent, ProviderEventSource, StoreError};
use crate::twilio;
use chrono::{DateTime, Utc};

/// One thing the provider tells of an attempt.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// Our attempt.
    pub attempt: AttemptId,
    /// The provider's identifier.
    pub sid: String,
    /// Where it says the text stands.
    pub status: ProviderStatus,
    /// Its error code.
    pub error_code: Option<u32>,
    /// The carrier's date, as it came.
    pub raw_date: Option<String>,
    /// How we learned of it.
    pub source: ProviderEventSource,
}

/// What became of a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// Kept, and the state follows from it.
    New,
    /// It had been told before.
    Repeated,
    /// It is about no attempt of ours.
    Unknown,
}

/// What a receipt does to the message.
pub(super) enum Effect {
    Nothing,
    Move(State),
    Failed(ProviderError),
}

/// How often a receipt is judged anew because somebody else was moving the same message.
const TRIES: u32 = 8;

impl Host {
    /// Finds the attempt that a callback without our tag is about, by the provider's identifier.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn attempt_of_sid(&self, sid: &str) -> Result<Option<AttemptId>, HostError> {
        let mut tx = self.store.read().await?;
        Ok(tx.attempt_by_sid(sid).await?.map(|open| open.attempt.id))
    }

    /// Takes in what the provider tells: with others that come at the same time in one unit of work,
    /// or alone, where a policy is to be asked or somebody else moves the same message.
    ///
    /// # Errors
    ///
    /// The database failed; the provider should tell it again.
    pub async fn receive(&self, receipt: &Receipt) -> Result<Received, HostError> {
        let work = |receipts| {
            let host = self.clone();
            async move { host.receive_together(receipts).await }
        };
        let received = match Box::pin(self.receiving.ask(receipt.clone(), work)).await {
            Some(received) => received,
            None => self.receive_alone(receipt).await?,
        };
        if receipt.source == ProviderEventSource::Callback {
            self.crash_at(Point::CallbackCommitted).await;
        }
        Ok(received)
    }

    async fn receive_alone(&self, receipt: &Receipt) -> Result<Received, HostError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.try_receive(receipt).await {
                Err(HostError::Store(StoreError::LeaseLost { .. })) if tries < TRIES => {}
                other => return other,
            }
        }
    }

    async fn try_receive(&self, receipt: &Receipt) -> Result<Received, HostError> {
        let now = self.now();
        let mut tx = self.store.read().await?;
        // Several texts of the same words to one phone may have found each other's place in the
        // provider's list. Nobody can tell them apart; that each is counted once is what matters, so
        // what is told of an identifier goes to the attempt that holds it.
        let holder = tx.attempt_by_sid(&receipt.sid).await?.map(|holder| holder.attempt.id);
        let receipt = &Receipt { attempt: holder.unwrap_or(receipt.attempt), ..receipt.clone() };
        let Some(open) = tx.attempt(receipt.attempt).await? else { return Ok(Received::Unknown) };
        let Some(message) = tx.message(open.attempt.message).await? else { return Ok(Received::Unknown) };
        let events = tx.provider_events_of(message.id).await?;
        drop(tx);
        let event = ProviderEvent {
            attempt: receipt.attempt,
            message: message.id,
            status: receipt.status,
            error_code: receipt.error_code,
            raw_date: receipt.raw_date.clone(),
            source: receipt.source,
            received_at: now,
        };
        let statuses = statuses(&events, receipt);
        let effect = effect(&message, &open.attempt, &statuses, receipt.error_code);
        // Where the account is refused, the text is not at fault: it waits for the account like the others.
        let waits = match &effect {
            Effect::Failed(error) if error.account_wide => self.stop_account(&message, error).await?,
            Effect::Failed(_) | Effect::Nothing | Effect::Move(_) => false,
        };
        let failed = match &effect {
            Effect::Failed(error) if !waits => Some((error, self.after_failure(&message, error, now).await?)),
            Effect::Failed(_) | Effect::Nothing | Effect::Move(_) => None,
        };

        let mut tx = self.store.begin().await?;
        let fresh = tx.insert_provider_event(self.uuid(), &event).await?;
        if !fresh {
            // Answered for as the first one is: once it is on the disk.
            tx.commit().await?;
            return Ok(Received::Repeated);
        }
        if open.attempt.outcome != Some(AttemptOutcome::Accepted) {
            tx.settle_attempt(receipt.attempt, AttemptOutcome::Accepted, Some(&receipt.sid), None, now)
                .await?;
        }
        if is_conflict(&statuses) {
            tracing::warn!(message_id = %message.id, "the provider has told of two different ends");
        }
        let mut after = message.clone();
        after.sid = Some(kept_sid(&open.attempt, receipt).to_owned());
        let note = match (&effect, &failed) {
            (Effect::Move(state), _) => {
                after.state = state.clone();
                Some(said(receipt.status))
            }
            (Effect::Failed(error), Some((_, answer))) => {
                after.error_code = error.code.map(i64::from);
                after.error_text = Some(error.text.clone());
                self.note_stop(&mut tx, receipt.attempt, error.code).await?;
                self.keep_failure(&mut tx, &message, answer, now).await?;
                Some(end_or_retry(&mut after, receipt.status, &answer.verdict)?)
            }
            (Effect::Failed(error), None) => {
                after.error_code = error.code.map(i64::from);
                after.error_text = Some(error.text.clone());
                after.state = after.state.plan_again()?;
                after.attempts = after.attempts.saturating_sub(1);
                after.due_at = now.min(after.expires_at);
                Some(Cause::new(
                    "account-refused",
                    "the provider refuses the account; it goes out when it is let through",
                ))
            }
            (Effect::Nothing, _) => None,
        };
        follow(&message, &mut after, now + self.settings.patience.ask_first, now);
        match note {
            Some(note) => {
                tx.move_message(&message, &mut after, &Change::noted(note, Some(self.id), now)).await?;
            }
            // The identifier is kept even when the state stays: a SID is never dropped.
            None if message.sid.is_none() => tx.set_sid(message.id, kept_sid(&open.attempt, receipt)).await?,
            None => {}
        }
        self.forget_secrets(&mut tx, &after).await?;
        self.crash_at(uncommitted(receipt.source)).await;
        tx.commit().await?;
        self.wake.notify_one();
        if let Some((_, answer)) = &failed {
            self.ask_shadows_of_failure(&message, answer, now).await;
        }
        Ok(Received::New)
    }
}

/// Where a test may end the host: the answer to a call, or what was told later.
pub(super) const fn uncommitted(source: ProviderEventSource) -> Point {
    match source {
        ProviderEventSource::Answer => Point::ResultUncommitted,
        ProviderEventSource::Callback | ProviderEventSource::Fetch | ProviderEventSource::List => {
            Point::CallbackUncommitted
        }
    }
}

/// The identifier of an attempt: the first one that it was given stays.
pub(super) fn kept_sid<'a>(attempt: &'a Attempt, receipt: &'a Receipt) -> &'a str {
    attempt.sid.as_deref().unwrap_or(&receipt.sid)
}

/// All that the provider has said of the attempt, with what it says now.
pub(super) fn statuses(events: &[ProviderEvent], receipt: &Receipt) -> Vec<ProviderStatus> {
    let of_attempt = events.iter().filter(|known| known.attempt == receipt.attempt);
    of_attempt.map(|known| known.status).chain([receipt.status]).collect()
}

/// For the journal.
pub(super) fn said(status: ProviderStatus) -> Cause {
    Cause::new(status.name(), format!("the provider says {}", status.name()))
}

/// What follows from a new state, beside it.
pub(super) fn follow(before: &Message, after: &mut Message, ask_at: DateTime<Utc>, now: DateTime<Utc>) {
    if matches!(after.state, State::Sent | State::Delivered) {
        after.sent_at.get_or_insert(now);
    }
    if matches!(after.state, State::Delivered) {
        after.delivered_at.get_or_insert(now);
    }
    if after.state != before.state {
        after.ask_at = Some(ask_at);
    }
    // It was taken back and arrived all the same; another may have been planned in its place.
    after.superseded |= matches!(before.state, State::Canceled(_));
}

/// What the set of events makes of the message.
pub(super) fn effect(
    message: &Message,
    attempt: &Attempt,
    statuses: &[ProviderStatus],
    error_code: Option<u32>,
) -> Effect {
    let is_newest = message.attempt == Some(attempt.id);
    // We took it for unsent, and the provider has it after all.
    let was_taken_for_unsent = is_newest
        && matches!(
            attempt.outcome,
            Some(AttemptOutcome::Absent | AttemptOutcome::NotNow | AttemptOutcome::NotReached)
        );
    let Some(standing) = standing(statuses.iter().copied()) else { return Effect::Nothing };
    match (standing, &message.state) {
        (Standing::Delivered, State::Delivered) => Effect::Nothing,
        // A text that arrived has arrived, whichever attempt it was, and ends a pending retry.
        (Standing::Delivered, _) => Effect::Move(State::Delivered),
        (Standing::Accepted, State::Planned | State::Claimed(_) | State::Held { .. })
            if was_taken_for_unsent =>
        {
            Effect::Move(State::Accepted)
        }
        (Standing::Sent, State::Planned | State::Claimed(_) | State::Held { .. }) if was_taken_for_unsent => {
            Effect::Move(State::Sent)
        }
        // Of two different ends the worse one stands.
        (Standing::Failed, State::Undelivered(cause)) if is_newest => {
            Effect::Move(State::Failed(cause.clone()))
        }
        (Standing::Accepted, State::Sending(..) | State::Unknown { .. }) if is_newest => {
            Effect::Move(State::Accepted)
        }
        (Standing::Sent, State::Sending(..) | State::Unknown { .. } | State::Accepted) if is_newest => {
            Effect::Move(State::Sent)
        }
        (
            Standing::Undelivered | Standing::Failed,
            State::Sending(..) | State::Unknown { .. } | State::Accepted | State::Sent,
        ) if is_newest => Effect::Failed(twilio::errors::of_receipt(error_code, None)),
        (Standing::Accepted | Standing::Sent | Standing::Undelivered | Standing::Failed, _) => {
            Effect::Nothing
        }
    }
}

fn end_or_retry(
    after: &mut Message,
    status: ProviderStatus,
    verdict: &AfterFailure,
) -> Result<Cause, HostError> {
    Ok(match verdict {
        AfterFailure::Retry { at, why } => {
            after.state = after.state.clone().plan_again()?;
            after.due_at = *at;
            why.clone()
        }
        AfterFailure::End { cause } => {
            after.state = match status {
                ProviderStatus::Undelivered => State::Undelivered(cause.clone()),
                ProviderStatus::Accepted
                | ProviderStatus::Scheduled
                | ProviderStatus::Queued
                | ProviderStatus::Sending
                | ProviderStatus::Sent
                | ProviderStatus::Delivered
                | ProviderStatus::Failed
                | ProviderStatus::Canceled
                | ProviderStatus::Read => State::Failed(cause.clone()),
            };
            cause.clone()
        }
    })
}
