//! Addresses: made, shown, rotated, replayed, switched on again, taken away.

use crate::domain::id::EndpointId;
use crate::domain::secret::Secret;
use crate::domain::webhook::{Endpoint, event_types, is_pattern};
use crate::outbound::WebhookSecret;
use crate::service::checks::FieldError;
use crate::service::{Caller, Host, HostError};
use crate::store::seal::hex;
use crate::store::{StoreError, WebhookFigures};
use chrono::{DateTime, TimeDelta, Utc};
use rand::RngExt as _;
use std::collections::BTreeSet;

/// So many addresses for each mode: every event is written once for each that listens.
const MOST: usize = 20;

/// An address as a caller posts it.
#[derive(Clone, Debug, Default)]
pub struct NewEndpoint {
    /// Where to call.
    pub url: String,
    /// For people.
    pub description: Option<String>,
    /// Patterns of events; all when left out.
    pub events: Option<Vec<String>>,
}

/// An address and how it fares.
#[derive(Clone, Debug)]
pub struct EndpointStory {
    /// The address.
    pub endpoint: Endpoint,
    /// What waits for it, and what went wrong last.
    pub figures: WebhookFigures,
}

/// Why an address was not changed.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// Fields are wrong.
    #[error("the request has fields that are wrong")]
    Fields(Vec<FieldError>),
    /// There is none of this id.
    #[error("there is no webhook endpoint of this id")]
    Unknown,
    /// Ours.
    #[error("the webhook endpoint could not be changed")]
    Host(#[from] HostError),
}

impl From<StoreError> for EndpointError {
    fn from(error: StoreError) -> Self {
        Self::Host(error.into())
    }
}

impl Host {
    /// Adds an address. The secret is seen in this answer and never again.
    ///
    /// # Errors
    ///
    /// Fields are wrong, or the database failed.
    pub async fn add_webhook_endpoint(
        &self,
        new: NewEndpoint,
        caller: &Caller,
    ) -> Result<(EndpointStory, Secret), EndpointError> {
        let now = self.now();
        let mut wrong = Vec::new();
        if let Err(refused) = self.outside.guard().read(&new.url) {
            wrong.push(FieldError::new("/url", refused.to_string()));
        }
        if new.url.len() > 2000 {
            wrong.push(FieldError::new("/url", "is longer than 2000 characters"));
        }
        let description = new.description.unwrap_or_default();
        if description.chars().count() > 200 {
            wrong.push(FieldError::new("/description", "is longer than 200 characters"));
        }
        let events = read_patterns(new.events, &mut wrong);
        let mut tx = self.store.begin().await?;
        let known = tx.webhook_endpoints().await?;
        if known.iter().filter(|endpoint| endpoint.test == caller.test).count() >= MOST {
            wrong
                .push(FieldError::new("", format!("would be one too many: a host calls {MOST} at the most")));
        }
        if !wrong.is_empty() {
            return Err(EndpointError::Fields(wrong));
        }
        let id = EndpointId::new(now, &mut *self.chance.lock());
        let secret_nonce = self.chance.lock().random();
        let endpoint = Endpoint {
            id,
            url: new.url,
            description,
            events,
            test: caller.test,
            secret_nonce,
            previous: None,
            failing_since: None,
            rest_until: None,
            off: None,
            created_at: now,
        };
        tx.insert_webhook_endpoint(&endpoint).await?;
        tx.commit().await?;
        let secret = self.webhook_secret(endpoint.id, endpoint.secret_nonce).shown();
        Ok((EndpointStory { endpoint, figures: WebhookFigures::default() }, secret))
    }

