//! The database: SQLite in one file, or PostgreSQL. Each query is written once for both.
//!
//! A unit of work is a [`Tx`]; nothing in it is answered for before its commit. On SQLite units that
//! write take turns on one connection and share commits (`writer`). Every change of a message is
//! guarded by what the caller last saw of the row, and writes its line of the journal in the same
//! unit.

mod attempts;
mod audit;
mod backup;
mod bell;
mod challenges;
mod claims;
pub mod code_keys;
mod consents;
mod counted_texts;
mod decision_pages;
mod decisions;
mod differences;
mod erased_file;
mod erasures;
mod error;
mod events;
#[cfg(test)]
mod found_by;
mod gathered;
mod hosts;
mod journal;
mod key_files;
mod keys;
mod limits;
mod links;
mod message_row;
mod messages;
mod moves;
mod new_events;
mod open;
mod person_file;
mod posted_in_doubt;
mod provider_events;
mod questions;
mod recipients;
mod recoveries;
mod redactions;
mod refusals;
mod replies;
mod retention;
mod rows;
pub mod seal;
mod search;
mod senders;
mod shared_keys;
mod staged;
mod usage;
mod verifications;
mod webhook_deliveries;
mod webhook_endpoints;
mod webhook_events;
mod writer;
mod yielding;

pub use attempts::{Attempt, AttemptOutcome, NewAttempt, OpenAttempt};
pub use audit::{AuditEntry, AuditLine};
pub use claims::{Claim, Modes, NextDue, Waiting};
pub use consents::{ConsentLine, NewConsent};
pub use counted_texts::Counting;
pub use decision_pages::PastDecision;
pub use decisions::{DecisionRecord, NewDecision};
pub use differences::{Difference, NewDifference};
pub use erasures::Erasure;
pub use error::{Result, StoreError};
pub use events::{EventState, StoredEvent};
pub use gathered::SentText;
pub use journal::JournalLine;
pub use key_files::KeyringError;
pub use keys::{ApiKey, KeyMode, RememberedRequest};
pub use limits::{Counted, TrafficScope};
pub use links::{Link, NewLink};
pub use messages::{Opened, Payload};
pub use moves::{Change, Move};
pub use new_events::{NewEvent, SubjectOf};
pub use open::{Schema, SqliteLock};
pub use person_file::{KeptChallenge, KeptReply, KeptRequest};
pub use provider_events::{ProviderEvent, ProviderEventSource};
pub use questions::OpenQuestion;
pub use recoveries::Recovery;
pub use redactions::Redaction;
pub use refusals::{Refusal, RefusalCount};
pub use replies::{NewRequest, Reply, ReplyEntry, ReplyFilter};
pub use retention::{Cutoffs, FORGET_STEPS, ForgetStep, Page};
pub use search::{MessageFilter, MessagePage};
pub use senders::AccountStop;
pub use shared_keys::KeysFit;
pub use usage::{QUARTER, UsageRow, UsageTotal};
pub use webhook_deliveries::{Settled, WebhookDelivery, WebhookFigures};
pub use webhook_events::{NewWebhookEvent, NumberedEvent, RawWebhookEvent, Source, ToldConsent};
pub use yielding::{unyielding, yielding};

use crate::measure::{self, Moved};
use bell::Bell;
use error::{inconsistent, moment, small};
use seal::Keyring;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPool;
use sqlx::sqlite::SqlitePool;
use sqlx::{Postgres, Sqlite, SqliteConnection, Transaction};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::OwnedSemaphorePermit;
use writer::{WriteUnit, Writer};
use yielding::Places;

#[derive(Clone)]
enum Pool {
    Sqlite { writer: Arc<Writer>, readers: SqlitePool },
    Postgres { pool: PgPool, bell: Arc<Bell>, places: Places },
}

/// The database and the keys to what is sealed in it.
#[derive(Clone)]
pub struct Store {
    pool: Pool,
    keys: Keyring,
    /// Statements and units of work so far.
    asked: Arc<AtomicU64>,
    /// Held as long as the store lives: one host per SQLite file.
    lock: Option<Arc<std::fs::File>>,
}

/// A unit of work.
pub struct Tx {
    inner: Inner,
    keys: Keyring,
    asked: Arc<AtomicU64>,
    /// Written at the commit, each table's rows in one statement.
    staged: staged::Staged,
    /// Counted once the unit is on the disk.
    moved: Vec<Moved>,
    /// Given back when the unit of work ends.
    _place: Option<OwnedSemaphorePermit>,
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
    ($tx:expr, |$db:ident| $body:expr) => {{
        $tx.asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
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
    }};
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
    /// Starts a unit of work that may write.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn begin(&self) -> Result<Tx> {
        let place = self.place().await;
        let inner = match &self.pool {
            Pool::Sqlite { writer, .. } => Inner::Sqlite(Unit::Write(writer.begin().await?)),
            Pool::Postgres { pool, .. } => Inner::Postgres(pool.begin().await?),
        };
        Ok(Tx::new(inner, place, self))
    }

    /// Starts a unit of work that only reads.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn read(&self) -> Result<Tx> {
        let place = self.place().await;
        let inner = match &self.pool {
            Pool::Sqlite { readers, .. } => Inner::Sqlite(Unit::Read(readers.begin().await?)),
            Pool::Postgres { pool, .. } => Inner::Postgres(pool.begin().await?),
        };
        Ok(Tx::new(inner, place, self))
    }

    /// Looks without a transaction: each question is answered by itself, at less cost.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn look(&self) -> Result<Tx> {
        let place = self.place().await;
        let inner = match &self.pool {
            Pool::Sqlite { readers, .. } => Inner::Sqlite(Unit::Look(readers.acquire().await?)),
            Pool::Postgres { pool, .. } => Inner::PostgresLook(pool.acquire().await?),
        };
        Ok(Tx::new(inner, place, self))
    }

    /// On SQLite units that write take turns as they come, and readers are many.
    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        match &self.pool {
            Pool::Sqlite { .. } => None,
            Pool::Postgres { places, .. } => places.take().await,
        }
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
            Pool::Postgres { .. } => Ok(()),
        }
    }

    /// The keys, for what is derived from them.
    #[must_use]
    pub const fn keys(&self) -> &Keyring {
        &self.keys
    }

    /// How often the database was asked something so far: statements and beginnings of units of work, by
    /// this store and its clones.
    #[must_use]
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// `sqlite` or `postgres`.
    #[must_use]
    pub const fn engine(&self) -> &'static str {
        match self.pool {
            Pool::Sqlite { .. } => "sqlite",
            Pool::Postgres { .. } => "postgres",
        }
    }

    /// Ends all connections; what was committed is on disk. Another host may then take the file.
    pub async fn close(self) {
        match &self.pool {
            Pool::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Pool::Postgres { pool, .. } => pool.close().await,
        }
        drop(self.lock);
    }
}

impl Tx {
    fn new(inner: Inner, place: Option<OwnedSemaphorePermit>, store: &Store) -> Self {
        store.asked.fetch_add(1, Ordering::Relaxed);
        Self {
            inner,
            _place: place,
            keys: store.keys.clone(),
            asked: store.asked.clone(),
            staged: staged::Staged::default(),
            moved: Vec::new(),
            met: HashMap::new(),
        }
    }

    /// Makes it so.
    ///
    /// # Errors
    ///
    /// The database did not confirm; nothing may be taken as written.
    pub async fn commit(mut self) -> Result<()> {
        self.write_staged().await?;
        self.find_countries().await?;
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
