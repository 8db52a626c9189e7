//! Gathering: all that is known of claimed messages when they are judged. What is claimed at the same time is
//! read by the same few statements.

use super::context::{HISTORY, unix_ms};
use super::together::or_alone;
use super::{Host, HostError};
use crate::domain::consent::Consents;
use crate::domain::id::MessageId;
use crate::domain::message::Message;
use crate::domain::policy::PastMessage;
use crate::domain::recipient::Recipient;
use crate::store::{Opened, SentText};
use std::collections::HashMap;

/// A message and whom it is to.
pub(super) type Wanted = (MessageId, String);

/// What is known of one message.
#[derive(Clone)]
pub(super) struct Gathered {
    /// `None`: nobody is known by that id.
    pub(super) recipient: Option<Recipient>,
    pub(super) opened: Opened,
    pub(super) consents: Consents,
    /// What the recipient was sent before.
    pub(super) recent: Vec<PastMessage>,
}

impl Host {
    /// What is known of a message.
    pub(super) async fn gather(&self, message: &Message) -> Result<Gathered, HostError> {
        let wanted = (message.id, message.recipient.clone());
        let work = |wanted: Vec<Wanted>| {
            let host = self.clone();
            async move { host.gather_together(wanted).await }
        };
        match Box::pin(self.gathering.ask(wanted.clone(), work)).await {
            Some(gathered) => Ok(gathered),
            None => self.gather_all(&[wanted]).await?.pop().ok_or_else(|| nothing(message.id)),
        }
    }

    /// Answers for each in its place; `None`: it must be gathered alone.
    async fn gather_together(&self, wanted: Vec<Wanted>) -> Vec<Option<Gathered>> {
        let gathered = self.gather_all(&wanted).await;
        or_alone(gathered.map(|gathered| gathered.into_iter().map(Some).collect()), wanted.len())
    }

    /// In their order.
    async fn gather_all(&self, wanted: &[Wanted]) -> Result<Vec<Gathered>, HostError> {
        let mut tx = self.store.look().await?;
        // The people first: their keys open the rest.
        let ids: Vec<&str> = wanted.iter().map(|(_, recipient)| recipient.as_str()).collect();
        let people: HashMap<String, Recipient> =
            tx.recipients(&ids).await?.into_iter().map(|person| (person.id.clone(), person)).collect();
        let messages: Vec<MessageId> = wanted.iter().map(|(message, _)| *message).collect();
        let mut opened: HashMap<MessageId, Opened> = tx.open_messages(&messages).await?.into_iter().collect();
        let phone = |id: &str| people.get(id).and_then(|person| person.phone.as_ref());
        let about: Vec<_> = ids.iter().map(|id| (*id, phone(id))).collect();
        let consents = tx.consents_of(&about).await?;
        let about: Vec<_> = ids.iter().copied().zip(messages.iter().copied()).collect();
        let recent = tx.recent_messages_of(&about, self.now() - HISTORY).await?;
        let each = wanted.iter().zip(consents).zip(recent);
        Ok(each
            .map(|(((message, recipient), consents), recent)| Gathered {
                recipient: people.get(recipient).cloned(),
                opened: opened.remove(message).unwrap_or_default(),
                consents,
                recent: recent.into_iter().map(past).collect(),
            })
            .collect())
    }
}

pub(super) fn past((message_type, at, outcome): SentText) -> PastMessage {
    PastMessage { message_type, at: unix_ms(at), outcome }
}

fn nothing(message: MessageId) -> HostError {
    let problem = "nothing is known of it".to_owned();
    crate::store::StoreError::Inconsistent { table: "messages", id: message.to_string(), problem }.into()
}
