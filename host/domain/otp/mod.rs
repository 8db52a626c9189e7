//! One-time codes: what a challenge is, what its code follows from, and how often one may be asked for.
//!
//! The rules follow NIST SP 800-63B (3.1.3.3, out-of-band verifiers) and OWASP ASVS 5 (V6.5, V6.6): at
//! least six digits of an approved random source, at most ten minutes of life, one use, few tries.

mod code;
pub mod pump;
pub mod rate;

pub use code::{Binding, derive, is_same, typed};

use super::id::ChallengeId;
use chrono::{DateTime, TimeDelta, Utc};
use std::fmt;

/// What a code opens: `LOGIN`, `MFA`, `PHONE_VERIFY`, or a word of the calling service. A code for one
/// purpose does not pass for another (ASVS 5, 6.6.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purpose(String);

/// A text that is no purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no purpose; expected capital letters, digits and `_`, such as LOGIN, MFA or PHONE_VERIFY")]
pub struct NoPurpose;

impl Purpose {
    /// Reads a purpose: a capital letter, then up to 39 capital letters, digits and `_`.
    ///
    /// # Errors
    ///
    /// The text is something else.
    pub fn parse(text: &str) -> Result<Self, NoPurpose> {
        let known = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        let sound = text.starts_with(|c: char| c.is_ascii_uppercase()) && text.bytes().all(known);
        if sound && text.len() <= 40 { Ok(Self(text.to_owned())) } else { Err(NoPurpose) }
    }

    /// The word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who makes the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker {
    /// This host; the code is derived.
    Host,
    /// Nobody: a number for other teams' tests has the code that the settings name.
    Settings,
    /// Twilio Verify, which sends and checks it too. It is never ours.
    Verify,
}

/// One code that is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Ours; given to the caller.
    pub id: ChallengeId,
    /// Who makes the code.
    pub maker: Maker,
    /// Names the key that the code is derived with.
    pub key_id: String,
    /// Random, for this challenge alone.
    pub nonce: [u8; 16],
    /// Digits of the code.
    pub digits: u8,
    /// What it opens.
    pub purpose: Purpose,
    /// Keyed hash of the phone.
    pub phone_hash: Vec<u8>,
    /// The phone's country.
    pub country: Option<String>,
    /// Keyed hash of where it was asked for from, as the calling service reports it.
    pub from_hash: Option<Vec<u8>>,
    /// Whose key seals its texts.
    pub recipient: String,
    /// Whom the caller named.
    pub named: Option<String>,
    /// The language that the caller asked for.
    pub language: Option<String>,
    /// Asked for with a test key.
    pub test: bool,
    /// Somebody gave the right code, or a newer challenge took its place.
    pub end: Option<End>,
    /// What Twilio Verify calls it, once its code was sent.
    pub verification: Option<String>,
    /// Codes that were tried; each counts before it is compared.
    pub checks: u32,
    /// So many may be tried.
    pub max_checks: u32,
    /// So often its text was sent.
    pub sends: u32,
    /// Not sent again before.
    pub next_send_at: DateTime<Utc>,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// The code's life ends here.
    pub expires_at: DateTime<Utc>,
}

/// How a challenge ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The right code was given; it opens nothing a second time.
    Approved,
    /// A newer challenge for the same phone and purpose took its place.
    Superseded,
    /// Twilio Verify does not wait for it any more.
    Gone,
}

/// Where a challenge stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A code is waited for.
    Open,
    /// The right code was given.
    Approved,
    /// Its life is over, or a newer one took its place.
    Expired,
    /// Too many codes were tried.
    Exhausted,
}

/// How far the clocks of two hosts may differ. A clock that stands further behind a challenge's beginning
/// was set back: the challenge is over, because nobody can tell how old it is.
pub const SKEW: TimeDelta = TimeDelta::seconds(60);

