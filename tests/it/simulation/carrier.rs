//! A provider in memory: what it does with a call is drawn from the seed.

use super::super::support::phone;
use chrono::{DateTime, TimeDelta, Utc};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tidings::clock::{Clock as _, ManualClock};
use tidings::domain::failure::{
    AcceptedText, FailureClass, ListedText, ProviderError, ProviderStatus, SendOutcome,
};
use tidings::domain::id::{AttemptId, MessageId};
use tidings::domain::phone::PhoneNumber;
use tidings::twilio::{BoxFuture, LookUpError, Outgoing, Provider};

/// One text that it took, or will take when its bytes arrive.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    #[expect(dead_code, reason = "shown when a promise is broken")]
    message: MessageId,
    pub(super) attempt: AttemptId,
    pub(super) sid: String,
    pub(super) at: DateTime<Utc>,
    /// From when its list shows it.
    listed_at: DateTime<Utc>,
    /// What becomes of it in the end.
    pub(super) end: ProviderStatus,
    /// What is still to be told.
    pub(super) untold: Vec<ProviderStatus>,
    to: String,
    body: String,
}

pub(super) struct Carrier {
    clock: Arc<ManualClock>,
    drawn: Mutex<(StdRng, Vec<Taken>)>,
}

/// Bytes arrive, and the list shows a text, within this span of the call: both look-ups are later than
/// a call's time-out, and the second one is later than this.
const LATEST: i64 = 85;

impl Carrier {
    pub(super) fn new(clock: Arc<ManualClock>, seed: u64) -> Self {
        Self { clock, drawn: Mutex::new((StdRng::seed_from_u64(seed), Vec::new())) }
    }

    fn drawn(&self) -> MutexGuard<'_, (StdRng, Vec<Taken>)> {
        self.drawn.lock().unwrap()
    }

    /// All that has arrived by now.
    pub(super) fn taken(&self) -> Vec<Taken> {
        let now = self.clock.now();
        self.drawn().1.iter().filter(|text| text.at <= now).cloned().collect()
    }

    /// Takes one thing that is still to be told, in any order; `None` when there is none.
    pub(super) fn something_untold(&self, chance: &mut StdRng) -> Option<(Taken, ProviderStatus)> {
        let now = self.clock.now();
        let mut drawn = self.drawn();
        let mut told: Vec<&mut Taken> =
            drawn.1.iter_mut().filter(|text| text.at <= now && !text.untold.is_empty()).collect();
        if told.is_empty() {
            return None;
        }
        let place = chance.random_range(0..told.len());
        let text = &mut *told[place];
        let place = chance.random_range(0..text.untold.len());
        // Some are told twice.
        let status = if chance.random_bool(0.2) { text.untold[place] } else { text.untold.remove(place) };
        Some((text.clone(), status))
    }

    /// It was not thanked: it tells it again.
    pub(super) fn tell_again(&self, sid: &str, status: ProviderStatus) {
        if let Some(text) = self.drawn().1.iter_mut().find(|text| text.sid == sid) {
            text.untold.push(status);
        }
    }

    fn answer(&self, text: &Outgoing) -> SendOutcome {
        let now = self.clock.now();
        let mut drawn = self.drawn();
        let (chance, taken) = &mut *drawn;
        let (fate, delay) = (chance.random_range(0..100), chance.random_range(1..=10));
        let late = if (55..63).contains(&fate) { delay } else { 0 };
        let lag = if chance.random_bool(0.7) {
            chance.random_range(0..5)
        } else {
            chance.random_range(0..=LATEST - late)
        };
        let end =
            if chance.random_bool(0.9) { ProviderStatus::Delivered } else { ProviderStatus::Undelivered };
        let is_told = chance.random_bool(0.7);
        let (message, attempt) = named(text.status_callback.as_deref().unwrap());
        let sid = format!("SM{:032x}", chance.random::<u128>());
        if fate < 63 {
            let at = now + TimeDelta::seconds(late);
            taken.push(Taken {
                message,
                attempt,
                sid: sid.clone(),
                at,
                listed_at: at + TimeDelta::seconds(lag),
                end,
                untold: if is_told { vec![ProviderStatus::Sent, end] } else { Vec::new() },
                to: text.to.e164().to_owned(),
                body: text.body.expose().to_owned(),
            });
        }
        match fate {
            0..45 => {
                SendOutcome::Accepted(AcceptedText { sid, status: ProviderStatus::Queued, segments: Some(1) })
            }
            45..75 => SendOutcome::Unknown(error(None)),
            75..82 => SendOutcome::NotReached(error(None)),
            82..93 => SendOutcome::NotNow {
                error: error(Some(20429)),
                retry_after: Some(Duration::from_secs(chance.random_range(1..5))),
            },
            _ => SendOutcome::Refused(error(Some(30003))),
        }
    }
}

fn error(code: Option<u32>) -> ProviderError {
    ProviderError {
        http_status: None,
        code,
        text: "drawn".to_owned(),
        class: FailureClass::Unreachable,
        account_wide: false,
        may_have_arrived: code.is_none(),
    }
}

/// Message and attempt, as the address for callbacks names them.
fn named(url: &str) -> (MessageId, AttemptId) {
    let query = url.split_once('?').unwrap().1;
    let find = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)).unwrap();
    (find("m=").parse().unwrap(), find("a=").parse().unwrap())
}

fn listed(text: &Taken, now: DateTime<Utc>) -> ListedText {
    let is_over = now - text.at > TimeDelta::minutes(10);
    ListedText {
        sid: text.sid.clone(),
        body: text.body.clone(),
        created_at: text.at,
        status: if is_over { text.end } else { ProviderStatus::Queued },
        outbound: true,
        error_code: (is_over && text.end == ProviderStatus::Undelivered).then_some(30003),
        price_micros: Some(7500),
        segments: Some(1),
    }
}

/// It makes no codes.
impl tidings::twilio::verify::Verify for Carrier {}

impl Provider for Carrier {
    fn send<'a>(&'a self, text: &'a Outgoing) -> BoxFuture<'a, SendOutcome> {
        Box::pin(async { self.answer(text) })
    }

    fn fetch<'a>(&'a self, sid: &'a str) -> BoxFuture<'a, Result<Option<ListedText>, LookUpError>> {
        let now = self.clock.now();
        let found = self.taken().into_iter().find(|text| text.sid == sid).map(|text| listed(&text, now));
        Box::pin(async { Ok(found) })
    }

    fn list<'a>(
        &'a self,
        to: &'a PhoneNumber,
        since: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Vec<ListedText>, LookUpError>> {
        let now = self.clock.now();
        let is_answered = self.drawn().0.random_bool(0.9);
        let found: Vec<ListedText> = self
            .taken()
            .iter()
            .filter(|text| phone(&text.to) == *to && text.listed_at <= now && text.at >= since)
            .map(|text| listed(text, now))
            .collect();
        Box::pin(async move { if is_answered { Ok(found) } else { Err(LookUpError::Unreadable) } })
    }

    fn date(&self) -> BoxFuture<'_, Option<DateTime<Utc>>> {
        Box::pin(std::future::ready(Some(self.clock.now())))
    }

    fn redact<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), LookUpError>> {
        Box::pin(async { Ok(()) })
    }
}
