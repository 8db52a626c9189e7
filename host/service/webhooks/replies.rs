//! What the clinic's systems are told of replies: that one came in, and what it asks for.

use super::Announcement;
use crate::domain::id::ReplyId;
use crate::domain::message::Message;
use crate::service::Host;
use crate::store::{Reply, StoreError, Tx};
use chrono::{DateTime, Utc};
use serde_json::json;

impl Host {
    /// A reply was kept: `reply.received`, with its words, about what it seems to answer, else about the
    /// person, else about the phone by the id that its owner would get.
    pub(in crate::service) async fn announce_reply(
        &self,
        tx: &mut Tx,
        reply: &Reply<'_>,
        test: bool,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let answered = match reply.message {
            Some(id) => tx.message(id).await?,
            None => None,
        };
        let person = reply.recipient.map_or_else(|| self.id_of_phone(reply.phone), str::to_owned);
        let about_person = ("recipient", person.as_str());
        let subject = answered.as_ref().and_then(|message| message.subject.as_ref());
        let announcement = Announcement {
            event_type: "reply.received",
            test: Some(test),
            subject: subject.map_or(about_person, |subject| (&subject.subject_type, &subject.id)),
            reply: Some(reply.id),
            data: json!({
                "reply_id": reply.id,
                "recipient": reply.recipient,
                "message_id": reply.message,
                "meaning": reply.meaning,
                "reason_code": reply.reason_code,
            }),
        };
        self.announce(tx, &announcement, now).await
    }

    /// A person asks for something about the subject of a message. What the bundled policies ask of a visit
    /// has types of its own, `appointment.confirm-requested` and so on; everything else, whose name a policy
    /// chooses, is `reply.requested` with that name in `request`. A message about nothing asks for nothing.
    pub(in crate::service) async fn announce_request(
        &self,
        tx: &mut Tx,
        name: &str,
        message: &Message,
        reply: ReplyId,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let Some(subject) = &message.subject else { return Ok(()) };
        let event_type = match (subject.subject_type.as_str(), name) {
            ("appointment", "confirm") => "appointment.confirm-requested",
            ("appointment", "cancel") => "appointment.cancel-requested",
            ("appointment", "reschedule") => "appointment.reschedule-requested",
            _ => "reply.requested",
        };
        let announcement = Announcement {
            event_type,
            test: Some(message.test),
            subject: (&subject.subject_type, &subject.id),
            reply: Some(reply),
            data: json!({
                "reply_id": reply,
                "request": name,
                "recipient": message.recipient,
                "message_id": message.id,
                "subject_version": subject.version,
                "occurrence": message.occurrence.map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)),
            }),
        };
        self.announce(tx, &announcement, now).await
    }
}
