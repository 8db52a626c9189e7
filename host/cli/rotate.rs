//! `tidings key rotate-master`: a new master key under a running host.

use super::CliError;
use super::home::HomeError;
use crate::store::{Store, StoreError};
use clap::Args;

/// So many people's keys in one unit of work.
const PAGE: u32 = 500;

/// A running host reads the keys again with every heartbeat; what it wrapped until then is seen after.
const HEARTBEATS: std::time::Duration = std::time::Duration::from_secs(11);

#[derive(Args)]
pub(super) struct RotateMaster {
    /// Only wrap anew what an interrupted run left, without making another key.
    #[arg(long)]
    resume: bool,
    /// Remove the older master keys once they wrap nothing: backups from before need them.
    #[arg(long)]
    remove_retired: bool,
}

impl RotateMaster {
    pub(super) async fn run(self, store: &Store) -> Result<(), CliError> {
        let failed =
            |error| CliError::failed("the keys could not all be wrapped anew; run it with --resume", error);
        if !self.resume {
            store.keys().rotate().map_err(HomeError::from)?;
            super::audit::note(store, "key rotate-master", &store.keys().id()).await?;
        }
        let count = rewrap(store).await.map_err(failed)?;
        println!("{count} keys are wrapped by the master key {}", store.keys().id());
        let running = async { store.read().await?.count_hosts().await }.await.map_err(failed)?;
        if running > 0 {
            // One that runs may have wrapped a few more with the key of before.
            let progress = super::progress::working("waiting until every host has the new key");
            tokio::time::sleep(HEARTBEATS).await;
            progress.finish_and_clear();
            rewrap(store).await.map_err(failed)?;
        }
        if self.remove_retired {
            let mut tx = store.read().await.map_err(failed)?;
            let left = tx.wrapped_otherwise().await.map_err(failed)?;
            drop(tx);
            if left > 0 {
                return Err(CliError::plain(format!(
                    "{left} keys are still wrapped by an older master key; run it again with --resume"
                )));
            }
            let removed = store.keys().remove_retired().map_err(HomeError::from)?;
            println!(
                "{removed} older master keys are removed; backups from before cannot be opened without them"
            );
        } else {
            println!(
                "the older master keys stay in .tidings/keys for backups; --remove-retired removes them"
            );
        }
        Ok(())
    }
}

async fn rewrap(store: &Store) -> Result<u64, StoreError> {
    let progress = super::progress::counter("keys wrapped");
    let mut after = String::new();
    loop {
        let mut tx = store.begin().await?;
        let (last, count) = tx.rewrap_recipient_keys(&after, PAGE).await?;
        tx.commit().await?;
        progress.inc(count);
        let Some(last) = last else { break };
        after = last;
    }
    let count = progress.position();
    progress.finish_and_clear();
    Ok(count)
}
