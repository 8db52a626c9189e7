//! People, with names and numbers sealed under their own keys.

use super::rows::{self, both, rows, value};
use super::seal::SealKey;
use super::{Result, Sql, StoreError, Tx, inconsistent, moment, on};
use crate::domain::phone::PhoneNumber;
use crate::domain::recipient::{Recipient, Role};
use serde_json::json;
use std::collections::HashMap;

#[derive(sqlx::FromRow)]
struct RecipientRow {
    id: String,
    role: String,
    name_sealed: Option<Vec<u8>>,
    phone_sealed: Option<Vec<u8>>,
    language: Option<String>,
    time_zone: Option<String>,
    preferences: String,
    key_id: String,
    wrapped_key: Option<Vec<u8>>,
    version: i64,
    texts: i64,
    created_at: i64,
    updated_at: i64,
}

macro_rules! columns {
    () => {
        "id, role, name_sealed, phone_sealed, language, time_zone, preferences, key_id, wrapped_key, version,
         texts, created_at, updated_at"
    };
}

const BY_ID: &str = concat!("SELECT ", columns!(), " FROM recipients WHERE id = $1");

macro_rules! by_ids {
    (sqlite) => {
        concat!("SELECT ", columns!(), " FROM recipients WHERE id IN (SELECT value FROM json_each($1))")
    };
    (postgres) => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM recipients WHERE id IN (SELECT value FROM json_array_elements_text(CAST($1 AS JSON)) AS rows(value))"
        )
    };
}
const BY_IDS: Sql = both!(by_ids);

macro_rules! versions {
    (sqlite) => {
        "SELECT id, version, key_id, wrapped_key FROM recipients WHERE id IN (SELECT value FROM json_each($1))"
    };
    (postgres) => {
        "SELECT id, version, key_id, wrapped_key FROM recipients
            WHERE id IN (SELECT value FROM json_array_elements_text(CAST($1 AS JSON)) AS rows(value))"
    };
}
const VERSIONS: Sql = both!(versions);

const BY_PHONE: &str =
    concat!("SELECT ", columns!(), " FROM recipients WHERE phone_hash = $1 ORDER BY updated_at DESC, id");

const KEY: &str = "SELECT key_id, wrapped_key FROM recipients WHERE id = $1";

macro_rules! insert {
    ($db:ident) => {
        concat!(
            "INSERT INTO recipients (id, role, name_sealed, phone_sealed, phone_hash, phone_country, language,
                time_zone, preferences, key_id, wrapped_key, version, created_at, updated_at) SELECT ",
            value!($db, text, 0), ", ", value!($db, text, 1), ", ", value!($db, bytes, 2), ", ",
            value!($db, bytes, 3), ", ", value!($db, bytes, 4), ", ", value!($db, text, 5), ", ",
            value!($db, text, 6), ", ", value!($db, text, 7), ", ", value!($db, text, 8), ", ",
            value!($db, text, 9), ", ", value!($db, bytes, 10), ", ", value!($db, number, 11), ", ",
            value!($db, number, 12), ", ", value!($db, number, 13), " FROM ", rows!($db),
            " WHERE NOT EXISTS (SELECT 1 FROM erased_names WHERE name = ", value!($db, text, 14),
            ") ON CONFLICT (id) DO NOTHING"
        )
    };
}
const INSERT: Sql = both!(insert);

const UPDATE: &str = "UPDATE recipients SET role = $2, name_sealed = $3, phone_sealed = $4, phone_hash = $5,
        phone_country = $6, language = $7, time_zone = $8, preferences = $9, version = version + 1, updated_at = $10
    WHERE id = $1 AND version = $11";

const ERASE: &str = "UPDATE recipients SET name_sealed = NULL, phone_sealed = NULL, phone_hash = NULL,
        wrapped_key = NULL, preferences = '{}', version = version + 1, updated_at = $2
    WHERE id = $1 AND wrapped_key IS NOT NULL";

