//! Backups of the SQLite file. `VACUUM INTO` reads one snapshot, so the copy is consistent while a host
//! goes on writing.

use super::{Pool, Result, Store, StoreError};
use sqlx::{ConnectOptions as _, Connection as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

impl Store {
    /// Writes a copy of the whole database into a new file, complete or not at all.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or this is no SQLite database.
    pub async fn backup_sqlite(&self, file: &Path) -> Result<()> {
        let Pool::Sqlite { readers, .. } = &self.pool else {
            return Err(StoreError::Database(sqlx::Error::Configuration(
                "this is no SQLite database".into(),
            )));
        };
        let failed = |source| StoreError::Backup { path: file.to_owned(), source };
        let partial = file.with_added_extension("partial");
        let _ = std::fs::remove_file(&partial);
        // Made first, so that nobody else may ever read it.
        std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&partial)
            .map_err(failed)?;
        // A connection of its own: a large copy takes its time, and nobody is to wait for it.
        let options = readers.connect_options().as_ref().clone().pragma("query_only", "0");
        let mut connection = options.connect().await?;
        sqlx::query("VACUUM INTO $1")
            .bind(partial.to_string_lossy().as_ref())
            .execute(&mut connection)
            .await?;
        connection.close().await?;
        std::fs::File::open(&partial).and_then(|file| file.sync_all()).map_err(failed)?;
        std::fs::rename(&partial, file).map_err(failed)
    }
}
