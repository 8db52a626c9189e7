//! Answers: a text that follows from a reply by itself. It goes the way of every message: judged, rendered,
//! recorded. Two machines that answer each other are stopped by counting.

use super::super::intake::upsert;
use super::super::{Host, HostError};
use super::{Conversation, Inbound, Meaning};
use crate::domain::id::{MessageId, QuestionId, ReplyId};
use crate::domain::keyword::OptOutAnswers;
use crate::domain::message::{Cause, Message};
use crate::domain::recipient::{PersonUpdate, Recipient};
use crate::store::{Payload, Tx};
use chrono::{DateTime, TimeDelta, Utc};

/// So many answers a phone gets in an hour. A person asks for help twice; a machine never stops.
const ANSWERS_PER_HOUR: i64 = 5;

/// The variables of `reply-which`, in the order of their numbers.
const OPTIONS: [&str; super::visits::MOST_OPTIONS] = ["first", "second", "third", "fourth"];

impl Host {
    /// Plans the answer that a reply gets, if it gets one.
    pub(super) async fn answer(
        &self,
        tx: &mut Tx,
        inbound: &Inbound,
        conversation: &Conversation,
        meaning: &Meaning,
        reply: ReplyId,
        now: DateTime<Utc>,
    ) -> Result<(), HostError> {
        let Some(kind) = meaning.answer.as_ref().and_then(|kind| self.kind(kind)) else { return Ok(()) };
        if tx.answers_since(&inbound.from, inbound.test, now - TimeDelta::hours(1)).await? >= ANSWERS_PER_HOUR
        {
            tracing::warn!("a phone gets no more answers within the hour: it may be a machine");
            return Ok(());
        }
        let person = match &conversation.person {
            Some(person) if person.phone.as_ref() == Some(&inbound.from) => person.clone(),
            _ => match self.stranger(tx, inbound, now).await? {
                Some(person) => person,
                None => return Ok(()),
            },
        };
        let given = meaning.ask_which.iter().zip(OPTIONS).filter_map(|(message, name)| {
            let at = message.occurrence?.to_rfc3339();
            Some((name.to_owned(), serde_json::Value::String(at)))
        });
        let Ok(variables) = self.bind_variables(&kind, &serde_json::Value::Null, &person, &given.collect())
        else {
            tracing::error!(kind = %kind.name, "the answer's template needs variables that no reply gives");
            return Ok(());
        };
        let lifetime = TimeDelta::from_std(kind.expires_after).unwrap_or(TimeDelta::hours(1));
        let id = MessageId::new(now, &mut *self.chance.lock());
        let why = Cause::new("reply", "answers a text from the phone");
        let language = meaning.language.clone().filter(|_| person.language.is_none());
        let message = Message {
            lane: kind.lane,
            priority: kind.priority,
            expires_at: now + lifetime,
            language,
            ..Message::new(id, kind.name, person.id, why, inbound.test, now)
        };
        tx.insert_message(&message, &Payload { variables, data: serde_json::Value::Null }).await?;
        tx.set_reply_answer(reply, id).await?;
        if !meaning.ask_which.is_empty() {
            let options: Vec<MessageId> = meaning.ask_which.iter().map(|message| message.id).collect();
            let question = QuestionId::new(now, &mut *self.chance.lock());
            tx.insert_question(question, &inbound.from, reply, &options, now).await?;
        }
        Ok(())
    }

    /// Somebody of whom nothing but the phone is known. They are answered by us only where the provider
    /// does not: STOP and HELP demand an answer, whoever writes.
    async fn stranger(
        &self,
        tx: &mut Tx,
        inbound: &Inbound,
        now: DateTime<Utc>,
    ) -> Result<Option<Recipient>, HostError> {
        if self.settings.opt_out_answers != OptOutAnswers::Tidings {
            return Ok(None);
        }
        let id = self.id_of_phone(&inbound.from);
        let update = PersonUpdate { phone: Some(inbound.from.clone()), ..PersonUpdate::default() };
        Ok(upsert(tx, &id, &update, now).await?)
    }
}
