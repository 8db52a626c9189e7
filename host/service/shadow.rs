//! Shadows: policies that are asked beside the one that decides, on the same question. What they would have
//! said differently is written down; what they say is never done.

use super::record::{About, Recorded};
use super::{Host, HostError};
use crate::domain::id::{DecisionId, MessageId};
use crate::domain::message::Message;
use crate::domain::question::{Answer, Question};
use crate::policy::Loaded;
use crate::store::{Difference, NewDifference};
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::sync::Arc;

/// What shadows are asked: the question, and what the policy at work made of it.
pub(super) struct Beside {
    about: About,
    question: Question,
    live: Recorded,
    shadows: Vec<Arc<Loaded>>,
}

impl Host {
    /// Something to ask, where there are shadows of the policy that was asked.
    pub(super) fn beside(&self, about: About, question: Question, live: Option<&Recorded>) -> Option<Beside> {
        let live = live?;
        let shadows = match (&question, question.message_type()) {
            (Question::Plan(plan), _) => self.shadows_of(&live.by.name, &plan.event_type),
            (_, Some(message_type)) => self.policies.shadows_for_type(message_type),
            (_, None) => Vec::new(),
        };
        (!shadows.is_empty()).then(|| Beside { about, question, live: live.clone(), shadows })
    }

    /// The same of the decision about a message.
    pub(super) fn beside_decision(&self, message: &Message, live: Option<&Recorded>) -> Option<Beside> {
        let live = live?;
        if self.policies.shadows_for_type(&message.kind).is_empty() {
            return None;
        }
        let question = Question::read(live.question, &live.input).ok()?;
        self.beside(About::Message(message.id), question, Some(live))
    }

    /// Asks the shadows what they would have made of a failure or a reply, once what follows is committed.
    pub(super) async fn ask_shadows_after(
        &self,
        message: MessageId,
        live: Option<&Recorded>,
        now: DateTime<Utc>,
    ) {
        let Some(live) = live.filter(|_| self.policies.has_shadows()) else { return };
        let Ok(question) = Question::read(live.question, &live.input) else { return };
        let beside = self.beside(About::Message(message), question, Some(live));
        Box::pin(self.ask_shadows(beside, now)).await;
    }

    /// The shadows that plan an event for the types of this policy.
    fn shadows_of(&self, policy: &str, event_type: &str) -> Vec<Arc<Loaded>> {
        let own = self.policies.all().into_iter().find(|loaded| loaded.description.name == policy);
        let types = own.map(|loaded| loaded.description.message_types.clone()).unwrap_or_default();
        let mut shadows = self.policies.shadows_for_event(event_type);
        shadows.retain(|shadow| shadow.description.message_types.iter().any(|name| types.contains(name)));
        shadows
    }

    /// Asks the shadows. What they do wrong is theirs: nothing of it reaches the message.
    pub(super) async fn ask_shadows(&self, beside: Option<Beside>, now: DateTime<Utc>) {
        let Some(beside) = beside else { return };
        for shadow in &beside.shadows {
            if let Err(error) = self.ask_shadow(&beside, shadow, now).await {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, policy = %shadow.description.name, "what a shadow said is not written down");
            }
        }
    }

    async fn ask_shadow(
        &self,
        beside: &Beside,
        shadow: &Loaded,
        now: DateTime<Utc>,
    ) -> Result<(), HostError> {
        let Some(asked) = self.policies.ask_shadow(shadow, &beside.question).await else { return Ok(()) };
        let (kind, outcome, reason_code) = match &asked {
            Ok(answered) => {
                let why = answered.answer.why().map_or("", |why| why.code.as_str());
                let Some(kind) = difference(&answered.answer, &beside.live.answer)? else { return Ok(()) };
                (kind, answered.answer.kind(), why)
            }
            Err(fault) => ("fault", fault.code, ""),
        };
        let (message, event) = match beside.about {
            About::Message(id) => (Some(id), None),
            About::Event(id) => (None, Some(id)),
        };
        let id = DecisionId::new(now, &mut *self.chance.lock());
        let live = Answer::read(beside.question.name(), &beside.live.answer);
        let mut tx = self.store.begin().await?;
        tx.insert_difference(&NewDifference {
            id,
            message,
            event,
            difference: &Difference {
                question: beside.question.name().to_owned(),
                kind: kind.to_owned(),
                policy: beside.live.by.name.clone(),
                policy_hash: beside.live.by.hash.clone(),
                outcome: live.as_ref().map_or(beside.live.outcome, Answer::kind).to_owned(),
                reason_code: beside.live.why.code.clone(),
                shadow: shadow.description.name.clone(),
                shadow_version: shadow.description.version.clone(),
                shadow_hash: shadow.hash.clone(),
                shadow_settings_hash: shadow.settings_hash.clone(),
                shadow_outcome: outcome.to_owned(),
                shadow_reason_code: reason_code.to_owned(),
                about: None,
                at: now,
            },
        })
        .await?;
        Ok(tx.commit().await?)
    }

    /// What shadows would have said differently, newest first.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn differences(&self, limit: u32) -> Result<Vec<Difference>, HostError> {
        Ok(self.store.read().await?.differences(limit).await?)
    }
}

/// How two answers differ: in the `answer`, or in the `reason` alone.
fn difference(answer: &Answer, live: &[u8]) -> Result<Option<&'static str>, serde_json::Error> {
    let json = answer.json()?;
    if json == live {
        return Ok(None);
    }
    let (mut ours, mut theirs): (Value, Value) =
        (serde_json::from_slice(&json)?, serde_json::from_slice(live)?);
    without_reasons(&mut ours);
    without_reasons(&mut theirs);
    Ok(Some(if ours == theirs { "reason" } else { "answer" }))
}

fn without_reasons(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("why");
            members.values_mut().for_each(without_reasons);
        }
        Value::Array(items) => items.iter_mut().for_each(without_reasons),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_reason_is_not_another_answer() {
        let answer = |json: &str| Answer::read("decide", json.as_bytes()).unwrap();
        let live = br#"{"answer":"send","why":{"code":"ok","text":"It may go.","facts":[]}}"#;
        let same = answer(r#"{"answer":"send","why":{"code":"ok","text":"It may go.","facts":[]}}"#);
        let reason = answer(r#"{"answer":"send","why":{"code":"daytime","text":"Day.","facts":[]}}"#);
        let other =
            answer(r#"{"answer":"defer","until":5,"why":{"code":"ok","text":"It may go.","facts":[]}}"#);
        let found = [same, reason, other].map(|answer| difference(&answer, live).unwrap());
        assert_eq!(found, [None, Some("reason"), Some("answer")]);
    }
}
