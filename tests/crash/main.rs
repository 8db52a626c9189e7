//! The proof by killing: real hosts die by SIGKILL at every named crash point, and at random moments,
//! before a Twilio with faults that records what it took. Then texts are counted: none lost, none sent
//! twice, each in an explained state. A naive sender goes the same way, and must send some twice: else
//! the proof is blind. And hosts are asked to end by SIGTERM while their calls are out.
//!
//! A program of its own, not libtest's, so that it can be its own naive sender and says what it counted.
//! The long run is `cargo bench -- crash`.
#![expect(clippy::print_stdout, reason = "what was counted is to be seen")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[path = "../support/daytime.rs"]
mod daytime;
#[path = "../support/postgres.rs"]
mod postgres;
mod program;

use program::{Engine, Size, naive};

/// What a run in CI has time for.
const SIZE: Size = Size { kills: 20, texts_a_life: 4, naive_kills: 15 };

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == naive::WORD) {
        return naive::run(&words[1..]).await;
    }
    if words.iter().any(|word| word == "--list") {
        return;
    }
    let filters = filters(&words);
    let wanted =
        |name: &str| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()));
    let seed = program::seed();
    println!("\nkilled hosts; TIDINGS_SEED={seed} does it again");
    if wanted("crash::control") {
        program::control(SIZE, seed).await;
    }
    if wanted("crash::points") {
        program::at_every_point(Engine::ALL).await;
    }
    if wanted("crash::frozen") {
        program::frozen(Engine::ALL).await;
        program::among_many(Engine::ALL).await;
    }
    if wanted("crash::end") {
        program::asked_to_end(Engine::ALL).await;
        program::renewed(Engine::ALL).await;
    }
    if wanted("crash::random") {
        program::at_random(Engine::ALL, SIZE, seed).await;
    }
}

/// As `cargo test WORD -- --test-threads 2` gives them: words that are no options, nor belong to one.
fn filters(words: &[String]) -> Vec<&String> {
    let with_value = ["--test-threads", "--skip", "--format", "--color", "--logfile", "--shuffle-seed", "-Z"];
    let mut filters = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if with_value.contains(&word.as_str()) {
            words.next();
        } else if !word.starts_with('-') {
            filters.push(word);
        }
    }
    filters
}
