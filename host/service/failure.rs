//! Failures: after an attempt that surely failed, the policy says whether another follows. At most
//! three retries, never past the message's expiry, and not when it is the policy's fault that it does not answer.

use super::context::{message_facts, moment, unix_ms};
use super::record::{About, Recorded};
use super::{Host, HostError};
use crate::domain::failure::{FailureClass, ProviderError};
use crate::domain::message::{Cause, MAX_ATTEMPTS, Message};
use crate::domain::policy::{Blame, FailureQuestion, RetryDecision};
use crate::store::{StoreError, Tx};
use chrono::{DateTime, TimeDelta, Utc};
use rand::{Rng, RngExt as _};

/// The host's faults are the host's: what it could not ask about is tried again so much later.
const RETRY_UNANSWERED: TimeDelta = TimeDelta::minutes(1);

/// What follows a failure.
#[derive(Clone, Debug)]
pub(super) enum AfterFailure {
    /// Another attempt.
    Retry { at: DateTime<Utc>, why: Cause },
    /// The end.
    End { cause: Cause },
}

/// What follows, and the decision that says so, when a policy was asked.
pub(super) struct FailureAnswer {
    pub(super) verdict: AfterFailure,
    record: Option<Recorded>,
}

impl Host {
    /// Asks what follows a failed attempt. Commits nothing.
    pub(super) async fn after_failure(
        &self,
        message: &Message,
        error: &ProviderError,
        now: DateTime<Utc>,
    ) -> Result<FailureAnswer, HostError> {
        let cause = cause_of(error);
        let end = |cause| Ok(FailureAnswer { verdict: AfterFailure::End { cause }, record: None });
        let Some(policy) = self.policies.for_type(&message.kind) else { return end(cause) };
        let mut tx = self.store.read().await?;
        // By a clock in doubt a text may be too late that is not: it is as late as when it was sent.
        let now = match message.attempt {
            Some(attempt) if self.doubts(now) => {
                tx.attempt(attempt).await?.map_or(now, |open| open.attempt.intent_at)
            }
            Some(_) | None => now,
        };
        if message.attempts >= MAX_ATTEMPTS || message.expires_at <= now {
            return end(cause);
        }
        let Some(recipient) = tx.recipient(&message.recipient).await? else { return end(cause) };
        if tx.is_erased(&message.recipient).await? {
            return end(cause);
        }
        let data = tx.open_message(message.id).await?.payload.map_or(serde_json::Value::Null, |p| p.data);
        let consents = tx.consents(&recipient.id, recipient.phone.as_ref()).await?;
        let group = self.kind(&message.kind).map_or_else(String::new, |kind| kind.scope);
        let opted_out = consents.against(&message.kind, &group).is_some();
        drop(tx);
        let question = FailureQuestion {
            now: unix_ms(now),
            message: message_facts(message),
            to: self.person("to", &recipient, opted_out, now),
            class: error.class,
            provider_code: error.code.map_or_else(String::new, |code| code.to_string()),
            may_have_arrived: error.may_have_arrived,
            failed_at: unix_ms(now),
            attempts_left: MAX_ATTEMPTS - message.attempts,
            clinic: self.clinic_facts(Some(&message.kind), now),
            facts: self.facts(&data),
        };
        let answered = match self.policies.on_failure(&policy, &question).await {
            Ok(answered) => answered,
            Err(fault) => {
                tracing::error!(message_id = %message.id, policy = %fault.by.name, code = fault.code, "a policy did not answer");
                let record = Recorded::of_fault("on-failure", &question, &fault)?;
                // A code that comes late is of no use.
                let is_ours = fault.blame == Blame::Host && !self.has_secret(message);
                let verdict = match unanswered(is_ours, error, message.expires_at, now) {
                    AfterFailure::Retry { at, why } => {
                        let at = spread(at, now, message.expires_at, &mut *self.chance.lock());
                        AfterFailure::Retry { at, why }
                    }
                    end @ AfterFailure::End { .. } => end,
                };
                return Ok(FailureAnswer { verdict, record: Some(record) });
            }
        };
        let (outcome, why, verdict) = match &answered.answer {
            RetryDecision::Retry { until, why } => match moment(*until).filter(|at| *at < message.expires_at)
            {
                Some(at) => {
                    let at = spread(at.max(now), now, message.expires_at, &mut *self.chance.lock());
                    ("retry", why, AfterFailure::Retry { at, why: why.into() })
                }
                None => ("retry", why, AfterFailure::End { cause }),
            },
            RetryDecision::GiveUp { why } => ("give_up", why, AfterFailure::End { cause }),
        };
        let record = Recorded::new("on-failure", &question, &answered, outcome, why.into())?;
        Ok(FailureAnswer { verdict, record: Some(record) })
    }

