//! Planning: which messages follow from an event. The policies of the interested types are asked;
//! what no longer holds is canceled, what moved is moved, what was sent stays sent. All of it, and
//! that it was done, is one commit: a crash before it leaves the event to be planned again.

use super::context::{moment, unix_ms};
use super::planned::{EventStory, Outcome, Passed};
use super::record::{About, Recorded};
use super::replan::Wanted;
use super::shadow::Beside;
use super::{Host, HostError};
use crate::domain::event::Event;
use crate::domain::id::EventId;
use crate::domain::kind::TypeName;
use crate::domain::message::Cause;
use crate::domain::policy::{Plan, PlanQuestion, PolicyFault};
use crate::domain::question::Question;
use crate::domain::recipient::Recipient;
use crate::store::{DecisionRecord, EventState, StoredEvent};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeSet;

/// An event that is to be planned, with what its policies are told.
pub(super) struct Planning {
    pub(super) event: Event,
    /// Whom it concerns, and whether they said stop.
    people: Vec<(Recipient, bool)>,
    /// What it came to so far.
    outcome: Outcome,
    /// What was answered so far.
    before: Vec<DecisionRecord>,
}

impl Planning {
    /// Nobody was asked yet.
    pub(super) fn fresh(event: Event, people: Vec<(Recipient, bool)>) -> Self {
        Self { event, people, outcome: Outcome::default(), before: Vec::new() }
    }
}

/// What the policies have answered.
#[derive(Default)]
pub(super) struct Answers {
    /// The types whose policies have answered.
    pub(super) asked: BTreeSet<TypeName>,
    /// Those of them whose policies had answered before.
    pub(super) again: BTreeSet<TypeName>,
    pub(super) wanted: Vec<Wanted>,
    pub(super) outcome: Outcome,
    pub(super) records: Vec<Recorded>,
    /// Nobody has to be asked again.
    pub(super) complete: bool,
}

/// The outcome of a decision in which a policy did plan.
const ANSWERED: &str = "plan";

/// The same, by a clock that may be wrong.
pub(super) const IN_DOUBT: &str = "plan_in_doubt";

/// So often the same version is asked about an event, by turns with others: hosts whose folders differ come to an
/// end.
const ASKED: usize = 3;

/// Begins the code of what a silent policy's types were passed over for.
const FAULT: &str = "policy-";

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
        let Some(planning) = self.planning(id).await? else { return Ok(()) };
        if planning.people.is_empty() {
            let outcome = Outcome::default();
            let mut tx = self.store.begin().await?;
            tx.event_planned(id, &serde_json::to_value(&outcome)?, now).await?;
            tracing::info!(event_id = %id, "everybody whom the event concerns was erased");
            return Ok(tx.commit().await?);
        }
        let (answers, beside) = self.ask_plans(&planning, now).await?;
        self.commit_plan(&planning.event, answers, now).await?;
        self.wake();
        for beside in beside {
            self.ask_shadows(Some(beside), now).await;
        }
        Ok(())
    }

    /// What there is to plan, unless that is done. Planning is taken up where it was: only policies that have
    /// not answered yet are asked. What changes meanwhile is found when the plan is committed.
    async fn planning(&self, id: EventId) -> Result<Option<Planning>, HostError> {
        let mut tx = self.store.look().await?;
        let Some(StoredEvent { event, state: EventState::Accepted, outcome }) = tx.event(id).await? else {
            return Ok(None);
        };
        let mut outcome: Outcome = outcome.map(serde_json::from_value).transpose()?.unwrap_or_default();
        outcome.passed_over.retain(|passed| !passed.reason.code.starts_with(FAULT));
        let before = tx.decisions_of_event(id).await?;
        let mut people = Vec::new();
        for (person, _) in &event.people {
            if tx.is_erased(person).await? {
                continue;
            }
            if let Some(recipient) = tx.recipient(person).await? {
                let consents = tx.consents(&recipient.id, recipient.phone.as_ref()).await?;
                let opted_out = consents.stop().is_some();
                people.push((recipient, opted_out));
            }
        }
        Ok(Some(Planning { event, people, outcome, before }))
    }

    /// Asks the policies which messages follow; nothing is written.
    pub(super) async fn ask_plans(
        &self,
        planning: &Planning,
        now: DateTime<Utc>,
    ) -> Result<(Answers, Vec<Beside>), HostError> {
        let Planning { event, people, outcome, before } = planning;
        // Another version, or other settings, may have decided for other types: it has to be asked itself.
        // So has one that was at work before another whose answer stands now.
        let answers_before = || before.iter().filter(|decision| decision.outcome == ANSWERED);
        let has_answered = |name: &str, hash: &str, settings_hash: &str| {
            let is_it = |decision: &&DecisionRecord| {
                (decision.hash.as_str(), decision.settings_hash.as_str()) == (hash, settings_hash)
            };
            let of_name = || answers_before().filter(|decision| decision.policy == name);
            of_name().next_back().is_some_and(|last| is_it(&last)) || of_name().filter(is_it).count() >= ASKED
        };
        let question = self.plan_question(event, dated(event, before, now), people, now);
        let mut answers = Answers { complete: true, outcome: outcome.clone(), ..Answers::default() };
        let mut beside = Vec::new();
        let policies = self.policies.for_event(&event.event_type);
        for policy in &policies {
            if has_answered(&policy.description.name, &policy.hash, &policy.settings_hash) {
                continue;
            }
            let own_types = || policy.description.message_types.iter().cloned();
            match self.policies.plan(policy, &question).await {
                Ok(answered) => {
                    // What is planned by a clock in doubt is asked again when it is sure: it may be too late by
                    // it, or due at a wrong moment.
                    let stands = !self.doubts(now);
                    answers.complete &= stands;
                    answers.asked.extend(own_types());
                    let is_answer = |outcome: &str| outcome == ANSWERED || outcome == IN_DOUBT;
                    let of_name = |decision: &&DecisionRecord| decision.policy == policy.description.name;
                    if before.iter().filter(of_name).any(|decision| is_answer(&decision.outcome)) {
                        answers.again.extend(own_types());
                    }
                    // What a version before it has said of them.
                    answers.outcome.passed_over.retain(|passed| !own_types().any(|kind| kind == passed.kind));
                    let why = planned(&answered.answer);
                    let outcome = if stands { ANSWERED } else { IN_DOUBT };
                    let record = Recorded::new("plan", &question, &answered, outcome, why)?;
                    if !self.policies.shadows_for_event(&event.event_type).is_empty() {
                        let asked = Question::Plan(question.clone());
                        beside.extend(self.beside(About::Event(event.id), asked, Some(&record)));
                    }
                    answers.records.push(record);
                    sort_in(answered.answer, people, &mut answers);
                }
                // The others' messages are planned all the same; this one is asked again.
                Err(fault) => {
                    // It is asked again and again; each way in which it fails is written down once.
                    if !before.iter().any(|decision| is_same(decision, &fault)) {
                        answers.records.push(Recorded::of_fault("plan", &question, &fault)?);
                    }
                    pass_over(event, &fault, own_types(), now, &mut answers);
                }
            }
        }
        for removed in self.policies.removed_for_event(&event.event_type) {
            // The version at work may have answered, under the same name; for these types it does not.
            if !has_answered(&removed.name, &removed.hash, &removed.settings_hash) {
                let types = removed.message_types.iter().cloned();
                pass_over(event, &removed.fault("plan"), types, now, &mut answers);
            }
        }
        Ok((answers, beside))
    }

    /// An event of live keys, or of test keys, and what followed from it.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn event_story(&self, id: EventId, test: bool) -> Result<Option<EventStory>, HostError> {
        let mut tx = self.store.look().await?;
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
            too_late: outcome.too_late,
        }))
    }

    fn plan_question(
        &self,
        event: &Event,
        occurred_at: DateTime<Utc>,
        people: &[(Recipient, bool)],
        now: DateTime<Utc>,
    ) -> PlanQuestion {
        PlanQuestion {
            id: event.id.to_string(),
            event_type: event.event_type.clone(),
            subject_type: event.subject.subject_type.clone(),
            subject_version: u64::try_from(event.subject.version).unwrap_or(0),
            occurred_at: unix_ms(occurred_at),
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
            facts: self.facts(&event.data),
        }
    }
}

