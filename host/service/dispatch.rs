//! Dispatch: what is due is claimed lane by lane, judged at this very moment, rendered, committed as
//! an attempt, and only then given to the provider. No transaction is open during the call.

use super::count_anew::{is_over, was_counted_in_doubt};
use super::gather::Gathered;
use super::intend::{Intended, Intent, Judged};
use super::judge::{Facts, Verdict};
use super::one_by_one::Turn;
use super::otp::CodeText;
use super::record::Recorded;
use super::senders::{Arriving, waits_its_turn};
use super::together::Announced;
use super::{Host, HostError};
use crate::crash::Point;
use crate::domain::failure::SendOutcome;
use crate::domain::id::{AttemptId, MessageId};
use crate::domain::message::{Cause, Lease, Message, State};
use crate::domain::secret::Secret;
use crate::measure::SPANS;
use crate::store::StoreError;
use crate::twilio::Outgoing;
use chrono::{DateTime, TimeDelta, Utc};
use std::future::Future;
use std::sync::atomic::Ordering;
use tokio::task::JoinSet;
use tracing::Instrument as _;

/// How long a shutdown waits for calls that are out: the whole of it takes no more than 20 s.
const DRAIN: std::time::Duration = std::time::Duration::from_secs(15);

/// A text that the database has failed is tried again after so many seconds, each time of its life.
const TRIED_AGAIN: [i64; 4] = [1, 5, 15, 60];

/// Why it was.
const DATABASE_FAILED: &str = "database-failed";

/// What one round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ticked {
    /// So many messages were taken and seen through.
    pub claimed: usize,
}

impl Host {
    /// Serves the lanes until `stop` resolves, then drains: nothing more is claimed, and calls that
    /// are out are waited for.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        let mut tasks = JoinSet::new();
        let mut beside = JoinSet::new();
        let host = self.clone();
        beside.spawn(async move { host.store.listen(|| host.wake.notify_one()).await });
        // Until the last call has come back: others would take it over from a host that is silent.
        let host = self.clone();
        beside.spawn(async move { host.stay_alive().await });
        self.has_looked();
        self.serving.store(true, Ordering::Relaxed);
        self.doubt_clock_at_start();
        let host = self.clone();
        beside.spawn(async move { host.keep_clock().await });
        tokio::pin!(stop);
        loop {
            // Registered before looking, so that no wake-up is lost in between.
            let woken = self.wake.notified();
            tokio::pin!(woken);
            if let Err(error) = self.claim_due(&mut tasks).await {
                tracing::error!(error = &error as &dyn std::error::Error, "claiming failed");
            }
            while tasks.try_join_next().is_some() {}
            // Whoever was woken while claiming claims again, and need not ask when.
            tokio::select! {
                biased;
                () = &mut stop => break,
                () = &mut woken => continue,
                () = std::future::ready(()) => {}
            }
            let pause = self.time_to_next().await;
            tokio::select! {
                () = &mut stop => break,
                () = woken => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        self.serving.store(false, Ordering::Relaxed);
        self.has_stopped.store(true, Ordering::Relaxed);
        let drained = tokio::time::timeout(DRAIN, async { while tasks.join_next().await.is_some() {} }).await;
        if drained.is_err() {
            tracing::warn!(
                "calls were still out at the end of the shutdown; they are looked up at the next start"
            );
        }
    }

    /// One round: what is due now is claimed and seen through.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn tick(&self) -> Result<Ticked, HostError> {
        self.look_at_clock().await;
        let mut tasks = JoinSet::new();
        let claimed = self.claim_due(&mut tasks).await?;
        while tasks.join_next().await.is_some() {}
        Ok(Ticked { claimed })
    }

    /// Sees one claimed message through.
    pub(super) async fn process(&self, message: Message, arriving: Arriving) {
        let (id, changes) = (message.id, message.changes);
        match Box::pin(self.try_process(message, arriving)).await {
            Ok(()) => {}
            Err(HostError::Store(StoreError::LeaseLost { .. })) => {
                tracing::info!(message_id = %id, "somebody else changed the message meanwhile; it goes on from there");
            }
            Err(error) => {
                tracing::error!(message_id = %id, error = &error as &dyn std::error::Error, "a message could not be sent");
                self.put_aside((id, changes), &error).await;
            }
        }
    }

