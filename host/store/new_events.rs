//! Events as they are written down and planned: many at once, each of a subject of its own, in a few
//! statements.

use super::events::Body;
use super::rows::{self, both, rows, value};
use super::{EventState, Result, Sql, StoreError, Tx, inconsistent, on};
use crate::domain::event::{Event, Subject};
use crate::domain::id::EventId;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

/// An event to keep.
#[derive(Clone, Debug)]
pub struct NewEvent<'a> {
    /// The fact.
    pub event: &'a Event,
    /// `Accepted` or `Stale`.
    pub state: EventState,
    /// The newest version of its subject as it was read, which its data rest on; `None` for a new subject.
    pub before: Option<i64>,
}

macro_rules! insert {
    ($db:ident) => {
        concat!(
            "INSERT INTO events (id, event_type, subject_type, subject_id, subject_version, test, occurred_at,
                received_at, recipient_id, body_sealed, state) SELECT ",
            value!($db, id, 0), ", ", value!($db, text, 1), ", ", value!($db, text, 2), ", ",
            value!($db, text, 3), ", ", value!($db, number, 4), ", ", value!($db, flag, 5), ", ",
            value!($db, number, 6), ", ", value!($db, number, 7), ", ", value!($db, text, 8), ", ",
            value!($db, bytes, 9), ", ", value!($db, text, 10), " FROM ", rows!($db),
            " WHERE true ON CONFLICT (subject_type, subject_id, subject_version, test) DO NOTHING"
        )
    };
}
const INSERT: Sql = both!(insert);

// A subject that somebody else made known meanwhile is left as it is.
macro_rules! begin {
    ($db:ident) => {
        concat!(
            "INSERT INTO subjects (subject_type, subject_id, test, version, event_id, updated_at) SELECT ",
            value!($db, text, 1),
            ", ",
            value!($db, text, 2),
            ", ",
            value!($db, flag, 3),
            ", ",
            value!($db, number, 4),
            ", ",
            value!($db, id, 5),
            ", ",
            value!($db, number, 6),
            " FROM ",
            rows!($db),
            " WHERE true ON CONFLICT (subject_type, subject_id, test) DO NOTHING"
        )
    };
}
const BEGIN: Sql = both!(begin);

// The rows of `$1` with the subjects that they name, row by row.
macro_rules! of_subjects {
    ($db:ident) => {
        concat!(
            " FROM ",
            rows!($db),
            " CROSS JOIN subjects WHERE subjects.subject_type = ",
            value!($db, text, 1),
            " AND subjects.subject_id = ",
            value!($db, text, 2),
            " AND subjects.test = ",
            value!($db, flag, 3)
        )
    };
}

// In one order everywhere, whatever the database sorts by, so that nobody waits for somebody who waits for
// them; on SQLite the writer's place is lock enough.
macro_rules! locked {
    (sqlite) => {
        ""
    };
    (postgres) => {
        " ORDER BY subjects.subject_type COLLATE \"C\", subjects.subject_id COLLATE \"C\", subjects.test
            FOR UPDATE OF subjects"
    };
}

macro_rules! lock {
    ($db:ident) => {
        concat!(
            "SELECT ",
            value!($db, number, 0),
            ", subjects.version, subjects.event_id",
            of_subjects!($db),
            locked!($db)
        )
    };
}
const LOCK: Sql = both!(lock);

// What was read of a subject must still be so: another request may have committed a version since.
macro_rules! advance {
    ($db:ident) => {
        concat!(
            "UPDATE subjects SET version = new.version, event_id = new.event_id, updated_at = new.at FROM (SELECT ",
            value!($db, number, 0), " AS before, subjects.subject_type, subjects.subject_id, subjects.test, ",
            value!($db, number, 4), " AS version, ", value!($db, id, 5), " AS event_id, ",
            value!($db, number, 6), " AS at", of_subjects!($db), locked!($db),
            ") AS new WHERE subjects.subject_type = new.subject_type AND subjects.subject_id = new.subject_id
                AND subjects.test = new.test AND subjects.version = new.before"
        )
    };
}
const ADVANCE: Sql = both!(advance);

