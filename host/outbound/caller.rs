//! The client that calls others: through the guard, without redirects, proxies or patience.

use super::guard::{Guard, Refused};
use reqwest::{Client, RequestBuilder, Response, Url};
use rustls_platform_verifier::BuilderVerifierExt as _;
use std::error::Error;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Longest time for a connection, and for a whole call.
const CONNECT: Duration = Duration::from_secs(5);
const TOTAL: Duration = Duration::from_secs(15);

/// Why a call came to nothing. No address in it: an address may say more than a log should.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The guard does not let it through.
    #[error("the address {0}")]
    Refused(#[from] Refused),
    /// The machine has no certificates to check the other side by.
    #[error("the connection could not be prepared")]
    Tls(#[source] Box<dyn Error + Send + Sync>),
    /// No answer, or not a whole one.
    #[error("there was no answer")]
    NoAnswer(#[source] reqwest::Error),
    /// The answer is longer than anything that is expected.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
}

/// What the other side answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status; redirects are not followed.
    pub status: u16,
    /// How long it asks us to wait, in whole seconds.
    pub retry_after: Option<Duration>,
    /// The body, where it was asked for.
    pub body: Vec<u8>,
}

/// Calls others. Clones share the connections.
#[derive(Clone)]
pub struct Caller {
    guard: Guard,
    clients: Arc<Clients>,
}

#[derive(Default)]
struct Clients {
    /// Made when they are first needed: a host that calls nobody may have no certificates.
    tls: OnceLock<Client>,
    plain: OnceLock<Client>,
}

impl Caller {
    /// Makes a caller; nothing is called yet.
    #[must_use]
    pub fn new(guard: Guard) -> Self {
        Self { guard, clients: Arc::default() }
    }

    /// The guard that every call passes.
    #[must_use]
    pub const fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Fetches a document of at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// The address is refused, nobody answers, or with more than that.
    pub async fn get(&self, address: &str, limit: usize) -> Result<Answer, CallError> {
        let url = self.guard.read(address)?;
        let response = send(self.client(&url)?.get(url)).await?;
        let mut answer = answered(&response);
        answer.body = read(response, limit).await?;
        Ok(answer)
    }

    /// Posts JSON. Of the answer only its head is read.
    ///
    /// # Errors
    ///
    /// The address is refused, or nobody answers.
    pub async fn post(
        &self,
        address: &str,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
    ) -> Result<Answer, CallError> {
        let url = self.guard.read(address)?;
        let mut request = self.client(&url)?.post(url).header("content-type", "application/json").body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        send(request).await.map(|response| answered(&response))
    }

    fn client(&self, url: &Url) -> Result<&Client, CallError> {
        let plain = url.scheme() == "http";
        let cell = if plain { &self.clients.plain } else { &self.clients.tls };
        if let Some(client) = cell.get() {
            return Ok(client);
        }
        let client = Client::builder()
            .tls_backend_preconfigured(tls(plain)?)
            .dns_resolver(self.guard.resolver(plain))
            // A redirect leads where nobody has checked, and a proxy resolves names by itself.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT)
            .timeout(TOTAL)
            .user_agent(concat!("tidings/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| CallError::Tls(error.into()))?;
        Ok(cell.get_or_init(|| client))
    }
}

async fn send(request: RequestBuilder) -> Result<Response, CallError> {
    request
        .send()
        .await
        .map_err(|error| refusal_in(&error).map_or_else(|| no_answer(error), CallError::Refused))
}

/// The resolver's refusal comes back inside the client's error.
fn refusal_in(error: &reqwest::Error) -> Option<Refused> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref::<Refused>() {
            return Some(*refused);
        }
        cause = error.source();
    }
    None
}

fn no_answer(error: reqwest::Error) -> CallError {
    CallError::NoAnswer(error.without_url())
}

fn answered(response: &Response) -> Answer {
    let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
    Answer {
        status: response.status().as_u16(),
        retry_after: retry_after.and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs),
        body: Vec::new(),
    }
}

async fn read(mut response: Response, limit: usize) -> Result<Vec<u8>, CallError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(no_answer)? {
        body.extend_from_slice(&chunk);
        if body.len() > limit {
            return Err(CallError::TooLong(limit));
        }
    }
    Ok(body)
}

/// TLS by ring, as for Twilio. Plain http needs no certificates.
fn tls(plain: bool) -> Result<rustls::ClientConfig, CallError> {
    let failed = |error: rustls::Error| CallError::Tls(error.into());
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    let config = if plain {
        config.with_root_certificates(rustls::RootCertStore::empty())
    } else {
        config.with_platform_verifier().map_err(failed)?
    };
    Ok(config.with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::{get, post};
    use tokio::net::TcpListener;

    async fn server() -> u16 {
        let router = Router::new()
            .route("/keys", get(|| async { "0123456789" }))
            .route(
                "/hook",
                post(|| async { (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "7")], "no") }),
            )
            .route("/away", get(|| async { (StatusCode::FOUND, [("location", "http://127.0.0.1:1/")]) }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        port
    }

    fn caller(allowed: &[&str]) -> Caller {
        Caller::new(Guard::new(allowed.iter().map(|network| network.parse().unwrap())))
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_refused_at_the_moment_of_connecting() {
        let port = server().await;
        // The name passes every check of its letters; only its numbers tell.
        let refused = caller(&[]).get(&format!("https://localhost:{port}/keys"), 100).await.unwrap_err();
        assert!(matches!(refused, CallError::Refused(Refused::Private)), "{refused:?}");
        let refused =
            caller(&["10.0.0.0/8"]).get(&format!("http://localhost:{port}/keys"), 100).await.unwrap_err();
        assert!(matches!(refused, CallError::Refused(Refused::Private)), "{refused:?}");
    }

    #[tokio::test]
    async fn an_allowed_network_is_called_by_number_and_by_name() {
        let port = server().await;
        let caller = caller(&["127.0.0.0/8", "::1/128"]);
        for name in ["127.0.0.1", "localhost"] {
            let answer = caller.get(&format!("http://{name}:{port}/keys"), 10).await.unwrap();
            assert_eq!((answer.status, answer.body.as_slice()), (200, &b"0123456789"[..]));
        }
        let answer = caller.post(&format!("http://127.0.0.1:{port}/hook"), &[], Vec::new()).await.unwrap();
        assert_eq!((answer.status, answer.retry_after), (503, Some(Duration::from_secs(7))));
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_a_long_document_is_none() {
        let port = server().await;
        let caller = caller(&["127.0.0.0/8"]);
        assert_eq!(caller.get(&format!("http://127.0.0.1:{port}/away"), 10).await.unwrap().status, 302);
        let long = caller.get(&format!("http://127.0.0.1:{port}/keys"), 9).await.unwrap_err();
        assert!(matches!(long, CallError::TooLong(9)), "{long:?}");
    }
}