    /// Asks the shadows about a failure, after the unit of work that acts on it.
    pub(super) async fn ask_shadows_of_failure(
        &self,
        message: &Message,
        answer: &FailureAnswer,
        now: DateTime<Utc>,
    ) {
        self.ask_shadows_after(message.id, answer.record.as_ref(), now).await;
    }

    /// Keeps the decision about a failure, in the unit of work that acts on it.
    pub(super) async fn keep_failure(
        &self,
        tx: &mut Tx,
        message: &Message,
        answer: &FailureAnswer,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        match &answer.record {
            Some(record) => {
                self.keep_decision(tx, About::Message(message.id), &message.recipient, record, now).await
            }
            None => Ok(()),
        }
    }
}

/// What follows where no policy says it: nothing, when that is not the host's fault. What the host did wrong costs
/// nobody a text that may arrive when it is sent once more, and surely has not arrived; its policy is asked again
/// before it goes out.
fn unanswered(
    is_ours: bool,
    error: &ProviderError,
    expires_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> AfterFailure {
    let passes = match error.class {
        FailureClass::Unreachable | FailureClass::Congested | FailureClass::ProviderFault => true,
        FailureClass::Filtered
        | FailureClass::Blocked
        | FailureClass::InvalidNumber
        | FailureClass::Sender
        | FailureClass::Unknown => false,
    };
    let (cause, at) = (cause_of(error), now + RETRY_UNANSWERED);
    if is_ours && passes && !error.may_have_arrived && at < expires_at {
        let text = format!("{}; the host could not ask the policy", cause.text);
        return AfterFailure::Retry { at, why: Cause::new("policy-host", text) };
    }
    AfterFailure::End { cause }
}

/// A little later than a policy says, so that texts which failed together do not come back together: at most a tenth
/// of the wait, and at most a minute; never when the text has expired.
fn spread<R: Rng + ?Sized>(
    at: DateTime<Utc>,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    rng: &mut R,
) -> DateTime<Utc> {
    let most = ((at - now) / 10).min(TimeDelta::minutes(1)).min(expires_at - at - TimeDelta::milliseconds(1));
    at + TimeDelta::milliseconds(rng.random_range(0..=most.num_milliseconds().max(0)))
}

/// A provider's error as the reason of a message's end.
pub(super) fn cause_of(error: &ProviderError) -> Cause {
    let text = match error.code {
        Some(code) => format!("{code}: {}", error.text),
        None => error.text.clone(),
    };
    Cause::new(error.class.name(), text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Chance;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    proptest! {
        #[test]
        fn a_retry_is_never_sooner_than_the_policy_says_and_never_past_the_expiry(
            wait in 0i64..200_000, left in 1i64..200_000, seed: u64,
        ) {
            let retry = spread(at(wait), at(0), at(wait + left), &mut *Chance::seeded(seed).lock());
            prop_assert!(retry >= at(wait) && retry < at(wait + left));
            prop_assert!(retry - at(wait) <= TimeDelta::minutes(1).min(TimeDelta::seconds(wait) / 10));
        }
    }

    #[test]
    fn a_fault_of_the_hosts_own_costs_no_text_that_may_still_arrive() {
        let error = |class, may_have_arrived| ProviderError {
            http_status: None,
            code: Some(30_003),
            text: "Unreachable destination handset".to_owned(),
            class,
            account_wide: false,
            may_have_arrived,
        };
        let retries = |is_ours, class, arrived, left| {
            let verdict = unanswered(is_ours, &error(class, arrived), at(left), at(0));
            matches!(verdict, AfterFailure::Retry { at: again, .. } if again == at(60))
        };
        assert!(retries(true, FailureClass::Unreachable, false, 3600));
        assert!(retries(true, FailureClass::Congested, false, 61));
        assert!(!retries(false, FailureClass::Unreachable, false, 3600), "a policy that fails gives up");
        assert!(!retries(true, FailureClass::Blocked, false, 3600), "it would be refused again");
        assert!(!retries(true, FailureClass::Unreachable, true, 3600), "it would come twice");
        assert!(!retries(true, FailureClass::Unreachable, false, 60), "too late to be of use");
    }

    #[test]
    fn texts_that_failed_together_do_not_come_back_together() {
        let chance = Chance::seeded(7);
        let retries: BTreeSet<DateTime<Utc>> =
            (0..100).map(|_| spread(at(1800), at(0), at(7200), &mut *chance.lock())).collect();
        assert!(retries.len() > 90, "{}", retries.len());
        assert!(*retries.last().unwrap() - *retries.first().unwrap() > TimeDelta::seconds(45));
    }
}
