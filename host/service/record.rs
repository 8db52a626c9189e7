//! The record of a decision: what was asked and answered, byte for byte, and who answered.

use super::{Host, HostError};
use crate::domain::id::{DecisionId, EventId, MessageId};
use crate::domain::message::Cause;
use crate::domain::policy::{Answered, Answerer, PolicyFault};
use crate::store::{NewDecision, StoreError, Tx};
use chrono::{DateTime, Utc};
use serde::Serialize;

/// What a decision is about.
#[derive(Clone, Copy, Debug)]
pub(super) enum About {
    Message(MessageId),
    Event(EventId),
}

/// A policy's answer, ready to be kept.
#[derive(Clone)]
pub(super) struct Recorded {
    pub(super) question: &'static str,
    pub(super) input: Vec<u8>,
    pub(super) answer: Vec<u8>,
    pub(super) by: Answerer,
    pub(super) outcome: &'static str,
    pub(super) why: Cause,
}

impl Recorded {
    /// Takes down a question and its answer.
    pub(super) fn new<A: Serialize>(
        question: &'static str,
        asked: &impl Serialize,
        answered: &Answered<A>,
        outcome: &'static str,
        why: Cause,
    ) -> Result<Self, HostError> {
        Ok(Self {
            question,
            input: serde_json::to_vec(asked)?,
            answer: serde_json::to_vec(&answered.answer)?,
            by: answered.by.clone(),
            outcome,
            why,
        })
    }

    /// Takes down a question that was not answered. What the policy said of it may quote the question, and
    /// is sealed like it.
    pub(super) fn of_fault(
        question: &'static str,
        asked: &impl Serialize,
        fault: &PolicyFault,
    ) -> Result<Self, HostError> {
        let text = format!("the policy {} did not answer", fault.by.name);
        Ok(Self {
            question,
            input: serde_json::to_vec(asked)?,
            answer: fault.json()?,
            by: Answerer::clone(&fault.by),
            outcome: fault.code,
            why: Cause::new(format!("policy-{}", fault.code), text),
        })
    }
}

impl Host {
    /// Keeps a decision in the unit of work that acts on it, sealed for the person it is about.
    pub(super) async fn keep_decision(
        &self,
        tx: &mut Tx,
        about: About,
        recipient: &str,
        record: &Recorded,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let (message, event) = match about {
            About::Message(id) => (Some(id), None),
            About::Event(id) => (None, Some(id)),
        };
        let decision = NewDecision {
            id: DecisionId::new(now, &mut *self.chance.lock()),
            message,
            event,
            recipient,
            question: record.question,
            by: &record.by,
            input: &record.input,
            answer: &record.answer,
            outcome: record.outcome,
            reason_code: &record.why.code,
            reason_text: &record.why.text,
            at: now,
        };
        tx.insert_decision(&decision).await
    }
}
