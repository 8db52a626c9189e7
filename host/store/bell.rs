//! The bell: on PostgreSQL hosts tell one another that something is due which they cannot take themselves.
//! Whoever misses it finds the text when it looks by itself.

use super::{Pool, Store};
use sqlx::postgres::{PgListener, PgPool, PgPoolOptions};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

const CHANNEL: &str = "tidings_due";

/// So long between two rings of one host: a commit with a notification waits for the others of all hosts.
const PAUSE: Duration = Duration::from_millis(50);

/// So long before a connection that was lost is made again.
const AGAIN: Duration = Duration::from_secs(1);

/// Rings for others, in a task of its own; whoever asks does not wait.
pub(super) struct Bell {
    asked: Arc<Notify>,
    ringing: JoinHandle<()>,
}

impl Bell {
    pub(super) fn start(pool: PgPool) -> Self {
        let asked = Arc::new(Notify::new());
        let ringing = tokio::spawn({
            let asked = Arc::clone(&asked);
            async move {
                loop {
                    asked.notified().await;
                    let rung = sqlx::query("SELECT pg_notify($1, '')").bind(CHANNEL).execute(&pool).await;
                    if let Err(error) = rung {
                        tracing::debug!(
                            error = &error as &dyn std::error::Error,
                            "other hosts were not told"
                        );
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
        });
        Self { asked, ringing }
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.ringing.abort();
    }
}

impl Store {
    /// Tells other hosts that something is due. On SQLite there is none.
    pub fn ring(&self) {
        if let Pool::Postgres { bell, .. } = &self.pool {
            bell.asked.notify_one();
        }
    }

    /// Calls `rung` when another host rings, and whenever a ring may have been missed. Does not end.
    pub async fn listen(&self, rung: impl Fn()) {
        let Pool::Postgres { pool, .. } = &self.pool else { return std::future::pending().await };
        // A connection of its own, which no query waits for.
        let own = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .connect_lazy_with((*pool.connect_options()).clone());
        loop {
            if let Err(error) = hear(&own, &rung).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "other hosts are not heard; looked at every second"
                );
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}

/// Until the connection is lost.
async fn hear(own: &PgPool, rung: &impl Fn()) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(own).await?;
    listener.listen(CHANNEL).await?;
    rung();
    while listener.try_recv().await?.is_some() {
        rung();
    }
    Ok(())
}
