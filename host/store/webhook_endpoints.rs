//! Addresses that the clinic's own systems listen at, and what each wants to hear.

use super::{Result, Tx, inconsistent, moment, on};
use crate::domain::id::EndpointId;
use crate::domain::webhook::Endpoint;
use chrono::{DateTime, Utc};
use uuid::Uuid;

#[derive(sqlx::FromRow)]
struct EndpointRow {
    id: Uuid,
    url: String,
    description: String,
    test: bool,
    secret_nonce: Vec<u8>,
    previous_nonce: Option<Vec<u8>>,
    previous_until: Option<i64>,
    failing_since: Option<i64>,
    rest_until: Option<i64>,
    off_at: Option<i64>,
    off_reason: Option<String>,
    created_at: i64,
}

const ALL: &str =
    "SELECT id, url, description, test, secret_nonce, previous_nonce, previous_until, failing_since,
        rest_until, off_at, off_reason, created_at
    FROM webhook_endpoints ORDER BY created_at, id";

const PATTERNS: &str = "SELECT endpoint_id, pattern FROM webhook_subscriptions ORDER BY pattern";

const INSERT: &str =
    "INSERT INTO webhook_endpoints (id, url, description, test, secret_nonce, failures, created_at)
    VALUES ($1, $2, $3, $4, $5, 0, $6)";

const SUBSCRIBE: &str = "INSERT INTO webhook_subscriptions (endpoint_id, pattern) VALUES ($1, $2)
    ON CONFLICT DO NOTHING";

const DELETE: &str = "DELETE FROM webhook_endpoints WHERE id = $1 AND test = $2";

const ROTATE: &str =
    "UPDATE webhook_endpoints SET previous_nonce = secret_nonce, previous_until = $3, secret_nonce = $2
    WHERE id = $1";

const WELL: &str = "UPDATE webhook_endpoints SET failures = 0, failing_since = NULL, rest_until = NULL
    WHERE id = $1 AND failures > 0";

const FAILED: &str =
    "UPDATE webhook_endpoints SET failures = failures + 1, failing_since = COALESCE(failing_since, $2)
    WHERE id = $1 RETURNING failures, failing_since";

const REST: &str = "UPDATE webhook_endpoints SET rest_until = $2 WHERE id = $1";

const SWITCH_OFF: &str =
    "UPDATE webhook_endpoints SET off_at = $2, off_reason = $3 WHERE id = $1 AND off_at IS NULL";

const SWITCH_ON: &str =
    "UPDATE webhook_endpoints SET off_at = NULL, off_reason = NULL, failures = 0, failing_since = NULL,
        rest_until = NULL WHERE id = $1";

