//! What a unit of work writes at its end: rows that nobody reads before, in one statement a table.

use super::{Result, Tx};
use serde_json::Value;

/// Rows that wait for the commit.
#[derive(Default)]
pub(super) struct Staged {
    pub(super) journal: Vec<Value>,
    pub(super) attempts: Vec<Value>,
    pub(super) decisions: Vec<Value>,
}

impl Tx {
    pub(super) async fn write_staged(&mut self) -> Result<()> {
        self.write_attempts().await?;
        self.write_decisions().await?;
        self.write_journal().await
    }
}
