//! Inbound texts, and what they ask for. A redelivered one is the same reply.

use super::{Result, StoreError, Tx, inconsistent, moment, on, small};
use crate::domain::event::Subject;
use crate::domain::id::{MessageId, ReplyId, RequestId};
use crate::domain::phone::PhoneNumber;
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// An inbound text, and what it was taken to mean.
#[derive(Clone, Debug)]
pub struct Reply<'a> {
    /// Ours.
    pub id: ReplyId,
    /// The provider's identifier.
    pub sid: &'a str,
    /// Who wrote.
    pub phone: &'a PhoneNumber,
    /// The person behind the phone, where there is one.
    pub recipient: Option<&'a str>,
    /// What was written; sealed with the person's key, or with the ledger's where there is nobody.
    pub text: &'a str,
    /// The message it seems to answer.
    pub message: Option<MessageId>,
    /// `stop`, `start`, `help`, or what the policy made of it.
    pub meaning: &'a str,
    /// Stable, for staff.
    pub reason_code: &'a str,
    /// Pictures and the like that came with it.
    pub media: u32,
    /// It came through the sandbox.
    pub test: bool,
    /// When.
    pub received_at: DateTime<Utc>,
}

/// What a reply asks of the clinic's system.
#[derive(Clone, Copy, Debug)]
pub struct NewRequest<'a> {
    /// Ours.
    pub id: RequestId,
    /// The reply.
    pub reply: ReplyId,
    /// The text it answers; its subject is what the request is about.
    pub message: MessageId,
    /// Who asks.
    pub recipient: &'a str,
    /// `confirm`, `cancel`, `reschedule`, or a name of the policy's own.
    pub name: &'a str,
    /// When.
    pub at: DateTime<Utc>,
}

/// A reply as it is listed.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "as in Reply and NewRequest")]
pub struct ReplyEntry {
    pub id: ReplyId,
    pub recipient: Option<String>,
    /// Of a phone that is nobody's.
    pub phone: Option<PhoneNumber>,
    pub text: Option<String>,
    pub media: u32,
    pub message: Option<MessageId>,
    pub meaning: String,
    pub reason_code: String,
    pub answer: Option<MessageId>,
    /// Its name and subject.
    pub request: Option<(RequestId, String, Subject)>,
    pub received_at: DateTime<Utc>,
}

/// Which replies; what is `None` does not matter.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "as in Reply")]
pub struct ReplyFilter {
    pub test: bool,
    pub recipient: Option<String>,
    pub meaning: Option<String>,
    /// Only those that ask for something.
    pub requests: bool,
    pub since: Option<DateTime<Utc>>,
    /// After the last one of the page before.
    pub after: Option<(DateTime<Utc>, Uuid)>,
    pub limit: u32,
}

#[derive(sqlx::FromRow)]
struct EntryRow {
    id: Uuid,
    recipient_id: Option<String>,
    text_sealed: Option<Vec<u8>>,
    phone_sealed: Option<Vec<u8>>,
    message_id: Option<Uuid>,
    meaning: String,
    reason_code: String,
    media: i64,
    answer_id: Option<Uuid>,
    received_at: i64,
    request_id: Option<Uuid>,
    name: Option<String>,
    subject_type: Option<String>,
    subject_id: Option<String>,
    subject_version: Option<i64>,
    key_id: Option<String>,
    wrapped_key: Option<Vec<u8>>,
}

const INSERT: &str =
    "INSERT INTO replies (id, sid, phone_hash, recipient_id, text_sealed, message_id, meaning,
        reason_code, received_at, media, test, phone_sealed)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (sid) DO NOTHING";

/// As the seal knows them.
pub(super) const TEXT_COLUMN: &str = "replies.text";
const PHONE_COLUMN: &str = "replies.phone";

// What was written from a person's phone when it was still nobody's.
const FORGET_STRANGER: &str = "UPDATE replies SET text_sealed = NULL, phone_sealed = NULL
    WHERE recipient_id IS NULL AND phone_hash = (SELECT phone_hash FROM recipients WHERE id = $1)";

const KNOWN: &str = "SELECT COUNT(*) FROM replies WHERE sid = $1";

const SET_ANSWER: &str = "UPDATE replies SET answer_id = $2 WHERE id = $1";

const ANSWERS: &str = "SELECT COUNT(*) FROM replies WHERE phone_hash = $1 AND test = $2 AND received_at >= $3 AND answer_id IS NOT NULL";

