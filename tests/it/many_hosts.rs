//! Several hosts on one database: any of them may fall silent, freeze in the middle, or come back with an
//! answer that is long overtaken, and each text still goes out once.

use crate::delivery::{BO, after_seconds, code, notice, state, taken};
use crate::for_each_database;
use crate::support::{self, ANA, Start, TestHost};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tidings::clock::{Chance, Clock, ManualClock};
use tidings::domain::failure::{ListedText, SendOutcome};
use tidings::domain::phone::PhoneNumber;
use tidings::render::Renderer;
use tidings::sandbox::Fault;
use tidings::service::{Host, Providers, Settings};
use tidings::twilio::{BoxFuture, LookUpError, Outgoing, Provider, TwilioClient};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// A provider whose answers are held back until the gate opens: the process was frozen when they came.
pub(crate) struct Frozen {
    real: Arc<dyn Provider>,
    gate: Semaphore,
    /// How often it was asked about a single text.
    fetched: AtomicU32,
}

impl Frozen {
    pub(crate) fn before(real: Arc<dyn Provider>) -> Self {
        Self { real, gate: Semaphore::new(0), fetched: AtomicU32::new(0) }
    }

    pub(crate) fn thaw(&self) {
        self.gate.add_permits(100);
    }
}

/// It makes no codes.
impl tidings::twilio::verify::Verify for Frozen {}

impl Provider for Frozen {
    fn send<'a>(&'a self, text: &'a Outgoing) -> BoxFuture<'a, SendOutcome> {
        Box::pin(async move {
            let outcome = self.real.send(text).await;
            let _opened = self.gate.acquire().await.unwrap();
            outcome
        })
    }

    fn fetch<'a>(&'a self, sid: &'a str) -> BoxFuture<'a, Result<Option<ListedText>, LookUpError>> {
        self.fetched.fetch_add(1, Ordering::Relaxed);
        self.real.fetch(sid)
    }

    fn list<'a>(
        &'a self,
        to: &'a PhoneNumber,
        since: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Vec<ListedText>, LookUpError>> {
        self.real.list(to, since)
    }

    fn redact<'a>(&'a self, sid: &'a str) -> BoxFuture<'a, Result<(), LookUpError>> {
        self.real.redact(sid)
    }

    fn list_day(&self, day: NaiveDate) -> BoxFuture<'_, Result<Vec<ListedText>, LookUpError>> {
        self.real.list_day(day)
    }

    fn date(&self) -> BoxFuture<'_, Option<DateTime<Utc>>> {
        self.real.date()
    }
}

pub(crate) fn client(host: &TestHost) -> Arc<dyn Provider> {
    Arc::new(TwilioClient::new(&host.start.config.twilio).unwrap())
}

/// A host at work that looks by itself only once an hour.
fn rung_only(host: &TestHost) -> JoinHandle<()> {
    let machine = same_database(host, client(host), |settings| settings.poll = Duration::from_hours(1));
    tokio::spawn(async move { machine.run(std::future::pending()).await })
}

const CUT: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND query LIKE 'LISTEN%'";

/// What another host takes is a matter of PostgreSQL: SQLite has one host.
#[tokio::test]
async fn a_text_that_a_host_cannot_send_itself_is_taken_by_another_at_once() {
    let Some(start) = Start::postgres("rung") else {
        return support::postgres::skip_aloud("hosts that call one another");
    };
    let host = start.host().await;
    let other = rung_only(&host);
    for count in 1..=3 {
        host.message(code(ANA)).await;
        host.sandbox.until(|texts| texts.len() == count).await;
    }
    other.abort();
}

#[tokio::test]
async fn a_host_that_was_cut_off_from_the_others_takes_what_it_missed() {
    let Some(start) = Start::postgres("cut") else {
        return support::postgres::skip_aloud("hosts that call one another");
    };
    let host = start.host().await;
    let other = rung_only(&host);
    for count in 1..=3 {
        host.sql(CUT).await;
        host.message(notice(ANA)).await;
        host.sandbox.until(|texts| texts.len() == count).await;
    }
    other.abort();
}

/// Nobody rings: the time has come for a text that was posted before.
#[tokio::test]
async fn what_comes_due_is_found_without_being_called() {
    for start in [Some(Start::sqlite()), Start::postgres("polled")].into_iter().flatten() {
        let host = start.host().await;
        let mut later = notice(ANA);
        later["send_at"] = json!(host.clock_now() + TimeDelta::minutes(5));
        host.message(later).await;
        let machine =
            same_database(&host, client(&host), |settings| settings.poll = Duration::from_millis(50));
        let running = tokio::spawn(async move { machine.run(std::future::pending()).await });
        host.clock.advance(TimeDelta::minutes(5));
        host.sandbox.until(|texts| texts.len() == 1).await;
        running.abort();
    }
}

