//! The certificate of an erasure.

use crate::store::Erasure;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// That a person was erased: who, when, how much; nothing of what it was.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "certificate": "019ab3f0-0000-7000-8000-000000000000", "recipient": "ana", "erased_at": "2026-11-24T15:00:00Z",
    "asked_by": "key:019ab3f0-0000-7000-8000-000000000001", "canceled": 2, "texts": 1, "redactions": 1
}))]
pub(crate) struct ErasureView {
    /// Its id; it is kept.
    certificate: Uuid,
    recipient: String,
    erased_at: DateTime<Utc>,
    /// `key:<id>`, or `cli`; `serve` or `recover` of one whom a backup had brought back.
    asked_by: String,
    /// Queued texts that were taken back.
    canceled: i64,
    /// Texts that had been sent, whose words are gone here.
    texts: i64,
    /// Texts that the provider is asked to redact.
    redactions: i64,
}

impl From<Erasure> for ErasureView {
    fn from(erasure: Erasure) -> Self {
        Self {
            certificate: erasure.id.0,
            recipient: erasure.recipient,
            erased_at: erasure.at,
            asked_by: erasure.asked_by,
            canceled: erasure.canceled,
            texts: erasure.texts,
            redactions: erasure.redactions,
        }
    }
}
