//! `[jwt]`.

use super::ConfigError;
use super::span::Span;
use crate::domain::secret::Secret;
use crate::outbound::{Algorithm, Guard, TokenKeys, TokenSettings, check_jwks};
use chrono::TimeDelta;
use ipnet::IpNet;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// `[jwt]`: whose word is taken for who a patient or doctor is, so that they can change what they want
/// themselves.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Jwt {
    /// `iss` of a token: who signed it.
    pub issuer: Option<String>,
    /// `aud` of a token: that it is for this host.
    pub audience: Option<String>,
    /// How tokens are signed, and in no other way. Left out: `["RS256"]`, and `["HS256"]` with a secret.
    pub algorithms: Vec<Algorithm>,
    /// The claim that says `patient` or `doctor`; with a `/` in front a JSON pointer:
    /// `"/realm_access/roles"`.
    pub role_claim: String,
    /// How far the clock of the issuer may be from ours: `"30s"`, at most `"5m"`.
    pub leeway: Span,
    /// The issuer's keys, as a JWKS file; relative to the home.
    pub jwks_file: Option<PathBuf>,
    /// The issuer's keys, at an address.
    pub jwks_url: Option<String>,
    /// One secret for the issuer and us.
    pub secret: Option<Secret>,
    /// The same in a file, relative to the home.
    pub secret_file: Option<PathBuf>,
    /// Private networks in which `jwks_url` may be, also without TLS: `["10.20.0.0/16"]`.
    pub allow_networks: Vec<IpNet>,
}

impl Default for Jwt {
    fn default() -> Self {
        Self {
            issuer: None,
            audience: None,
            algorithms: Vec::new(),
            role_claim: "role".to_owned(),
            leeway: Span(TimeDelta::seconds(30)),
            jwks_file: None,
            jwks_url: None,
            secret: None,
            secret_file: None,
            allow_networks: Vec::new(),
        }
    }
}

fn wrong<T>(key: &'static str, problem: impl Into<String>) -> Result<T, ConfigError> {
    Err(ConfigError::Value { key, problem: problem.into() })
}

impl Jwt {
    /// Reads the secret from its file, and looks whether the keys in theirs can be used.
    pub(super) fn read_files(&mut self, home: &Path) -> Result<(), ConfigError> {
        if let Some(file) = self.secret_file.take() {
            if self.secret.is_some() {
                return wrong("jwt.secret_file", "gives a secret that is given directly too");
            }
            let path = home.join(file);
            let text = std::fs::read_to_string(&path).map_err(|source| ConfigError::Read { path, source })?;
            self.secret = Some(Secret::new(text.trim()));
        }
        if let Some(file) = &mut self.jwks_file {
            *file = home.join(&file);
            let text =
                std::fs::read(&file).map_err(|source| ConfigError::Read { path: file.clone(), source })?;
            if let Err(error) = check_jwks(&text) {
                return wrong("jwt.jwks_file", format!("cannot be used: {error}"));
            }
        }
        Ok(())
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let keys = [self.jwks_file.is_some(), self.jwks_url.is_some(), self.secret.is_some()];
        let places = keys.into_iter().filter(|is_given| *is_given).count();
        if self.issuer.is_none() && self.audience.is_none() && places == 0 {
            return Ok(());
        }
        let is_empty = |text: &Option<String>| text.as_ref().is_none_or(|text| text.trim().is_empty());
        if is_empty(&self.issuer) {
            return wrong("jwt.issuer", "is missing: the `iss` of the tokens that are believed");
        }
        if is_empty(&self.audience) {
            return wrong("jwt.audience", "is missing: the `aud` of tokens that are meant for this host");
        }
        if places != 1 {
            return wrong(
                "jwt",
                "needs its keys in one place: `jwks_file`, `jwks_url`, or `secret` (or `secret_file`)",
            );
        }
        if !(TimeDelta::zero()..=TimeDelta::minutes(5)).contains(&self.leeway.0) {
            return wrong("jwt.leeway", "is longer than 5m; set the clocks right instead");
        }
        let shortest = |algorithm: &Algorithm| algorithm.shortest_secret();
        if let Some(secret) = &self.secret {
            let algorithms = self.algorithms();
            let Some(shortest) = algorithms.iter().map(shortest).collect::<Option<Vec<_>>>() else {
                return wrong("jwt.algorithms", "names one that needs published keys; a secret is for HS256");
            };
            let shortest = shortest.into_iter().max().unwrap_or_default();
            if secret.expose().len() < shortest {
                return wrong(
                    "jwt.secret",
                    format!("is too short; it needs {shortest} bytes (RFC 7518, 3.2)"),
                );
            }
        } else if self.algorithms().iter().any(|algorithm| shortest(algorithm).is_some()) {
            // A published key must never be taken for a secret.
            return wrong("jwt.algorithms", "names one that needs a secret; published keys are for RS256");
        }
        if let Some(url) = &self.jwks_url
            && let Err(refused) = Guard::new(self.allow_networks.iter().copied()).read(url)
        {
            return wrong("jwt.jwks_url", refused.to_string());
        }
        Ok(())
    }

