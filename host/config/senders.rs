//! `[[senders]]`.

use crate::domain::pace::Rate;
use crate::service::SenderRoute;
use crate::twilio::{Sender, rate as rate_of};
use serde::Deserialize;
use std::collections::BTreeSet;

/// `[[senders]]`: a number or service that some texts are sent from. The first that fits is taken; the
/// account's own number or service, of `[twilio]`, comes last and serves all.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SenderSettings {
    /// A number, a short code or a name.
    #[serde(alias = "phone_number")]
    pub from: Option<String>,
    /// A Messaging Service that picks the number.
    pub messaging_service_sid: Option<String>,
    /// To these countries (ISO 3166 alpha-2); empty: to all.
    #[serde(default)]
    pub countries: BTreeSet<String>,
    /// Of these types; empty: of all.
    #[serde(default)]
    pub types: BTreeSet<String>,
    /// Segments in a second; as Twilio gives a sender of its kind, when left out.
    #[serde(default, deserialize_with = "rate_of")]
    pub rate: Option<Rate>,
}

impl SenderSettings {
    /// Who texts are from.
    #[must_use]
    pub fn sender(&self) -> Option<Sender> {
        match (&self.from, &self.messaging_service_sid) {
            (Some(from), None) => Some(Sender::Number(from.clone())),
            (None, Some(service)) => Some(Sender::Service(service.clone())),
            (Some(_), Some(_)) | (None, None) => None,
        }
    }

    pub(super) fn route(&self) -> Option<SenderRoute> {
        let sender = self.sender()?;
        let rate = self.rate.or_else(|| Rate::of_kind(sender.as_str()));
        Some(SenderRoute { sender, countries: self.countries.clone(), types: self.types.clone(), rate })
    }
}

impl super::Config {
    /// Who texts are from: the first that serves a text is taken.
    pub(super) fn senders(&self) -> Vec<SenderRoute> {
        let own = self.twilio.sender().map(|sender| SenderRoute {
            rate: self.twilio.rate.or_else(|| Rate::of_kind(sender.as_str())),
            sender,
            countries: BTreeSet::new(),
            types: BTreeSet::new(),
        });
        self.senders.iter().filter_map(SenderSettings::route).chain(own).collect()
    }
}
