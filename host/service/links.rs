//! Short links: `link(url)` in a template becomes an address on the clinic's own domain. A code follows
//! from the message, the address and the home's keys, so that a text that is rendered again, here or by
//! another host, is the same text.

use super::{Host, HostError};
use crate::domain::id::MessageId;
use crate::domain::link::{Hosts, code, is_code};
use crate::domain::recipient::Recipient;
use crate::domain::value::Value;
use crate::render::{Problem, VariableError};
use crate::store::NewLink;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeMap;
use std::time::Duration;

/// What the clinic has set about links.
#[derive(Clone, Debug)]
pub struct LinkSettings {
    /// What stands before `/l/<code>`; without it addresses stay as long as they are.
    pub base_url: Option<String>,
    /// Where links may lead.
    pub hosts: Hosts,
    /// How long they lead there, from the moment of sending.
    pub expires_after: Duration,
    /// Whether it is written down that a link was opened.
    pub record_opens: bool,
}

/// Where a code leads.
#[derive(Clone, PartialEq, Eq)]
pub enum Followed {
    /// There.
    To(String),
    /// Nowhere any more; the language of the text it stands in, where that is known.
    Over(Option<String>),
    /// It is none of ours.
    Unknown,
}

/// Links that are over are known as such for so long.
const REMEMBER: TimeDelta = TimeDelta::days(30);

impl Host {
    /// The short link of each address in a message's variables, by the address.
    pub(super) fn short_links(
        &self,
        message: MessageId,
        variables: &BTreeMap<String, Value>,
    ) -> BTreeMap<String, String> {
        let Some(base) = &self.settings.links.base_url else { return BTreeMap::new() };
        let addresses = variables.values().filter_map(|value| match value {
            Value::Url(address) => Some(address),
            Value::Text(_) | Value::Time(_) | Value::Money(_) | Value::Number(_) => None,
        });
        addresses
            .map(|address| {
                let code = self.link_code(message, address);
                (address.clone(), format!("{}/l/{code}", base.trim_end_matches('/')))
            })
            .collect()
    }

    /// The links that a text really has, to be kept with the intent to send it.
    pub(super) fn links_in(
        &self,
        text: &str,
        message: MessageId,
        variables: &BTreeMap<String, Value>,
        now: DateTime<Utc>,
    ) -> Vec<NewLink> {
        let lives = TimeDelta::from_std(self.settings.links.expires_after).unwrap_or(TimeDelta::days(30));
        let links = self.short_links(message, variables);
        let used = links.into_iter().filter(|(_, short)| text.contains(short.as_str()));
        used.map(|(target, _)| NewLink {
            code: self.link_code(message, &target),
            message,
            target,
            at: now,
            expires_at: now + lives,
        })
        .collect()
    }

    fn link_code(&self, message: MessageId, address: &str) -> String {
        let hash = self.store.keys().hash("link", &format!("{message} {address}"));
        code(std::array::from_fn(|at| hash[at]))
    }

    /// Addresses that cannot stand in a text to this person.
    pub(super) fn refused_links(
        &self,
        variables: &BTreeMap<String, Value>,
        recipient: Option<&Recipient>,
    ) -> Vec<VariableError> {
        let phone = recipient.and_then(|person| person.phone.as_ref());
        let name = recipient.and_then(|person| person.name.as_deref());
        let refused = |value: &Value| match value {
            Value::Url(address) => self.settings.links.hosts.refuse(address, phone, name),
            Value::Text(_) | Value::Time(_) | Value::Money(_) | Value::Number(_) => None,
        };
        let wrong = variables.iter().filter_map(|(name, value)| Some((name, refused(value)?)));
        wrong
            .map(|(name, expected)| VariableError {
                name: name.clone(),
                expected,
                problem: Problem::WrongType,
            })
            .collect()
    }

    /// Where a code leads. `opened`: a person may have opened it, and not only looked at its head.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn follow_link(&self, code: &str, opened: bool) -> Result<Followed, HostError> {
        if !is_code(code) {
            return Ok(Followed::Unknown);
        }
        let now = self.now();
        let mut tx = self.store.look().await?;
        let Some(link) = tx.link(code).await? else { return Ok(Followed::Unknown) };
        let Some(target) = link.target.filter(|_| link.expires_at > now) else {
            let text = tx.message(link.message).await?.and_then(|message| message.text);
            return Ok(Followed::Over(text.map(|text| text.locale_sent)));
        };
        drop(tx);
        if opened && self.settings.links.record_opens && link.opened_at.is_none() {
            let mut tx = self.store.begin().await?;
            tx.link_opened(code, now).await?;
            tx.commit().await?;
        }
        Ok(Followed::To(target))
    }

    /// Forgets links that are long over, a little at a time.
    pub(super) async fn forget_old_links(&self, now: DateTime<Utc>) -> Result<(), HostError> {
        let mut tx = self.store.begin().await?;
        tx.forget_links(now - REMEMBER, 500).await?;
        Ok(tx.commit().await?)
    }
}
