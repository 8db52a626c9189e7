//! Allowances: how many requests a key may make in a minute, and when it was last used. Both are kept in
//! memory and cost a request nothing; the last use is written down once a minute.

use super::{Caller, Host, HostError};
use crate::domain::id::KeyId;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The stretch of time that a quota is for.
const WINDOW: TimeDelta = TimeDelta::minutes(1);

/// What is left to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Requests in a window.
    pub quota: u32,
    /// The window, in seconds.
    pub window: i64,
    /// Requests that are left in this window; `None` when this one was too many.
    pub remaining: Option<u32>,
    /// Seconds until the next window begins.
    pub reset: i64,
}

/// What each key has done of late. Only valid keys get in, so there are as many entries as keys.
#[derive(Default)]
pub(super) struct Uses(Mutex<HashMap<KeyId, Use>>);

#[derive(Clone, Copy)]
struct Use {
    window: DateTime<Utc>,
    requests: u32,
    last: DateTime<Utc>,
    written: Option<DateTime<Utc>>,
}

impl Use {
    fn is_to_write(&self) -> bool {
        self.written.is_none_or(|written| self.last - written >= WINDOW)
    }
}

impl Host {
    /// Counts a request of a key against its quota.
    #[must_use]
    pub fn take_allowance(&self, caller: &Caller) -> Allowance {
        let (now, quota) = (self.now(), self.settings.requests_per_minute);
        let mut uses = self.uses.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = Use { window: now, requests: 0, last: now, written: None };
        let key = uses.entry(caller.key).or_insert(fresh);
        key.last = now;
        // A clock that was set back begins a new window too.
        if !(TimeDelta::zero()..WINDOW).contains(&(now - key.window)) {
            (key.window, key.requests) = (now, 0);
        }
        let remaining = quota.checked_sub(key.requests + 1);
        key.requests = (key.requests + 1).min(quota);
        let left = key.window + WINDOW - now;
        let reset = left.num_seconds() + i64::from(left.subsec_nanos() > 0);
        Allowance { quota, window: WINDOW.num_seconds(), remaining, reset }
    }

    /// Writes down when keys were last used, to the minute.
    pub(super) async fn write_key_uses(&self) -> Result<(), HostError> {
        let due: Vec<(KeyId, DateTime<Utc>)> = {
            let uses = self.uses.0.lock().unwrap_or_else(PoisonError::into_inner);
            uses.iter().filter(|(_, key)| key.is_to_write()).map(|(id, key)| (*id, key.last)).collect()
        };
        if due.is_empty() {
            return Ok(());
        }
        let mut tx = self.store.begin().await?;
        for (id, last) in &due {
            tx.key_used(*id, *last).await?;
        }
        tx.commit().await?;
        let mut uses = self.uses.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, last) in due {
            if let Some(key) = uses.get_mut(&id) {
                key.written = Some(last);
            }
        }
        Ok(())
    }
}
