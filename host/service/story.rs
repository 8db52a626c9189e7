//! The story of a message: everything that is known of it, for whoever asks why.

use super::{Host, HostError};
use crate::domain::event::Event;
use crate::domain::id::MessageId;
use crate::domain::kind::TypeName;
use crate::domain::message::{Cause, Message, State};
use crate::store::{
    Attempt, Change, DecisionRecord, JournalLine, MessageFilter, MessagePage, ProviderEvent, Store,
    StoreError,
};
use chrono::{DateTime, Utc};

/// Everything that is known of a message.
#[derive(Clone, Debug)]
pub struct Story {
    /// The message as it stands.
    pub message: Message,
    /// The event that planned it.
    pub event: Option<Event>,
    /// The text as it was sent, secrets taken out.
    pub text: Option<String>,
    /// Where it went, masked.
    pub phone: Option<String>,
    /// What policies answered, in order.
    pub decisions: Vec<DecisionRecord>,
    /// The calls that were made, in order.
    pub attempts: Vec<Attempt>,
    /// What the provider told, in the order in which we heard it.
    pub provider_events: Vec<ProviderEvent>,
    /// Its short links: until when each leads on, and when it was first opened.
    pub links: Vec<(DateTime<Utc>, Option<DateTime<Utc>>)>,
    /// Every transition, in order.
    pub journal: Vec<JournalLine>,
}

/// Whether a message could be taken back or released.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// There is no such message.
    #[error("there is no message of this id")]
    Unknown,
    /// It has gone too far for that.
    #[error("the message is {0} already")]
    TooLate(&'static str),
    /// Ours.
    #[error("the message could not be changed")]
    Host(#[from] HostError),
}

impl From<StoreError> for ActError {
    fn from(error: StoreError) -> Self {
        Self::Host(error.into())
    }
}

impl Story {
    /// Everything that is known of a message. `own` names the policy of a message type: an event asks every
    /// interested one, and a message tells of its own; without a name it tells of all.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn read(
        store: &Store,
        id: MessageId,
        own: impl Fn(&TypeName) -> Option<String>,
    ) -> Result<Option<Self>, HostError> {
        let mut tx = store.read().await?;
        let Some(message) = tx.message(id).await? else { return Ok(None) };
        let opened = tx.open_message(id).await?;
        let event = match message.event {
            Some(event) => tx.event(event).await?.map(|stored| stored.event),
            None => None,
        };
        let mut decisions = match message.event {
            Some(event) => tx.decisions_of_event(event).await?,
            None => Vec::new(),
        };
        let own = own(&message.kind);
        decisions.retain(|decision| own.as_ref().is_none_or(|name| *name == decision.policy));
        decisions.extend(tx.decisions_of_message(id).await?);
        Ok(Some(Self {
            event,
            text: opened.text,
            phone: opened.phone.map(|phone| phone.masked()),
            decisions,
            attempts: tx.attempts_of(id).await?,
            provider_events: tx.provider_events_of(id).await?,
            links: tx.links_of(id).await?,
            journal: tx.journal_of(id).await?,
            message,
        }))
    }
}

/// Releases a held message: it is judged again at once.
///
/// # Errors
///
/// There is none, it is not held, or the database failed.
pub async fn release(store: &Store, id: MessageId, now: DateTime<Utc>) -> Result<Message, ActError> {
    let cause = Cause::new("released", "a person has looked and released it");
    let to = |message: Message| matches!(message.state, State::Held { .. }).then_some(State::Planned);
    act(store, id, None, "release", to, &cause, now).await
}

/// How often a message is looked at anew that somebody else moves at the same moment.
const TRIES: u32 = 4;

/// Moves a message, of live keys or of test keys where that is asked for, if its life allows it.
async fn act(
    store: &Store,
    id: MessageId,
    test: Option<bool>,
    what: &'static str,
    to: impl Fn(Message) -> Option<State>,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Result<Message, ActError> {
    let is_theirs = |message: &Message| test.is_none_or(|test| message.test == test);
    tracing::info!(message_id = %id, what, "a caller acts on a message");
    // Somebody else may move it at the same moment, and leave it where it can still be acted on.
    for _ in 0..TRIES {
        let mut tx = store.begin().await?;
        let message = tx.message(id).await?.filter(is_theirs).ok_or(ActError::Unknown)?;
        let mut after = message.clone();
        after.state = to(message.clone()).ok_or(ActError::TooLate(message.state.name()))?;
        match tx.move_message(&message, &mut after, &Change::noted(cause.clone(), None, now)).await {
            Ok(()) => {
                tx.commit().await?;
                return Ok(after);
            }
            Err(StoreError::LeaseLost { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(ActError::TooLate("on its way"))
}

impl Host {
    /// The type of a message of live keys, or of test keys.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn type_of_message(&self, id: MessageId, test: bool) -> Result<Option<TypeName>, HostError> {
        let message = self.store.read().await?.message(id).await?;
        Ok(message.filter(|message| message.test == test).map(|message| message.kind))
    }

    /// Everything that is known of a message of live keys, or of test keys.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn story(&self, id: MessageId, test: bool) -> Result<Option<Story>, HostError> {
        let own = |kind: &TypeName| Some(self.policies.for_type(kind)?.description.name.clone());
        let story = Story::read(&self.store, id, own).await?;
        Ok(story.filter(|story| story.message.test == test))
    }

    /// Finds messages.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn find_messages(&self, filter: &MessageFilter) -> Result<MessagePage, HostError> {
        let mut tx = self.store.read().await?;
        Ok(tx.find_messages(filter).await?)
    }

    /// Takes a message back, if it has not been given to the provider.
    ///
    /// # Errors
    ///
    /// There is none, it is too late, or the database failed.
    pub async fn cancel(&self, id: MessageId, test: bool) -> Result<Message, ActError> {
        let cause = Cause::new("canceled", "taken back through the API");
        let to = |message: Message| message.state.cancel(cause.clone()).ok();
        act(&self.store, id, Some(test), "cancel", to, &cause, self.now()).await
    }

    /// Releases a held message of live keys, or of test keys: it is judged again at once.
    ///
    /// # Errors
    ///
    /// There is none, it is not held, or the database failed.
    pub async fn release(&self, id: MessageId, test: bool) -> Result<Message, ActError> {
        self.type_of_message(id, test).await?.ok_or(ActError::Unknown)?;
        let released = release(&self.store, id, self.now()).await?;
        self.wake();
        Ok(released)
    }
}
