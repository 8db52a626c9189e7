//! Plans that are ready at the same time are committed by one unit of work: a few statements for all of them.
//! What has to be held against what there is already (a subject that has messages, a newer version, a
//! policy that did not answer) is committed alone.

use super::plan::{Answers, Planning};
use super::planned::EventStory;
use super::record::{About, Recorded};
use super::replan::passed;
use super::{Host, HostError};
use crate::domain::event::Event;
use crate::domain::message::{Lane, Message};
use crate::store::{EventState, Payload, StoreError};
use chrono::{DateTime, Utc};
use std::collections::HashSet;
use std::sync::Arc;

/// What follows from an event whose subject has no messages yet.
pub(super) struct Plan {
    event: Event,
    messages: Vec<(Message, Payload)>,
    records: Vec<Recorded>,
    /// JSON, as it is kept with the event.
    outcome: serde_json::Value,
    at: DateTime<Utc>,
}

impl Plan {
    /// Whose key seals the decisions.
    fn owner(&self) -> &str {
        self.event.by_concern().next().unwrap_or_default()
    }
}

impl Host {
    /// Plans an event that was taken in a moment ago, and answers what followed from it; `None` where that is
    /// to be read.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub(super) async fn plan_fresh(&self, planning: Planning) -> Result<Option<EventStory>, HostError> {
        let now = self.now();
        let (answers, beside) = self.ask_plans(&planning, now).await?;
        let event = planning.event;
        let story = match self.plan_of(&event, &answers, now)? {
            Some((plan, story)) => self.commit_together(plan).await.then_some(story),
            None => None,
        };
        if story.is_none() {
            self.commit_plan(&event, answers, now).await?;
            self.wake();
        }
        for beside in beside {
            self.ask_shadows(Some(beside), now).await;
        }
        Ok(story)
    }

    /// What is written where nothing is there yet, and what is told of it; `None`: it must be committed alone.
    fn plan_of(
        &self,
        event: &Event,
        answers: &Answers,
        now: DateTime<Utc>,
    ) -> Result<Option<(Plan, EventStory)>, HostError> {
        let Answers { wanted, records, complete, .. } = answers;
        let (mut outcome, mut messages) = (answers.outcome.clone(), Vec::new());
        let mut is_new = HashSet::new();
        let once = wanted
            .iter()
            .all(|want| is_new.insert((&want.kind, &want.key, &want.recipient.id, want.occurrence)));
        if !complete || !once {
            return Ok(None);
        }
        for want in wanted {
            match self.planned_message(event, want, now) {
                // Codes are counted one by one, and may be refused.
                Ok((message, _)) if message.lane == Lane::Otp => return Ok(None),
                Ok(planned) => messages.push(planned),
                Err(cause) => outcome.passed_over.push(passed(want, cause)),
            }
        }
        let kept = serde_json::to_value(&outcome)?;
        let mut told: Vec<Message> = messages.iter().map(|(message, _)| message.clone()).collect();
        told.sort_by_key(|message| (message.due_at, message.id));
        let story = EventStory {
            event: event.clone(),
            state: EventState::Planned,
            messages: told,
            passed_over: outcome.passed_over,
            moved: outcome.moved,
            canceled: outcome.canceled,
            too_late: outcome.too_late,
        };
        let plan = Plan { event: event.clone(), messages, records: records.clone(), outcome: kept, at: now };
        Ok(Some((plan, story)))
    }

    /// `false`: it must be committed alone.
    async fn commit_together(&self, plan: Plan) -> bool {
        let work = |plans: Vec<Arc<Plan>>| {
            let host = self.clone();
            async move {
                host.try_commit_plans(&plans).await.unwrap_or_else(|error| {
                    let error = &error as &dyn std::error::Error;
                    tracing::debug!(error, plans = plans.len(), "planned one by one");
                    vec![false; plans.len()]
                })
            }
        };
        Box::pin(self.planning.ask(Arc::new(plan), work)).await
    }

    /// Answers for each in its place.
    async fn try_commit_plans(&self, plans: &[Arc<Plan>]) -> Result<Vec<bool>, HostError> {
        let now = self.now();
        let mut tx = self.store.begin().await?;
        let subjects: Vec<_> = plans.iter().map(|plan| (&plan.event.subject, plan.event.test)).collect();
        let newest = tx.lock_subjects(&subjects).await?;
        // Looked at once nobody else can add to them.
        let have_messages = tx.have_messages(&subjects).await?;
        let fits: Vec<bool> = plans
            .iter()
            .zip(newest.into_iter().zip(have_messages))
            .map(|(plan, (newest, has))| {
                newest.map(|(version, _)| version) == Some(plan.event.subject.version) && !has
            })
            .collect();
        let fitting: Vec<&Plan> =
            plans.iter().zip(&fits).filter(|(_, fits)| **fits).map(|(plan, _)| &**plan).collect();
        if fitting.is_empty() {
            return Ok(fits);
        }
        let messages: Vec<(&Message, &Payload)> = fitting
            .iter()
            .flat_map(|plan| plan.messages.iter().map(|(message, payload)| (message, payload)))
            .collect();
        // Their keys at once.
        let recipients = messages.iter().map(|(message, _)| message.recipient.as_str());
        let people: Vec<&str> = recipients.chain(fitting.iter().map(|plan| plan.owner())).collect();
        tx.recipient_versions(&people).await?;
        let is_all = |count: usize, written: u64| u64::try_from(count) == Ok(written);
        let events: Vec<_> = fitting.iter().map(|plan| (plan.event.id, &plan.outcome)).collect();
        let added = (messages.is_empty() || is_all(messages.len(), tx.insert_messages(&messages).await?))
            && is_all(events.len(), tx.events_planned(&events, now).await?);
        if !added {
            // Another host was faster with one of them.
            return Err(StoreError::Collision.into());
        }
        for plan in &fitting {
            for record in &plan.records {
                self.keep_decision(&mut tx, About::Event(plan.event.id), plan.owner(), record, plan.at)
                    .await?;
            }
        }
        tx.commit().await?;
        self.wake_for(messages.iter().map(|(message, _)| message.due_at));
        Ok(fits)
    }
}