const WRAPPED_OTHERWISE: &str = "SELECT id, key_id, wrapped_key FROM recipients
    WHERE key_id <> $1 AND wrapped_key IS NOT NULL AND id > $2 ORDER BY id LIMIT $3";

const COUNT_WRAPPED_OTHERWISE: &str =
    "SELECT COUNT(*) FROM recipients WHERE key_id <> $1 AND wrapped_key IS NOT NULL";

// A person who was erased meanwhile stays erased.
const REWRAP: &str = "UPDATE recipients SET key_id = $2, wrapped_key = $3
    WHERE id = $1 AND key_id = $4 AND wrapped_key IS NOT NULL";

impl Tx {
    /// The person with the clinic's id.
    ///
    /// # Errors
    ///
    /// Fails when the database does, or a sealed value does not open.
    pub async fn recipient(&mut self, id: &str) -> Result<Option<Recipient>> {
        let row: Option<RecipientRow> =
            on!(self, |db| sqlx::query_as(BY_ID).bind(id).fetch_optional(db).await)?;
        row.map(|row| self.recipient_from(row)).transpose()
    }

    /// People by the clinic's ids, in no particular order.
    ///
    /// # Errors
    ///
    /// Fails when the database does, or a sealed value does not open.
    pub async fn recipients(&mut self, ids: &[&str]) -> Result<Vec<Recipient>> {
        let ids: Vec<_> = ids.iter().map(|id| json!(id)).collect();
        let (sql, ids) = (BY_IDS.on(self), rows::parameter("recipients", &ids)?);
        let rows: Vec<RecipientRow> = on!(self, |db| sqlx::query_as(sql).bind(ids).fetch_all(db).await)?;
        rows.into_iter().map(|row| self.recipient_from(row)).collect()
    }

    /// The versions of many people as they are now; one who was never here has none.
    ///
    /// # Errors
    ///
    /// Fails when the database does, or a key cannot be opened.
    pub async fn recipient_versions(&mut self, ids: &[&str]) -> Result<HashMap<String, i64>> {
        type Row = (String, i64, String, Option<Vec<u8>>);
        let ids: Vec<_> = ids.iter().map(|id| json!(id)).collect();
        let (sql, ids) = (VERSIONS.on(self), rows::parameter("recipients", &ids)?);
        let rows: Vec<Row> = on!(self, |db| sqlx::query_as(sql).bind(ids).fetch_all(db).await)?;
        let mut versions = HashMap::with_capacity(rows.len());
        for (id, version, key_id, wrapped) in rows {
            let key = wrapped.map(|wrapped| self.keys.unwrap(&key_id, &id, &wrapped)).transpose()?;
            self.met.insert(id.clone(), key);
            versions.insert(id, version);
        }
        Ok(versions)
    }

    /// The people behind a phone, the one changed last first.
    ///
    /// # Errors
    ///
    /// Fails when the database does, or a sealed value does not open.
    pub async fn recipients_by_phone(&mut self, phone: &PhoneNumber) -> Result<Vec<Recipient>> {
        let hash = self.phone_hash(phone);
        let rows: Vec<RecipientRow> =
            on!(self, |db| sqlx::query_as(BY_PHONE).bind(&hash).fetch_all(db).await)?;
        rows.into_iter().map(|row| self.recipient_from(row)).collect()
    }