    fn algorithms(&self) -> Vec<Algorithm> {
        match (self.algorithms.as_slice(), &self.secret) {
            ([], None) => vec![Algorithm::RS256],
            ([], Some(_)) => vec![Algorithm::HS256],
            (named, _) => named.to_vec(),
        }
    }

    pub(super) fn settings(&self) -> Option<TokenSettings> {
        let file = || self.jwks_file.clone().map(TokenKeys::File);
        let url = || self.jwks_url.clone().map(TokenKeys::Url);
        Some(TokenSettings {
            issuer: self.issuer.clone()?,
            audience: self.audience.clone()?,
            algorithms: self.algorithms(),
            role_claim: self.role_claim.clone(),
            leeway: self.leeway.0,
            keys: self.secret.clone().map(TokenKeys::Secret).or_else(file).or_else(url)?,
            allow_networks: self.allow_networks.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), String> {
        let mut jwt: Jwt = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        jwt.read_files(Path::new("/")).and_then(|()| jwt.check()).map_err(|error| error.to_string())
    }

    const WHO: &str = "issuer = 'https://login.clinic.example'\naudience = 'tidings'\n";

    #[test]
    fn a_section_that_could_believe_anybody_is_refused() {
        let secret = "secret = 'a secret of at least 32 bytes, shared'\n";
        let url = "jwks_url = 'https://login.clinic.example/jwks.json'\n";
        for (rest, wrong) in [
            (String::new(), "`jwt` needs its keys in one place"),
            (format!("{secret}{url}"), "`jwt` needs its keys in one place"),
            ("secret = 'short'".to_owned(), "`jwt.secret` is too short; it needs 32 bytes"),
            (format!("{secret}algorithms = ['HS512']"), "it needs 64 bytes"),
            (format!("{secret}algorithms = ['RS256']"), "needs published keys"),
            (format!("{url}algorithms = ['RS256', 'HS256']"), "needs a secret"),
            (format!("{url}algorithms = ['none']"), "`none` is no way to sign"),
            (format!("{url}leeway = '6m'"), "longer than 5m"),
            ("jwks_url = 'http://login.clinic.example/jwks.json'".to_owned(), "is not https"),
            ("jwks_url = 'https://127.0.0.1/jwks.json'".to_owned(), "private address"),
            ("jwks_file = '/dev/null'".to_owned(), "it is no key set"),
            ("secret_file = '/nowhere/at/all'".to_owned(), "cannot be read"),
        ] {
            let error = check(&format!("{WHO}{rest}")).unwrap_err();
            assert!(error.contains(wrong), "{rest}: {error}");
        }
        assert!(check(url).unwrap_err().contains("jwt.issuer"));
        assert!(check(&format!("issuer = 'a'\n{url}")).unwrap_err().contains("jwt.audience"));
        for good in [url.to_owned(), secret.to_owned(), format!("{url}algorithms = ['ES256', 'EdDSA']")] {
            check(&format!("{WHO}{good}")).unwrap();
        }
        check("").unwrap();
    }

    #[test]
    fn how_tokens_are_signed_is_settled_even_when_it_is_left_out() {
        let algorithms = |text: &str| {
            let jwt: Jwt = toml::from_str(&format!("{WHO}{text}")).unwrap();
            jwt.settings().unwrap().algorithms
        };
        assert_eq!(algorithms("jwks_url = 'https://login.clinic.example/'"), [Algorithm::RS256]);
        assert_eq!(algorithms("secret = 'shared'"), [Algorithm::HS256]);
        assert!(Jwt::default().settings().is_none());
    }
}
