//! API keys, and the requests that were made under an idempotency key.

use super::rows::{self, both, rows, value};
use super::{Result, Sql, Tx, inconsistent, moment, on};
use crate::domain::id::KeyId;
use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

/// What a key may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyMode {
    /// The real provider.
    Live,
    /// The sandbox only.
    Test,
}

impl KeyMode {
    /// The word in columns and in the key itself.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}

/// Who may call the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Ours.
    pub id: KeyId,
    /// For people.
    pub name: String,
    /// Its first characters, for lists.
    pub prefix: String,
    /// What it may reach.
    pub mode: KeyMode,
    /// `events:write`, `messages:read` ...
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was taken back.
    pub revoked_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

impl ApiKey {
    /// Whether it opens anything now.
    #[must_use]
    pub fn is_valid(&self, now: DateTime<Utc>) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|at| at > now)
    }
}

/// A request that was made under an idempotency key, and what came of it.
#[derive(Clone, Copy, Debug)]
pub struct RememberedRequest<'a> {
    /// Whose key it is.
    pub api_key: KeyId,
    /// Chosen by the caller.
    pub key: &'a str,
    /// Of the route and the body.
    pub hash: &'a [u8],
    /// The event or message.
    pub resource: Uuid,
}

#[derive(sqlx::FromRow)]
struct KeyRow {
    id: Uuid,
    name: String,
    prefix: String,
    mode: String,
    scopes: String,
    created_at: i64,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
    last_used_at: Option<i64>,
}

impl TryFrom<KeyRow> for ApiKey {
    type Error = super::StoreError;

    fn try_from(row: KeyRow) -> Result<Self> {
        let id = row.id.to_string();
        let at = |millis| moment(millis, "api_keys", &id);
        Ok(Self {
            id: KeyId(row.id),
            name: row.name,
            prefix: row.prefix,
            mode: match row.mode.as_str() {
                "live" => KeyMode::Live,
                "test" => KeyMode::Test,
                other => return Err(inconsistent("api_keys", &id, format!("mode `{other}`"))),
            },
            scopes: row.scopes.split_whitespace().map(str::to_owned).collect(),
            created_at: at(row.created_at)?,
            expires_at: row.expires_at.map(at).transpose()?,
            revoked_at: row.revoked_at.map(at).transpose()?,
            last_used_at: row.last_used_at.map(at).transpose()?,
        })
    }
}

macro_rules! columns {
    () => {
        "id, name, prefix, mode, scopes, created_at, expires_at, revoked_at, last_used_at"
    };
}

const ALL: &str = concat!("SELECT ", columns!(), " FROM api_keys ORDER BY created_at, id");

const BY_HASH: &str = concat!("SELECT ", columns!(), " FROM api_keys WHERE hash = $1");

const INSERT: &str = "INSERT INTO api_keys (id, name, prefix, hash, mode, scopes, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";

const REVOKE: &str = "UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";

// Two hosts may tell of the same key: the later use stays.
const USED: &str = "UPDATE api_keys SET last_used_at = $2
    WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)";

macro_rules! remember {
    ($db:ident) => {
        concat!(
            "INSERT INTO idempotency_keys (api_key_id, key, request_hash, resource_id, created_at) SELECT ",
            value!($db, id, 0),
            ", ",
            value!($db, text, 1),
            ", ",
            value!($db, bytes, 2),
            ", ",
            value!($db, id, 3),
            ", ",
            value!($db, number, 4),
            " FROM ",
            rows!($db),
            " WHERE true ON CONFLICT (api_key_id, key) DO NOTHING"
        )
    };
}
const REMEMBER: Sql = both!(remember);

macro_rules! remembered {
    ($db:ident) => {
        concat!(
            "SELECT ",
            value!($db, number, 0),
            ", idempotency_keys.request_hash, idempotency_keys.resource_id FROM ",
            rows!($db),
            " CROSS JOIN idempotency_keys WHERE idempotency_keys.api_key_id = ",
            value!($db, id, 1),
            " AND idempotency_keys.key = ",
            value!($db, text, 2)
        )
    };
}
const REMEMBERED: Sql = both!(remembered);

