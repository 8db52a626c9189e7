//! One-time codes: asked for, sent, checked, once.
//!
//! What it promises:
//!
//! - A code is stored nowhere. It follows from a key outside the database and from its challenge, and is
//!   derived again when its text is rendered, sent once more, or checked; also after a crash.
//! - Every phone is answered alike, by as many statements: whether it is known, has said stop or can be
//!   reached shows in no answer. A refusal depends on counters alone (ASVS 5, 6.3.8).
//! - A try is counted and committed before its code is compared (NIST SP 800-63B, 3.2.2), and of two right
//!   codes at once one wins, by one guarded statement.
//! - Nothing is let through that could not be counted: the counters are in the same unit of work.
//!
//! ```text
//! start ── brakes, pump ── challenge + message ── text (at dispatch) ── check
//!            resend ──────────────'
//! ```
//!
//! A code that a caller makes itself and posts as a text of a type for codes, or that a policy plans, has no challenge,
//! and the same limits (`posted`).
//!
//! With `otp.backend = "verify"` the same holds, but that Twilio makes, sends and checks the code (`verify`).

mod brakes;
mod check;
mod house;
mod once;
mod posted;
mod pump;
mod refusals;
mod resend;
mod settings;
mod start;
mod text;
mod verify;

pub use check::Checked;
pub use settings::{Brakes, OtpSettings, PumpBreaker};
pub use start::{CodeRequest, PostedCode};
pub(super) use text::CodeText;
pub(super) use verify::{Verifying, words_of_verify};

use super::{Caller, FieldError, Host, HostError};
use crate::domain::id::{ChallengeId, KeyId};
use crate::domain::kind::TypeName;
use crate::domain::otp::{self, Challenge, Maker};
use crate::domain::phone::PhoneNumber;
use crate::domain::secret::Secret;
use crate::store::StoreError;
use crate::twilio::LookUpError;
use chrono::{DateTime, TimeDelta, Utc};
use std::net::IpAddr;

/// The message type of codes.
const KIND: &str = "otp";

/// How often something is judged anew because another request was faster.
const TRIES: u32 = 5;

/// Where a request for a code comes from.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The caller's key; `None` where none is needed.
    pub key: Option<KeyId>,
    /// Nobody asked: a policy planned the text.
    pub by_policy: bool,
    /// Whether it reaches the sandbox only.
    pub test: bool,
    /// Numbers for tests are not counted for this caller.
    pub unlimited: bool,
    /// Who asked the caller, as the caller reports it.
    pub address: Option<IpAddr>,
    /// The `Idempotency-Key` of the request, and what it is bound to.
    pub once: Option<Once>,
}

impl Origin {
    /// A caller with a key, who reports this address.
    #[must_use]
    pub fn of(caller: &Caller, address: Option<IpAddr>) -> Self {
        let unlimited = caller.test && caller.may("otp:unlimited");
        Self { key: Some(caller.key), test: caller.test, unlimited, address, ..Self::default() }
    }
}

/// A request that is to be done once, however often it is made.
#[derive(Clone, Debug)]
pub struct Once {
    /// The caller's word for it.
    key: String,
    /// Of the route and the body.
    request_hash: Vec<u8>,
}

/// A code was sent, as far as anybody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The challenge.
    pub id: ChallengeId,
    /// When the code's life ends.
    pub expires_at: DateTime<Utc>,
    /// How long that is.
    pub expires_in: TimeDelta,
    /// How long to wait before it may be sent again; `None` when it may not.
    pub resend_in: Option<TimeDelta>,
    /// So often it may be sent again.
    pub sends_left: u32,
}

/// Why there is no code.
#[derive(Debug, thiserror::Error)]
pub enum OtpError {
    /// Fields are wrong.
    #[error("the request has fields that are wrong")]
    Fields(Vec<FieldError>),
    /// The number's country is not open.
    #[error("codes are not sent to this number's country; `otp.countries` opens it")]
    CountryClosed,
    /// A brake holds. The word names it in the settings.
    #[error("too many codes were asked for ({brake}); wait before the next")]
    Limited {
        /// `otp.limits.phone`
        brake: &'static str,
        /// Until one more is allowed.
        retry_after: TimeDelta,
    },
    /// The text was sent a moment ago, or as often as it may be.
    #[error("the code was sent already; wait before it is sent again")]
    TooEarly {
        /// Until it may be sent, or until a new one may take its place.
        retry_after: TimeDelta,
    },
    /// The same idempotency key came with another request.
    #[error("the idempotency key was used with another request")]
    KeyReused,
    /// The challenge is over, or there is none of this id.
    #[error("no code is waited for under this id; ask for a new one")]
    Ended,
    /// Twilio Verify, which alone knows the code, does not say whether this is it.
    #[error("codes cannot be checked now")]
    NotChecked(#[source] LookUpError),
    /// Nothing is sent that cannot be counted.
    #[error("codes cannot be given now")]
    NotCounted(#[source] HostError),
    /// The host, or its database, is at fault.
    #[error("codes cannot be given now")]
    Unavailable(#[from] HostError),
}

impl From<StoreError> for OtpError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl Host {
    /// The code of a challenge; `None` when its key is gone, or when it is not ours to know.
    fn code_of(&self, challenge: &Challenge) -> Option<Secret> {
        match challenge.maker {
            Maker::Host => {
                let Some(key) = self.store.keys().codes().named(&challenge.key_id) else {
                    tracing::error!(key_id = %challenge.key_id, "the key of a one-time code is missing from this home");
                    return None;
                };
                let binding = otp::Binding {
                    challenge: challenge.id,
                    key_id: &challenge.key_id,
                    nonce: &challenge.nonce,
                    phone_hash: &challenge.phone_hash,
                    purpose: &challenge.purpose,
                };
                Some(otp::derive(&key.key, &binding, challenge.digits))
            }
            Maker::Settings => {
                let numbers = &self.settings.otp.test_numbers;
                let own = |e164: &&String| self.store.keys().hash("phone", e164) == challenge.phone_hash;
                numbers.keys().find(own).and_then(|e164| numbers.get(e164)).cloned()
            }
            Maker::Verify => None,
        }
    }

    /// What the caller of a challenge is told.
    fn sent(&self, challenge: &Challenge, now: DateTime<Utc>) -> Sent {
        let gaps = &self.settings.otp.resend_after;
        let most = u32::try_from(gaps.len()).unwrap_or(u32::MAX).saturating_add(1);
        let sends_left = most.saturating_sub(challenge.sends);
        let wait = (challenge.next_send_at - now).max(TimeDelta::zero());
        Sent {
            id: challenge.id,
            expires_at: challenge.expires_at,
            expires_in: (challenge.expires_at - now).max(TimeDelta::zero()),
            resend_in: (sends_left > 0).then_some(wait),
            sends_left,
        }
    }

    /// A number of the settings that takes a fixed code, for callers with a test key.
    fn is_test_number(&self, phone: &PhoneNumber, test: bool) -> bool {
        test && self.settings.otp.test_numbers.contains_key(phone.e164())
    }

    fn code_kind(&self) -> Result<crate::domain::kind::Kind, HostError> {
        self.kind(&TypeName::from(KIND)).ok_or_else(|| {
            let problem = "there is no template of this type".to_owned();
            StoreError::Inconsistent { table: "templates", id: KIND.to_owned(), problem }.into()
        })
    }
}
