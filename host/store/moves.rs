//! Moves: messages go from state to state, each over exactly the row that was read. Many at once are
//! one statement.

use super::message_row::{StateColumns, millis, needs_no_words};
use super::messages::Payload;
use super::rows::{self, both, ids, rows, value};
use super::{Result, Sql, StoreError, Tx, on};
use crate::domain::id::HostId;
use crate::domain::message::{Cause, Message};
use crate::domain::phone::PhoneNumber;
use crate::measure::{Ended, Handed, Moved};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

/// What a transition writes beside the row itself.
#[derive(Clone, Debug)]
pub struct Change<'a> {
    /// Stable word for the journal: `claimed`, `quiet-hours`.
    pub note: Cause,
    /// Who did it; `None` for a person or another system.
    pub host: Option<HostId>,
    /// When.
    pub at: DateTime<Utc>,
    /// New variables.
    pub payload: Option<&'a Payload>,
    /// The text as it was sent, secrets taken out.
    pub text: Option<&'a str>,
    /// Where it goes.
    pub phone: Option<&'a PhoneNumber>,
}

impl Change<'_> {
    /// A change of the row alone.
    #[must_use]
    pub const fn noted(note: Cause, host: Option<HostId>, at: DateTime<Utc>) -> Self {
        Self { note, host, at, payload: None, text: None, phone: None }
    }
}

/// One message's way from the row that was read to the row that is written.
#[derive(Debug)]
pub struct Move<'a> {
    /// As it was read.
    pub before: &'a Message,
    /// As it is to be; its count of changes and its moment are set when it is written.
    pub after: &'a mut Message,
    /// What is written beside it.
    pub change: Change<'a>,
}

