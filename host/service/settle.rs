//! Settling: what follows from a provider's answer. An answer that was not seen is `unknown` and is
//! looked up before anything is sent again; only what surely was not sent goes back to its place.

use super::failure::AfterFailure;
use super::receipts::Receipt;
use super::{Host, HostError};
use crate::domain::consent::{Choice, ConsentSource};
use crate::domain::failure::{ProviderError, SendOutcome};
use crate::domain::id::{AttemptId, ConsentId};
use crate::domain::message::{Cause, Message};
use crate::store::{AttemptOutcome, Change, ProviderEventSource, StoreError, Tx};
use chrono::{DateTime, TimeDelta, Utc};
use rand::RngExt as _;
use std::sync::PoisonError;
use std::time::Duration;

/// When a text whose answer was not seen is first looked up, counted from the intent: longer than
/// a call may take, and than the provider's list may lag.
pub(super) const LOOK_UP_AFTER: TimeDelta = TimeDelta::seconds(60);

/// How long a refused account rests before one more try.
const ACCOUNT_REST: TimeDelta = TimeDelta::minutes(5);

/// Twilio's code for a phone that has said stop to it.
const STOPPED_AT_PROVIDER: u32 = 21610;

impl Host {
    /// Writes what came of a call.
    pub(super) async fn settle(
        &self,
        message: Message,
        attempt: AttemptId,
        outcome: SendOutcome,
    ) -> Result<(), HostError> {
        let now = self.now();
        match outcome {
            SendOutcome::Accepted(accepted) => {
                let receipt = Receipt {
                    attempt,
                    sid: accepted.sid,
                    status: accepted.status,
                    error_code: None,
                    raw_date: None,
                    source: ProviderEventSource::Answer,
                };
                self.receive(&receipt).await.map(drop)
            }
            SendOutcome::Refused(error) => self.refused(message, attempt, &error, now).await,
            SendOutcome::NotNow { error, .. } if error.account_wide => {
                self.rest_account(&error, now);
                self.put_back(message, attempt, AttemptOutcome::NotNow, &error, now + ACCOUNT_REST, now).await
            }
            SendOutcome::NotNow { error, retry_after } => {
                let pause = self.back_off(&message, retry_after).await?;
                self.put_back(message, attempt, AttemptOutcome::NotNow, &error, now + pause, now).await
            }
            SendOutcome::NotReached(error) => {
                let pause = self.back_off(&message, None).await?;
                self.put_back(message, attempt, AttemptOutcome::NotReached, &error, now + pause, now).await
            }
            SendOutcome::Unknown(error) => self.lost_sight(message, attempt, &error, now).await,
        }
    }

    /// It surely was not sent, and asking again would not help: the policy says what follows.
    async fn refused(
        &self,
        message: Message,
        attempt: AttemptId,
        error: &ProviderError,
        now: DateTime<Utc>,
    ) -> Result<(), HostError> {
        let after = self.after_failure(&message, error, now).await?;
        let mut tx = self.store.begin().await?;
        tx.settle_attempt(attempt, AttemptOutcome::Refused, None, Some(error), now).await?;
        self.note_stop(&mut tx, &message, error.code, now).await?;
        let mut moved = with_error(&message, error);
        let note = match &after.verdict {
            AfterFailure::Retry { at, why } => {
                moved.state = moved.state.plan_again()?;
                moved.due_at = *at;
                why.clone()
            }
            AfterFailure::End { cause } => {
                moved.state = moved.state.fail(cause.clone())?;
                cause.clone()
            }
        };
        self.keep_failure(&mut tx, &message, &after, now).await?;
        tx.move_message(&message, &mut moved, &Change::noted(note, Some(self.id), now)).await?;
        self.forget_secrets(&mut tx, &moved).await?;
        Ok(tx.commit().await?)
    }