impl Tx {
    /// All addresses, the oldest first.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn webhook_endpoints(&mut self) -> Result<Vec<Endpoint>> {
        let rows: Vec<EndpointRow> = on!(self, |db| sqlx::query_as(ALL).fetch_all(db).await)?;
        let patterns: Vec<(Uuid, String)> = on!(self, |db| sqlx::query_as(PATTERNS).fetch_all(db).await)?;
        rows.into_iter().map(|row| endpoint_from(row, &patterns)).collect()
    }

    /// Adds an address.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn insert_webhook_endpoint(&mut self, endpoint: &Endpoint) -> Result<()> {
        on!(self, |db| sqlx::query(INSERT)
            .bind(endpoint.id.0)
            .bind(&endpoint.url)
            .bind(&endpoint.description)
            .bind(endpoint.test)
            .bind(&endpoint.secret_nonce[..])
            .bind(endpoint.created_at.timestamp_millis())
            .execute(db)
            .await
            .map(drop))?;
        for pattern in &endpoint.events {
            on!(self, |db| sqlx::query(SUBSCRIBE)
                .bind(endpoint.id.0)
                .bind(pattern)
                .execute(db)
                .await
                .map(drop))?;
        }
        Ok(())
    }

    /// Takes an address away, with all that waits for it; `false` when there is none.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn delete_webhook_endpoint(&mut self, id: EndpointId, test: bool) -> Result<bool> {
        let deleted = on!(self, |db| sqlx::query(DELETE)
            .bind(id.0)
            .bind(test)
            .execute(db)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(deleted == 1)
    }

    /// Gives an address a new secret; the one before signs too until then.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn rotate_webhook_secret(
        &mut self,
        id: EndpointId,
        nonce: [u8; 16],
        previous_until: DateTime<Utc>,
    ) -> Result<()> {
        on!(self, |db| sqlx::query(ROTATE)
            .bind(id.0)
            .bind(&nonce[..])
            .bind(previous_until.timestamp_millis())
            .execute(db)
            .await
            .map(drop))?;
        Ok(())
    }

    /// A call has come through.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn webhook_endpoint_is_well(&mut self, id: EndpointId) -> Result<()> {
        on!(self, |db| sqlx::query(WELL).bind(id.0).execute(db).await.map(drop))?;
        Ok(())
    }

    /// A call has not come through: how many in a row by now, and since when; `None` when the address
    /// was taken away.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn webhook_endpoint_failed(
        &mut self,
        id: EndpointId,
        now: DateTime<Utc>,
    ) -> Result<Option<(u32, DateTime<Utc>)>> {
        let row: Option<(i64, i64)> = on!(self, |db| sqlx::query_as(FAILED)
            .bind(id.0)
            .bind(now.timestamp_millis())
            .fetch_optional(db)
            .await)?;
        let Some((failures, since)) = row else { return Ok(None) };
        Ok(Some((
            super::small(failures, "webhook_endpoints", id)?,
            moment(since, "webhook_endpoints", &id.to_string())?,
        )))
    }

    /// Leaves an address in peace until then.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn rest_webhook_endpoint(&mut self, id: EndpointId, until: DateTime<Utc>) -> Result<()> {
        let until = until.timestamp_millis();
        on!(self, |db| sqlx::query(REST).bind(id.0).bind(until).execute(db).await.map(drop))?;
        Ok(())
    }

    /// Switches an address off; `false` when it was off before.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn switch_webhook_off(
        &mut self,
        id: EndpointId,
        reason: &str,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        let changed = on!(self, |db| sqlx::query(SWITCH_OFF)
            .bind(id.0)
            .bind(now.timestamp_millis())
            .bind(reason)
            .execute(db)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(changed == 1)
    }

    /// Switches an address on again.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn switch_webhook_on(&mut self, id: EndpointId) -> Result<()> {
        on!(self, |db| sqlx::query(SWITCH_ON).bind(id.0).execute(db).await.map(drop))?;
        Ok(())
    }
}

fn endpoint_from(row: EndpointRow, patterns: &[(Uuid, String)]) -> Result<Endpoint> {
    let id = row.id.to_string();
    let at = |millis| moment(millis, "webhook_endpoints", &id);
    let nonce = |bytes: Vec<u8>| {
        <[u8; 16]>::try_from(bytes)
            .map_err(|_| inconsistent("webhook_endpoints", &id, "a nonce that is none"))
    };
    let events = patterns.iter().filter(|(endpoint, _)| *endpoint == row.id);
    Ok(Endpoint {
        id: EndpointId(row.id),
        url: row.url,
        description: row.description,
        events: events.map(|(_, pattern)| pattern.clone()).collect(),
        test: row.test,
        secret_nonce: nonce(row.secret_nonce)?,
        previous: match (row.previous_nonce, row.previous_until) {
            (Some(bytes), Some(until)) => Some((nonce(bytes)?, at(until)?)),
            _ => None,
        },
        failing_since: row.failing_since.map(at).transpose()?,
        rest_until: row.rest_until.map(at).transpose()?,
        off: match (row.off_at, row.off_reason) {
            (Some(off_at), Some(reason)) => Some((at(off_at)?, reason)),
            _ => None,
        },
        created_at: at(row.created_at)?,
    })
}