/// When it happened: one whose caller does not say, when it came in; where that was by a clock in doubt, now.
fn dated(event: &Event, before: &[DecisionRecord], now: DateTime<Utc>) -> DateTime<Utc> {
    let is_undated = event.occurred_at == event.received_at;
    let in_doubt = before.iter().any(|decision| decision.outcome == IN_DOUBT);
    if is_undated && in_doubt { now } else { event.occurred_at.min(now) }
}

/// A policy gives a reason for each message; for the plan as a whole, and so for an empty one, the host does.
fn planned(plan: &Plan) -> Cause {
    match (plan.messages.len(), plan.passed_over.len()) {
        (0, 0) => Cause::new("nothing-planned", "the policy has no message for this event"),
        (0, passed) => {
            Cause::new("nothing-planned", format!("messages considered and not planned: {passed}"))
        }
        (planned, _) => Cause::new("planned", format!("messages planned: {planned}")),
    }
}

fn is_same(decision: &DecisionRecord, fault: &PolicyFault) -> bool {
    let by = &fault.by;
    decision.outcome == fault.code
        && (&decision.policy, &decision.hash, &decision.settings_hash)
            == (&by.name, &by.hash, &by.settings_hash)
}

pub(super) fn reference(index: usize) -> String {
    format!("person-{}", index + 1)
}

/// A policy's messages wait with the event, for as long as anybody may expect them.
fn pass_over(
    event: &Event,
    fault: &PolicyFault,
    types: impl Iterator<Item = TypeName>,
    now: DateTime<Utc>,
    answers: &mut Answers,
) {
    tracing::error!(event_id = %event.id, policy = %fault.by.name, code = fault.code, "planning waits");
    answers.complete &= event.received_at + GIVE_UP <= now;
    answers.outcome.passed_over.extend(types.map(|kind| Passed {
        kind,
        key: String::new(),
        recipient: String::new(),
        reason: Cause::new(format!("{FAULT}{}", fault.code), "the policy did not answer"),
    }));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_plan_has_a_reason_too() {
        let plan = |json: &str| planned(&serde_json::from_str(json).unwrap());
        assert_eq!(plan(r#"{"messages": [], "passed_over": []}"#).code, "nothing-planned");
        let passed = plan(
            r#"{"messages": [], "passed_over": [{"key": "24h", "message_type": "a", "to": "person-1",
                "why": {"code": "too-late", "text": "It is over.", "facts": []}}]}"#,
        );
        assert_eq!(
            (passed.code.as_str(), passed.text.as_str()),
            ("nothing-planned", "messages considered and not planned: 1")
        );
    }
}
