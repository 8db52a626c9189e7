//! The calls to Twilio's Messages resource.

use super::settings::{SettingsError, TwilioSettings, is_sid};
use super::wire::{self, Resource};
use super::{BoxFuture, ListPage, LookUpError, Outgoing, Provider, Sender};
use crate::domain::failure::{ListedText, SendOutcome};
use crate::domain::phone::PhoneNumber;
use crate::domain::secret::Secret;
use chrono::{DateTime, NaiveDate, Utc};
use reqwest::header::{ACCEPT, DATE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use rustls_platform_verifier::BuilderVerifierExt as _;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

/// An idle connection is let go long before the other side does: a request on a connection that is
/// being closed is a text of unknown fate.
const IDLE: Duration = Duration::from_secs(20);

/// Longer than any answer Twilio documents: a page of 1000 texts of 1600 characters, escaped.
const LONGEST_ANSWER: usize = 16 << 20;

/// Twilio's limits for the time in its queue, in seconds.
const VALIDITY: (u64, u64) = (1, 36_000);

/// Talks to Twilio, or to whatever speaks like it at `base_url`.
#[derive(Clone)]
pub struct TwilioClient {
    http: Client,
    base: String,
    account_sid: String,
    verify_service: Option<String>,
    user: String,
    password: Secret,
}

impl TwilioClient {
    /// Makes a client ready; nothing is called yet.
    ///
    /// # Errors
    ///
    /// The settings are incomplete, or the machine has no certificates to check Twilio's by.
    pub fn new(settings: &TwilioSettings) -> Result<Self, SettingsError> {
        settings.check()?;
        let base = base_url(&settings.base_url)?;
        let config = tls(base.scheme() == "https")?;
        Self::with_tls(settings, &base, config)
    }

    fn with_tls(
        settings: &TwilioSettings,
        base: &Url,
        config: rustls::ClientConfig,
    ) -> Result<Self, SettingsError> {
        let mut http = Client::builder()
            .tls_backend_preconfigured(config)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.timeout)
            .pool_idle_timeout(IDLE)
            .user_agent(concat!("tidings/", env!("CARGO_PKG_VERSION")));
        if base.scheme() == "http" {
            // The inner Twilio is on this machine, where a proxy of the clinic cannot go.
            http = http.no_proxy();
        }
        let http = http.build().map_err(|error| SettingsError::Tls(error.into()))?;
        let (user, password) = match (&settings.api_key, &settings.api_key_secret) {
            (Some(key), Some(secret)) => (key.clone(), secret.clone()),
            _ => (settings.account_sid.clone(), settings.auth_token.clone()),
        };
        Ok(Self {
            http,
            base: base.as_str().trim_end_matches('/').to_owned(),
            account_sid: settings.account_sid.clone(),
            verify_service: settings.verify_service_sid.clone(),
            user,
            password,
        })
    }

    pub(super) fn request(&self, method: Method, url: &str) -> RequestBuilder {
        self.unsigned(method, url)
            .basic_auth(&self.user, Some(self.password.expose()))
            .header(ACCEPT, "application/json")
    }

    /// A call without our credentials: they are for Twilio alone.
    pub(super) fn unsigned(&self, method: Method, url: &str) -> RequestBuilder {
        self.http.request(method, url)
    }

    pub(super) fn base(&self) -> &str {
        &self.base
    }

    pub(super) fn verify_service(&self) -> Option<&str> {
        self.verify_service.as_deref()
    }

    pub(super) fn account_url(&self) -> String {
        format!("{}/2010-04-01/Accounts/{}", self.base, self.account_sid)
    }

    pub(super) fn messages(&self) -> String {
        format!("{}/2010-04-01/Accounts/{}/Messages.json", self.base, self.account_sid)
    }

    fn message(&self, sid: &str) -> Result<String, LookUpError> {
        if !is_sid(sid, &["SM", "MM"]) {
            return Err(LookUpError::NotASid);
        }
        Ok(format!("{}/2010-04-01/Accounts/{}/Messages/{sid}.json", self.base, self.account_sid))
    }

    async fn create(&self, text: &Outgoing) -> SendOutcome {
        self.post_once(&self.messages(), &form(text)).await.0
    }

    /// Makes a call that sends something: what is known of it, and the body of the answer.
    pub(super) async fn post_once(
        &self,
        url: &str,
        form: &[(&'static str, String)],
    ) -> (SendOutcome, Vec<u8>) {
        let response = match self.request(Method::POST, url).form(form).send().await {
            Ok(response) => response,
            Err(error) => return (lost(error), Vec::new()),
        };
        let status = response.status();
        log_answer(&response);
        let header = |headers: &HeaderMap, name| {
            headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        let asked = header(response.headers(), RETRY_AFTER);
        let date = header(response.headers(), DATE);
        let retry_after = wire::retry_after(asked.as_deref(), date.as_deref());
        // A status without its body is still an answer; a 2xx without its SID is not.
        let body = read(response).await.unwrap_or_default();
        (wire::outcome(status.as_u16(), retry_after, &body), body)
    }

    /// Asks about a text or a page; `None` when there is none.
    pub(super) async fn ask(&self, request: RequestBuilder) -> Result<Option<Vec<u8>>, LookUpError> {
        let unanswered = |error: reqwest::Error| LookUpError::NoAnswer(error.without_url());
        let response = request.send().await.map_err(unanswered)?;
        let status = response.status();
        log_answer(&response);
        let body = read(response).await.map_err(unanswered)?;
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if !status.is_success() {
            return Err(LookUpError::Refused(wire::error(status.as_u16(), &body)));
        }
        Ok(Some(body))
    }

    async fn look_up(&self, sid: &str) -> Result<Option<ListedText>, LookUpError> {
        if is_sid(sid, &["VL"]) {
            return self.sending(sid).await;
        }
        let url = self.message(sid)?;
        let Some(body) = self.ask(self.request(Method::GET, &url)).await? else { return Ok(None) };
        let resource: Resource = read_json(&body)?;
        resource.listed().map(Some).ok_or(LookUpError::Unreadable)
    }

    async fn empty(&self, sid: &str) -> Result<(), LookUpError> {
        let url = self.message(sid)?;
        self.ask(self.request(Method::POST, &url).form(&[("Body", "")])).await.map(drop)
    }
}

impl Provider for TwilioClient {
    fn send<'a>(&'a self, text: &'a Outgoing) -> BoxFuture<'a, SendOutcome> {
        Box::pin(self.create(text))
    }

    fn fetch<'a>(&'a self, sid: &'a str) -> BoxFuture<'a, Result<Option<ListedText>, LookUpError>> {
        Box::pin(self.look_up(sid))
    }

    fn list<'a>(
        &'a self,
        to: &'a PhoneNumber,
        since: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Vec<ListedText>, LookUpError>> {
        Box::pin(self.all_to(to, since))
    }

    fn list_page<'a>(
        &'a self,
        to: &'a PhoneNumber,
        from: Option<&'a str>,
    ) -> BoxFuture<'a, Result<ListPage, LookUpError>> {
        Box::pin(self.page_to(to, from))
    }

    fn list_day(&self, day: NaiveDate) -> BoxFuture<'_, Result<Vec<ListedText>, LookUpError>> {
        Box::pin(async move { self.listed(("DateSent", &day.to_string())).await })
    }

    fn date(&self) -> BoxFuture<'_, Option<DateTime<Utc>>> {
        Box::pin(async { self.clock().await.ok().flatten() })
    }

    fn redact<'a>(&'a self, sid: &'a str) -> BoxFuture<'a, Result<(), LookUpError>> {
        Box::pin(self.empty(sid))
    }
}

