//! `tidings plugin replay`: a recorded decision is made again, and must be the same to the byte.

use super::compare::line;
use super::words;
use super::workbench::Workbench;
use crate::cli::CliError;
use crate::cli::home::{Home, HomeError};
use crate::domain::calendar::TZ_DATABASE;
use crate::domain::id::DecisionId;
use crate::domain::question::{Answer, Question};
use crate::policy::Loaded;
use crate::store::DecisionRecord;

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
    println!("decision  {id} of {}", record.at.format("%F %T UTC"));
    println!("asked     {} of {} {}", record.question, record.policy, record.version);

    let loaded = policy_of(bench, &record).await?;
    let mut differs = Vec::new();
    for (what, then, now) in [
        ("the .wasm", &record.hash, &loaded.hash),
        ("the settings", &record.settings_hash, &loaded.settings_hash),
        ("the time-zone database", &record.tz_database, &TZ_DATABASE.to_owned()),
    ] {
        if then != now {
            differs.push(format!("{what}: {then} then, {now} now"));
        }
    }
    let (answered, fuel) = match bench.policies.ask(&loaded, &question).await {
        Ok(answered) => (answered.answer.json().unwrap_or_default(), answered.by.fuel),
        Err(fault) => {
            println!("now       {}", words::fault(&fault));
            (Vec::new(), 0)
        }
    };
    for (when, json) in [("then", recorded.as_slice()), ("now", answered.as_slice())] {
        if let Ok(answer) = Answer::read(&record.question, json) {
            println!("{when:<10}{}", line(&question, &answer));
        }
    }
    if answered != *recorded {
        differs.push("the answer".to_owned());
    }
    let then = u64::try_from(record.fuel).unwrap_or(0);
    if fuel != then {
        differs.push(format!("the fuel: {then} then, {fuel} now"));
    }
    if differs.is_empty() {
        println!("the same, to the byte, for the same fuel");
        return Ok(());
    }
    for difference in &differs {
        println!("differs   {difference}");
    }
    Err(CliError::plain("the decision is not the same"))
}

/// The policy of that name, as it stands in the folder now.
async fn policy_of(bench: &Workbench, record: &DecisionRecord) -> Result<Loaded, CliError> {
    bench.load(&bench.file(&record.policy)).await
}
