//! Trials: hosts on a database, a Twilio that records, texts that are posted, kills, and the count.

mod count;
mod host;
mod house;
pub(crate) mod naive;
mod trial;

use crate::postgres;
use house::House;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::sync::Arc;
use std::time::Duration;
use tidings::crash::{COMPILED_IN, Point};
use tidings::domain::message::Lane;
use tidings::sandbox::Fault;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use trial::{QUICK, Trial};

/// How much is done.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    /// Kills at random moments, of each engine.
    pub(crate) kills: u32,
    /// Texts posted between two kills, at the most.
    pub(crate) texts_a_life: u32,
    /// Kills of the naive sender.
    pub(crate) naive_kills: u32,
}

/// What hosts run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
    TwoOnPostgres,
}

impl Engine {
    pub(crate) const ALL: &[Self] = &[Self::Sqlite, Self::Postgres, Self::TwoOnPostgres];

    const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::TwoOnPostgres => "PostgreSQL, two hosts",
        }
    }

    const fn hosts(self) -> usize {
        match self {
            Self::Sqlite | Self::Postgres => 1,
            Self::TwoOnPostgres => 2,
        }
    }

    /// A house with a database that nobody has used; `None` without PostgreSQL.
    fn house(self, name: &str) -> Option<House> {
        match self {
            Self::Sqlite => Some(House::new(None)),
            Self::Postgres | Self::TwoOnPostgres => {
                let Some(url) = postgres::url_for_new_database(name) else {
                    postgres::skip_aloud(&format!("kills on {}", self.name()));
                    return None;
                };
                Some(House::new(Some(url)))
            }
        }
    }
}

/// The seed of this run: the environment's, or a new one.
pub(crate) fn seed() -> u64 {
    let given =
        postgres::variable("TIDINGS_SEED").map(|seed| seed.parse().expect("TIDINGS_SEED is a number"));
    given.unwrap_or_else(|| u64::from(tidings::clock::Chance::from_machine().lock().random::<u32>()))
}

/// So many hosts at once: two cores have time for their starts.
const AT_ONCE: usize = 4;

/// Kills a host at every named point, and in the call, once for each lane and database.
pub(crate) async fn at_every_point(engines: &[Engine]) {
    if !COMPILED_IN {
        return println!("no crash points in this build: `--features crash-points` has them");
    }
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut trials = JoinSet::new();
    for engine in engines.iter().copied() {
        for lane in Lane::ALL {
            let Some(house) = engine.house("points") else { continue };
            let places = places.clone();
            trials.spawn(async move {
                let _place = places.acquire_owned().await.expect("it is never closed");
                let mut trial = Trial::new(house, engine.hosts(), QUICK).await;
                let kills = match engine.hosts() {
                    1 => killed_at_every_point(&mut trial, lane).await,
                    _ => killed_beside_another(&mut trial, lane).await,
                };
                let what = format!("{}, lane {}, {kills} named points", engine.name(), lane.name());
                trial.finish().await.print(&what).assert_sound();
            });
        }
    }
    trials.join_all().await;
}

/// One life for each point; what it leaves behind is taken up by the next.
async fn killed_at_every_point(trial: &mut Trial, lane: Lane) -> usize {
    // What a host does about what another has left comes last, in this order: each needs a death.
    let after_a_death = [Point::LeftBehindFound, Point::LookedUp, Point::AbsenceUncommitted];
    let before = Point::ALL.iter().filter(|point| !after_a_death.contains(point));
    let before = before.copied().filter(|point| *point != Point::IntentCommitted);
    for point in before.chain([Point::IntentCommitted]).chain(after_a_death) {
        trial.start_to_die_at(0, point).await;
        if !after_a_death.contains(&point) {
            trial.post(lane, Fault::None);
        }
        trial.until_dead(0, point.name()).await;
    }
    // In the call itself: before and after the provider has taken the text.
    for is_taken in [false, true] {
        trial.start(0).await;
        trial.kill_in_the_call(lane, is_taken).await;
    }
    Point::ALL.len() + 2
}

