//! What the host does: one file per verb. A [`Host`] is the whole machine, cheap to clone; its
//! methods stand in the files of their verbs.
//!
//! The way of an event: [`intake`](Host::accept_event) commits it, [`plan`](Host::plan_event) asks
//! the policies which messages follow, [`dispatch`](Host::tick) claims what is due, asks whether it
//! goes out now, renders it, commits the intent and calls the provider; [`receipts`](Host::receive)
//! and [`reconcile`](Host::sweep) bring it to its end.

mod accept;
mod account;
mod allowance;
mod audit;
mod catalogue;
mod changes;
mod checks;
mod claim;
mod consents;
mod context;
mod count_anew;
mod dispatch;
mod draft;
mod erase;
mod expire;
mod export;
mod export_events;
mod failure;
mod fuses;
mod gather;
mod import;
mod in_order;
mod intake;
mod intend;
mod judge;
mod keys;
mod links;
mod look_up;
mod narrate;
mod one_by_one;
mod otp;
mod patience;
mod peers;
mod people;
mod plan;
mod plan_together;
mod planned;
mod preview;
mod prices;
mod readiness;
mod receipts;
mod receive_together;
mod reconcile;
mod record;
mod recover;
mod redact;
mod replan;
mod replies;
mod retention;
mod scopes;
mod senders;
mod sent_before;
mod settings;
mod settle;
mod shadow;
mod sign_in;
mod standing;
mod steady;
mod story;
mod stragglers;
mod take_in;
mod text;
mod together;
mod usage;
mod webhooks;
mod words;

pub use allowance::Allowance;
pub use audit::Auditor;
pub use changes::Underway;
pub use checks::{FieldError, PostedPerson};
pub use consents::{ConsentPage, PostedConsent, PostedOptOut};
pub use dispatch::Ticked;
pub use draft::PostedMessage;
pub use erase::{erase, erase_again};
pub use export::export;
pub use fuses::Budget;
pub use import::Estimate;
pub use intake::{Accepted, IntakeError, PostedEvent};
pub use keys::{Caller, KeyRefused, NewKey, PreparedKey};
pub use links::{Followed, LinkSettings};
pub use narrate::StoryLine;
pub use otp::{
    Brakes, Checked, CodeRequest, Once, Origin, OtpError, OtpSettings, PostedCode, PumpBreaker, Sent,
};
pub use patience::Patience;
pub use people::{PersonError, PostedPreferences, PostedRecipient};
pub use planned::{EventStory, Passed, TooLate};
pub use preview::{Judged, Preview, PreviewText};
pub use readiness::{Claiming, LaneReadiness, Readiness};
pub use receipts::{Receipt, Received};
pub use recover::Recovered;
pub use replies::{Inbound, ReplyEntry, ReplyFilter, ReplyPage};
pub use retention::Retention;
pub use scopes::{SCOPES, ScopeError, check_scope};
pub use senders::SenderRoute;
pub use settings::{Clinic, Guard, Permits, Settings};
pub use sign_in::OwnWishes;
pub use story::{ActError, Story, release};
pub use usage::{By, FuseState, TrialState, Usage, UsageLine};
pub use webhooks::{EndpointError, EndpointStory, NewEndpoint, WebhookSettings};
pub use words::tell_faults;

use crate::clock::{Chance, Clock};
use crate::crash::Point;
use crate::domain::id::{EventId, HostId, KeyId, MessageId};
use crate::domain::message::{Lane, Message};
use crate::outbound::{Caller as Outside, Guard as OutsideGuard, Tokens};
use crate::policy::Policies;
use crate::render::Renderer;
use crate::store::{ApiKey, Modes, Store, StoreError};
use crate::twilio::{Provider, callback::Callbacks};
use chrono::{DateTime, Utc};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use together::{Alone, Together};
use tokio::sync::Notify;

/// Whom we send through.
#[derive(Clone)]
pub struct Providers {
    /// For live keys; `None` while no account is configured.
    pub live: Option<Arc<dyn Provider>>,
    /// For test keys: the sandbox.
    pub test: Option<Arc<dyn Provider>>,
}

