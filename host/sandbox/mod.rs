//! A Twilio that runs inside: the same wire format from the other side, a phone one can look at, and
//! faults on demand. For trying the product without an account, and for every test of it.
//!
//! What it promises:
//!
//! - It speaks Twilio's Messages resource (create, fetch, list with paging, redact, cancel, delete) and
//!   Verify's Verifications and `VerificationCheck`, on a port of its own, with Twilio's field types,
//!   dates, prices and errors.
//! - Every text it accepts is recorded, whatever was answered and whoever hung up: [`Sandbox::texts`].
//!   A text lost or sent twice can be counted.
//! - Status callbacks and inbound texts go over real HTTP and are signed like Twilio's.
//! - It takes its time and its chance from who started it. Only its delays are real.
//!
//! A number decides what happens to its texts; [`fault::NUMBERS`] has them all, and the page shows
//! them. Every other valid number gets its texts. A script of faults ([`Sandbox::script`]) comes
//! before the number's own.
//!
//! | numbers | |
//! |---|---|
//! | `+1 500 555 0001 … 0009` | Twilio's own magic numbers: refused with the documented code |
//! | `+1 500 555 0101 … 0110` | the call itself goes wrong |
//! | `+1 500 555 0111 … 0119` | taken, and does not arrive |
//! | `+1 500 555 0121 … 0125` | callbacks go astray |

mod answer;
mod control;
mod errors;
pub mod fault;
mod inbound;
mod ledger;
mod life;
mod line;
mod messages;
mod page;
mod post;
#[cfg(test)]
mod tests;
mod verify;
mod wire;

pub use fault::Fault;
pub use inbound::{Reply, ReplyError};
pub use ledger::{Direction, SandboxText, ToldCallback};
pub use page::MOUNT;

use crate::clock::{Chance, Clock};
use crate::domain::secret::Secret;
use axum::Router;
use chrono::{DateTime, TimeDelta, Utc};
use ledger::Ledger;
use rand::RngExt as _;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How a sandbox behaves.
#[derive(Clone, Debug)]
pub struct SandboxSettings {
    /// Where it listens; port 0 takes any free one.
    pub bind: SocketAddr,
    /// The one account it has.
    pub account_sid: String,
    /// The account's one Verify service.
    pub verify_service_sid: String,
    /// The account's token; made up when it is empty.
    pub auth_token: Secret,
    /// An API key and its secret, accepted beside the token.
    pub api_key: Option<(String, Secret)>,
    /// Numbers that may be sent from, beside Twilio's `+15005550006`.
    pub senders: Vec<String>,
    /// Where inbound texts are posted.
    pub inbound_url: Option<String>,
    /// Before each step of a text's life.
    pub step_delay: Duration,
    /// Before callbacks that are late, unless they are released.
    pub late: Duration,
    /// Before a callback is tried again.
    pub retry_delay: Duration,
    /// Between the last byte of a call and its acceptance, even when the caller hangs up meanwhile.
    pub accept_delay: Duration,
    /// How long a text is missing from the list, by the clock.
    pub list_lag: TimeDelta,
    /// How far the dates are ahead of the clock.
    pub date_skew: TimeDelta,
    /// Whether Advanced Opt-Out is on: inbound texts carry `OptOutType`, blocks are told later.
    pub advanced_opt_out: bool,
    /// So many texts are remembered; the oldest are forgotten.
    pub keep: usize,
}

impl Default for SandboxSettings {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            account_sid: "AC5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a".to_owned(),
            verify_service_sid: "VA5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a".to_owned(),
            auth_token: Secret::default(),
            api_key: None,
            senders: Vec::new(),
            inbound_url: None,
            step_delay: Duration::from_millis(40),
            late: Duration::from_secs(20),
            retry_delay: Duration::from_millis(100),
            accept_delay: Duration::ZERO,
            list_lag: TimeDelta::zero(),
            date_skew: TimeDelta::zero(),
            advanced_opt_out: false,
            keep: usize::MAX,
        }
    }
}

impl SandboxSettings {
    /// Nothing waits, but late callbacks until they are released: for tests.
    #[must_use]
    pub fn immediate() -> Self {
        Self {
            step_delay: Duration::ZERO,
            retry_delay: Duration::ZERO,
            late: Duration::from_hours(1),
            ..Self::default()
        }
    }
}

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The port is taken, or not ours to take.
    #[error("the sandbox cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Its client for callbacks could not be made.
    #[error("the sandbox cannot make callbacks")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A running Twilio of our own. It ends when it is shut down or dropped.
pub struct Sandbox {
    shared: Arc<Shared>,
    server: JoinHandle<()>,
    address: SocketAddr,
}

/// What the server, the lives of the texts and the pages have in common.
pub(crate) struct Shared {
    settings: SandboxSettings,
    clock: Arc<dyn Clock>,
    chance: Chance,
    poster: post::Poster,
    ledger: Mutex<Ledger>,
    /// Counts changes, for those who wait for one.
    changed: watch::Sender<u64>,
    /// Counts releases of late callbacks.
    released: watch::Sender<u64>,
    /// Lives that are not at their end.
    busy: watch::Sender<usize>,
    stopped: watch::Sender<bool>,
}