/// The fields of one text, as Twilio names them.
fn form(text: &Outgoing) -> Vec<(&'static str, String)> {
    let from = match &text.from {
        Sender::Number(number) => ("From", number.clone()),
        Sender::Service(sid) => ("MessagingServiceSid", sid.clone()),
    };
    let mut form = vec![("To", text.to.e164().to_owned()), from, ("Body", text.body.expose().to_owned())];
    if let Some(url) = &text.status_callback {
        form.push(("StatusCallback", url.clone()));
    }
    if let Some(validity) = text.validity {
        form.push(("ValidityPeriod", validity.as_secs().clamp(VALIDITY.0, VALIDITY.1).to_string()));
    }
    form
}

/// What is known of a text whose call got no answer. Only an error of connecting proves that no byte
/// left; a time-out while connecting is one, too.
fn lost(error: reqwest::Error) -> SendOutcome {
    let reached = !(error.is_connect() || error.is_builder());
    let what = match (reached, error.is_timeout()) {
        (false, true) => "No connection to Twilio in time",
        (false, false) => "No connection to Twilio",
        (true, true) => "Twilio did not answer in time",
        (true, false) => "The connection to Twilio broke off",
    };
    let error = error.without_url();
    let mut cause: &dyn Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let error = wire::no_answer(&format!("{what}: {cause}."), reached);
    if reached { SendOutcome::Unknown(error) } else { SendOutcome::NotReached(error) }
}

