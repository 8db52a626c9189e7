//! Claims: what is due, lane by lane; what was abandoned; what must be looked at again.

use super::message_row::{MessageRow, columns, millis};
use super::{Result, Sql, Store, StoreError, Tx, inconsistent, moment, on};
use crate::domain::id::{HostId, MessageId};
use crate::domain::message::{Cause, Lane, Lease, Message, State};
use chrono::{DateTime, Utc};

/// Which messages a host can serve: those of live keys (`false`), of test keys (`true`), or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Modes(bool, bool);

impl Modes {
    /// What a host serves; `None` when it has nobody to send through.
    #[must_use]
    pub const fn new(live: bool, test: bool) -> Option<Self> {
        match (live, test) {
            (true, true) => Some(Self(false, true)),
            (true, false) => Some(Self(false, false)),
            (false, true) => Some(Self(true, true)),
            (false, false) => None,
        }
    }

    /// Each of them.
    pub fn each(self) -> impl Iterator<Item = bool> {
        [self.0, self.1].into_iter().take(if self.0 == self.1 { 1 } else { 2 })
    }
}

/// When the next message of each lane is due, of live keys and of test keys.
#[derive(Clone, Debug, Default)]
pub struct NextDue(Vec<(Lane, bool, DateTime<Utc>)>);

impl NextDue {
    /// Of one lane; `None` when none waits there.
    #[must_use]
    pub fn of(&self, lane: Lane) -> Option<DateTime<Utc>> {
        self.of_lane(lane).map(|(.., due)| due).min()
    }

    /// Which of live (`false`) and test (`true`) have something due in a lane, the one that waits longest first.
    #[must_use]
    pub fn modes(&self, lane: Lane, now: DateTime<Utc>) -> Vec<bool> {
        let mut due: Vec<_> = self.of_lane(lane).filter(|(.., due)| *due <= now).collect();
        due.sort_by_key(|(.., due)| *due);
        due.into_iter().map(|(_, test, _)| test).collect()
    }

    fn of_lane(&self, lane: Lane) -> impl Iterator<Item = (Lane, bool, DateTime<Utc>)> {
        self.0.iter().copied().filter(move |(of, ..)| *of == lane)
    }
}

/// Who has to do something about messages that are looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Their outcome is unknown, or they are held.
    OnUs,
    /// The provider has them, and has not told their end.
    OnProvider,
}

/// What a host asks for.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// One lane at a time.
    pub lane: Lane,
    /// Of test keys, or of live keys.
    pub test: bool,
    /// Due by now.
    pub now: DateTime<Utc>,
    /// At the most so many.
    pub limit: u32,
    /// Under this hold.
    pub lease: Lease,
}

// Lane and mode are equalities and the due time comes next in the index: future rows cost nothing, nor does
// what waits while the account is refused. The
// CTE keeps PostgreSQL from joining over the limit and taking more rows than were asked for.
const CLAIM: Sql = Sql {
    sqlite: concat!(
        "WITH due AS MATERIALIZED (SELECT id AS due_id FROM messages
            WHERE state = 'planned' AND lane = $1 AND test = $6 AND due_at <= $2
            ORDER BY due_at, id LIMIT $3)
        UPDATE messages SET state = 'claimed', lease_host = $4, lease_until = $5, updated_at = $2, changes = changes + 1
        FROM due WHERE id = due_id RETURNING ",
        columns!()
    ),
    postgres: concat!(
        "WITH due AS MATERIALIZED (SELECT id AS due_id FROM messages
            WHERE state = 'planned' AND lane = $1 AND test = $6 AND due_at <= $2
            ORDER BY due_at, id LIMIT $3 FOR UPDATE SKIP LOCKED)
        UPDATE messages SET state = 'claimed', lease_host = $4, lease_until = $5, updated_at = $2, changes = changes + 1
        FROM due WHERE id = due_id RETURNING ",
        columns!()
    ),
};

// The values of `CLAIM`, in their order.
macro_rules! with_claim {
    ($claim:expr, $query:expr) => {
        $query
            .bind($claim.lane.name())
            .bind(millis($claim.now))
            .bind(i64::from($claim.limit))
            .bind($claim.lease.host.0)
            .bind(millis($claim.lease.until))
            .bind($claim.test)
    };
}

