//! Planning: which messages follow from an event. The policies of the interested types are asked;
//! what no longer holds is canceled, what moved is moved, what was sent stays sent. All of it, and
//! that it was done, is one commit: a crash before it leaves the event to be planned again.

use super::context::{facts, moment, unix_ms};
use super::record::{About, Recorded};
use super::{Host, HostError};
use crate::domain::event::Event;
use crate::domain::id::{EventId, MessageId};
use crate::domain::kind::TypeName;
use crate::domain::message::{Cause, Message, State};
use crate::domain::policy::{Fact, FactValue, Plan, PlanQuestion, Reason, UnixMs};
use crate::domain::recipient::Recipient;
use crate::store::{Change, EventState, Payload, StoredEvent, Tx};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A message that was considered and not planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// The type it would have been of.
    #[serde(rename = "type")]
    pub kind: TypeName,
    /// Its key.
    pub key: String,
    /// Whom it would have been for.
    pub recipient: String,
    /// Why not.
    pub reason: Cause,
}

/// What planning came to, kept with the event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Outcome {
    passed_over: Vec<Passed>,
    moved: Vec<MessageId>,
    canceled: Vec<MessageId>,
}

/// An event and what followed from it.
#[derive(Clone, Debug)]
pub struct EventStory {
    /// The event.
    pub event: Event,
    /// Whether it is planned, still to be planned, or stale.
    pub state: EventState,
    /// What it planned or moved.
    pub messages: Vec<Message>,
    /// What was considered and not planned.
    pub passed_over: Vec<Passed>,
    /// Messages of earlier versions that were moved.
    pub moved: Vec<MessageId>,
    /// Messages of earlier versions that no longer hold.
    pub canceled: Vec<MessageId>,
}

/// What the policies want, before it is held against what there is.
struct Wanted {
    kind: TypeName,
    key: String,
    recipient: Recipient,
    send_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    occurrence: Option<DateTime<Utc>>,
    why: Reason,
}

/// What the policies have answered.
#[derive(Default)]
struct Answers {
    /// The types whose policies have answered.
    asked: BTreeSet<TypeName>,
    wanted: Vec<Wanted>,
    outcome: Outcome,
    records: Vec<Recorded>,
    /// Nobody has to be asked again.
    complete: bool,
}

/// A policy that does not answer is asked again for so long; then its messages are what nobody expects
/// any more.
const GIVE_UP: TimeDelta = TimeDelta::days(1);

impl Host {
    /// Plans an event, or finds it planned. When a policy does not answer, the event stays to be
    /// planned and is taken up again.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn plan_event(&self, id: EventId) -> Result<(), HostError> {
        let now = self.now();
        let mut tx = self.store.read().await?;
        let Some(StoredEvent { event, state: EventState::Accepted, .. }) = tx.event(id).await? else {
            return Ok(());
        };
        let mut people = Vec::new();
        for (person, _) in &event.people {
            if tx.is_erased(person).await? {
                continue;
            }
            if let Some(recipient) = tx.recipient(person).await? {
                let opted_out = match &recipient.phone {
                    Some(phone) => tx.opted_out(phone).await?,
                    None => false,
                };
                people.push((recipient, opted_out));
            }
        }
        drop(tx);

