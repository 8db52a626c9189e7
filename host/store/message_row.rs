//! The row of a message: its columns, and the way between them and the domain's message.

use super::{Result, StoreError, inconsistent, moment, small};
use crate::domain::event::Subject;
use crate::domain::id::{AttemptId, EventId, HostId, MessageId};
use crate::domain::kind::TypeName;
use crate::domain::message::{Cause, Lane, Lease, Message, Priority, State, TextFacts};
use crate::domain::segments::Encoding;
use chrono::{DateTime, Utc};
use uuid::Uuid;

#[derive(sqlx::FromRow)]
pub(super) struct MessageRow {
    pub(super) id: Uuid,
    kind: String,
    lane: String,
    priority: String,
    pub(super) recipient_id: String,
    event_id: Option<Uuid>,
    subject_type: Option<String>,
    subject_id: Option<String>,
    subject_version: Option<i64>,
    key: String,
    occurrence: Option<i64>,
    test: bool,
    state: String,
    planned_for: i64,
    due_at: i64,
    expires_at: i64,
    lease_host: Option<Uuid>,
    lease_until: Option<i64>,
    check_at: Option<i64>,
    superseded: bool,
    attempt_id: Option<Uuid>,
    attempts: i64,
    deferrals: i64,
    why_code: String,
    why_text: String,
    cause_code: Option<String>,
    cause_text: Option<String>,
    language: Option<String>,
    locale_asked: Option<String>,
    locale_sent: Option<String>,
    fallback: Option<String>,
    encoding: Option<String>,
    segments: Option<i64>,
    cost_micros: Option<i64>,
    sid: Option<String>,
    error_code: Option<i64>,
    error_text: Option<String>,
    sent_at: Option<i64>,
    delivered_at: Option<i64>,
    pub(super) created_at: i64,
    updated_at: i64,
    pub(super) changes: i64,
}

macro_rules! columns {
    () => {
        "id, kind, lane, priority, recipient_id, event_id, subject_type, subject_id, subject_version, key, occurrence,
         test, state, planned_for, due_at, expires_at, lease_host, lease_until, check_at, superseded,
         attempt_id, attempts,
         deferrals, why_code, why_text, cause_code, cause_text, language, locale_asked, locale_sent, fallback,
         encoding, segments, cost_micros, sid, error_code, error_text, sent_at, delivered_at, created_at, updated_at,
         changes"
    };
}
pub(super) use columns;

/// The columns that only some states use.
pub(super) struct StateColumns {
    pub(super) lease: Option<Lease>,
    pub(super) check_at: Option<DateTime<Utc>>,
}

impl StateColumns {
    pub(super) fn of(message: &Message) -> Self {
        let (lease, check_at) = match &message.state {
            State::Claimed(lease) | State::Sending(lease, _) => (Some(*lease), None),
            State::Unknown { check_at } => (None, Some(*check_at)),
            State::Held { retry_at, .. } => (None, *retry_at),
            State::Accepted | State::Sent => (None, message.ask_at),
            State::Planned
            | State::Delivered
            | State::Undelivered(_)
            | State::Failed(_)
            | State::Suppressed(_)
            | State::Canceled(_)
            | State::Expired(_) => (None, None),
        };
        Self { lease, check_at }
    }
}

/// A message that will not be sent, and answers no reply: what its text was made of goes.
pub(super) fn needs_no_words(state: &State) -> bool {
    match state {
        State::Undelivered(_)
        | State::Failed(_)
        | State::Suppressed(_)
        | State::Canceled(_)
        | State::Expired(_) => true,
        State::Planned
        | State::Claimed(_)
        | State::Sending(..)
        | State::Accepted
        | State::Sent
        | State::Delivered
        | State::Unknown { .. }
        | State::Held { .. } => false,
    }
}

pub(super) fn millis(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis()
}

impl TryFrom<MessageRow> for Message {
    type Error = StoreError;

