//! Challenges: one-time codes that are waited for. Every change is one guarded statement, so that of two
//! at once exactly one succeeds.

use super::{Result, StoreError, Tx, inconsistent, moment, on, small};
use crate::domain::id::ChallengeId;
use crate::domain::otp::{Challenge, End, Maker, Purpose, SKEW};
use crate::domain::phone::PhoneNumber;
use crate::domain::recipient::{Recipient, Role, is_unnamed};
use chrono::{DateTime, Utc};
use uuid::Uuid;

#[derive(sqlx::FromRow)]
struct ChallengeRow {
    id: Uuid,
    maker: String,
    key_id: String,
    nonce: Vec<u8>,
    digits: i64,
    purpose: String,
    phone_hash: Vec<u8>,
    country: Option<String>,
    from_hash: Option<Vec<u8>>,
    recipient_id: String,
    named: Option<String>,
    language: Option<String>,
    test: bool,
    ended: Option<String>,
    verification: Option<String>,
    checks: i64,
    max_checks: i64,
    sends: i64,
    next_send_at: i64,
    created_at: i64,
    expires_at: i64,
}

macro_rules! columns {
    () => {
        "id, maker, key_id, nonce, digits, purpose, phone_hash, country, from_hash, recipient_id, named, language, test,
         ended, verification, checks, max_checks, sends, next_send_at, created_at, expires_at"
    };
}

const INSERT: &str = concat!(
    "INSERT INTO challenges (",
    columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
    ON CONFLICT DO NOTHING"
);

// Twilio Verify has one code for a number at a time, whatever it is for.
const SUPERSEDE: &str = "UPDATE challenges SET ended = 'superseded', ended_at = $4
    WHERE phone_hash = $1 AND (purpose = $2 OR maker = 'verify') AND test = $3 AND ended IS NULL";

const BY_ID: &str = concat!("SELECT ", columns!(), " FROM challenges WHERE id = $1 AND test = $2");

const OPEN_FOR: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM challenges WHERE phone_hash = $1 AND purpose = $2 AND test = $3 AND ended IS NULL"
);

// The whole rule of what may be tried stands in the statement: no look before could be overtaken.
const COUNT_CHECK: &str = concat!(
    "UPDATE challenges SET checks = checks + 1
    WHERE id = $1 AND test = $2 AND ended IS NULL AND checks < max_checks AND expires_at > $3 AND created_at <= $4
    RETURNING ",
    columns!()
);

// Of two right codes at once Twilio Verify approves one and says of the other that there is nothing to check any
// more; whichever answer is here first, the approved one wins.
const APPROVE: &str = "UPDATE challenges SET ended = 'approved', ended_at = $2
    WHERE id = $1 AND (ended IS NULL OR ended = 'gone')";

const COUNT_SEND: &str = "UPDATE challenges SET sends = sends + 1, next_send_at = $3
    WHERE id = $1 AND sends = $2 AND ended IS NULL";

const OPEN_UNDER: &str =
    "SELECT COUNT(*) FROM challenges WHERE key_id = $1 AND ended IS NULL AND expires_at > $2";

const FORGET: &str = "DELETE FROM challenges WHERE created_at < $1";

// Nobody is looked up before: a phone that is known and one that is not cost the same two statements.
const KNOW_PHONE: &str =
    "INSERT INTO recipients (id, role, phone_sealed, phone_hash, phone_country, preferences, key_id,
        wrapped_key, version, created_at, updated_at)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $9
        WHERE NOT EXISTS (SELECT 1 FROM recipients WHERE phone_hash = $4)
    ON CONFLICT (id) DO NOTHING";

const WHO_HAS: &str = "SELECT id FROM recipients WHERE phone_hash = $1
    ORDER BY CASE WHEN id = $2 THEN 0 ELSE 1 END, updated_at DESC, id LIMIT 1";

const KNOWN_AS: &str = "SELECT id FROM recipients WHERE phone_hash = $1";

impl TryFrom<ChallengeRow> for Challenge {
    type Error = StoreError;