/// The same with a host beside it that lives on, and takes its share of the texts.
async fn killed_beside_another(trial: &mut Trial, lane: Lane) -> usize {
    let on_the_way = Point::ALL.iter().filter(|point| **point < Point::LeftBehindFound);
    trial.start(1).await;
    for point in on_the_way.clone() {
        trial.start_to_die_at(0, *point).await;
        trial.post_until(lane, point.name(), |trial| trial.is_dead(0)).await;
    }
    on_the_way.count()
}

/// Freezes a host in the middle of its work, some of it with rows of the database in its hand. Another goes
/// on without it, and what it does when it thaws is long overtaken.
pub(crate) async fn frozen(engines: &[Engine]) {
    if !COMPILED_IN {
        return println!("no crash points in this build: `--features crash-points` has them");
    }
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut trials = JoinSet::new();
    for engine in engines.iter().copied().filter(|engine| engine.hosts() == 2) {
        for (point, lane) in [
            (Point::ClaimUncommitted, Lane::Normal),
            (Point::ClaimCommitted, Lane::Otp),
            (Point::IntentUncommitted, Lane::Normal),
            (Point::IntentCommitted, Lane::Urgent),
            (Point::Answered, Lane::Bulk),
            (Point::ResultUncommitted, Lane::Normal),
        ] {
            let Some(house) = engine.house("frozen") else { continue };
            let places = places.clone();
            trials.spawn(async move {
                let _place = places.acquire_owned().await.expect("it is never closed");
                let mut trial = Trial::new(house, engine.hosts(), QUICK).await;
                trial.start(1).await;
                trial.start_to_freeze_at(0, point).await;
                trial.post_until(lane, point.name(), |trial| trial.is_frozen(0)).await;
                trial.until_ended(1).await;
                trial.thaw(0).await;
                trial.until_ended(0).await;
                let what = format!("{}, one frozen at {}", engine.name(), point.name());
                trial.finish().await.print(&what).assert_sound();
            });
        }
    }
    trials.join_all().await;
}

/// Of three and of four hosts one is killed and one frozen, with work in their hands: those that are left do it.
pub(crate) async fn among_many(engines: &[Engine]) {
    if !COMPILED_IN || !engines.contains(&Engine::TwoOnPostgres) {
        return;
    }
    for hosts in [3, 4] {
        let Some(house) = Engine::TwoOnPostgres.house("many") else { return };
        let mut trial = Trial::new(house, hosts, QUICK).await;
        for host in 2..hosts {
            trial.start(host).await;
        }
        trial.start_to_die_at(1, Point::ClaimCommitted).await;
        trial.start_to_freeze_at(0, Point::IntentCommitted).await;
        trial.post_until(Lane::Normal, "both", |trial| trial.is_dead(1) && trial.is_frozen(0)).await;
        trial.until_ended(hosts - 1).await;
        trial.thaw(0).await;
        trial.until_ended(0).await;
        let what = format!("PostgreSQL, {hosts} hosts, one killed, one frozen");
        trial.finish().await.print(&what).assert_sound();
    }
}

/// Kills hosts at random moments, under a stream of texts of which many go wrong at the provider.
pub(crate) async fn at_random(engines: &[Engine], size: Size, seed: u64) {
    let mut trials = JoinSet::new();
    for (number, engine) in (0..).zip(engines.iter().copied()) {
        let Some(house) = engine.house("random") else { continue };
        trials.spawn(async move {
            let mut chance = StdRng::seed_from_u64(seed.wrapping_add(number));
            let mut trial = Trial::new(house, engine.hosts(), QUICK).await;
            trial.start_all().await;
            for _ in 0..size.kills {
                for _ in 0..chance.random_range(1..=size.texts_a_life) {
                    let lane = Lane::ALL[chance.random_range(0..Lane::ALL.len())];
                    trial.post(lane, any_fault(&mut chance));
                }
                let pause = Duration::from_millis(chance.random_range(0..400));
                tokio::time::sleep(pause).await;
                let doomed = chance.random_range(0..engine.hosts());
                trial.kill(doomed).await;
                trial.start(doomed).await;
            }
            let what = format!("{}, {} random kills", engine.name(), size.kills);
            trial.finish().await.print(&what).assert_sound();
        });
    }
    trials.join_all().await;
}

