//! Settling: what follows from a provider's answer. An answer that was not seen is `unknown` and is
//! looked up before anything is sent again; only what surely was not sent goes back to its place.

use super::account::ACCOUNT_REST;
use super::failure::AfterFailure;
use super::receipts::Receipt;
use super::{Host, HostError};
use crate::crash::Point;
use crate::domain::consent::{Binds, Choice, ConsentSource, Scope};
use crate::domain::failure::{ProviderError, SendOutcome};
use crate::domain::id::{AttemptId, ConsentId};
use crate::domain::message::{Cause, Message, State};
use crate::store::{AttemptOutcome, Change, NewConsent, ProviderEventSource, StoreError, Tx};
use chrono::TimeDelta;
use rand::RngExt as _;
use std::time::Duration;

/// Milliseconds until what came of a call is written once more.
const SETTLED_AGAIN: [u64; 8] = [100, 400, 1600, 3000, 5000, 8000, 10_000, 10_000];

/// Twilio's code for a phone that has said stop to it.
const STOPPED_AT_PROVIDER: u32 = 21610;

/// How often an answer is judged anew because somebody else was moving the same message.
const TRIES: u32 = 8;

/// How an attempt ended that was not accepted.
#[derive(Clone, Copy)]
enum End {
    /// It surely was not sent, and asking again would not help: the policy says what follows.
    Refused,
    /// It surely was not sent, and is tried again after a pause; the try does not count.
    PutBack(AttemptOutcome, TimeDelta),
    /// It may have been sent.
    LostSight,
}

impl End {
    const fn outcome(self) -> AttemptOutcome {
        match self {
            Self::Refused => AttemptOutcome::Refused,
            Self::PutBack(outcome, _) => outcome,
            Self::LostSight => AttemptOutcome::Unknown,
        }
    }
}

