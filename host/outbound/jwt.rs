//! Who signed in elsewhere: JSON Web Tokens (RFC 7519, and RFC 8725 on what can go wrong). Which
//! algorithms are believed is settled here and never by the token; the time is ours.

use super::jwks::{Jwks, Place};
use super::{Caller, Guard};
use crate::domain::recipient::Role;
use crate::domain::secret::Secret;
use chrono::{DateTime, TimeDelta, Utc};
use ipnet::IpNet;
use jsonwebtoken::{AlgorithmFamily, DecodingKey, Validation};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;

/// A way to sign, by its name in RFC 7518: `RS256`, `ES256`, `EdDSA`, `HS256`. `none` is no such way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Algorithm(jsonwebtoken::Algorithm);

impl Algorithm {
    /// With a published key.
    pub const RS256: Self = Self(jsonwebtoken::Algorithm::RS256);
    /// With a shared secret.
    pub const HS256: Self = Self(jsonwebtoken::Algorithm::HS256);

    /// So many bytes a shared secret has at the least (RFC 7518, 3.2); `None` where keys are published.
    #[must_use]
    pub const fn shortest_secret(self) -> Option<usize> {
        match self.0 {
            jsonwebtoken::Algorithm::HS256 => Some(32),
            jsonwebtoken::Algorithm::HS384 => Some(48),
            jsonwebtoken::Algorithm::HS512 => Some(64),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Algorithm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let known =
            "expected RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA, HS256, HS384 or HS512";
        let wrong = |_| serde::de::Error::custom(format!("`{name}` is no way to sign; {known}"));
        name.parse().map(Self).map_err(wrong)
    }
}

/// Where the keys are.
#[derive(Clone, Debug)]
pub enum TokenKeys {
    /// One secret, shared with whoever signs.
    Secret(Secret),
    /// A key set in a file.
    File(PathBuf),
    /// A key set at an address.
    Url(String),
}

/// Whose tokens are believed.
#[derive(Clone, Debug)]
pub struct TokenSettings {
    /// `iss`: who signs.
    pub issuer: String,
    /// `aud`: for whom.
    pub audience: String,
    /// These and no others.
    pub algorithms: Vec<Algorithm>,
    /// The claim that says `patient` or `doctor`, alone or in a list; with a `/` in front a JSON pointer.
    pub role_claim: String,
    /// How far the clocks may be apart.
    pub leeway: TimeDelta,
    /// Where the keys are.
    pub keys: TokenKeys,
    /// Private networks in which the keys may be published.
    pub allow_networks: Vec<IpNet>,
}

/// Somebody who signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// `sub`: the clinic's id of the person.
    pub recipient: String,
    /// Patient or doctor.
    pub role: Role,
}

/// Why a token is not believed. Nothing of the token is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It says nothing that we can rely on.
    #[error("the token {0}")]
    Refused(&'static str),
    /// It is good, and its bearer is neither patient nor doctor.
    #[error("the token's role is neither patient nor doctor")]
    Role,
    /// There are no keys to check it by yet; the log says why.
    #[error("the keys that sign-ins are checked by cannot be read")]
    NoKeys,
    /// `[jwt]` is not configured.
    #[error("this host takes no sign-ins")]
    Off,
}

/// Checks tokens.
pub struct Tokens {
    settings: TokenSettings,
    keys: Keys,
}

enum Keys {
    Secret(DecodingKey),
    Published(Box<Jwks>),
}

impl Tokens {
    /// Makes ready to check; keys are read when the first token comes.
    #[must_use]
    pub fn new(settings: TokenSettings) -> Self {
        let caller = Caller::new(Guard::new(settings.allow_networks.iter().copied()));
        let published = |place| Keys::Published(Box::new(Jwks::new(place, caller)));
        let keys = match &settings.keys {
            TokenKeys::Secret(secret) => Keys::Secret(DecodingKey::from_secret(secret.expose().as_bytes())),
            TokenKeys::File(path) => published(Place::File(path.clone())),
            TokenKeys::Url(address) => published(Place::Url(address.clone())),
        };
        Self { settings, keys }
    }

