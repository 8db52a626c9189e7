//! The story of a message: everything that is known of it, for whoever asks why.

use super::{Host, HostError};
use crate::domain::event::Event;
use crate::domain::id::MessageId;
use crate::domain::kind::TypeName;
use crate::domain::message::{Cause, Message};
use crate::store::{
    Attempt, Change, DecisionRecord, JournalLine, MessageFilter, MessagePage, ProviderEvent, StoreError,
};

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
        let mut tx = self.store.read().await?;
        let Some(message) = tx.message(id).await?.filter(|message| message.test == test) else {
            return Ok(None);
        };
        let opened = tx.open_message(id).await?;
        let event = match message.event {
            Some(event) => tx.event(event).await?.map(|stored| stored.event),
            None => None,
        };
        let mut decisions = match message.event {
            Some(event) => tx.decisions_of_event(event).await?,
            None => Vec::new(),
        };
        // An event asks every interested policy; this message tells of its own.
        let own = self.policies.for_type(&message.kind);
        decisions
            .retain(|decision| own.as_ref().is_none_or(|policy| policy.description.name == decision.policy));
        decisions.extend(tx.decisions_of_message(id).await?);
        Ok(Some(Story {
            event,
            text: opened.text,
            phone: opened.phone.map(|phone| phone.masked()),
            decisions,
            attempts: tx.attempts_of(id).await?,
            provider_events: tx.provider_events_of(id).await?,
            journal: tx.journal_of(id).await?,
            message,
        }))
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
        self.act(id, test, "cancel", |message| message.state.cancel(cause.clone()).ok(), &cause).await
    }

    /// Releases a held message: it is judged again at once.
    ///
    /// # Errors
    ///
    /// There is none, it is not held, or the database failed.
    pub async fn release(&self, id: MessageId, test: bool) -> Result<Message, ActError> {
        use crate::domain::message::State;
        let cause = Cause::new("released", "a person has looked and released it");
        let released = self
            .act(
                id,
                test,
                "release",
                |message| matches!(message.state, State::Held { .. }).then_some(State::Planned),
                &cause,
            )
            .await?;
        self.wake.notify_one();
        Ok(released)
    }

    async fn act(
        &self,
        id: MessageId,
        test: bool,
        what: &'static str,
        to: impl Fn(Message) -> Option<crate::domain::message::State>,
        cause: &Cause,
    ) -> Result<Message, ActError> {
        let now = self.now();
        let mut tx = self.store.begin().await?;
        let message =
            tx.message(id).await?.filter(|message| message.test == test).ok_or(ActError::Unknown)?;
        let mut after = message.clone();
        after.state = to(message.clone()).ok_or(ActError::TooLate(message.state.name()))?;
        tracing::info!(message_id = %id, what, "a caller acts on a message");
        match tx.move_message(&message, &mut after, &Change::noted(cause.clone(), None, now)).await {
            Ok(()) => tx.commit().await?,
            Err(StoreError::LeaseLost { .. }) => return Err(ActError::TooLate("on its way")),
            Err(error) => return Err(error.into()),
        }
        Ok(after)
    }
}