impl Challenge {
    /// Where it stands at a moment.
    #[must_use]
    pub fn standing(&self, now: DateTime<Utc>) -> Standing {
        match self.end {
            Some(End::Approved) => Standing::Approved,
            Some(End::Superseded | End::Gone) => Standing::Expired,
            None if now >= self.expires_at || now < self.created_at - SKEW => Standing::Expired,
            None if self.checks >= self.max_checks => Standing::Exhausted,
            None => Standing::Open,
        }
    }

    /// Codes that may still be tried.
    #[must_use]
    pub fn checks_left(&self) -> u32 {
        self.max_checks.saturating_sub(self.checks)
    }
}

/// When the text may be sent once more, after it was sent so often; `None` when it may not. `gaps` are the
/// waits after the first, the second and each further sending.
#[must_use]
pub fn next_send(gaps: &[TimeDelta], sends: u32, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let index = usize::try_from(sends.checked_sub(1)?).ok()?;
    gaps.get(index).map(|gap| now + *gap)
}

/// How many minutes a text may promise: never more than are left, but for a quarter of a minute that the
/// text itself takes; at least one.
#[must_use]
pub fn minutes_left(expires_at: DateTime<Utc>, now: DateTime<Utc>) -> i64 {
    ((expires_at - now).num_seconds() + 15).div_euclid(60).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge() -> Challenge {
        let created_at = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        Challenge {
            id: ChallengeId(uuid::Uuid::nil()),
            maker: Maker::Host,
            key_id: "k".to_owned(),
            nonce: [0; 16],
            digits: 6,
            purpose: Purpose::parse("LOGIN").unwrap(),
            phone_hash: Vec::new(),
            country: None,
            from_hash: None,
            recipient: "ana".to_owned(),
            named: None,
            language: None,
            test: false,
            end: None,
            verification: None,
            checks: 0,
            max_checks: 3,
            sends: 1,
            next_send_at: created_at,
            created_at,
            expires_at: created_at + TimeDelta::minutes(5),
        }
    }

    #[test]
    fn a_challenge_is_open_from_its_beginning_to_its_end_and_no_longer() {
        let open = challenge();
        for (seconds, standing) in [
            (-61, Standing::Expired),
            (-60, Standing::Open),
            (0, Standing::Open),
            (299, Standing::Open),
            (300, Standing::Expired),
        ] {
            assert_eq!(open.standing(open.created_at + TimeDelta::seconds(seconds)), standing, "{seconds}");
        }
        let now = open.created_at;
        assert_eq!(Challenge { checks: 3, ..challenge() }.standing(now), Standing::Exhausted);
        let used = Challenge { checks: 3, end: Some(End::Approved), ..challenge() };
        assert_eq!(used.standing(now + TimeDelta::hours(1)), Standing::Approved);
        for end in [End::Superseded, End::Gone] {
            assert_eq!(Challenge { end: Some(end), ..challenge() }.standing(now), Standing::Expired);
        }
    }

    #[test]
    fn a_text_is_sent_again_after_ever_longer_waits() {
        let gaps = [30, 60, 120].map(TimeDelta::seconds);
        let now = challenge().created_at;
        let wait = |sends| next_send(&gaps, sends, now).map(|at| (at - now).num_seconds());
        assert_eq!([0, 1, 2, 3, 4].map(wait), [None, Some(30), Some(60), Some(120), None]);
    }

    #[test]
    fn a_text_promises_no_more_minutes_than_are_left() {
        let now = challenge().created_at;
        let minutes = |seconds| minutes_left(now + TimeDelta::seconds(seconds), now);
        assert_eq!([300, 285, 284, 90, 60, 20, 0].map(minutes), [5, 5, 4, 1, 1, 1, 1]);
    }

    #[test]
    fn a_purpose_is_a_word_in_capitals() {
        for text in ["LOGIN", "MFA", "PHONE_VERIFY", "RX2"] {
            assert_eq!(Purpose::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "login", "2FA", "LOG IN", "LOGIN\n", &"A".repeat(41)] {
            assert_eq!(Purpose::parse(text), Err(NoPurpose), "{text}");
        }
    }
}
