//! `tidings backup`: a consistent copy of the SQLite database beside a running host.

use super::CliError;
use super::home::Home;
use clap::Args;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub(super) struct Backup {
    /// Where the copy goes; the file must not be there yet.
    file: PathBuf,
}

impl Backup {
    pub(super) async fn run(
        self,
        home: &Path,
        environment: &BTreeMap<String, String>,
    ) -> Result<(), CliError> {
        let home = Home::open(home, environment)?;
        if home.config.database.url.is_some() {
            return Err(CliError::plain(
                "this home keeps its data in PostgreSQL: back it up with `pg_dump --format=custom`, or with \
                 continuous archiving",
            ));
        }
        if self.file.exists() {
            return Err(CliError::plain(format!("{} is there already", self.file.display())));
        }
        let store = home.store().await?;
        let progress = super::progress::working("copying");
        store.backup_sqlite(&self.file).await.map_err(|error| {
            CliError::failed(format!("{} could not be written", self.file.display()), error)
        })?;
        progress.finish_and_clear();
        super::audit::note(&store, "backup", &self.file.display().to_string()).await?;
        let size = std::fs::metadata(&self.file).map_or(0, |file| file.len());
        println!("{}  {} MB", self.file.display(), size.div_ceil(1_000_000));
        eprintln!(
            "Without the keys in {} it cannot be opened: keep them too, and apart from it.",
            home.folder.join(".tidings/keys").display()
        );
        Ok(())
    }
}
