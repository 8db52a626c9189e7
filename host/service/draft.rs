//! Drafts: one text as it was posted, read and checked; what a send commits and a preview only looks at.

use super::checks::{FieldError, PostedPerson, at_pointer, check_times};
use super::count_anew::POSTED_IN_DOUBT;
use super::{Host, IntakeError};
use crate::domain::id::MessageId;
use crate::domain::kind::{Kind, TypeName};
use crate::domain::message::{Cause, Message};
use crate::domain::recipient::{PersonUpdate, Recipient};
use crate::store::Payload;
use chrono::{DateTime, TimeDelta, Utc};

/// One text as it is posted.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "as in the API")]
pub struct PostedMessage {
    pub kind: String,
    pub to: PostedPerson,
    pub variables: serde_json::Map<String, serde_json::Value>,
    pub language: Option<String>,
    pub send_at: Option<DateTime<Utc>>,
    pub expires_at: Option<DateTime<Utc>>,
}

/// A posted text, checked as far as it can be without the database.
#[derive(Clone)]
pub(super) struct Draft {
    pub(super) kind: Kind,
    /// Whom it is to, and what is said of them.
    pub(super) person: String,
    pub(super) update: PersonUpdate,
    posted: PostedMessage,
}

impl Host {
    /// Reads a posted text.
    pub(super) fn read_draft(&self, posted: PostedMessage, now: DateTime<Utc>) -> Result<Draft, IntakeError> {
        let mut wrong = Vec::new();
        let kind = self.kind(&TypeName(posted.kind.clone()));
        if kind.is_none() {
            let known = self.kind_names().join(", ");
            wrong.push(FieldError::new("/type", format!("is no message type of this host; it has {known}")));
        }
        let person = self.read_person("/to", &posted.to, &mut wrong);
        if let Some(tag) = &posted.language {
            self.check_language("/language", tag, &mut wrong);
        }
        // By a clock in doubt nothing is past that a caller names.
        check_times(&posted, (!self.doubts(now)).then_some(now), &mut wrong);
        match (kind, person) {
            (Some(kind), Some((person, update))) if wrong.is_empty() => {
                Ok(Draft { kind, person, update, posted })
            }
            _ => Err(IntakeError::Fields(wrong)),
        }
    }

    /// The message that a draft becomes for this person, with what its text is made of.
    pub(super) fn message_of(
        &self,
        draft: Draft,
        recipient: &Recipient,
        is_test: bool,
        now: DateTime<Utc>,
    ) -> Result<(Message, Payload), IntakeError> {
        let Draft { kind, posted, .. } = draft;
        if recipient.phone.is_none() {
            let text = "is needed: no number of this person is known";
            return Err(IntakeError::Fields(vec![FieldError::new("/to/phone", text)]));
        }
        let variables = self
            .bind_variables(&kind, &serde_json::Value::Null, recipient, &posted.variables)
            .map_err(|errors| IntakeError::Fields(at_pointer("/variables", errors)))?;
        let due_at = posted.send_at.unwrap_or(now);
        let lifetime = TimeDelta::from_std(kind.expires_after).unwrap_or(TimeDelta::days(1));
        let id = MessageId::new(now, &mut *self.chance.lock());
        let why = if posted.send_at.is_none() && self.doubts(now) {
            Cause::new(POSTED_IN_DOUBT, "posted directly through the API, while the clock was in doubt")
        } else {
            Cause::new("posted", "posted directly through the API")
        };
        let message = Message {
            lane: kind.lane,
            priority: kind.priority,
            planned_for: due_at,
            due_at,
            expires_at: posted.expires_at.unwrap_or(due_at + lifetime),
            language: posted.language,
            ..Message::new(id, kind.name.clone(), recipient.id.clone(), why, is_test, now)
        };
        let is_secret = |name: &String| kind.variables.get(name).is_some_and(|variable| variable.secret);
        let told = posted.variables.into_iter().filter(|(name, _)| !is_secret(name)).collect();
        Ok((message, Payload { variables, data: serde_json::Value::Object(told) }))
    }
}