const UNSENT: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM messages WHERE state IN ('planned', 'claimed', 'held') AND due_at <= $1 AND expires_at > $1 AND test = $2
        AND ($3 IS NULL OR id > $3) ORDER BY id LIMIT $4"
);

const HOLD: &str = "UPDATE messages SET state = 'held', cause_code = $2, cause_text = $3, lease_host = NULL,
        lease_until = NULL, updated_at = $4, changes = changes + 1 WHERE id = $1";

const ABANDONED: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM messages WHERE state IN ('claimed', 'sending')
        AND ((lease_until <= $1 AND lease_host = $3) OR NOT EXISTS (SELECT 1 FROM hosts WHERE hosts.id = lease_host))
      ORDER BY lease_until LIMIT $2"
);

const TO_CHECK: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM messages WHERE check_at <= $1 AND test IN ($3, $4) AND (state IN ('accepted', 'sent')) = $5
      ORDER BY check_at LIMIT $2"
);

const EXPIRED: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM messages WHERE state = 'planned' AND lane = $1 AND test = $4 AND due_at <= $2 AND expires_at <= $2
      ORDER BY due_at, id LIMIT $3"
);

// One look at the index for each lane.
macro_rules! next_due {
    ($lane:literal, $test:literal) => {
        concat!(
            "SELECT lane, test, due_at FROM (SELECT lane, test, due_at FROM messages WHERE state = 'planned' AND lane = '",
            $lane, "' AND test = ", $test, " ORDER BY due_at, id LIMIT 1) AS ", $lane
        )
    };
    ($test:literal) => {
        concat!(
            next_due!("otp", $test),
            " UNION ALL ",
            next_due!("urgent", $test),
            " UNION ALL ",
            next_due!("normal", $test),
            " UNION ALL ",
            next_due!("bulk", $test)
        )
    };
}
const NEXT_DUE_OF_ONE: &str = next_due!("$1");
const NEXT_DUE: &str = concat!(next_due!("$1"), " UNION ALL ", next_due!("$2"));

/// Messages that can be read; one that cannot keeps nobody else waiting.
pub(super) fn readable(rows: Vec<MessageRow>) -> Vec<Message> {
    let read = |row: MessageRow| {
        let id = row.id;
        Message::try_from(row)
            .inspect_err(|error| {
                tracing::error!(message_id = %id, error = error as &dyn std::error::Error, "a message cannot be read");
            })
            .ok()
    };
    rows.into_iter().filter_map(read).collect()
}

impl Store {
    /// How the database finds what is due, in its own words.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn explain_claim(&self, claim: &Claim) -> Result<Vec<String>> {
        let mut tx = self.begin().await?;
        let explain = Sql { sqlite: "EXPLAIN QUERY PLAN ", postgres: "EXPLAIN " }.on(&tx);
        let sql = format!("{explain}{}", CLAIM.on(&tx));
        Ok(match &mut tx.inner {
            super::Inner::Sqlite(unit) => {
                let rows: Vec<(i64, i64, i64, String)> =
                    with_claim!(claim, sqlx::query_as(sqlx::AssertSqlSafe(sql)))
                        .fetch_all(unit.connection())
                        .await?;
                rows.into_iter().map(|row| row.3).collect()
            }
            super::Inner::Postgres(db) => {
                with_claim!(claim, sqlx::query_scalar(sqlx::AssertSqlSafe(sql))).fetch_all(&mut **db).await?
            }
            super::Inner::PostgresLook(db) => {
                with_claim!(claim, sqlx::query_scalar(sqlx::AssertSqlSafe(sql))).fetch_all(&mut **db).await?
            }
        })
    }
}

