//! Cursors: where a page of a list ended, by moment and id, so that rows added meanwhile move nothing.

use super::problem::Problem;
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// The place after a row.
pub(super) fn after(at: DateTime<Utc>, id: Uuid) -> String {
    format!("{:x}.{}", at.timestamp_millis(), id.simple())
}

/// Reads a place that was given out.
pub(super) fn read(cursor: &str) -> Result<(DateTime<Utc>, Uuid), Problem> {
    let read = || {
        let (at, id) = cursor.split_once('.')?;
        let at = DateTime::from_timestamp_millis(i64::from_str_radix(at, 16).ok()?)?;
        Some((at, Uuid::parse_str(id).ok()?))
    };
    read().ok_or_else(|| {
        Problem::field("cursor", "is none of ours; give `next_cursor` of the page before as it is")
    })
}
