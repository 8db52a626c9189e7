//! One schedule: a person, a few texts, two hosts, and what the seed has happen to them.

use super::Ground;
use super::carrier::Carrier;
use chrono::{DateTime, TimeDelta, Utc};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tidings::clock::{Chance, Clock as _, ManualClock};
use tidings::config::Config;
use tidings::crash::{Crash, Point};
use tidings::domain::failure::ProviderStatus;
use tidings::domain::id::MessageId;
use tidings::domain::message::Message;
use tidings::service::{
    Caller, Host, HostError, PostedMessage, PostedPerson, Providers, Receipt, Received, Settings,
};
use tidings::store::ProviderEventSource;
use tokio::sync::Notify;

const STEPS: u32 = 18;

/// What was done, and what happened.
#[derive(Default)]
pub(super) struct Happened {
    pub(super) sent: usize,
    pub(super) deaths: u32,
    pub(super) freezes: u32,
}

type Work = Pin<Box<dyn Future<Output = Result<(), HostError>> + Send>>;

/// What a crash point has done to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Dead(Point),
    Frozen(Point),
}

/// Where the crash points of one host and the schedule meet.
struct Wire {
    chance: Mutex<StdRng>,
    /// Nothing more goes wrong.
    calm: AtomicBool,
    fate: Mutex<Option<Fate>>,
    struck: Notify,
    thawed: Notify,
}

impl Wire {
    fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            chance: Mutex::new(StdRng::seed_from_u64(seed)),
            calm: AtomicBool::new(false),
            fate: Mutex::new(None),
            struck: Notify::new(),
            thawed: Notify::new(),
        })
    }

    /// What the crash points of this host do.
    fn crash(self: &Arc<Self>) -> Crash {
        let wire = self.clone();
        Crash::hooked(move |point| {
            let wire = wire.clone();
            Box::pin(async move { wire.at(point).await })
        })
    }

    async fn at(&self, point: Point) {
        if self.calm.load(Ordering::Relaxed) {
            return;
        }
        let drawn = self.chance.lock().unwrap().random_range(0..100);
        let fate = match drawn {
            0..7 => Fate::Dead(point),
            // One that is frozen with a unit of work open holds up everybody on SQLite.
            7..13 if !point.name().ends_with("-uncommitted") => Fate::Frozen(point),
            _ => return,
        };
        *self.fate.lock().unwrap() = Some(fate);
        self.struck.notify_one();
        match fate {
            Fate::Dead(_) => std::future::pending().await,
            Fate::Frozen(_) => self.thawed.notified().await,
        }
    }
}

/// A host, and what it was at when it froze.
struct Life {
    host: Host,
    wire: Arc<Wire>,
    frozen: Option<Work>,
}

pub(super) struct World {
    ground: Arc<Ground>,
    settings: Settings,
    kind: &'static str,
    seed: u64,
    chance: StdRng,
    clock: Arc<ManualClock>,
    carrier: Arc<Carrier>,
    lives: Vec<Life>,
    messages: Vec<MessageId>,
    happened: Happened,
    story: Vec<String>,
}

impl World {
    pub(super) async fn new(
        ground: Arc<Ground>,
        config: &Config,
        kind: &'static str,
        day: i32,
        seed: u64,
    ) -> Self {
        let morning: DateTime<Utc> = "2026-11-24T15:00:00Z".parse().unwrap();
        let clock = Arc::new(ManualClock::at(morning + TimeDelta::days(day.into())));
        let mut config = config.clone();
        config.server.public_url = Some("http://host.example".to_owned());
        config.twilio.phone_number = Some("+15005550006".to_owned());
        // One after the other, so that a seed is one schedule.
        let lanes = &mut config.lanes;
        (lanes.otp, lanes.urgent, lanes.normal, lanes.bulk) = (1, 1, 1, 1);
        let mut world = Self {
            settings: config.settings(),
            carrier: Arc::new(Carrier::new(clock.clone(), seed)),
            chance: StdRng::seed_from_u64(seed),
            lives: Vec::new(),
            messages: Vec::new(),
            happened: Happened::default(),
            story: Vec::new(),
            ground,
            kind,
            seed,
            clock,
        };
        for _ in 0..2 {
            let life = world.born();
            world.lives.push(life);
        }
        world.post().await;
        world
    }

