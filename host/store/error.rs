//! What can go wrong with the database, and rows that make no sense.

use std::path::PathBuf;
use std::sync::Arc;

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
    /// Who was erased could not be written down outside the database.
    #[error("the list of who was erased cannot be kept")]
    ErasedList(#[source] super::KeyringError),
    /// A backup cannot be put in place.
    #[error("{} cannot be put back: {problem}", path.display())]
    Restore {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
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

impl StoreError {
    /// Whether the database itself failed, which the next try may find over: it was locked, full or away.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        let error = match self {
            Self::Database(error) => error,
            Self::NotCommitted(error) => &**error,
            _ => return false,
        };
        match error {
            // A constraint says so again.
            sqlx::Error::Database(said) => said.kind() == sqlx::error::ErrorKind::Other,
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => true,
            _ => false,
        }
    }
}

/// What the store's functions answer.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Moments are whole milliseconds in the database.
pub(super) fn moment(millis: i64, table: &'static str, id: &str) -> Result<chrono::DateTime<chrono::Utc>> {
    chrono::DateTime::from_timestamp_millis(millis)
        .ok_or_else(|| inconsistent(table, id, "a moment out of range"))
}

pub(super) fn inconsistent(
    table: &'static str,
    id: impl std::fmt::Display,
    problem: impl Into<String>,
) -> StoreError {
    StoreError::Inconsistent { table, id: format!("{id}"), problem: problem.into() }
}

/// A number that is never negative in the domain.
pub(super) fn small(number: i64, table: &'static str, id: impl std::fmt::Display) -> Result<u32> {
    u32::try_from(number).map_err(|_| inconsistent(table, id, "a number out of range"))
}