    /// What cannot be processed is not tried for ever: a database that fails for a moment costs a text a moment,
    /// and what does not pass is held. When not even that can be written, the lease runs out and the message is
    /// taken up again. One that is not as it was claimed any more goes on from there.
    async fn put_aside(&self, (id, changes): (MessageId, i64), error: &HostError) {
        let now = self.now();
        let put = async {
            let mut tx = self.store.read().await?;
            let message = tx.message(id).await?;
            let times = tx.times_noted(id, DATABASE_FAILED).await?;
            drop(tx);
            let pause = match error {
                HostError::Store(error) if error.may_pass() => TRIED_AGAIN.get(times as usize),
                _ => None,
            };
            let is_ours =
                |message: &Message| message.changes == changes && matches!(message.state, State::Claimed(_));
            match message.filter(is_ours) {
                Some(message) if is_over(&message, now) => {
                    let cause = Cause::new("expired", "its use was over before it could be sent");
                    self.conclude(message, Verdict::Expire { cause }, None, now).await
                }
                Some(message) => {
                    if let Some(seconds) = pause {
                        // Early enough that what is short of time has a try left.
                        let left = message.expires_at - now;
                        let left = if left > TimeDelta::zero() { left / 2 } else { TimeDelta::MAX };
                        let pause = TimeDelta::seconds(*seconds).min(left);
                        let note = Cause::new(DATABASE_FAILED, "the database failed; it is tried again soon");
                        return self.put_back(&message, now + pause, note, now).await;
                    }
                    let cause = Cause::new("host-failed", "the host could not process it; its log says why");
                    self.conclude(message, Verdict::Hold { cause }, None, now).await
                }
                None => Ok(()),
            }
        };
        if let Err(error) = put.await {
            tracing::error!(message_id = %id, error = &error as &dyn std::error::Error, "it could not be put aside either");
        }
    }

    async fn try_process(&self, message: Message, arriving: Arriving) -> Result<(), HostError> {
        self.read_list_before(&message).await?;
        // What is urgent waits for nobody.
        let turn = if message.lane.is_urgent() {
            None
        } else {
            Some(self.one_by_one.turn_of(&message.recipient).await)
        };
        let now = self.now();
        if self.has_stopped.load(Ordering::Relaxed) {
            let note = Cause::new("host-leaves", "the host that had claimed it is ending; it was not sent");
            return self.put_back(&message, message.due_at, note, now).await;
        }
        if was_counted_in_doubt(&message, now) && !self.doubts(now) {
            return self.count_anew(&message, now).await;
        }
        let Gathered { recipient, mut opened, consents, recent } = self.gather(&message).await?;
        let words = self.renderer.snapshot();
        let (Some(recipient), Some(kind)) = (recipient, words.kind(&message.kind).cloned()) else {
            let cause = Cause::new(
                "unknown-type",
                "no template of this type is loaded, or nobody is known by its recipient's id",
            );
            return self.conclude(message, Verdict::Hold { cause }, None, now).await;
        };
        let (verifying, useless) =
            match self.put_in_code(&message, &kind, &recipient, &mut opened, now).await? {
                CodeText::Ours => (None, None),
                CodeText::Verify(verifying) => (Some(verifying), None),
                CodeText::Useless(verdict) => (None, Some(verdict)),
            };
        let facts = Facts { recipient, opened, kind, words, consents, recent, verifying };
        if let Some(verdict) = self.own_rules(&message, &facts, now).or(useless) {
            return self.conclude(message, verdict, None, now).await;
        }
        if let Some(at) = self.has_to_wait(&message, facts.recipient.phone.as_ref(), now) {
            return self.put_back(&message, at, waits_its_turn(), now).await;
        }
        let announced = self.intending.announce();
        let (verdict, record) = self.judge(&message, &facts, now).await?;
        let beside = self.beside_decision(&message, record.as_ref());
        if !message.lane.is_urgent() {
            // What was gathered together is judged one after the other, and only then written: the processor still
            // has at hand what the policy before has run on.
            tokio::task::yield_now().await;
        }
        match verdict {
            Verdict::Send { why } => {
                let before_intent = (arriving, turn, announced);
                Box::pin(self.send(message, facts, (why, record), before_intent, now)).await?;
            }
            verdict => {
                drop(announced);
                self.conclude(message, verdict, record, now).await?;
                drop((arriving, turn));
            }
        }
        self.ask_shadows(beside, now).await;
        Ok(())
    }

