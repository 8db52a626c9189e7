//! The one writer of the SQLite file. Units of work take turns on its connection, each in a savepoint
//! of its own, and share a commit: while one commit is on its way to the disk, the next group gathers
//! by itself. Nobody is told that a unit was written before its group is on the disk, and nobody waits
//! for others to come.

use super::{Result, StoreError};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::{Mutex, Notify, OwnedMutexGuard, watch};

/// A write-ahead log that has grown beyond this is emptied as soon as no reader needs it.
const LONGEST_LOG: u64 = 64 << 20;

/// What became of a group: `None` while it gathers.
type Outcome = Option<std::result::Result<(), Arc<sqlx::Error>>>;

/// The writer's place and the task that commits.
pub(super) struct Writer {
    shared: Arc<Shared>,
    committing: tokio::task::JoinHandle<()>,
}

struct Shared {
    /// First come, first served: whoever waits when a unit ends joins its group.
    place: Arc<Mutex<Place>>,
    /// A unit has ended; its group is to be committed once those who wait already have joined.
    ended: Notify,
    log: PathBuf,
}

struct Place {
    /// `None` once the writer is closed.
    connection: Option<SqliteConnection>,
    /// The open transaction, told to all whose units are in it.
    group: Option<watch::Sender<Outcome>>,
    /// So many units of the group have ended.
    units: u32,
    /// A unit is open; one that was dropped is taken back by whoever comes next.
    open: bool,
}

/// One unit of work. Dropped, it has never been.
pub(super) struct WriteUnit {
    place: Option<OwnedMutexGuard<Place>>,
    shared: Arc<Shared>,
}

impl Writer {
    pub(super) async fn open(path: &Path, options: &SqliteConnectOptions) -> Result<Arc<Self>> {
        let connection = options.connect().await?;
        let place = Place { connection: Some(connection), group: None, units: 0, open: false };
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let shared = Arc::new(Shared {
            place: Arc::new(Mutex::new(place)),
            ended: Notify::new(),
            log: PathBuf::from(log),
        });
        let committing = tokio::spawn(commit_groups(shared.clone()));
        Ok(Arc::new(Self { shared, committing }))
    }

    /// Takes the writer's place for one unit of work.
    pub(super) async fn begin(&self) -> Result<WriteUnit> {
        let mut unit = WriteUnit {
            place: Some(self.shared.place.clone().lock_owned().await),
            shared: self.shared.clone(),
        };
        unit.place_mut().begin().await?;
        Ok(unit)
    }

    /// Waits until everything that was written so far is on the disk.
    pub(super) async fn settle(&self) -> Result<()> {
        let group = self.shared.place.lock().await.group.as_ref().map(watch::Sender::subscribe);
        match group {
            Some(outcome) => {
                self.shared.ended.notify_one();
                written(outcome).await
            }
            None => Ok(()),
        }
    }

    pub(super) async fn migrate(&self, migrator: &sqlx::migrate::Migrator) -> Result<()> {
        let mut place = self.shared.place.lock().await;
        place.commit().await?;
        Ok(migrator.run(place.connection()?).await?)
    }

    pub(super) async fn close(&self) {
        // Whoever has the place is done with it: no commit is cut short.
        let mut place = self.shared.place.lock().await;
        self.committing.abort();
        if let Err(error) = place.commit().await {
            tracing::error!(error = &error as &dyn std::error::Error, "the last commit failed");
        }
        if let Some(connection) = place.connection.take() {
            // What was committed is safe in any case.
            let _ = connection.close().await;
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.committing.abort();
    }
}

/// Commits each group when those who waited have joined it: the lock's queue is the group.
async fn commit_groups(shared: Arc<Shared>) {
    loop {
        shared.ended.notified().await;
        let mut place = shared.place.lock().await;
        if let Err(error) = place.commit().await {
            tracing::error!(error = &error as &dyn std::error::Error, "a commit failed");
        }
        let is_long = std::fs::metadata(&shared.log).is_ok_and(|log| log.len() > LONGEST_LOG);
        if is_long && let Err(error) = place.empty_log().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the write-ahead log stays long");
        }
    }
}

impl Place {
    fn connection(&mut self) -> Result<&mut SqliteConnection> {
        self.connection.as_mut().ok_or(StoreError::Database(sqlx::Error::PoolClosed))
    }

