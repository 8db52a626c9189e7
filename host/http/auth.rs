//! Who calls: API keys and their scopes.

use super::Api;
use super::problem::Problem;
use crate::service::Caller;
use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

/// The caller, once their key is checked.
pub(crate) struct Key(pub(crate) Caller);

impl Key {
    /// The caller, if their key may do this.
    pub(crate) fn with(self, scope: &str) -> Result<Caller, Problem> {
        if self.0.scopes.iter().any(|held| held == scope) {
            Ok(self.0)
        } else {
            Err(Problem::forbidden(format!("the API key lacks the scope {scope}")))
        }
    }
}

impl FromRequestParts<Api> for Key {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let key = header
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, key)| key.trim())
            .ok_or_else(|| Problem::unauthorized("send the API key as `Authorization: Bearer tdg_…`"))?;
        Ok(Self(api.host.caller(key).await?))
    }
}
