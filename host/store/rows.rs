//! Many rows in one statement: they travel as one JSON text, a list of lists, because a statement
//! costs the same however many rows it writes. Each text is written once, with the words that differ.

use super::{Result, inconsistent};
use serde_json::Value;

/// A value of the row, by its place: `id`, `bytes`, `number`, `text` or `flag`.
macro_rules! value {
    (sqlite, id, $place:literal) => {
        concat!("unhex(value ->> ", $place, ")")
    };
    (postgres, id, $place:literal) => {
        concat!("CAST(value ->> ", $place, " AS UUID)")
    };
    (sqlite, bytes, $place:literal) => {
        concat!("unhex(value ->> ", $place, ")")
    };
    (postgres, bytes, $place:literal) => {
        concat!("decode(value ->> ", $place, ", 'hex')")
    };
    (sqlite, flag, $place:literal) => {
        concat!("CAST(value ->> ", $place, " AS INTEGER)")
    };
    (postgres, flag, $place:literal) => {
        concat!("CAST(value ->> ", $place, " AS BOOLEAN)")
    };
    ($db:ident, number, $place:literal) => {
        concat!("CAST(value ->> ", $place, " AS BIGINT)")
    };
    ($db:ident, text, $place:literal) => {
        concat!("(value ->> ", $place, ")")
    };
}
pub(super) use value;

/// The rows of `$1`, taken apart once: as text each value of a row would read the whole row again, which
/// costs wide rows three (SQLite) to twelve times (PostgreSQL) as much.
macro_rules! rows {
    (sqlite) => {
        "jsonb_each($1)"
    };
    (postgres) => {
        "jsonb_array_elements(CAST($1 AS JSONB)) AS rows(value)"
    };
}
pub(super) use rows;

/// The identifiers of `$1`, as a subquery.
macro_rules! ids {
    (sqlite) => {
        "(SELECT unhex(value) FROM json_each($1))"
    };
    (postgres) => {
        "(SELECT CAST(value AS UUID) FROM json_array_elements_text(CAST($1 AS JSON)) AS rows(value))"
    };
}
pub(super) use ids;

/// The same text for both databases, from a macro that is told which.
macro_rules! both {
    ($text:ident) => {
        $crate::store::Sql { sqlite: $text!(sqlite), postgres: $text!(postgres) }
    };
}
pub(super) use both;

/// An identifier as `value!(_, id, _)` reads it.
pub(super) fn id(id: uuid::Uuid) -> Value {
    Value::String(id.simple().to_string())
}

/// Bytes as `value!(_, bytes, _)` reads them.
pub(super) fn bytes(bytes: &[u8]) -> Value {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    Value::String(text)
}

/// The parameter that holds the rows.
pub(super) fn parameter(table: &'static str, rows: &[Value]) -> Result<String> {
    serde_json::to_string(rows).map_err(|error| inconsistent(table, "rows", error.to_string()))
}

/// What was found, each in its place.
pub(super) fn in_places<T>(count: usize, found: impl Iterator<Item = (i64, T)>) -> Vec<Option<T>> {
    let mut places: Vec<Option<T>> = std::iter::repeat_with(|| None).take(count).collect();
    for (place, what) in found {
        if let Some(slot) = usize::try_from(place).ok().and_then(|place| places.get_mut(place)) {
            *slot = Some(what);
        }
    }
    places
}
