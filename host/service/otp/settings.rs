//! What the host is told about one-time codes.

use crate::domain::otp::rate::Rate;
use crate::domain::secret::Secret;
use chrono::TimeDelta;
use std::collections::{BTreeMap, BTreeSet};

/// How codes are made, sent and held back.
#[derive(Clone, Debug)]
pub struct OtpSettings {
    /// Twilio Verify makes, sends and checks the codes.
    pub verify: bool,
    /// Digits of a code, 4 to 10.
    pub digits: u8,
    /// How long a code is good for; ten minutes at most.
    pub life: TimeDelta,
    /// Codes that may be tried.
    pub max_checks: u32,
    /// The waits before the text is sent a second, a third time and so on.
    pub resend_after: Vec<TimeDelta>,
    /// Whether the older routes work without an API key.
    pub public: bool,
    /// The last line of a text binds the code to this domain.
    pub domain: Option<String>,
    /// Names the clinic's app to Android's SMS Retriever.
    pub app_hash: Option<String>,
    /// Countries that codes are sent to.
    pub countries: BTreeSet<String>,
    /// How many in which time.
    pub brakes: Brakes,
    /// What is done about codes that nobody types.
    pub pump: PumpBreaker,
    /// Numbers for other teams' tests, E.164, each with its code.
    pub test_numbers: BTreeMap<String, Secret>,
    /// Whether the words of a code's text are taken out at the provider afterwards.
    pub redact_at_provider: bool,
}

/// Limits, each with counters of its own.
#[derive(Clone, Debug, Default)]
pub struct Brakes {
    /// One number.
    pub phone: Vec<Rate>,
    /// All numbers that differ in their last three digits only.
    pub prefix: Vec<Rate>,
    /// All addresses of one network, as the calling service reports them.
    pub address: Vec<Rate>,
    /// One API key.
    pub key: Vec<Rate>,
    /// One country.
    pub country: Vec<Rate>,
    /// Countries with limits of their own.
    pub countries: BTreeMap<String, Vec<Rate>>,
    /// All codes together.
    pub everyone: Vec<Rate>,
    /// Codes that are tried without an API key, from all addresses of one network.
    pub checks: Vec<Rate>,
}

/// What is done when codes are asked for and not typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PumpBreaker {
    /// Nothing.
    Off,
    /// It is noted, and the code is sent.
    Record,
    /// The code is refused.
    Deny,
}