macro_rules! with_messages {
    ($db:ident) => {
        concat!(
            "SELECT ",
            value!($db, number, 0),
            " FROM ",
            rows!($db),
            " WHERE EXISTS (SELECT 1 FROM messages WHERE messages.subject_type = ",
            value!($db, text, 1),
            " AND messages.subject_id = ",
            value!($db, text, 2),
            " AND messages.test = ",
            value!($db, flag, 3),
            " AND messages.state <> 'canceled' AND NOT messages.superseded)"
        )
    };
}
const WITH_MESSAGES: Sql = both!(with_messages);

macro_rules! planned {
    ($db:ident) => {
        concat!(
            "UPDATE events SET state = 'planned', planned_at = new.at, outcome = new.outcome FROM (SELECT ",
            value!($db, id, 0),
            " AS id, ",
            value!($db, number, 1),
            " AS at, ",
            value!($db, text, 2),
            " AS outcome FROM ",
            rows!($db),
            ") AS new WHERE events.id = new.id AND events.state = 'accepted'"
        )
    };
}
const PLANNED: Sql = both!(planned);

/// A subject of live keys, or of test keys.
pub type SubjectOf<'a> = (&'a Subject, bool);

impl Tx {
    /// Keeps an event, sealed for the first of those it concerns who is not erased, and its subject's version
    /// when that is the newest. `false` when this version of the subject is there already.
    ///
    /// # Errors
    ///
    /// As [`Tx::insert_events`].
    pub async fn insert_event(&mut self, new: NewEvent<'_>) -> Result<bool> {
        Ok(self.insert_events(&[new]).await? == 1)
    }

