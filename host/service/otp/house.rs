//! Keeping house: what codes leave behind goes when nothing needs it any more.

use super::{Host, HostError};
use crate::domain::message::Message;
use crate::store::{StoreError, Tx};
use crate::twilio::verify::is_sending;
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::PoisonError;

/// Challenges are kept so long, for those who ask what happened.
const KEPT: TimeDelta = TimeDelta::days(30);

/// A key stays so long after it was found retired: whoever took it for a challenge just before has committed
/// by then, and every host has read the file again, which it does with each heartbeat.
const RETIRED: TimeDelta = TimeDelta::minutes(1);

/// How often what is old is cleared away.
const CLEARING: TimeDelta = TimeDelta::minutes(10);

/// Where no carrier tells the end of a text, its use was over so long ago that its words may go.
const TOLD_NOTHING: TimeDelta = TimeDelta::hours(1);

impl Host {
    /// The words of a text with a code are taken out at the provider, once its end is known or its use is
    /// long over. Where the account does not allow it, the log says so.
    pub(in crate::service) async fn redact_code(
        &self,
        tx: &mut Tx,
        message: &Message,
    ) -> Result<(), StoreError> {
        // The words of Twilio Verify are its own.
        let is_to_redact = |sid: &&str| self.settings.otp.redact_at_provider && !is_sending(sid);
        let Some(sid) = message.sid.as_deref().filter(is_to_redact) else {
            return Ok(());
        };
        let due = message.expires_at + TOLD_NOTHING;
        let due = if message.state.is_final() { self.now().min(due) } else { due };
        tx.queue_redaction(sid, message.test, due).await
    }

    /// One round: retired keys without open challenges are destroyed, counters and old challenges go.
    pub(in crate::service) async fn keep_codes(&self) -> Result<(), HostError> {
        let now = self.now();
        let keys = self.store.keys().codes();
        for key in keys.retired() {
            if !self.is_long_retired(&key.id, now) {
                continue;
            }
            let mut tx = self.store.read().await?;
            let used = tx.is_code_key_used(&key.id, now).await?;
            drop(tx);
            if used {
                continue;
            }
            match keys.forget(&key.id) {
                Ok(()) => tracing::info!(key_id = %key.id, "a retired key of one-time codes was destroyed"),
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "a retired key stays");
                }
            }
        }
        if !self.is_time_to_clear(now) {
            return Ok(());
        }
        let mut tx = self.store.begin().await?;
        tx.forget_counters(now).await?;
        tx.forget_challenges(now - KEPT).await?;
        tx.forget_refusals(now).await?;
        Ok(tx.commit().await?)
    }

    fn is_long_retired(&self, id: &str, now: DateTime<Utc>) -> bool {
        let mut retired = self.codes_retired.lock().unwrap_or_else(PoisonError::into_inner);
        let since = *retired.entry(id.to_owned()).or_insert(now);
        now >= since + RETIRED
    }

    fn is_time_to_clear(&self, now: DateTime<Utc>) -> bool {
        let mut cleared = self.codes_cleared.lock().unwrap_or_else(PoisonError::into_inner);
        let due = cleared.is_none_or(|at| now < at || now >= at + CLEARING);
        if due {
            *cleared = Some(now);
        }
        due
    }
}