for_each_database! {
    async fn of_two_three_and_four_hosts_one_is_killed_and_one_is_frozen(start: Start) {
        let host = start.host().await;
        let frozen_client = Arc::new(Frozen::before(client(&host)));
        for count in 2..=4 {
            let phones: Vec<String> = (0..24).map(|n| format!("+1202555{:04}", 100 * count + n)).collect();
            for to in &phones {
                host.message(notice(to)).await;
            }
            let before = host.sandbox.texts().len();
            // Both take their share; neither comes to an end with it.
            let take = |machine: Host| tokio::spawn(async move { machine.tick().await });
            let frozen = take(same_database(&host, frozen_client.clone(), |settings| settings.permits.normal = 5));
            host.sandbox.until(|texts| texts.len() >= before + 5).await;
            let doomed_client = Arc::new(Frozen::before(client(&host)));
            let doomed = take(same_database(&host, doomed_client, |settings| settings.permits.normal = 5));
            host.sandbox.until(|texts| texts.len() >= before + 10).await;
            doomed.abort();
            let _ = doomed.await;
            // The others go on, and take over in their time.
            let others: Vec<Host> = (2..count).map(|_| same_database(&host, client(&host), |_| ())).collect();
            for seconds in [0, 21, 40, 30, 30, 30] {
                host.clock.advance(TimeDelta::seconds(seconds));
                for other in &others {
                    other.sweep().await.unwrap();
                    other.tick().await.unwrap();
                }
                after_seconds(&host, 0).await;
            }
            let ended = host.states().await;
            assert!(ended.iter().all(|(.., state)| state == "delivered"), "{ended:?}");
            // It thaws: what it settles now is long known, and changes nothing.
            let known = host.get("/api/v1/messages?limit=200").await;
            frozen_client.thaw();
            frozen.await.unwrap().unwrap();
            assert_eq!(host.get("/api/v1/messages?limit=200").await, known);
            for to in &phones {
                assert_eq!(host.texts_to(to).len(), 1, "{to}");
            }
            frozen_client.gate.forget_permits(usize::MAX);
        }
    }

    async fn work_of_a_dead_host_is_taken_over_in_less_than_half_a_minute(start: Start) {
        let host = start.host().await;
        let id = host.message(notice(ANA)).await;
        let dead = same_database(&host, Arc::new(Frozen::before(client(&host))), |_| ());
        dead.begin().await.unwrap();
        let life = tokio::spawn(async move { dead.tick().await });
        host.sandbox.until(|texts| texts.len() == 1).await;
        life.abort();
        let _ = life.await;
        host.sandbox.until_quiet().await;
        // A heartbeat every five seconds, dead after twenty, a round every five.
        for _ in 0..5 {
            after_seconds(&host, 5).await;
        }
        let taken_over = state(&host, &id).await;
        assert!(["unknown", "delivered"].contains(&taken_over.as_str()), "{taken_over}");
        after_seconds(&host, 1).await;
        assert_ne!(state(&host, &id).await, "sending");
        assert_eq!(taken(&host, ANA), (1, 1));
    }

    async fn texts_of_whose_end_nothing_is_heard_are_asked_about_in_pages(start: Start) {
        let host = start.host().await;
        let counting = Arc::new(Frozen::before(client(&host)));
        counting.thaw();
        let machine = same_database(&host, counting.clone(), |_| ());
        for number in 0..30 {
            let to = format!("+1202555{:04}", 100 + number);
            host.sandbox.script(&to, [Fault::CallbacksLost]);
            host.message(notice(&to)).await;
        }
        for _ in 0..3 {
            machine.tick().await.unwrap();
        }
        host.sandbox.until_quiet().await;
        host.clock.advance(TimeDelta::minutes(16));
        machine.sweep().await.unwrap();
        let states = host.states().await;
        assert!(states.len() == 30 && states.iter().all(|(.., state)| state == "delivered"), "{states:?}");
        assert_eq!(counting.fetched.load(Ordering::Relaxed), 0);
    }

    async fn a_rolling_restart_leaves_nothing_unknown(start: Start) {
        let host = start.host().await;
        for round in 0..3 {
            for number in 0..10 {
                host.message(notice(&format!("+1202555{:04}", 100 + 10 * round + number))).await;
            }
            let machine = same_database(&host, client(&host), |_| ());
            machine.begin().await.unwrap();
            let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
            let running = tokio::spawn({
                let machine = machine.clone();
                async move {
                    machine
                        .run(async {
                            let _ = stopped.await;
                        })
                        .await;
                }
            });
            let least = 10 * round + 3;
            host.sandbox.until(|texts| texts.len() >= least).await;
            drop(stop);
            running.await.unwrap();
            machine.end(tokio::time::Instant::now()).await.unwrap();
        }
        host.run().await;
        let states = host.states().await;
        assert!(states.len() == 30 && states.iter().all(|(.., state)| state == "delivered"), "{states:?}");
        assert_eq!((host.sandbox.texts().len(), host.sandbox.calls()), (30, 30));
    }

    async fn a_clock_that_leaps_ahead_sends_no_day_of_reminders(start: Start) {
        let host = start.host().await;
        let clock = Arc::new(ManualClock::at(host.clock_now()));
        let astray = beside_on(&host, clock.clone());
        astray.tick().await.unwrap();
        for hours in 1..24 {
            let mut later = notice(&format!("+1202555{:04}", 100 + hours));
            later["send_at"] = json!(host.clock_now() + TimeDelta::hours(hours));
            host.message(later).await;
        }
        clock.leap(TimeDelta::days(1));
        for _ in 0..20 {
            astray.tick().await.unwrap();
            astray.sweep().await.unwrap();
            clock.advance(TimeDelta::seconds(30));
            host.clock.advance(TimeDelta::seconds(30));
        }
        assert!(astray.doubts_clock());
        assert_eq!(host.sandbox.calls(), 0, "the provider's clock says that it is today");
        // It is set right; what is due goes out, and the rest in its time.
        clock.leap(-TimeDelta::days(1));
        for (minutes, sent) in [(0, 0), (60, 1), (60, 2)] {
            clock.advance(TimeDelta::minutes(minutes));
            host.clock.advance(TimeDelta::minutes(minutes));
            for _ in 0..3 {
                astray.tick().await.unwrap();
            }
            host.sandbox.until_quiet().await;
            assert_eq!(host.sandbox.texts().len(), sent);
        }
        assert!(!astray.doubts_clock());
    }

    async fn a_machine_that_was_asleep_goes_on_with_what_is_of_use_still(start: Start) {
        let host = start.host().await;
        let clock = Arc::new(ManualClock::at(host.clock_now()));
        let asleep = beside_on(&host, clock.clone());
        asleep.tick().await.unwrap();
        let mut short = notice(ANA);
        short["expires_at"] = json!(host.clock_now() + TimeDelta::hours(1));
        short["send_at"] = json!(host.clock_now() + TimeDelta::minutes(1));
        let over = host.message(short).await;
        let mut long = notice(BO);
        long["send_at"] = json!(host.clock_now() + TimeDelta::minutes(1));
        let of_use = host.message(long).await;
        // The clock went on while nothing ran; the provider's did, too.
        clock.leap(TimeDelta::hours(3));
        host.clock.advance(TimeDelta::hours(3));
        for _ in 0..3 {
            asleep.tick().await.unwrap();
        }
        host.sandbox.until_quiet().await;
        assert_eq!((state(&host, &over).await.as_str(), state(&host, &of_use).await.as_str()), ("expired", "delivered"));
        assert!(!asleep.doubts_clock());
    }

    async fn a_clock_that_leaps_back_sends_nothing_twice_and_nothing_early(start: Start) {
        let host = start.host().await;
        let clock = Arc::new(ManualClock::at(host.clock_now()));
        let astray = beside_on(&host, clock.clone());
        host.message(notice(ANA)).await;
        astray.tick().await.unwrap();
        host.sandbox.until_quiet().await;
        clock.leap(-TimeDelta::hours(5));
        host.message(notice(BO)).await;
        for _ in 0..3 {
            astray.tick().await.unwrap();
        }
        assert_eq!(host.sandbox.calls(), 1);
        clock.leap(TimeDelta::hours(5));
        for _ in 0..3 {
            astray.tick().await.unwrap();
        }
        host.sandbox.until_quiet().await;
        assert_eq!((host.texts_to(ANA).len(), host.texts_to(BO).len()), (1, 1));
    }
}

/// Another process on the same connections.
pub(crate) fn same_database(
    host: &TestHost,
    provider: Arc<dyn Provider>,
    change: impl FnOnce(&mut Settings),
) -> Host {
    machine(host, provider, host.clock.clone(), change)
}

/// Another process whose clock is its own.
pub(crate) fn beside_on(host: &TestHost, clock: Arc<ManualClock>) -> Host {
    machine(host, client(host), clock, |_| ())
}

pub(crate) fn machine(
    host: &TestHost,
    provider: Arc<dyn Provider>,
    clock: Arc<dyn Clock>,
    change: impl FnOnce(&mut Settings),
) -> Host {
    let mut settings = host.start.config.settings();
    change(&mut settings);
    Host::new(
        host.host.store.clone(),
        host.host.policies.clone(),
        Renderer::load(&host.start.home, &host.start.config.render()).unwrap(),
        Providers { live: None, test: Some(provider) },
        clock,
        Chance::from_machine(),
        settings,
    )
}
