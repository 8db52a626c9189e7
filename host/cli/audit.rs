//! `tidings audit`: who did what, and whether the record is whole.

use super::CliError;
use super::home::{Home, HomeError, now};
use crate::store::{AuditEntry, AuditLine, Store, StoreError};
use clap::Subcommand;
use std::collections::BTreeMap;
use std::path::Path;

const PAGE: u32 = 1000;

#[derive(Subcommand)]
pub(super) enum Audit {
    /// Check every line against the one before it. Prints the last signature: kept elsewhere and given
    /// back with --expect, it also shows that nothing was cut off the end.
    #[command(after_help = "Example: tidings audit verify --expect 3f9a…")]
    Verify {
        /// A signature that an earlier run printed: it must be in the chain.
        #[arg(long)]
        expect: Option<String>,
    },
    /// Print the lines, the oldest first, one JSON object each.
    #[command(after_help = "Example: tidings audit list | grep DELETE")]
    List,
}

impl Audit {
    pub(super) async fn run(
        self,
        home: &Path,
        environment: &BTreeMap<String, String>,
    ) -> Result<(), CliError> {
        let home = Home::open(home, environment)?;
        let store = home.store().await?;
        store.migrate().await.map_err(HomeError::from)?;
        let failed = |error| CliError::failed("the audit could not be read", error);
        match self {
            Self::Verify { expect } => verify(&store, expect).await.map_err(failed)?,
            Self::List => {
                each(&store, |_, line| {
                    let AuditLine { number, entry, .. } = line;
                    println!(
                        "{}",
                        serde_json::json!({
                            "number": number, "at": entry.at, "actor": entry.actor, "action": entry.action,
                            "object": entry.object, "outcome": entry.outcome,
                        })
                    );
                    true
                })
                .await
                .map_err(failed)?;
                Ok(())
            }
        }
    }
}

/// Writes down what a command did.
pub(super) async fn note(store: &Store, command: &str, object: &str) -> Result<(), CliError> {
    let user = rustix::process::getuid().as_raw();
    let entry = AuditEntry {
        at: now(),
        actor: format!("cli:uid-{user}"),
        action: command.to_owned(),
        object: object.to_owned(),
        outcome: 0,
    };
    let written = async {
        let mut tx = store.begin().await?;
        tx.append_audit(&[entry]).await?;
        tx.commit().await
    };
    written.await.map_err(|error| CliError::failed("the audit could not be written", error))
}

/// The inner answer says what is wrong with the chain, the outer one that it could not be read.
async fn verify(store: &Store, expect: Option<String>) -> Result<Result<(), CliError>, StoreError> {
    let progress = super::progress::counter("lines checked");
    let (mut broken, mut met) = (None, expect.is_none());
    let last = each(store, |follows, line| {
        progress.inc(1);
        met |= expect.as_deref() == Some(line.signature().as_str());
        if !follows {
            broken = Some(line.number);
        }
        follows
    })
    .await?;
    progress.finish_and_clear();
    Ok(match (broken, last) {
        (Some(number), _) => Err(CliError::plain(format!(
            "line {number} does not follow from the one before it: it was changed, or lines before it are missing"
        ))),
        (None, _) if !met => {
            Err(CliError::plain("the expected signature is not in the chain: lines were cut off its end"))
        }
        (None, Some(last)) => {
            println!(
                "{} lines, each follows from the one before\nlast signature: {}",
                last.number,
                last.signature()
            );
            Ok(())
        }
        (None, None) => {
            println!("nothing was done yet");
            Ok(())
        }
    })
}

/// Shows every line, with whether it follows from the one before, until `show` has seen enough; the last.
async fn each(
    store: &Store,
    mut show: impl FnMut(bool, &AuditLine) -> bool,
) -> Result<Option<AuditLine>, StoreError> {
    let mut before: Option<AuditLine> = None;
    loop {
        let mut tx = store.read().await?;
        let lines = tx.audit_after(before.as_ref().map_or(0, |line| line.number), PAGE).await?;
        if lines.is_empty() {
            return Ok(before);
        }
        for line in lines {
            let follows = tx.follows(before.as_ref(), &line);
            if !show(follows, &line) {
                return Ok(Some(line));
            }
            before = Some(line);
        }
    }
}
