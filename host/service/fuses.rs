//! Fuses: when a type or a country has used up its hour or day, its texts are held until the next one,
//! and the operator is told once. They are counted in the unit of work that commits to a call, so that texts
//! which are ready at the same time, here or on another host, cannot use more together than there is.

use super::judge::Verdict;
use super::webhooks::Announcement;
use super::{FuseState, Host, HostError};
use crate::domain::budget::Fuse;
use crate::domain::message::{Cause, Message, TextFacts};
use crate::store::Tx;
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

/// A warning is given once for each credit.
const FOR_EVER: DateTime<Utc> = DateTime::from_timestamp(253_402_300_799, 0).expect("the year 9999");

/// A fuse that a text would blow.
pub(super) struct Blown {
    fuse: String,
    /// The end of the hour or day.
    pub(super) until: DateTime<Utc>,
    segments: i64,
}

impl Blown {
    /// Why the text has to wait.
    pub(super) fn cause(&self) -> Cause {
        let text = format!("the budget for {} is used up; it goes on with the next", self.fuse);
        Cause::new("budget-blown", text)
    }
}

/// What is used of each fuse, counted along while calls are committed to.
pub(super) struct Meter(Vec<FuseState>);

impl Meter {
    /// Counts a text, unless it would blow a fuse.
    pub(super) fn take(
        &mut self,
        message: &Message,
        country: Option<&str>,
        text: &TextFacts,
    ) -> Result<(), Blown> {
        let (kind, country) = (message.kind.as_str(), country.unwrap_or_default());
        let mut counted: Vec<&mut FuseState> =
            self.0.iter_mut().filter(|state| state.fuse.is_about(kind, country)).collect();
        for state in &counted {
            let segments = state.segments + i64::from(text.segments);
            if state.fuse.blows(message.lane, segments, state.micros + text.cost_micros) {
                return Err(Blown { fuse: state.fuse.to_string(), until: state.until, segments });
            }
        }
        for state in &mut counted {
            state.segments += i64::from(text.segments);
            state.micros += text.cost_micros;
        }
        Ok(())
    }
}

impl Host {
    /// What of each fuse is used, in a unit of work in which nobody else counts.
    pub(super) async fn meter(
        &self,
        tx: &mut Tx,
        test: bool,
        now: DateTime<Utc>,
    ) -> Result<Meter, HostError> {
        if self.settings.budget.fuses.is_empty() {
            return Ok(Meter(Vec::new()));
        }
        tx.lock_fuses().await?;
        Ok(Meter(self.fuses(tx, test, now).await?))
    }

    /// What becomes of a text that would blow a fuse, looked at before anything is committed to.
    pub(super) async fn blown_fuse(
        &self,
        message: &Message,
        country: Option<&str>,
        text: &TextFacts,
        now: DateTime<Utc>,
    ) -> Result<Option<Verdict>, HostError> {
        self.warn_of_trial(message.test, text.cost_micros, now).await?;
        match self.fuse_before(message, country, text, now).await? {
            Some(blown) => Ok(Some(self.blow(&blown, message.test, now).await?)),
            None => Ok(None),
        }
    }

    /// The fuse that a text would blow at a moment, if it would; nothing is written.
    pub(super) async fn fuse_before(
        &self,
        message: &Message,
        country: Option<&str>,
        text: &TextFacts,
        at: DateTime<Utc>,
    ) -> Result<Option<Blown>, HostError> {
        if self.settings.budget.fuses.is_empty() {
            return Ok(None);
        }
        let mut tx = self.store.look().await?;
        let mut meter = Meter(self.fuses(&mut tx, message.test, at).await?);
        Ok(meter.take(message, country, text).err())
    }

    /// Tells the operator, once, and answers what becomes of the text.
    pub(super) async fn blow(
        &self,
        blown: &Blown,
        test: bool,
        now: DateTime<Utc>,
    ) -> Result<Verdict, HostError> {
        let data = json!({"fuse": blown.fuse, "until": blown.until.to_rfc3339(), "segments": blown.segments});
        self.announce_first("budget.blown", &blown.fuse, test, (blown.until, now), data).await?;
        Ok(Verdict::HoldUntil { cause: blown.cause(), until: blown.until })
    }

    /// The fuses of the settings that are blown now, of live texts where this host sends any; none while the
    /// database does not answer.
    pub async fn fuses_blown(&self) -> Vec<String> {
        let (now, test) = (self.now(), self.providers.live.is_none());
        let blown = async { self.store.look().await?.blown_fuses(test, now).await };
        let mut blown = blown.await.unwrap_or_default();
        let fuses: Vec<String> = self.settings.budget.fuses.iter().map(ToString::to_string).collect();
        blown.retain(|fuse| fuses.contains(fuse));
        blown
    }

    /// The texts that a trial account has left, once its credit is nearly used up.
    pub async fn trial_texts_left(&self) -> Option<i64> {
        let trial = self.trial(self.providers.live.is_none()).await.ok()??;
        trial.is_low(0).then_some(trial.texts_left)
    }

    async fn warn_of_trial(&self, test: bool, more_micros: i64, now: DateTime<Utc>) -> Result<(), HostError> {
        // The sandbox beside an account costs that account nothing.
        if self.is_test_beside_live(test) {
            return Ok(());
        }
        let Some(trial) = self.trial(test).await?.filter(|trial| trial.is_low(more_micros)) else {
            return Ok(());
        };
        let data = json!({"what": "trial credit", "texts_left": trial.texts_left});
        let (whole, part) = (trial.credit_micros / 1_000_000, trial.credit_micros % 1_000_000);
        let name = format!("the trial account's credit of {whole}.{part:06}");
        self.announce_first("budget.warning", &name, test, (FOR_EVER, now), data).await
    }

    /// Tells the operator of a budget the first time; afterwards nothing is written.
    async fn announce_first(
        &self,
        event_type: &str,
        name: &str,
        test: bool,
        (until, now): (DateTime<Utc>, DateTime<Utc>),
        data: serde_json::Value,
    ) -> Result<(), HostError> {
        if self.store.look().await?.is_fuse_blown(name, test, until).await? {
            return Ok(());
        }
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
