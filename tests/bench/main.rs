//! What the host costs and how fast it is: prints figures, judges nothing. `cargo bench`, or one part by
//! its name: `cargo bench -- words`, `policies`, `dropped`, `backtest`, `send-path`, `at-rest`, `accepts`,
//! `end-to-end`, `bulk`, `waiting`, `claims` (fills ten million rows: some minutes), on one database with `sqlite` or `postgres` beside it.
//! `cargo bench --features crash-points -- crash` kills hosts five hundred times and counts texts; without
//! the feature it does so at random moments only, and as slowly as in real life.
//!
//! The real program runs as a process of its own, against a stand-in for Twilio that takes every text at
//! once. Machines differ: quote ratios of figures from one run. With PostgreSQL's programs installed
//! every part runs on a server of our own, too, that flushes to the disk as a real one does.
#![expect(clippy::print_stdout, reason = "this is what it is for")]
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on should stop")]

mod at_rest;
mod backtest;
mod bulk;
mod claims;
#[path = "../crash/program/mod.rs"]
mod crash;
#[path = "../support/daytime.rs"]
mod daytime;
mod dropped;
mod filled;
mod host;
mod load;
mod policies;
#[path = "../support/postgres.rs"]
mod postgres;
mod send_path;
mod stand_in;
mod waiting;
mod words;

#[tokio::main]
async fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    if words.first().is_some_and(|word| word == crash::naive::WORD) {
        return crash::naive::run(&words[1..]).await;
    }
    if words.first().is_some_and(|word| word == stand_in::WORD) {
        return stand_in::run().await;
    }
    let wanted = |name: &str| words.is_empty() || words.iter().any(|word| word == name);
    if wanted("words") {
        words::print();
    }
    if wanted("policies") {
        policies::run(host::Home::new(None).folder()).await;
    }
    if wanted("dropped") {
        dropped::run().await;
    }
    if wanted("backtest") {
        backtest::run().await;
    }
    if wanted("send-path") {
        send_path::run().await;
    }
    for engine in ["sqlite", "postgres"] {
        let other = if engine == "sqlite" { "postgres" } else { "sqlite" };
        if words.iter().any(|word| word == other) {
            continue;
        }
        let wanted = |name: &str| wanted(name) || words == [engine];
        let database = || match engine {
            "postgres" => postgres::url_for_new_durable_database("bench").map(Some),
            _ => Some(None),
        };
        println!("\n{engine}");
        if wanted("at-rest")
            && let Some(database) = database()
        {
            at_rest::run(database).await;
        }
        if wanted("accepts")
            && let Some(database) = database()
        {
            load::accepts(database).await;
        }
        if wanted("end-to-end") {
            load::end_to_end(database).await;
        }
        if wanted("bulk")
            && let Some(database) = database()
        {
            bulk::run(database).await;
        }
        if wanted("waiting")
            && let Some(database) = database()
        {
            waiting::run(database).await;
        }
        if wanted("claims")
            && let Some(database) = database()
        {
            claims::run(database).await;
        }
    }
    // It judges, and takes its time: only when it is asked for.
    if words.iter().any(|word| word == "crash") {
        kill().await;
    }
}

/// Five hundred kills: every named point where this build has them, the rest at random.
async fn kill() {
    let seed = crash::seed();
    println!("\ncrash; TIDINGS_SEED={seed} does it again");
    let size = crash::Size { kills: 170, texts_a_life: 8, naive_kills: 100 };
    crash::control(size, seed).await;
    crash::at_every_point(crash::Engine::ALL).await;
    crash::frozen(crash::Engine::ALL).await;
    crash::among_many(crash::Engine::ALL).await;
    crash::asked_to_end(crash::Engine::ALL).await;
    crash::renewed(crash::Engine::ALL).await;
    crash::at_random(crash::Engine::ALL, size, seed).await;
}
