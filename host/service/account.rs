//! The account: where the provider refuses it as a whole, or answers nobody, failing every message would help nobody. Its
//! texts wait, somebody is told once, and one text at a time is tried until one is let through.

use super::webhooks::Announcement;
use super::{Host, HostError};
use crate::domain::failure::{ProviderError, SendOutcome};
use crate::domain::message::Message;
use crate::store::{AccountStop, Modes};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How long a refused account rests before one more text is tried.
pub(super) const ACCOUNT_REST: TimeDelta = TimeDelta::minutes(5);

/// How long a provider that does not answer rests before one more text is tried.
const OUTAGE_REST: TimeDelta = TimeDelta::seconds(30);

/// So many calls one after the other that came to nothing are an outage.
const OUTAGE: u32 = 8;

/// Accounts that are refused or out of reach, as far as this host knows.
#[derive(Default)]
pub(super) struct Stops {
    known: Mutex<Vec<AccountStop>>,
    /// Calls without an answer since the last one that had one: live, test.
    unanswered: [AtomicU32; 2],
}

impl Stops {
    fn lock(&self) -> MutexGuard<'_, Vec<AccountStop>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    const fn unanswered(&self, test: bool) -> &AtomicU32 {
        &self.unanswered[if test { 1 } else { 0 }]
    }

    fn of(&self, test: bool) -> Option<AccountStop> {
        self.lock().iter().find(|stop| stop.test == test).cloned()
    }

    /// Takes in what the database says.
    pub(super) fn learn(&self, stops: Vec<AccountStop>) {
        *self.lock() = stops;
    }
}

impl Host {
    /// Which messages may be claimed: those whose account is not refused.
    pub(super) fn open_modes(&self) -> Option<Modes> {
        let is_open = |test| self.stops.of(test).is_none();
        Modes::new(
            self.providers.live.is_some() && is_open(false),
            self.providers.test.is_some() && is_open(true),
        )
    }

    /// Refused accounts that this host could try again now.
    pub(super) fn probes_due(&self, now: DateTime<Utc>) -> Vec<(bool, Modes)> {
        [false, true]
            .into_iter()
            .filter(|test| self.provider(*test).is_some())
            .filter(|test| self.stops.of(*test).is_some_and(|stop| stop.probe_at <= now))
            .filter_map(|test| Some((test, Modes::new(!test, test)?)))
            .collect()
    }

    /// Whether this host is the one that tries it.
    pub(super) async fn takes_probe(&self, test: bool, now: DateTime<Utc>) -> Result<bool, HostError> {
        let mut tx = self.store.begin().await?;
        let rest = self.stops.of(test).map_or(ACCOUNT_REST, |stop| rest_of(stop.error_code));
        let is_ours = tx.may_probe(test, now, now + rest).await?;
        let stops = tx.account_stops().await?;
        tx.commit().await?;
        self.stops.learn(stops);
        Ok(is_ours)
    }

    /// The provider refuses the account. Somebody is told the first time. `false` where it is no reason
    /// for others to wait: what a test provokes in the sandbox beside a real account.
    pub(super) async fn stop_account(
        &self,
        message: &Message,
        error: &ProviderError,
    ) -> Result<bool, HostError> {
        if !self.is_paced(message) {
            return Ok(false);
        }
        let now = self.now();
        let stop = AccountStop {
            test: message.test,
            stopped_at: now,
            error_code: error.code.map(i64::from),
            error_text: error.text.clone(),
            probe_at: now + rest_of(error.code.map(i64::from)),
        };
        let mut tx = self.store.begin().await?;
        let is_new = tx.stop_account(&stop).await?;
        if is_new {
            let what = if error.code.is_some() { "refuses the account" } else { "is out of reach" };
            tracing::error!(code = error.code, "the provider {what}; texts wait: {}", error.text);
            let data =
                json!({"code": error.code, "text": error.text, "tried_again_at": stop.probe_at.to_rfc3339()});
            self.announce(&mut tx, &about(message.test, "sending.stopped", data), now).await?;
        }
        let stops = tx.account_stops().await?;
        tx.commit().await?;
        self.stops.learn(stops);
        Ok(true)
    }

    /// A call has ended: with an answer, whatever it says, or without one.
    pub(super) fn count_answer(&self, message: &Message, outcome: &SendOutcome) {
        let unanswered = self.stops.unanswered(message.test);
        match outcome {
            SendOutcome::NotReached(_) | SendOutcome::Unknown(_) => {
                unanswered.fetch_add(1, Ordering::Relaxed);
            }
            SendOutcome::Accepted(_) | SendOutcome::Refused(_) | SendOutcome::NotNow { .. } => {
                unanswered.store(0, Ordering::Relaxed);
            }
        }
    }

    /// A call came to nothing: the provider was not reached, or did not answer. Whether that is so for all
    /// calls by now; then texts wait where they are, and one is tried from time to time.
    pub(super) async fn is_out_of_reach(
        &self,
        message: &Message,
        error: &ProviderError,
    ) -> Result<bool, HostError> {
        let unanswered = self.stops.unanswered(message.test).load(Ordering::Relaxed);
        let is_stopped = self.stops.of(message.test).is_some();
        if unanswered < OUTAGE && !is_stopped {
            return Ok(false);
        }
        let unreachable = ProviderError { code: None, ..error.clone() };
        self.stop_account(message, &unreachable).await
    }

    /// A text was let through that was handed over after the account was refused: all go on.
    pub(super) async fn account_works(&self, message: &Message) -> Result<(), HostError> {
        let Some(stop) = self.stops.of(message.test).filter(|stop| stop.stopped_at < message.updated_at)
        else {
            return Ok(());
        };
        let now = self.now();
        let mut tx = self.store.begin().await?;
        if tx.resume_account(message.test).await? {
            tracing::warn!(stopped_at = %stop.stopped_at, "the provider lets the account through again");
            let data = json!({"stopped_at": stop.stopped_at.to_rfc3339()});
            self.announce(&mut tx, &about(message.test, "sending.resumed", data), now).await?;
        }
        let stops = tx.account_stops().await?;
        tx.commit().await?;
        self.stops.learn(stops);
        self.wake.notify_one();
        Ok(())
    }

    /// Whether nothing is sent, but for what is tried.
    pub(super) fn is_stopped(&self) -> bool {
        self.stops.of(self.providers.live.is_none()).is_some()
    }

    /// Refused accounts, in words.
    #[must_use]
    pub fn sending_stopped(&self) -> Vec<String> {
        let said = |stop: &AccountStop| {
            let account = if stop.test { "test" } else { "live" };
            let code = stop.error_code.map_or_else(String::new, |code| format!("{code}: "));
            let (since, next) = (stop.stopped_at.to_rfc3339(), stop.probe_at.to_rfc3339());
            format!("{account} texts since {since}, {code}{}; tried again at {next}", stop.error_text)
        };
        self.stops.lock().iter().map(said).collect()
    }
}

/// An outage is over sooner than somebody has looked after an account.
const fn rest_of(code: Option<i64>) -> TimeDelta {
    match code {
        Some(_) => ACCOUNT_REST,
        None => OUTAGE_REST,
    }
}

const fn about(test: bool, event_type: &str, data: serde_json::Value) -> Announcement<'_> {
    Announcement { event_type, test: Some(test), subject: ("account", "twilio"), reply: None, data }
}
