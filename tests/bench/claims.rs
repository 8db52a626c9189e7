//! What a claim costs, with ten thousand, a million and ten million texts that wait for their time.

use crate::filled::Raw;
use crate::host::Home;
use std::time::{Duration, Instant};
use tidings::clock::{Chance, Clock as _, SystemClock};
use tidings::domain::id::HostId;
use tidings::domain::message::{Lane, Lease};
use tidings::store::seal::Keyring;
use tidings::store::{Claim, Modes, Store};

const WAITING: [i64; 3] = [10_000, 1_000_000, 10_000_000];
const ROUNDS: i64 = 40;
const AT_ONCE: u32 = 100;

/// Due texts have numbers beyond all others.
const DUE: i64 = 1 << 40;

pub(crate) async fn run(database: Option<String>) {
    let home = Home::new(None);
    let file = home.folder().join("claims.db");
    let keys = Keyring::new([7; 32], [9; 32], Chance::seeded(11));
    let store = match &database {
        Some(url) => Store::open_postgres(url, keys).await,
        None => Store::open_sqlite(&file, keys).await,
    };
    let store = store.expect("a database");
    store.migrate().await.expect("a new schema");
    let raw = Raw::open(database.as_deref(), &file).await;
    raw.add_person().await;
    let host = HostId::new(SystemClock.now(), &mut *Chance::from_machine().lock());
    let (mut filled, mut due, mut first) = (0, DUE, None);
    for waiting in WAITING {
        let began = Instant::now();
        raw.add_future(filled, waiting).await;
        filled = waiting;
        let filling = began.elapsed();
        let (mut claims, mut looks) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            raw.add_due(due, AT_ONCE.into()).await;
            due += i64::from(AT_ONCE);
            looks.push(look(&store).await);
            claims.push(claim(&store, host).await);
        }
        let (claim, look) = (middle(&mut claims), middle(&mut looks));
        let (of_claim, of_look) = *first.get_or_insert((claim, look));
        println!(
            "claim {AT_ONCE} of {waiting:>8} waiting: p50 {:>6.2} ms ({:.2} of the first)   when is the next due: {:>5.2} ms ({:.2})   filled in {} s",
            claim * 1e3,
            claim / of_claim,
            look * 1e3,
            look / of_look,
            filling.as_secs()
        );
    }
    store.close().await;
    raw.close().await;
}

async fn look(store: &Store) -> Duration {
    let began = Instant::now();
    let modes = Modes::new(true, false).expect("live");
    let due = store.look().await.expect("a look").next_due(modes).await.expect("an answer");
    assert!(due.of(Lane::Normal).is_some());
    began.elapsed()
}

async fn claim(store: &Store, host: HostId) -> Duration {
    let now = SystemClock.now();
    let began = Instant::now();
    let mut tx = store.begin().await.expect("a unit of work");
    let claim = Claim {
        lane: Lane::Normal,
        test: false,
        now,
        limit: AT_ONCE,
        lease: Lease { host, until: now + chrono::TimeDelta::hours(1) },
    };
    let claimed = tx.claim_messages(&claim).await.expect("a claim");
    tx.commit().await.expect("a commit");
    assert_eq!(claimed.len(), AT_ONCE as usize);
    began.elapsed()
}

fn middle(spans: &mut [Duration]) -> f64 {
    spans.sort();
    spans[spans.len() / 2].as_secs_f64()
}
