//! Events on their way to addresses. A call is claimed by moving its due time past the longest call, so
//! that one whose host dies comes up again by itself: the other side knows events by their identifier,
//! and may be told twice.

use super::{Result, Sql, Tx, inconsistent, on, small};
use crate::domain::id::{EndpointId, ReplyId};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// One call to be made.
#[derive(Clone, Debug)]
pub struct WebhookDelivery {
    /// The event.
    pub number: i64,
    /// What the other side knows it by.
    pub id: Uuid,
    /// Calls made, this one included.
    pub tries: u32,
    /// All that is told, but for the reply's words.
    pub body: String,
    /// The text whose words belong to it.
    pub reply: Option<ReplyId>,
}

/// What came of a call.
#[derive(Clone, Copy, Debug)]
pub enum Settled<'a> {
    /// The other side has it.
    Taken {
        /// Its answer.
        status: u16,
    },
    /// Not now; `due_at` is `None` when it is given up.
    Failed {
        /// When it is tried again.
        due_at: Option<DateTime<Utc>>,
        /// The answer, where there was one.
        status: Option<u16>,
        /// What went wrong.
        error: &'a str,
    },
}

/// How an address fares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebhookFigures {
    /// Events that wait for it, those that were parked when it was switched off included.
    pub waiting: u64,
    /// Events that were given up.
    pub given_up: u64,
    /// What the newest call that failed met.
    pub last_error: Option<String>,
}

const CLAIM: Sql = Sql {
    sqlite: "WITH due AS MATERIALIZED (SELECT number AS due_number FROM webhook_deliveries
            WHERE endpoint_id = $1 AND state = 'waiting' AND due_at <= $2 ORDER BY due_at, number LIMIT $3)
        UPDATE webhook_deliveries SET due_at = $4, tries = tries + 1, updated_at = $2
        FROM due WHERE endpoint_id = $1 AND number = due_number RETURNING number, tries",
    postgres: "WITH due AS MATERIALIZED (SELECT number AS due_number FROM webhook_deliveries
            WHERE endpoint_id = $1 AND state = 'waiting' AND due_at <= $2 ORDER BY due_at, number LIMIT $3
            FOR UPDATE SKIP LOCKED)
        UPDATE webhook_deliveries SET due_at = $4, tries = tries + 1, updated_at = $2
        FROM due WHERE endpoint_id = $1 AND number = due_number RETURNING number, tries",
};

const IS_DUE: &str = "SELECT COUNT(*) FROM (SELECT 1 FROM webhook_deliveries
    WHERE endpoint_id = $1 AND state = 'waiting' AND due_at <= $2 LIMIT 1) AS due";

const EVENT: &str = "SELECT id, body, reply_id FROM webhook_events WHERE number = $1";

const SETTLE: &str = "UPDATE webhook_deliveries SET state = $4, due_at = $5, last_status = $6, last_error = $7, updated_at = $8
    WHERE endpoint_id = $1 AND number = $2 AND state = 'waiting' AND due_at = $3";

const PARK: &str = "UPDATE webhook_deliveries SET state = 'parked', due_at = NULL WHERE endpoint_id = $1 AND state = 'waiting'";

const UNPARK: &str = "UPDATE webhook_deliveries SET state = 'waiting', due_at = $2, tries = 0
    WHERE endpoint_id = $1 AND state IN ('parked', 'given_up')";

const FIGURES: &str =
    "SELECT CAST(SUM(CASE WHEN state IN ('waiting', 'parked') THEN 1 ELSE 0 END) AS BIGINT),
        CAST(SUM(CASE WHEN state = 'given_up' THEN 1 ELSE 0 END) AS BIGINT)
    FROM webhook_deliveries WHERE endpoint_id = $1 AND state <> 'taken'";

const LAST_ERROR: &str =
    "SELECT last_error FROM webhook_deliveries WHERE endpoint_id = $1 AND state <> 'taken'
        AND last_error IS NOT NULL ORDER BY updated_at DESC, number DESC LIMIT 1";

