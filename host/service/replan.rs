//! Replanning: what the policies want is held against what there is. What no longer holds is taken back,
//! what moved is moved, what was sent stays sent.

use super::context::{facts, unix_ms};
use super::plan::Answers;
use super::planned::{Outcome, Passed, TooLate};
use super::record::About;
use super::{Host, HostError};
use crate::domain::event::Event;
use crate::domain::id::MessageId;
use crate::domain::kind::TypeName;
use crate::domain::message::{Cause, Message, State};
use crate::domain::policy::{Fact, FactValue, Reason, UnixMs};
use crate::domain::recipient::Recipient;
use crate::store::{Change, Payload, Tx};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeSet;

/// What the policies want, before it is held against what there is.
pub(super) struct Wanted {
    pub(super) kind: TypeName,
    pub(super) key: String,
    pub(super) recipient: Recipient,
    pub(super) send_at: DateTime<Utc>,
    pub(super) expires_at: Option<DateTime<Utc>>,
    pub(super) occurrence: Option<DateTime<Utc>>,
    pub(super) why: Reason,
}

impl Wanted {
    /// The message that there is already: the one for this very moment of the subject, or one that can be moved.
    pub(super) fn known<'a>(&self, existing: &'a [Message]) -> Option<&'a Message> {
        let is_it = |message: &&Message| {
            message.kind == self.kind && message.key == self.key && message.recipient == self.recipient.id
        };
        let same = existing.iter().filter(is_it).find(|message| message.occurrence == self.occurrence);
        same.or_else(|| existing.iter().filter(is_it).find(|message| is_unsent(message)))
    }
}

impl Host {
    /// Holds what the policies want against what there is, and commits it.
    pub(super) async fn commit_plan(
        &self,
        event: &Event,
        answers: Answers,
        now: DateTime<Utc>,
    ) -> Result<(), HostError> {
        let Answers { asked, mut wanted, mut outcome, records, complete, again } = answers;
        let mut tx = self.store.begin().await?;
        let newest = tx.lock_subject(&event.subject, event.test).await?;
        if newest.is_some_and(|(version, _)| version > event.subject.version) {
            // A newer version came in between; its plan is the one that counts.
            tx.event_planned(event.id, &serde_json::to_value(Outcome::default())?, now).await?;
            return Ok(tx.commit().await?);
        }
        let mut existing = tx.messages_of_subject(&event.subject, event.test).await?;
        let refused = self.brake_planned(&mut tx, event, &mut wanted, &existing, &mut outcome, now).await?;
        for want in wanted {
            self.plan_one(&mut tx, (event, &again), want, &mut existing, &mut outcome, now).await?;
        }
        let moments = moments(&event.data);
        for message in existing.into_iter().filter(|message| asked.contains(&message.kind)) {
            // Its moment has come: for this occurrence it still holds, with what is known now.
            let still_current = message.occurrence.is_some_and(|at| moments.contains(&unix_ms(at)))
                && message.planned_for <= now
                && was_passed_over(&outcome, &message);
            if still_current {
                self.refresh(&mut tx, event, &message, now).await?;
            } else {
                leave_behind(&mut tx, event, &message, &mut outcome, now).await?;
            }
        }
        let owner = event.by_concern().next().unwrap_or_default();
        for record in &records {
            self.keep_decision(&mut tx, About::Event(event.id), owner, record, now).await?;
        }
        let outcome = serde_json::to_value(&outcome)?;
        let is_first = if complete {
            tx.event_planned(event.id, &outcome, now).await?
        } else {
            tx.event_noted(event.id, &outcome).await?
        };
        if is_first {
            tx.commit().await?;
            self.keep_planned_refusals(event.test, &refused, now).await;
        } else {
            // Somebody else was faster: their plan is the same, and stands once it is on the disk.
            drop(tx);
            self.store.settled().await?;
        }
        Ok(())
    }

