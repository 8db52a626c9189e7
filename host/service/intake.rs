//! Intake: what other systems post is checked, committed and only then acknowledged. A repeated
//! request, by its idempotency key or by the version of its subject, is the same event.

use super::checks::{FieldError, PostedPerson, check_id, check_subject};
use super::people::upsert;
use super::plan::Planning;
use super::planned::EventStory;
use super::take_in::EventPosting;
use super::together::Alone;
use super::{Caller, Host, HostError, OtpError};
use crate::domain::event::{Event, Subject};
use crate::domain::id::{EventId, KeyId};
use crate::domain::recipient::PersonUpdate;
use crate::store::{EventState, NewEvent, StoreError, Tx};
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;
use uuid::Uuid;

/// A fact as it is posted.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "as in the API")]
pub struct PostedEvent {
    pub event_type: String,
    pub id: Option<String>,
    pub subject: Subject,
    pub occurred_at: Option<DateTime<Utc>>,
    pub people: Vec<PostedPerson>,
    pub data: serde_json::Map<String, serde_json::Value>,
}

/// Why something posted was not taken.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// Fields are wrong.
    #[error("the request has fields that are wrong")]
    Fields(Vec<FieldError>),
    /// The same idempotency key came with another request.
    #[error("this Idempotency-Key was used with another request; use a new key for a new request")]
    KeyReused,
    /// This version of the subject was posted as another type of event.
    #[error(
        "this version of the subject was posted as another type of event; every change needs a version of its own"
    )]
    VersionTaken,
    /// It is a one-time code, which is held back like those of the host's own making.
    #[error(transparent)]
    Code(#[from] OtpError),
    /// Ours.
    #[error("the request could not be committed")]
    Host(#[from] HostError),
}

impl From<crate::store::StoreError> for IntakeError {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Host(error.into())
    }
}

/// What came of a posted event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted<T> {
    /// The event or message.
    pub id: T,
    /// It had been posted before.
    pub repeated: bool,
}

/// A request that was made: the hash of its body, and the event or message.
pub(super) type Made = (Vec<u8>, Uuid);

/// A request by its idempotency key.
struct Remembered<'a> {
    caller: &'a Caller,
    key: Option<&'a str>,
    request_hash: &'a [u8],
}

/// A row that was refused as a duplicate, and of which there is no other.
pub(super) fn vanished(table: &'static str) -> IntakeError {
    let problem = "refused as a duplicate, and there is no other".to_owned();
    crate::store::StoreError::Inconsistent { table, id: "a new row".to_owned(), problem }.into()
}

/// Why a person cannot be named.
pub(super) const ERASED: &str = "is of somebody who was erased, and is not taken again";

/// How often an event is taken in anew because another of its subject was faster.
const TRIES: u32 = 5;

/// How far another system's clock may be ahead of ours.
const AHEAD: TimeDelta = TimeDelta::minutes(5);

impl Host {
    /// Commits an event and plans it; answers what followed from it, and whether it had been posted before.
    /// `None`: it is gone again.
    ///
    /// # Errors
    ///
    /// As [`Host::accept_event`].
    pub async fn post_event(
        &self,
        caller: &Caller,
        idempotency_key: Option<&str>,
        request: &[u8],
        posted: PostedEvent,
    ) -> Result<(Option<EventStory>, bool), IntakeError> {
        let (accepted, planning) = self.take_event(caller, idempotency_key, request, posted).await?;
        let planned = match planning {
            Some(planning) => Box::pin(self.plan_fresh(planning)).await,
            None => Box::pin(self.plan_event(accepted.id)).await.map(|()| None),
        };
        let story = planned.unwrap_or_else(|error| {
            // The event is committed; the host plans it by itself.
            tracing::error!(error = &error as &dyn std::error::Error, event_id = %accepted.id, "planning waits");
            None
        });
        Ok(match story {
            Some(story) => (Some(story), accepted.repeated),
            None => (self.event_story(accepted.id, caller.test).await?, accepted.repeated),
        })
    }

    /// Commits an event. Planning is a step of its own.
    ///
    /// # Errors
    ///
    /// Fields are wrong, the idempotency key belongs to another request, or the database failed.
    pub async fn accept_event(
        &self,
        caller: &Caller,
        idempotency_key: Option<&str>,
        request: &[u8],
        posted: PostedEvent,
    ) -> Result<Accepted<EventId>, IntakeError> {
        Ok(self.take_event(caller, idempotency_key, request, posted).await?.0)
    }

