//! The database: SQLite in one file, or PostgreSQL. Each query is written once for both.
//!
//! A unit of work is a [`Tx`]; nothing in it is answered for before its commit. On SQLite units that
//! write take turns on one connection and share commits (`writer`). Every change of a message is
//! guarded by what the caller last saw of the row, and writes its line of the journal in the same
//! unit.

mod attempts;
mod audit;
mod backup;
mod challenges;
mod claims;
pub mod code_keys;
mod consents;
mod decision_pages;
mod decisions;
mod differences;
mod erasures;
mod events;
mod hosts;
mod journal;
mod key_files;
mod keys;
mod limits;
mod links;
mod message_row;
mod messages;
mod moves;
mod person_file;
mod provider_events;
mod questions;
mod recipients;
mod redactions;
mod replies;
mod retention;
mod rows;
pub mod seal;
mod search;
mod staged;
mod usage;
mod webhook_deliveries;
mod webhook_endpoints;
mod webhook_events;
mod writer;

pub use attempts::{Attempt, AttemptOutcome, NewAttempt, OpenAttempt};
pub use audit::{AuditEntry, AuditLine};
pub use claims::{Claim, Modes};
pub use consents::{ConsentLine, NewConsent};
pub use decision_pages::PastDecision;
pub use decisions::{DecisionRecord, NewDecision};
pub use differences::{Difference, NewDifference};
pub use erasures::Erasure;
pub use events::{EventState, NewEvent, StoredEvent};
pub use journal::JournalLine;
pub use key_files::KeyringError;
pub use keys::{ApiKey, KeyMode, RememberedRequest};
pub use limits::{Counted, Refusal, TrafficScope};
pub use links::{Link, NewLink};
pub use messages::{Opened, Payload};
pub use moves::{Change, Move};
pub use person_file::{KeptConsent, KeptReply};
pub use provider_events::{ProviderEvent, ProviderEventSource};
pub use questions::OpenQuestion;
pub use redactions::Redaction;
pub use replies::{NewRequest, Reply, ReplyEntry, ReplyFilter};
pub use retention::{Cutoffs, Page};
pub use search::{MessageFilter, MessagePage};
pub use usage::{QUARTER, UsageRow};
pub use webhook_deliveries::{Settled, WebhookDelivery, WebhookFigures};
pub use webhook_events::{NewWebhookEvent, NumberedEvent, RawWebhookEvent, Source, ToldConsent};

use crate::measure::{self, Moved};
use seal::Keyring;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection as _, Postgres, Sqlite, SqliteConnection, Transaction};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;
use writer::{WriteUnit, Writer};

