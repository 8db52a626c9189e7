//! What policies cost on the way of a text, from its claim to the provider's answer: the whole host in
//! this process, with the bundled policies and with native code that always sends.

use crate::daytime::daytime_zone;
use crate::host::{Home, processor_time};
use chrono::{DateTime, Utc};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tidings::clock::{Chance, SystemClock};
use tidings::config::Config;
use tidings::domain::failure::{AcceptedText, ListedText, ProviderStatus, SendOutcome};
use tidings::domain::phone::PhoneNumber;
use tidings::policy::{Cache, Limits, Policies};
use tidings::render::Renderer;
use tidings::service::{Caller, Host, PostedMessage, PostedPerson, Providers};
use tidings::store::Store;
use tidings::store::seal::Keyring;
use tidings::twilio::{BoxFuture, LookUpError, Outgoing, Provider};

/// Texts of one round: a short one, so that whatever else the machine does meets both kinds alike.
const TEXTS: usize = 400;

/// Rounds of each kind, in turn. The first is not counted.
const ROUNDS: usize = 61;

/// What the texts of one round cost.
#[derive(Clone, Copy, Default)]
struct Round {
    took: Duration,
    spent: Duration,
    asked: u64,
}

pub(crate) async fn run() {
    let home = Home::new(None);
    let cache = Cache::new(home.folder().join("compiled"), [1; 32]);
    let plugins = home.folder().join("plugins");
    let (policies, _) = Policies::load(&plugins, &cache, &Limits::default()).await.expect("they load");
    let native = policies.sending_all().expect("the engine starts");
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        let mut pair = [Round::default(); 2];
        // Whichever goes second finds another machine: they change places.
        for which in [round % 2, 1 - round % 2] {
            let folder = home.folder().join(format!("{round}-{which}"));
            std::fs::create_dir_all(&folder).expect("the temporary folder can be written");
            let policies = [&native, &policies][which].clone();
            pair[which] = one_round(host(&home, &folder, policies).await).await;
        }
        rounds.push(pair);
    }
    rounds.remove(0);
    print("send path, a text", "us", middle(&rounds, |round| round.took.as_secs_f64() * 1e6));
    // Whose clock ticks too slowly for a round.
    print("  of processor time", "us", sum(&rounds, |round| round.spent.as_secs_f64() * 1e6));
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    print("  the database is asked", "times", sum(&rounds, |round| round.asked as f64));
}

async fn one_round(host: Host) -> Round {
    fill(&host).await;
    let before = (processor_time(std::process::id()), host.store.asked(), Instant::now());
    while host.tick().await.expect("the database works").claimed > 0 {}
    Round {
        took: before.2.elapsed(),
        spent: processor_time(std::process::id()).saturating_sub(before.0),
        asked: host.store.asked() - before.1,
    }
}

/// What a text costs natively and with policies, and how much more that is in percent.
type Price = [f64; 3];

/// Of rounds that something else may have met, those in the middle count; the price is that within one round.
fn middle(rounds: &[[Round; 2]], of: impl Fn(&Round) -> f64) -> Price {
    let middle = |figure: &dyn Fn(&[Round; 2]) -> f64| {
        let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    let more = middle(&|pair| of(&pair[1]) / of(&pair[0]));
    [middle(&|pair| of(&pair[0])) / texts(1), middle(&|pair| of(&pair[1])) / texts(1), (more - 1.0) * 100.0]
}

/// Over all rounds.
fn sum(rounds: &[[Round; 2]], of: impl Fn(&Round) -> f64) -> Price {
    let [native, policies] = [0, 1].map(|which| rounds.iter().map(|pair| of(&pair[which])).sum::<f64>());
    let texts = texts(rounds.len());
    [native / texts, policies / texts, (policies / native - 1.0) * 100.0]
}

fn texts(rounds: usize) -> f64 {
    f64::from(u32::try_from(TEXTS * rounds).unwrap_or(u32::MAX))
}

fn print(what: &str, unit: &str, [native, policies, price]: Price) {
    println!("{what:<30} {native:>8.1} {unit} native, {policies:.1} {unit} with policies: {price:+.1} %");
}

async fn host(home: &Home, folder: &std::path::Path, policies: Policies) -> Host {
    let mut config = Config::default();
    config.twilio.phone_number = Some("+15005550006".to_owned());
    let keys = Keyring::new([7; 32], [9; 32], Chance::from_machine());
    let store = Store::open_sqlite(&folder.join("tidings.db"), keys).await.expect("a new database");
    store.migrate().await.expect("its tables are made");
    let host = Host::new(
        store,
        policies,
        Renderer::load(home.folder(), &config.render()).expect("the bundled words are sound"),
        Providers { live: Some(Arc::new(AtOnce::default())), test: None },
        Arc::new(SystemClock),
        Chance::from_machine(),
        config.settings(),
    );
    host.begin().await.expect("it begins");
    host
}

/// Texts that are due now.
async fn fill(host: &Host) {
    let caller =
        Caller::importer(&host.store, false, host.now(), &Chance::from_machine()).await.expect("a caller");
    for number in 0..TEXTS {
        let posted = PostedMessage {
            kind: "prescription-ready".to_owned(),
            to: PostedPerson {
                id: Some(number.to_string()),
                phone: Some(format!("+1202555{number:04}")),
                time_zone: Some(daytime_zone().to_owned()),
                role: None,
                region: None,
                name: None,
                language: None,
            },
            variables: serde_json::Map::new(),
            language: None,
            send_at: None,
            expires_at: None,
        };
        host.accept_bulk(&caller, None, number.to_string().as_bytes(), posted).await.expect("it is taken");
    }
}

/// A provider that takes every text at once.
#[derive(Default)]
struct AtOnce(AtomicU64);

/// It makes no codes.
impl tidings::twilio::verify::Verify for AtOnce {}

impl Provider for AtOnce {
    fn send<'a>(&'a self, _: &'a Outgoing) -> BoxFuture<'a, SendOutcome> {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            SendOutcome::Accepted(AcceptedText {
                sid: format!("SM{number:032x}"),
                status: ProviderStatus::Queued,
                segments: Some(1),
            })
        })
    }

    fn fetch<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<ListedText>, LookUpError>> {
        Box::pin(async { Ok(None) })
    }

    fn list<'a>(
        &'a self,
        _: &'a PhoneNumber,
        _: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Vec<ListedText>, LookUpError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn date(&self) -> BoxFuture<'_, Option<DateTime<Utc>>> {
        Box::pin(async { None })
    }

    fn redact<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), LookUpError>> {
        Box::pin(async { Ok(()) })
    }
}
