//! Sent before: what was posted and sent after a backup is not in it, and is posted again once it was put back. The
//! provider still has those texts: for a day, each new text is looked for among them before it is sent, and one
//! that is found is taken as sent. A phone's list is read once, page by page, before its text is judged: its other
//! texts wait for that, but for urgent ones, and what was read of a list that breaks off is not read again.

use super::count_anew::COUNTED_ANEW;
use super::intend::Intent;
use super::judge::Verdict;
use super::look_up::CLOCKS;
use super::receipts::Receipt;
use super::{Host, HostError};
use crate::domain::failure::ListedText;
use crate::domain::link::without_codes;
use crate::domain::message::{Cause, Message};
use crate::domain::phone::PhoneNumber;
use crate::store::{ProviderEventSource, Recovery};
use crate::twilio::{LookUpError, MOST_PAGES, Provider};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How long what was lost may be posted again.
const POSTED_AGAIN: TimeDelta = TimeDelta::hours(24);

/// When a provider that cannot tell is asked again.
const ASKED_AGAIN: TimeDelta = TimeDelta::seconds(30);

/// Why a text is held that cannot be looked for.
pub(super) const ENDLESS: &str = "endless-list";

/// The backups that were put back of late, and what the provider lists of the time that they have lost.
#[derive(Default)]
pub(super) struct Recoveries(Mutex<Known>);

#[derive(Default)]
struct Known {
    recoveries: Vec<Recovery>,
    /// By the hash of the phone, and whether it is a test.
    lists: HashMap<(Vec<u8>, bool), Arc<tokio::sync::Mutex<List>>>,
}

/// A phone's list at the provider, as far as it was read: the past does not change.
#[derive(Default)]
struct List {
    texts: Vec<ListedText>,
    pages: usize,
    /// Where it goes on.
    next: Option<String>,
    /// It was read to its end; or it has none.
    read: Option<Result<(), Endless>>,
}

/// It cannot be followed to its end.
#[derive(Clone, Copy)]
struct Endless;

