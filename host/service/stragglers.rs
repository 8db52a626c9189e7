//! Stragglers: texts that the provider has and of whose end it has not told. Callbacks are lost; it is asked,
//! in pages where there are many.

use super::receipts::{Receipt, Received};
use super::{Host, HostError};
use crate::domain::failure::ListedText;
use crate::domain::message::{Cause, Message};
use crate::store::{ProviderEventSource, Waiting};
use crate::twilio::LookUpError;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A provider that is silent about a text is asked again for some days.
const ASK_FOR: TimeDelta = TimeDelta::days(3);

/// So many of one day are asked about in pages, and not one by one.
const MANY: usize = 20;

/// Days of which the provider has more pages than are read: they are not asked for again.
#[derive(Default)]
pub(super) struct TooLongDays(Mutex<BTreeSet<(bool, NaiveDate)>>);

impl TooLongDays {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<(bool, NaiveDate)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host {
    /// Where many of one day are to be asked about, the provider is asked for pages of what it sent on that
    /// day; what is not in them is asked for by itself.
    pub(super) async fn listed_by_day(
        &self,
        waiting: Waiting,
        due: &[Message],
    ) -> HashMap<String, ListedText> {
        let mut listed = HashMap::new();
        if waiting == Waiting::OnUs {
            return listed;
        }
        let mut on_day: BTreeMap<(bool, NaiveDate), usize> = BTreeMap::new();
        for message in due {
            let day = message.sent_at.unwrap_or(message.updated_at).date_naive();
            *on_day.entry((message.test, day)).or_default() += 1;
        }
        on_day.retain(|day, count| *count >= MANY && !self.too_long_days.lock().contains(day));
        for (test, day) in on_day.into_keys() {
            let Some(provider) = self.provider(test) else { continue };
            match provider.list_day(day).await {
                Ok(texts) => listed.extend(texts.into_iter().map(|text| (text.sid.clone(), text))),
                Err(error) => {
                    tracing::warn!(%day, error = &error as &dyn std::error::Error, "asking for a day failed");
                    if matches!(error, LookUpError::Paging) {
                        self.too_long_days.lock().insert((test, day));
                    }
                }
            }
        }
        listed
    }

    /// The provider has the text and has not told its end: its callbacks may be lost.
    pub(super) async fn ask_how_it_fares(
        &self,
        message: &Message,
        listed: &HashMap<String, ListedText>,
        now: DateTime<Utc>,
    ) -> Result<(), HostError> {
        let (Some(sid), Some(attempt), Some(provider)) =
            (&message.sid, message.attempt, self.provider(message.test))
        else {
            return Ok(());
        };
        let answer = match listed.get(sid) {
            Some(text) => Ok(Some(text.clone())),
            None => provider.fetch(sid).await,
        };
        let told = match answer {
            Ok(Some(text)) => {
                let receipt = Receipt {
                    attempt,
                    sid: text.sid,
                    status: text.status,
                    error_code: text.error_code,
                    raw_date: None,
                    source: ProviderEventSource::Fetch,
                };
                self.receive(&receipt).await? == Received::New
            }
            Ok(None) => false,
            Err(error) => {
                tracing::warn!(message_id = %message.id, error = &error as &dyn std::error::Error, "asking failed");
                false
            }
        };
        if told {
            return Ok(());
        }
        // Many carriers never tell the end: after some days the last word stands.
        let since = message.sent_at.unwrap_or(message.updated_at);
        let mut after = message.clone();
        after.ask_at = (since + ASK_FOR > now).then(|| now + self.settings.patience.ask_again);
        let note = Cause::new("asked", "the provider was asked how it fares, and had nothing new to tell");
        self.move_unless_lost(message, after, note, now).await
    }
}
