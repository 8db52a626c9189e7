//! `tidings serve`: the host runs until it is told to stop, then drains.

use super::CliError;
use super::home::{Home, HomeError, now};
use crate::clock::SystemClock;
use crate::config::{Backend, Config};
use crate::crash::{self, Crash};
use crate::domain::secret::Secret;
use crate::http::{self, Door, HttpSettings};
use crate::measure::Figures;
use crate::sandbox::{Sandbox, SandboxSettings};
use crate::service::{self, Host, NewKey, Patience, Providers};
use crate::store::Store;
use crate::twilio::signature::Verifier;
use crate::twilio::{TwilioClient, TwilioSettings, callback};
use chrono::{DateTime, TimeDelta, Timelike as _, Utc};
use chrono_tz::Tz;
use clap::Args;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::Instant;

#[derive(Args)]
pub(super) struct Serve {
    /// Send to the built-in Twilio: nothing leaves this machine.
    #[arg(long)]
    sandbox: bool,
    /// Listen here, whatever the configuration says.
    #[arg(long)]
    address: Option<SocketAddr>,
}

/// Twilio's own magic number that every text may be sent from.
const SANDBOX_SENDER: &str = "+15005550006";

impl Serve {
    pub(super) const SANDBOX: Self = Self { sandbox: true, address: None };

    pub(super) async fn run(
        self,
        home: &Path,
        environment: &BTreeMap<String, String>,
    ) -> Result<(), CliError> {
        let mut home = Home::open(home, environment)?;
        let traces = super::log::start(environment, home.config.telemetry.otlp_endpoint.as_deref())?;
        let address = self.address.unwrap_or(home.config.server.address);
        let listener = TcpListener::bind(address).await.map_err(|error| {
            CliError::failed(format!("cannot listen on {address}; give another with --address"), error)
        })?;
        let address = listener.local_addr().map_err(|error| CliError::failed("the port is gone", error))?;
        if self.sandbox && home.config.server.public_url.is_none() {
            home.config.server.public_url = Some(format!("http://{address}"));
        }

        let figures = Figures::install()
            .map_err(|error| CliError::failed("the figures of /metrics cannot be kept", error))?;
        let plans = tokio::task::spawn_blocking(crate::domain::phone::read_plans);
        let store = home.store_of_host().await?;
        store.migrate().await.map_err(HomeError::from)?;
        erase_again(&store, &home).await?;
        let renderer = home.renderer()?.keeping(home.last_good_words());
        service::tell_faults(&renderer.snapshot(), &[]);
        let policies = home.policies().await?;
        let way = self.way_out(&mut home, address).await?;
        let server = &home.config.server;
        let settings = HttpSettings {
            verifier: Some(way.verifier),
            test_verifier: way.test_verifier,
            body_limit: server.body_limit,
            request_timeout: server.request_timeout.0,
            trusted_proxies: server.trusted_proxies.clone(),
            figures: Some(figures),
        };
        let door = Door {
            connections: server.connections,
            connections_per_address: server.connections_per_address,
            trusted_proxies: server.trusted_proxies.clone().into(),
            header_timeout: server.header_timeout.0,
            write_timeout: server.write_timeout.0,
        };
        let sandbox = way.sandbox;
        let clock = Arc::new(SystemClock);
        let word = environment.get(crash::VARIABLE).map(String::as_str);
        let crash = Crash::of_process(word)
            .map_err(|error| CliError::failed("the host cannot be made to crash so", error))?;
        let is_hurried = crash::COMPILED_IN && environment.contains_key(Patience::VARIABLE);
        let patience = if is_hurried { Patience::hurried() } else { Patience::default() };
        let host = Host::new(
            store,
            policies,
            renderer,
            way.providers,
            clock,
            home.chance.clone(),
            crate::service::Settings { test_url: way.test_url, crash, patience, ..home.config.settings() },
        );
        // Whoever reads that it listens may ask it to end at once.
        let signal = signal()?;
        host.begin().await.map_err(|error| CliError::failed("the host cannot begin", error))?;

        let _ = plans.await;
        let mut router = http::router(host.clone(), settings);
        if self.sandbox {
            router = router.merge(sandbox.phone_page());
            let key = NewKey::development(&host.store, now())
                .await
                .map_err(|error| CliError::failed("the development key cannot be kept", error))?;
            greet(address, &sandbox, &key, &home);
        } else {
            println!("Tidings listens on http://{address}; documents at http://{address}/docs");
        }
        let words = tokio::spawn({
            let (host, folder) = (host.clone(), home.folder.clone());
            async move { host.watch_words(&folder).await }
        });
        let rules = tokio::spawn({
            let policies = host.policies.clone();
            async move { policies.follow().await }
        });
        let over = until_stopped(&host, (listener, router, door), signal).await;
        words.abort();
        rules.abort();
        host.end(over).await.map_err(|error| CliError::failed("the host did not end cleanly", error))?;
        sandbox.shut_down().await;
        host.store.clone().close().await;
        traces.end().await;
        Ok(())
    }