    /// It surely was not sent, and will be tried again; the try does not count.
    async fn put_back(
        &self,
        message: Message,
        attempt: AttemptId,
        outcome: AttemptOutcome,
        error: &ProviderError,
        due_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(), HostError> {
        let mut tx = self.store.begin().await?;
        tx.settle_attempt(attempt, outcome, None, Some(error), now).await?;
        let mut after = with_error(&message, error);
        after.state = after.state.plan_again()?;
        after.attempts = after.attempts.saturating_sub(1);
        // What expires while it waits is found expired when it is claimed.
        after.due_at = due_at.min(message.expires_at);
        let note = Cause::new(outcome.name(), error.text.clone());
        tx.move_message(&message, &mut after, &Change::noted(note, Some(self.id), now)).await?;
        Ok(tx.commit().await?)
    }

    /// The process was asleep between its intent and the call: no byte has left.
    pub(super) async fn give_back(
        &self,
        message: Message,
        attempt: AttemptId,
        now: DateTime<Utc>,
    ) -> Result<(), HostError> {
        let error = ProviderError {
            http_status: None,
            code: None,
            text: "the host was asleep; no call was made".to_owned(),
            class: crate::domain::failure::FailureClass::ProviderFault,
            account_wide: false,
            may_have_arrived: false,
        };
        self.put_back(message, attempt, AttemptOutcome::NotReached, &error, now, now).await
    }

    async fn lost_sight(
        &self,
        message: Message,
        attempt: AttemptId,
        error: &ProviderError,
        now: DateTime<Utc>,
    ) -> Result<(), HostError> {
        let mut tx = self.store.begin().await?;
        tx.settle_attempt(attempt, AttemptOutcome::Unknown, None, Some(error), now).await?;
        let mut after = with_error(&message, error);
        after.state = after.state.lose_sight(now + LOOK_UP_AFTER)?;
        let note = Cause::new("outcome-unknown", error.text.clone());
        match tx.move_message(&message, &mut after, &Change::noted(note, Some(self.id), now)).await {
            Ok(()) => Ok(tx.commit().await?),
            // A callback told us first that the provider has it.
            Err(StoreError::LeaseLost { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// A code has no use once its message has ended: what it was made of goes.
    pub(super) async fn forget_secrets(&self, tx: &mut Tx, message: &Message) -> Result<(), StoreError> {
        let secret = self.kind(&message.kind).is_some_and(|kind| kind.variables.values().any(|v| v.secret));
        if secret && message.state.is_final() { tx.forget_payload(message.id).await } else { Ok(()) }
    }

    /// A phone that has said stop to the provider has said stop to us.
    pub(super) async fn note_stop(
        &self,
        tx: &mut Tx,
        message: &Message,
        code: Option<u32>,
        now: DateTime<Utc>,
    ) -> Result<(), HostError> {
        if code != Some(STOPPED_AT_PROVIDER) {
            return Ok(());
        }
        if let Some(phone) = tx.open_message(message.id).await?.phone {
            let id = ConsentId::new(now, &mut *self.chance.lock());
            tx.insert_consent(id, &phone, Some(&message.recipient), Choice::OptOut, ConsentSource::Provider, now)
                .await?;
        }
        Ok(())
    }

    /// Doubled with every call made so far, at most five minutes, give or take a fifth; what the
    /// provider asks for, within a quarter of an hour.
    async fn back_off(&self, message: &Message, asked: Option<Duration>) -> Result<TimeDelta, HostError> {
        let mut tx = self.store.read().await?;
        let calls = tx.attempts_of(message.id).await?.len();
        drop(tx);
        let base = match asked {
            Some(asked) => asked.clamp(Duration::from_secs(1), Duration::from_secs(900)),
            None => Duration::from_secs(2u64.saturating_pow(u32::try_from(calls).unwrap_or(9).min(9)).min(300)),
        };
        let jitter = self.chance.lock().random_range(0.8..1.2);
        Ok(TimeDelta::from_std(base.mul_f64(jitter)).unwrap_or(TimeDelta::minutes(5)))
    }

    /// The account is refused as a whole: failing every message would help nobody.
    fn rest_account(&self, error: &ProviderError, now: DateTime<Utc>) {
        let mut paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner);
        if paused.is_none_or(|until| until <= now) {
            tracing::error!(
                code = error.code,
                "the provider refuses the account; sending rests for five minutes: {}",
                error.text
            );
        }
        *paused = Some(now + ACCOUNT_REST);
    }

    pub(super) fn is_paused(&self, now: DateTime<Utc>) -> bool {
        self.paused.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| until > now)
    }
}

fn with_error(message: &Message, error: &ProviderError) -> Message {
    Message {
        error_code: error.code.map(i64::from),
        error_text: Some(error.text.clone()),
        ..message.clone()
    }
}
