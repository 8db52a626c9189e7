//! Fuses: when a type or a country has used up its hour or day, its texts are held until the next one,
//! and the operator is told once. What is on its way at that moment still goes out.

use super::webhooks::Announcement;
use super::{FuseState, Host, HostError};
use crate::domain::budget::Fuse;
use crate::domain::message::{Cause, Message, TextFacts};
use chrono::{DateTime, Utc};
use serde_json::json;

/// What the clinic has set about money.
#[derive(Clone, Debug, Default)]
pub struct Budget {
    /// The limits.
    pub fuses: Vec<Fuse>,
    /// Of a trial account: what it began with, in millionths.
    pub trial_credit_micros: Option<i64>,
}

/// Of a trial account's credit, in percent, when the operator is warned.
const WARN_AT: i64 = 80;

/// A warning is given once.
const FOR_EVER: DateTime<Utc> = DateTime::from_timestamp(253_402_300_799, 0).expect("the year 9999");

impl Host {
    /// Why a text has to wait, and until when, if it would use more than there is.
    pub(super) async fn blown_fuse(
        &self,
        message: &Message,
        country: Option<&str>,
        text: &TextFacts,
        now: DateTime<Utc>,
    ) -> Result<Option<(Cause, DateTime<Utc>)>, HostError> {
        self.warn_of_trial(message.test, text.cost_micros, now).await?;
        let Some((cause, state)) = self.fuse_before(message, country, text, now).await? else {
            return Ok(None);
        };
        let name = state.fuse.to_string();
        let data = json!({"fuse": name, "until": state.until.to_rfc3339(), "segments": state.segments});
        self.tell_once_of("budget.blown", &name, message.test, (state.until, now), data).await?;
        Ok(Some((cause, state.until)))
    }

    /// The fuse that a text would blow at a moment, if it would; nothing is written.
    pub(super) async fn fuse_before(
        &self,
        message: &Message,
        country: Option<&str>,
        text: &TextFacts,
        at: DateTime<Utc>,
    ) -> Result<Option<(Cause, FuseState)>, HostError> {
        if self.settings.budget.fuses.is_empty() {
            return Ok(None);
        }
        let country = country.unwrap_or_default();
        let is_over = |state: &FuseState| {
            let segments = state.segments + i64::from(text.segments);
            state.fuse.is_about(message.kind.as_str(), country)
                && state.fuse.blows(message.lane, segments, state.micros + text.cost_micros)
        };
        let blown = self.fuses(message.test, at).await?.into_iter().find(is_over);
        Ok(blown.map(|state| {
            let text = format!("the budget for {} is used up; it goes on with the next", state.fuse);
            (Cause::new("budget-blown", text), state)
        }))
    }

    /// Fuses that are blown now; none while the database does not answer.
    pub async fn fuses_blown(&self) -> Vec<String> {
        let now = self.now();
        let blown = async { self.store.look().await?.blown_fuses(now).await };
        blown.await.unwrap_or_default()
    }

    async fn warn_of_trial(&self, test: bool, more_micros: i64, now: DateTime<Utc>) -> Result<(), HostError> {
        let Some(trial) = self.trial(test).await? else { return Ok(()) };
        if (trial.spent_micros + more_micros) * 100 < trial.credit_micros * WARN_AT {
            return Ok(());
        }
        let data = json!({"what": "trial credit", "texts_left": trial.texts_left});
        let name = "the trial account's credit";
        self.tell_once_of("budget.warning", name, test, (FOR_EVER, now), data).await
    }

    async fn tell_once_of(
        &self,
        event_type: &str,
        name: &str,
        test: bool,
        (until, now): (DateTime<Utc>, DateTime<Utc>),
        data: serde_json::Value,
    ) -> Result<(), HostError> {
        let mut tx = self.store.begin().await?;
        if !tx.blow_fuse(name, test, until, now).await? {
            return Ok(());
        }
        tracing::error!(event_type, %until, "a budget: {name}");
        let subject = ("budget", name);
        let announcement = Announcement { event_type, test: Some(test), subject, reply: None, data };
        self.announce(&mut tx, &announcement, now).await?;
        Ok(tx.commit().await?)
    }
}
