//! Backups of the SQLite file. `VACUUM INTO` reads one snapshot, so the copy is consistent while a host
//! goes on writing. What is put back is looked through first, and what it takes the place of is set aside.

use super::{Pool, Result, SqliteLock, Store, StoreError};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};
use std::ffi::OsString;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

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

impl SqliteLock {
    /// Puts a backup in the place of the database that this lock is for, and answers where that one is now;
    /// `None` where there was none. `name` is given to it. Whatever breaks this off leaves one of the two whole in
    /// its place.
    ///
    /// # Errors
    ///
    /// The backup is no sound database of a host, or a file cannot be written.
    pub async fn restore(&self, backup: &Path, database: &Path, name: &str) -> Result<Option<PathBuf>> {
        let failed = |source: std::io::Error| StoreError::Backup { path: database.to_owned(), source };
        let fresh = beside(database, ".restoring");
        let (from, to) = (backup.to_owned(), fresh.clone());
        // One that was no `tidings backup` may have what was committed last in a log beside it.
        let copied = tokio::task::spawn_blocking(move || {
            copy(&from, &to)?;
            let (from, to) = (beside(&from, "-wal"), beside(&to, "-wal"));
            if from.exists() { copy(&from, &to) } else { Ok(()) }
        })
        .await;
        match copied {
            Ok(copied) => copied.map_err(|source| refuse(backup, &source.to_string()))?,
            Err(ended) => std::panic::resume_unwind(ended.into_panic()),
        }
        if let Err(problem) = look_through(&fresh).await {
            remove_with_log(&fresh);
            return Err(refuse(backup, &problem));
        }
        let aside = beside(database, name);
        let had_one = database.exists();
        if had_one {
            // What was committed last may stand in its log alone, which must not lie beside another file. One that
            // is too damaged for that keeps its log beside it.
            if let Err(problem) = fold(database).await
                && is_busy(&problem)
            {
                remove_with_log(&fresh);
                return Err(refuse(backup, "another command has the database open"));
            }
            // A second name first: nothing is without one.
            std::fs::hard_link(database, &aside).map_err(failed)?;
            if beside(database, "-wal").exists() {
                std::fs::hard_link(beside(database, "-wal"), beside(&aside, "-wal")).map_err(failed)?;
            }
        }
        for rest in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(beside(database, rest));
        }
        std::fs::rename(&fresh, database).map_err(failed)?;
        if let Some(folder) = database.parent() {
            std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        }
        Ok(had_one.then_some(aside))
    }
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    name.into()
}

fn refuse(backup: &Path, problem: &str) -> StoreError {
    StoreError::Restore { path: backup.to_owned(), problem: problem.to_owned() }
}

fn remove_with_log(file: &Path) {
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(beside(file, end));
    }
}

/// Takes the log beside a database into its file, which is all of it then.
async fn fold(file: &Path) -> std::result::Result<(), sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(false).busy_timeout(PATIENCE);
    let mut connection: SqliteConnection = options.connect().await?;
    let folded = connection.execute(EMPTY_LOG).await.map(drop);
    let closed = connection.close().await;
    folded.and(closed)
}

/// Another command that looks at the database is over sooner.
const PATIENCE: Duration = Duration::from_secs(1);

/// Fails where another process has the database open.
const EMPTY_LOG: &str = "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE";

fn is_busy(error: &sqlx::Error) -> bool {
    const BUSY: i64 = 5;
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<i64>().ok());
    code.is_some_and(|code| code & 0xff == BUSY)
}

/// Nobody else may ever read it.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    let _ = std::fs::remove_file(to);
    let mut source = std::fs::File::open(from)?;
    let mut target = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    std::io::copy(&mut source, &mut target)?;
    target.sync_all()
}

/// What is wrong with a copy, in words. A log beside it is taken into the file.
async fn look_through(file: &Path) -> std::result::Result<(), String> {
    let is_alone = !beside(file, "-wal").exists();
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(false).immutable(is_alone);
    let no_database = |error: sqlx::Error| format!("it is no database of a host ({error})");
    let mut connection: SqliteConnection = options.connect().await.map_err(no_database)?;
    let found: String =
        sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&mut connection).await.map_err(no_database)?;
    let steps: std::result::Result<i64, _> =
        sqlx::query_scalar("SELECT COUNT(*) FROM _sqlx_migrations").fetch_one(&mut connection).await;
    let folded =
        if is_alone { Ok(()) } else { connection.execute(EMPTY_LOG).await.map(drop).map_err(no_database) };
    let _ = connection.close().await;
    folded?;
    if found != "ok" {
        return Err(format!("it is damaged ({found})"));
    }
    steps.map(drop).map_err(no_database)
}
