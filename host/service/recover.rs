//! Recovering: after a backup was put back, the texts that were sent since then are not in it. Whatever it
//! holds as unsent and due may have been sent: it is looked up at the provider like a call whose outcome was
//! not seen, and only what is surely absent goes out. What was posted since is looked for when it is posted again
//! (`sent_before`).

use super::intend::Intent;
use super::{Host, HostError};
use crate::domain::id::AttemptId;
use crate::domain::message::{Cause, Lease, Message, State};
use crate::domain::secret::Secret;
use crate::store::{Recovery, StoreError};
use chrono::{DateTime, Utc};

/// So many in one page.
const PAGE: u32 = 200;

/// Why a text is looked up, or held, after a backup was put back.
pub(super) const RECOVERED: &str = "recovered";

/// What a recovery came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Texts that are looked up at the provider before anything is sent.
    pub looked_up: u64,
    /// Texts that nobody can look up, and that a person must look at.
    pub held: u64,
}

impl Host {
    /// Marks everything that was due and unsent when the backup was made, as far as it is of use still, as
    /// possibly sent since. No other host may run meanwhile. `seen` is told how many were looked at, page
    /// by page.
    ///
    /// # Errors
    ///
    /// The database failed; it can be run again.
    pub async fn recover(
        &self,
        since: DateTime<Utc>,
        test: bool,
        mut seen: impl FnMut(u64),
    ) -> Result<Recovered, HostError> {
        let now = self.now();
        let mut tx = self.store.begin().await?;
        tx.keep_recovery(&Recovery { at: now, test, since: since.min(now) }).await?;
        tx.commit().await?;
        let (mut recovered, mut after) = (Recovered::default(), None);
        loop {
            let mut tx = self.store.read().await?;
            let page = tx.unsent_messages(test, now, after, PAGE).await?;
            drop(tx);
            let Some(last) = page.last() else { return Ok(recovered) };
            after = Some(last.id);
            seen(u64::try_from(page.len()).unwrap_or(0));
            for message in page {
                match self.doubt(message, since, now).await {
                    Ok(Doubted::LookedUp) => recovered.looked_up += 1,
                    Ok(Doubted::Held) => recovered.held += 1,
                    Err(HostError::Store(StoreError::LeaseLost { .. })) => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }

    async fn doubt(
        &self,
        message: Message,
        since: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Doubted, HostError> {
        let mut tx = self.store.read().await?;
        let recipient = tx.recipient(&message.recipient).await?;
        let opened = tx.open_message(message.id).await?;
        drop(tx);
        let why = Cause::new(
            RECOVERED,
            "a backup was put back; it may have been sent since then, and is looked up at the provider",
        );
        let text = match (&recipient, &opened.payload) {
            (Some(recipient), Some(payload)) => self
                .render_text(&self.renderer.snapshot(), &message, recipient, &payload.variables, false)
                .ok(),
            _ => None,
        };
        let (Some(recipient), Some(text)) = (recipient, text) else {
            return self.hold_doubtful(message, now).await;
        };
        let Some(phone) = recipient.phone.clone() else { return self.hold_doubtful(message, now).await };
        let Some(route) = self.route(phone.country(), &message.kind) else {
            return self.hold_doubtful(message, now).await;
        };
        let kept = if self.has_secret(&message) { String::new() } else { text.text.clone() };
        let attempt = AttemptId::new(now, &mut *self.chance.lock());
        let lease = Lease { host: self.id, until: now };
        let state = State::Claimed(lease).send(lease, attempt)?.lose_sight(now)?;
        let sending = Message {
            state,
            attempt: Some(attempt),
            attempts: message.attempts + 1,
            text: Some(self.text_facts(&text)),
            ..message.clone()
        };
        let intent = Intent {
            id: attempt,
            judged: super::intend::Judged {
                version: recipient.version,
                texts: recipient.texts,
                consent_lines: 0,
            },
            is_paced: false,
            before: message,
            sending,
            phone,
            sender: route.sender.clone(),
            rate: None,
            text: Secret::new(text.text),
            kept,
            links: Vec::new(),
            record: None,
            why,
            // It was sent after this moment, if it was.
            at: since,
        };
        self.doubt_intent(&intent, now).await?;
        Ok(Doubted::LookedUp)
    }

    /// What was rendered with words that are gone, or to nobody: it cannot be told from other texts.
    async fn hold_doubtful(&self, message: Message, now: DateTime<Utc>) -> Result<Doubted, HostError> {
        let cause = Cause::new(
            RECOVERED,
            "a backup was put back; it may have been sent since then, and cannot be looked up",
        );
        let mut after = message.clone();
        if matches!(after.state, State::Claimed(_)) {
            after.state = after.state.plan_again()?;
        }
        after.state = after.state.hold(cause.clone(), Some(message.expires_at))?;
        self.move_unless_lost(&message, after, cause, now).await?;
        Ok(Doubted::Held)
    }

    /// Whether another process uses the database now.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn others_run(&self) -> Result<bool, HostError> {
        let now = self.now();
        let hosts = self.store.look().await?.hosts().await?;
        Ok(hosts.iter().any(|(_, seen_at)| *seen_at > now - self.settings.patience.dead_after))
    }
}

enum Doubted {
    LookedUp,
    Held,
}
