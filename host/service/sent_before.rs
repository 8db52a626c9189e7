//! Sent before: what was posted and sent after a backup is not in it, and is posted again once it was put back. The
//! provider still has those texts: for a day, each new text is looked for among them before it is sent, and one
//! that is found is taken as sent.

use super::intend::Intent;
use super::judge::Verdict;
use super::look_up::CLOCKS;
use super::receipts::Receipt;
use super::{Host, HostError};
use crate::domain::failure::ListedText;
use crate::domain::link::without_codes;
use crate::domain::message::{Cause, Message};
use crate::store::{JournalLine, ProviderEventSource, Recovery};
use crate::twilio::LookUpError;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How long what was lost may be posted again.
const POSTED_AGAIN: TimeDelta = TimeDelta::hours(24);

/// When a provider that cannot tell is asked again.
const ASKED_AGAIN: TimeDelta = TimeDelta::seconds(30);

/// Why a text is held that cannot be looked for.
const ENDLESS: &str = "endless-list";

/// The backups that were put back of late, and what the provider lists of the time that they have lost.
#[derive(Default)]
pub(super) struct Recoveries(Mutex<Known>);

#[derive(Default)]
struct Known {
    recoveries: Vec<Recovery>,
    /// By the hash of the phone, and whether it is a test: the past does not change.
    listed: HashMap<(Vec<u8>, bool), Arc<Vec<ListedText>>>,
}

impl Recoveries {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what the database says.
    pub(super) fn learn(&self, recoveries: Vec<Recovery>) {
        let mut known = self.lock();
        if known.recoveries != recoveries {
            *known = Known { recoveries, listed: HashMap::new() };
        }
    }

    /// The time of which the database knows nothing.
    fn lost(&self, test: bool, now: DateTime<Utc>) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let known = self.lock();
        let of_late = known.recoveries.iter().filter(|one| one.test == test && one.at > now - POSTED_AGAIN);
        of_late.map(|one| (one.since, one.at)).reduce(|(a, b), (since, at)| (a.min(since), b.max(at)))
    }
}

impl Host {
    /// Backups that were put back so lately that what they have lost may be posted again.
    pub(super) fn recovered_after(now: DateTime<Utc>) -> DateTime<Utc> {
        now - POSTED_AGAIN
    }

    /// The intent, unless its very text went to the phone in a time that a backup has lost: then it is taken as
    /// sent. One of which the provider cannot tell goes back to its place. An urgent one goes out unasked: an alert
    /// twice is better than none, and a list may take its time.
    pub(super) async fn unless_sent_before(&self, intent: Intent) -> Result<Option<Intent>, HostError> {
        let (message, now) = (&intent.before, intent.at);
        let lost = self.recoveries.lost(message.test, now);
        // A code is worth nothing by then.
        let is_asked = message.attempts == 0 && !message.lane.is_urgent() && !self.has_secret(message);
        let Some((since, until)) = lost.filter(|_| is_asked) else {
            return Ok(Some(intent));
        };
        if self.is_released(message).await? {
            return Ok(Some(intent));
        }
        let listed = if now < until + CLOCKS {
            // The provider's list is behind for moments.
            None
        } else {
            let listed = self.listed_between(&intent, (since, until), now).await;
            if let Err(error) = &listed {
                let error = error as &dyn std::error::Error;
                tracing::warn!(message_id = %message.id, error, "look-up failed");
            }
            if let Err(LookUpError::Paging) = listed {
                return self.hold_endless(intent, now).await;
            }
            listed.ok()
        };
        let Some(listed) = listed else {
            let note = Cause::new(
                "cannot-tell",
                "a backup was put back, and the provider cannot tell yet whether it was sent before; asked again",
            );
            self.put_back(message, now + ASKED_AGAIN, note, now).await?;
            return Ok(None);
        };
        let mut tx = self.store.read().await?;
        for text in listed.iter().filter(|text| self.has_same_words(text, &intent)) {
            if tx.attempt_by_sid(&text.sid).await?.is_none() {
                drop(tx);
                self.adopt(intent, text, since, now).await?;
                return Ok(None);
            }
        }
        Ok(Some(intent))
    }

    /// Whether a person has released it after it was held for a list without an end.
    async fn is_released(&self, message: &Message) -> Result<bool, HostError> {
        let lines = self.store.read().await?.journal_of(message.id).await?;
        let is_released = |pair: &[JournalLine]| {
            pair.first().is_some_and(|held| held.note.code == ENDLESS)
                && pair.last().is_some_and(|next| next.note.code == "released")
        };
        Ok(lines.windows(2).any(is_released))
    }

    /// A list without an end stays so: the text is held for a person.
    async fn hold_endless(&self, intent: Intent, now: DateTime<Utc>) -> Result<Option<Intent>, HostError> {
        let cause = Cause::new(
            ENDLESS,
            "a backup was put back, and the provider's list of this phone cannot be followed to its end: look there \
             whether it was sent before, then release or cancel it",
        );
        let verdict = Verdict::HoldUntil { cause, until: intent.before.expires_at };
        self.conclude(intent.before, verdict, intent.record, now).await?;
        Ok(None)
    }

    /// What the provider took for the phone in the lost time, the oldest first.
    async fn listed_between(
        &self,
        intent: &Intent,
        (since, until): (DateTime<Utc>, DateTime<Utc>),
        now: DateTime<Utc>,
    ) -> Result<Arc<Vec<ListedText>>, LookUpError> {
        let test = intent.before.test;
        let key = (self.store.keys().hash("phone", intent.phone.e164()), test);
        if let Some(listed) = self.recoveries.lock().listed.get(&key) {
            return Ok(listed.clone());
        }
        let Some(provider) = self.provider(test) else { return Ok(Arc::default()) };
        let mut listed = provider.list(&intent.phone, since - CLOCKS).await?;
        listed.retain(|text| text.outbound && text.created_at <= until + CLOCKS);
        listed.sort_by_key(|text| text.created_at);
        let listed = Arc::new(listed);
        if now >= until + CLOCKS {
            self.recoveries.lock().listed.insert(key, listed.clone());
        }
        Ok(listed)
    }

    /// A trial account writes its own words before ours, and each message has link codes of its own.
    fn has_same_words(&self, listed: &ListedText, intent: &Intent) -> bool {
        let base = self.settings.links.base_url.as_deref().unwrap_or_default();
        let words = |text: &str| without_codes(text, base);
        let ours = words(intent.text.expose());
        !ours.is_empty() && words(&listed.body).ends_with(&ours)
    }

    /// Takes a text of the provider's as the one that was about to be sent.
    async fn adopt(
        &self,
        intent: Intent,
        text: &ListedText,
        since: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(), HostError> {
        let why = Cause::new(
            "sent-before",
            format!(
                "a backup was put back, and Twilio had sent these very words to this phone at {}, after the backup",
                text.created_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
            ),
        );
        let state = intent.sending.state.clone().lose_sight(now)?;
        let sending = Message { state, ..intent.sending.clone() };
        // Whoever dies in between leaves it to be looked up from that moment on.
        let adopted = Intent { sending, is_paced: false, links: Vec::new(), why, at: since, ..intent };
        self.doubt_intent(&adopted, now).await?;
        tracing::info!(message_id = %adopted.before.id, "sent before the backup was put back; it is not sent again");
        let receipt = Receipt {
            attempt: adopted.id,
            sid: text.sid.clone(),
            status: text.status,
            error_code: text.error_code,
            raw_date: None,
            source: ProviderEventSource::List,
        };
        self.receive(&receipt).await.map(drop)
    }
}
