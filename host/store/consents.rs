//! The consent ledger: append-only. The newest line about the same thing is what holds.

use super::rows::{self, both, rows, value};
use super::seal::SealKey;
use super::{Result, Sql, StoreError, Tx, inconsistent, moment, on};
use crate::domain::consent::{Binds, Choice, ConsentSource, Consents, Scope, Standing};
use crate::domain::id::ConsentId;
use crate::domain::kind::TypeName;
use crate::domain::phone::PhoneNumber;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// A line to add.
#[derive(Clone, Copy, Debug)]
pub struct NewConsent<'a> {
    /// Ours.
    pub id: ConsentId,
    /// Whom it is about.
    pub binds: Binds,
    /// The phone: needed when it is about one.
    pub phone: Option<&'a PhoneNumber>,
    /// The person, where one is known: needed when it is about one.
    pub recipient: Option<&'a str>,
    /// What it is about.
    pub scope: &'a Scope,
    /// Agreed, or taken back.
    pub choice: Choice,
    /// How we know.
    pub source: ConsentSource,
    /// The provider has read it too, and keeps a block of its own.
    pub held_by_provider: bool,
    /// What was said or agreed to, word for word.
    pub wording: Option<&'a str>,
    /// Where the proof is: a form, a call, a file.
    pub evidence: Option<&'a str>,
    /// Who wrote it down.
    pub by: Option<&'a str>,
    /// When it was said or agreed to.
    pub at: DateTime<Utc>,
}

/// A line of the ledger. What was sealed is `None` once the person was erased.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "as in NewConsent")]
pub struct ConsentLine {
    pub id: ConsentId,
    pub standing: Standing,
    pub recipient: Option<String>,
    pub phone: Option<PhoneNumber>,
    pub wording: Option<String>,
    pub evidence: Option<String>,
    pub by: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Details<'a> {
    phone: Option<std::borrow::Cow<'a, str>>,
    wording: Option<std::borrow::Cow<'a, str>>,
    evidence: Option<std::borrow::Cow<'a, str>>,
    by: Option<std::borrow::Cow<'a, str>>,
}

#[derive(sqlx::FromRow)]
pub(super) struct StandingRow {
    binds: String,
    scope: String,
    scope_name: Option<String>,
    choice: String,
    source: String,
    held_by_provider: bool,
    at: i64,
}

#[derive(sqlx::FromRow)]
pub(super) struct CountedRow {
    pub(super) lines: i64,
    #[sqlx(flatten)]
    pub(super) standing: StandingRow,
}

#[derive(sqlx::FromRow)]
struct LineRow {
    id: Uuid,
    recipient_id: Option<String>,
    details_sealed: Option<Vec<u8>>,
    key_id: Option<String>,
    wrapped_key: Option<Vec<u8>>,
    #[sqlx(flatten)]
    standing: StandingRow,
}

const INSERT: &str = "INSERT INTO consents (id, phone_hash, recipient_id, choice, source, at, binds, scope,
        scope_name, details_sealed, held_by_provider)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

// Of two words in one millisecond, stop stands.
const STANDING: &str = "SELECT binds, scope, scope_name, choice, source, held_by_provider, at, lines FROM (
        SELECT binds, scope, scope_name, choice, source, held_by_provider, at, COUNT(*) OVER () AS lines, ROW_NUMBER() OVER (
            PARTITION BY binds, scope, scope_name ORDER BY at DESC, choice DESC, id DESC) AS place
        FROM consents
        WHERE (binds = 'phone' AND phone_hash = $1) OR (binds = 'recipient' AND recipient_id = $2)) AS newest
    WHERE place = 1 ORDER BY binds, scope, scope_name";

macro_rules! counts {
    ($db:ident) => {
        concat!(
            "SELECT ",
            value!($db, number, 0),
            ", (SELECT COUNT(*) FROM consents WHERE (binds = 'phone' AND phone_hash = ",
            value!($db, bytes, 2),
            ") OR (binds = 'recipient' AND recipient_id = ",
            value!($db, text, 1),
            ")) FROM ",
            rows!($db)
        )
    };
}
const COUNTS: Sql = both!(counts);

const LINES: &str = "SELECT c.id, c.binds, c.scope, c.scope_name, c.choice, c.source, c.held_by_provider, c.at, c.recipient_id,
        c.details_sealed, r.key_id, r.wrapped_key
    FROM consents c LEFT JOIN recipients r ON r.id = c.recipient_id
    WHERE (c.recipient_id = $1 OR (c.binds = 'phone' AND c.phone_hash = $2))
        AND (c.at < $3 OR (c.at = $3 AND c.id < $4))
    ORDER BY c.at DESC, c.id DESC LIMIT $5";

const LINE: &str = "SELECT c.id, c.binds, c.scope, c.scope_name, c.choice, c.source, c.held_by_provider, c.at, c.recipient_id,
        c.details_sealed, r.key_id, r.wrapped_key
    FROM consents c LEFT JOIN recipients r ON r.id = c.recipient_id WHERE c.id = $1";