    /// The message that a policy wants, as it is when there is none yet; or why there can be none.
    pub(super) fn planned_message(
        &self,
        event: &Event,
        want: &Wanted,
        now: DateTime<Utc>,
    ) -> Result<(Message, Payload), Cause> {
        let Some(kind) = self.kind(&want.kind) else {
            return Err(Cause::new("unknown-type", "no template of this type is loaded"));
        };
        let bound = self.bind_variables(&kind, &event.data, &want.recipient, &serde_json::Map::new());
        let variables = bound.map_err(|errors| {
            let names: Vec<&str> = errors.iter().map(|error| error.name.as_str()).collect();
            Cause::new("missing-variable", format!("the event does not give {}", names.join(", ")))
        })?;
        let lifetime = TimeDelta::from_std(kind.expires_after).unwrap_or(TimeDelta::days(1));
        let due_at = want.send_at.max(now);
        let id = MessageId::new(now, &mut *self.chance.lock());
        let why = Cause::from(&want.why);
        let message = Message {
            lane: kind.lane,
            priority: kind.priority,
            event: Some(event.id),
            subject: Some(event.subject.clone()),
            key: want.key.clone(),
            occurrence: want.occurrence,
            planned_for: due_at,
            due_at,
            expires_at: want.expires_at.unwrap_or(due_at + lifetime),
            ..Message::new(id, want.kind.clone(), want.recipient.id.clone(), why, event.test, now)
        };
        Ok((message, Payload { variables, data: event.data.clone() }))
    }

    /// Takes out of `existing` what it finds there; what is left over no longer holds.
    pub(super) async fn plan_one(
        &self,
        tx: &mut Tx,
        (event, again): (&Event, &BTreeSet<TypeName>),
        want: Wanted,
        existing: &mut Vec<Message>,
        outcome: &mut Outcome,
        now: DateTime<Utc>,
    ) -> Result<(), HostError> {
        let (new, payload) = match self.planned_message(event, &want, now) {
            Ok(planned) => planned,
            Err(cause) => {
                outcome.passed_over.push(passed(&want, cause));
                return Ok(());
            }
        };
        let due_at = new.due_at;
        match want.known(existing).cloned() {
            Some(message) if is_unsent(&message) => {
                existing.retain(|other| other.id != message.id);
                let mut after = Message {
                    state: State::Planned,
                    event: Some(event.id),
                    subject: Some(event.subject.clone()),
                    occurrence: want.occurrence,
                    planned_for: due_at,
                    due_at,
                    expires_at: new.expires_at,
                    deferrals: 0,
                    ..message.clone()
                };
                let (code, verb) =
                    if message.due_at == due_at { ("kept", "keeps it") } else { ("moved", "moves it") };
                let note = Cause::new(code, said(event, verb));
                let change = Change { payload: Some(&payload), ..Change::noted(note, None, now) };
                tx.move_message(&message, &mut after, &change).await?;
                if code == "moved" && !outcome.moved.contains(&message.id) {
                    outcome.moved.push(message.id);
                }
            }
            Some(message) => {
                // It was sent, or decided against, for this very moment of the subject.
                existing.retain(|other| other.id != message.id);
                let cause =
                    Cause::new("already-done", format!("message {} is {}", message.id, message.state));
                outcome.passed_over.push(passed(&want, cause));
            }
            None => {
                // A policy that is asked again wants what it wanted before: what was sent since, or a person has
                // taken back, is done.
                let is_done = again.contains(&new.kind)
                    && (tx.was_sent(&new, event.received_at).await? || tx.was_taken_back(&new).await?);
                if is_done || !tx.insert_message(&new, &payload).await? {
                    let text = "it was sent or taken back before, or is planned by another host";
                    let twice = Cause::new("already-done", text);
                    outcome.passed_over.push(passed(&want, twice));
                }
            }
        }
        Ok(())
    }

