//! `tidings recover`: a backup was put back, and the texts that were sent since then are not in it.

use super::CliError;
use super::home::{Home, HomeError, now};
use crate::clock::SystemClock;
use crate::service::{Host, Providers};
use chrono::{DateTime, Utc};
use clap::Args;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

#[derive(Args)]
#[command(after_help = "Example: tidings recover --since 2026-11-22T03:00:00Z

Run it after a backup was put back and before a host is started. Whatever the backup holds as unsent and due is
looked up at Twilio by number, words and time when the host starts: what was sent since then is taken as sent,
and only what Twilio surely does not have goes out.")]
pub(super) struct Recover {
    /// The moment of the backup, or one before it.
    #[arg(long)]
    since: DateTime<Utc>,
}

impl Recover {
    pub(super) async fn run(
        self,
        home: &Path,
        environment: &BTreeMap<String, String>,
    ) -> Result<(), CliError> {
        if self.since > now() {
            return Err(CliError::plain("--since is in the future"));
        }
        let home = Home::open(home, environment)?;
        let store = home.store_of_host().await?;
        store.migrate().await.map_err(HomeError::from)?;
        let host = Host::new(
            store,
            home.policies().await?,
            home.renderer()?,
            Providers { live: None, test: None },
            Arc::new(SystemClock),
            home.chance.clone(),
            home.config.settings(),
        );
        let failed = |error| CliError::failed("the backup could not be recovered; run it again", error);
        if home.config.database.url.is_some() && host.others_run().await.map_err(failed)? {
            return Err(CliError::plain("a host is running on this database: stop it first"));
        }
        let recovered = host.recover(self.since, false).await.map_err(failed)?;
        super::audit::note(&host.store, "recover", &self.since.to_rfc3339()).await?;
        println!(
            "{} texts are looked up at Twilio when the host starts, before any of them goes out",
            recovered.looked_up
        );
        if recovered.held > 0 {
            println!(
                "{} texts are held, for they cannot be looked up: GET /api/v1/messages?state=held, reason `recovered`",
                recovered.held
            );
        }
        Ok(())
    }
}
