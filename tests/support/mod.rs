//! A whole host for tests: real database, real policies, real HTTP; only Twilio is the sandbox. Time
//! stands still until a test moves it, and nothing happens but in `run`.
#![allow(dead_code, unused_imports, clippy::allow_attributes, reason = "each test binary uses its own part")]

pub(crate) mod daytime;
mod host;
pub(crate) mod log;
pub(crate) mod postgres;
pub(crate) mod program;

pub(crate) use host::{Answer, TestHost};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tidings::clock::{Chance, Clock, ManualClock};
use tidings::config::Config;
use tidings::domain::phone::PhoneNumber;
use tidings::http::{self, Door, HttpSettings};
use tidings::policy::{Archive, Cache, Policies};
use tidings::render::Renderer;
use tidings::sandbox::{Sandbox, SandboxSettings};
use tidings::service::{Host, NewKey, Providers, SCOPES};
use tidings::store::seal::Keyring;
use tidings::store::{KeyMode, Store};
use tidings::twilio::{Provider, TwilioClient, TwilioSettings};
use tokio::net::TcpListener;
use tokio::sync::OnceCell;

/// Writes one body as a test on SQLite and a test on PostgreSQL.
#[macro_export]
macro_rules! for_each_database {
    ($($(#[$meta:meta])* async fn $name:ident($start:ident: Start) $body:block)*) => {
        $($(#[$meta])* async fn $name($start: $crate::support::Start) $body)*

        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::support::Start::sqlite()).await;
            })*
        }

        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                match $crate::support::Start::postgres(stringify!($name)) {
                    Some(start) => super::$name(start).await,
                    None => $crate::support::postgres::skip_aloud(stringify!($name)),
                }
            })*
        }
    };
}

/// Where a test keeps its data, and how its host is told to behave.
pub(crate) struct Start {
    pub(crate) database_url: Option<String>,
    pub(crate) folder: Folder,
    /// A home's own `.tidings/`, for tests in which commands stand beside the host.
    pub(crate) state: Option<PathBuf>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) config: Config,
    pub(crate) sandbox: SandboxSettings,
    pub(crate) home: PathBuf,
    /// Templates and locales of another home than the policies.
    pub(crate) words: Option<PathBuf>,
}

/// The door that a configuration asks for.
pub(crate) fn door(config: &Config) -> Door {
    let server = &config.server;
    Door {
        connections: server.connections,
        connections_per_address: server.connections_per_address,
        trusted_proxies: server.trusted_proxies.clone().into(),
        header_timeout: server.header_timeout.0,
        write_timeout: server.write_timeout.0,
    }
}

