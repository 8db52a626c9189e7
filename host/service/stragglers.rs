//! Stragglers: texts that the provider has and of whose end it has not told. Callbacks are lost; it is asked,
//! in pages where there are many.

use super::receipts::{Receipt, Received};
use super::{Host, HostError};
use crate::domain::failure::ListedText;
use crate::domain::message::{Cause, Message};
use crate::store::{ProviderEventSource, Waiting};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::{BTreeSet, HashMap};

/// A provider that is silent about a text is asked again for some days.
const ASK_FOR: TimeDelta = TimeDelta::days(3);

/// So many are asked about in pages, and not one by one.
const MANY: usize = 20;

impl Host {
    /// Where many are to be asked about, the provider is asked for pages of what it sent on their days; what
    /// is not in them is asked for by itself.
    pub(super) async fn listed_by_day(
        &self,
        waiting: Waiting,
        due: &[Message],
    ) -> HashMap<String, ListedText> {
        let mut listed = HashMap::new();
        if waiting == Waiting::OnUs || due.len() < MANY {
            return listed;
        }
        let day =
            |message: &Message| (message.test, message.sent_at.unwrap_or(message.updated_at).date_naive());
        for (test, day) in due.iter().map(day).collect::<BTreeSet<_>>() {
            let Some(provider) = self.provider(test) else { continue };
            match provider.list_day(day).await {
                Ok(texts) => listed.extend(texts.into_iter().map(|text| (text.sid.clone(), text))),
                Err(error) => {
                    tracing::warn!(%day, error = &error as &dyn std::error::Error, "asking for a day failed");
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
