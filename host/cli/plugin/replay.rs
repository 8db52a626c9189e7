//! `tidings plugin replay`: a recorded decision is made again, and must be the same to the byte.

use super::compare::line;
use super::words;
use super::workbench::Workbench;
use crate::cli::home::{Home, HomeError};
use crate::cli::{CliError, audit};
use crate::domain::calendar::TZ_DATABASE;
use crate::domain::id::DecisionId;
use crate::domain::policy::PolicyFault;
use crate::domain::question::{Answer, Question};
use crate::policy::Loaded;
use crate::store::DecisionRecord;

/// What is the same whenever the question is asked, but for these: the machine had a say in them.
const OF_THE_MACHINE: [&str; 3] = ["timeout", "stack-overflow", "host"];

/// What came of asking once more.
struct Again {
    /// As a record holds it.
    answer: Vec<u8>,
    fuel: u64,
    log: Vec<String>,
}

/// Makes the decision again and says what differs.
pub(super) async fn run(bench: &Workbench, home: &Home, id: DecisionId) -> Result<(), CliError> {
    let failed = |error| CliError::failed("the decision cannot be read", error);
    let store = home.store().await?;
    store.migrate().await.map_err(HomeError::from)?;
    let record = store.read().await.map_err(failed)?.decision(id).await.map_err(failed)?;
    let record = record.ok_or_else(|| CliError::plain(format!("there is no decision {id}")))?;
    let (Some(input), Some(recorded)) = (&record.input, &record.answer) else {
        return Err(CliError::plain(
            "erased: what was asked and answered is gone with the person it was about",
        ));
    };
    let unreadable = |error| CliError::failed("the record cannot be read", error);
    let question = Question::read(&record.question, input).map_err(unreadable)?;
    audit::note(&store, "plugin replay", &id.to_string()).await?;
    println!("decision  {id} of {}", record.at.format("%F %T UTC"));
    println!("asked     {} of {} {}", record.question, record.policy, record.version);

    let loaded = policy_of(bench, home, &record).await?;
    let again = ask(bench, &loaded, &question).await;
    println!("then      {}", said(&record.question, &question, recorded));
    println!("now       {}", said(&record.question, &question, &again.answer));
    for line in &again.log {
        println!("log       {line}");
    }
    let differs = differences(&record, recorded, &loaded, &again);
    if differs.is_empty() {
        println!("the same, to the byte, for the same fuel");
        return Ok(());
    }
    for difference in &differs {
        println!("differs   {difference}");
    }
    Err(CliError::plain("the decision is not the same"))
}

/// The version that decided, from the archive; what stands in the folder where that is gone.
async fn policy_of(bench: &Workbench, home: &Home, record: &DecisionRecord) -> Result<Loaded, CliError> {
    match bench.load_archived(home, record).await {
        Some(archived) => archived,
        None => bench.load(&bench.file(&record.policy)).await,
    }
}

async fn ask(bench: &Workbench, loaded: &Loaded, question: &Question) -> Again {
    match bench.policies.ask(loaded, question).await {
        Ok(answered) => {
            let answer = answered.answer.json().unwrap_or_default();
            Again { answer, fuel: answered.by.fuel, log: answered.by.log }
        }
        Err(fault) => {
            let answer = fault.json().unwrap_or_default();
            Again { answer, fuel: fault.by.fuel, log: fault.by.log }
        }
    }
}

/// What a record holds, in words.
fn said(name: &str, question: &Question, json: &[u8]) -> String {
    match (Answer::read(name, json), PolicyFault::read(json)) {
        (Ok(answer), _) => line(question, &answer),
        (Err(_), Some((code, text))) => words::fault(&code, &text),
        (Err(error), None) => error.to_string(),
    }
}

fn differences(record: &DecisionRecord, recorded: &[u8], loaded: &Loaded, again: &Again) -> Vec<String> {
    let fuel = u64::try_from(record.fuel).unwrap_or(0);
    let mut pairs = vec![
        ("the .wasm", record.hash.clone(), loaded.hash.clone()),
        ("the settings", record.settings_hash.clone(), loaded.settings_hash.clone()),
        ("the time-zone database", record.tz_database.clone(), TZ_DATABASE.to_owned()),
    ];
    if !OF_THE_MACHINE.contains(&record.outcome.as_str()) {
        pairs.push(("the fuel", fuel.to_string(), again.fuel.to_string()));
    }
    let differ = pairs.into_iter().filter(|(_, then, now)| then != now);
    let mut differ: Vec<_> =
        differ.map(|(what, then, now)| format!("{what}: {then} then, {now} now")).collect();
    if recorded != again.answer {
        differ.push("the answer".to_owned());
    }
    if record.log != again.log {
        differ.push(format!("the log: {} lines then, {} now", record.log.len(), again.log.len()));
    }
    differ
}
