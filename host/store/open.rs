//! Opening the database: the one SQLite file of a home, or a PostgreSQL server.

use super::bell::Bell;
use super::error::{Result, StoreError};
use super::seal::Keyring;
use super::writer::Writer;
use super::yielding::Places;
use super::{Pool, Sql, Store, on};
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, Executor as _};
use std::path::Path;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

/// To PostgreSQL, for each host.
pub(super) const CONNECTIONS: u32 = 16;

const HAS_SCHEMA: Sql = Sql {
    sqlite: "SELECT COUNT(*) FROM sqlite_master WHERE name = '_sqlx_migrations'",
    postgres: "SELECT COUNT(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = '_sqlx_migrations'",
};

const MADE: &str = "SELECT version FROM _sqlx_migrations WHERE success";

/// How the schema of a database stands to the one that this program knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schema {
    /// Steps that are still to be made.
    pub behind: usize,
    /// Steps that a newer program has made.
    pub ahead: usize,
}

/// What a host that froze or vanished in the middle of a unit of work may cost the others. Its locks go with
/// its connection; work of a dead host is taken over within half a minute.
const BOUNDS: [(&str, &str); 7] = [
    ("idle_in_transaction_session_timeout", "10s"),
    ("lock_timeout", "15s"),
    ("statement_timeout", "60s"),
    ("tcp_user_timeout", "15s"),
    ("tcp_keepalives_idle", "5"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "2"),
];

/// Every statement is for a few rows, found by an index, whatever the tables hold. The server plans by what it
/// knows of them, and keeps a plan until it has counted again: one that was made while a table was empty reads
/// all of it for each message long after it has grown. So no plan may read whole tables where an index is at
/// hand; and none is worth being compiled.
const PLANS: [(&str, &str); 4] =
    [("enable_seqscan", "off"), ("enable_hashjoin", "off"), ("enable_mergejoin", "off"), ("jit", "off")];

/// The SQLite file is this process's alone.
#[derive(Debug)]
pub struct SqliteLock(std::fs::File);

impl SqliteLock {
    /// Takes the file, which need not be there yet.
    ///
    /// # Errors
    ///
    /// A host has it, or the lock file cannot be made.
    pub fn take(path: &Path) -> Result<Self> {
        let lock_path = path.with_extension("lock");
        let lock = std::fs::File::create(&lock_path)
            .map_err(|source| StoreError::LockFile { path: lock_path.clone(), source })?;
        lock.try_lock().map_err(|error| StoreError::InUse { path: path.to_owned(), source: error.into() })?;
        Ok(Self(lock))
    }
}

impl Store {
    /// Takes the SQLite file for a host: one at a time may have it. Commands that only look, or make a
    /// key, open it beside the host.
    ///
    /// # Errors
    ///
    /// Another host has it, or the lock file cannot be made.
    pub fn lock_sqlite(&mut self, path: &Path) -> Result<()> {
        self.keep_lock(SqliteLock::take(path)?);
        Ok(())
    }

    /// Holds a file that was taken before it was opened.
    pub fn keep_lock(&mut self, lock: SqliteLock) {
        self.lock = Some(Arc::new(lock.0));
    }