    fn born(&mut self) -> Life {
        let wire = Wire::new(self.chance.random());
        let provider = self.carrier.clone();
        let host = Host::new(
            self.ground.store.clone(),
            self.ground.policies.clone(),
            self.ground.renderer.clone(),
            Providers { live: None, test: Some(provider) },
            self.clock.clone(),
            Chance::seeded(self.chance.random()),
            Settings { crash: wire.crash(), ..self.settings.clone() },
        );
        Life { host, wire, frozen: None }
    }

    /// A few texts to one person, of the same words.
    async fn post(&mut self) {
        let caller = Caller::importer(&self.ground.store, true, self.clock.now(), &Chance::seeded(self.seed))
            .await
            .unwrap();
        let number = self.seed % 5_000_000;
        for _ in 0..self.chance.random_range(1..=2) {
            let variables = json!({"code": "482913"});
            let posted = PostedMessage {
                kind: self.kind.to_owned(),
                to: PostedPerson {
                    id: Some(format!("{}-{}", self.kind, self.seed)),
                    phone: Some(format!("+1202{:07}", 2_000_000 + number)),
                    ..PostedPerson::default()
                },
                variables: if self.kind == "otp" {
                    variables.as_object().unwrap().clone()
                } else {
                    serde_json::Map::new()
                },
                language: None,
                send_at: None,
                expires_at: None,
            };
            self.lives[0].wire.calm.store(true, Ordering::Relaxed);
            let accepted = self.lives[0].host.accept_message(&caller, None, b"", posted).await.unwrap();
            self.lives[0].wire.calm.store(false, Ordering::Relaxed);
            self.messages.push(accepted.id);
        }
    }

    /// The part in which things go wrong.
    pub(super) async fn live(&mut self) {
        for _ in 0..STEPS {
            let host = self.chance.random_range(0..2);
            match self.chance.random_range(0..100) {
                0..35 => self.act(host, "tick").await,
                35..55 => self.act(host, "sweep").await,
                55..75 => {
                    let seconds = [1, 3, 10, 21, 31, 61][self.chance.random_range(0..6)];
                    self.note(format!("{seconds} s go by"));
                    self.clock.advance(TimeDelta::seconds(seconds));
                }
                75..95 => self.told(host).await,
                _ => self.die(host, "killed"),
            }
        }
    }

    fn note(&mut self, what: impl Into<String>) {
        self.story.push(what.into());
    }

    fn die(&mut self, host: usize, how: &str) {
        self.note(format!("host {host} {how}"));
        self.happened.deaths += 1;
        self.lives[host] = self.born();
    }

    /// A host does something; one that is frozen goes on with what it was at.
    async fn act(&mut self, host: usize, what: &str) {
        let life = &mut self.lives[host];
        if let Some(work) = life.frozen.take() {
            life.wire.thawed.notify_one();
            self.note(format!("host {host} goes on"));
            return self.see(host, work).await;
        }
        let doing = life.host.clone();
        let work: Work = if what == "tick" {
            Box::pin(async move { doing.tick().await.map(|_| ()) })
        } else {
            Box::pin(async move { doing.sweep().await })
        };
        self.note(format!("host {host}: {what}"));
        self.see(host, work).await;
    }

