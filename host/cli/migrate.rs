//! `tidings migrate`: the database is brought up to date.

use super::CliError;
use super::home::Home;
use std::collections::BTreeMap;
use std::path::Path;

pub(super) async fn run(home: &Path, environment: &BTreeMap<String, String>) -> Result<(), CliError> {
    let home = Home::open(home, environment)?;
    let store = home.store().await?;
    let failed = |error| CliError::failed("the database could not be migrated", error);
    let behind = store.schema().await.map_err(failed)?.behind;
    let progress = super::progress::working("migrating");
    store.migrate().await.map_err(failed)?;
    progress.finish_and_clear();
    if behind > 0 {
        super::audit::note(&store, "migrate", &format!("{behind} steps")).await?;
    }
    println!("the {} database is up to date", store.engine());
    Ok(())
}