const TEXT: &str = "SELECT recipient_id, text_sealed FROM replies WHERE id = $1";

const INSERT_REQUEST: &str =
    "INSERT INTO requests (id, reply_id, message_id, recipient_id, name, subject_type,
        subject_id, subject_version, test, at)
    SELECT $1, $2, id, $4, $5, subject_type, subject_id, subject_version, test, $6 FROM messages
    WHERE id = $3 AND subject_id IS NOT NULL";

const NEWEST_REQUEST: &str = "SELECT MAX(at) FROM requests
    WHERE subject_type = $1 AND subject_id = $2 AND recipient_id = $3 AND test = $4";

const LIST: &str = "SELECT r.id, r.recipient_id, r.text_sealed, r.phone_sealed, r.message_id, r.meaning, r.reason_code, r.media,
        r.answer_id, r.received_at, q.id AS request_id, q.name, q.subject_type, q.subject_id, q.subject_version,
        p.key_id, p.wrapped_key
    FROM replies r LEFT JOIN requests q ON q.reply_id = r.id LEFT JOIN recipients p ON p.id = r.recipient_id
    WHERE r.test = $1 AND ($2 IS NULL OR r.recipient_id = $2) AND ($3 IS NULL OR r.meaning = $3)
        AND (NOT $4 OR q.id IS NOT NULL) AND r.received_at >= $5
        AND (r.received_at < $6 OR (r.received_at = $6 AND r.id < $7))
    ORDER BY r.received_at DESC, r.id DESC LIMIT $8";

impl Tx {
    /// Keeps an inbound text; `false` when it had been delivered before.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn insert_reply(&mut self, reply: &Reply<'_>) -> Result<bool> {
        let key = match reply.recipient {
            Some(recipient) => self.recipient_key(recipient).await?,
            None => Some(self.keys.ledger_key()),
        };
        let row = reply.id.0.as_bytes();
        let sealed =
            key.map(|key| self.keys.seal(&key, TEXT_COLUMN, row, reply.text.as_bytes())).transpose()?;
        let ledger = reply.recipient.is_none().then(|| self.keys.ledger_key());
        let phone = ledger
            .map(|key| self.keys.seal(&key, PHONE_COLUMN, row, reply.phone.e164().as_bytes()))
            .transpose()?;
        let hash = self.phone_hash(reply.phone);
        let added = on!(self, |db| sqlx::query(INSERT)
            .bind(reply.id.0)
            .bind(reply.sid)
            .bind(&hash)
            .bind(reply.recipient)
            .bind(sealed)
            .bind(reply.message.map(|id| id.0))
            .bind(reply.meaning)
            .bind(reply.reason_code)
            .bind(reply.received_at.timestamp_millis())
            .bind(i64::from(reply.media))
            .bind(reply.test)
            .bind(phone)
            .execute(db)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(added == 1)
    }

