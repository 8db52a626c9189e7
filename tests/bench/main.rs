//! What the host costs and how fast it is: prints figures, judges nothing. `cargo bench`, or one part by
//! its name: `cargo bench -- words`, `policies`, `at-rest`, `accepts`, `end-to-end`.
//!
//! The real program runs as a process of its own, against a stand-in for Twilio that takes every text at
//! once. Machines differ: quote ratios of figures from one run. With PostgreSQL's programs installed
//! every part runs on a server of our own, too, that flushes to the disk as a real one does.
#![expect(clippy::print_stdout, reason = "this is what it is for")]

mod at_rest;
mod host;
mod load;
mod policies;
#[path = "../support/postgres.rs"]
mod postgres;
mod stand_in;
mod words;

#[tokio::main]
async fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
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
    for engine in ["sqlite", "postgres"] {
        let other = if engine == "sqlite" { "postgres" } else { "sqlite" };
        if words.iter().any(|word| word == other) {
            continue;
        }
        let database = || match engine {
            "postgres" => postgres::url_for_new_durable_database("bench").map(Some),
            _ => Some(None),
        };
        println!("\n{engine}");
        if wanted("at-rest") || words == [engine] {
            let Some(database) = database() else { continue };
            at_rest::run(database).await;
        }
        if wanted("accepts") || words == [engine] {
            let Some(database) = database() else { continue };
            load::accepts(database).await;
        }
        if wanted("end-to-end") || words == [engine] {
            let Some(database) = database() else { continue };
            load::end_to_end(database).await;
        }
    }
}