/// What a verb of the host can fail with, beyond what its own errors say.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The database.
    #[error("the database did not do its part")]
    Store(#[from] StoreError),
    /// A record could not be written as JSON, or read back.
    #[error("a record could not be written or read")]
    Record(#[from] serde_json::Error),
    /// What it rests on was changed by others each time it was tried.
    #[error("others changed what it rests on, {0} times in a row")]
    Overtaken(u32),
    /// A transition that life does not know: a fault of ours.
    #[error("a message could not be moved")]
    Transition(#[from] crate::domain::message::InvalidTransition),
}

/// The machine.
#[derive(Clone)]
pub struct Host(Arc<Inner>);

/// What the machine is made of.
pub struct Inner {
    /// The database.
    pub store: Store,
    /// The clinic's rules.
    pub policies: Policies,
    /// The clinic's words.
    pub renderer: Renderer,
    /// The way out.
    pub providers: Providers,
    /// Calls the clinic's own systems.
    pub outside: Outside,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The random source.
    pub chance: Chance,
    /// This process.
    pub id: HostId,
    /// What it was told.
    pub settings: Settings,
    /// The addresses that the provider calls back; `None` without a public address.
    callbacks: Option<Callbacks>,
    /// The same for texts of test keys.
    test_callbacks: Option<Callbacks>,
    /// Checks who signed in elsewhere.
    tokens: Option<Tokens>,
    /// What each key has done of late.
    uses: allowance::Uses,
    /// Something is due.
    wake: Notify,
    permits: claim::LanePermits,
    /// Of one person's texts one is judged at a time.
    one_by_one: one_by_one::OneByOne,
    /// Callers who come at the same time are looked up together.
    calling: Together<[u8; 32], Result<Option<ApiKey>, Alone>>,
    /// Requests with idempotency keys that come at the same time are looked up together.
    repeating: Together<(KeyId, String), Result<Option<intake::Made>, Alone>>,
    /// Texts that are posted at the same time are committed together.
    accepting: Together<Arc<accept::Posting>, Option<MessageId>>,
    /// Messages that are asked for at the same time are read together.
    looking: Together<MessageId, Result<Option<Message>, Alone>>,
    /// Versions of one subject are taken in one by one.
    in_order: in_order::InOrder,
    /// Events that are posted at the same time are taken in together.
    noting: Together<Arc<take_in::EventPosting>, Option<plan::Planning>>,
    /// Plans that are ready at the same time are committed together.
    planning: Together<Arc<plan_together::Plan>, bool>,
    /// Messages that are claimed at the same time are read together.
    gathering: Together<gather::Wanted, Option<gather::Gathered>>,
    /// Intents that are ready at the same time are committed together.
    intending: Together<Arc<intend::Intent>, Option<Message>>,
    /// Messages that have to wait at the same time go back to their places together.
    putting_back: Together<Arc<intend::PutBack>, bool>,
    /// Receipts that come at the same time are taken in together.
    receiving: Together<Receipt, Option<Received>>,
    auditor: Auditor,
    /// Requests that change something.
    changes: changes::Changes,
    /// Accounts that are refused as a whole.
    stops: account::Stops,
    /// Backups that were put back of late.
    recoveries: sent_before::Recoveries,
    /// Whether the clock can be believed.
    steady: steady::Steady,
    peers: peers::Peers,
    /// Whether this host takes what is due.
    serving: AtomicBool,
    /// Whether it was told to take no more.
    has_stopped: AtomicBool,
    /// Who asks whether it can work.
    asking: readiness::Asking,
    /// When this host last looked for what is due.
    looked: readiness::Looked,
    /// How busy the senders are.
    turns: senders::Turns,
    /// What the provider cannot be asked for in pages.
    too_long_days: stragglers::TooLongDays,
    /// Up to which event, by the moment it came, planning was last taken up; none after a whole round.
    planned_up_to: std::sync::Mutex<Option<(DateTime<Utc>, EventId)>>,
    /// When old codes and counters were last cleared away.
    codes_cleared: std::sync::Mutex<Option<DateTime<Utc>>>,
    /// When each retired key of codes was first found retired.
    codes_retired: std::sync::Mutex<HashMap<String, DateTime<Utc>>>,
}

impl std::ops::Deref for Host {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Host {
    /// Puts the machine together; nothing runs yet.
    #[must_use]
    pub fn new(
        store: Store,
        policies: Policies,
        renderer: Renderer,
        providers: Providers,
        clock: Arc<dyn Clock>,
        chance: Chance,
        settings: Settings,
    ) -> Self {
        let id = HostId::new(clock.now(), &mut *chance.lock());
        let key = store.keys().derive("callback");
        let at = |base: Option<&str>| base.map(|base| Callbacks::new(base, &key));
        let callbacks = at(settings.public_url.as_deref());
        let test_callbacks = at(settings.test_url.as_deref().or(settings.public_url.as_deref()));
        let permits = claim::LanePermits::new(&settings.permits);
        let auditor = Auditor::start(store.clone());
        let outside = Outside::new(OutsideGuard::new(settings.webhooks.allow_networks.iter().copied()));
        let tokens = settings.sign_in.clone().map(Tokens::new);
        Self(Arc::new(Inner {
            auditor,
            changes: changes::Changes::default(),
            tokens,
            store,
            policies,
            renderer,
            providers,
            outside,
            clock,
            chance,
            id,
            settings,
            callbacks,
            test_callbacks,
            uses: allowance::Uses::default(),
            wake: Notify::new(),
            permits,
            one_by_one: one_by_one::OneByOne::default(),
            calling: Together::default(),
            repeating: Together::default(),
            accepting: Together::default(),
            looking: Together::default(),
            in_order: in_order::InOrder::default(),
            noting: Together::default(),
            putting_back: Together::default(),
            planning: Together::default(),
            gathering: Together::default(),
            intending: Together::default(),
            receiving: Together::default(),
            stops: account::Stops::default(),
            recoveries: sent_before::Recoveries::default(),
            steady: steady::Steady::default(),
            peers: peers::Peers::default(),
            serving: AtomicBool::new(false),
            has_stopped: AtomicBool::new(false),
            asking: readiness::Asking::default(),
            looked: readiness::Looked::default(),
            turns: senders::Turns::default(),
            too_long_days: stragglers::TooLongDays::default(),
            planned_up_to: std::sync::Mutex::new(None),
            codes_cleared: std::sync::Mutex::new(None),
            codes_retired: std::sync::Mutex::default(),
        }))
    }

    /// This moment.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The addresses that the provider calls back; `None` without a public address.
    #[must_use]
    pub fn callbacks(&self) -> Option<&Callbacks> {
        self.callbacks.as_ref()
    }

    /// The addresses that are called back about texts of test keys, or of live ones.
    pub(super) fn callbacks_of(&self, test: bool) -> Option<&Callbacks> {
        if test { self.test_callbacks.as_ref() } else { self.callbacks.as_ref() }
    }

    /// A place at which a test may end this host.
    async fn crash_at(&self, point: Point) {
        self.settings.crash.at(point).await;
    }

    /// Which messages this host can serve; `None` when it has nobody to send through.
    fn modes(&self) -> Option<Modes> {
        Modes::new(self.providers.live.is_some(), self.providers.test.is_some())
    }

    fn provider(&self, test: bool) -> Option<&Arc<dyn Provider>> {
        if test { self.providers.test.as_ref() } else { self.providers.live.as_ref() }
    }

    /// Something may be due now: this host looks, and others do where it cannot take it.
    fn wake(&self) {
        self.wake.notify_one();
        let has_room = |lane: Lane| self.permits.of(lane).available_permits() > 0;
        let takes_it = self.serving.load(Ordering::Relaxed) && self.open_modes().is_some();
        if !takes_it || !Lane::ALL.into_iter().all(has_room) {
            self.store.ring();
        }
    }

    /// The same, where something is due before this host looks by itself.
    fn wake_for(&self, due: impl Iterator<Item = DateTime<Utc>>) {
        let looks_at = self.now() + self.settings.poll;
        if due.into_iter().any(|due| due <= looks_at) {
            self.wake();
        }
    }

    fn uuid(&self) -> uuid::Uuid {
        crate::domain::id::ConsentId::new(self.now(), &mut *self.chance.lock()).0
    }
}

/// An error with what led to it, for people.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
