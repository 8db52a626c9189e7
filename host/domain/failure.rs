//! What a provider answered, in a form that can be stored, compared and shown.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Why a text did not arrive, as far as the provider tells. Who is to blame, and what can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureClass {
    /// The handset was off or without signal: later may be better.
    Unreachable,
    /// Queues or daily caps were full: later may be better.
    Congested,
    /// The provider had a fault of its own.
    ProviderFault,
    /// The carrier refused the content: the same text will be refused again.
    Filtered,
    /// The recipient, or their carrier, blocks us.
    Blocked,
    /// The number cannot receive texts.
    InvalidNumber,
    /// The clinic's account or number is not set up for this: the operator must act.
    Sender,
    /// A code we do not know.
    Unknown,
}

impl FailureClass {
    /// The word in columns, logs and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Congested => "congested",
            Self::ProviderFault => "provider-fault",
            Self::Filtered => "filtered",
            Self::Blocked => "blocked",
            Self::InvalidNumber => "invalid-number",
            Self::Sender => "sender",
            Self::Unknown => "unknown",
        }
    }
}

/// An error in the provider's words, with every phone number taken out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderError {
    /// The HTTP status, when there was an answer.
    pub http_status: Option<u16>,
    /// The provider's own code, such as 21610.
    pub code: Option<u32>,
    /// One sentence.
    pub text: String,
    /// What it means for us.
    pub class: FailureClass,
    /// The whole account is affected, not this message: no further call until somebody acts.
    pub account_wide: bool,
    /// The text may have arrived all the same.
    pub may_have_arrived: bool,
}

/// What came of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendOutcome {
    /// The provider has it.
    Accepted(AcceptedText),
    /// It surely was not sent, and will not be.
    Refused(ProviderError),
    /// It surely was not sent; the provider asks for patience. Does not count as an attempt.
    NotNow {
        /// What was answered.
        error: ProviderError,
        /// How long the provider asked us to wait.
        retry_after: Option<Duration>,
    },
    /// No byte of it reached the provider. Does not count as an attempt.
    NotReached(ProviderError),
    /// It may have been sent. Never send again without looking first.
    Unknown(ProviderError),
}

/// What the provider says of a text it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedText {
    /// The provider's identifier.
    pub sid: String,
    /// The provider's word for where it stands: `queued`.
    pub status: ProviderStatus,
    /// Segments the provider counted, when it says so.
    pub segments: Option<u32>,
}

/// The provider's words for where a text stands (Twilio: Message status values).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "Twilio's words")]
pub enum ProviderStatus {
    Accepted,
    Scheduled,
    Queued,
    Sending,
    Sent,
    Delivered,
    Undelivered,
    Failed,
    Canceled,
    Read,
}

impl ProviderStatus {
    /// Twilio's word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Scheduled => "scheduled",
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Undelivered => "undelivered",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Read => "read",
        }
    }

    /// Reads Twilio's word; `None` for one we do not know.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "accepted" => Self::Accepted,
            "scheduled" => Self::Scheduled,
            "queued" => Self::Queued,
            "sending" => Self::Sending,
            "sent" => Self::Sent,
            "delivered" => Self::Delivered,
            "undelivered" => Self::Undelivered,
            "failed" => Self::Failed,
            "canceled" => Self::Canceled,
            "read" => Self::Read,
            _ => return None,
        })
    }
}

/// A text as the provider lists it: what is needed to find one whose answer we never saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedText {
    /// The provider's identifier.
    pub sid: String,
    /// The text itself; empty when it was redacted.
    pub body: String,
    /// When the provider took it.
    pub created_at: DateTime<Utc>,
    /// Where it stands.
    pub status: ProviderStatus,
    /// Sent by us through the API, not received.
    pub outbound: bool,
    /// The error code, when it failed.
    pub error_code: Option<u32>,
    /// What it cost, in millionths; negative numbers at Twilio, positive here.
    pub price_micros: Option<i64>,
    /// Segments billed.
    pub segments: Option<u32>,
}