    /// The way out: Twilio, and the built-in one for test keys; or the built-in one alone.
    async fn way_out(&self, home: &mut Home, address: SocketAddr) -> Result<WayOut, CliError> {
        let unusable = |error| CliError::Home(HomeError::Config(crate::config::ConfigError::Twilio(error)));
        if self.sandbox {
            let base = home.config.server.public_url.clone().unwrap_or_default();
            let inbound_url = Some(callback::inbound_url(&base));
            let senders = numbers(&home.config, None);
            let settings = SandboxSettings { senders, inbound_url, ..SandboxSettings::default() };
            let sandbox = start_sandbox(settings, home).await?;
            home.config.twilio =
                account_at(&sandbox, Some(SANDBOX_SENDER.to_owned()), None, &home.config.twilio);
            let client = TwilioClient::new(&home.config.twilio).map_err(unusable)?;
            return Ok(WayOut {
                providers: Providers { live: None, test: Some(Arc::new(client)) },
                verifier: home.config.twilio.verifier(),
                test_verifier: None,
                test_url: None,
                sandbox,
            });
        }
        check_account(home)?;
        let settings = &home.config.twilio;
        let live = TwilioClient::new(settings).map_err(unusable)?;
        let (number, service) = (settings.phone_number.clone(), settings.messaging_service_sid.clone());
        // What the sandbox tells of test texts stays on this machine, whatever proxy is in front.
        let test_url = own_address(address);
        let beside = SandboxSettings {
            senders: numbers(&home.config, number.clone()),
            inbound_url: Some(callback::inbound_url(&test_url)),
            keep: TEST_TEXTS,
            ..SandboxSettings::default()
        };
        let sandbox = start_sandbox(beside, home).await?;
        let test_account = account_at(&sandbox, number, service, settings);
        let test = TwilioClient::new(&test_account).map_err(unusable)?;
        Ok(WayOut {
            providers: Providers { live: Some(Arc::new(live)), test: Some(Arc::new(test)) },
            verifier: settings.verifier(),
            test_verifier: Some(test_account.verifier()),
            test_url: Some(test_url),
            sandbox,
        })
    }
}

/// A backup may have been put back by hand: whoever was erased since is erased before anything is done.
async fn erase_again(store: &Store, home: &Home) -> Result<(), CliError> {
    let erased = service::erase_again(store, &home.chance, "serve", now())
        .await
        .map_err(|error| CliError::failed("whom a backup brought back could not be erased again", error))?;
    if erased > 0 {
        tracing::warn!(people = erased, "a backup had brought erased people back; they are erased again");
        super::audit::note(store, "serve: erase again", &format!("{erased} people")).await?;
    }
    Ok(())
}

/// Whom texts are sent through, and who is believed to tell of them.
struct WayOut {
    providers: Providers,
    verifier: Verifier,
    test_verifier: Option<Verifier>,
    test_url: Option<String>,
    sandbox: Sandbox,
}

/// So many texts of test keys a host remembers.
const TEST_TEXTS: usize = 10_000;

async fn start_sandbox(settings: SandboxSettings, home: &Home) -> Result<Sandbox, CliError> {
    Sandbox::start(settings, Arc::new(SystemClock), home.chance.clone())
        .await
        .map_err(|error| CliError::failed("the sandbox cannot start", error))
}

/// The numbers and names that the configuration sends from.
fn numbers(config: &Config, own: Option<String>) -> Vec<String> {
    own.into_iter().chain(config.senders.iter().filter_map(|sender| sender.from.clone())).collect()
}

/// The account that the sandbox has, with the prices of the real one.
fn account_at(
    sandbox: &Sandbox,
    phone_number: Option<String>,
    messaging_service_sid: Option<String>,
    real: &TwilioSettings,
) -> TwilioSettings {
    TwilioSettings {
        account_sid: sandbox.account_sid().to_owned(),
        auth_token: sandbox.auth_token().clone(),
        phone_number,
        messaging_service_sid,
        verify_service_sid: Some(sandbox.verify_service_sid().to_owned()),
        base_url: sandbox.base_url(),
        price_per_segment: real.price_per_segment,
        currency: real.currency.clone(),
        trial: real.trial,
        trial_credit: real.trial_credit,
        opt_out_answers: real.opt_out_answers,
        cancel_is_opt_out: real.cancel_is_opt_out,
        ..TwilioSettings::default()
    }
}

/// What a host that sends in earnest cannot do without.
fn check_account(home: &Home) -> Result<(), HomeError> {
    let settings = &home.config.twilio;
    if settings.account_sid.is_empty()
        || settings.auth_token.expose().is_empty()
        || (settings.sender().is_none() && home.config.senders.is_empty())
    {
        let text = "no Twilio account is configured: set TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and \
                    TWILIO_PHONE_NUMBER or TWILIO_MESSAGING_SERVICE_SID, or run `tidings serve --sandbox`";
        return Err(HomeError::Account(text.to_owned()));
    }
    if home.config.server.public_url.is_none() {
        let text = "no public address is configured: set TIDINGS_PUBLIC_URL, so that Twilio can tell how \
                    texts fare";
        return Err(HomeError::Account(text.to_owned()));
    }
    if home.config.otp.backend == Backend::Verify && settings.verify_service_sid.is_none() {
        let text =
            "otp.backend is \"verify\", and no Verify service is configured: set TWILIO_VERIFY_SERVICE_SID";
        return Err(HomeError::Account(text.to_owned()));
    }
    Ok(())
}