impl Tx {
    /// Whether a call to an address is due. Looking is free; only where something is due is the writer's
    /// place asked for.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn webhook_is_due(&mut self, endpoint: EndpointId, now: DateTime<Utc>) -> Result<bool> {
        let now = now.timestamp_millis();
        let count: i64 =
            on!(self, |db| sqlx::query_scalar(IS_DUE).bind(endpoint.0).bind(now).fetch_one(db).await)?;
        Ok(count > 0)
    }

    /// Takes calls that are due to one address, the oldest first; each comes up again at `until`
    /// unless it is settled before.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn claim_webhook_deliveries(
        &mut self,
        endpoint: EndpointId,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<WebhookDelivery>> {
        let sql = CLAIM.on(self);
        let mut claimed: Vec<(i64, i64)> = on!(self, |db| sqlx::query_as(sql)
            .bind(endpoint.0)
            .bind(now.timestamp_millis())
            .bind(i64::from(limit))
            .bind(until.timestamp_millis())
            .fetch_all(db)
            .await)?;
        claimed.sort_unstable();
        let mut deliveries = Vec::with_capacity(claimed.len());
        for (number, tries) in claimed {
            type Row = (Option<Uuid>, Option<String>, Option<Uuid>);
            let row: Row = on!(self, |db| sqlx::query_as(EVENT).bind(number).fetch_one(db).await)?;
            let (Some(id), Some(body)) = (row.0, row.1) else {
                return Err(inconsistent("webhook_events", number, "given out without a body"));
            };
            let tries = small(tries, "webhook_deliveries", number)?;
            deliveries.push(WebhookDelivery { number, id, tries, body, reply: row.2.map(ReplyId) });
        }
        Ok(deliveries)
    }

    /// Writes what came of a call, unless somebody else has taken it over.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn settle_webhook_delivery(
        &mut self,
        endpoint: EndpointId,
        number: i64,
        claimed_until: DateTime<Utc>,
        settled: Settled<'_>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let (state, due_at, status, error) = match settled {
            Settled::Taken { status } => ("taken", None, Some(status), None),
            Settled::Failed { due_at: Some(at), status, error } => ("waiting", Some(at), status, Some(error)),
            Settled::Failed { due_at: None, status, error } => ("given_up", None, status, Some(error)),
        };
        on!(self, |db| sqlx::query(SETTLE)
            .bind(endpoint.0)
            .bind(number)
            .bind(claimed_until.timestamp_millis())
            .bind(state)
            .bind(due_at.map(|at| at.timestamp_millis()))
            .bind(status.map(i64::from))
            .bind(error)
            .bind(now.timestamp_millis())
            .execute(db)
            .await
            .map(drop))?;
        Ok(())
    }

    /// Puts aside what waits for an address that is switched off.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn park_webhook_deliveries(&mut self, endpoint: EndpointId) -> Result<()> {
        on!(self, |db| sqlx::query(PARK).bind(endpoint.0).execute(db).await.map(drop))?;
        Ok(())
    }

    /// Calls out what was put aside or given up.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn unpark_webhook_deliveries(
        &mut self,
        endpoint: EndpointId,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let now = now.timestamp_millis();
        on!(self, |db| sqlx::query(UNPARK).bind(endpoint.0).bind(now).execute(db).await.map(drop))?;
        Ok(())
    }

    /// How an address fares.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn webhook_figures(&mut self, endpoint: EndpointId) -> Result<WebhookFigures> {
        let (waiting, given_up): (Option<i64>, Option<i64>) =
            on!(self, |db| sqlx::query_as(FIGURES).bind(endpoint.0).fetch_one(db).await)?;
        let last_error: Option<Option<String>> =
            on!(self, |db| sqlx::query_scalar(LAST_ERROR).bind(endpoint.0).fetch_optional(db).await)?;
        let count = |number: Option<i64>| u64::try_from(number.unwrap_or(0)).unwrap_or(0);
        Ok(WebhookFigures {
            waiting: count(waiting),
            given_up: count(given_up),
            last_error: last_error.flatten(),
        })
    }
}