impl Tx {
    /// Takes what is due in one lane, the oldest first.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn claim_messages(&mut self, claim: &Claim) -> Result<Vec<Message>> {
        let sql = CLAIM.on(self);
        let rows: Vec<MessageRow> =
            on!(self, |db| with_claim!(claim, sqlx::query_as(sql)).fetch_all(db).await)?;
        let mut messages = Vec::with_capacity(rows.len());
        for row in rows {
            let (id, changes) = (row.id, row.changes);
            match Message::try_from(row) {
                Ok(message) => messages.push(message),
                Err(error) => self.hold_unreadable(MessageId(id), changes, &error, claim).await?,
            }
        }
        messages.sort_by_key(|message| (message.due_at, message.id));
        let note = Cause::new("claimed", "a host took it to send it");
        for message in &messages {
            let host = Some(claim.lease.host);
            self.journal(
                message.id,
                message.changes,
                Some("planned"),
                &message.state,
                &note,
                host,
                claim.now,
            );
        }
        Ok(messages)
    }

    /// A row that makes no sense keeps nobody else waiting: a person must look.
    async fn hold_unreadable(
        &mut self,
        id: MessageId,
        changes: i64,
        error: &StoreError,
        claim: &Claim,
    ) -> Result<()> {
        tracing::error!(message_id = %id, error = error as &dyn std::error::Error, "a message cannot be read; it is held");
        let cause = Cause::new("unreadable", "its row in the database makes no sense; the log says why");
        on!(self, |db| sqlx::query(HOLD)
            .bind(id.0)
            .bind(&cause.code)
            .bind(&cause.text)
            .bind(millis(claim.now))
            .execute(db)
            .await
            .map(drop))?;
        let held = State::Held { cause: cause.clone(), retry_at: None };
        self.journal(id, changes + 1, Some("claimed"), &held, &cause, Some(claim.lease.host), claim.now);
        Ok(())
    }

    /// What dead hosts left behind, and what this one was too slow with. Another host that lives looks after
    /// its own: leases are by each host's own clock.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn abandoned_messages(
        &mut self,
        host: HostId,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<Message>> {
        let rows: Vec<MessageRow> = on!(self, |db| sqlx::query_as(ABANDONED)
            .bind(millis(now))
            .bind(i64::from(limit))
            .bind(host.0)
            .fetch_all(db)
            .await)?;
        Ok(readable(rows))
    }

    /// What is due and was not sent, as far as the database knows, in the order of ids.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn unsent_messages(
        &mut self,
        test: bool,
        now: DateTime<Utc>,
        after: Option<MessageId>,
        limit: u32,
    ) -> Result<Vec<Message>> {
        let rows: Vec<MessageRow> = on!(self, |db| sqlx::query_as(UNSENT)
            .bind(millis(now))
            .bind(test)
            .bind(after.map(|id| id.0))
            .bind(i64::from(limit))
            .fetch_all(db)
            .await)?;
        Ok(readable(rows))
    }

    /// What is due in one lane, of live or of test keys, and of no use any more.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn expired_messages(
        &mut self,
        lane: Lane,
        test: bool,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<Message>> {
        let rows: Vec<MessageRow> = on!(self, |db| sqlx::query_as(EXPIRED)
            .bind(lane.name())
            .bind(millis(now))
            .bind(i64::from(limit))
            .bind(test)
            .fetch_all(db)
            .await)?;
        Ok(readable(rows))
    }

    /// What should be looked at now, on one of the two sides.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn messages_to_check(
        &mut self,
        waiting: Waiting,
        now: DateTime<Utc>,
        modes: Modes,
        limit: u32,
    ) -> Result<Vec<Message>> {
        let rows: Vec<MessageRow> = on!(self, |db| sqlx::query_as(TO_CHECK)
            .bind(millis(now))
            .bind(i64::from(limit))
            .bind(modes.0)
            .bind(modes.1)
            .bind(waiting == Waiting::OnProvider)
            .fetch_all(db)
            .await)?;
        Ok(readable(rows))
    }

    /// When the next message of each lane is due that a host can serve.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    pub async fn next_due(&mut self, modes: Modes) -> Result<NextDue> {
        let rows: Vec<(String, bool, i64)> = if modes.0 == modes.1 {
            on!(self, |db| sqlx::query_as(NEXT_DUE_OF_ONE).bind(modes.0).fetch_all(db).await)?
        } else {
            on!(self, |db| sqlx::query_as(NEXT_DUE).bind(modes.0).bind(modes.1).fetch_all(db).await)?
        };
        let read = |(name, test, due): (String, bool, i64)| {
            let lane = Lane::ALL.into_iter().find(|lane| lane.name() == name);
            let lane = lane.ok_or_else(|| inconsistent("messages", &name, "a lane that is none"))?;
            Ok((lane, test, moment(due, "messages", &name)?))
        };
        Ok(NextDue(rows.into_iter().map(read).collect::<Result<_>>()?))
    }
}