impl List {
    /// Reads on, from where the last look has stopped, what was sent in the lost time.
    async fn read(
        &mut self,
        provider: &dyn Provider,
        to: &PhoneNumber,
        (since, until): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<(), LookUpError> {
        let is_lost = |text: &ListedText| {
            text.outbound && text.created_at >= since - CLOCKS && text.created_at <= until + CLOCKS
        };
        while self.read.is_none() {
            let page = match provider.list_page(to, self.next.as_deref()).await {
                Ok(page) => page,
                Err(error) => {
                    match &error {
                        LookUpError::Paging => self.read = Some(Err(Endless)),
                        // The provider may not know the page by its name any more.
                        LookUpError::Refused(_) => *self = Self::default(),
                        LookUpError::NotASid | LookUpError::NoAnswer(_) | LookUpError::Unreadable => {}
                    }
                    return Err(error);
                }
            };
            self.texts.extend(page.texts.into_iter().filter(is_lost));
            self.pages += 1;
            self.read = match &page.next {
                None => Some(Ok(())),
                Some(_) if self.pages == MOST_PAGES => Some(Err(Endless)),
                Some(_) => None,
            };
            self.next = page.next;
        }
        Ok(())
    }
}

impl Recoveries {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what the database says.
    pub(super) fn learn(&self, recoveries: Vec<Recovery>) {
        let mut known = self.lock();
        if known.recoveries != recoveries {
            *known = Known { recoveries, lists: HashMap::new() };
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

    /// The time of which the database knows nothing, where a text may be one that was sent in it. An urgent one goes
    /// out unasked: an alert twice is better than none, a list may take its time, and of two that are the same both
    /// could be taken for the one that was sent.
    fn lost_before(&self, message: &Message, now: DateTime<Utc>) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let lost = self.recoveries.lost(message.test, now)?;
        // A code is worth nothing by then.
        let is_asked = message.attempts == 0 && !message.lane.is_urgent() && !self.has_secret(message);
        is_asked.then_some(lost)
    }

    /// Reads what the provider lists for a message's phone, where it must be looked for there and that was not read
    /// yet. It may take long: the message keeps its place in its lane, which is no faster than the list then, but
    /// not its person's turn, and is judged by the moment after it; one whose lease has ended since is another's.
    pub(super) async fn read_list_before(&self, message: &Message) -> Result<(), HostError> {
        let now = self.now();
        // The provider's list is behind for moments.
        let lost = self.lost_before(message, now).filter(|(_, until)| now >= *until + CLOCKS);
        let Some(lost) = lost else { return Ok(()) };
        let person = self.store.look().await?.recipient(&message.recipient).await?;
        let Some(phone) = person.and_then(|person| person.phone) else { return Ok(()) };
        let Some(provider) = self.provider(message.test).cloned() else { return Ok(()) };
        let known = self.list_of(&phone, message.test);
        let read = known.lock().await.read(&*provider, &phone, lost).await;
        if let Err(error) = &read {
            let error = error as &dyn std::error::Error;
            tracing::warn!(message_id = %message.id, error, "look-up failed");
        }
        Ok(())
    }

    fn list_of(&self, phone: &PhoneNumber, test: bool) -> Arc<tokio::sync::Mutex<List>> {
        let key = (self.store.keys().hash("phone", phone.e164()), test);
        self.recoveries.lock().lists.entry(key).or_default().clone()
    }

    /// The intent, unless its very text went to the phone in a time that a backup has lost: then it is taken as
    /// sent. One of which the provider has not told goes back to its place.
    pub(super) async fn unless_sent_before(&self, intent: Intent) -> Result<Option<Intent>, HostError> {
        let (message, now) = (&intent.before, intent.at);
        let Some((since, _)) = self.lost_before(message, now) else { return Ok(Some(intent)) };
        if self.is_released(message).await? {
            return Ok(Some(intent));
        }
        // One that is being read this moment, or could not be read to its end, is not waited for here.
        let list = self.list_of(&intent.phone, message.test);
        let list = list.try_lock().ok().filter(|list| list.read.is_some());
        let Some(list) = list else {
            let note = Cause::new(
                "cannot-tell",
                "a backup was put back, and the provider cannot tell yet whether it was sent before; asked again",
            );
            self.put_back(message, now + ASKED_AGAIN, note, now).await?;
            return Ok(None);
        };
        if matches!(list.read, Some(Err(Endless))) {
            drop(list);
            return self.hold_endless(intent, now).await;
        }
        let same = list.texts.iter().filter(|text| self.has_same_words(text, &intent));
        let mut listed: Vec<ListedText> = same.cloned().collect();
        drop(list);
        listed.sort_by_key(|text| text.created_at);
        let mut tx = self.store.read().await?;
        for text in &listed {
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
        let codes: Vec<&str> = lines.iter().map(|line| line.note.code.as_str()).collect();
        Ok(is_released_last(&codes))
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

/// Whether a person has released a text since it was held last for a list without an end, by the codes of its
/// journal: to count its moments anew says nothing of that list, and neither does another hold's release.
fn is_released_last(codes: &[&str]) -> bool {
    let held = codes.iter().rposition(|code| *code == ENDLESS);
    let since = held.and_then(|held| codes.get(held + 1..)).unwrap_or_default();
    since.iter().find(|code| **code != COUNTED_ANEW) == Some(&"released")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_without_an_end_is_passed_over_where_a_person_has_released_the_text_from_it() {
        for (codes, expected) in [
            (&["posted", ENDLESS, "released"][..], true),
            (&[ENDLESS, "released", "claimed"], true),
            (&[ENDLESS, COUNTED_ANEW, "released", "claimed"], true),
            (&[ENDLESS], false),
            (&[ENDLESS, COUNTED_ANEW], false),
            (&[ENDLESS, "replanned", "policy-trap", "released"], false),
            (&[ENDLESS, "released", "claimed", ENDLESS], false),
            (&["policy-trap", "released"], false),
        ] {
            assert_eq!(is_released_last(codes), expected, "{codes:?}");
        }
    }
}