// Every column that life changes, in one text: what a state does not use is NULL, and the table's
// CHECKs say the same.
macro_rules! moves {
    ($db:ident) => {
        concat!(
            "UPDATE messages SET state = new.state, due_at = new.due_at, expires_at = new.expires_at,
                lease_host = new.lease_host, lease_until = new.lease_until, check_at = new.check_at,
                attempt_id = new.attempt_id, attempts = new.attempts, deferrals = new.deferrals,
                cause_code = new.cause_code, cause_text = new.cause_text, event_id = new.event_id,
                subject_version = new.subject_version, occurrence = new.occurrence, planned_for = new.planned_for,
                locale_asked = new.locale_asked, locale_sent = new.locale_sent, fallback = new.fallback,
                encoding = new.encoding, segments = new.segments, cost_micros = new.cost_micros, sid = new.sid,
                error_code = new.error_code, error_text = new.error_text, sent_at = new.sent_at,
                delivered_at = new.delivered_at,
                payload_sealed = CASE WHEN new.needs_no_words THEN NULL
                    ELSE COALESCE(new.payload_sealed, messages.payload_sealed) END,
                text_sealed = COALESCE(new.text_sealed, messages.text_sealed),
                phone_sealed = COALESCE(new.phone_sealed, messages.phone_sealed),
                phone_hash = COALESCE(new.phone_hash, messages.phone_hash),
                updated_at = new.updated_at, superseded = new.superseded, changes = messages.changes + 1
            FROM (SELECT ",
            value!($db, id, 0), " AS id, ", value!($db, number, 1), " AS seen, ",
            value!($db, id, 2), " AS held_by, ", value!($db, text, 3), " AS state, ",
            value!($db, number, 4), " AS due_at, ", value!($db, number, 5), " AS expires_at, ",
            value!($db, id, 6), " AS lease_host, ", value!($db, number, 7), " AS lease_until, ",
            value!($db, number, 8), " AS check_at, ", value!($db, id, 9), " AS attempt_id, ",
            value!($db, number, 10), " AS attempts, ", value!($db, number, 11), " AS deferrals, ",
            value!($db, text, 12), " AS cause_code, ", value!($db, text, 13), " AS cause_text, ",
            value!($db, id, 14), " AS event_id, ", value!($db, number, 15), " AS subject_version, ",
            value!($db, number, 16), " AS occurrence, ", value!($db, number, 17), " AS planned_for, ",
            value!($db, text, 18), " AS locale_asked, ", value!($db, text, 19), " AS locale_sent, ",
            value!($db, text, 20), " AS fallback, ", value!($db, text, 21), " AS encoding, ",
            value!($db, number, 22), " AS segments, ", value!($db, number, 23), " AS cost_micros, ",
            value!($db, text, 24), " AS sid, ", value!($db, number, 25), " AS error_code, ",
            value!($db, text, 26), " AS error_text, ", value!($db, number, 27), " AS sent_at, ",
            value!($db, number, 28), " AS delivered_at, ", value!($db, flag, 29), " AS needs_no_words, ",
            value!($db, bytes, 30), " AS payload_sealed, ", value!($db, bytes, 31), " AS text_sealed, ",
            value!($db, bytes, 32), " AS phone_sealed, ", value!($db, bytes, 33), " AS phone_hash, ",
            value!($db, number, 34), " AS updated_at, ", value!($db, flag, 35), " AS superseded FROM ",
            rows!($db),
            ") AS new
            WHERE messages.id = new.id AND messages.changes = new.seen
                AND messages.lease_host IS NOT DISTINCT FROM new.held_by"
        )
    };
}
const MOVE: Sql = both!(moves);

macro_rules! countries {
    ($db:ident) => {
        concat!("SELECT id, country, settled_at FROM attempts WHERE id IN ", ids!($db))
    };
}
const COUNTRIES: Sql = both!(countries);

impl Tx {
    /// Writes a message's new state over exactly the row that was read, and its line of the
    /// journal. `after.changes` is counted up.
    ///
    /// # Errors
    ///
    /// [`StoreError::LeaseLost`] when somebody else changed it since, or holds it.
    pub async fn move_message(
        &mut self,
        before: &Message,
        after: &mut Message,
        change: &Change<'_>,
    ) -> Result<()> {
        self.move_messages(&mut [Move { before, after, change: change.clone() }]).await
    }

    /// The same for many, each no more than once: all of them are moved, or none.
    ///
    /// # Errors
    ///
    /// [`StoreError::LeaseLost`] when somebody else changed one since, or holds it: this unit of work
    /// must not be committed.
    pub async fn move_messages(&mut self, moves: &mut [Move<'_>]) -> Result<()> {
        let Some(first) = moves.first().map(|one| one.before.id) else { return Ok(()) };
        // Everybody locks rows in the same order.
        moves.sort_by_key(|one| one.before.id);
        let mut rows = Vec::with_capacity(moves.len());
        for one in &*moves {
            rows.push(self.row_of(one).await?);
        }
        let (sql, rows) = (MOVE.on(self), rows::parameter("messages", &rows)?);
        let written =
            on!(self, |db| sqlx::query(sql).bind(rows).execute(db).await.map(|done| done.rows_affected()))?;
        if u64::try_from(moves.len()) != Ok(written) {
            return Err(StoreError::LeaseLost { id: first });
        }
        for Move { before, after, change } in moves {
            after.changes = before.changes + 1;
            after.updated_at = change.at;
            let from = Some(before.state.name());
            self.moved.push(measured(before, after, change.at));
            self.journal(after.id, after.changes, from, &after.state, &change.note, change.host, change.at);
        }
        Ok(())
    }

    /// Fills in where the texts went, and when the provider took them, that have come to their end in this
    /// unit of work.
    pub(super) async fn find_countries(&mut self) -> Result<()> {
        let ended = self.moved.iter().filter_map(|moved| moved.ended.as_ref());
        let ids: Vec<Value> = ended.map(|ended| rows::id(ended.attempt)).collect();
        if ids.is_empty() || !crate::measure::is_measured() {
            return Ok(());
        }
        let (sql, ids) = (COUNTRIES.on(self), rows::parameter("attempts", &ids)?);
        let found: Vec<(uuid::Uuid, Option<String>, Option<i64>)> =
            on!(self, |db| sqlx::query_as(sql).bind(ids).fetch_all(db).await)?;
        for ended in self.moved.iter_mut().filter_map(|moved| moved.ended.as_mut()) {
            if let Some((_, country, at)) = found.iter().find(|(id, ..)| *id == ended.attempt) {
                ended.country.clone_from(country);
                ended.accepted_at = at.and_then(DateTime::from_timestamp_millis);
            }
        }
        Ok(())
    }

    async fn row_of(&mut self, one: &Move<'_>) -> Result<Value> {
        let Move { before, after, change } = one;
        let sealed = self.seal_change(after, change).await?;
        let columns = StateColumns::of(after);
        let text = after.text.as_ref();
        let cause = after.state.cause();
        let bytes = |sealed: Option<Vec<u8>>| sealed.as_deref().map(rows::bytes);
        Ok(json!([
            rows::id(before.id.0),
            before.changes,
            StateColumns::of(before).lease.map(|lease| rows::id(lease.host.0)),
            after.state.name(),
            millis(after.due_at),
            millis(after.expires_at),
            columns.lease.map(|lease| rows::id(lease.host.0)),
            columns.lease.map(|lease| millis(lease.until)),
            columns.check_at.map(millis),
            after.attempt.map(|id| rows::id(id.0)),
            after.attempts,
            after.deferrals,
            cause.map(|c| c.code.as_str()),
            cause.map(|c| c.text.as_str()),
            after.event.map(|id| rows::id(id.0)),
            after.subject.as_ref().map(|s| s.version),
            after.occurrence.map(millis),
            millis(after.planned_for),
            text.map(|t| t.locale_asked.as_str()),
            text.map(|t| t.locale_sent.as_str()),
            text.and_then(|t| t.fallback.as_deref()),
            text.map(|t| t.encoding.name()),
            text.map(|t| t.segments),
            text.map(|t| t.cost_micros),
            after.sid,
            after.error_code,
            after.error_text,
            after.sent_at.map(millis),
            after.delivered_at.map(millis),
            needs_no_words(&after.state),
            bytes(sealed.payload),
            bytes(sealed.text),
            bytes(sealed.phone),
            bytes(sealed.phone_hash),
            millis(change.at),
            after.superseded
        ]))
    }

    async fn seal_change(&mut self, after: &Message, change: &Change<'_>) -> Result<SealedChange> {
        if change.payload.is_none() && change.text.is_none() && change.phone.is_none() {
            return Ok(SealedChange::default());
        }
        let key = self.recipient_key(&after.recipient).await?.ok_or(StoreError::Unsealable)?;
        let seal =
            |column, value: &str| self.keys.seal(&key, column, after.id.0.as_bytes(), value.as_bytes());
        Ok(SealedChange {
            payload: change.payload.map(|payload| self.seal_payload(&key, after.id, payload)).transpose()?,
            text: change.text.map(|text| seal("messages.text", text)).transpose()?,
            phone: change.phone.map(|phone| seal("messages.phone", phone.e164())).transpose()?,
            phone_hash: change.phone.map(|phone| self.phone_hash(phone)),
        })
    }
}

/// What operators are told of a transition.
pub(super) fn measured(before: &Message, after: &Message, at: DateTime<Utc>) -> Moved {
    // A patient is told in another language once, however often the text is tried.
    let is_first = before.text.is_none();
    let handed = after.text.as_ref().filter(|_| after.state.name() == "sending").map(|text| Handed {
        segments: text.segments,
        cost_micros: text.cost_micros,
        fallback: text
            .fallback
            .as_ref()
            .filter(|_| is_first)
            .map(|_| (text.locale_asked.clone(), text.locale_sent.clone())),
    });
    let is_end = matches!(after.state.name(), "delivered" | "undelivered" | "failed");
    let ended = after.attempt.filter(|_| is_end && after.state.name() != before.state.name());
    let error_code = after.error_code;
    Moved {
        ended: ended.map(|attempt| Ended {
            attempt: attempt.0,
            country: None,
            accepted_at: None,
            error_code,
        }),
        kind: after.kind.to_string(),
        lane: after.lane.name(),
        state: after.state.name(),
        reason: after.state.cause().map(|cause| cause.code.clone()),
        error_code: after.error_code.filter(|_| before.error_code.is_none()),
        due_at: before.due_at,
        at,
        handed,
    }
}

#[derive(Default)]
struct SealedChange {
    payload: Option<Vec<u8>>,
    text: Option<Vec<u8>>,
    phone: Option<Vec<u8>>,
    phone_hash: Option<Vec<u8>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{AttemptId, MessageId};
    use crate::domain::kind::TypeName;
    use crate::domain::message::{Lease, State, TextFacts};
    use crate::domain::segments::Encoding;

    #[test]
    fn a_message_in_another_language_is_counted_once_however_often_it_is_tried() {
        let now = DateTime::UNIX_EPOCH;
        let why = Cause::new("asked", "somebody asked for it");
        let id = MessageId(uuid::Uuid::nil());
        let planned = Message::new(id, TypeName::from("visit"), "ana".to_owned(), why, false, now);
        let lease = Lease { host: HostId(uuid::Uuid::nil()), until: now };
        let attempt = AttemptId(uuid::Uuid::nil());
        let sending = Message {
            state: State::Claimed(lease).send(lease, attempt).unwrap(),
            text: Some(TextFacts {
                locale_asked: "bn".to_owned(),
                locale_sent: "en".to_owned(),
                fallback: Some("there are no texts in `bn`".to_owned()),
                encoding: Encoding::Gsm7,
                segments: 1,
                cost_micros: 7900,
            }),
            ..planned.clone()
        };
        let fallback = |before: &Message| measured(before, &sending, now).handed.unwrap().fallback;
        assert_eq!(fallback(&planned), Some(("bn".to_owned(), "en".to_owned())));
        // Refused for a moment and due again: what it was made of is known, and no attempt counts.
        let again = Message { state: State::Planned, ..sending.clone() };
        assert_eq!(fallback(&again), None);
    }
}
