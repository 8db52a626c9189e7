//! Retention: texts, variables, phones and decisions are forgotten after their time, and at last the
//! messages themselves. What names a person goes before what only counts.

use super::{Host, HostError};
use crate::store::{Cutoffs, FORGET_STEPS};
use chrono::TimeDelta;

/// How long what is kept, counted from its last change.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "as in `[retention]`")]
pub struct Retention {
    pub variables: TimeDelta,
    pub texts: TimeDelta,
    pub phones: TimeDelta,
    pub decisions: TimeDelta,
    pub messages: TimeDelta,
    pub counts: Option<TimeDelta>,
}

/// A step is one short unit of work: nobody waits long for the writer's place.
const STEP: u32 = 200;

/// How often the house is looked through.
const EVERY: std::time::Duration = std::time::Duration::from_hours(1);

/// How often it is tried while the clock is in doubt.
const IN_DOUBT: std::time::Duration = std::time::Duration::from_mins(1);

/// A breath between two steps.
const BREATH: std::time::Duration = std::time::Duration::from_millis(20);

/// The provider's answer to a text in flight may come after its reader was erased.
const LATE: TimeDelta = TimeDelta::days(4);

impl Host {
    /// Looks the house through every hour.
    pub(super) async fn keep_retention(&self) {
        loop {
            // What a wrong clock would forget does not come back.
            if self.doubts_clock() {
                tokio::time::sleep(IN_DOUBT).await;
                continue;
            }
            if let Err(error) = self.forget_what_is_over(BREATH).await {
                tracing::error!(error = &error as &dyn std::error::Error, "retention failed");
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// One whole round of retention.
    ///
    /// # Errors
    ///
    /// The database failed; what was forgotten until then is.
    pub async fn forget_what_is_over(&self, breath: std::time::Duration) -> Result<(), HostError> {
        let (now, kept) = (self.now(), &self.settings.retention);
        let cutoffs = Cutoffs {
            variables: now - kept.variables,
            texts: now - kept.texts,
            phones: now - kept.phones,
            decisions: now - kept.decisions,
            messages: now - kept.messages,
            counts: kept.counts.map(|kept| now - kept),
        };
        let youngest = kept.variables.min(kept.texts).min(kept.phones).min(kept.decisions).min(kept.messages);
        let mut page = None;
        loop {
            let mut tx = self.store.read().await?;
            page = tx.page_by_age(page, now - youngest, STEP).await?;
            drop(tx);
            let Some(page) = page else { break };
            let mut tx = self.store.begin().await?;
            tx.forget_page(page, &cutoffs).await?;
            tx.commit().await?;
            tokio::time::sleep(breath).await;
        }
        for step in &FORGET_STEPS {
            let mut more = true;
            while more {
                let mut tx = self.store.begin().await?;
                more = tx.forget(step, &cutoffs, STEP).await?;
                tx.commit().await?;
                tokio::time::sleep(breath).await;
            }
        }
        let mut tx = self.store.begin().await?;
        tx.queue_late_redactions(now - LATE, now).await?;
        tx.fold_usage().await?;
        Ok(tx.commit().await?)
    }
}
