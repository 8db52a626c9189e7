//! Prices: what a text really cost is known at the provider some time after its end. It is asked for in
//! the background, a few at a time, and not for ever.

use super::{Host, HostError};
use chrono::{DateTime, TimeDelta, Utc};

/// Calls asked about in one round: with a round every five seconds, four a second.
const PAGE: u32 = 20;

/// When the price is asked for again, and until when, counted from the call.
const AGAIN: TimeDelta = TimeDelta::hours(6);
const FOR: TimeDelta = TimeDelta::days(3);

impl Host {
    /// Asks for the prices that are due.
    pub(super) async fn ask_prices(&self, now: DateTime<Utc>) -> Result<(), HostError> {
        for test in [false, true] {
            let Some(provider) = self.provider(test).cloned() else { continue };
            let mut tx = self.store.look().await?;
            let due = tx.attempts_without_price(test, now, PAGE).await?;
            drop(tx);
            for (attempt, sid, made_at) in due {
                let answer = provider.fetch(&sid).await;
                let text = answer.as_ref().ok().and_then(Option::as_ref);
                let price = text.and_then(|text| Some((text.price_micros?, text.segments)));
                let mut tx = self.store.begin().await?;
                if let Some((micros, segments)) = price {
                    tx.set_price(attempt, micros, segments).await?;
                } else {
                    let again = Some(now + AGAIN).filter(|_| now < made_at + FOR);
                    tx.ask_price_again(attempt, again).await?;
                }
                tx.commit().await?;
                if let Err(error) = answer {
                    // Whoever does not answer one question is not asked twenty. The one that failed waits
                    // like a price that is not known yet, so that it never stands in the way of the others.
                    tracing::warn!(error = &error as &dyn std::error::Error, "asking for a price failed");
                    break;
                }
            }
        }
        Ok(())
    }
}