/// Twilio's support asks for this identifier first.
fn log_answer(response: &Response) {
    let request_id = response.headers().get("Twilio-Request-Id").and_then(|id| id.to_str().ok());
    tracing::debug!(request_id, http_status = response.status().as_u16(), "Twilio answered");
}

/// The body, cut where no answer of Twilio's ends.
async fn read(mut response: Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST_ANSWER {
            break;
        }
    }
    Ok(body)
}

pub(super) fn read_json<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, LookUpError> {
    serde_json::from_slice(body).map_err(|_| LookUpError::Unreadable)
}

fn base_url(text: &str) -> Result<Url, SettingsError> {
    let wrong = |problem| SettingsError::Invalid { field: "base_url", problem };
    let url = Url::parse(text).map_err(|_| wrong("is not a URL"))?;
    let host = url.host_str().unwrap_or_default();
    match url.scheme() {
        "https" | "http" if host.is_empty() => Err(wrong("has no host")),
        "http" if host == "twilio.com" || host.ends_with(".twilio.com") => Err(wrong("must be https")),
        "https" | "http"
            if !url.username().is_empty() || url.query().is_some() || url.fragment().is_some() =>
        {
            Err(wrong("must be a plain address, without user, query or fragment"))
        }
        "https" | "http" => Ok(url),
        _ => Err(wrong("must be https")),
    }
}

/// TLS by ring, named here so that no default of the process decides. The machine's certificates
/// are read only when they are needed: a host with the inner Twilio may have none.
fn tls(needed: bool) -> Result<rustls::ClientConfig, SettingsError> {
    let failed = |error: rustls::Error| SettingsError::Tls(error.into());
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    let config = if needed {
        config.with_platform_verifier().map_err(failed)?
    } else {
        config.with_root_certificates(rustls::RootCertStore::empty())
    };
    Ok(config.with_no_client_auth())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::twilio) fn client(base: &str) -> TwilioClient {
        let settings = TwilioSettings {
            account_sid: format!("AC{}", "a".repeat(32)),
            auth_token: Secret::new("token"),
            connect_timeout: Duration::from_millis(300),
            ..TwilioSettings::default()
        };
        TwilioClient::with_tls(&settings, &base_url(base).unwrap(), tls(false).unwrap()).unwrap()
    }

    #[test]
    fn twilio_itself_is_called_by_https_only() {
        for url in ["http://api.twilio.com", "ftp://x", "https://u@api.twilio.com", "https://x/?a", "twilio"]
        {
            assert!(base_url(url).is_err(), "{url}");
        }
        base_url("https://api.sydney.au1.twilio.com").unwrap();
        base_url("http://127.0.0.1:4010").unwrap();
    }

    #[tokio::test]
    async fn a_host_that_does_not_speak_tls_or_says_nothing_is_not_reached() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let text = Outgoing {
            to: PhoneNumber::parse("+12025550143", None).unwrap(),
            from: Sender::Number("+15005550006".to_owned()),
            body: Secret::new("Hello"),
            status_callback: None,
            validity: None,
        };
        let client = client(&format!("https://{address}"));
        // Nobody accepts: the connection opens and the handshake never ends.
        let silent = client.send(&text).await;
        assert!(matches!(silent, SendOutcome::NotReached(_)), "{silent:?}");
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                drop(stream);
            }
        });
        let closed = client.send(&text).await;
        assert!(matches!(closed, SendOutcome::NotReached(_)), "{closed:?}");
    }
}
