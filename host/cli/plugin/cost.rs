//! `tidings plugin cost`: what a policy uses, against what it may use.

use super::workbench::Workbench;
use super::{cases, sample};
use crate::cli::CliError;
use crate::domain::question::Question;
use crate::policy::{Cost, Loaded};
use std::collections::BTreeMap;
use std::path::Path;

/// From this share of a limit on, the policy is too near to it.
const TOO_NEAR: u64 = 80;

/// The most that any question of one kind used.
#[derive(Clone, Copy, Default)]
struct Most {
    cost: Cost,
    question: usize,
    /// As JSON, which is what is kept of it.
    answer: usize,
    faults: usize,
}

/// Asks the cases and the sample questions, and prints the dearest of each kind.
pub(super) async fn run(bench: &Workbench, wasm: &Path) -> Result<(), CliError> {
    let loaded = bench.load(wasm).await?;
    let mut most: BTreeMap<&'static str, Most> = BTreeMap::new();
    let mut questions = 0_u32;
    let mut faults = Vec::new();
    for (loaded, question) in questions_of(bench, wasm, &loaded).await? {
        let asked = bench.policies.ask_at_cost(&loaded, &question).await;
        questions += 1;
        let entry = most.entry(question.name()).or_default();
        entry.question = entry.question.max(size(&question));
        let (answered, cost) = match asked {
            Ok(asked) => asked,
            Err(fault) => {
                entry.faults += 1;
                entry.cost.fuel = entry.cost.fuel.max(fault.by.fuel);
                faults.push(format!("{}, fault {}: {}", question.name(), fault.code, fault.text));
                continue;
            }
        };
        entry.cost.start_fuel = entry.cost.start_fuel.max(cost.start_fuel);
        entry.cost.fuel = entry.cost.fuel.max(cost.fuel);
        entry.cost.memory = entry.cost.memory.max(cost.memory);
        entry.answer = entry.answer.max(size(&answered.answer));
    }
    println!("{} {}, {questions} questions", loaded.description.name, loaded.description.version);
    println!("{:<28}{:>14}{:>14}{:>7}", "", "used", "limit", "");
    let limits = &loaded.limits;
    let mut near = row("file, bytes", loaded.size, limits.file.0 as u64);
    let start = most.values().map(|most| most.cost.start_fuel).max().unwrap_or(0);
    near |= row("start and configure, fuel", start, limits.start_fuel);
    let memory = most.values().map(|most| most.cost.memory.0).max().unwrap_or(0);
    near |= row("memory, bytes", memory as u64, limits.memory.0 as u64);
    for (question, most) in &most {
        near |= row(&format!("{question}, fuel"), most.cost.fuel, limits.fuel);
        println!("{:<28}{:>14}", format!("{question}, question, JSON"), most.question);
        println!("{:<28}{:>14}", format!("{question}, answer, JSON"), most.answer);
        if most.faults > 0 {
            println!("{:<28}{:>14}  !", format!("{question}, no answer"), most.faults);
        }
    }
    for fault in &faults {
        println!("{fault}");
    }
    if !faults.is_empty() {
        return Err(CliError::plain(format!("{} of the questions have no answer", faults.len())));
    }
    if near {
        return Err(CliError::plain(format!("it uses more than {TOO_NEAR} % of a limit")));
    }
    Ok(())
}

/// Prints how much of a limit is used; whether that is too much.
fn row(what: &str, used: u64, limit: u64) -> bool {
    let share = used.saturating_mul(100) / limit.max(1);
    let near = share >= TOO_NEAR;
    println!("{what:<28}{used:>14}{limit:>14}{share:>5} %{}", if near { "  !" } else { "" });
    near
}

fn size(value: &impl serde::Serialize) -> usize {
    serde_json::to_vec(value).map_or(0, |json| json.len())
}

async fn questions_of(
    bench: &Workbench,
    wasm: &Path,
    loaded: &Loaded,
) -> Result<Vec<(Loaded, Question)>, CliError> {
    let ordinary = bench.ordinary();
    let described = &loaded.description;
    let mut questions = Vec::new();
    for (name, situation) in sample::all(bench, described) {
        let question = situation.question(described, &ordinary);
        let question = question.map_err(|problem| CliError::plain(format!("{name}: {problem}")))?;
        questions.push((loaded.clone(), question));
    }
    let file = bench.plugins.join(wasm.file_stem().unwrap_or_default()).join("cases.toml");
    if file.is_file() {
        for case in cases::read(&file)? {
            let unusable =
                |problem: String| CliError::plain(format!("the case \"{}\": {problem}", case.name));
            let with = bench.policies.with_settings(loaded, case.settings.clone()).await;
            let with = with.map_err(|refusal| unusable(refusal.to_string()))?;
            let question = case.situation.question(described, &ordinary).map_err(unusable)?;
            questions.push((with, question));
        }
    }
    Ok(questions)
}