// What a person themselves said last about each thing, whatever others wrote down since.
const OWN_WORDS: &str = "SELECT binds, scope, scope_name, choice, source, held_by_provider, at FROM (
        SELECT binds, scope, scope_name, choice, source, held_by_provider, at, ROW_NUMBER() OVER (
            PARTITION BY scope, scope_name ORDER BY at DESC, choice DESC, id DESC) AS place
        FROM consents WHERE binds = 'recipient' AND recipient_id = $1 AND source IN ('form', 'reply')) AS newest
    WHERE place = 1 ORDER BY scope, scope_name";

// What was taken back, and not agreed to again by a newer line about the same thing.
const OPT_OUTS: &str = "SELECT c.id, c.binds, c.scope, c.scope_name, c.choice, c.source, c.held_by_provider, c.at, c.recipient_id,
        c.details_sealed, r.key_id, r.wrapped_key
    FROM consents c LEFT JOIN recipients r ON r.id = c.recipient_id
    WHERE c.choice = 'opt_out' AND (c.at < $1 OR (c.at = $1 AND c.id < $2)) AND NOT EXISTS (
        SELECT 1 FROM consents n WHERE n.binds = c.binds AND n.scope = c.scope
            AND n.scope_name IS NOT DISTINCT FROM c.scope_name
            AND ((c.binds = 'phone' AND n.phone_hash = c.phone_hash)
                OR (c.binds = 'recipient' AND n.recipient_id = c.recipient_id))
            AND (n.at > c.at OR (n.at = c.at AND (n.choice > c.choice OR (n.choice = c.choice AND n.id > c.id)))))
    ORDER BY c.at DESC, c.id DESC LIMIT $3";

// What a phone has said stays the phone's, and what is written of a person the person's: no line tells any more that
// the two belonged together. STOP holds for the phone whoever uses it.
const PART: [&str; 2] = [
    "UPDATE consents SET recipient_id = NULL, details_sealed = NULL WHERE binds = 'phone' AND recipient_id = $1",
    "UPDATE consents SET phone_hash = NULL, details_sealed = NULL WHERE binds = 'recipient' AND recipient_id = $1",
];

const FORGET_NUMBER: &str = "UPDATE consents SET details_sealed = NULL
    WHERE recipient_id IS NULL AND phone_hash = (SELECT phone_hash FROM recipients WHERE id = $1)";

