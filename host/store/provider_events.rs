//! What the provider told of attempts: append-only.

use super::rows::{self, both, ids, rows, value};
use super::{Result, Sql, StoreError, Tx, inconsistent, moment, on, small};
use crate::domain::failure::ProviderStatus;
use crate::domain::id::{AttemptId, MessageId};
use crate::domain::receipt::rank;
use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

/// How we learned of a provider event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ProviderEventSource {
    Answer,
    Callback,
    Fetch,
    List,
}

impl ProviderEventSource {
    /// The word in columns and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Callback => "callback",
            Self::Fetch => "fetch",
            Self::List => "list",
        }
    }
}

/// One thing the provider told us.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "as in the table")]
pub struct ProviderEvent {
    pub attempt: AttemptId,
    pub message: MessageId,
    pub status: ProviderStatus,
    pub error_code: Option<u32>,
    pub raw_date: Option<String>,
    pub source: ProviderEventSource,
    pub received_at: DateTime<Utc>,
}

type Row = (Uuid, Uuid, String, Option<i64>, Option<String>, String, i64);

macro_rules! insert {
    ($db:ident) => {
        concat!(
            "INSERT INTO provider_events (id, attempt_id, message_id, status, error_code, raw_date, source,
                received_at) SELECT ",
            value!($db, id, 0),
            ", ",
            value!($db, id, 1),
            ", ",
            value!($db, id, 2),
            ", ",
            value!($db, text, 3),
            ", ",
            value!($db, number, 4),
            ", ",
            value!($db, text, 5),
            ", ",
            value!($db, text, 6),
            ", ",
            value!($db, number, 7),
            " FROM ",
            rows!($db),
            // SQLite takes the clause for a join's condition where no WHERE stands before it.
            " WHERE true ON CONFLICT DO NOTHING"
        )
    };
}
const INSERT: Sql = both!(insert);

macro_rules! of_messages {
    ($db:ident) => {
        concat!(
            "SELECT attempt_id, message_id, status, error_code, raw_date, source, received_at
            FROM provider_events WHERE message_id IN ",
            ids!($db),
            " ORDER BY received_at, id"
        )
    };
}
const OF_MESSAGES: Sql = both!(of_messages);

impl Tx {
    /// Keeps what the provider told; `false` when it had told it before.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn insert_provider_event(&mut self, id: Uuid, event: &ProviderEvent) -> Result<bool> {
        Ok(self.insert_provider_events(&[(id, event)]).await? == 1)
    }

    /// Keeps what the provider told, and answers how much of it is new.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn insert_provider_events(&mut self, events: &[(Uuid, &ProviderEvent)]) -> Result<u64> {
        let row = |(id, event): &(Uuid, &ProviderEvent)| {
            json!([
                rows::id(*id),
                rows::id(event.attempt.0),
                rows::id(event.message.0),
                event.status.name(),
                event.error_code,
                event.raw_date,
                event.source.name(),
                event.received_at.timestamp_millis()
            ])
        };
        let rows: Vec<_> = events.iter().map(row).collect();
        let (sql, rows) = (INSERT.on(self), rows::parameter("provider_events", &rows)?);
        Ok(on!(self, |db| sqlx::query(sql).bind(rows).execute(db).await.map(|done| done.rows_affected()))?)
    }

    /// What the provider told of a message, in the order in which we heard it; what was heard in the
    /// same millisecond, in the order of life.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn provider_events_of(&mut self, message: MessageId) -> Result<Vec<ProviderEvent>> {
        self.provider_events_of_messages(&[message]).await
    }

    /// The same for many messages.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn provider_events_of_messages(&mut self, ids: &[MessageId]) -> Result<Vec<ProviderEvent>> {
        let ids: Vec<_> = ids.iter().map(|id| rows::id(id.0)).collect();
        let (sql, ids) = (OF_MESSAGES.on(self), rows::parameter("provider_events", &ids)?);
        let rows: Vec<Row> = on!(self, |db| sqlx::query_as(sql).bind(ids).fetch_all(db).await)?;
        let events: Result<Vec<ProviderEvent>> = rows.into_iter().map(TryInto::try_into).collect();
        let mut events = events?;
        events.sort_by_key(|event| (event.received_at, rank(event.status)));
        Ok(events)
    }
}

impl TryFrom<Row> for ProviderEvent {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self> {
        let (attempt, message, status, error_code, raw_date, source, received_at) = row;
        let id = attempt.to_string();
        let wrong = |problem: &str| inconsistent("provider_events", &id, problem);
        let sources = [
            ProviderEventSource::Answer,
            ProviderEventSource::Callback,
            ProviderEventSource::Fetch,
            ProviderEventSource::List,
        ];
        Ok(Self {
            attempt: AttemptId(attempt),
            message: MessageId(message),
            status: ProviderStatus::from_name(&status).ok_or_else(|| wrong("a status that is none"))?,
            error_code: error_code.map(|code| small(code, "provider_events", &id)).transpose()?,
            raw_date,
            source: sources
                .into_iter()
                .find(|known| known.name() == source)
                .ok_or_else(|| wrong("a source that is none"))?,
            received_at: moment(received_at, "provider_events", &id)?,
        })
    }
}