    /// A message that waits keeps its moment and gets the words of the newer version.
    pub(super) async fn refresh(
        &self,
        tx: &mut Tx,
        event: &Event,
        message: &Message,
        now: DateTime<Utc>,
    ) -> Result<(), HostError> {
        let (Some(kind), Some(recipient)) =
            (self.kind(&message.kind), tx.recipient(&message.recipient).await?)
        else {
            return Ok(());
        };
        let bound = self.bind_variables(&kind, &event.data, &recipient, &serde_json::Map::new());
        let (Ok(variables), true) = (bound, is_unsent(message)) else { return Ok(()) };
        let payload = Payload { variables, data: event.data.clone() };
        let mut after = Message {
            state: State::Planned,
            event: Some(event.id),
            subject: Some(event.subject.clone()),
            ..message.clone()
        };
        let note = Cause::new("kept", said(event, "keeps it"));
        let change = Change { payload: Some(&payload), ..Change::noted(note, None, now) };
        Ok(tx.move_message(message, &mut after, &change).await?)
    }
}

/// Surely not sent, so that it can be moved or taken back.
pub(super) fn is_unsent(message: &Message) -> bool {
    match message.state {
        State::Planned | State::Claimed(_) | State::Held { .. } => true,
        State::Sending(..)
        | State::Accepted
        | State::Sent
        | State::Delivered
        | State::Undelivered(_)
        | State::Failed(_)
        | State::Unknown { .. }
        | State::Suppressed(_)
        | State::Canceled(_)
        | State::Expired(_) => false,
    }
}

/// The recipient has it, or may get it yet.
fn may_have_arrived(state: &State) -> bool {
    match state {
        State::Sending(..) | State::Accepted | State::Sent | State::Delivered | State::Unknown { .. } => true,
        State::Planned
        | State::Claimed(_)
        | State::Undelivered(_)
        | State::Failed(_)
        | State::Suppressed(_)
        | State::Held { .. }
        | State::Canceled(_)
        | State::Expired(_) => false,
    }
}

pub(super) fn passed(want: &Wanted, reason: Cause) -> Passed {
    Passed { kind: want.kind.clone(), key: want.key.clone(), recipient: want.recipient.id.clone(), reason }
}

/// `appointment.canceled of version 3 takes it back`
fn said(event: &Event, verb: &str) -> String {
    format!("{} of version {} {verb}", event.event_type, event.subject.version)
}

/// What no longer holds: unsent, it is taken back; on its way, it is not sent again, and the same
/// moment of the subject may be planned anew.
pub(super) async fn leave_behind(
    tx: &mut Tx,
    event: &Event,
    message: &Message,
    outcome: &mut Outcome,
    now: DateTime<Utc>,
) -> Result<(), HostError> {
    let mut after = message.clone();
    let note = if is_unsent(message) {
        let cause = Cause::new("no-longer-holds", said(event, "takes it back"));
        after.state = after.state.cancel(cause.clone())?;
        outcome.canceled.push(message.id);
        cause
    } else {
        if may_have_arrived(&message.state) && !message.superseded {
            outcome.too_late.push(TooLate {
                id: message.id,
                kind: message.kind.clone(),
                key: message.key.clone(),
                recipient: message.recipient.clone(),
                state: message.state.name().to_owned(),
            });
        }
        if !message.state.is_final() {
            after.expires_at = message.expires_at.min(now);
        }
        after.superseded = true;
        Cause::new("superseded", said(event, "leaves it behind"))
    };
    Ok(tx.move_message(message, &mut after, &Change::noted(note, None, now)).await?)
}

/// The moments that an event names.
fn moments(data: &serde_json::Value) -> BTreeSet<UnixMs> {
    let moment = |fact: Fact| match fact.value {
        FactValue::Moment(at) => Some(at),
        FactValue::Text(_) | FactValue::Integer(_) | FactValue::Decimal(_) | FactValue::Flag(_) => None,
    };
    facts(data).into_iter().filter_map(moment).collect()
}

fn was_passed_over(outcome: &Outcome, message: &Message) -> bool {
    outcome
        .passed_over
        .iter()
        .any(|p| p.kind == message.kind && p.key == message.key && p.recipient == message.recipient)
}