    /// Keeps many, each of a subject of its own, and answers how many of them are new. When that is not all
    /// of them, the unit of work must not be committed: their subjects stay at the versions before.
    ///
    /// # Errors
    ///
    /// Fails when the database does, and with [`StoreError::Collision`] when one of the subjects is at another
    /// version than was read: the unit of work must not be committed then.
    pub async fn insert_events(&mut self, events: &[NewEvent<'_>]) -> Result<u64> {
        let mut rows = Vec::with_capacity(events.len());
        for new in events {
            rows.push(self.row_of_event(new).await?);
        }
        let (sql, rows) = (INSERT.on(self), rows::parameter("events", &rows)?);
        let added =
            on!(self, |db| sqlx::query(sql).bind(rows).execute(db).await.map(|done| done.rows_affected()))?;
        if u64::try_from(events.len()) == Ok(added) {
            let accepted = events.iter().filter(|new| new.state == EventState::Accepted);
            let (known, new): (Vec<_>, Vec<_>) = accepted.partition(|new| new.before.is_some());
            self.write_subjects(&BEGIN, &new).await?;
            self.write_subjects(&ADVANCE, &known).await?;
        }
        Ok(added)
    }

    /// The subjects of these events are at their versions now; all of them, or it fails.
    async fn write_subjects(&mut self, sql: &Sql, events: &[&NewEvent<'_>]) -> Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let row = |NewEvent { event, before, .. }: &&NewEvent<'_>| {
            let Subject { subject_type, id, version } = &event.subject;
            let at = event.received_at.timestamp_millis();
            json!([before, subject_type, id, event.test, version, rows::id(event.id.0), at])
        };
        let rows: Vec<Value> = events.iter().map(row).collect();
        let (sql, rows) = (sql.on(self), rows::parameter("subjects", &rows)?);
        let written =
            on!(self, |db| sqlx::query(sql).bind(rows).execute(db).await.map(|done| done.rows_affected()))?;
        if u64::try_from(events.len()) == Ok(written) { Ok(()) } else { Err(StoreError::Collision) }
    }

    async fn row_of_event(&mut self, new: &NewEvent<'_>) -> Result<Value> {
        let event = new.event;
        let mut owner = None;
        for id in event.by_concern() {
            if let (None, Some(key)) = (&owner, self.recipient_key(id).await?) {
                owner = Some((id.to_owned(), key));
            }
        }
        let (owner, key) = owner.ok_or(StoreError::Unsealable)?;
        let body = Body { people: event.people.clone(), data: event.data.clone() };
        let body = serde_json::to_vec(&body).map_err(|e| inconsistent("events", event.id, e.to_string()))?;
        let sealed = self.keys.seal(&key, "events.body", event.id.0.as_bytes(), &body)?;
        Ok(json!([
            rows::id(event.id.0),
            event.event_type,
            event.subject.subject_type,
            event.subject.id,
            event.subject.version,
            event.test,
            event.occurred_at.timestamp_millis(),
            event.received_at.timestamp_millis(),
            owner,
            rows::bytes(&sealed),
            new.state.name()
        ]))
    }

    /// The newest version of each subject and the event that brought it, in their order; `None` for one that
    /// is new. Nobody else takes in a version of those that are known, or plans one, before this unit of work ends:
    /// subjects are locked before people, and people before messages.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn lock_subjects(&mut self, subjects: &[SubjectOf<'_>]) -> Result<Vec<Option<(i64, EventId)>>> {
        let (sql, rows) = (LOCK.on(self), named(subjects)?);
        let found: Vec<(i64, i64, Uuid)> =
            on!(self, |db| sqlx::query_as(sql).bind(rows).fetch_all(db).await)?;
        let newest = found.into_iter().map(|(place, version, id)| (place, (version, EventId(id))));
        Ok(rows::in_places(subjects.len(), newest))
    }

    /// Whether there are messages about each subject that were not taken back, in their order.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn have_messages(&mut self, subjects: &[SubjectOf<'_>]) -> Result<Vec<bool>> {
        let (sql, rows) = (WITH_MESSAGES.on(self), named(subjects)?);
        let found: Vec<i64> = on!(self, |db| sqlx::query_scalar(sql).bind(rows).fetch_all(db).await)?;
        let found = rows::in_places(subjects.len(), found.into_iter().map(|place| (place, ())));
        Ok(found.into_iter().map(|there| there.is_some()).collect())
    }

    /// Planning of many is done, each with what was passed over; answers of how many it was not done before.
    /// When that is not all of them, the unit of work must not be committed.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn events_planned(
        &mut self,
        planned: &[(EventId, &serde_json::Value)],
        now: DateTime<Utc>,
    ) -> Result<u64> {
        let at = now.timestamp_millis();
        let row = |(id, outcome): &(EventId, &Value)| json!([rows::id(id.0), at, outcome.to_string()]);
        let rows: Vec<Value> = planned.iter().map(row).collect();
        let (sql, rows) = (PLANNED.on(self), rows::parameter("events", &rows)?);
        Ok(on!(self, |db| sqlx::query(sql).bind(rows).execute(db).await.map(|done| done.rows_affected()))?)
    }
}

/// Subjects with their places, as the statements read them.
fn named(subjects: &[SubjectOf<'_>]) -> Result<String> {
    let row = |(place, (subject, test)): (usize, &SubjectOf<'_>)| {
        json!([place, subject.subject_type, subject.id, test])
    };
    rows::parameter("subjects", &subjects.iter().enumerate().map(row).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::found_by::tables_read_whole;

    #[tokio::test]
    async fn subjects_and_their_messages_are_found_by_their_indexes() {
        for sql in [LOCK.sqlite, ADVANCE.sqlite, WITH_MESSAGES.sqlite, PLANNED.sqlite] {
            assert_eq!(tables_read_whole(sql).await, [""; 0], "{sql}");
        }
    }
}
