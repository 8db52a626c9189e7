//! Events that are posted at the same time are taken in by one unit of work: a few statements for all of them.
//! No two of them are of one subject. What needs more than that (a person who changes, a version that is known or
//! stale, a field that is wrong) is answered with `None` and taken in alone.

use super::checks::FieldError;
use super::intake::{merged, tell_accepted};
use super::plan::Planning;
use super::together::or_alone;
use super::{Caller, Host, HostError, PostedEvent};
use crate::domain::event::Event;
use crate::domain::id::EventId;
use crate::domain::recipient::{PersonUpdate, Recipient, Role};
use crate::store::{EventState, NewEvent, RememberedRequest, StoreError, Tx};
use chrono::{DateTime, Utc};
use std::collections::HashMap;
use std::sync::Arc;

/// An event that was posted, and checked as far as that needs no database.
pub(super) struct EventPosting {
    /// Drawn once: however often it is written, it is one event.
    pub(super) id: EventId,
    pub(super) caller: Caller,
    /// Its idempotency key.
    pub(super) key: Option<String>,
    pub(super) request_hash: Vec<u8>,
    pub(super) posted: PostedEvent,
    pub(super) people: Vec<(String, PersonUpdate)>,
}

impl EventPosting {
    /// The event as it is kept, with the people and the data that hold after the one before it.
    pub(super) fn event(
        &self,
        people: Vec<(String, Role)>,
        data: serde_json::Value,
        now: DateTime<Utc>,
    ) -> Event {
        let Self { id, caller, posted, .. } = self;
        Event {
            id: *id,
            event_type: posted.event_type.clone(),
            subject: posted.subject.clone(),
            occurred_at: posted.occurred_at.unwrap_or(now),
            received_at: now,
            people,
            data,
            test: caller.test,
        }
    }
}

/// What is known of the subjects and the people of a batch of events.
struct Known {
    /// The newest version of each subject, in the order of the batch.
    newest: Vec<Option<i64>>,
    /// The event that brought it.
    before: Vec<Option<Event>>,
    /// Who was erased is `None`.
    people: HashMap<String, Option<Recipient>>,
}

impl Host {
    /// Answers each event in its place with what there is to plan; `None`: it must be taken in alone.
    pub(super) async fn take_in_events(&self, postings: Vec<Arc<EventPosting>>) -> Vec<Option<Planning>> {
        or_alone(self.try_take_in_events(&postings).await, postings.len())
    }

    async fn try_take_in_events(
        &self,
        postings: &[Arc<EventPosting>],
    ) -> Result<Vec<Option<Planning>>, HostError> {
        let now = self.now();
        let mut plannings: Vec<Option<Planning>> = postings.iter().map(|_| None).collect();
        let mut tx = self.store.begin().await?;
        let mut known = known(&mut tx, postings).await?;
        let (mut newcomers, mut taken) = (Vec::new(), Vec::<(usize, Event)>::new());
        for (place, posting) in postings.iter().enumerate() {
            if let Some((event, new)) = self.event_of(posting, &known, place, now) {
                newcomers.extend(new.iter().map(|person| person.id.clone()));
                known.people.extend(new.into_iter().map(|person| (person.id.clone(), Some(person))));
                taken.push((place, event));
            }
        }
        if taken.is_empty() {
            return Ok(plannings);
        }
        // Everybody writes in the same order, and waits for nobody who waits for them.
        newcomers.sort_unstable();
        taken.sort_by(|(_, one), (_, other)| {
            one.subject.name().cmp(&other.subject.name()).then(one.test.cmp(&other.test))
        });
        let person = |id: &str| known.people.get(id).and_then(Option::as_ref);
        let newcomers: Vec<&Recipient> = newcomers.iter().filter_map(|id| person(id)).collect();
        let state = EventState::Accepted;
        let events: Vec<NewEvent<'_>> = taken
            .iter()
            .map(|(place, event)| NewEvent { event, state, before: known.newest[*place] })
            .collect();
        let requests: Vec<RememberedRequest<'_>> = taken
            .iter()
            .filter_map(|(place, event)| {
                let EventPosting { caller, key, request_hash, .. } = &*postings[*place];
                let (key, hash) = (key.as_deref()?, request_hash.as_slice());
                Some(RememberedRequest { api_key: caller.key, key, hash, resource: event.id.0 })
            })
            .collect();
        let is_all = |count: usize, written: u64| u64::try_from(count) == Ok(written);
        let added = is_all(newcomers.len(), tx.insert_recipients(&newcomers).await?)
            && is_all(events.len(), tx.insert_events(&events).await?)
            && is_all(requests.len(), tx.remember_requests(&requests, now).await?);
        if !added {
            // Somebody else was faster with one of them.
            return Err(StoreError::Collision.into());
        }
        // Whom each of them concerns, with what their policies are told of them.
        let named: Vec<Vec<&Recipient>> = taken
            .iter()
            .map(|(_, event)| event.people.iter().filter_map(|(id, _)| person(id)).collect())
            .collect();
        let about: Vec<_> =
            named.iter().flatten().map(|person| (person.id.as_str(), person.phone.as_ref())).collect();
        let mut consents = tx.consents_of(&about).await?.into_iter();
        let people: Vec<Vec<(Recipient, bool)>> = named
            .into_iter()
            .map(|people| {
                let stopped = consents.by_ref().map(|consents| consents.stop().is_some());
                people.into_iter().cloned().zip(stopped).collect()
            })
            .collect();
        tx.commit().await?;
        for ((place, event), people) in taken.into_iter().zip(people) {
            tell_accepted(&event, false);
            plannings[place] = Some(Planning::fresh(event, people));
        }
        Ok(plannings)
    }