impl Tx {
    /// The key with this SHA-256.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn api_key_by_hash(&mut self, hash: &[u8]) -> Result<Option<ApiKey>> {
        let row: Option<KeyRow> =
            on!(self, |db| sqlx::query_as(BY_HASH).bind(hash).fetch_optional(db).await)?;
        row.map(TryInto::try_into).transpose()
    }

    /// All keys, the oldest first.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn api_keys(&mut self) -> Result<Vec<ApiKey>> {
        let rows: Vec<KeyRow> = on!(self, |db| sqlx::query_as(ALL).fetch_all(db).await)?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// Keeps a new key by its hash; `false` when that key is there already.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn insert_api_key(&mut self, key: &ApiKey, hash: &[u8]) -> Result<bool> {
        let added = on!(self, |db| sqlx::query(INSERT)
            .bind(key.id.0)
            .bind(&key.name)
            .bind(&key.prefix)
            .bind(hash)
            .bind(key.mode.name())
            .bind(key.scopes.join(" "))
            .bind(key.created_at.timestamp_millis())
            .bind(key.expires_at.map(|at| at.timestamp_millis()))
            .execute(db)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(added == 1)
    }

    /// Takes a key back; `false` when there is none or it was taken back before.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn revoke_api_key(&mut self, id: KeyId, now: DateTime<Utc>) -> Result<bool> {
        let revoked = on!(self, |db| sqlx::query(REVOKE)
            .bind(id.0)
            .bind(now.timestamp_millis())
            .execute(db)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(revoked == 1)
    }

    /// Writes down when a key was used.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn key_used(&mut self, id: KeyId, at: DateTime<Utc>) -> Result<()> {
        on!(self, |db| sqlx::query(USED).bind(id.0).bind(at.timestamp_millis()).execute(db).await.map(drop))?;
        Ok(())
    }

    /// Remembers what came of a request; `false` when its key was used before.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn remember_request(
        &mut self,
        api_key: KeyId,
        key: &str,
        request_hash: &[u8],
        resource: Uuid,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        let request = RememberedRequest { api_key, key, hash: request_hash, resource };
        Ok(self.remember_requests(&[request], now).await? == 1)
    }

    /// Keeps which requests were made under their keys, and answers how many of the keys were free.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn remember_requests(
        &mut self,
        requests: &[RememberedRequest<'_>],
        now: DateTime<Utc>,
    ) -> Result<u64> {
        if requests.is_empty() {
            return Ok(0);
        }
        let at = now.timestamp_millis();
        let row = |request: &RememberedRequest<'_>| {
            let hash = rows::bytes(request.hash);
            json!([rows::id(request.api_key.0), request.key, hash, rows::id(request.resource), at])
        };
        let rows: Vec<_> = requests.iter().map(row).collect();
        let (sql, rows) = (REMEMBER.on(self), rows::parameter("idempotency_keys", &rows)?);
        Ok(on!(self, |db| sqlx::query(sql).bind(rows).execute(db).await.map(|done| done.rows_affected()))?)
    }

    /// What came of the request that was made under this key: the hash of its body, and the event
    /// or message.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn remembered_request(&mut self, api_key: KeyId, key: &str) -> Result<Option<(Vec<u8>, Uuid)>> {
        Ok(self.remembered_requests(&[(api_key, key)]).await?.pop().flatten())
    }

    /// The same of many requests, in their order.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn remembered_requests(
        &mut self,
        keys: &[(KeyId, &str)],
    ) -> Result<Vec<Option<(Vec<u8>, Uuid)>>> {
        let row = |(place, (api_key, key)): (usize, &(KeyId, &str))| json!([place, rows::id(api_key.0), key]);
        let rows: Vec<_> = keys.iter().enumerate().map(row).collect();
        let (sql, rows) = (REMEMBERED.on(self), rows::parameter("idempotency_keys", &rows)?);
        let found: Vec<(i64, Vec<u8>, Uuid)> =
            on!(self, |db| sqlx::query_as(sql).bind(rows).fetch_all(db).await)?;
        let found = found.into_iter().map(|(place, hash, resource)| (place, (hash, resource)));
        Ok(rows::in_places(keys.len(), found))
    }
}