    /// Adds a person, with a new key of their own; `false` when the id is taken, or is of somebody who was erased.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn insert_recipient(&mut self, recipient: &Recipient) -> Result<bool> {
        Ok(self.insert_recipients(&[recipient]).await? == 1)
    }

    /// Adds many, each with a new key of their own, and answers how many of the ids were free. When not
    /// all were, the unit of work must not go on with those keys.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn insert_recipients(&mut self, recipients: &[&Recipient]) -> Result<u64> {
        if recipients.is_empty() {
            return Ok(0);
        }
        let (mut rows, mut keys) = (Vec::with_capacity(recipients.len()), Vec::new());
        for recipient in recipients {
            let (key, wrapped) = self.keys.new_recipient_key(&recipient.id)?;
            let sealed = self.seal_person(&key, recipient)?;
            let bytes = |sealed: Option<Vec<u8>>| sealed.as_deref().map(rows::bytes);
            rows.push(json!([
                recipient.id,
                recipient.role.name(),
                bytes(sealed.name),
                bytes(sealed.phone),
                bytes(sealed.phone_hash),
                recipient.phone.as_ref().and_then(PhoneNumber::country),
                recipient.language,
                recipient.time_zone.map(chrono_tz::Tz::name),
                sealed.preferences,
                wrapped.key_id,
                rows::bytes(&wrapped.bytes),
                recipient.version,
                recipient.created_at.timestamp_millis(),
                recipient.updated_at.timestamp_millis(),
                self.keys.erased_name(&recipient.id)
            ]));
            keys.push((recipient.id.clone(), Some(key)));
        }
        let (sql, rows) = (INSERT.on(self), rows::parameter("recipients", &rows)?);
        let added =
            on!(self, |db| sqlx::query(sql).bind(rows).execute(db).await.map(|done| done.rows_affected()))?;
        if u64::try_from(recipients.len()) == Ok(added) {
            self.met.extend(keys);
        }
        Ok(added)
    }

    /// Writes a person's new state over the version that `recipient` carries; `false` when somebody
    /// else was faster.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn update_recipient(&mut self, recipient: &Recipient) -> Result<bool> {
        let key = self.recipient_key(&recipient.id).await?.ok_or(StoreError::Unsealable)?;
        let sealed = self.seal_person(&key, recipient)?;
        let changed = on!(self, |db| sqlx::query(UPDATE)
            .bind(&recipient.id)
            .bind(recipient.role.name())
            .bind(sealed.name)
            .bind(sealed.phone)
            .bind(sealed.phone_hash)
            .bind(recipient.phone.as_ref().and_then(PhoneNumber::country))
            .bind(&recipient.language)
            .bind(recipient.time_zone.map(chrono_tz::Tz::name))
            .bind(sealed.preferences)
            .bind(recipient.updated_at.timestamp_millis())
            .bind(recipient.version)
            .execute(db)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(changed == 1)
    }

    /// Whether a person was erased, here or while another backup stood here.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn is_erased(&mut self, id: &str) -> Result<bool> {
        if let Some(met) = self.met.get(id) {
            return Ok(met.is_none());
        }
        let row: Option<(String, Option<Vec<u8>>)> =
            on!(self, |db| sqlx::query_as(KEY).bind(id).fetch_optional(db).await)?;
        match row {
            Some((_, wrapped)) => Ok(wrapped.is_none()),
            None => self.is_erased_name(id).await,
        }
    }

    /// Destroys a person's key, and with it what was sealed for them; counts stay. `false` when
    /// there is nobody, or nothing left to erase.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn erase_recipient(&mut self, id: &str, now: chrono::DateTime<chrono::Utc>) -> Result<bool> {
        self.met.remove(id);
        self.part_from_phone(id).await?;
        self.forget_stranger(id).await?;
        let changed = on!(self, |db| sqlx::query(ERASE)
            .bind(id)
            .bind(now.timestamp_millis())
            .execute(db)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(changed == 1)
    }

    /// Wraps keys anew that another master key than the current one wraps, a few people's at a time and
    /// in the order of their ids; says the last of them, `None` when nobody is left after `after`, and
    /// how many there were.
    ///
    /// # Errors
    ///
    /// Fails when the database does, or a master key is missing.
    pub async fn rewrap_recipient_keys(&mut self, after: &str, limit: u32) -> Result<(Option<String>, u64)> {
        let current = self.keys.id();
        let mut rows: Vec<(String, String, Vec<u8>)> = on!(self, |db| sqlx::query_as(WRAPPED_OTHERWISE)
            .bind(&current)
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(db)
            .await)?;
        let (count, last) = (rows.len() as u64, rows.last().map(|(id, ..)| id.clone()));
        // Everybody writes people in this order, whatever the database sorts by.
        rows.sort_unstable();
        for (id, key_id, wrapped) in &rows {
            let key = self.keys.unwrap(key_id, id, wrapped)?;
            let anew = self.keys.wrap(&key, id)?;
            on!(self, |db| sqlx::query(REWRAP)
                .bind(id)
                .bind(anew.key_id)
                .bind(anew.bytes)
                .bind(key_id)
                .execute(db)
                .await
                .map(drop))?;
        }
        Ok((last, count))
    }

    /// How many people's keys another master key than the current one wraps.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn wrapped_otherwise(&mut self) -> Result<i64> {
        let current = self.keys.id();
        let (count,): (i64,) =
            on!(self, |db| sqlx::query_as(COUNT_WRAPPED_OTHERWISE).bind(&current).fetch_one(db).await)?;
        Ok(count)
    }

    /// A person's key; `None` when there is nobody, or they were erased.
    pub(super) async fn recipient_key(&mut self, id: &str) -> Result<Option<SealKey>> {
        if let Some(met) = self.met.get(id) {
            return Ok(met.clone());
        }
        let row: Option<(String, Option<Vec<u8>>)> =
            on!(self, |db| sqlx::query_as(KEY).bind(id).fetch_optional(db).await)?;
        let Some((key_id, wrapped)) = row else { return Ok(None) };
        let key = wrapped.map(|wrapped| self.keys.unwrap(&key_id, id, &wrapped)).transpose()?;
        self.met.insert(id.to_owned(), key.clone());
        Ok(key)
    }

    fn seal_person(&self, key: &SealKey, recipient: &Recipient) -> Result<SealedPerson> {
        let row = recipient.id.as_bytes();
        let seal = |column, value: &str| self.keys.seal(key, column, row, value.as_bytes());
        Ok(SealedPerson {
            name: recipient.name.as_deref().map(|name| seal("recipients.name", name)).transpose()?,
            phone: recipient
                .phone
                .as_ref()
                .map(|phone| seal("recipients.phone", phone.e164()))
                .transpose()?,
            phone_hash: recipient.phone.as_ref().map(|phone| self.phone_hash(phone)),
            preferences: serde_json::to_string(&recipient.preferences)
                .map_err(|error| inconsistent("recipients", &recipient.id, error.to_string()))?,
        })
    }

    fn recipient_from(&mut self, row: RecipientRow) -> Result<Recipient> {
        let wrong = |problem: &str| inconsistent("recipients", &row.id, problem);
        let key = row
            .wrapped_key
            .as_deref()
            .map(|wrapped| self.keys.unwrap(&row.key_id, &row.id, wrapped))
            .transpose()?;
        self.met.insert(row.id.clone(), key.clone());
        let open = |column: &str, sealed: &Option<Vec<u8>>| match (&key, sealed) {
            (Some(key), Some(sealed)) => {
                let bytes = self.keys.open_sealed(key, column, row.id.as_bytes(), sealed)?;
                String::from_utf8(bytes).map(Some).map_err(|_| StoreError::Unsealable)
            }
            _ => Ok(None),
        };
        let phone = open("recipients.phone", &row.phone_sealed)?.map(PhoneNumber::kept);
        let time_zone = row
            .time_zone
            .as_deref()
            .map(|zone| zone.parse().map_err(|_| wrong("a time zone that is none")))
            .transpose()?;
        Ok(Recipient {
            role: match row.role.as_str() {
                "patient" => Role::Patient,
                "doctor" => Role::Doctor,
                _ => return Err(wrong("a role that is none")),
            },
            name: open("recipients.name", &row.name_sealed)?,
            phone,
            language: row.language.clone(),
            time_zone,
            preferences: serde_json::from_str(&row.preferences)
                .map_err(|_| wrong("preferences that are none"))?,
            version: row.version,
            texts: row.texts,
            created_at: moment(row.created_at, "recipients", &row.id)?,
            updated_at: moment(row.updated_at, "recipients", &row.id)?,
            id: row.id,
        })
    }
}

struct SealedPerson {
    name: Option<Vec<u8>>,
    phone: Option<Vec<u8>>,
    phone_hash: Option<Vec<u8>>,
    preferences: String,
}