    /// The same, with what there is to plan where that is known already.
    async fn take_event(
        &self,
        caller: &Caller,
        idempotency_key: Option<&str>,
        request: &[u8],
        posted: PostedEvent,
    ) -> Result<(Accepted<EventId>, Option<Planning>), IntakeError> {
        let now = self.now();
        let mut wrong = Vec::new();
        check_id("/id", posted.id.as_deref(), &mut wrong);
        check_subject(&posted.subject, &mut wrong);
        if !wrong.is_empty() {
            return Err(IntakeError::Fields(wrong));
        }
        let own_id = posted.id.as_ref().map(|id| format!("event:{id}"));
        let key = idempotency_key.map(str::to_owned).or(own_id);
        let request_hash = self.hash_request("events", request);
        // A repeated request is answered as it was, whatever has become of its moments since.
        if let Some(id) = self.repeated(caller, key.as_deref(), &request_hash).await? {
            return Ok((Accepted { id: EventId(id), repeated: true }, None));
        }
        self.check_event_type(&posted.event_type, &mut wrong);
        if posted.occurred_at.is_some_and(|at| at > now + AHEAD) && !self.doubts(now) {
            wrong.push(FieldError::new(
                "/occurred_at",
                "is in the future; an event is something that has happened",
            ));
        }
        let people = self.read_people(&posted.people, &mut wrong);
        let id = EventId::new(now, &mut *self.chance.lock());
        let _turn = self.in_order.turn_of(&posted.subject, caller.test).await;
        let posting =
            Arc::new(EventPosting { id, caller: caller.clone(), key, request_hash, posted, people });
        if wrong.is_empty() {
            let work = |postings| {
                let host = self.clone();
                async move { host.take_in_events(postings).await }
            };
            if let Some(planning) = Box::pin(self.noting.ask(posting.clone(), work)).await {
                return Ok((Accepted { id, repeated: false }, Some(planning)));
            }
        }
        Ok((Box::pin(self.accept_event_alone(&posting, wrong)).await?, None))
    }

    async fn accept_event_alone(
        &self,
        posting: &EventPosting,
        wrong: Vec<FieldError>,
    ) -> Result<Accepted<EventId>, IntakeError> {
        for _ in 0..TRIES {
            match Box::pin(self.try_accept_event_alone(posting, wrong.clone())).await {
                // What it rests on is not so any more.
                Err(IntakeError::Host(HostError::Store(StoreError::Collision))) => {
                    self.store.settled().await?;
                }
                accepted => return accepted,
            }
        }
        Err(StoreError::Collision.into())
    }

    async fn try_accept_event_alone(
        &self,
        posting: &EventPosting,
        mut wrong: Vec<FieldError>,
    ) -> Result<Accepted<EventId>, IntakeError> {
        let now = self.now();
        let EventPosting { id, caller, key, request_hash, posted, people } = posting;
        // It may have been written with others, and the answer to that commit was lost.
        let same = |known: EventId| Accepted { id: known, repeated: known != *id };
        let remembered = Remembered { caller, key: key.as_deref(), request_hash };
        if let Some(known) = self.same_version(&remembered, &posted.subject, &posted.event_type).await? {
            return Ok(same(known));
        }
        let mut tx = self.store.begin().await?;
        // What a later event leaves unsaid is as the one before it said; nobody else says more until this one is
        // taken in. Only where two make a subject known at once, the later one is taken in anew.
        let newest = tx.lock_subject(&posted.subject, caller.test).await?;
        let before = match newest {
            Some((_, id)) => tx.event(id).await?.map(|stored| stored.event),
            None => None,
        };
        let data = merged(before.as_ref().map(|event| &event.data), posted.data.clone());
        self.check_data(&posted.event_type, &data, &mut wrong);
        let is_stale = newest.is_some_and(|(version, _)| version > posted.subject.version);
        let mut people_of_event = before.map_or_else(Vec::new, |event| event.people);
        if people.is_empty() && people_of_event.is_empty() {
            wrong.push(FieldError::new("/people", "names nobody, and no earlier event of this subject does"));
        }
        if !wrong.is_empty() {
            return Err(IntakeError::Fields(wrong));
        }

        if !people.is_empty() {
            people_of_event.clear();
        }
        // Everybody writes people in the same order, and waits for nobody who waits for them.
        let mut in_order: Vec<_> = people.iter().enumerate().collect();
        in_order.sort_by_key(|(_, (id, _))| id.as_str());
        let mut named = Vec::with_capacity(people.len());
        for (index, (id, update)) in in_order {
            // What a stale event says of people is stale too: it only makes known who was not.
            let nothing = PersonUpdate::default();
            let may_be_stale = is_stale || self.is_beside_live(caller);
            let update = if may_be_stale && tx.recipient(id).await?.is_some() { &nothing } else { update };
            match upsert(&mut tx, id, update, now).await? {
                Some(person) => named.push((index, (id.clone(), update.role.unwrap_or(person.role)))),
                None => wrong.push(FieldError::new(format!("/people/{index}/id"), ERASED)),
            }
        }
        if !wrong.is_empty() {
            return Err(IntakeError::Fields(wrong));
        }
        named.sort_by_key(|(index, _)| *index);
        people_of_event.extend(named.into_iter().map(|(_, person)| person));
        let event = posting.event(people_of_event, data, now);
        let state = if is_stale { EventState::Stale } else { EventState::Accepted };
        let before = newest.map(|(version, _)| version);
        let added = tx.insert_event(NewEvent { event: &event, state, before }).await?;
        if !added {
            // Another request with the same version was faster.
            drop(tx);
            self.store.settled().await?;
            let known = self.same_version(&remembered, &event.subject, &event.event_type).await?;
            return Ok(same(known.ok_or_else(|| vanished("events"))?));
        }
        if !self.remember(&mut tx, caller, key.as_deref(), request_hash, event.id.0).await? {
            drop(tx);
            self.store.settled().await?;
            let known = self.repeated(caller, key.as_deref(), request_hash).await?;
            return Ok(same(EventId(known.ok_or_else(|| vanished("idempotency_keys"))?)));
        }
        tx.commit().await?;
        tell_accepted(&event, is_stale);
        Ok(Accepted { id: event.id, repeated: false })
    }

