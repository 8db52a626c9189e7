//! Receipts that come at the same time are taken in by one unit of work: a few statements for all of
//! them. What needs more than that (a policy to ask, somebody who moves the same message) is answered
//! with `None` and taken in alone.

use super::receipts::{Effect, Receipt, Received, effect, follow, kept_sid, said, statuses, uncommitted};
use super::{Host, HostError};
use crate::domain::id::{AttemptId, MessageId};
use crate::domain::message::Message;
use crate::domain::receipt::is_conflict;
use crate::store::{AttemptOutcome, Change, Move, OpenAttempt, ProviderEvent, StoreError};
use chrono::{DateTime, Utc};
use std::collections::HashMap;

/// What is known of the messages that a batch of receipts is about.
struct Known {
    attempts: HashMap<AttemptId, OpenAttempt>,
    messages: HashMap<MessageId, Message>,
    events: HashMap<MessageId, Vec<ProviderEvent>>,
}

/// A receipt that is new, and what it does.
struct News<'a> {
    place: usize,
    receipt: &'a Receipt,
    before: &'a Message,
    after: Message,
    event: ProviderEvent,
    moves: bool,
    settles: bool,
}

impl Host {
    /// Answers each receipt in its place; `None`: it must be taken in alone.
    pub(super) async fn receive_together(&self, receipts: Vec<Receipt>) -> Vec<Option<Received>> {
        let mut answers = vec![None; receipts.len()];
        let mut waiting: Vec<usize> = (0..receipts.len()).collect();
        // Two receipts about one message follow each other: the second sees what the first has done.
        while !waiting.is_empty() {
            match self.take_in(&receipts, &waiting, &mut answers).await {
                Ok(rest) => waiting = rest,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::debug!(error, receipts = waiting.len(), "taken in one by one");
                    for place in waiting {
                        answers[place] = None;
                    }
                    break;
                }
            }
        }
        answers
    }

    /// Takes in the first receipt about each message, and answers the places of the others.
    async fn take_in(
        &self,
        receipts: &[Receipt],
        waiting: &[usize],
        answers: &mut [Option<Received>],
    ) -> Result<Vec<usize>, HostError> {
        let now = self.now();
        let known = self.known(receipts, waiting).await?;
        let (mut later, mut news) = (Vec::new(), Vec::<News<'_>>::new());
        let mut told = Vec::new();
        for place in waiting.iter().copied() {
            let receipt = &receipts[place];
            let open = known.attempts.get(&receipt.attempt);
            let Some((open, before)) =
                open.and_then(|open| Some((open, known.messages.get(&open.attempt.message)?)))
            else {
                told.push((place, Received::Unknown));
                continue;
            };
            if news.iter().any(|other| other.before.id == before.id) {
                later.push(place);
                continue;
            }
            let events = known.events.get(&before.id).map_or(&[][..], Vec::as_slice);
            if events.iter().any(|event| says_the_same(event, receipt)) {
                told.push((place, Received::Repeated));
            } else if let Some(one) = self.news(place, receipt, open, before, events, now) {
                news.push(one);
            }
        }
        if !news.is_empty() {
            self.keep_news(&mut news, now).await?;
        }
        for (place, received) in told.into_iter().chain(news.iter().map(|one| (one.place, Received::New))) {
            answers[place] = Some(received);
        }
        Ok(later)
    }

    async fn known(&self, receipts: &[Receipt], waiting: &[usize]) -> Result<Known, HostError> {
        let mut ids: Vec<AttemptId> = waiting.iter().map(|place| receipts[*place].attempt).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut tx = self.store.look().await?;
        let attempts = tx.attempts(&ids).await?;
        let mut ids: Vec<MessageId> = attempts.iter().map(|open| open.attempt.message).collect();
        ids.sort_unstable();
        ids.dedup();
        let messages = tx.messages(&ids).await?;
        let mut events: HashMap<MessageId, Vec<ProviderEvent>> = HashMap::new();
        for event in tx.provider_events_of_messages(&ids).await? {
            events.entry(event.message).or_default().push(event);
        }
        Ok(Known {
            attempts: attempts.into_iter().map(|open| (open.attempt.id, open)).collect(),
            messages: messages.into_iter().map(|message| (message.id, message)).collect(),
            events,
        })
    }

    /// What a receipt does, where that needs nobody to be asked.
    fn news<'a>(
        &self,
        place: usize,
        receipt: &'a Receipt,
        open: &OpenAttempt,
        before: &'a Message,
        events: &[ProviderEvent],
        now: DateTime<Utc>,
    ) -> Option<News<'a>> {
        // Another identifier than the one it is known by: whose it is must be looked up.
        if kept_sid(&open.attempt, receipt) != receipt.sid {
            return None;
        }
        let statuses = statuses(events, receipt);
        let mut after = before.clone();
        after.sid = Some(receipt.sid.clone());
        let moves = match effect(before, &open.attempt, &statuses, receipt.error_code) {
            Effect::Failed(_) => return None,
            Effect::Nothing if before.sid.is_none() => return None,
            Effect::Nothing => false,
            Effect::Move(state) => {
                after.state = state;
                true
            }
        };
        follow(before, &mut after, now + self.settings.patience.ask_first, now);
        if self.has_secret(before) && (after.state.is_final() || before.sid.is_none()) {
            return None;
        }
        if is_conflict(&statuses) {
            tracing::warn!(message_id = %before.id, "the provider has told of two different ends");
        }
        let event = ProviderEvent {
            attempt: receipt.attempt,
            message: before.id,
            status: receipt.status,
            error_code: receipt.error_code,
            raw_date: receipt.raw_date.clone(),
            source: receipt.source,
            received_at: now,
        };
        let settles = open.attempt.outcome != Some(AttemptOutcome::Accepted);
        Some(News { place, receipt, before, after, event, moves, settles })
    }

    async fn keep_news(&self, news: &mut [News<'_>], now: DateTime<Utc>) -> Result<(), HostError> {
        let events: Vec<_> = news.iter().map(|one| (self.uuid(), &one.event)).collect();
        let accepted: Vec<_> = news
            .iter()
            .filter(|one| one.settles)
            .map(|one| (one.receipt.attempt, one.receipt.sid.as_str()))
            .collect();
        let mut tx = self.store.begin().await?;
        if u64::try_from(events.len()) != Ok(tx.insert_provider_events(&events).await?) {
            // Told twice at once: whoever comes second must see what the first has written.
            return Err(StoreError::Collision.into());
        }
        tx.settle_accepted(&accepted, now).await?;
        let mut moves: Vec<Move<'_>> = news
            .iter_mut()
            .filter(|one| one.moves)
            .map(|one| {
                let change = Change::noted(said(one.receipt.status), Some(self.id), now);
                Move { before: one.before, after: &mut one.after, change }
            })
            .collect();
        tx.move_messages(&mut moves).await?;
        drop(moves);
        for one in &*news {
            self.crash_at(uncommitted(one.receipt.source)).await;
        }
        Ok(tx.commit().await?)
    }
}

/// A callback that is delivered again is the same event.
fn says_the_same(event: &ProviderEvent, receipt: &Receipt) -> bool {
    event.attempt == receipt.attempt
        && event.status == receipt.status
        && event.error_code.unwrap_or(0) == receipt.error_code.unwrap_or(0)
        && event.raw_date.as_deref().unwrap_or("") == receipt.raw_date.as_deref().unwrap_or("")
}