impl Sandbox {
    /// Opens the port and serves until it is shut down.
    ///
    /// # Errors
    ///
    /// The port cannot be opened, or no client for callbacks can be made.
    pub async fn start(
        mut settings: SandboxSettings,
        clock: Arc<dyn Clock>,
        chance: Chance,
    ) -> Result<Self, SandboxError> {
        let bind = settings.bind;
        let failed = |source| SandboxError::Listen { address: bind, source };
        let listener = TcpListener::bind(bind).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        if settings.auth_token.expose().is_empty() {
            settings.auth_token = Secret::new(hex(&chance));
        }
        let shared = Arc::new(Shared {
            ledger: Mutex::new(Ledger::new(settings.inbound_url.clone())),
            settings,
            clock,
            chance,
            poster: post::Poster::new().map_err(SandboxError::Client)?,
            changed: watch::Sender::new(0),
            released: watch::Sender::new(0),
            busy: watch::Sender::new(0),
            stopped: watch::Sender::new(false),
        });
        let service =
            messages::router(shared.clone()).into_make_service_with_connect_info::<line::Scissors>();
        let serving = Arc::clone(&shared);
        let server = tokio::spawn(async move {
            let served = axum::serve(line::Lines(listener), service)
                .with_graceful_shutdown(async move { serving.until_stopped().await })
                .await;
            if let Err(error) = served {
                tracing::error!(%error, "the sandbox stopped serving");
            }
        });
        Ok(Self { shared, server, address })
    }

    /// What to give a client as its `base_url`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The account it has.
    #[must_use]
    pub fn account_sid(&self) -> &str {
        &self.shared.settings.account_sid
    }

    /// The account's Verify service.
    #[must_use]
    pub fn verify_service_sid(&self) -> &str {
        &self.shared.settings.verify_service_sid
    }

    /// The account's token.
    #[must_use]
    pub fn auth_token(&self) -> &Secret {
        &self.shared.settings.auth_token
    }

    /// Twilio's Messages resource, for another port than its own. Connections cannot be cut there.
    pub fn router(&self) -> Router {
        messages::router(self.shared.clone())
    }

    /// The phones and the API for tests, with [`MOUNT`] in their paths: to be merged, not nested.
    pub fn phone_page(&self) -> Router {
        page::router(self.shared.clone()).merge(control::router(self.shared.clone()))
    }

    /// Where inbound texts are posted from now on.
    pub fn set_inbound_url(&self, url: impl Into<String>) {
        self.shared.ledger().inbound_url = Some(url.into());
    }

    /// What happens to the next calls for a number, one fault a call, after those that wait already.
    pub fn script(&self, to: &str, faults: impl IntoIterator<Item = Fault>) {
        self.shared.ledger().faults.script(to, faults);
    }

    /// What happens to every call for a number from now on; to all numbers with `*`.
    pub fn always(&self, to: &str, fault: Fault) {
        self.shared.ledger().faults.always(to, fault);
    }

    /// Every text that was accepted by a call, in the order of acceptance, as it was accepted.
    #[must_use]
    pub fn texts(&self) -> Vec<SandboxText> {
        self.shared.ledger().accepted().cloned().collect()
    }

    /// Those to one number.
    #[must_use]
    pub fn texts_to(&self, e164: &str) -> Vec<SandboxText> {
        self.shared.ledger().accepted().filter(|text| text.to == e164).cloned().collect()
    }

    /// How often each pair of number and words was accepted: more than 1 is a duplicate, 0 a loss.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<(String, String), usize> {
        let mut counts = BTreeMap::new();
        for text in self.shared.ledger().accepted() {
            *counts.entry((text.to.clone(), text.body.clone())).or_default() += 1;
        }
        counts
    }

    /// Calls to create a text, whatever came of them.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.shared.ledger().calls
    }

    /// Sends a text from a phone to one of our numbers; to the one that texted it last by default.
    ///
    /// # Errors
    ///
    /// Nobody is there to be told.
    pub async fn reply(&self, from: &str, to: Option<&str>, body: &str) -> Result<Reply, ReplyError> {
        inbound::reply(&self.shared, from, to, body).await
    }

    /// Lets callbacks go that are late.
    pub fn release_callbacks(&self) {
        self.shared.released.send_modify(|count| *count += 1);
    }

    /// Forgets all texts, faults and blocks.
    pub fn reset(&self) {
        self.shared.ledger().reset();
        self.shared.has_changed();
    }

    /// Waits until the texts are as wished.
    pub async fn until(&self, wished: impl Fn(&[SandboxText]) -> bool) {
        let mut changes = self.shared.changed.subscribe();
        while !wished(&self.texts()) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Waits until every text is at its end and all callbacks are made.
    pub async fn until_quiet(&self) {
        let _ = self.shared.busy.subscribe().wait_for(|busy| *busy == 0).await;
    }

    /// Stops taking calls, ends what is under way, and waits for it.
    pub async fn shut_down(mut self) {
        self.shared.stopped.send_replace(true);
        let _ = (&mut self.server).await;
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.shared.stopped.send_replace(true);
        self.server.abort();
    }
}

impl Shared {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // Every change under the lock is one step: after a panic the ledger is as good as before.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This moment by the sandbox's own clock.
    fn now(&self) -> DateTime<Utc> {
        self.clock.now() + self.settings.date_skew
    }

    /// A new identifier: `SM` and 32 hex digits.
    fn sid(&self, kind: &str) -> String {
        format!("{kind}{}", hex(&self.chance))
    }

    fn has_changed(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    async fn until_stopped(&self) {
        let _ = self.stopped.subscribe().wait_for(|stopped| *stopped).await;
    }
}

fn hex(chance: &Chance) -> String {
    format!("{:032x}", chance.lock().random::<u128>())
}