impl Host {
    /// Writes what came of a call. An identifier in hand must not be lost to a hiccup of the database: it
    /// is tried for about as long as the lease lasts, in which a database that stands by takes over.
    pub(super) async fn settle(
        &self,
        message: &Message,
        attempt: AttemptId,
        outcome: &SendOutcome,
    ) -> Result<(), HostError> {
        self.count_answer(message, outcome);
        let mut pauses = SETTLED_AGAIN.into_iter();
        loop {
            let settled = self.try_settle(message, attempt, outcome).await;
            let Err(HostError::Store(error)) = &settled else { return settled };
            let Some(pause) = pauses.next() else {
                if let SendOutcome::Accepted(accepted) = outcome {
                    let sid = &accepted.sid;
                    tracing::error!(message_id = %message.id, sid, "the provider's identifier could not be kept");
                }
                return settled;
            };
            tracing::error!(message_id = %message.id, error = error as &dyn std::error::Error, "settled again");
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }

    async fn try_settle(
        &self,
        message: &Message,
        attempt: AttemptId,
        outcome: &SendOutcome,
    ) -> Result<(), HostError> {
        match outcome {
            SendOutcome::Accepted(accepted) => {
                let receipt = Receipt {
                    attempt,
                    sid: accepted.sid.clone(),
                    status: accepted.status,
                    error_code: None,
                    raw_date: None,
                    source: ProviderEventSource::Answer,
                };
                self.receive(&receipt).await?;
                self.account_works(message).await
            }
            SendOutcome::Refused(error) => {
                self.end_attempt(attempt, End::Refused, error).await?;
                self.account_works(message).await
            }
            SendOutcome::NotNow { error, .. } if error.account_wide => {
                // A message of an account that is stopped keeps its place: nothing is claimed there.
                let is_stopped = self.stop_account(message, error).await?;
                let pause = if is_stopped { TimeDelta::zero() } else { ACCOUNT_REST };
                self.end_attempt(attempt, End::PutBack(AttemptOutcome::NotNow, pause), error).await
            }
            SendOutcome::NotNow { error, retry_after } => {
                let pause = self.back_off(message, *retry_after).await?;
                self.end_attempt(attempt, End::PutBack(AttemptOutcome::NotNow, pause), error).await
            }
            SendOutcome::NotReached(error) => {
                // A provider that nobody reaches is no message's fault: each keeps its place until it is back.
                let pause = if self.is_out_of_reach(message, error).await? {
                    TimeDelta::zero()
                } else {
                    self.back_off(message, None).await?
                };
                self.end_attempt(attempt, End::PutBack(AttemptOutcome::NotReached, pause), error).await
            }
            SendOutcome::Unknown(error) => {
                self.is_out_of_reach(message, error).await?;
                self.end_attempt(attempt, End::LostSight, error).await
            }
        }
    }

    /// The process was asleep between its intent and the call: no byte has left.
    pub(super) async fn give_back(&self, attempt: AttemptId) -> Result<(), HostError> {
        let error = ProviderError {
            http_status: None,
            code: None,
            text: "the host was asleep; no call was made".to_owned(),
            class: crate::domain::failure::FailureClass::ProviderFault,
            account_wide: false,
            may_have_arrived: false,
        };
        self.end_attempt(attempt, End::PutBack(AttemptOutcome::NotReached, TimeDelta::zero()), &error).await
    }

    /// Ends an attempt that was not accepted, on the row as it is now; tried again when somebody else moves
    /// the row at the same time.
    async fn end_attempt(
        &self,
        attempt: AttemptId,
        end: End,
        error: &ProviderError,
    ) -> Result<(), HostError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.try_end_attempt(attempt, end, error).await {
                Err(HostError::Store(StoreError::LeaseLost { .. })) if tries < TRIES => {}
                other => return other,
            }
        }
    }

    async fn try_end_attempt(
        &self,
        attempt: AttemptId,
        end: End,
        error: &ProviderError,
    ) -> Result<(), HostError> {
        let now = self.now();
        let mut tx = self.store.read().await?;
        let message = match tx.attempt(attempt).await? {
            Some(open) => tx.message(open.attempt.message).await?,
            None => None,
        };
        drop(tx);
        // A message that has gone on without this answer (taken over, told by a callback) stays as it is.
        let message = message.filter(|m| matches!(m.state, State::Sending(_, sending) if sending == attempt));
        // The policy is asked before the unit of work begins.
        let follow_up = match (&message, end) {
            (Some(message), End::Refused) => Some(self.after_failure(message, error, now).await?),
            _ => None,
        };

        let mut tx = self.store.begin().await?;
        tx.settle_attempt(attempt, end.outcome(), None, Some(error), now).await?;
        self.note_stop(&mut tx, attempt, error.code).await?;
        let Some(message) = message else { return Ok(tx.commit().await?) };
        let mut after = with_error(&message, error);
        let note = match end {
            End::PutBack(outcome, pause) => {
                after.state = after.state.plan_again()?;
                after.attempts = after.attempts.saturating_sub(1);
                // Without a pause it keeps its place among the others. What expires while it waits is found
                // expired when it is claimed.
                let due_at = if pause.is_zero() { message.due_at } else { now + pause };
                after.due_at = due_at.min(message.expires_at);
                Cause::new(outcome.name(), error.text.clone())
            }
            End::LostSight => {
                after.state = after.state.lose_sight(now + self.settings.patience.look_up_after)?;
                Cause::new("outcome-unknown", error.text.clone())
            }
            End::Refused => match follow_up.as_ref().map(|answer| &answer.verdict) {
                Some(AfterFailure::Retry { at, why }) => {
                    after.state = after.state.plan_again()?;
                    after.due_at = *at;
                    why.clone()
                }
                Some(AfterFailure::End { cause }) => {
                    after.state = after.state.fail(cause.clone())?;
                    cause.clone()
                }
                None => return Ok(tx.commit().await?),
            },
        };
        if let Some(answer) = &follow_up {
            self.keep_failure(&mut tx, &message, answer, now).await?;
        }
        tx.move_message(&message, &mut after, &Change::noted(note, Some(self.id), now)).await?;
        self.crash_at(Point::ResultUncommitted).await;
        tx.commit().await?;
        if let Some(answer) = &follow_up {
            self.ask_shadows_of_failure(&message, answer, now).await;
        }
        Ok(())
    }

    /// Whether its type has a variable that must not be kept.
    pub(super) fn has_secret(&self, message: &Message) -> bool {
        self.kind(&message.kind).is_some_and(|kind| kind.variables.values().any(|v| v.secret))
    }

    /// A code has no use once its message has ended: what it was made of goes.
    pub(super) async fn forget_secrets(&self, tx: &mut Tx, message: &Message) -> Result<(), StoreError> {
        if !self.has_secret(message) {
            return Ok(());
        }
        self.redact_code(tx, message).await?;
        if message.state.is_final() { tx.forget_payload(message.id).await } else { Ok(()) }
    }

    /// A phone that has said stop to the provider has said stop to us: at the latest when the text was
    /// sent that it refuses, so that a START since then stands.
    pub(super) async fn note_stop(
        &self,
        tx: &mut Tx,
        attempt: AttemptId,
        code: Option<u32>,
    ) -> Result<(), HostError> {
        if code != Some(STOPPED_AT_PROVIDER) {
            return Ok(());
        }
        let Some(open) = tx.attempt(attempt).await? else { return Ok(()) };
        let Some(message) = tx.message(open.attempt.message).await? else { return Ok(()) };
        if self.is_test_beside_live(message.test) {
            return Ok(());
        }
        if let Some(phone) = tx.open_message(message.id).await?.phone
            && !tx.consents("", Some(&phone)).await?.phone_stopped()
        {
            let at = open.attempt.intent_at;
            let id = ConsentId::new(at, &mut *self.chance.lock());
            let stopped = NewConsent {
                id,
                binds: Binds::Phone,
                phone: Some(&phone),
                recipient: Some(&message.recipient),
                scope: &Scope::All,
                choice: Choice::OptOut,
                source: ConsentSource::Provider,
                held_by_provider: true,
                wording: Some("Twilio 21610"),
                evidence: None,
                by: None,
                at,
            };
            tx.insert_consent(&stopped).await?;
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
            Some(asked) => patience(asked),
            None => {
                Duration::from_secs(2u64.saturating_pow(u32::try_from(calls).unwrap_or(9).min(9)).min(300))
            }
        };
        // Never sooner than the provider asks for.
        let least = if asked.is_some() { 1.0 } else { 0.8 };
        let jitter = self.chance.lock().random_range(least..1.2);
        let pause = base.mul_f64(jitter).min(Duration::from_mins(15));
        Ok(TimeDelta::from_std(pause).unwrap_or(TimeDelta::minutes(5)))
    }
}

/// What the provider asks for, within a quarter of an hour.
pub(super) fn patience(asked: Duration) -> Duration {
    asked.clamp(Duration::from_secs(1), Duration::from_mins(15))
}

fn with_error(message: &Message, error: &ProviderError) -> Message {
    Message { error_code: error.code.map(i64::from), error_text: Some(error.text.clone()), ..message.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_provider_asks_for_is_kept_between_a_second_and_a_quarter_of_an_hour() {
        let asked = [(0, 1), (1, 1), (90, 90), (900, 900), (901, 900), (86_400, 900)];
        for (asked, waits) in asked {
            assert_eq!(patience(Duration::from_secs(asked)), Duration::from_secs(waits), "{asked}");
        }
    }
}
