//! The keys that sign-ins are checked by, where they are published (JSON Web Key Set, RFC 7517): a file, or
//! an address that is called through the guard. They are read when they are first needed, again when they
//! are old or a token names one that is not among them, and at most once a minute; where that fails, the
//! last good ones stay.

use super::{CallError, Caller};
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, Header};
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Keys that were read so long ago are read again: one that was taken back ends with this.
const FRESH: TimeDelta = TimeDelta::minutes(10);

/// Nobody can have us ask more often than this, whatever keys their tokens name.
const BETWEEN: TimeDelta = TimeDelta::minutes(1);

/// The largest set, in bytes.
const LARGEST: usize = 256 * 1024;

/// RFC 7518, 3.3: an RSA key has 2048 bits or more.
const SHORTEST_RSA: usize = 256;

/// Why a key set could not be read.
#[derive(Debug, thiserror::Error)]
pub enum JwksError {
    /// The file.
    #[error("the key set cannot be read")]
    File(#[from] std::io::Error),
    /// The address.
    #[error("the key set cannot be fetched")]
    Call(#[from] CallError),
    /// Somebody answered, but not with keys.
    #[error("the key set's address answered with status {0}")]
    Status(u16),
    /// It is no key set.
    #[error("it is no key set; expected JSON such as {{\"keys\": [...]}}")]
    Malformed(#[from] serde_json::Error),
    /// It has no public key for signatures that we can use.
    #[error("the key set holds no public key that signatures can be checked by")]
    Empty,
}

/// A key that signatures can be checked by.
struct Key {
    id: Option<String>,
    algorithm: Option<Algorithm>,
    checks: DecodingKey,
}

impl Key {
    /// `None` for what is no public key, is not meant for signatures, or is too weak.
    fn read(value: serde_json::Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
            return None;
        }
        let algorithm = match jwk.common.key_algorithm {
            Some(algorithm) => Some(algorithm.to_string().parse().ok()?),
            None => None,
        };
        let key = DecodingKey::from_jwk(&jwk).ok()?;
        let is_usable = match key.family() {
            // A secret that stands in a published set is none.
            AlgorithmFamily::Hmac => false,
            AlgorithmFamily::Rsa => matches!(key.kind(),
                DecodingKeyKind::RsaModulusExponent { n, .. } if n.iter().skip_while(|byte| **byte == 0).count() >= SHORTEST_RSA),
            AlgorithmFamily::Ec | AlgorithmFamily::Ed => true,
        };
        is_usable.then_some(Self { id: jwk.common.key_id, algorithm, checks: key })
    }

    /// Whether a token with this header may be signed by it.
    fn fits(&self, header: &Header) -> bool {
        let is_named = header.kid.is_none() || self.id.is_none() || header.kid == self.id;
        let is_meant = self.algorithm.is_none_or(|algorithm| algorithm == header.alg);
        is_named && is_meant && self.checks.family() == header.alg.family()
    }
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<serde_json::Value>,
}

fn read(text: &[u8]) -> Result<Arc<[Key]>, JwksError> {
    let set: KeySet = serde_json::from_slice(text)?;
    let keys: Arc<[Key]> = set.keys.into_iter().filter_map(Key::read).collect();
    if keys.is_empty() { Err(JwksError::Empty) } else { Ok(keys) }
}

/// Whether a file's text is a key set that can be used.
///
/// # Errors
///
/// It is not, and why.
pub fn check_jwks(text: &[u8]) -> Result<(), JwksError> {
    read(text).map(drop)
}

/// Where a key set is published.
#[derive(Clone, Debug)]
pub(super) enum Place {
    File(PathBuf),
    Url(String),
}

/// A published key set, as it was when it was last read.
pub(super) struct Jwks {
    place: Place,
    caller: Caller,
    known: Mutex<Known>,
    /// Held by the one who asks.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Clone, Default)]
struct Known {
    keys: Option<Arc<[Key]>>,
    read_at: Option<DateTime<Utc>>,
    asked_at: Option<DateTime<Utc>>,
}

impl Known {
    fn fitting(&self, header: &Header) -> Vec<DecodingKey> {
        let keys = self.keys.iter().flat_map(|keys| keys.iter());
        keys.filter(|key| key.fits(header)).map(|key| key.checks.clone()).collect()
    }
}

/// Whether that was less than a span ago. A clock that was set back makes everything long ago.
fn is_within(span: TimeDelta, at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    at.is_some_and(|at| (TimeDelta::zero()..span).contains(&(now - at)))
}

impl Jwks {
    pub(super) fn new(place: Place, caller: Caller) -> Self {
        Self { place, caller, known: Mutex::default(), asking: tokio::sync::Mutex::default() }
    }

    /// The keys that a token with this header may be signed by; `None` while no keys could be read at all.
    pub(super) async fn fitting(&self, header: &Header, now: DateTime<Utc>) -> Option<Vec<DecodingKey>> {
        let known = self.known();
        let found = known.fitting(header);
        if found.is_empty() {
            let _asking = self.asking.lock().await;
            self.ask_unless(|known| !known.fitting(header).is_empty(), now).await;
        } else {
            // Who has a key goes on with it while somebody else asks.
            let Ok(_asking) = self.asking.try_lock() else { return Some(found) };
            self.ask_unless(|known| is_within(FRESH, known.read_at, now), now).await;
        }
        let known = self.known();
        known.keys.is_some().then(|| known.fitting(header))
    }

    async fn ask_unless(&self, is_good: impl FnOnce(&Known) -> bool, now: DateTime<Utc>) {
        let known = self.known();
        if is_good(&known) || is_within(BETWEEN, known.asked_at, now) {
            return;
        }
        let read = self.read().await;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.asked_at = Some(now);
        match read {
            Ok(keys) => (known.keys, known.read_at) = (Some(keys), Some(now)),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "the keys that sign-ins are checked by could not be read");
            }
        }
    }

    async fn read(&self) -> Result<Arc<[Key]>, JwksError> {
        match &self.place {
            Place::File(path) => read(&tokio::fs::read(path).await?),
            Place::Url(address) => {
                let answer = self.caller.get(address, LARGEST).await?;
                if answer.status == 200 { read(&answer.body) } else { Err(JwksError::Status(answer.status)) }
            }
        }
    }

    fn known(&self) -> Known {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
