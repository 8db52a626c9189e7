//! A database with a year of waiting texts, written past the host: filling it through the front door
//! would take hours.

use sqlx::{PgPool, SqlitePool};
use std::path::Path;
use tidings::clock::{Clock as _, SystemClock};

/// So many rows a statement.
const STEP: i64 = 200_000;

const YEAR: i64 = 365 * 86_400_000;

/// The way past the host.
pub(crate) enum Raw {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

macro_rules! columns {
    () => {
        "INSERT INTO messages (id, kind, lane, priority, recipient_id, key, test, state, planned_for, due_at,
            expires_at, attempts, deferrals, why_code, why_text, payload_sealed, superseded, created_at,
            updated_at, changes) "
    };
}

// Of the year in no order, as bookings come. A payload is about as long as a short one, sealed.
const FUTURE_SQLITE: &str = concat!(
    "WITH RECURSIVE n (i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2)
    ",
    columns!(),
    "SELECT unhex(printf('%032x', i)), 'prescription-ready', $5, 'medium', 'bench', 'key', 0, 'planned',
        $3, $3 + (i * 7919) % $4, $3 + (i * 7919) % $4 + 86400000, 0, 0, 'posted', 'Posted.', randomblob(120), 0,
        $3 - 1, $3 - 1, 1 FROM n"
);
const FUTURE_POSTGRES: &str = concat!(
    columns!(),
    "SELECT lpad(to_hex(i), 32, '0')::uuid, 'prescription-ready', $5, 'medium', 'bench', 'key', FALSE, 'planned',
        $3, $3 + (i * 7919) % $4, $3 + (i * 7919) % $4 + 86400000, 0, 0, 'posted', 'Posted.',
        decode(repeat('ab', 120), 'hex'), FALSE, $3 - 1, $3 - 1, 1 FROM generate_series($1, $2 - 1) AS n (i)"
);

impl Raw {
    /// The database of a home, whose schema is made: `file` for SQLite.
    pub(crate) async fn open(database: Option<&str>, file: &Path) -> Self {
        if let Some(url) = database {
            return Self::Postgres(PgPool::connect(url).await.expect("the server runs"));
        }
        let options = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(file)
            .busy_timeout(std::time::Duration::from_mins(1))
            .pragma("synchronous", "OFF")
            .pragma("cache_size", "-2000000");
        let pool = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1);
        Self::Sqlite(pool.connect_with(options).await.expect("the file is there"))
    }

    /// The person all texts are to.
    pub(crate) async fn add_person(&self) {
        const PERSON: &str =
            "INSERT INTO recipients (id, role, preferences, key_id, version, created_at, updated_at)
            VALUES ('bench', 'patient', '{}', 'none', 1, 1, 1)";
        match self {
            Self::Sqlite(pool) => drop(sqlx::query(PERSON).execute(pool).await.expect("a sound row")),
            Self::Postgres(pool) => drop(sqlx::query(PERSON).execute(pool).await.expect("a sound row")),
        }
    }

    /// Texts `from..to` of the year after tomorrow.
    pub(crate) async fn add_future(&self, from: i64, to: i64) {
        let tomorrow = SystemClock.now().timestamp_millis() + 86_400_000;
        let mut at = from;
        while at < to {
            let end = to.min(at + STEP);
            self.add(at, end, tomorrow, YEAR).await;
            at = end;
        }
        if let Self::Postgres(pool) = self {
            sqlx::query("ANALYZE").execute(pool).await.expect("statistics");
        }
    }

    /// Texts that are due now, numbered from `from` on, which no other text has.
    pub(crate) async fn add_due(&self, from: i64, count: i64) {
        let now = SystemClock.now().timestamp_millis();
        self.add(from, from + count, now - 10_000, 10_000).await;
    }

    async fn add(&self, from: i64, to: i64, first_due: i64, span: i64) {
        macro_rules! add {
            ($pool:expr, $sql:expr) => {
                drop(
                    sqlx::query($sql)
                        .bind(from)
                        .bind(to)
                        .bind(first_due)
                        .bind(span)
                        .bind("normal")
                        .execute($pool)
                        .await
                        .expect("sound rows"),
                )
            };
        }
        match self {
            Self::Sqlite(pool) => add!(pool, FUTURE_SQLITE),
            Self::Postgres(pool) => add!(pool, FUTURE_POSTGRES),
        }
    }

    pub(crate) async fn close(self) {
        match self {
            Self::Sqlite(pool) => {
                sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&pool).await.expect("nobody reads");
                pool.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}
