//! What a policy costs: a decision in a fresh instance, many of them on one core and on two, a load from
//! the cache, and memory.

use crate::host::resident_mb;
use chrono::{DateTime, TimeDelta, Utc};
use std::path::Path;
use std::time::{Duration, Instant};
use tidings::domain::calendar::to_local;
use tidings::domain::kind::TypeName;
use tidings::domain::message::Priority;
use tidings::domain::policy::{ClinicFacts, DecideQuestion, Discretion, MessageFacts, Person, UnixMs};
use tidings::domain::question::Question;
use tidings::domain::recipient::Role;
use tidings::policy::{Cache, Limits, Loaded, Policies};

const DECISIONS: u32 = 20_000;

pub(crate) async fn run(folder: &Path) {
    let cache = Cache::new(folder.join("compiled"), [1; 32]);
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins");
    let limits = Limits::default();
    // Fills the cache.
    drop(Policies::load(&plugins, &cache, &limits).await.expect("the bundled policies load"));

    let before = resident_mb(std::process::id());
    let began = Instant::now();
    let (policies, reports) = Policies::load(&plugins, &cache, &limits).await.expect("they load again");
    let (took, count) = (began.elapsed(), f64::from(u32::try_from(reports.len()).unwrap_or(1)));
    let memory = (resident_mb(std::process::id()) - before) / count;
    println!("policies, load from the cache  {:>8.2} ms each, {memory:.2} MB each", ms(took) / count);

    let kind = TypeName::from("appointment-reminder");
    let reminder = policies.for_type(&kind).expect("it is bundled");
    let question = Question::Decide(due(&kind));
    let mut each = Vec::new();
    let began = Instant::now();
    for _ in 0..DECISIONS {
        let asked = Instant::now();
        policies.ask(&reminder, &question).await.expect("it answers");
        each.push(asked.elapsed());
    }
    let one_core = f64::from(DECISIONS) / began.elapsed().as_secs_f64();
    each.sort();
    let at = |share: usize| each[(each.len() - 1) * share / 100].as_secs_f64() * 1e6;
    println!("decision, fresh instance       {:>8.1} us p50, {:.1} us p99", at(50), at(99));
    let two_cores = together(&policies, &reminder, &question, 2).await;
    println!("decisions a second             {one_core:>8.0} on one core, {two_cores:.0} on two");
}

async fn together(policies: &Policies, loaded: &Loaded, question: &Question, cores: u32) -> f64 {
    let began = Instant::now();
    let mut work = tokio::task::JoinSet::new();
    for _ in 0..cores {
        let (policies, loaded, question) = (policies.clone(), loaded.clone(), question.clone());
        work.spawn(async move {
            for _ in 0..DECISIONS / 2 {
                policies.ask(&loaded, &question).await.expect("it answers");
            }
        });
    }
    work.join_all().await;
    f64::from(DECISIONS / 2 * cores) / began.elapsed().as_secs_f64()
}

fn ms(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

fn due(kind: &TypeName) -> DecideQuestion {
    let now: DateTime<Utc> = "2026-11-24T19:00:00Z".parse().expect("is a moment");
    let zone = chrono_tz::America::New_York;
    let visit = unix(now + TimeDelta::hours(24));
    DecideQuestion {
        now: unix(now),
        message: MessageFacts {
            id: "message".to_owned(),
            message_type: kind.clone(),
            priority: Priority::Medium,
            key: "24h".to_owned(),
            planned_for: unix(now),
            expires_at: visit,
            occurrence: Some(visit),
            deferrals: 0,
            attempts: 0,
        },
        to: Person {
            reference: "to".to_owned(),
            role: Role::Patient,
            language: "es".to_owned(),
            time_zone: zone.name().to_owned(),
            local: to_local(now, zone),
            discretion: Discretion::Standard,
            windows: Vec::new(),
            switched_off: Vec::new(),
            opted_out: false,
        },
        recent: Vec::new(),
        clinic: ClinicFacts {
            time_zone: zone.name().to_owned(),
            local: to_local(now, zone),
            high_priority_may_disturb: false,
        },
        facts: Vec::new(),
    }
}

fn unix(at: DateTime<Utc>) -> UnixMs {
    UnixMs::try_from(at.timestamp_millis()).unwrap_or(0)
}
