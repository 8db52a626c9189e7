//! Events and the subjects they are about.

use super::rows::{self, both, ids};
use super::{Result, Sql, Tx, inconsistent, moment, on};
use crate::domain::event::{Event, Subject};
use crate::domain::id::EventId;
use crate::domain::recipient::Role;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use uuid::Uuid;

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventState {
    /// Planning is still to be done.
    Accepted,
    /// Its messages are planned.
    Planned,
    /// A newer version was known already.
    Stale,
}

impl EventState {
    /// The word in columns and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Planned => "planned",
            Self::Stale => "stale",
        }
    }
}

/// An event and what became of it.
#[derive(Clone, Debug)]
pub struct StoredEvent {
    /// The fact; its people and data are empty after an erasure.
    pub event: Event,
    /// What became of it.
    pub state: EventState,
    /// JSON: what was passed over and why.
    pub outcome: Option<serde_json::Value>,
}

/// What is sealed of an event.
#[derive(Serialize, Deserialize)]
pub(super) struct Body {
    pub(super) people: Vec<(String, Role)>,
    pub(super) data: serde_json::Value,
}

#[derive(sqlx::FromRow)]
struct EventRow {
    id: Uuid,
    event_type: String,
    subject_type: String,
    subject_id: String,
    subject_version: i64,
    test: bool,
    occurred_at: i64,
    received_at: i64,
    recipient_id: String,
    body_sealed: Option<Vec<u8>>,
    state: String,
    outcome: Option<String>,
}

macro_rules! columns {
    () => {
        "id, event_type, subject_type, subject_id, subject_version, test, occurred_at, received_at, recipient_id,
         body_sealed, state, outcome"
    };
}

const BY_ID: &str = concat!("SELECT ", columns!(), " FROM events WHERE id = $1");

macro_rules! by_ids {
    ($db:ident) => {
        concat!("SELECT ", columns!(), " FROM events WHERE id IN ", ids!($db))
    };
}
const BY_IDS: Sql = both!(by_ids);

// By the key of the table: a person has few events, and is asked about seldom.
const ABOUT: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM events WHERE recipient_id = $1 AND ($2 IS NULL OR id > $2) ORDER BY id LIMIT $3"
);

const BY_VERSION: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM events WHERE subject_type = $1 AND subject_id = $2 AND subject_version = $3 AND test = $4"
);

const PLANNED: &str = "UPDATE events SET state = 'planned', planned_at = $2, outcome = $3
    WHERE id = $1 AND state = 'accepted'";

const NOTED: &str = "UPDATE events SET outcome = $2 WHERE id = $1 AND state = 'accepted'";

const TO_PLAN: &str = "SELECT received_at, id FROM events WHERE state = 'accepted'
    AND (received_at < $1 OR received_at >= $5)
    AND (received_at, id) > ($2, $3) ORDER BY received_at, id LIMIT $4";

impl Tx {
    /// An event by our id.
    ///
    /// # Errors
    ///
    /// Fails when the database does, or a sealed value does not open.
    pub async fn event(&mut self, id: EventId) -> Result<Option<StoredEvent>> {
        let row: Option<EventRow> =
            on!(self, |db| sqlx::query_as(BY_ID).bind(id.0).fetch_optional(db).await)?;
        match row {
            Some(row) => self.event_from(row).await.map(Some),
            None => Ok(None),
        }
    }