/// What can go wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database did not do what it was asked.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The commit that this unit of work shared with others failed: none of them was written.
    #[error("the commit failed")]
    NotCommitted(#[source] Arc<sqlx::Error>),
    /// The schema could not be brought up to date.
    #[error("the database could not be migrated")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// Another host changed the row since it was read: nothing was written.
    #[error("message {id} was changed by somebody else")]
    LeaseLost {
        /// Which.
        id: crate::domain::id::MessageId,
    },
    /// Of many rows at once, one was there already: nothing was written.
    #[error("a row of many was there already")]
    Collision,
    /// A row that makes no sense.
    #[error("{table} {id} is inconsistent: {problem}")]
    Inconsistent {
        /// Where.
        table: &'static str,
        /// Which.
        id: String,
        /// What.
        problem: String,
    },
    /// A sealed value does not open: another key, or a changed byte.
    #[error("a sealed value cannot be opened")]
    Unsealable,
    /// The row was sealed under a master key that is not here.
    #[error("the master key {id} is missing from this home's keys")]
    UnknownMasterKey {
        /// The start of its SHA-256.
        id: String,
    },
    /// Another host has the SQLite file.
    #[error("{} is in use: another `tidings serve` runs in this home", path.display())]
    InUse {
        /// The database.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A backup cannot be written.
    #[error("{} cannot be written", path.display())]
    Backup {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The lock file cannot be made.
    #[error("{} cannot be written", path.display())]
    LockFile {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// What the store's functions answer.
pub type Result<T> = std::result::Result<T, StoreError>;

#[derive(Clone)]
enum Pool {
    Sqlite { writer: Arc<Writer>, readers: SqlitePool },
    Postgres(PgPool),
}

/// The database and the keys to what is sealed in it.
#[derive(Clone)]
pub struct Store {
    pool: Pool,
    keys: Keyring,
    /// Held as long as the store lives: one host per SQLite file.
    lock: Option<Arc<std::fs::File>>,
}

/// A unit of work.
pub struct Tx {
    inner: Inner,
    keys: Keyring,
    /// Written at the commit, each table's rows in one statement.
    staged: staged::Staged,
    /// Counted once the unit is on the disk.
    moved: Vec<Moved>,
    /// The keys of the people whom this unit of work has met; `None` for one who was erased.
    met: HashMap<String, Option<seal::SealKey>>,
}

enum Inner {
    Sqlite(Unit),
    Postgres(Transaction<'static, Postgres>),
    /// Without a transaction.
    PostgresLook(PoolConnection<Postgres>),
}

/// A unit of work on SQLite: by the one writer, or on a reader's snapshot.
enum Unit {
    Write(WriteUnit),
    Read(Transaction<'static, Sqlite>),
    Look(PoolConnection<Sqlite>),
}

impl Unit {
    fn connection(&mut self) -> &mut SqliteConnection {
        match self {
            Self::Write(unit) => unit.connection(),
            Self::Read(tx) => &mut *tx,
            Self::Look(connection) => &mut *connection,
        }
    }
}

/// Runs the same query on whichever database the unit of work belongs to.
macro_rules! on {
    ($tx:expr, |$db:ident| $body:expr) => {
        match &mut $tx.inner {
            $crate::store::Inner::Sqlite(unit) => {
                let $db = unit.connection();
                $body
            }
            $crate::store::Inner::Postgres(tx) => {
                let $db = &mut **tx;
                $body
            }
            $crate::store::Inner::PostgresLook(connection) => {
                let $db = &mut **connection;
                $body
            }
        }
    };
}
use on;

/// A text that has to be spelt differently for each database.
struct Sql {
    sqlite: &'static str,
    postgres: &'static str,
}

impl Sql {
    fn on(&self, tx: &Tx) -> &'static str {
        match tx.inner {
            Inner::Sqlite(_) => self.sqlite,
            Inner::Postgres(_) | Inner::PostgresLook(_) => self.postgres,
        }
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
        let lock_path = path.with_extension("lock");
        let refused = |source| StoreError::InUse { path: path.to_owned(), source };
        let lock = std::fs::File::create(&lock_path)
            .map_err(|source| StoreError::LockFile { path: lock_path.clone(), source })?;
        lock.try_lock().map_err(|error| refused(error.into()))?;
        self.lock = Some(Arc::new(lock));
        Ok(())
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
            .pragma("journal_size_limit", "67108864")
            .pragma("wal_autocheckpoint", "4000")
            .statement_cache_capacity(256);
        let writer = Writer::open(path, &options).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(4)
            // A file does not hang up.
            .test_before_acquire(false)
            .connect_with(options.create_if_missing(false).pragma("query_only", "1"))
            .await?;
        Ok(Self { pool: Pool::Sqlite { writer, readers }, keys, lock: None })
    }

    /// Connects to PostgreSQL.
    ///
    /// # Errors
    ///
    /// The address is malformed or nobody answers there.
    pub async fn open_postgres(url: &str, keys: Keyring) -> Result<Self> {
        let options = sqlx::postgres::PgConnectOptions::from_str(url)?;
        let pool = PgPoolOptions::new()
            .max_connections(16)
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
        Ok(Self { pool: Pool::Postgres(pool), keys, lock: None })
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
            Pool::Postgres(pool) => sqlx::migrate!("migrations/postgres").run(pool).await?,
        }
        Ok(())
    }

    /// Starts a unit of work that may write.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn begin(&self) -> Result<Tx> {
        let inner = match &self.pool {
            Pool::Sqlite { writer, .. } => Inner::Sqlite(Unit::Write(writer.begin().await?)),
            Pool::Postgres(pool) => Inner::Postgres(pool.begin().await?),
        };
        Ok(Tx::new(inner, self.keys.clone()))
    }

    /// Starts a unit of work that only reads.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn read(&self) -> Result<Tx> {
        let inner = match &self.pool {
            Pool::Sqlite { readers, .. } => Inner::Sqlite(Unit::Read(readers.begin().await?)),
            Pool::Postgres(pool) => Inner::Postgres(pool.begin().await?),
        };
        Ok(Tx::new(inner, self.keys.clone()))
    }

    /// Looks without a transaction: each question is answered by itself, at less cost.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn look(&self) -> Result<Tx> {
        let inner = match &self.pool {
            Pool::Sqlite { readers, .. } => Inner::Sqlite(Unit::Look(readers.acquire().await?)),
            Pool::Postgres(pool) => Inner::PostgresLook(pool.acquire().await?),
        };
        Ok(Tx::new(inner, self.keys.clone()))
    }

    /// Waits until everything that any unit of work has written so far is on the disk. For an answer
    /// that rests on what another unit wrote, of which this one has seen only the collision.
    ///
    /// # Errors
    ///
    /// That commit failed.
    pub async fn settled(&self) -> Result<()> {
        match &self.pool {
            Pool::Sqlite { writer, .. } => writer.settle().await,
            // There a collision waits for the other's end.
            Pool::Postgres(_) => Ok(()),
        }
    }

    /// The keys, for what is derived from them.
    #[must_use]
    pub const fn keys(&self) -> &Keyring {
        &self.keys
    }

    /// `sqlite` or `postgres`.
    #[must_use]
    pub const fn engine(&self) -> &'static str {
        match self.pool {
            Pool::Sqlite { .. } => "sqlite",
            Pool::Postgres(_) => "postgres",
        }
    }

    /// Ends all connections; what was committed is on disk. Another host may then take the file.
    pub async fn close(self) {
        match &self.pool {
            Pool::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Pool::Postgres(pool) => pool.close().await,
        }
        drop(self.lock);
    }
}