    /// Renders, commits the intent, calls, settles.
    async fn send(
        &self,
        message: Message,
        facts: Facts,
        (why, record): (Cause, Option<Recorded>),
        (arriving, turn, announced): (Arriving, Option<Turn>, Announced<'_>),
        now: DateTime<Utc>,
    ) -> Result<(), HostError> {
        let hold = |code: &str, text: &str| Verdict::Hold { cause: Cause::new(code, text) };
        let Some(provider) = self.provider(message.test).cloned() else {
            let verdict = hold("no-provider", "no account to send through is configured");
            return self.conclude(message, verdict, record, now).await;
        };
        let Some(phone) = facts.recipient.phone.clone() else {
            return self.conclude(message, hold("no-phone", "the recipient has no phone"), record, now).await;
        };
        let Some(route) = self.route(phone.country(), &message.kind) else {
            let verdict = hold("no-sender", "no sender is configured for this country and type");
            return self.conclude(message, verdict, record, now).await;
        };
        let Some(payload) = &facts.opened.payload else {
            let verdict = hold("forgotten", "what its text is made of was erased");
            return self.conclude(message, verdict, record, now).await;
        };
        let (text, kept) = match self.render(&message, &facts, &payload.variables) {
            Ok(rendered) => rendered,
            Err(error) => {
                let cause = Cause::new("not-rendered", error.to_string());
                return self.conclude(message, Verdict::Hold { cause }, record, now).await;
            }
        };

        let facts_of_text = self.text_facts(&text);
        let country = phone.country();
        if let Some(verdict) = self.blown_fuse(&message, country, &facts_of_text, now).await? {
            return self.conclude(message, verdict, record, now).await;
        }

        let attempt = AttemptId::new(now, &mut *self.chance.lock());
        let lease = Lease { host: self.id, until: now + self.settings.patience.lease };
        let sending = Message {
            state: message.state.clone().send(lease, attempt)?,
            attempt: Some(attempt),
            attempts: message.attempts + 1,
            text: Some(facts_of_text),
            sid: None,
            error_code: None,
            error_text: None,
            ..message.clone()
        };
        let expires_at = message.expires_at;
        let links = self.links_in(&text.text, message.id, &payload.variables, now);
        let intent = Intent {
            id: attempt,
            judged: Judged::by(&facts),
            // Twilio Verify has senders of its own.
            is_paced: self.is_paced(&message) && facts.verifying.is_none(),
            before: message,
            sending,
            phone: phone.clone(),
            sender: route.sender.clone(),
            rate: route.rate,
            text: Secret::new(text.text.clone()),
            kept,
            links,
            record,
            why,
            at: now,
        };
        let Some(intent) = Box::pin(self.unless_sent_before(intent)).await? else { return Ok(()) };
        drop(announced);
        let sending = match self.intend(intent).await? {
            Intended::Committed(sending) => sending,
            Intended::PutBack | Intended::Held => return Ok(()),
        };
        drop((arriving, turn));
        self.crash_at(Point::IntentCommitted).await;

        // A process that was asleep since must not speak on a lease that others may have taken over, nor send what
        // has lost its use meanwhile: it is claimed again, and found to have expired.
        let at = self.now();
        if at > lease.until - self.settings.patience.call_time || at >= expires_at {
            return self.give_back(attempt).await;
        }
        let outgoing = Outgoing {
            to: phone,
            from: route.sender.clone(),
            body: Secret::new(text.text),
            status_callback: self
                .callbacks_of(sending.test)
                .map(|callbacks| callbacks.url(sending.id, attempt)),
            validity: (expires_at - at).to_std().ok(),
        };
        let call = tracing::info_span!(target: SPANS, "provider call", attempt_id = %attempt);
        let outcome = match &facts.verifying {
            Some(verifying) => {
                let language = self.language_for(&sending, &facts.recipient);
                self.send_by_verify(&*provider, verifying, &outgoing.to, language).instrument(call).await
            }
            None => provider.send(&outgoing).instrument(call).await,
        };
        self.crash_at(Point::Answered).await;
        self.settle(&sending, attempt, &outcome).await?;
        if let SendOutcome::NotNow { error, retry_after } = &outcome
            && !error.account_wide
            && self.is_paced(&sending)
            && facts.verifying.is_none()
        {
            self.slow_sender(&route.sender, *retry_after).await?;
        }
        self.crash_at(Point::ResultCommitted).await;
        Ok(())
    }
}

impl State {
    /// Held for a person, with nothing left for the host to try before it expires.
    #[must_use]
    pub fn waits_for_a_person(&self, expires_at: DateTime<Utc>) -> bool {
        matches!(self, Self::Held { retry_at, .. } if retry_at.is_none_or(|at| at >= expires_at))
    }
}
