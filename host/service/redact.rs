//! Redaction: the provider is asked to take the words out of texts that were sent, after an erasure and
//! after one-time codes. `Twilio: Message resource, POST with an empty Body` takes only texts that are at
//! an end, so a refusal is asked again.

use super::{Host, HostError};
use chrono::{DateTime, TimeDelta, Utc};

/// So many in one round: a long list must not hold up the rest of the house.
const BATCH: u32 = 50;

/// Doubled with every try; with [`TRIES`] that is about three days.
const AGAIN: TimeDelta = TimeDelta::minutes(1);
const TRIES: i64 = 12;

impl Host {
    /// Asks for what is due.
    pub(super) async fn redact_due(&self, now: DateTime<Utc>) -> Result<(), HostError> {
        let mut tx = self.store.read().await?;
        let due = tx.redactions_due(now, BATCH).await?;
        drop(tx);
        for redaction in due {
            // Another host, with that provider, will.
            let Some(provider) = self.provider(redaction.test) else { continue };
            let asked = provider.redact(&redaction.sid).await;
            let mut tx = self.store.begin().await?;
            match asked {
                Ok(()) => tx.settle_redaction(&redaction.sid, true, now).await?,
                Err(error) if redaction.tries + 1 >= TRIES => {
                    tracing::error!(sid = %redaction.sid, error = &error as &dyn std::error::Error,
                        "the provider keeps the words of a text that should be redacted; do it in its console");
                    tx.settle_redaction(&redaction.sid, false, now).await?;
                }
                Err(_) => {
                    let pause = AGAIN * 2_i32.pow(u32::try_from(redaction.tries).unwrap_or(0).min(16));
                    tx.redact_again(&redaction.sid, now + pause).await?;
                }
            }
            tx.commit().await?;
        }
        Ok(())
    }
}
