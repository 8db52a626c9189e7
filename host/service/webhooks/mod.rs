//! Webhooks of our own: the clinic's systems are told what happens, at addresses that they gave.
//!
//! ```text
//! unit of work ── event written ── given out: numbered, one call for each listener ── called out
//! ```
//!
//! An event is written in the unit of work that it tells of: for messages and consents by the database
//! itself (`journal_is_told`, `consents_are_told`), for the rest by [`Host::announce`]. It is called out at
//! least once, for a day, and the other side knows it by its identifier; the number among the events about
//! the same subject says which of two is the newer one.

mod call_out;
mod endpoints;
mod give_out;
mod replies;

pub use endpoints::{EndpointError, EndpointStory, NewEndpoint};

use super::Host;
use crate::domain::id::ReplyId;
use crate::store::{NewWebhookEvent, StoreError, Tx};
use chrono::{DateTime, Utc};
use ipnet::IpNet;
use std::time::Duration;

/// How the clinic's own systems are told.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// Private networks that may be called.
    pub allow_networks: Vec<IpNet>,
    /// How long events are kept to be replayed.
    pub keep: Duration,
}

/// Something that the clinic's own systems should hear of.
#[derive(Clone, Debug)]
pub(super) struct Announcement<'a> {
    /// One of [`crate::domain::webhook::event_types`].
    pub(super) event_type: &'a str,
    /// Test, live, or both.
    pub(super) test: Option<bool>,
    /// What it is about: type and the clinic's own id.
    pub(super) subject: (&'a str, &'a str),
    /// The text that asked for it; its words go with the event.
    pub(super) reply: Option<ReplyId>,
    /// What else there is to say. Names no person but by the clinic's own id.
    pub(super) data: serde_json::Value,
}

impl Host {
    /// Writes an event down in the unit of work that it tells of. While nobody listens, nothing is kept.
    pub(super) async fn announce(
        &self,
        tx: &mut Tx,
        announcement: &Announcement<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let new = NewWebhookEvent {
            event_type: announcement.event_type,
            test: announcement.test,
            subject: announcement.subject,
            reply: announcement.reply,
            data: &announcement.data,
            at: now,
        };
        tx.insert_webhook_event(&new).await
    }
}
