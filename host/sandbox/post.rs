//! Webhooks as Twilio makes them: signed, a form, tried again as the fragment of the address says.

use crate::domain::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Client;
use rustls_platform_verifier::BuilderVerifierExt as _;
use sha1::Sha1;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

/// Twilio's own limits for a webhook.
const CONNECT: Duration = Duration::from_secs(5);
const TOTAL: Duration = Duration::from_secs(15);

/// Makes webhooks.
pub(super) struct Poster {
    http: Client,
}

/// One webhook.
pub(super) struct Post<'a> {
    pub(super) url: &'a str,
    pub(super) params: &'a [(String, String)],
    pub(super) token: &'a Secret,
    /// The same for every try.
    pub(super) idempotency_token: String,
    /// Before it is tried again.
    pub(super) retry_delay: Duration,
}

/// What came of it.
pub(super) struct Posted {
    /// The HTTP status of the last answer, if there was one.
    pub(super) answer: Option<u16>,
    pub(super) tries: u32,
}

impl Poster {
    /// Without certificates on this machine it can call plain HTTP only, which is all that a host
    /// beside it needs.
    pub(super) fn new() -> Result<Self, Box<dyn Error + Send + Sync>> {
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let config = || {
            rustls::ClientConfig::builder_with_provider(ring.clone()).with_safe_default_protocol_versions()
        };
        let tls = match config()?.with_platform_verifier() {
            Ok(config) => config,
            Err(_) => config()?.with_root_certificates(rustls::RootCertStore::empty()),
        };
        let http = Client::builder()
            .tls_backend_preconfigured(tls.with_no_client_auth())
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT)
            .timeout(TOTAL)
            .user_agent("TwilioProxy/1.1")
            .build()?;
        Ok(Self { http })
    }

    pub(super) async fn post(&self, post: Post<'_>) -> Posted {
        let (url, fragment) = post.url.split_once('#').unwrap_or((post.url, ""));
        let retry = Retry::read(fragment);
        let signature = sign(post.token, url, post.params);
        let mut tries = 0;
        loop {
            tries += 1;
            let sent = self
                .http
                .post(url)
                .header("X-Twilio-Signature", &signature)
                .header("I-Twilio-Idempotency-Token", &post.idempotency_token)
                .form(post.params)
                .send()
                .await;
            let (answer, cause) = match sent {
                Ok(response) => match response.status().as_u16() {
                    status @ 400..=499 => (Some(status), "4xx"),
                    status @ 500.. => (Some(status), "5xx"),
                    status => return Posted { answer: Some(status), tries },
                },
                Err(error) if error.is_timeout() && !error.is_connect() => (None, "rt"),
                Err(_) => (None, "ct"),
            };
            if tries > retry.count || !retry.covers(cause) {
                return Posted { answer, tries };
            }
            tokio::time::sleep(post.retry_delay).await;
        }
    }
}

/// When a webhook is tried again: by default once, and only when nobody was there.
#[derive(Debug, PartialEq, Eq)]
struct Retry<'a> {
    count: u32,
    policy: &'a str,
}

impl<'a> Retry<'a> {
    /// Reads `rc=5&rp=all`.
    fn read(fragment: &'a str) -> Self {
        let find =
            |name: &str| fragment.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let count = find("rc").and_then(|count| count.parse().ok()).unwrap_or(1);
        Self { count: u32::min(count, 5), policy: find("rp").unwrap_or("ct") }
    }

    fn covers(&self, cause: &str) -> bool {
        self.policy.split(',').any(|word| word == "all" || word == cause)
    }
}

/// Twilio's signature, from Twilio's side.
fn sign(token: &Secret, url: &str, params: &[(String, String)]) -> String {
    let mut sorted: Vec<_> = params.iter().collect();
    sorted.sort();
    sorted.dedup();
    let mut hmac =
        Hmac::<Sha1>::new_from_slice(token.expose().as_bytes()).expect("HMAC takes a key of any length");
    hmac.update(url.as_bytes());
    for (name, value) in sorted {
        hmac.update(name.as_bytes());
        hmac.update(value.as_bytes());
    }
    STANDARD.encode(hmac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fragment_says_how_often_and_for_what_it_is_tried_again() {
        let retry = Retry::read("rc=5&rp=all");
        assert!(retry.count == 5 && retry.covers("5xx") && retry.covers("ct"));
        let retry = Retry::read("ct=3000&rc=2&rp=ct,rt");
        assert!(retry.count == 2 && retry.covers("rt") && !retry.covers("5xx"));
        assert_eq!(Retry::read(""), Retry { count: 1, policy: "ct" });
        assert_eq!(Retry::read("rc=99").count, 5);
    }
}
