//! The machine under schedules drawn from a seed. First the protocol by itself, tens of thousands of them; then
//! the whole machine, some thousands: two hosts on one database, a provider with every
//! fault, a clock that jumps, deaths and freezes at every crash point, callbacks in any
//! order. A schedule that breaks a promise can be run again alone:
//! `TIDINGS_SEED=7 cargo test --test it simulation`.

mod carrier;
mod model;
mod world;

use crate::support::{Folder, Start, postgres, repository};
use model::Without;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tidings::policy::Policies;
use tidings::render::Renderer;
use tidings::store::Store;
use world::World;

/// Schedules of the protocol.
const OF_THE_PROTOCOL: u64 = 40_000;

/// Schedules of the whole machine, with each kind of text.
const OF_THE_MACHINE: u64 = 1_000;

/// What all schedules of one test share; each has people and a day of its own.
struct Ground {
    store: Store,
    policies: Policies,
    renderer: Renderer,
}

async fn run(kind: &'static str, offset: u64) {
    let mut start = Start::sqlite();
    // Nothing here is about the disk.
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        start.folder = Folder::in_folder(memory);
    }
    let config = start.config.clone();
    let ground = Arc::new(Ground {
        store: start.store().await,
        policies: start.policies().await,
        renderer: Renderer::load(repository(), &config.render()).unwrap(),
    });
    let began = Instant::now();
    let only = only();
    let seeds = only.map_or(offset..offset + OF_THE_MACHINE, |seed| seed..seed + 1);
    let (mut schedules, mut sent, mut deaths, mut freezes) = (0, 0, 0, 0);
    for seed in seeds {
        // Run again alone, it is the same day.
        let day = i32::try_from(seed.wrapping_sub(offset)).unwrap_or_default();
        let mut world = World::new(ground.clone(), &config, kind, day, seed).await;
        world.live().await;
        let count = world.end().await;
        schedules += 1;
        sent += count.sent;
        deaths += count.deaths;
        freezes += count.freezes;
    }
    postgres::say(&format!(
        "simulation: {schedules} schedules of {kind}, {sent} texts, {deaths} deaths, {freezes} freezes, {} s",
        began.elapsed().as_secs()
    ));
    assert!(only.is_some() || sent > 0 && deaths > 0 && freezes > 0, "nothing happened");
}

fn only() -> Option<u64> {
    postgres::variable("TIDINGS_SEED").map(|seed| seed.parse().unwrap())
}

#[test]
fn no_schedule_of_the_protocol_loses_or_doubles_a_text() {
    for seed in only().map_or(0..OF_THE_PROTOCOL, |seed| seed..seed + 1) {
        let run = model::run(seed, Without::Nothing);
        run.unwrap_or_else(|broken| panic!("TIDINGS_SEED={seed} runs it again: {broken}"));
    }
}

#[test]
fn without_any_one_of_its_safeguards_the_protocol_breaks() {
    for without in [Without::Fence, Without::SecondAbsence, Without::LookUp, Without::CallTime] {
        let broken = (0..OF_THE_PROTOCOL).find(|seed| model::run(*seed, without).is_err());
        assert!(broken.is_some(), "nobody would notice: {without:?}");
        postgres::say(&format!(
            "simulation: without {without:?}, seed {} breaks it",
            broken.unwrap_or_default()
        ));
    }
}

#[tokio::test]
async fn no_schedule_loses_or_doubles_a_notice() {
    Box::pin(run("prescription-ready", 0)).await;
}

#[tokio::test]
async fn no_schedule_loses_or_doubles_a_code() {
    Box::pin(run("otp", 1 << 32)).await;
}