    /// The event as it is kept, and who is new; `None`: it must be taken in alone.
    fn event_of(
        &self,
        posting: &EventPosting,
        known: &Known,
        place: usize,
        now: DateTime<Utc>,
    ) -> Option<(Event, Vec<Recipient>)> {
        let EventPosting { caller, posted, people, .. } = posting;
        if known.newest[place].is_some_and(|newest| newest >= posted.subject.version) {
            return None;
        }
        let before = known.before[place].as_ref();
        let data = merged(before.map(|event| &event.data), posted.data.clone());
        let mut wrong: Vec<FieldError> = Vec::new();
        self.check_data(&posted.event_type, &data, &mut wrong);
        if !wrong.is_empty() {
            return None;
        }
        let (mut named, mut newcomers) = (Vec::new(), Vec::new());
        for (id, update) in people {
            let role = match known.people.get(id) {
                Some(Some(person)) if self.is_beside_live(caller) => person.role,
                // One who changes is written with care.
                Some(Some(person)) if person.clone().apply(update) => return None,
                Some(Some(person)) => update.role.unwrap_or(person.role),
                Some(None) => return None,
                None => {
                    let role = update.role.unwrap_or(Role::Patient);
                    let mut person = Recipient::new(id.clone(), role, now);
                    person.apply(update);
                    newcomers.push(person);
                    role
                }
            };
            named.push((id.clone(), role));
        }
        if named.is_empty() {
            named.clone_from(&before?.people);
            let is_here = |id: &String| matches!(known.people.get(id), Some(Some(_)));
            if named.is_empty() || !named.iter().all(|(id, _)| is_here(id)) {
                return None;
            }
        }
        Some((posting.event(named, data, now), newcomers))
    }
}

async fn known(tx: &mut Tx, postings: &[Arc<EventPosting>]) -> Result<Known, HostError> {
    let subjects: Vec<_> =
        postings.iter().map(|posting| (&posting.posted.subject, posting.caller.test)).collect();
    let newest = tx.lock_subjects(&subjects).await?;
    let ids: Vec<EventId> = newest.iter().flatten().map(|(_, id)| *id).collect();
    let events: HashMap<EventId, Event> =
        tx.events(&ids).await?.into_iter().map(|stored| (stored.event.id, stored.event)).collect();
    let before: Vec<Option<Event>> =
        newest.iter().map(|newest| newest.and_then(|(_, id)| events.get(&id).cloned())).collect();
    let posted = postings.iter().flat_map(|posting| posting.people.iter().map(|(id, _)| id.as_str()));
    let earlier = before.iter().flatten().flat_map(|event| event.people.iter().map(|(id, _)| id.as_str()));
    let ids: Vec<&str> = posted.chain(earlier).collect();
    let mut people = HashMap::new();
    for person in tx.recipients(&ids).await? {
        let is_erased = tx.is_erased(&person.id).await?;
        people.insert(person.id.clone(), (!is_erased).then_some(person));
    }
    // One who was erased while another backup stood here must not keep everybody else from being taken in together.
    let unknown: Vec<&str> = ids.into_iter().filter(|id| !people.contains_key(*id)).collect();
    people.extend(tx.erased_among(&unknown).await?.into_iter().map(|id| (id, None)));
    let newest = newest.into_iter().map(|newest| newest.map(|(version, _)| version)).collect();
    Ok(Known { newest, before, people })
}