    fn try_from(row: MessageRow) -> Result<Self> {
        let id = row.id.to_string();
        let at = |millis| moment(millis, "messages", &id);
        let state = state_of(&row)?;
        let ask_at =
            row.check_at.filter(|_| matches!(state, State::Accepted | State::Sent)).map(at).transpose()?;
        let wrong = |problem: &str| inconsistent("messages", &id, problem);
        let subject = match (row.subject_type, row.subject_id, row.subject_version) {
            (Some(subject_type), Some(id), Some(version)) => Some(Subject { subject_type, id, version }),
            _ => None,
        };
        let text = match (row.locale_asked, row.locale_sent, row.encoding, row.segments) {
            (Some(locale_asked), Some(locale_sent), Some(encoding), Some(segments)) => Some(TextFacts {
                locale_asked,
                locale_sent,
                fallback: row.fallback,
                encoding: match encoding.as_str() {
                    "GSM-7" => Encoding::Gsm7,
                    "UCS-2" => Encoding::Ucs2,
                    _ => return Err(wrong("an encoding that is none")),
                },
                segments: small(segments, "messages", &id)?,
                cost_micros: row.cost_micros.unwrap_or(0),
            }),
            _ => None,
        };
        Ok(Self {
            id: MessageId(row.id),
            kind: TypeName(row.kind),
            lane: match row.lane.as_str() {
                "otp" => Lane::Otp,
                "urgent" => Lane::Urgent,
                "normal" => Lane::Normal,
                "bulk" => Lane::Bulk,
                _ => return Err(wrong("a lane that is none")),
            },
            priority: match row.priority.as_str() {
                "high" => Priority::High,
                "medium" => Priority::Medium,
                "low" => Priority::Low,
                _ => return Err(wrong("a priority that is none")),
            },
            recipient: row.recipient_id,
            event: row.event_id.map(EventId),
            subject,
            key: row.key,
            occurrence: row.occurrence.map(at).transpose()?,
            state,
            planned_for: at(row.planned_for)?,
            due_at: at(row.due_at)?,
            expires_at: at(row.expires_at)?,
            deferrals: small(row.deferrals, "messages", &id)?,
            attempts: small(row.attempts, "messages", &id)?,
            why: Cause { code: row.why_code, text: row.why_text },
            language: row.language,
            test: row.test,
            text,
            superseded: row.superseded,
            ask_at,
            sid: row.sid,
            error_code: row.error_code,
            error_text: row.error_text,
            sent_at: row.sent_at.map(at).transpose()?,
            delivered_at: row.delivered_at.map(at).transpose()?,
            attempt: row.attempt_id.map(AttemptId),
            created_at: at(row.created_at)?,
            updated_at: at(row.updated_at)?,
            changes: row.changes,
        })
    }
}

fn state_of(row: &MessageRow) -> Result<State> {
    let wrong = || inconsistent("messages", row.id, format!("state `{}` without its columns", row.state));
    let at = |millis: i64| moment(millis, "messages", &row.id.to_string());
    let cause = || match (&row.cause_code, &row.cause_text) {
        (Some(code), Some(text)) => Ok(Cause::new(code.clone(), text.clone())),
        _ => Err(wrong()),
    };
    let lease = || match (row.lease_host, row.lease_until) {
        (Some(host), Some(until)) => Ok(Lease { host: HostId(host), until: at(until)? }),
        _ => Err(wrong()),
    };
    Ok(match row.state.as_str() {
        "planned" => State::Planned,
        "claimed" => State::Claimed(lease()?),
        "sending" => State::Sending(lease()?, AttemptId(row.attempt_id.ok_or_else(wrong)?)),
        "accepted" => State::Accepted,
        "sent" => State::Sent,
        "delivered" => State::Delivered,
        "undelivered" => State::Undelivered(cause()?),
        "failed" => State::Failed(cause()?),
        "unknown" => State::Unknown { check_at: at(row.check_at.ok_or_else(wrong)?)? },
        "suppressed" => State::Suppressed(cause()?),
        "held" => State::Held { cause: cause()?, retry_at: row.check_at.map(at).transpose()? },
        "canceled" => State::Canceled(cause()?),
        "expired" => State::Expired(cause()?),
        _ => return Err(wrong()),
    })
}
