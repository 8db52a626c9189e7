//! Answers: a text that follows from a reply by itself. It goes the way of every message: judged, rendered,
//! recorded. Two machines that answer each other are stopped by counting. Whoever should be answered and
//! cannot be is heard by staff.

use super::super::people::upsert;
use super::super::{Host, HostError};
use super::{Conversation, Inbound, Meaning, STOPPED};
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

/// An answer that is ready to be planned.
pub(super) struct Answer {
    message: Message,
    payload: Payload,
    /// What a number that comes back chooses from.
    options: Vec<MessageId>,
}

/// What becomes of the answer that a reply asks for.
pub(super) enum Answering {
    /// There is none to give.
    Nothing,
    Text(Box<Answer>),
    /// A person must answer: why, for staff.
    Staff(&'static str),
}

impl Host {
    /// The answer that a reply gets, if it gets one.
    pub(super) async fn answer_to(
        &self,
        tx: &mut Tx,
        inbound: &Inbound,
        conversation: &Conversation,
        meaning: &Meaning,
        reply: ReplyId,
        now: DateTime<Utc>,
    ) -> Result<Answering, HostError> {
        let Some(name) = &meaning.answer else { return Ok(Answering::Nothing) };
        let Some(kind) = self.kind(name) else {
            tracing::error!(kind = %name, "a reply should be answered by a type that no template writes");
            return Ok(Answering::Staff("answer-unknown"));
        };
        // The law asks for a STOP to be confirmed, and a phone that has stopped is not told so again: these
        // answers come to an end by themselves.
        let is_confirmation = name.as_str() == STOPPED;
        let hour_ago = now - TimeDelta::hours(1);
        if !is_confirmation
            && tx.answers_since(&inbound.from, inbound.test, hour_ago).await? >= ANSWERS_PER_HOUR
        {
            tracing::warn!("a phone gets no more answers within the hour: it may be a machine");
            // STOP, START and HELP are answered for good; what was asked of a policy was not.
            let is_settled = meaning.record.is_none();
            return Ok(if is_settled { Answering::Nothing } else { Answering::Staff("too-many-answers") });
        }
        let about = self.answered(tx, meaning).await?;
        let spoken_for = match &about {
            Some((message, _)) => tx.recipient(&message.recipient).await?,
            None => conversation.person.clone(),
        };
        let person = match spoken_for.filter(|person| person.phone.as_ref() == Some(&inbound.from)) {
            Some(person) => person,
            None => match self.stranger(tx, inbound, now).await? {
                Some(person) => person,
                None => return Ok(Answering::Nothing),
            },
        };
        let given = meaning.ask_which.iter().zip(OPTIONS).filter_map(|(message, name)| {
            let at = message.occurrence?.to_rfc3339();
            Some((name.to_owned(), serde_json::Value::String(at)))
        });
        let (subject, occurrence, data) = match about {
            Some((message, data)) => (message.subject, message.occurrence, data),
            None => (None, None, serde_json::Value::Null),
        };
        let Ok(variables) = self.bind_variables(&kind, &data, &person, &given.collect()) else {
            tracing::error!(kind = %kind.name, "the answer's template needs variables that nothing gives");
            return Ok(Answering::Staff("answer-not-bound"));
        };
        let lifetime = TimeDelta::from_std(kind.expires_after).unwrap_or(TimeDelta::hours(1));
        let id = MessageId::new(now, &mut *self.chance.lock());
        let why = Cause::new("reply", "answers a text from the phone");
        let message = Message {
            lane: kind.lane,
            priority: kind.priority,
            expires_at: now + lifetime,
            language: meaning.language.clone().filter(|_| person.language.is_none()),
            // Two answers about one visit are two.
            key: if subject.is_some() { format!("reply-{reply}") } else { String::new() },
            subject,
            occurrence,
            ..Message::new(id, kind.name, person.id, why, inbound.test, now)
        };
        let options = meaning.ask_which.iter().map(|message| message.id).collect();
        Ok(Answering::Text(Box::new(Answer { message, payload: Payload { variables, data }, options })))
    }

    /// Plans an answer.
    pub(super) async fn plan_answer(
        &self,
        tx: &mut Tx,
        answer: &Answer,
        inbound: &Inbound,
        reply: ReplyId,
        now: DateTime<Utc>,
    ) -> Result<(), HostError> {
        tx.insert_message(&answer.message, &answer.payload).await?;
        tx.set_reply_answer(reply, answer.message.id).await?;
        if !answer.options.is_empty() {
            let question = QuestionId::new(now, &mut *self.chance.lock());
            tx.insert_question(question, &inbound.from, reply, &answer.options, now).await?;
        }
        Ok(())
    }

    /// The message that a policy's answer is about, and what was known of its subject. A question back is
    /// about none: it asks which.
    async fn answered(
        &self,
        tx: &mut Tx,
        meaning: &Meaning,
    ) -> Result<Option<(Message, serde_json::Value)>, HostError> {
        let Some((id, _)) = meaning.answered.as_ref().filter(|_| meaning.ask_which.is_empty()) else {
            return Ok(None);
        };
        let Some(message) = tx.message(*id).await? else { return Ok(None) };
        let data = tx.open_message(*id).await?.payload.map_or(serde_json::Value::Null, |kept| kept.data);
        Ok(Some((message, data)))
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