        if people.is_empty() {
            let outcome = Outcome::default();
            let mut tx = self.store.begin().await?;
            tx.event_planned(event.id, &serde_json::to_value(&outcome)?, now).await?;
            tracing::info!(event_id = %event.id, "everybody whom the event concerns was erased");
            return Ok(tx.commit().await?);
        }
        let question = self.plan_question(&event, &people, now);
        let mut answers = Answers { complete: true, ..Answers::default() };
        for policy in self.policies.for_event(&event.event_type) {
            let own_types = || policy.description.message_types.iter().cloned();
            match self.policies.plan(&policy, &question).await {
                Ok(answered) => {
                    answers.asked.extend(own_types());
                    let why = Cause::new(
                        "planned",
                        format!("messages planned: {}", answered.answer.messages.len()),
                    );
                    answers.records.push(Recorded::new("plan", &question, &answered, "plan", why)?);
                    sort_in(answered.answer, &people, &mut answers);
                }
                // The others' messages are planned all the same; this one is asked again.
                Err(fault) => {
                    tracing::error!(event_id = %event.id, policy = %fault.policy, code = fault.code, "planning waits");
                    answers.complete &= event.received_at + GIVE_UP <= now;
                    answers.outcome.passed_over.extend(own_types().map(|kind| Passed {
                        kind,
                        key: String::new(),
                        recipient: String::new(),
                        reason: Cause::new(format!("policy-{}", fault.code), "the policy did not answer"),
                    }));
                }
            }
        }
        self.commit_plan(&event, answers, now).await?;
        self.wake.notify_one();
        Ok(())
    }

    /// An event of live keys, or of test keys, and what followed from it.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn event_story(&self, id: EventId, test: bool) -> Result<Option<EventStory>, HostError> {
        let mut tx = self.store.read().await?;
        let Some(stored) = tx.event(id).await?.filter(|stored| stored.event.test == test) else {
            return Ok(None);
        };
        let outcome: Outcome = stored.outcome.map(serde_json::from_value).transpose()?.unwrap_or_default();
        Ok(Some(EventStory {
            messages: tx.messages_of_event(id).await?,
            event: stored.event,
            state: stored.state,
            passed_over: outcome.passed_over,
            moved: outcome.moved,
            canceled: outcome.canceled,
        }))
    }

    fn plan_question(&self, event: &Event, people: &[(Recipient, bool)], now: DateTime<Utc>) -> PlanQuestion {
        PlanQuestion {
            id: event.id.to_string(),
            event_type: event.event_type.clone(),
            subject_type: event.subject.subject_type.clone(),
            subject_version: u64::try_from(event.subject.version).unwrap_or(0),
            occurred_at: unix_ms(event.occurred_at),
            now: unix_ms(now),
            people: people
                .iter()
                .enumerate()
                .map(|(index, (recipient, opted_out))| {
                    let role = event.people.iter().find(|(id, _)| *id == recipient.id).map(|(_, role)| *role);
                    let mut person = self.person(&reference(index), recipient, *opted_out, now);
                    person.role = role.unwrap_or(recipient.role);
                    person
                })
                .collect(),
            clinic: self.clinic_facts(None, now),
            facts: facts(&event.data),
        }
    }

    async fn commit_plan(
        &self,
        event: &Event,
        answers: Answers,
        now: DateTime<Utc>,
    ) -> Result<(), HostError> {
        let Answers { asked, wanted, mut outcome, records, complete } = answers;
        let mut tx = self.store.begin().await?;
        let newest = tx.lock_subject(&event.subject, event.test).await?;
        if newest.is_some_and(|version| version > event.subject.version) {
            // A newer version came in between; its plan is the one that counts.
            tx.event_planned(event.id, &serde_json::to_value(Outcome::default())?, now).await?;
            return Ok(tx.commit().await?);
        }
        let mut existing = tx.messages_of_subject(&event.subject, event.test).await?;
        for want in wanted {
            self.plan_one(&mut tx, event, want, &mut existing, &mut outcome, now).await?;
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
        let owner = event.people.first().map_or("", |(id, _)| id.as_str());
        for record in &records {
            self.keep_decision(&mut tx, About::Event(event.id), owner, record, now).await?;
        }
        if complete {
            tx.event_planned(event.id, &serde_json::to_value(&outcome)?, now).await?;
        }
        Ok(tx.commit().await?)
    }

    /// A message that waits keeps its moment and gets the words of the newer version.
    async fn refresh(
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

    /// Takes out of `existing` what it finds there; what is left over no longer holds.
    async fn plan_one(
        &self,
        tx: &mut Tx,
        event: &Event,
        want: Wanted,
        existing: &mut Vec<Message>,
        outcome: &mut Outcome,
        now: DateTime<Utc>,
    ) -> Result<(), HostError> {
        let Some(kind) = self.kind(&want.kind) else {
            let cause = Cause::new("unknown-type", "no template of this type is loaded");
            outcome.passed_over.push(passed(&want, cause));
            return Ok(());
        };
        let payload = match self.bind_variables(&kind, &event.data, &want.recipient, &serde_json::Map::new())
        {
            Ok(variables) => Payload { variables, data: event.data.clone() },
            Err(errors) => {
                let names: Vec<&str> = errors.iter().map(|error| error.name.as_str()).collect();
                let cause =
                    Cause::new("missing-variable", format!("the event does not give {}", names.join(", ")));
                outcome.passed_over.push(passed(&want, cause));
                return Ok(());
            }
        };
        let lifetime = TimeDelta::from_std(kind.expires_after).unwrap_or(TimeDelta::days(1));
        let due_at = want.send_at.max(now);
        let expires_at = want.expires_at.unwrap_or(due_at + lifetime);
        let is_it = |message: &&Message| {
            message.kind == want.kind && message.key == want.key && message.recipient == want.recipient.id
        };
        let same = existing.iter().filter(is_it).find(|message| message.occurrence == want.occurrence);
        let known =
            same.or_else(|| existing.iter().filter(is_it).find(|message| is_unsent(message))).cloned();
        let why = Cause::from(&want.why);
        match known {
            Some(message) if is_unsent(&message) => {
                existing.retain(|other| other.id != message.id);
                let mut after = Message {
                    state: State::Planned,
                    event: Some(event.id),
                    subject: Some(event.subject.clone()),
                    occurrence: want.occurrence,
                    planned_for: due_at,
                    due_at,
                    expires_at,
                    deferrals: 0,
                    ..message.clone()
                };
                let (code, verb) =
                    if message.due_at == due_at { ("kept", "keeps it") } else { ("moved", "moves it") };
                let note = Cause::new(code, said(event, verb));
                let change = Change { payload: Some(&payload), ..Change::noted(note, None, now) };
                tx.move_message(&message, &mut after, &change).await?;
                if code == "moved" {
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
                let id = MessageId::new(now, &mut *self.chance.lock());
                let message = Message {
                    lane: kind.lane,
                    priority: kind.priority,
                    event: Some(event.id),
                    subject: Some(event.subject.clone()),
                    key: want.key,
                    occurrence: want.occurrence,
                    planned_for: due_at,
                    due_at,
                    expires_at,
                    ..Message::new(id, want.kind, want.recipient.id, why, event.test, now)
                };
                tx.insert_message(&message, &payload).await?;
            }
        }
        Ok(())
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

fn passed(want: &Wanted, reason: Cause) -> Passed {
    Passed { kind: want.kind.clone(), key: want.key.clone(), recipient: want.recipient.id.clone(), reason }
}

fn reference(index: usize) -> String {
    format!("person-{}", index + 1)
}

/// `appointment.canceled of version 3 takes it back`
fn said(event: &Event, verb: &str) -> String {
    format!("{} of version {} {verb}", event.event_type, event.subject.version)
}

/// What no longer holds: unsent, it is taken back; on its way, it is not sent again, and the same
/// moment of the subject may be planned anew.
async fn leave_behind(
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
        if !message.state.is_final() {
            after.expires_at = message.expires_at.min(now);
        }
        after.superseded = true;
        Cause::new("superseded", said(event, "leaves it behind"))
    };
    Ok(tx.move_message(message, &mut after, &Change::noted(note, None, now)).await?)
}

fn sort_in(plan: Plan, people: &[(Recipient, bool)], answers: &mut Answers) {
    let Answers { wanted, outcome, .. } = answers;
    let person = |to: &str| {
        people
            .iter()
            .enumerate()
            .find(|(index, _)| reference(*index) == to)
            .map(|(_, (recipient, _))| recipient)
    };
    for message in plan.messages {
        // The border has checked that `to` and the moments are sound.
        let (Some(recipient), Some(send_at)) = (person(&message.to), moment(message.send_at)) else {
            continue;
        };
        wanted.push(Wanted {
            kind: message.message_type,
            key: message.key,
            recipient: recipient.clone(),
            send_at,
            expires_at: message.expires_at.and_then(moment),
            occurrence: message.occurrence.and_then(moment),
            why: message.why,
        });
    }
    for message in plan.passed_over {
        outcome.passed_over.push(Passed {
            kind: message.message_type,
            key: message.key,
            recipient: person(&message.to).map_or_else(String::new, |recipient| recipient.id.clone()),
            reason: Cause::from(&message.why),
        });
    }
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