    /// Until it is done, dead or frozen.
    async fn see(&mut self, host: usize, mut work: Work) {
        let wire = self.lives[host].wire.clone();
        tokio::select! {
            biased;
            () = wire.struck.notified() => {}
            done = &mut work => {
                if let Err(error) = done {
                    self.broken(&format!("an error: {error:?}"));
                }
                return;
            }
        }
        let fate = wire.fate.lock().unwrap().take();
        match fate {
            Some(Fate::Dead(point)) => {
                drop(work);
                self.die(host, &format!("dies at {}", point.name()));
            }
            Some(Fate::Frozen(point)) => {
                self.note(format!("host {host} freezes at {}", point.name()));
                self.happened.freezes += 1;
                self.lives[host].frozen = Some(work);
            }
            None => unreachable!("it was struck"),
        }
    }

    /// The provider tells a host something.
    async fn told(&mut self, host: usize) {
        if self.lives[host].frozen.is_some() {
            return;
        }
        let Some((text, status)) = self.carrier.something_untold(&mut self.chance) else { return };
        self.note(format!("host {host} is told {} of attempt {}", status.name(), text.attempt));
        let receipt = Receipt {
            attempt: text.attempt,
            sid: text.sid.clone(),
            status,
            error_code: (status == ProviderStatus::Undelivered).then_some(30003),
            raw_date: None,
            source: ProviderEventSource::Callback,
        };
        let doing = self.lives[host].host.clone();
        let deaths = (self.happened.deaths, self.happened.freezes);
        let hear = async move {
            let received = doing.receive(&receipt).await?;
            assert_ne!(received, Received::Unknown, "an attempt is known before its call is made");
            Ok(())
        };
        self.see(host, Box::pin(hear)).await;
        if deaths != (self.happened.deaths, self.happened.freezes) {
            self.carrier.tell_again(&text.sid, status);
        }
    }

    /// Calm: everybody goes on, time goes by, and then every text must be at its end.
    pub(super) async fn end(mut self) -> Happened {
        for host in 0..2 {
            self.lives[host].wire.calm.store(true, Ordering::Relaxed);
            if self.lives[host].frozen.is_some() {
                self.act(host, "").await;
            }
        }
        for round in 0..40 {
            let span = match round {
                0..12 => TimeDelta::seconds(31),
                12..14 => TimeDelta::minutes(16),
                _ => TimeDelta::hours(4),
            };
            self.clock.advance(span);
            while let Some((text, status)) = self.carrier.something_untold(&mut self.chance) {
                self.carrier.tell_again(&text.sid, status);
                self.told(0).await;
            }
            self.act(0, "sweep").await;
            self.act(0, "tick").await;
            self.act(0, "tick").await;
            let messages = self.lives[0].host.messages(&self.messages).await.unwrap();
            if messages.iter().all(|message| message.state.is_final()) {
                self.judge(&messages);
                return self.happened;
            }
        }
        let messages = self.lives[0].host.messages(&self.messages).await.unwrap();
        let states: Vec<&str> = messages.iter().map(|message| message.state.name()).collect();
        self.broken(&format!("never at its end: {states:?}"));
    }

    fn judge(&mut self, messages: &[Message]) {
        if messages.len() != self.messages.len() {
            self.broken("a message is lost");
        }
        // The texts are of the same words to one phone: nobody can tell them apart, but they can be counted.
        let taken = self.carrier.taken();
        let arrived = taken.iter().filter(|text| text.end == ProviderStatus::Delivered).count();
        let delivered = messages.iter().filter(|message| message.state.name() == "delivered").count();
        self.happened.sent += taken.len();
        if arrived != delivered {
            let states: Vec<&str> = messages.iter().map(|message| message.state.name()).collect();
            self.broken(&format!("said to be {states:?}, and the phone has {arrived}:\n{taken:#?}"));
        }
        for message in messages {
            let state = message.state.name();
            if state != "delivered" && message.state.cause().is_none_or(|cause| cause.code.is_empty()) {
                self.broken(&format!("{state} without a reason"));
            }
        }
    }

    fn broken(&self, what: &str) -> ! {
        panic!(
            "{what}\nTIDINGS_SEED={} runs it again, with {}:\n  {}",
            self.seed,
            self.kind,
            self.story.join("\n  ")
        );
    }
}
