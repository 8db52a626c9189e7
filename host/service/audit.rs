//! The audit's writer: lines of many requests go into one unit of work, so that the record costs a busy
//! host little. A change of people, consents or keys is answered only after its line is durable; the
//! lines of posts and reads follow within moments.

use super::Host;
use crate::store::{AuditEntry, Store};
use tokio::sync::{mpsc, oneshot};

/// So many lines in one unit of work.
const BATCH: usize = 256;

/// So long lines that nobody waits for are gathered before they are written.
const GATHERED: std::time::Duration = std::time::Duration::from_millis(50);

/// Where lines are handed in.
#[derive(Clone)]
pub struct Auditor(mpsc::Sender<Handed>);

/// A line, if there is one, and who waits until it and all before it are durable.
type Handed = (Option<AuditEntry>, Option<oneshot::Sender<bool>>);

impl Auditor {
    /// Starts the writer; it ends with the last copy of the auditor.
    #[must_use]
    pub fn start(store: Store) -> Self {
        let (sender, mut receiver) = mpsc::channel(4 * BATCH);
        tokio::spawn(async move {
            let mut batch = Vec::with_capacity(BATCH);
            while receiver.recv_many(&mut batch, BATCH).await > 0 {
                gather(&mut receiver, &mut batch).await;
                let mut entries = Vec::with_capacity(batch.len());
                let mut waiting: Vec<oneshot::Sender<bool>> = Vec::new();
                for (entry, done) in batch.drain(..) {
                    entries.extend(entry);
                    waiting.extend(done);
                }
                let written = write(&store, &entries).await;
                if let Err(error) = &written {
                    tracing::error!(
                        lines = entries.len(),
                        error = error as &dyn std::error::Error,
                        "lines of the audit could not be written"
                    );
                }
                for done in waiting {
                    let _ = done.send(written.is_ok());
                }
            }
        });
        Self(sender)
    }

    /// Hands a line in, and waits until it is durable; `false` when it could not be written.
    pub async fn record(&self, entry: AuditEntry) -> bool {
        self.wait(Some(entry)).await
    }

    /// Waits until all that was handed in is durable.
    pub async fn flush(&self) {
        self.wait(None).await;
    }

    async fn wait(&self, entry: Option<AuditEntry>) -> bool {
        let (done, written) = oneshot::channel();
        self.0.send((entry, Some(done))).await.is_ok() && written.await.unwrap_or(false)
    }

    /// Hands a line in.
    pub async fn note(&self, entry: AuditEntry) {
        let _ = self.0.send((Some(entry), None)).await;
    }
}

/// Lets more lines come, until somebody waits or there are many.
async fn gather(receiver: &mut mpsc::Receiver<Handed>, batch: &mut Vec<Handed>) {
    let waited_for = |batch: &[Handed]| batch.iter().any(|(_, done)| done.is_some());
    let more = async {
        while batch.len() < BATCH && !waited_for(batch) {
            let room = BATCH - batch.len();
            if receiver.recv_many(batch, room).await == 0 {
                break;
            }
        }
    };
    // What has come until then is in the batch.
    let _ = tokio::time::timeout(GATHERED, more).await;
}

async fn write(store: &Store, entries: &[AuditEntry]) -> crate::store::Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut tx = store.begin().await?;
    tx.append_audit(entries).await?;
    tx.commit().await
}

impl Host {
    /// Where lines of the audit are handed in.
    #[must_use]
    pub fn auditor(&self) -> &Auditor {
        &self.auditor
    }
}