    fn try_from(row: ChallengeRow) -> Result<Self> {
        let id = row.id.to_string();
        let wrong = |problem: &str| inconsistent("challenges", &id, problem);
        let at = |millis| moment(millis, "challenges", &id);
        Ok(Self {
            id: ChallengeId(row.id),
            maker: match row.maker.as_str() {
                "host" => Maker::Host,
                "settings" => Maker::Settings,
                "verify" => Maker::Verify,
                _ => return Err(wrong("a maker that is none")),
            },
            key_id: row.key_id,
            nonce: row.nonce.try_into().map_err(|_| wrong("a nonce that is none"))?,
            digits: u8::try_from(row.digits).map_err(|_| wrong("digits out of range"))?,
            purpose: Purpose::parse(&row.purpose).map_err(|_| wrong("a purpose that is none"))?,
            phone_hash: row.phone_hash,
            country: row.country,
            from_hash: row.from_hash,
            recipient: row.recipient_id,
            named: row.named,
            language: row.language,
            test: row.test,
            end: match row.ended.as_deref() {
                None => None,
                Some("approved") => Some(End::Approved),
                Some("superseded") => Some(End::Superseded),
                Some("gone") => Some(End::Gone),
                Some(_) => return Err(wrong("an end that is none")),
            },
            verification: row.verification,
            checks: small(row.checks, "challenges", &id)?,
            max_checks: small(row.max_checks, "challenges", &id)?,
            sends: small(row.sends, "challenges", &id)?,
            next_send_at: at(row.next_send_at)?,
            created_at: at(row.created_at)?,
            expires_at: at(row.expires_at)?,
        })
    }
}

impl Tx {
    /// Opens a challenge; `false` when another one for the same phone and purpose is open.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn insert_challenge(&mut self, challenge: &Challenge) -> Result<bool> {
        let maker = match challenge.maker {
            Maker::Host => "host",
            Maker::Settings => "settings",
            Maker::Verify => "verify",
        };
        let added = on!(self, |db| sqlx::query(INSERT)
            .bind(challenge.id.0)
            .bind(maker)
            .bind(&challenge.key_id)
            .bind(challenge.nonce.as_slice())
            .bind(i64::from(challenge.digits))
            .bind(challenge.purpose.as_str())
            .bind(&challenge.phone_hash)
            .bind(&challenge.country)
            .bind(&challenge.from_hash)
            .bind(&challenge.recipient)
            .bind(&challenge.named)
            .bind(&challenge.language)
            .bind(challenge.test)
            .bind(None::<String>)
            .bind(&challenge.verification)
            .bind(i64::from(challenge.checks))
            .bind(i64::from(challenge.max_checks))
            .bind(i64::from(challenge.sends))
            .bind(challenge.next_send_at.timestamp_millis())
            .bind(challenge.created_at.timestamp_millis())
            .bind(challenge.expires_at.timestamp_millis())
            .execute(db)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(added == 1)
    }

