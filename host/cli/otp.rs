//! `tidings otp`: what became of one-time codes that were not given.

use super::CliError;
use super::home::{Home, HomeError};
use crate::store::{RefusalCount, StoreError};
use clap::Subcommand;
use std::collections::BTreeMap;
use std::path::Path;

const PAGE: u32 = 500;

#[derive(Subcommand)]
pub(super) enum Otp {
    /// Print what was refused, or only noted, and why: by the hour, the newest first.
    #[command(after_help = "Examples:
  tidings otp refusals
  tidings otp refusals --test --json")]
    Refusals {
        /// Of test keys, instead of live ones.
        #[arg(long)]
        test: bool,
        /// Print one JSON object a line, for machines.
        #[arg(long)]
        json: bool,
    },
}

impl Otp {
    pub(super) async fn run(
        self,
        home: &Path,
        environment: &BTreeMap<String, String>,
    ) -> Result<(), CliError> {
        let Self::Refusals { test, json } = self;
        let home = Home::open(home, environment)?;
        let store = home.store().await?;
        store.migrate().await.map_err(HomeError::from)?;
        super::audit::note(&store, "otp refusals", if test { "test" } else { "live" }).await?;
        let mut last: Option<RefusalCount> = None;
        loop {
            let page = async {
                let mut tx = store.look().await?;
                tx.refusals(test, last.as_ref().map(|row| (row.hour, &row.refusal)), PAGE).await
            };
            let page =
                page.await.map_err(|error: StoreError| CliError::failed("refusals cannot be read", error))?;
            for row in &page {
                println!("{}", if json { as_json(row) } else { as_line(row) });
            }
            last = page.into_iter().next_back();
            if last.is_none() {
                return Ok(());
            }
        }
    }
}

fn as_line(row: &RefusalCount) -> String {
    let refusal = &row.refusal;
    let word = if refusal.noted { "noted  " } else { "refused" };
    let key = if refusal.api_key.is_empty() { "no key" } else { &refusal.api_key };
    format!(
        "{}  {word}  {:>6}  {}  {}  {}  {key}",
        row.hour.format("%F %H:%MZ"),
        row.count,
        refusal.reason,
        refusal.country,
        refusal.purpose
    )
}

fn as_json(row: &RefusalCount) -> String {
    let refusal = &row.refusal;
    serde_json::json!({
        "hour": row.hour, "reason": refusal.reason, "noted": refusal.noted, "country": refusal.country,
        "purpose": refusal.purpose, "api_key": Some(&refusal.api_key).filter(|id| !id.is_empty()), "count": row.count,
    })
    .to_string()
}