    /// Whom the token speaks for, at this moment.
    ///
    /// # Errors
    ///
    /// It is not believed, or there is nothing to check it by.
    pub async fn check(&self, token: &str, now: DateTime<Utc>) -> Result<SignedIn, TokenError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| {
            TokenError::Refused("is no JSON Web Token, or is signed in a way that is not known")
        })?;
        if !self.settings.algorithms.contains(&Algorithm(header.alg)) {
            return Err(TokenError::Refused("is signed in a way that `jwt.algorithms` does not name"));
        }
        // RFC 7515, 4.1.11: what must be understood and is not makes the token invalid.
        if header.crit.is_some() {
            return Err(TokenError::Refused("demands an extension that this host does not know"));
        }
        let keys = match &self.keys {
            Keys::Secret(key) if header.alg.family() == AlgorithmFamily::Hmac => vec![key.clone()],
            Keys::Secret(_) => Vec::new(),
            Keys::Published(jwks) => jwks.fitting(&header, now).await.ok_or(TokenError::NoKeys)?,
        };
        let claims = self.claims(token, header.alg, &keys)?;
        self.check_time(&claims, now)?;
        let recipient = claims["sub"].as_str().unwrap_or_default().to_owned();
        if recipient.is_empty() {
            return Err(TokenError::Refused("names nobody; `sub` is the person's id"));
        }
        let role = role(&claims, &self.settings.role_claim).ok_or(TokenError::Role)?;
        Ok(SignedIn { recipient, role })
    }

    /// What the token says, once its signature, issuer and audience are right.
    fn claims(
        &self,
        token: &str,
        algorithm: jsonwebtoken::Algorithm,
        keys: &[DecodingKey],
    ) -> Result<Value, TokenError> {
        let mut validation = Validation::new(algorithm);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[&self.settings.issuer]);
        validation.set_audience(&[&self.settings.audience]);
        // The library asks the machine for the time; we ask our clock.
        (validation.validate_exp, validation.validate_nbf) = (false, false);
        let mut why = TokenError::Refused("is signed with a key that is not known");
        for key in keys {
            match jsonwebtoken::decode(token, key, &validation) {
                Ok(decoded) => return Ok(decoded.claims),
                Err(error) => why = TokenError::Refused(words(error.kind())),
            }
        }
        Err(why)
    }

    fn check_time(&self, claims: &Value, now: DateTime<Utc>) -> Result<(), TokenError> {
        let leeway = self.settings.leeway;
        let expires = moment(&claims["exp"]).ok_or(TokenError::Refused("has no moment in `exp`"))?;
        if now >= expires + leeway {
            return Err(TokenError::Refused("has expired"));
        }
        let begins = match &claims["nbf"] {
            Value::Null => None,
            nbf => Some(moment(nbf).ok_or(TokenError::Refused("has no moment in `nbf`"))?),
        };
        if begins.is_some_and(|begins| now + leeway < begins) {
            return Err(TokenError::Refused("is not valid yet"));
        }
        Ok(())
    }
}

fn words(error: &jsonwebtoken::errors::ErrorKind) -> &'static str {
    use jsonwebtoken::errors::ErrorKind;
    match error {
        ErrorKind::InvalidSignature => "has a signature that is not right",
        ErrorKind::InvalidIssuer => "is of another issuer than `jwt.issuer`",
        ErrorKind::InvalidAudience => "is for another audience than `jwt.audience`",
        ErrorKind::MissingRequiredClaim(_) => "lacks one of `exp`, `iss`, `aud` and `sub`",
        _ => "cannot be read",
    }
}

/// Seconds since 1970, whole or not (RFC 7519, 2); none before that, nor beyond what a calendar holds.
fn moment(claim: &Value) -> Option<DateTime<Utc>> {
    let since = Duration::try_from_secs_f64(claim.as_f64()?).ok()?;
    // Room is left for the leeway.
    DateTime::UNIX_EPOCH
        .checked_add_signed(TimeDelta::from_std(since).ok()?)
        .filter(|moment| *moment < DateTime::<Utc>::MAX_UTC - TimeDelta::days(1))
}

/// Patient or doctor, as far as a claim says so: `"patient"`, `"DOCTOR"`, `["clerk", "doctor"]`.
fn role(claims: &Value, claim: &str) -> Option<Role> {
    let said = if claim.starts_with('/') { claims.pointer(claim)? } else { claims.get(claim)? };
    let words: Vec<&str> = match said {
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    let is = |role: &Role| words.iter().any(|word| word.eq_ignore_ascii_case(role.name()));
    [Role::Patient, Role::Doctor].into_iter().find(is)
}