    /// The event that brought this version of a subject already, which then answers this request too.
    async fn same_version(
        &self,
        request: &Remembered<'_>,
        subject: &Subject,
        event_type: &str,
    ) -> Result<Option<EventId>, IntakeError> {
        let Remembered { caller, key, request_hash } = *request;
        let known = self.store.look().await?.event_of_version(subject, caller.test).await?;
        let Some(known) = known else { return Ok(None) };
        if known.event.event_type != event_type {
            return Err(IntakeError::VersionTaken);
        }
        let mut tx = self.store.begin().await?;
        if self.remember(&mut tx, caller, key, request_hash, known.event.id.0).await? {
            tx.commit().await?;
            return Ok(Some(known.event.id));
        }
        drop(tx);
        self.store.settled().await?;
        Ok(self.repeated(caller, key, request_hash).await?.map(EventId))
    }

    /// What came of the request that was made under this key before.
    pub(super) async fn repeated(
        &self,
        caller: &Caller,
        key: Option<&str>,
        request_hash: &[u8],
    ) -> Result<Option<Uuid>, IntakeError> {
        let Some(key) = key else { return Ok(None) };
        let work = |keys| {
            let host = self.clone();
            async move { host.made_under(keys).await }
        };
        let made = match Box::pin(self.repeating.ask((caller.key, key.to_owned()), work)).await {
            Ok(made) => made,
            Err(Alone) => self.store.look().await?.remembered_request(caller.key, key).await?,
        };
        match made {
            Some((hash, _)) if hash != request_hash => Err(IntakeError::KeyReused),
            Some((_, id)) => Ok(Some(id)),
            None => Ok(None),
        }
    }

    /// Answers for each key in its place.
    async fn made_under(&self, keys: Vec<(KeyId, String)>) -> Vec<Result<Option<Made>, Alone>> {
        let about: Vec<(KeyId, &str)> = keys.iter().map(|(caller, key)| (*caller, key.as_str())).collect();
        let made = async { self.store.look().await?.remembered_requests(&about).await };
        match made.await {
            Ok(made) => made.into_iter().map(Ok).collect(),
            Err(_) => keys.iter().map(|_| Err(Alone)).collect(),
        }
    }

    /// What a request is known by when it is repeated: a keyed hash, for a body of few unknown digits could be
    /// guessed from another.
    pub(super) fn hash_request(&self, route: &str, body: &[u8]) -> Vec<u8> {
        self.store.keys().hash_bytes("request", &[route.as_bytes(), &[0], body].concat())
    }

    /// `false` when the same key came with another request meanwhile: this one must not be committed.
    pub(super) async fn remember(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        key: Option<&str>,
        request_hash: &[u8],
        id: Uuid,
    ) -> Result<bool, IntakeError> {
        match key {
            Some(key) => Ok(tx.remember_request(caller.key, key, request_hash, id, self.now()).await?),
            None => Ok(true),
        }
    }
}

/// For the log.
pub(super) fn tell_accepted(event: &Event, is_stale: bool) {
    tracing::info!(event_id = %event.id, event_type = %event.event_type, stale = is_stale, "event accepted");
}

/// What is said now, over what was said before.
pub(super) fn merged(
    before: Option<&serde_json::Value>,
    now: serde_json::Map<String, serde_json::Value>,
) -> serde_json::Value {
    let mut data = match before {
        Some(serde_json::Value::Object(members)) => members.clone(),
        _ => serde_json::Map::new(),
    };
    data.extend(now);
    serde_json::Value::Object(data)
}
