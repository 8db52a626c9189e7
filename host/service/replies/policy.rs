//! What a text means by the policy of the type that it seems to answer.

use super::super::context::{message_facts, unix_ms};
use super::super::record::Recorded;
use super::super::{Host, HostError};
use super::visits::options;
use super::{Conversation, Meaning, STOPPED};
use crate::domain::consent::Choice;
use crate::domain::kind::TypeName;
use crate::domain::message::Message;
use crate::domain::policy::{Fact, FactValue, ReplyAction, ReplyQuestion};
use crate::domain::recipient::Recipient;
use chrono::{DateTime, Utc};

/// What the words of the writer's own languages say: a policy that lists it need not know them.
const WISH: &str = "reply.wish";

impl Host {
    pub(super) async fn by_policy(
        &self,
        text: &str,
        conversation: &Conversation,
        now: DateTime<Utc>,
    ) -> Result<Meaning, HostError> {
        if conversation.is_former {
            return Ok(Meaning::staff("former-phone"));
        }
        let Some(person) = &conversation.person else { return Ok(Meaning::staff("unknown-phone")) };
        if self.was_changed(conversation) {
            return Ok(Meaning::staff("visit-changed"));
        }
        // An open question comes before the newest text; a text that asks for nothing is only talked about.
        let (message, person) = match conversation.meant("").first() {
            Some(visit) => (&visit.message, &visit.person),
            None => match &conversation.newest {
                Some(newest) => (newest, person),
                None => return Ok(Meaning::staff("answers-nothing")),
            },
        };
        let first = self.ask(text, message, person, conversation, now).await?;
        let Some(wish) = &first.request else { return Ok(first) };
        match conversation.meant(wish).as_slice() {
            [] => Ok(first),
            [visit] if visit.message.id == message.id => Ok(first),
            [visit] => self.ask(text, &visit.message, &visit.person, conversation, now).await,
            several => Ok(match options(several) {
                Ok(ask_which) => Meaning {
                    word: "which",
                    code: "several-visits".to_owned(),
                    request: None,
                    answer: Some(TypeName::from("reply-which")),
                    ask_which,
                    ..first
                },
                Err(code) => Meaning { request: None, code: code.to_owned(), word: "hand_to_staff", ..first },
            }),
        }
    }

    /// What the phone was asked last holds no more, and nothing newer has been sent about a visit: what comes
    /// back may be about the visit as it was.
    fn was_changed(&self, conversation: &Conversation) -> bool {
        let Some(newest) = conversation.newest.as_ref().filter(|message| message.superseded) else {
            return false;
        };
        let Some(visit) = conversation.visits.first() else { return true };
        let at = |message: &Message| (message.sent_at.unwrap_or(message.updated_at), message.id);
        let asks = self.kind(&newest.kind).is_some_and(|kind| !kind.asks.is_empty());
        asks && at(&visit.message) < at(newest)
    }

    /// Asks the policy of a message what a text says about it.
    pub(super) async fn ask(
        &self,
        text: &str,
        message: &Message,
        person: &Recipient,
        conversation: &Conversation,
        now: DateTime<Utc>,
    ) -> Result<Meaning, HostError> {
        let answered = Some((message.id, person.id.clone()));
        let mut tx = self.store.read().await?;
        let data = tx.open_message(message.id).await?.payload.map_or(serde_json::Value::Null, |p| p.data);
        drop(tx);
        let Some(policy) = self.policies.for_type(&message.kind) else {
            return Ok(Meaning { answered, ..Meaning::staff("no-policy") });
        };
        let mut facts = self.facts(&data);
        if let Some(wish) = self.read_wish(text, conversation) {
            facts.push(Fact { key: WISH.to_owned(), value: FactValue::Text(wish.to_owned()) });
        }
        let question = ReplyQuestion {
            now: unix_ms(now),
            received_at: unix_ms(now),
            who: self.person("who", person, conversation.consents.stop().is_some(), now),
            text: text.to_owned(),
            in_reply_to: Some(message_facts(message)),
            clinic: self.clinic_facts(Some(&message.kind), now),
            facts,
        };
        let told = match self.policies.on_reply(&policy, &question).await {
            Ok(told) => told,
            Err(fault) => {
                tracing::error!(message_id = %message.id, policy = %fault.by.name, code = fault.code, "a policy did not answer");
                let record = Some(Recorded::of_fault("on-reply", &question, &fault)?);
                return Ok(Meaning { answered, record, ..Meaning::staff("policy-fault") });
            }
        };
        let (word, why, answer) = match &told.answer {
            ReplyAction::Ignore { why } => ("ignore", why, None),
            ReplyAction::Answer { message_type, why } => ("answer", why, Some(message_type.clone())),
            ReplyAction::Request { name, why } => (request_word(name), why, None),
            ReplyAction::HandToStaff { why } | ReplyAction::Custom { why, .. } => {
                ("hand_to_staff", why, None)
            }
            // A phone that has stopped before is not told so again.
            ReplyAction::OptOut { why } => {
                let told = conversation.consents.phone_stopped();
                ("stop", why, (!told).then(|| TypeName::from(STOPPED)))
            }
        };
        let request = match &told.answer {
            ReplyAction::Request { name, .. } => Some(name.clone()),
            ReplyAction::Ignore { .. }
            | ReplyAction::Answer { .. }
            | ReplyAction::HandToStaff { .. }
            | ReplyAction::Custom { .. }
            | ReplyAction::OptOut { .. } => None,
        };
        let record = Recorded::new("on-reply", &question, &told, word, why.into())?;
        Ok(Meaning {
            answered,
            record: Some(record),
            answer,
            request,
            choice: (word == "stop").then_some(Choice::OptOut),
            ..Meaning::plain(word, &why.code)
        })
    }
}

fn request_word(name: &str) -> &'static str {
    match name {
        "confirm" => "confirm",
        "cancel" => "cancel",
        "reschedule" => "reschedule",
        _ => "request",
    }
}
