//! Giving out: what was written is put into words, numbered, and set on its way to each that listens.

use crate::domain::message::STATUSES;
use crate::domain::recipient::unnamed_id;
use crate::service::{Host, HostError};
use crate::store::{NumberedEvent, RawWebhookEvent, Source, Tx};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

/// So many at once: on SQLite the writer's place is held for a few milliseconds.
const BATCH: u32 = 50;

/// An event as it will be told.
struct Told {
    subject: (String, String),
    data: Value,
}

impl Host {
    /// Gives out all that was written; answers how many events.
    pub(super) async fn give_out_webhooks(&self, now: DateTime<Utc>) -> Result<usize, HostError> {
        let mut given = 0;
        loop {
            let mut tx = self.store.read().await?;
            let raw = tx.new_webhook_events(BATCH).await?;
            let mut told = Vec::with_capacity(raw.len());
            for event in raw {
                let words = self.told(&mut tx, &event).await?;
                told.push((event, words));
            }
            drop(tx);
            if told.is_empty() {
                return Ok(given);
            }
            given += told.len();
            let mut tx = self.store.begin().await?;
            tx.number_alone().await?;
            // What another host has given out meanwhile keeps its number, and takes no second one.
            let unnumbered = tx.unnumbered_webhook_events(BATCH).await?;
            for (event, words) in told.iter().filter(|(event, _)| unnumbered.contains(&event.number)) {
                self.give_out_one(&mut tx, event, words, now).await?;
            }
            tx.commit().await?;
        }
    }

    async fn give_out_one(
        &self,
        tx: &mut Tx,
        event: &RawWebhookEvent,
        told: &Told,
        now: DateTime<Utc>,
    ) -> Result<(), HostError> {
        let subject = (told.subject.0.as_str(), told.subject.1.as_str());
        let sequence = tx.next_sequence(subject).await?;
        let body = json!({
            "type": event.event_type,
            "timestamp": event.at.to_rfc3339_opts(SecondsFormat::Millis, true),
            "subject": {"type": subject.0, "id": subject.1},
            "sequence": sequence,
            "data": told.data,
        });
        let body = body.to_string();
        let numbered =
            NumberedEvent { number: event.number, id: self.uuid(), subject, sequence, body: &body };
        Ok(tx.give_out(event, &numbered, now).await?)
    }

    async fn told(&self, tx: &mut Tx, event: &RawWebhookEvent) -> Result<Told, HostError> {
        let named = event.subject.clone();
        Ok(match &event.source {
            Source::Data(data) => Told {
                subject: named.unwrap_or_else(|| ("host".to_owned(), "host".to_owned())),
                data: data.clone(),
            },
            Source::Consent(id) => {
                let Some(consent) = tx.told_consent(*id).await? else { return Ok(Told::gone()) };
                // A stranger's phone goes by the id that they would get, which tells no number.
                let unknown = || unnamed_id(consent.phone_hash.as_deref().unwrap_or_default());
                Told {
                    subject: ("recipient".to_owned(), consent.recipient.clone().unwrap_or_else(unknown)),
                    data: json!({
                        "consent_id": id,
                        "recipient": consent.recipient,
                        "choice": consent.choice,
                        "source": consent.source,
                        "binds": consent.binds,
                        "scope": consent.scope.0,
                        "scope_name": consent.scope.1,
                    }),
                }
            }
            Source::Message(id, line) => {
                let Some(message) = tx.message(*id).await? else { return Ok(Told::gone()) };
                let Some(line) = tx.journal_line(*id, *line).await? else { return Ok(Told::gone()) };
                let status = STATUSES.iter().find(|(state, _)| *state == line.to).map(|(_, status)| *status);
                let subject = message.subject.as_ref();
                Told {
                    subject: subject.map_or_else(
                        || ("message".to_owned(), id.to_string()),
                        |subject| (subject.subject_type.clone(), subject.id.clone()),
                    ),
                    data: json!({
                        "message_id": id,
                        "message_type": message.kind,
                        "recipient": message.recipient,
                        "state": line.to,
                        "status": status,
                        "reason": {"code": line.note.code, "text": line.note.text},
                        "key": Some(&message.key).filter(|key| !key.is_empty()),
                        "subject_version": subject.map(|subject| subject.version),
                        "due_at": message.due_at.to_rfc3339_opts(SecondsFormat::Millis, true),
                        "locale": message.text.as_ref().map(|text| &text.locale_sent),
                        "segments": message.text.as_ref().map(|text| text.segments),
                        "error_code": message.error_code,
                        "sid": message.sid,
                        "test": message.test,
                    }),
                }
            }
        })
    }

    /// Forgets what is older than anybody would have it replayed, a little at a time.
    pub(super) async fn forget_old_webhooks(&self, now: DateTime<Utc>) -> Result<(), HostError> {
        let keep = TimeDelta::from_std(self.settings.webhooks.keep).unwrap_or(TimeDelta::days(30));
        let mut tx = self.store.begin().await?;
        tx.forget_webhook_events(now - keep, 500).await?;
        Ok(tx.commit().await?)
    }
}

impl Told {
    /// The row that it told of is gone, and nobody misses the event.
    fn gone() -> Self {
        Self { subject: ("host".to_owned(), "host".to_owned()), data: Value::Null }
    }
}
