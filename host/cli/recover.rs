//! `tidings recover`: a backup is put back, and the texts that were sent since then are not in it.

use super::CliError;
use super::home::{Home, HomeError, now};
use crate::clock::SystemClock;
use crate::service::{self, Host, PersonError, Providers};
use crate::store::{SqliteLock, Store, StoreError};
use chrono::{DateTime, Utc};
use clap::Args;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(Args)]
#[command(after_help = "Examples:
  tidings recover --from /backups/tidings-2026-11-22.db
  tidings recover --since 2026-11-22T03:00:00Z

The first puts a backup of SQLite in place, while no host runs; what stood there is set aside. The second is for a
PostgreSQL that was restored. Both go before a host is started. Whatever the backup holds as unsent and due is looked
up at Twilio by number, words and time when the host starts: what was sent since then is taken as sent, and only what
Twilio surely does not have goes out. Whoever was erased since the backup is erased again.

What was posted since the backup is lost here, and is to be posted again within a day: of each new text of that day
the host asks Twilio whether it sent these very words to that phone since the backup, and then takes it as sent: also
a truly new one of the same words, whose old one was not posted again. Where Twilio's list cannot be followed to its end
the text is held for a person; an urgent text waits for none of this, for an alert twice is better than none. What is
posted again later is sent again.")]
pub(super) struct Recover {
    /// Put this backup in the place of the SQLite database.
    #[arg(long, value_name = "FILE", required_unless_present = "since")]
    from: Option<PathBuf>,
    /// The moment of the backup, or one before it; the backup's own last sign of life when left out.
    #[arg(long)]
    since: Option<DateTime<Utc>>,
}

impl Recover {
    pub(super) async fn run(
        self,
        home: &Path,
        environment: &BTreeMap<String, String>,
    ) -> Result<(), CliError> {
        if self.since.is_some_and(|since| since > now()) {
            return Err(CliError::plain("--since is in the future"));
        }
        let home = Home::open(home, environment)?;
        let store = match &self.from {
            Some(file) => put_back(&home, file).await?,
            None => home.store_of_host().await?,
        };
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
        let since = match self.since {
            Some(since) => since,
            None => last_seen(&host.store).await.map_err(|error| failed(error.into()))?,
        };
        let erased = service::erase_again(&host.store, &home.chance, "recover", now()).await.map_err(
            |error: PersonError| {
                CliError::failed("whom the backup brought back could not all be erased; run it again", error)
            },
        )?;
        let progress = super::progress::counter("texts looked at");
        let recovered = host.recover(since, false, |seen| progress.inc(seen)).await.map_err(failed)?;
        progress.finish_and_clear();
        super::audit::note(&host.store, "recover", &since.to_rfc3339()).await?;
        if erased > 0 {
            println!("{erased} people were erased after {since}, and are erased again");
        }
        println!(
            "{} texts are looked up at Twilio when the host starts, before any of them goes out",
            recovered.looked_up
        );
        println!(
            "What was posted after {since} is to be posted again within 24 hours: what Twilio has of it is not sent again"
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

/// Puts a backup in place, under the lock that keeps hosts out until this command has ended.
async fn put_back(home: &Home, file: &Path) -> Result<Store, CliError> {
    if home.config.database.url.is_some() {
        return Err(CliError::plain(
            "this home keeps its data in PostgreSQL: restore it with its own tools, then give --since",
        ));
    }
    let database = home.database_file();
    let lock = SqliteLock::take(&database).map_err(HomeError::from)?;
    let progress = super::progress::working("copying and looking through");
    let name = format!(".replaced-{}", now().format("%Y%m%dT%H%M%SZ"));
    let aside = lock
        .restore(file, &database, &name)
        .await
        .map_err(|error| CliError::failed("nothing was changed", error))?;
    progress.finish_and_clear();
    if let Some(aside) = aside {
        eprintln!("The database before is {}: remove it when all is well.", aside.display());
    }
    Ok(home.store_under(lock).await?)
}

/// The last sign of life in the database.
async fn last_seen(store: &Store) -> Result<DateTime<Utc>, StoreError> {
    let mut tx = store.read().await?;
    Ok(tx.last_seen().await?.unwrap_or(DateTime::UNIX_EPOCH))
}