    /// Ends the open challenge of a phone and purpose, if there is one, and whatever Twilio Verify waits for
    /// from this phone: a newer one takes its place.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn supersede_challenge(
        &mut self,
        phone_hash: &[u8],
        purpose: &Purpose,
        test: bool,
        now: DateTime<Utc>,
    ) -> Result<()> {
        on!(self, |db| sqlx::query(SUPERSEDE)
            .bind(phone_hash)
            .bind(purpose.as_str())
            .bind(test)
            .bind(now.timestamp_millis())
            .execute(db)
            .await
            .map(drop))?;
        Ok(())
    }

    /// A challenge by its id, as keys of this mode see it.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn challenge(&mut self, id: ChallengeId, test: bool) -> Result<Option<Challenge>> {
        let row: Option<ChallengeRow> =
            on!(self, |db| sqlx::query_as(BY_ID).bind(id.0).bind(test).fetch_optional(db).await)?;
        row.map(TryInto::try_into).transpose()
    }

    /// The challenge of a phone and purpose that nobody has ended; it may have expired.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn challenge_of_phone(
        &mut self,
        phone_hash: &[u8],
        purpose: &Purpose,
        test: bool,
    ) -> Result<Option<Challenge>> {
        let row: Option<ChallengeRow> = on!(self, |db| sqlx::query_as(OPEN_FOR)
            .bind(phone_hash)
            .bind(purpose.as_str())
            .bind(test)
            .fetch_optional(db)
            .await)?;
        row.map(TryInto::try_into).transpose()
    }

    /// Counts a try; `None` when none may be made. Committed before the code is compared.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn count_check(
        &mut self,
        id: ChallengeId,
        test: bool,
        now: DateTime<Utc>,
    ) -> Result<Option<Challenge>> {
        let row: Option<ChallengeRow> = on!(self, |db| sqlx::query_as(COUNT_CHECK)
            .bind(id.0)
            .bind(test)
            .bind(now.timestamp_millis())
            .bind((now + SKEW).timestamp_millis())
            .fetch_optional(db)
            .await)?;
        row.map(TryInto::try_into).transpose()
    }

    /// Uses a challenge up; `false` when it was ended before: of two right codes one wins.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn approve_challenge(&mut self, id: ChallengeId, now: DateTime<Utc>) -> Result<bool> {
        let ended = on!(self, |db| sqlx::query(APPROVE)
            .bind(id.0)
            .bind(now.timestamp_millis())
            .execute(db)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(ended == 1)
    }

    /// Counts one more sending of a challenge as it was read; `false` when another was faster.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn count_send(&mut self, read: &Challenge, next_send_at: DateTime<Utc>) -> Result<bool> {
        let changed = on!(self, |db| sqlx::query(COUNT_SEND)
            .bind(read.id.0)
            .bind(i64::from(read.sends))
            .bind(next_send_at.timestamp_millis())
            .execute(db)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(changed == 1)
    }

    /// Whether a key is still needed, also by a host whose clock is a little behind.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn is_code_key_used(&mut self, key_id: &str, now: DateTime<Utc>) -> Result<bool> {
        let open: i64 = on!(self, |db| sqlx::query_scalar(OPEN_UNDER)
            .bind(key_id)
            .bind((now - SKEW).timestamp_millis())
            .fetch_one(db)
            .await)?;
        Ok(open > 0)
    }

    /// Forgets challenges that were opened before a moment.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn forget_challenges(&mut self, before: DateTime<Utc>) -> Result<()> {
        let before = before.timestamp_millis();
        on!(self, |db| sqlx::query(FORGET).bind(before).execute(db).await.map(drop))?;
        Ok(())
    }

    /// The person behind a phone: `preferred` when it is theirs, else who was changed last; a phone that
    /// nobody has becomes a person of its own, called `id`.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn recipient_of_phone(
        &mut self,
        phone: &PhoneNumber,
        preferred: Option<&str>,
        id: &str,
        now: DateTime<Utc>,
    ) -> Result<String> {
        let person = Recipient::new(id.to_owned(), Role::Patient, now);
        let (key, wrapped) = self.keys.new_recipient_key(id)?;
        let sealed = self.keys.seal(&key, "recipients.phone", id.as_bytes(), phone.e164().as_bytes())?;
        let preferences = serde_json::to_string(&person.preferences)
            .map_err(|error| inconsistent("recipients", id, error.to_string()))?;
        let hash = self.phone_hash(phone);
        on!(self, |db| sqlx::query(KNOW_PHONE)
            .bind(id)
            .bind(person.role.name())
            .bind(sealed)
            .bind(&hash)
            .bind(phone.country())
            .bind(preferences)
            .bind(wrapped.key_id)
            .bind(wrapped.bytes)
            .bind(now.timestamp_millis())
            .execute(db)
            .await
            .map(drop))?;
        Ok(on!(self, |db| sqlx::query_scalar(WHO_HAS)
            .bind(&hash)
            .bind(preferred.unwrap_or_default())
            .fetch_one(db)
            .await)?)
    }

    /// The clinic's own id of the person behind a phone; `None` for nobody, and for several.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn only_person_of_phone(&mut self, phone_hash: &[u8]) -> Result<Option<String>> {
        let mut known: Vec<String> =
            on!(self, |db| sqlx::query_scalar(KNOWN_AS).bind(phone_hash).fetch_all(db).await)?;
        known.retain(|id| !is_unnamed(id));
        Ok(if known.len() == 1 { known.pop() } else { None })
    }
}
