//! Calling out: each address by itself, so that a slow one keeps no other waiting; an address at which
//! nothing comes through is left in peace for a while, and after a day switched off with a notice.

use super::Announcement;
use crate::domain::id::EndpointId;
use crate::domain::webhook::{Endpoint, PATIENCE, pause, rest};
use crate::outbound::{Answer, CallError, WebhookCall};
use crate::service::{Host, HostError};
use crate::store::{Settled, StoreError, WebhookDelivery};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;

/// Longer than a call may take: what is not settled by then comes up again.
const LEASE: TimeDelta = TimeDelta::seconds(60);

/// Calls to one address at once; one while it is failing.
const AT_ONCE: u32 = 8;

/// How often a host looks for events.
const POLL: Duration = Duration::from_millis(500);

/// How often old events are forgotten.
const FORGET: TimeDelta = TimeDelta::minutes(10);

type Busy = Arc<Mutex<BTreeSet<EndpointId>>>;

impl Host {
    /// Gives out and calls out for as long as it is polled; what is cut off is called out again.
    pub(in crate::service) async fn call_out(&self) {
        let busy = Busy::default();
        let mut tasks = JoinSet::new();
        let mut forgotten_at = None;
        loop {
            let now = self.now();
            if let Err(error) = self.start_calls(&busy, &mut tasks, now).await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "telling the clinic's systems failed"
                );
            }
            while tasks.try_join_next().is_some() {}
            // What a wrong clock would forget does not come back.
            if forgotten_at.is_none_or(|at| at + FORGET <= now) && !self.doubts(now) {
                forgotten_at = Some(now);
                if let Err(error) = self.forget_old_links(now).await {
                    tracing::error!(error = &error as &dyn std::error::Error, "old links were not forgotten");
                }
                if let Err(error) = self.forget_old_webhooks(now).await {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "old events were not forgotten"
                    );
                }
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// One round: everything that is due is given out and called out once.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn call_out_round(&self) -> Result<(), HostError> {
        let mut tasks = JoinSet::new();
        self.start_calls(&Busy::default(), &mut tasks, self.now()).await?;
        while tasks.join_next().await.is_some() {}
        Ok(())
    }

    async fn start_calls(
        &self,
        busy: &Busy,
        tasks: &mut JoinSet<()>,
        now: DateTime<Utc>,
    ) -> Result<(), HostError> {
        let mut tx = self.store.read().await?;
        let endpoints = tx.webhook_endpoints().await?;
        drop(tx);
        if endpoints.is_empty() {
            return Ok(());
        }
        self.give_out_webhooks(now).await?;
        let rests = |endpoint: &Endpoint| endpoint.rest_until.is_some_and(|until| until > now);
        for endpoint in endpoints.into_iter().filter(|e| e.off.is_none() && !rests(e)) {
            if !lock(busy).insert(endpoint.id) {
                continue;
            }
            let (host, busy) = (self.clone(), Arc::clone(busy));
            tasks.spawn(async move {
                if let Err(error) = host.call_all(&endpoint).await {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(endpoint_id = %endpoint.id, error, "calling out failed");
                }
                lock(&busy).remove(&endpoint.id);
            });
        }
        Ok(())
    }

    /// Calls out all that is due to one address, until one call does not come through.
    async fn call_all(&self, endpoint: &Endpoint) -> Result<(), HostError> {
        let limit = if endpoint.failing_since.is_some() { 1 } else { AT_ONCE };
        loop {
            let now = self.now();
            let until = now + LEASE;
            let mut tx = self.store.read().await?;
            if !tx.webhook_is_due(endpoint.id, now).await? {
                return Ok(());
            }
            drop(tx);
            let mut tx = self.store.begin().await?;
            let due = tx.claim_webhook_deliveries(endpoint.id, now, until, limit).await?;
            tx.commit().await?;
            let mut calls = JoinSet::new();
            for delivery in due {
                let (host, endpoint) = (self.clone(), endpoint.clone());
                calls.spawn(async move { host.call_one(&endpoint, &delivery, until).await });
            }
            let mut all_well = Ok(true);
            // To the last one: what is dropped is a call broken off.
            while let Some(called) = calls.join_next().await {
                all_well = match (all_well, called) {
                    (Ok(well), Ok(Ok(also))) => Ok(well && also),
                    (Ok(_), Err(_)) => Ok(false),
                    (Ok(_), Ok(Err(error))) | (Err(error), _) => Err(error),
                };
            }
            if !all_well? {
                return Ok(());
            }
        }
    }

    /// Calls out one event; whether it came through.
    async fn call_one(
        &self,
        endpoint: &Endpoint,
        delivery: &WebhookDelivery,
        until: DateTime<Utc>,
    ) -> Result<bool, HostError> {
        let now = self.now();
        let body = match self.whole_body(delivery).await {
            Ok(body) => body,
            Err(error) if is_unreadable(&error) => {
                return self.unreadable(endpoint, delivery, until, &error).await.map(|()| true);
            }
            Err(error) => return Err(error),
        };
        let mut secrets = vec![self.webhook_secret(endpoint.id, endpoint.secret_nonce)];
        if let Some((nonce, _)) = endpoint.previous.filter(|(_, until)| *until > now) {
            secrets.push(self.webhook_secret(endpoint.id, nonce));
        }
        let id = delivery.id.to_string();
        let call = WebhookCall { url: &endpoint.url, id: &id, at: now, body: &body, secrets: &secrets };
        let called = self.outside.call_out(&call).await;
        let now = self.now();
        match called {
            Ok(Answer { status, .. }) if (200..300).contains(&status) => {
                let mut tx = self.store.begin().await?;
                let settled = Settled::Taken { status };
                tx.settle_webhook_delivery(endpoint.id, delivery.number, until, settled, now).await?;
                tx.webhook_endpoint_is_well(endpoint.id).await?;
                tx.commit().await?;
                Ok(true)
            }
            other => self.failed(endpoint, delivery, until, other, now).await.map(|()| false),
        }
    }

    async fn failed(
        &self,
        endpoint: &Endpoint,
        delivery: &WebhookDelivery,
        until: DateTime<Utc>,
        called: Result<Answer, CallError>,
        now: DateTime<Utc>,
    ) -> Result<(), HostError> {
        let (status, asked, problem) = match &called {
            Ok(answer) => {
                let asked = answer.retry_after.and_then(|asked| TimeDelta::from_std(asked).ok());
                (Some(answer.status), asked, format!("answered {}", answer.status))
            }
            Err(error) => (None, None, error.to_string()),
        };
        let pause = pause(delivery.tries, asked, &mut *self.chance.lock());
        let due_at = pause.map(|pause| now + pause);
        let mut tx = self.store.begin().await?;
        let settled = Settled::Failed { due_at, status, error: &problem };
        tx.settle_webhook_delivery(endpoint.id, delivery.number, until, settled, now).await?;
        let Some((failures, since)) = tx.webhook_endpoint_failed(endpoint.id, now).await? else {
            return Ok(());
        };
        tracing::warn!(endpoint_id = %endpoint.id, tries = delivery.tries, status, "a webhook did not come through: {problem}");
        // 410 says by the specification that nobody will ever be there again.
        let reason = match status {
            Some(410) => Some("the address answered 410: it is gone".to_owned()),
            _ if since + PATIENCE <= now && !self.doubts(now) => {
                Some(format!("nothing has come through for a day; the last call: {problem}"))
            }
            _ => None,
        };
        match reason {
            Some(reason) => {
                if tx.switch_webhook_off(endpoint.id, &reason, now).await? {
                    tx.park_webhook_deliveries(endpoint.id).await?;
                    self.notice_switched_off(&mut tx, endpoint, &reason, now).await?;
                }
            }
            None => tx.rest_webhook_endpoint(endpoint.id, now + rest(failures)).await?,
        }
        Ok(tx.commit().await?)
    }

    /// An event whose words do not open, sealed with a lost key: it waits as one that did not come through,
    /// and the address, which knows nothing of it, hears of all others.
    async fn unreadable(
        &self,
        endpoint: &Endpoint,
        delivery: &WebhookDelivery,
        until: DateTime<Utc>,
        error: &HostError,
    ) -> Result<(), HostError> {
        let now = self.now();
        let pause = pause(delivery.tries, None, &mut *self.chance.lock());
        let problem = "the words of the reply cannot be opened";
        let settled =
            Settled::Failed { due_at: pause.map(|pause| now + pause), status: None, error: problem };
        let mut tx = self.store.begin().await?;
        tx.settle_webhook_delivery(endpoint.id, delivery.number, until, settled, now).await?;
        tx.commit().await?;
        let error = error as &dyn std::error::Error;
        tracing::error!(endpoint_id = %endpoint.id, webhook_id = %delivery.id, error, "a webhook cannot be made");
        Ok(())
    }

    /// The operator reads it in the log and in `/readyz`; whoever else listens is told.
    async fn notice_switched_off(
        &self,
        tx: &mut crate::store::Tx,
        endpoint: &Endpoint,
        reason: &str,
        now: DateTime<Utc>,
    ) -> Result<(), HostError> {
        tracing::error!(endpoint_id = %endpoint.id, "a webhook endpoint is switched off: {reason}");
        let id = endpoint.id.to_string();
        let announcement = Announcement {
            event_type: "webhook.switched-off",
            test: Some(endpoint.test),
            subject: ("webhook-endpoint", &id),
            reply: None,
            data: json!({"endpoint_id": id, "description": endpoint.description, "reason": reason}),
        };
        Ok(self.announce(tx, &announcement, now).await?)
    }

    /// A reply's words stay sealed until they are told.
    async fn whole_body(&self, delivery: &WebhookDelivery) -> Result<String, HostError> {
        let Some(reply) = delivery.reply else { return Ok(delivery.body.clone()) };
        let mut tx = self.store.read().await?;
        let words = tx.reply_text(reply).await?;
        let mut body: serde_json::Value = serde_json::from_str(&delivery.body)?;
        body["data"]["text"] = words.into();
        Ok(body.to_string())
    }
}

/// The row is there and makes no sense: to ask the database again helps nothing.
fn is_unreadable(error: &HostError) -> bool {
    use StoreError::{Inconsistent, UnknownMasterKey, Unsealable};
    matches!(
        error,
        HostError::Store(Unsealable | UnknownMasterKey { .. } | Inconsistent { .. }) | HostError::Record(_)
    )
}

fn lock(busy: &Busy) -> std::sync::MutexGuard<'_, BTreeSet<EndpointId>> {
    busy.lock().unwrap_or_else(PoisonError::into_inner)
}
