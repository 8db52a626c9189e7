//! Accepting texts: one a request, or many in a batch or an import. Those that come at the same time
//! share a unit of work of a few statements; one that needs more (a person who changes, a request that
//! is repeated) is accepted alone. Each is answered when it is on the disk.

use super::checks::FieldError;
use super::draft::{Draft, PostedMessage};
use super::intake::{Accepted, ERASED, IntakeError, vanished};
use super::people::upsert;
use super::together::{Alone, or_alone};
use super::{Caller, Host, HostError};
use crate::crash::Point;
use crate::domain::id::MessageId;
use crate::domain::kind::Kind;
use crate::domain::message::{Lane, Message};
use crate::domain::recipient::{PersonUpdate, Recipient, Role};
use crate::store::{Payload, RememberedRequest, StoreError};
use chrono::{DateTime, Utc};
use std::collections::HashMap;
use std::sync::Arc;

/// A text that was posted, and checked as far as that needs no database.
pub(super) struct Posting {
    /// Drawn once: however often it is written, it is one message.
    id: MessageId,
    caller: Caller,
    /// Its idempotency key.
    key: Option<String>,
    request_hash: Vec<u8>,
    lane: Lane,
    draft: Draft,
}

impl Posting {
    /// Whether its type is one for one-time codes.
    fn is_code(&self) -> bool {
        self.draft.kind.lane == Lane::Otp
    }
}

impl Host {
    /// Commits one text.
    ///
    /// # Errors
    ///
    /// Fields are wrong, the idempotency key belongs to another request, it is a code and a brake holds, or the
    /// database failed.
    pub async fn accept_message(
        &self,
        caller: &Caller,
        idempotency_key: Option<&str>,
        request: &[u8],
        posted: PostedMessage,
    ) -> Result<Accepted<MessageId>, IntakeError> {
        self.accept(caller, idempotency_key, request, posted, |kind| kind.lane).await
    }

    /// Commits one text of many: it waits behind what is posted singly, but for what is urgent by its
    /// type.
    ///
    /// # Errors
    ///
    /// As [`Host::accept_message`].
    pub async fn accept_bulk(
        &self,
        caller: &Caller,
        idempotency_key: Option<&str>,
        request: &[u8],
        posted: PostedMessage,
    ) -> Result<Accepted<MessageId>, IntakeError> {
        let lane = |kind: &Kind| if kind.lane.is_urgent() { kind.lane } else { Lane::Bulk };
        self.accept(caller, idempotency_key, request, posted, lane).await
    }

    async fn accept(
        &self,
        caller: &Caller,
        idempotency_key: Option<&str>,
        request: &[u8],
        posted: PostedMessage,
        lane: impl Fn(&Kind) -> Lane,
    ) -> Result<Accepted<MessageId>, IntakeError> {
        let request_hash = self.hash_request("messages", request);
        // A repeated request is answered as it was, whatever has become of its moments since.
        if let Some(id) = self.repeated(caller, idempotency_key, &request_hash).await? {
            return Ok(Accepted { id: MessageId(id), repeated: true });
        }
        let draft = self.read_draft(posted, self.now())?;
        let posting = Arc::new(Posting {
            id: MessageId::new(self.now(), &mut *self.chance.lock()),
            caller: caller.clone(),
            key: idempotency_key.map(str::to_owned),
            request_hash,
            lane: lane(&draft.kind),
            draft,
        });
        // A code is counted in the unit of work that takes it in.
        if posting.is_code() {
            return self.accept_alone(&posting).await;
        }
        let work = |postings| {
            let host = self.clone();
            async move { host.accept_together(postings).await }
        };
        match Box::pin(self.accepting.ask(posting.clone(), work)).await {
            Some(id) => Ok(Accepted { id, repeated: false }),
            None => self.accept_alone(&posting).await,
        }
    }