impl Tx {
    fn new(inner: Inner, keys: Keyring) -> Self {
        Self { inner, keys, staged: staged::Staged::default(), moved: Vec::new(), met: HashMap::new() }
    }

    /// Makes it so.
    ///
    /// # Errors
    ///
    /// The database did not confirm; nothing may be taken as written.
    pub async fn commit(mut self) -> Result<()> {
        self.write_staged().await?;
        match self.inner {
            Inner::Sqlite(Unit::Write(unit)) => unit.commit().await?,
            Inner::Sqlite(Unit::Read(tx)) => tx.commit().await?,
            Inner::Postgres(tx) => tx.commit().await?,
            // Each statement was its own unit.
            Inner::Sqlite(Unit::Look(_)) | Inner::PostgresLook(_) => {}
        }
        self.moved.iter().for_each(measure::moved);
        Ok(())
    }

    /// The keyed hash under which a phone is found.
    #[must_use]
    pub fn phone_hash(&self, phone: &crate::domain::phone::PhoneNumber) -> Vec<u8> {
        self.keys.hash("phone", phone.e164())
    }
}

/// Moments are whole milliseconds in the database.
fn moment(millis: i64, table: &'static str, id: &str) -> Result<chrono::DateTime<chrono::Utc>> {
    chrono::DateTime::from_timestamp_millis(millis)
        .ok_or_else(|| inconsistent(table, id, "a moment out of range"))
}

fn inconsistent(table: &'static str, id: impl std::fmt::Display, problem: impl Into<String>) -> StoreError {
    StoreError::Inconsistent { table, id: format!("{id}"), problem: problem.into() }
}

/// A number that is never negative in the domain.
fn small(number: i64, table: &'static str, id: impl std::fmt::Display) -> Result<u32> {
    u32::try_from(number).map_err(|_| inconsistent(table, id, "a number out of range"))
}