impl Tx {
    /// Adds a line.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn insert_consent(&mut self, line: &NewConsent<'_>) -> Result<()> {
        let hash = line.phone.map(|phone| self.phone_hash(phone));
        let key = match line.recipient {
            Some(recipient) => self.recipient_key(recipient).await?,
            None => Some(self.keys.ledger_key()),
        };
        let details = Details {
            phone: line.phone.map(|phone| phone.e164().into()),
            wording: line.wording.map(Into::into),
            evidence: line.evidence.map(Into::into),
            by: line.by.map(Into::into),
        };
        let sealed = key
            .map(|key| {
                let bytes = serde_json::to_vec(&details)
                    .map_err(|error| inconsistent("consents", line.id, error.to_string()))?;
                self.keys.seal(&key, "consents.details", line.id.0.as_bytes(), &bytes)
            })
            .transpose()?;
        let (scope, scope_name) = line.scope.columns();
        on!(self, |db| sqlx::query(INSERT)
            .bind(line.id.0)
            .bind(&hash)
            .bind(line.recipient)
            .bind(line.choice.name())
            .bind(line.source.name())
            .bind(line.at.timestamp_millis())
            .bind(line.binds.name())
            .bind(scope)
            .bind(scope_name)
            .bind(sealed)
            .bind(line.held_by_provider)
            .execute(db)
            .await
            .map(drop))?;
        Ok(())
    }

    /// All that holds for a person (an empty id for nobody) and a phone.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn consents(&mut self, recipient: &str, phone: Option<&PhoneNumber>) -> Result<Consents> {
        let hash = phone.map(|phone| self.phone_hash(phone));
        let rows: Vec<CountedRow> =
            on!(self, |db| sqlx::query_as(STANDING).bind(&hash).bind(recipient).fetch_all(db).await)?;
        let lines = rows.first().map_or(0, |row| row.lines);
        let standing =
            rows.into_iter().map(|row| standing(row.standing, recipient)).collect::<Result<_>>()?;
        Ok(Consents { standing, lines })
    }

    /// How many lines there are about each of many people and their phones, in their order.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn count_consent_lines(&mut self, about: &[(&str, &PhoneNumber)]) -> Result<Vec<i64>> {
        let rows: Vec<_> = about
            .iter()
            .enumerate()
            .map(|(place, (recipient, phone))| {
                json!([place, recipient, rows::bytes(&self.phone_hash(phone))])
            })
            .collect();
        let (sql, rows) = (COUNTS.on(self), rows::parameter("consents", &rows)?);
        let mut counts: Vec<(i64, i64)> = on!(self, |db| sqlx::query_as(sql).bind(rows).fetch_all(db).await)?;
        counts.sort_unstable();
        Ok(counts.into_iter().map(|(_, lines)| lines).collect())
    }

    /// What a person said last about each thing by a form or a text, otherwise than for the whole phone.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn own_words(&mut self, recipient: &str) -> Result<Vec<Standing>> {
        let rows: Vec<StandingRow> =
            on!(self, |db| sqlx::query_as(OWN_WORDS).bind(recipient).fetch_all(db).await)?;
        rows.into_iter().map(|row| standing(row, recipient)).collect()
    }

    /// One line.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn consent_line(&mut self, id: ConsentId) -> Result<Option<ConsentLine>> {
        let row: Option<LineRow> = on!(self, |db| sqlx::query_as(LINE).bind(id.0).fetch_optional(db).await)?;
        row.map(|row| self.line(row)).transpose()
    }

    /// The lines about a person and a phone, the newest first, from after a line on.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn consent_lines(
        &mut self,
        recipient: &str,
        phone: Option<&PhoneNumber>,
        after: Option<(DateTime<Utc>, Uuid)>,
        limit: u32,
    ) -> Result<Vec<ConsentLine>> {
        let hash = phone.map(|phone| self.phone_hash(phone));
        let (at, id) = after.map_or((i64::MAX, Uuid::max()), |(at, id)| (at.timestamp_millis(), id));
        let rows: Vec<LineRow> = on!(self, |db| sqlx::query_as(LINES)
            .bind(recipient)
            .bind(&hash)
            .bind(at)
            .bind(id)
            .bind(i64::from(limit))
            .fetch_all(db)
            .await)?;
        rows.into_iter().map(|row| self.line(row)).collect()
    }

    /// What was taken back and holds, the newest first, from after a line on.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn opt_outs(
        &mut self,
        after: Option<(DateTime<Utc>, Uuid)>,
        limit: u32,
    ) -> Result<Vec<ConsentLine>> {
        let (at, id) = after.map_or((i64::MAX, Uuid::max()), |(at, id)| (at.timestamp_millis(), id));
        let rows: Vec<LineRow> = on!(self, |db| sqlx::query_as(OPT_OUTS)
            .bind(at)
            .bind(id)
            .bind(i64::from(limit))
            .fetch_all(db)
            .await)?;
        rows.into_iter().map(|row| self.line(row)).collect()
    }

    /// Parts a person from their phone in every line, and forgets the number in lines from before it was
    /// anybody's; that it has said stop stays known.
    pub(super) async fn part_from_phone(&mut self, recipient: &str) -> Result<()> {
        for text in [FORGET_NUMBER, PART[0], PART[1]] {
            on!(self, |db| sqlx::query(text).bind(recipient).execute(db).await.map(drop))?;
        }
        Ok(())
    }

    fn line(&self, row: LineRow) -> Result<ConsentLine> {
        let key: Option<SealKey> = match (&row.recipient_id, &row.key_id, &row.wrapped_key) {
            (Some(recipient), Some(key_id), Some(wrapped)) => {
                Some(self.keys.unwrap(key_id, recipient, wrapped)?)
            }
            (Some(_), ..) => None,
            (None, ..) => Some(self.keys.ledger_key()),
        };
        let details: Option<Details<'static>> = match (key, &row.details_sealed) {
            (Some(key), Some(sealed)) => {
                let bytes = self.keys.open_sealed(&key, "consents.details", row.id.as_bytes(), sealed)?;
                Some(serde_json::from_slice(&bytes).map_err(|_| StoreError::Unsealable)?)
            }
            _ => None,
        };
        let details = details.unwrap_or(Details { phone: None, wording: None, evidence: None, by: None });
        let owned = |text: Option<std::borrow::Cow<'static, str>>| text.map(std::borrow::Cow::into_owned);
        Ok(ConsentLine {
            id: ConsentId(row.id),
            standing: standing(row.standing, row.id)?,
            recipient: row.recipient_id,
            phone: owned(details.phone).map(PhoneNumber::kept),
            wording: owned(details.wording),
            evidence: owned(details.evidence),
            by: owned(details.by),
        })
    }
}

pub(super) fn standing(row: StandingRow, id: impl std::fmt::Display) -> Result<Standing> {
    let wrong = |problem: &str| inconsistent("consents", &id, problem);
    let scope = match (row.scope.as_str(), row.scope_name) {
        ("all", None) => Scope::All,
        ("group", Some(name)) => Scope::Group(name),
        ("type", Some(name)) => Scope::Type(TypeName(name)),
        _ => return Err(wrong("a scope that is none")),
    };
    Ok(Standing {
        binds: match row.binds.as_str() {
            "phone" => Binds::Phone,
            "recipient" => Binds::Recipient,
            _ => return Err(wrong("a line about nobody")),
        },
        scope,
        choice: Choice::from_name(&row.choice).ok_or_else(|| wrong("a choice that is none"))?,
        source: ConsentSource::from_name(&row.source).ok_or_else(|| wrong("a source that is none"))?,
        held_by_provider: row.held_by_provider,
        at: moment(row.at, "consents", &id.to_string())?,
    })
}
