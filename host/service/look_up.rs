//! Looking up: a text whose outcome was not seen is looked for at the provider before anything is sent
//! again. Found: it was accepted. Absent twice: it was not sent.

use super::receipts::Receipt;
use super::{Host, HostError};
use crate::crash::Point;
use crate::domain::failure::ListedText;
use crate::domain::kind::OnUnknown;
use crate::domain::message::{Cause, MAX_ATTEMPTS, Message, State};
use crate::domain::phone::PhoneNumber;
use crate::store::{AttemptOutcome, Change, OpenAttempt, ProviderEventSource, StoreError};
use chrono::{DateTime, TimeDelta, Utc};

/// What a look-up came to.
enum Found {
    Text(ListedText),
    Absent,
    CannotTell,
}

/// Where the provider's clock and ours may differ.
pub(super) const CLOCKS: TimeDelta = TimeDelta::seconds(60);

/// How long after its use is over a text that nobody can tell of is still looked for.
const GIVE_UP: TimeDelta = TimeDelta::hours(6);

impl Host {
    /// Looks for a text at the provider. Found: it was accepted. Absent twice: it was not sent.
    pub(super) async fn look_up(&self, message: &Message) -> Result<(), HostError> {
        let mut tx = self.store.read().await?;
        let open = match message.attempt {
            Some(attempt) => tx.attempt(attempt).await?,
            None => None,
        };
        let opened = tx.open_message(message.id).await?;
        let Some(provider) = self.provider(message.test) else { return Ok(()) };
        let (Some(open), Some(phone)) = (open, opened.phone) else {
            drop(tx);
            let cause =
                Cause::new("outcome_unknown", "what was sent to whom was erased; it cannot be looked up");
            let mut after = message.clone();
            after.state = after.state.fail(cause.clone())?;
            return self.move_unless_lost(message, after, cause, self.now()).await;
        };
        drop(tx);
        // The moments of asking and of the answer: look-ups may have waited for one another.
        let asked_at = self.now();
        let since = open.attempt.intent_at - CLOCKS;
        let mut pause = self.settings.patience.seen_twice;
        let listed = match self.list_by_verify(&**provider, message, &phone, since).await? {
            Some(listed) => listed,
            None => provider.list(&phone, since).await,
        };
        let found = match listed {
            Ok(listed) => {
                // Where the list itself does not tell, it is read ever more seldom.
                pause = pause.max((asked_at - open.attempt.intent_at) / 2);
                self.find(&open, &phone, opened.text.as_deref(), listed).await?
            }
            Err(error) => {
                tracing::warn!(message_id = %message.id, error = &error as &dyn std::error::Error, "look-up failed");
                Found::CannotTell
            }
        };
        self.crash_at(Point::LookedUp).await;
        let now = self.now();
        // That it is there is so by any clock; that it is not is looked at again by one that is sure.
        if self.doubts_clock() && !matches!(found, Found::Text(_)) {
            return Ok(());
        }
        match found {
            Found::Text(text) => {
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
            Found::CannotTell if message.expires_at + GIVE_UP < now => {
                let cause = Cause::new(
                    "outcome_unknown",
                    "the provider could not tell for hours whether it was sent",
                );
                let mut after = message.clone();
                after.state = after.state.fail(cause.clone())?;
                self.move_unless_lost(message, after, cause, now).await
            }
            Found::CannotTell => {
                let mut after = message.clone();
                after.state = State::Unknown { check_at: now + pause };
                let note =
                    Cause::new("cannot-tell", "the provider cannot tell whether it was sent; asked again");
                self.move_unless_lost(message, after, note, now).await
            }
            Found::Absent => self.absent(message, &open, asked_at, now).await,
        }
    }

    /// Looks through what the provider lists: the oldest text with our words whose identifier we do not
    /// know yet. A provider that changes texts (a trial account's prefix, redaction) may list ours with
    /// other words: while there is one that nobody has claimed, absence is not proven.
    async fn find(
        &self,
        open: &OpenAttempt,
        phone: &PhoneNumber,
        text: Option<&str>,
        listed: Vec<ListedText>,
    ) -> Result<Found, HostError> {
        let since = open.attempt.intent_at - CLOCKS;
        let mut free = Vec::new();
        let mut tx = self.store.read().await?;
        for candidate in listed.into_iter().filter(|listed| listed.outbound && listed.created_at >= since) {
            if tx.attempt_by_sid(&candidate.sid).await?.is_none() {
                free.push(candidate);
            }
        }
        drop(tx);
        free.sort_by_key(|candidate| candidate.created_at);
        let is_ours = |candidate: &ListedText| {
            self.store.keys().hash("body", &candidate.body) == open.body_hash
                || text.is_some_and(|text| candidate.body.ends_with(text))
        };
        // One with the same words that is on its way this moment may be the one that is listed.
        let mut tx = self.store.read().await?;
        if !free.is_empty() && tx.same_words_are_being_sent(&open.body_hash, phone).await? {
            return Ok(Found::CannotTell);
        }
        let cannot_tell = !free.is_empty();
        Ok(match free.into_iter().find(is_ours) {
            Some(candidate) => Found::Text(candidate),
            None if cannot_tell => Found::CannotTell,
            None => Found::Absent,
        })
    }

    async fn absent(
        &self,
        message: &Message,
        open: &OpenAttempt,
        asked_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(), HostError> {
        let seen_twice = self.settings.patience.seen_twice;
        let mut tx = self.store.begin().await?;
        let mut after = message.clone();
        let note = match open.attempt.absent_at {
            Some(before) if asked_at - before >= seen_twice => {
                tx.settle_attempt(open.attempt.id, AttemptOutcome::Absent, None, None, now).await?;
                let on_unknown =
                    self.kind(&message.kind).map_or(OnUnknown::NeverResend, |kind| kind.on_unknown);
                let may_resend = on_unknown == OnUnknown::Reconcile
                    && message.attempts < MAX_ATTEMPTS
                    && message.expires_at > now;
                if may_resend {
                    after.state = after.state.plan_again()?;
                    after.due_at = now;
                    Cause::new("proven-absent", "the provider does not have it; it is sent again")
                } else {
                    let cause = Cause::new(
                        "outcome_unknown",
                        "the call's outcome was not seen, and it is not resent",
                    );
                    after.state = after.state.fail(cause.clone())?;
                    cause
                }
            }
            Some(before) => {
                after.state = State::Unknown { check_at: before + seen_twice };
                Cause::new("absent-once", "the provider does not list it yet; looked up again")
            }
            None => {
                tx.attempt_seen_absent(open.attempt.id, now).await?;
                after.state = State::Unknown { check_at: now + seen_twice };
                Cause::new("absent-once", "the provider does not list it yet; looked up again")
            }
        };
        self.forget_secrets(&mut tx, &after).await?;
        let moved = tx.move_message(message, &mut after, &Change::noted(note, Some(self.id), now)).await;
        self.crash_at(Point::AbsenceUncommitted).await;
        match moved {
            Ok(()) => tx.commit().await?,
            Err(StoreError::LeaseLost { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        self.wake();
        Ok(())
    }
}