/// A folder of its own, gone with the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        Self::in_folder(&std::env::temp_dir())
    }

    pub(crate) fn in_folder(outer: &Path) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = outer.join(format!("tidings-test-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A home with the bundled files, which a test may change.
pub(crate) fn home() -> Folder {
    let home = Folder::new();
    for part in ["plugins", "templates", "locales"] {
        let (from, to) = (repository().join(part), home.path());
        assert!(std::process::Command::new("cp").arg("-r").arg(from).arg(to).status().unwrap().success());
    }
    home
}

/// On a machine that is busy the clock must not end what a policy has to say.
fn unhurried() -> Config {
    let mut config = Config::default();
    config.policy.wall = tidings::policy::Span(std::time::Duration::from_secs(2));
    config
}

/// Tuesday, 24 November 2026, 10:00 in New York: daytime for everybody in these tests.
pub(crate) fn tuesday_morning() -> DateTime<Utc> {
    "2026-11-24T15:00:00Z".parse().unwrap()
}

pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

impl Start {
    pub(crate) fn sqlite() -> Self {
        Self::on(None)
    }

    pub(crate) fn postgres(name: &str) -> Option<Self> {
        postgres::url_for_new_database(name).map(|url| Self::on(Some(url)))
    }

    fn on(database_url: Option<String>) -> Self {
        log::prepare();
        Self {
            database_url,
            folder: Folder::new(),
            state: None,
            clock: Arc::new(ManualClock::at(tuesday_morning())),
            config: unhurried(),
            sandbox: SandboxSettings::immediate(),
            home: repository().to_owned(),
            words: None,
        }
    }

    pub(crate) async fn store(&self) -> Store {
        let keys = match &self.state {
            Some(state) => Keyring::open(&state.join("keys"), None, &Chance::from_machine()).unwrap(),
            None => Keyring::new([7; 32], [9; 32], Chance::seeded(11)),
        };
        self.store_with(keys).await
    }

    pub(crate) async fn store_with(&self, keys: Keyring) -> Store {
        let file = self.state.as_deref().unwrap_or(self.folder.path()).join("tidings.db");
        let store = match &self.database_url {
            Some(url) => Store::open_postgres(url, keys).await.unwrap(),
            None => Store::open_sqlite(&file, keys).await.unwrap(),
        };
        store.migrate().await.unwrap();
        store
    }

    /// Starts everything.
    pub(crate) async fn host(self) -> TestHost {
        // Tests hold the future of this on their stacks.
        Box::pin(self.started()).await
    }

    async fn started(mut self) -> TestHost {
        let clock: Arc<dyn Clock> = self.clock.clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        self.config.server.public_url = Some(base.clone());
        self.sandbox.inbound_url = Some(tidings::twilio::callback::inbound_url(&base));
        let senders = self.config.senders.iter().filter_map(|sender| sender.from.clone());
        self.sandbox.senders.extend(senders);
        let sandbox =
            Sandbox::start(self.sandbox.clone(), clock.clone(), Chance::from_machine()).await.unwrap();
        let given = &self.config.twilio;
        self.config.twilio = TwilioSettings {
            account_sid: sandbox.account_sid().to_owned(),
            auth_token: sandbox.auth_token().clone(),
            phone_number: given.phone_number.clone().or(Some("+15005550006".to_owned())),
            verify_service_sid: given
                .verify_service_sid
                .clone()
                .or(Some(sandbox.verify_service_sid().to_owned())),
            base_url: sandbox.base_url(),
            timeout: given.timeout,
            rate: given.rate,
            trial: given.trial,
            trial_credit: given.trial_credit,
            opt_out_answers: given.opt_out_answers,
            cancel_is_opt_out: given.cancel_is_opt_out,
            ..TwilioSettings::default()
        };
        let client: Arc<dyn Provider> = Arc::new(TwilioClient::new(&self.config.twilio).unwrap());
        let store = self.store().await;
        let host = Host::new(
            store.clone(),
            self.policies().await,
            Renderer::load(self.words.as_ref().unwrap_or(&self.home), &self.config.render()).unwrap(),
            Providers { live: None, test: Some(client) },
            clock.clone(),
            Chance::from_machine(),
            self.config.settings(),
        );
        host.begin().await.unwrap();
        let settings = HttpSettings {
            verifier: Some(self.config.twilio.verifier()),
            body_limit: self.config.server.body_limit,
            request_timeout: self.config.server.request_timeout.0,
            trusted_proxies: self.config.server.trusted_proxies.clone(),
            ..HttpSettings::default()
        };
        let router = http::router(host.clone(), settings).merge(sandbox.phone_page());
        tokio::spawn(http::serve(listener, router, door(&self.config), std::future::pending()));
        let new = NewKey {
            name: "test".to_owned(),
            mode: KeyMode::Test,
            scopes: SCOPES.map(str::to_owned).to_vec(),
            expires_in: None,
        };
        let prepared = new.prepare(&mut *Chance::from_machine().lock(), clock.now());
        let key = prepared.keep(&store).await.unwrap();
        TestHost {
            host,
            sandbox,
            clock: self.clock.clone(),
            base,
            key: key.expose().to_owned(),
            client: reqwest_client(),
            start: self,
        }
    }

    /// The policies of the home; those of the repository are loaded once for all tests of a binary.
    pub(crate) async fn policies(&self) -> Policies {
        static BUNDLED: OnceCell<Policies> = OnceCell::const_new();
        let folder = self.home.join("plugins");
        let cache = Cache::new(Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled"), [3; 32]);
        let cache = match &self.state {
            Some(state) => cache.archived_in(Archive::new(state.join("policies"))),
            None => cache,
        };
        let limits = self.config.policy.clone();
        let load = || async move { Policies::load(&folder, &cache, &limits).await.unwrap().0 };
        if self.home == repository() { BUNDLED.get_or_init(load).await.clone() } else { load().await }
    }
}

/// Says what was not tested for want of a program; fails where `TIDINGS_TEST_REQUIRE` lists it.
pub(crate) fn skip_aloud(program: &str, what: &str) {
    assert!(!postgres::required(program), "{what} needs {program}, which TIDINGS_TEST_REQUIRE demands");
    postgres::say_skipped(&format!("{what}: {program} is not installed"));
}

/// The sandbox and the host are the only ones to talk to: no proxy, no TLS.
pub(crate) fn reqwest_client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

pub(crate) const ANA: &str = "+12025550143";

/// Ana books a visit: 3 December 2026, 14:30 in New York, nine days after the tests' Tuesday.
pub(crate) fn booked(version: i64, starts_at: &str) -> Value {
    json!({
        "type": "appointment.booked",
        "subject": {"type": "appointment", "id": "9", "version": version},
        "people": [{"id": "ana", "role": "patient", "phone": ANA, "language": "es", "time_zone": "America/New_York"}],
        "data": {"starts_at": starts_at, "location": "12 Main St"}
    })
}

/// Nine days after the tests' Tuesday.
pub(crate) const VISIT: &str = "2026-12-03T14:30:00-05:00";

pub(crate) fn phone(e164: &str) -> PhoneNumber {
    PhoneNumber::parse(e164, None).unwrap()
}