    /// Whether an inbound text was delivered before.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn reply_known(&mut self, sid: &str) -> Result<bool> {
        let count: i64 = on!(self, |db| sqlx::query_scalar(KNOWN).bind(sid).fetch_one(db).await)?;
        Ok(count > 0)
    }

    /// Notes the message that was planned to answer a reply.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn set_reply_answer(&mut self, id: ReplyId, answer: MessageId) -> Result<()> {
        on!(self, |db| sqlx::query(SET_ANSWER).bind(id.0).bind(answer.0).execute(db).await.map(drop))?;
        Ok(())
    }

    /// How many replies from a phone were answered since then.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn answers_since(
        &mut self,
        phone: &PhoneNumber,
        test: bool,
        since: DateTime<Utc>,
    ) -> Result<i64> {
        let hash = self.phone_hash(phone);
        Ok(on!(self, |db| sqlx::query_scalar(ANSWERS)
            .bind(&hash)
            .bind(test)
            .bind(since.timestamp_millis())
            .fetch_one(db)
            .await)?)
    }

    /// What was written in a reply; `None` when its time is over, or its writer was erased.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn reply_text(&mut self, id: ReplyId) -> Result<Option<String>> {
        let row: Option<(Option<String>, Option<Vec<u8>>)> =
            on!(self, |db| sqlx::query_as(TEXT).bind(id.0).fetch_optional(db).await)?;
        let Some((recipient, Some(sealed))) = row else { return Ok(None) };
        let key = match recipient {
            Some(recipient) => self.recipient_key(&recipient).await?,
            None => Some(self.keys.ledger_key()),
        };
        let Some(key) = key else { return Ok(None) };
        let text = self.keys.open_sealed(&key, TEXT_COLUMN, id.0.as_bytes(), &sealed)?;
        String::from_utf8(text).map(Some).map_err(|_| StoreError::Unsealable)
    }

    /// Forgets what came from a person's phone when it was still nobody's.
    pub(super) async fn forget_stranger(&mut self, recipient: &str) -> Result<()> {
        on!(self, |db| sqlx::query(FORGET_STRANGER).bind(recipient).execute(db).await.map(drop))?;
        Ok(())
    }

    /// Keeps what a reply asks for, about the subject of the message that it answers.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn insert_request(&mut self, request: &NewRequest<'_>) -> Result<()> {
        on!(self, |db| sqlx::query(INSERT_REQUEST)
            .bind(request.id.0)
            .bind(request.reply.0)
            .bind(request.message.0)
            .bind(request.recipient)
            .bind(request.name)
            .bind(request.at.timestamp_millis())
            .execute(db)
            .await
            .map(drop))?;
        Ok(())
    }

    /// When a person last asked for something about a subject.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn newest_request(
        &mut self,
        subject: &Subject,
        recipient: &str,
        test: bool,
    ) -> Result<Option<DateTime<Utc>>> {
        let at: Option<i64> = on!(self, |db| sqlx::query_scalar(NEWEST_REQUEST)
            .bind(&subject.subject_type)
            .bind(&subject.id)
            .bind(recipient)
            .bind(test)
            .fetch_one(db)
            .await)?;
        at.map(|at| moment(at, "requests", recipient)).transpose()
    }

    /// Finds replies, the newest first.
    ///
    /// # Errors
    ///
    /// Fails when the database does, or a sealed value does not open.
    pub async fn find_replies(&mut self, filter: &ReplyFilter) -> Result<Vec<ReplyEntry>> {
        let (at, id) = filter.after.map_or((i64::MAX, Uuid::max()), |(at, id)| (at.timestamp_millis(), id));
        let rows: Vec<EntryRow> = on!(self, |db| sqlx::query_as(LIST)
            .bind(filter.test)
            .bind(&filter.recipient)
            .bind(&filter.meaning)
            .bind(filter.requests)
            .bind(filter.since.map_or(i64::MIN, |since| since.timestamp_millis()))
            .bind(at)
            .bind(id)
            .bind(i64::from(filter.limit))
            .fetch_all(db)
            .await)?;
        rows.into_iter().map(|row| self.entry(row)).collect()
    }

    fn entry(&self, row: EntryRow) -> Result<ReplyEntry> {
        let id = row.id;
        let key = match (&row.recipient_id, &row.key_id, &row.wrapped_key) {
            (Some(recipient), Some(key_id), Some(wrapped)) => {
                Some(self.keys.unwrap(key_id, recipient, wrapped)?)
            }
            (Some(_), ..) => None,
            (None, ..) => Some(self.keys.ledger_key()),
        };
        let open = |column, sealed: &Option<Vec<u8>>| {
            let (Some(key), Some(sealed)) = (&key, sealed) else { return Ok(None) };
            let bytes = self.keys.open_sealed(key, column, id.as_bytes(), sealed)?;
            String::from_utf8(bytes).map(Some).map_err(|_| inconsistent("replies", id, "a text that is none"))
        };
        let text = open(TEXT_COLUMN, &row.text_sealed)?;
        let phone = open(PHONE_COLUMN, &row.phone_sealed)?.map(PhoneNumber::kept);
        let request = match (row.request_id, row.name, row.subject_type, row.subject_id, row.subject_version)
        {
            (Some(request), Some(name), Some(subject_type), Some(id), Some(version)) => {
                Some((RequestId(request), name, Subject { subject_type, id, version }))
            }
            _ => None,
        };
        Ok(ReplyEntry {
            id: ReplyId(id),
            recipient: row.recipient_id,
            phone,
            text,
            media: small(row.media, "replies", id)?,
            message: row.message_id.map(MessageId),
            meaning: row.meaning,
            reason_code: row.reason_code,
            answer: row.answer_id.map(MessageId),
            request,
            received_at: moment(row.received_at, "replies", &id.to_string())?,
        })
    }
}