    async fn begin(&mut self) -> Result<()> {
        self.take_back().await?;
        // Marked before it is done: who is dropped in between leaves it to the next to take back.
        self.open = true;
        if self.group.is_some() {
            self.connection()?.execute("SAVEPOINT unit").await?;
            return Ok(());
        }
        self.group = Some(watch::Sender::new(None));
        // The writer's place among processes is asked for up front: asking later fails where this
        // merely waits.
        if let Err(error) = self.connection()?.execute("BEGIN IMMEDIATE; SAVEPOINT unit").await {
            (self.open, self.group) = (false, None);
            return Err(error.into());
        }
        Ok(())
    }

    /// Undoes a unit that was dropped.
    async fn take_back(&mut self) -> Result<()> {
        if self.open {
            // A unit that was dropped while it ended may be gone already, and then has ended.
            let undone = self.connection()?.execute("ROLLBACK TO unit; RELEASE unit").await;
            self.open = false;
            if let Err(error) = undone {
                tracing::debug!(error = &error as &dyn std::error::Error, "nothing to take back");
            }
        }
        Ok(())
    }

    /// Ends the group, and tells everybody in it.
    async fn commit(&mut self) -> Result<()> {
        self.take_back().await?;
        let Some(group) = &self.group else { return Ok(()) };
        let connection = self.connection.as_mut().ok_or(StoreError::Database(sqlx::Error::PoolClosed))?;
        let committed = connection.execute("COMMIT").await.map(drop).map_err(Arc::new);
        if committed.is_err() {
            // Where the transaction is gone already, there is nothing left to undo.
            let _ = connection.execute("ROLLBACK").await;
        }
        group.send_replace(Some(committed.clone()));
        self.group = None;
        crate::measure::committed(std::mem::take(&mut self.units));
        committed.map_err(StoreError::NotCommitted)
    }

    async fn empty_log(&mut self) -> Result<()> {
        // Readers are not waited for: the next group tries again.
        let emptied = "PRAGMA busy_timeout = 0; PRAGMA wal_checkpoint(TRUNCATE); PRAGMA busy_timeout = 5000";
        self.connection()?.execute(emptied).await?;
        Ok(())
    }
}

impl WriteUnit {
    fn place_mut(&mut self) -> &mut Place {
        self.place.as_mut().expect("the place is held until the unit ends")
    }

    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        self.place_mut().connection.as_mut().expect("the unit began on it")
    }

    /// Ends the unit, and waits until its group is on the disk.
    pub(super) async fn commit(mut self) -> Result<()> {
        self.connection().execute("RELEASE unit").await?;
        let place = self.place_mut();
        place.open = false;
        place.units += 1;
        let group = place.group.as_ref().expect("the unit began in it");
        let outcome = group.subscribe();
        drop(self);
        written(outcome).await
    }
}

/// Waits for what becomes of a group.
async fn written(mut outcome: watch::Receiver<Outcome>) -> Result<()> {
    let told = outcome.wait_for(Option::is_some).await.map(|outcome| outcome.clone());
    match told {
        Ok(Some(committed)) => committed.map_err(StoreError::NotCommitted),
        // The writer is gone, and the group with it.
        Ok(None) | Err(_) => Err(sqlx::Error::PoolClosed.into()),
    }
}

impl Drop for WriteUnit {
    fn drop(&mut self) {
        self.place = None;
        self.shared.ended.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::sqlite::SqliteJournalMode;
    use std::path::PathBuf;

    fn log_length(path: &Path) -> u64 {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        std::fs::metadata(PathBuf::from(log)).map_or(0, |log| log.len())
    }

    async fn write(writer: &Writer, sql: &'static str) {
        let mut unit = writer.begin().await.unwrap();
        unit.connection().execute(sql).await.unwrap();
        unit.commit().await.unwrap();
    }

    #[tokio::test]
    async fn the_log_is_emptied_once_a_long_reader_has_gone() {
        let folder = std::env::temp_dir().join(format!("tidings-writer-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("log.db");
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .pragma("wal_autocheckpoint", "4000");
        let writer = Writer::open(&path, &options).await.unwrap();
        write(&writer, "CREATE TABLE t (x BLOB)").await;
        let mut reader = options.connect().await.unwrap();
        reader.execute("BEGIN; SELECT COUNT(*) FROM t").await.unwrap();
        for _ in 0..70 {
            write(&writer, "INSERT INTO t VALUES (randomblob(1048576))").await;
        }
        assert!(log_length(&path) > LONGEST_LOG, "the reader needs it");
        reader.execute("COMMIT").await.unwrap();
        // Each group tries again; one that comes while the log is being emptied waits for it.
        for _ in 0..3 {
            write(&writer, "INSERT INTO t VALUES (x'00')").await;
        }
        writer.close().await;
        assert!(log_length(&path) < LONGEST_LOG / 8, "{}", log_length(&path));
        drop(reader);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