    /// Events by our ids, in no particular order.
    ///
    /// # Errors
    ///
    /// Fails when the database does, or a sealed value does not open.
    pub async fn events(&mut self, ids: &[EventId]) -> Result<Vec<StoredEvent>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<_> = ids.iter().map(|id| rows::id(id.0)).collect();
        let (sql, ids) = (BY_IDS.on(self), rows::parameter("events", &ids)?);
        let rows: Vec<EventRow> = on!(self, |db| sqlx::query_as(sql).bind(ids).fetch_all(db).await)?;
        // Their keys at once.
        self.recipient_versions(&rows.iter().map(|row| row.recipient_id.as_str()).collect::<Vec<_>>())
            .await?;
        let mut events = Vec::with_capacity(rows.len());
        for row in rows {
            events.push(self.event_from(row).await?);
        }
        Ok(events)
    }

    /// The event that brought this very version of a subject.
    ///
    /// # Errors
    ///
    /// Fails when the database does, or a sealed value does not open.
    pub async fn event_of_version(&mut self, subject: &Subject, test: bool) -> Result<Option<StoredEvent>> {
        let row: Option<EventRow> = on!(self, |db| sqlx::query_as(BY_VERSION)
            .bind(&subject.subject_type)
            .bind(&subject.id)
            .bind(subject.version)
            .bind(test)
            .fetch_optional(db)
            .await)?;
        match row {
            Some(row) => self.event_from(row).await.map(Some),
            None => Ok(None),
        }
    }

    /// The newest version of a subject and the event that brought it, as [`Tx::lock_subjects`].
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn lock_subject(&mut self, subject: &Subject, test: bool) -> Result<Option<(i64, EventId)>> {
        Ok(self.lock_subjects(&[(subject, test)]).await?.pop().flatten())
    }

    /// Planning is done; `outcome` tells what was passed over. `false` when it was done before.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn event_planned(
        &mut self,
        id: EventId,
        outcome: &serde_json::Value,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        let changed = on!(self, |db| sqlx::query(PLANNED)
            .bind(id.0)
            .bind(now.timestamp_millis())
            .bind(outcome.to_string())
            .execute(db)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(changed == 1)
    }

    /// Planning goes on; `outcome` tells what was passed over so far. `false` when it is done already.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn event_noted(&mut self, id: EventId, outcome: &serde_json::Value) -> Result<bool> {
        let changed = on!(self, |db| sqlx::query(NOTED)
            .bind(id.0)
            .bind(outcome.to_string())
            .execute(db)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(changed == 1)
    }

    /// Events whose planning was not finished, with the moments they came at, but for those that came at fresh ones;
    /// a page, the oldest first, after the place of one of them.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn events_to_plan(
        &mut self,
        fresh: Range<DateTime<Utc>>,
        after: Option<(DateTime<Utc>, EventId)>,
        limit: u32,
    ) -> Result<Vec<(DateTime<Utc>, EventId)>> {
        let (at, id) = after.map_or((i64::MIN, Uuid::nil()), |(at, id)| (at.timestamp_millis(), id.0));
        let rows: Vec<(i64, Uuid)> = on!(self, |db| sqlx::query_as(TO_PLAN)
            .bind(fresh.start.timestamp_millis())
            .bind(at)
            .bind(id)
            .bind(i64::from(limit))
            .bind(fresh.end.timestamp_millis())
            .fetch_all(db)
            .await)?;
        rows.into_iter().map(|(at, id)| Ok((moment(at, "events", &id.to_string())?, EventId(id)))).collect()
    }

    /// The events about a person after this one, the oldest first; empty at the end.
    ///
    /// # Errors
    ///
    /// Fails when the database does, or a sealed value does not open.
    pub async fn events_about(
        &mut self,
        recipient: &str,
        after: Option<EventId>,
        limit: u32,
    ) -> Result<Vec<StoredEvent>> {
        let rows: Vec<EventRow> = on!(self, |db| sqlx::query_as(ABOUT)
            .bind(recipient)
            .bind(after.map(|id| id.0))
            .bind(i64::from(limit))
            .fetch_all(db)
            .await)?;
        let mut events = Vec::with_capacity(rows.len());
        for row in rows {
            events.push(self.event_from(row).await?);
        }
        Ok(events)
    }

    async fn event_from(&mut self, row: EventRow) -> Result<StoredEvent> {
        let id = row.id.to_string();
        let wrong = |problem: &str| inconsistent("events", &id, problem);
        let body = match (self.recipient_key(&row.recipient_id).await?, &row.body_sealed) {
            (Some(key), Some(sealed)) => {
                let bytes = self.keys.open_sealed(&key, "events.body", row.id.as_bytes(), sealed)?;
                serde_json::from_slice(&bytes).map_err(|_| wrong("a body that is none"))?
            }
            // The person was erased.
            _ => Body { people: Vec::new(), data: serde_json::Value::Null },
        };
        Ok(StoredEvent {
            event: Event {
                id: EventId(row.id),
                event_type: row.event_type,
                subject: Subject {
                    subject_type: row.subject_type,
                    id: row.subject_id,
                    version: row.subject_version,
                },
                occurred_at: moment(row.occurred_at, "events", &id)?,
                received_at: moment(row.received_at, "events", &id)?,
                people: body.people,
                data: body.data,
                test: row.test,
            },
            state: match row.state.as_str() {
                "accepted" => EventState::Accepted,
                "planned" => EventState::Planned,
                "stale" => EventState::Stale,
                _ => return Err(wrong("a state that is none")),
            },
            outcome: row
                .outcome
                .as_deref()
                .map(|text| serde_json::from_str(text).map_err(|_| wrong("an outcome that is none")))
                .transpose()?,
        })
    }
}