    /// One message as it is now; those who ask at the same time share the question.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn message(&self, id: MessageId) -> Result<Option<Message>, HostError> {
        let work = |ids: Vec<MessageId>| {
            let host = self.clone();
            async move {
                match host.messages(&ids).await {
                    Ok(found) => {
                        let found: HashMap<MessageId, Message> =
                            found.into_iter().map(|message| (message.id, message)).collect();
                        ids.iter().map(|id| Ok(found.get(id).cloned())).collect()
                    }
                    Err(_) => ids.iter().map(|_| Err(Alone)).collect(),
                }
            }
        };
        match Box::pin(self.looking.ask(id, work)).await {
            Ok(message) => Ok(message),
            Err(Alone) => Ok(self.messages(&[id]).await?.pop()),
        }
    }

    /// Messages by their ids, as they are now, in no particular order.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn messages(&self, ids: &[MessageId]) -> Result<Vec<Message>, HostError> {
        Ok(self.store.look().await?.messages(ids).await?)
    }

    /// Answers each posting in its place; `None`: it must be accepted alone.
    async fn accept_together(&self, postings: Vec<Arc<Posting>>) -> Vec<Option<MessageId>> {
        or_alone(self.try_accept_together(&postings).await, postings.len())
    }

    async fn try_accept_together(
        &self,
        postings: &[Arc<Posting>],
    ) -> Result<Vec<Option<MessageId>>, HostError> {
        let now = self.now();
        let ids: Vec<&str> = postings.iter().map(|posting| posting.draft.person.as_str()).collect();
        let mut tx = self.store.begin().await?;
        let mut people: HashMap<String, Recipient> =
            tx.recipients(&ids).await?.into_iter().map(|person| (person.id.clone(), person)).collect();
        // One who was erased while another backup stood here must not keep the others from being accepted together.
        let unknown: Vec<&str> = ids.into_iter().filter(|id| !people.contains_key(*id)).collect();
        let erased = tx.erased_among(&unknown).await?;
        let (mut newcomers, mut accepted) = (Vec::new(), Vec::new());
        for (place, posting) in postings.iter().enumerate() {
            let person = match people.get(&posting.draft.person) {
                // One who changes is written with care, and so is one who was erased.
                Some(known) if known.phone.is_none() || known.clone().apply(&posting.draft.update) => {
                    continue;
                }
                Some(known) => known.clone(),
                None if erased.contains(&posting.draft.person) => continue,
                None => {
                    let role = posting.draft.update.role.unwrap_or(Role::Patient);
                    let mut person = Recipient::new(posting.draft.person.clone(), role, now);
                    person.apply(&posting.draft.update);
                    if person.phone.is_none() {
                        continue;
                    }
                    person
                }
            };
            if let Ok((message, payload)) = self.posted_message(posting, &person, now) {
                accepted.push((place, message, payload));
                if !people.contains_key(&person.id) {
                    newcomers.push(person.id.clone());
                    people.insert(person.id.clone(), person);
                }
            }
        }
        newcomers.sort_unstable();
        let newcomers: Vec<&Recipient> = newcomers.iter().filter_map(|id| people.get(id)).collect();
        let messages: Vec<(&Message, &Payload)> =
            accepted.iter().map(|(_, message, payload)| (message, payload)).collect();
        let requests: Vec<RememberedRequest<'_>> = accepted
            .iter()
            .filter_map(|(place, message, _)| {
                let Posting { caller, key, request_hash, .. } = &*postings[*place];
                let (key, hash) = (key.as_deref()?, request_hash.as_slice());
                Some(RememberedRequest { api_key: caller.key, key, hash, resource: message.id.0 })
            })
            .collect();
        let is_all = |count: usize, written: u64| u64::try_from(count) == Ok(written);
        let added = is_all(newcomers.len(), tx.insert_recipients(&newcomers).await?)
            && (messages.is_empty() || is_all(messages.len(), tx.insert_messages(&messages).await?))
            && is_all(requests.len(), tx.remember_requests(&requests, now).await?);
        if !added {
            // Somebody else was faster with one of them.
            return Err(StoreError::Collision.into());
        }
        self.crash_at(Point::AcceptUncommitted).await;
        tx.commit().await?;
        self.crash_at(Point::AcceptCommitted).await;
        self.wake_for(accepted.iter().map(|(_, message, _)| message.due_at));
        let mut ids = vec![None; postings.len()];
        for (place, message, _) in accepted {
            ids[place] = Some(message.id);
        }
        Ok(ids)
    }

    async fn accept_alone(&self, posting: &Posting) -> Result<Accepted<MessageId>, IntakeError> {
        let now = self.now();
        let Posting { caller, key, request_hash, .. } = posting;
        let mut tx = self.store.begin().await?;
        // It was written with others, and the answer to that commit was lost.
        if tx.message(posting.id).await?.is_some() {
            // It may be of a group that is not on the disk yet.
            drop(tx);
            self.store.settled().await?;
            self.wake();
            return Ok(Accepted { id: posting.id, repeated: false });
        }
        // A test beside live traffic leaves the people of the clinic as they are.
        let known = tx.recipient(&posting.draft.person).await?;
        let is_known = known.is_some();
        let nothing = PersonUpdate::default();
        let update = if is_known && self.is_beside_live(caller) { &nothing } else { &posting.draft.update };
        let phone = update.phone.clone().or_else(|| known.and_then(|person| person.phone));
        if let Some(phone) = phone.filter(|_| posting.is_code())
            && let Err(error) = self.brake_posted(&mut tx, caller, &phone, now).await
        {
            drop(tx);
            // The same request may have been faster, and have used up what a brake had left.
            self.store.settled().await?;
            if let Some(id) = self.repeated(caller, key.as_deref(), request_hash).await? {
                return Ok(Accepted { id: MessageId(id), repeated: true });
            }
            self.keep_posted_refusal(caller, &phone, &error, now).await;
            return Err(error.into());
        }
        let Some(recipient) = upsert(&mut tx, &posting.draft.person, update, now).await? else {
            return Err(IntakeError::Fields(vec![FieldError::new("/to/id", ERASED)]));
        };
        let (message, payload) = self.posted_message(posting, &recipient, now)?;
        tx.insert_message(&message, &payload).await?;
        if !self.remember(&mut tx, caller, key.as_deref(), request_hash, message.id.0).await? {
            drop(tx);
            self.store.settled().await?;
            let id = self.repeated(caller, key.as_deref(), request_hash).await?;
            let id = MessageId(id.ok_or_else(|| vanished("idempotency_keys"))?);
            return Ok(Accepted { id, repeated: true });
        }
        self.crash_at(Point::AcceptUncommitted).await;
        tx.commit().await?;
        self.crash_at(Point::AcceptCommitted).await;
        self.wake();
        Ok(Accepted { id: message.id, repeated: false })
    }

    fn posted_message(
        &self,
        posting: &Posting,
        recipient: &Recipient,
        now: DateTime<Utc>,
    ) -> Result<(Message, Payload), IntakeError> {
        let is_test = posting.caller.test;
        let (message, payload) = self.message_of(posting.draft.clone(), recipient, is_test, now)?;
        Ok((Message { id: posting.id, lane: posting.lane, ..message }, payload))
    }
}