    /// Opens the SQLite file, and makes it when it is new.
    ///
    /// # Errors
    ///
    /// The file cannot be opened.
    pub async fn open_sqlite(path: &Path, keys: Keyring) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A commit that a power cut rolls back would be a second text: the record of the first
            // is gone, the text is not.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5))
            .foreign_keys(true)
            // What is deleted is overwritten: a key that was destroyed is not to be found in the file. It costs
            // nothing that could be measured on inserts, updates and deletes of 60,000 rows.
            .pragma("secure_delete", "1")
            // What it undoes a unit of work with would else go to a file in /tmp, where a host may not write.
            .pragma("temp_store", "MEMORY")
            .pragma("journal_size_limit", "67108864")
            .pragma("wal_autocheckpoint", "4000")
            .statement_cache_capacity(256);
        // The writer has all tables and indexes in hand: its pages stay (16 MiB), the readers' are few.
        let writer = Writer::open(path, &options.clone().pragma("cache_size", "-16384")).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(4)
            // A file does not hang up.
            .test_before_acquire(false)
            .connect_with(options.create_if_missing(false).pragma("query_only", "1"))
            .await?;
        Ok(Self { pool: Pool::Sqlite { writer, readers }, keys, asked: Arc::default(), lock: None })
    }

    /// Connects to PostgreSQL.
    ///
    /// # Errors
    ///
    /// The address is malformed or nobody answers there.
    pub async fn open_postgres(url: &str, keys: Keyring) -> Result<Self> {
        let options = sqlx::postgres::PgConnectOptions::from_str(url)?.options(BOUNDS).options(PLANS);
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(Duration::from_secs(10))
            // A connection that was in use a moment ago is alive.
            .test_before_acquire(false)
            .before_acquire(|connection, before| {
                Box::pin(async move {
                    if before.idle_for > Duration::from_secs(2) {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_with(options)
            .await?;
        let bell = Arc::new(Bell::start(pool.clone()));
        Ok(Self {
            pool: Pool::Postgres { pool, bell, places: Places::new() },
            keys,
            asked: Arc::default(),
            lock: None,
        })
    }

    /// Brings the schema up to date.
    ///
    /// # Errors
    ///
    /// The database is newer than this program, or refuses a statement.
    pub async fn migrate(&self) -> Result<()> {
        match &self.pool {
            Pool::Sqlite { writer, .. } => {
                writer.migrate(&sqlx::migrate!("migrations/sqlite")).await?;
            }
            Pool::Postgres { pool, .. } => {
                // Takes as long as it takes, and is not given back with that.
                let mut connection = pool.acquire().await?.detach();
                connection.execute("SET statement_timeout = 0; SET lock_timeout = 0").await?;
                sqlx::migrate!("migrations/postgres").run(&mut connection).await?;
                connection.close().await?;
            }
        }
        Ok(())
    }

    /// How the schema stands to this program; nothing is changed.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn schema(&self) -> Result<Schema> {
        let known = match &self.pool {
            Pool::Sqlite { .. } => sqlx::migrate!("migrations/sqlite"),
            Pool::Postgres { .. } => sqlx::migrate!("migrations/postgres"),
        };
        let mut tx = self.look().await?;
        let sql = HAS_SCHEMA.on(&tx);
        let (there,): (i64,) = on!(tx, |db| sqlx::query_as(sql).fetch_one(db).await)?;
        let made: Vec<(i64,)> =
            if there == 0 { Vec::new() } else { on!(tx, |db| sqlx::query_as(MADE).fetch_all(db).await)? };
        Ok(Schema {
            behind: known.iter().filter(|step| !made.contains(&(step.version,))).count(),
            ahead: made.iter().filter(|(version,)| !known.version_exists(*version)).count(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Chance;

    #[tokio::test]
    async fn the_writer_flushes_every_commit_to_the_disk_and_writes_nowhere_else() {
        let folder = std::env::temp_dir().join(format!("tidings-open-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let keys = Keyring::new([7; 32], [9; 32], Chance::seeded(1));
        let store = Store::open_sqlite(&folder.join("tidings.db"), keys).await.unwrap();
        let mut tx = store.begin().await.unwrap();
        for (asked, expected) in [
            // FULL: a power cut takes back no commit that was answered for.
            ("PRAGMA synchronous", 2),
            ("PRAGMA foreign_keys", 1),
            ("PRAGMA secure_delete", 1),
            // MEMORY: it writes to its home and nowhere else.
            ("PRAGMA temp_store", 2),
        ] {
            let told: i64 = on!(tx, |db| sqlx::query_scalar(asked).fetch_one(db).await).unwrap();
            assert_eq!(told, expected, "{asked}");
        }
        let journal: String =
            on!(tx, |db| sqlx::query_scalar("PRAGMA journal_mode").fetch_one(db).await).unwrap();
        assert_eq!(journal, "wal");
        drop(tx);
        store.close().await;
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