    /// All addresses of a mode, the oldest first.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn webhook_endpoints(&self, test: bool) -> Result<Vec<EndpointStory>, HostError> {
        let mut tx = self.store.read().await?;
        let mut stories = Vec::new();
        for endpoint in tx.webhook_endpoints().await?.into_iter().filter(|endpoint| endpoint.test == test) {
            let figures = tx.webhook_figures(endpoint.id).await?;
            stories.push(EndpointStory { endpoint, figures });
        }
        Ok(stories)
    }

    /// One address.
    ///
    /// # Errors
    ///
    /// There is none, or the database failed.
    pub async fn webhook_endpoint(&self, id: EndpointId, test: bool) -> Result<EndpointStory, EndpointError> {
        let stories = self.webhook_endpoints(test).await?;
        stories.into_iter().find(|story| story.endpoint.id == id).ok_or(EndpointError::Unknown)
    }

    /// Addresses that are switched off, and why; none while the database does not answer.
    pub(in crate::service) async fn webhooks_off(&self) -> Vec<String> {
        let off = async {
            let mut tx = self.store.read().await?;
            let endpoints = tx.webhook_endpoints().await?;
            let off =
                endpoints.into_iter().filter_map(|e| e.off.map(|(_, reason)| format!("{}: {reason}", e.id)));
            Ok::<Vec<String>, StoreError>(off.collect())
        };
        off.await.unwrap_or_default()
    }

    /// Takes an address away, with what waits for it.
    ///
    /// # Errors
    ///
    /// There is none, or the database failed.
    pub async fn remove_webhook_endpoint(&self, id: EndpointId, test: bool) -> Result<(), EndpointError> {
        let mut tx = self.store.begin().await?;
        if !tx.delete_webhook_endpoint(id, test).await? {
            return Err(EndpointError::Unknown);
        }
        Ok(tx.commit().await?)
    }

    /// Gives an address a new secret; for `overlap` both sign. The secret is seen in this answer and
    /// never again.
    ///
    /// # Errors
    ///
    /// There is none, or the database failed.
    pub async fn rotate_webhook_secret(
        &self,
        id: EndpointId,
        test: bool,
        overlap: TimeDelta,
    ) -> Result<(EndpointStory, Secret), EndpointError> {
        let until = self.now() + overlap;
        self.webhook_endpoint(id, test).await?;
        let nonce = self.chance.lock().random();
        let mut tx = self.store.begin().await?;
        tx.rotate_webhook_secret(id, nonce, until).await?;
        tx.commit().await?;
        Ok((self.webhook_endpoint(id, test).await?, self.webhook_secret(id, nonce).shown()))
    }

    /// Switches an address on again; what was put aside or given up is
    /// called out.
    ///
    /// # Errors
    ///
    /// There is none, or the database failed.
    pub async fn switch_webhook_on(
        &self,
        id: EndpointId,
        test: bool,
    ) -> Result<EndpointStory, EndpointError> {
        let now = self.now();
        self.webhook_endpoint(id, test).await?;
        let mut tx = self.store.begin().await?;
        tx.switch_webhook_on(id).await?;
        tx.unpark_webhook_deliveries(id, now).await?;
        tx.commit().await?;
        self.webhook_endpoint(id, test).await
    }

    /// Calls out again what happened from `since` until `until`; answers how many events.
    ///
    /// # Errors
    ///
    /// There is no such address, the stretch is none, or the database failed.
    pub async fn replay_webhooks(
        &self,
        id: EndpointId,
        test: bool,
        since: DateTime<Utc>,
        until: Option<DateTime<Utc>>,
    ) -> Result<u64, EndpointError> {
        let now = self.now();
        // What happened this very millisecond belongs to it.
        let until = until.unwrap_or(now + TimeDelta::milliseconds(1));
        self.webhook_endpoint(id, test).await?;
        if since >= until {
            return Err(EndpointError::Fields(vec![FieldError::new("/since", "is not before `until`")]));
        }
        let mut tx = self.store.begin().await?;
        let count = tx.replay_webhook_events(id, test, (since, until), now).await?;
        tx.commit().await?;
        Ok(count)
    }

    /// A secret follows from the home's own keys and a number that the database keeps: a stolen
    /// database signs nothing.
    pub(super) fn webhook_secret(&self, id: EndpointId, nonce: [u8; 16]) -> WebhookSecret {
        let hash = self.store.keys().hash("webhook secret", &format!("{id}.{}", hex(&nonce)));
        WebhookSecret::new(std::array::from_fn(|at| hash[at]))
    }
}

fn read_patterns(events: Option<Vec<String>>, wrong: &mut Vec<FieldError>) -> Vec<String> {
    let events: BTreeSet<String> = events.unwrap_or_else(|| vec!["*".to_owned()]).into_iter().collect();
    if events.is_empty() {
        wrong.push(FieldError::new("/events", "is empty; leave it out for all events"));
    }
    for (index, pattern) in events.iter().enumerate() {
        if !is_pattern(pattern) {
            let known: Vec<String> = event_types().collect();
            let detail =
                format!("is no event; there are {}, and groups such as message.* and *", known.join(", "));
            wrong.push(FieldError::new(format!("/events/{index}"), detail));
        }
    }
    events.into_iter().collect()
}