/// Where this machine itself reaches the host.
fn own_address(address: SocketAddr) -> String {
    let mut own = address;
    if address.ip().is_unspecified() {
        own.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{own}")
}

/// Serves and works until a signal comes; then no more claims, calls that are out are waited for, and
/// last the door is closed. Answers until when requests may still be waited for.
async fn until_stopped(
    host: &Host,
    (listener, router, door): (TcpListener, axum::Router, Door),
    signal: impl Future<Output = ()>,
) -> Instant {
    let (stop, stopped) = watch::channel(false);
    let (close, closed) = watch::channel(false);
    let wait = |mut stopped: watch::Receiver<bool>| async move {
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    let served = tokio::spawn({
        let closed = wait(closed);
        async move { http::serve(listener, router, door, closed).await }
    });
    let dispatching = tokio::spawn({
        let (host, stop) = (host.clone(), wait(stopped.clone()));
        async move { host.run(stop).await }
    });
    let keeping = tokio::spawn({
        let (host, stop) = (host.clone(), wait(stopped));
        async move { Box::pin(host.keep_house(stop)).await }
    });
    signal.await;
    tracing::info!("stopping: no more is claimed, calls that are out are waited for");
    stop.send_replace(true);
    let _ = tokio::join!(dispatching, keeping);
    // Only now: callbacks of the last calls came in while the calls were waited for.
    close.send_replace(true);
    let over = Instant::now() + LAST_REQUESTS;
    if tokio::time::timeout_at(over, served).await.is_err() {
        tracing::warn!("requests were still open at the end of the shutdown");
    }
    over
}

/// Comes with a signal to end that was sent after this was called.
fn signal() -> Result<impl Future<Output = ()>, CliError> {
    use tokio::signal::unix::{SignalKind, signal};
    let hear = |kind| {
        signal(kind).map_err(|error| CliError::failed("the signals to end cannot be listened for", error))
    };
    let (mut interrupt, mut terminate) = (hear(SignalKind::interrupt())?, hear(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// How long requests that are being answered are waited for at the end: with the calls that are out, 20 s in all.
const LAST_REQUESTS: std::time::Duration = std::time::Duration::from_secs(3);

/// Zones of which it is always daytime in one: the first text should not wait for the morning.
const ZONES: [Tz; 5] = [
    Tz::America__New_York,
    Tz::America__Los_Angeles,
    Tz::Europe__Madrid,
    Tz::Asia__Manila,
    Tz::Pacific__Auckland,
];

fn daytime_zone(now: DateTime<Utc>) -> Tz {
    ZONES
        .into_iter()
        .find(|zone| (9..20).contains(&now.with_timezone(zone).hour()))
        .unwrap_or(Tz::America__New_York)
}

fn greet(address: SocketAddr, sandbox: &Sandbox, key: &Secret, home: &Home) {
    let now = now();
    let zone = daytime_zone(now);
    let starts_at = (now + TimeDelta::days(3)).format("%Y-%m-%dT%H:00:00Z");
    let name = &home.config.clinic.name;
    let key = key.expose();
    let twilio = sandbox.base_url();
    println!(
        "Tidings runs for {name}, in the sandbox: nothing leaves this machine.

  API      http://{address}/api/v1
  Docs     http://{address}/docs
  Phones   http://{address}/sandbox
  Twilio   {twilio} (built in)
  Key      {key}

Book an appointment for Ana, who reads Spanish, and watch her phone:

curl -s http://{address}/api/v1/events \\
  -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\
  -d '{{\"type\": \"appointment.booked\", \"subject\": {{\"type\": \"appointment\", \"id\": \"9\", \"version\": 1}},
       \"people\": [{{\"id\": \"ana\", \"role\": \"patient\", \"phone\": \"+12025550143\", \"language\": \"es\", \"time_zone\": \"{zone}\"}}],
       \"data\": {{\"starts_at\": \"{starts_at}\", \"location\": \"12 Main St\"}}}}'
"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_every_hour_it_is_daytime_in_one_of_the_zones() {
        for month in [1, 7] {
            for hour in 0..24 {
                let now = chrono::NaiveDate::from_ymd_opt(2026, month, 15)
                    .unwrap()
                    .and_hms_opt(hour, 30, 0)
                    .unwrap();
                let local = now.and_utc().with_timezone(&daytime_zone(now.and_utc())).hour();
                assert!((9..20).contains(&local), "{month} {hour}: {local}");
            }
        }
    }
}