/// Asks hosts to end while their calls are out: what will be answered is waited for, what will not be is
/// left to the next life, and nothing else is begun.
pub(crate) async fn asked_to_end(engines: &[Engine]) {
    const SLOW: Duration = Duration::from_millis(700);
    let mut trials = JoinSet::new();
    for engine in engines.iter().copied().filter(|engine| engine.hosts() == 1) {
        for is_answered in [true, false] {
            let Some(house) = engine.house("end") else { continue };
            trials.spawn(async move {
                // Longer than a host waits at its end.
                let house = house.with_twilio(if is_answered { "" } else { "timeout = \"30s\"\n" });
                let mut trial = Trial::new(house, 1, SLOW).await;
                trial.start(0).await;
                for lane in Lane::ALL.into_iter().cycle().take(12) {
                    trial.post(lane, if is_answered { Fault::None } else { Fault::AcceptThenSilence });
                }
                trial.until_called(12).await;
                trial.stop(0).await;
                assert_eq!(trial.calls(), 12, "a call was made after the end was asked for");
                if is_answered {
                    trial.start(0).await;
                    assert_eq!(trial.answered().await, 12, "answers to calls that were out were lost");
                }
                let how = if is_answered { "slow answers" } else { "no answers" };
                let what = format!("{}, SIGTERM, {how}", engine.name());
                trial.finish().await.print(&what).assert_sound();
            });
        }
    }
    trials.join_all().await;
}

/// Hosts are renewed one after the other under a stream of texts, as with a newer version: each sees through what it
/// has in hand, and nothing is left to be looked up.
pub(crate) async fn renewed(engines: &[Engine]) {
    const SLOW: Duration = Duration::from_millis(200);
    let engine = Engine::TwoOnPostgres;
    let Some(house) = engines.contains(&engine).then(|| engine.house("renewed")).flatten() else { return };
    let mut trial = Trial::new(house, engine.hosts(), SLOW).await;
    trial.start_all().await;
    for host in [0, 1, 0, 1] {
        let calls = trial.calls();
        for lane in Lane::ALL.into_iter().cycle().take(12) {
            trial.post(lane, Fault::None);
        }
        trial.until_called(calls + 4).await;
        trial.stop(host).await;
        trial.start(host).await;
    }
    trial.until_ended(0).await;
    assert_eq!(trial.looked_up().await, 0, "a call was left behind");
    trial.finish().await.print("PostgreSQL, two hosts, renewed by turns").assert_sound();
}

/// Half of the texts fare well.
fn any_fault(chance: &mut StdRng) -> Fault {
    const FAULTS: [Fault; 11] = [
        Fault::AcceptThenError500,
        Fault::AcceptThenReset,
        Fault::AcceptThenSilence,
        Fault::AcceptThenGarbage,
        Fault::Error500,
        Fault::Reset,
        Fault::TooManyRequests(Some(1)),
        Fault::CallbackFirst,
        Fault::CallbacksTwice,
        Fault::CallbacksReversed,
        Fault::CallbacksLate,
    ];
    if chance.random_bool(0.5) { Fault::None } else { FAULTS[chance.random_range(0..FAULTS.len())] }
}

/// The naive protocol, killed in the same way before the same Twilio, and counted in the same way.
pub(crate) async fn control(size: Size, seed: u64) {
    let mut chance = StdRng::seed_from_u64(seed);
    let trial = naive::Control::new(size.naive_kills * 20).await;
    for _ in 0..size.naive_kills {
        let pause = Duration::from_millis(chance.random_range(0..30));
        trial.live_for(Some((chance.random_range(1..24), pause))).await;
    }
    trial.live_for(None).await;
    let count = trial.count().await;
    count.print(&format!("naive sender, {} random kills", size.naive_kills));
    assert!(count.twice > 0, "the naive protocol must send some twice, or the count is blind");
}
