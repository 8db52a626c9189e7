//! `tidings doctor`: everything that a host needs in order to work, tried. Each line says what is wrong and
//! what to do.

use super::CliError;
use super::home::{Home, now};
use crate::config::{Backend, Config};
use crate::twilio::{LookUpError, TwilioClient, callback};
use chrono::TimeDelta;
use clap::Args;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Args)]
pub(super) struct Doctor {
    /// Print JSON, for machines.
    #[arg(long)]
    json: bool,
}

/// How far two clocks may be apart.
const APART: TimeDelta = TimeDelta::seconds(5);

/// Less than this is little room on the disk.
const ROOM: u64 = 1 << 30;

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Health {
    Ok,
    Warning,
    Wrong,
}

/// One thing that was looked at.
#[derive(Serialize)]
struct Finding {
    what: &'static str,
    health: Health,
    /// What was found and, where something is wrong, what to do.
    text: String,
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, what: &'static str, health: Health, text: impl Into<String>) {
        self.0.push(Finding { what, health, text: text.into() });
    }

    fn ok(&mut self, what: &'static str, text: impl Into<String>) {
        self.add(what, Health::Ok, text);
    }

    fn wrong(&mut self, what: &'static str, text: impl Into<String>) {
        self.add(what, Health::Wrong, text);
    }
}

impl Doctor {
    pub(super) async fn run(
        self,
        folder: &Path,
        environment: &BTreeMap<String, String>,
    ) -> Result<(), CliError> {
        let mut found = Findings::default();
        match Home::open(folder, environment) {
            Ok(home) => {
                found.ok("configuration", "read");
                look_at_home(&home, &mut found).await;
                look_at_twilio(&home.config, &mut found).await;
            }
            Err(error) => found.wrong("configuration", super::chain(&error)),
        }
        let wrong = found.0.iter().filter(|finding| finding.health == Health::Wrong).count();
        if self.json {
            let report = serde_json::json!({"healthy": wrong == 0, "findings": found.0});
            println!("{report:#}");
        } else {
            for Finding { what, health, text } in &found.0 {
                let word = match health {
                    Health::Ok => "ok     ",
                    Health::Warning => "warning",
                    Health::Wrong => "WRONG  ",
                };
                println!("{word}  {what:<16}  {text}");
            }
        }
        match wrong {
            0 => Ok(()),
            1 => Err(CliError::plain("one thing is wrong")),
            several => Err(CliError::plain(format!("{several} things are wrong"))),
        }
    }
}

async fn look_at_home(home: &Home, found: &mut Findings) {
    look_at_database(home, found).await;
    match home.check_policies().await {
        Ok(checked) => match checked.iter().filter(|policy| policy.result.is_err()).count() {
            0 => found.ok("plugins", format!("{} loaded", checked.len())),
            refused => found.wrong("plugins", format!("{refused} refused: `tidings check` shows them")),
        },
        Err(error) => found.wrong("plugins", super::chain(&error)),
    }
    match home.renderer() {
        Ok(renderer) => {
            let catalogue = renderer.snapshot();
            let locales: Vec<&str> = catalogue.locales().collect();
            let text = format!("{} types in {}", catalogue.kinds().count(), locales.join(" "));
            match catalogue.faults().len() {
                0 => found.ok("texts", text),
                faults => {
                    found.wrong("texts", format!("{text}; {faults} faults: `tidings check` shows them"));
                }
            }
        }
        Err(error) => found.wrong("texts", super::chain(&error)),
    }
    found.ok("time zones", format!("IANA {}", chrono_tz::IANA_TZDB_VERSION));
    look_at_disk(&home.folder, found);
}

/// Looks, and changes nothing: a database that is not there is not made, and an older one stays as it is.
async fn look_at_database(home: &Home, found: &mut Findings) {
    if home.config.database.url.is_none() && !home.database_file().exists() {
        let text = "there is none yet: `tidings serve` or `tidings migrate` makes it";
        return found.add("database", Health::Warning, text);
    }
    let store = match home.store().await {
        Ok(store) => store,
        Err(error) => return found.wrong("database", super::chain(&error)),
    };
    match store.schema_behind().await {
        Ok(0) => found.ok("database", format!("{}, up to date", store.engine())),
        Ok(steps) => {
            let text = format!(
                "{}, {steps} steps behind: `tidings serve` or `tidings migrate` makes them",
                store.engine()
            );
            return found.add("database", Health::Warning, text);
        }
        Err(error) => return found.wrong("database", super::chain(&error)),
    }
    match store.clock().await {
        Ok(theirs) if (theirs - now()).abs() <= APART => found.ok("clock", "agrees with the database"),
        Ok(theirs) => {
            let apart = (theirs - now()).num_seconds();
            found.wrong("clock", format!("is {apart} s apart from the database's; run NTP on both machines"));
        }
        Err(error) => found.wrong("clock", super::chain(&error)),
    }
    match async { store.read().await?.api_keys().await }.await {
        Ok(keys) => match keys.iter().filter(|key| key.is_valid(now())).count() {
            0 => found.add("api keys", Health::Warning, "none is valid: `tidings key create`"),
            valid => found.ok("api keys", format!("{valid} valid")),
        },
        Err(error) => found.wrong("api keys", super::chain(&error)),
    }
}

fn look_at_disk(folder: &Path, found: &mut Findings) {
    let state = folder.join(".tidings");
    let keys = state.join("keys");
    let is_open = |entry: std::io::Result<std::fs::DirEntry>| {
        let permissions = entry.and_then(|entry| entry.metadata()).map(|file| file.permissions());
        permissions.map_or(true, |found| std::os::unix::fs::PermissionsExt::mode(&found) & 0o077 != 0)
    };
    match std::fs::read_dir(&keys).map(|mut files| files.any(is_open)) {
        Ok(false) => found.ok("master keys", "readable by their owner alone"),
        Ok(true) => {
            found.wrong("master keys", format!("others can read {}: chmod -R go= it", keys.display()));
        }
        Err(error) => found.wrong("master keys", format!("cannot be looked at: {error}")),
    }
    match rustix::fs::statvfs(&state) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            let text = format!("{} MiB free at {}", free >> 20, state.display());
            let health = if free < ROOM { Health::Warning } else { Health::Ok };
            found.add("disk", health, text);
        }
        Err(error) => found.wrong("disk", format!("cannot be looked at: {error}")),
    }
}

async fn look_at_twilio(config: &Config, found: &mut Findings) {
    let settings = &config.twilio;
    if settings.account_sid.is_empty() {
        let text = "no account: set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN; `serve --sandbox` needs none";
        found.wrong("twilio account", text);
        return;
    }
    let client = match TwilioClient::new(settings) {
        Ok(client) => client,
        Err(error) => return found.wrong("twilio account", super::chain(&error)),
    };
    match client.account().await {
        Ok(Some(account)) if account.status == "active" && account.kind == "Trial" => found.add(
            "twilio account",
            Health::Warning,
            "active, a trial: it reaches verified numbers only, and puts words before every text",
        ),
        Ok(Some(account)) if account.status == "active" => found.ok("twilio account", "active, full"),
        Ok(Some(account)) => {
            found.wrong("twilio account", format!("is {}; see Twilio's console", account.status));
        }
        Ok(None) => found.wrong("twilio account", "there is none of this SID: check TWILIO_ACCOUNT_SID"),
        Err(error) => {
            found
                .wrong("twilio account", format!("{}; check the token or the API key", super::chain(&error)));
            return;
        }
    }
    match client.clock().await {
        Ok(Some(theirs)) if (theirs - now()).abs() > APART => found.wrong(
            "clock",
            format!("is {} s apart from Twilio's; run NTP on this machine", (theirs - now()).num_seconds()),
        ),
        Ok(_) => found.ok("clock", "agrees with Twilio's"),
        Err(error) => found.wrong("clock", super::chain(&error)),
    }
    match client.balance().await {
        Ok(Some(balance)) if balance.balance.starts_with('-') => {
            found.wrong(
                "twilio balance",
                format!("{} {}: nothing is sent", balance.balance, balance.currency),
            );
        }
        Ok(Some(balance)) => found.ok("twilio balance", format!("{} {}", balance.balance, balance.currency)),
        Ok(None) | Err(_) => {
            found.add("twilio balance", Health::Warning, "is not this key's to know");
        }
    }
    look_at_sender(config, &client, found).await;
    look_at_verify(config, &client, found).await;
    look_at_webhooks(config, &client, found).await;
}

async fn look_at_sender(config: &Config, client: &TwilioClient, found: &mut Findings) {
    let settings = &config.twilio;
    let base = config.server.public_url.as_deref().unwrap_or_default().trim_end_matches('/');
    let ours = format!("{base}{}", callback::INBOUND_PATH);
    let mut say = |what: &'static str, inbound: Result<Option<String>, LookUpError>| match inbound {
        Ok(Some(url)) if url == ours => found.ok(what, "its texts come to us"),
        Ok(Some(url)) if url.is_empty() && what == "twilio service" => {
            found.add(
                what,
                Health::Warning,
                "leaves incoming texts to its numbers: look at each in Twilio's console",
            );
        }
        Ok(Some(_)) => {
            found.wrong(
                what,
                format!("its incoming texts go elsewhere: in Twilio's console let them post to {ours}"),
            );
        }
        Ok(None) => found.wrong(what, "is not the account's"),
        Err(error) => found.wrong(what, super::chain(&error)),
    };
    match (&settings.messaging_service_sid, &settings.phone_number) {
        (Some(service), _) => say("twilio service", client.inbound_of_service(service).await),
        (None, Some(number)) => say("twilio number", client.inbound_of_number(number).await),
        (None, None) => {
            found.wrong("twilio number", "none: set TWILIO_PHONE_NUMBER or TWILIO_MESSAGING_SERVICE_SID");
        }
    }
}

async fn look_at_verify(config: &Config, client: &TwilioClient, found: &mut Findings) {
    const WHAT: &str = "twilio verify";
    let is_used = config.otp.backend == Backend::Verify;
    match (&config.twilio.verify_service_sid, is_used) {
        (None, false) => return,
        (None, true) => {
            return found
                .wrong(WHAT, "no service: set TWILIO_VERIFY_SERVICE_SID, or otp.backend = \"tidings\"");
        }
        (Some(_), false) => {
            let text = "has a service that is not used: otp.backend = \"verify\" leaves the codes to it";
            return found.add(WHAT, Health::Warning, text);
        }
        (Some(_), true) => {}
    }
    match client.verify_service_found().await {
        Ok(Some(service)) => {
            let digits =
                service.code_length.map_or_else(String::new, |digits| format!(", codes of {digits} digits"));
            found.ok(WHAT, format!("its texts name `{}`{digits}", service.friendly_name));
        }
        Ok(None) => found.wrong(WHAT, "the account has no such service: check TWILIO_VERIFY_SERVICE_SID"),
        Err(error) => found.wrong(WHAT, super::chain(&error)),
    }
}

async fn look_at_webhooks(config: &Config, client: &TwilioClient, found: &mut Findings) {
    let Some(public_url) = &config.server.public_url else {
        return found.wrong("webhooks", "no public address: set TIDINGS_PUBLIC_URL");
    };
    match client.round_trip(public_url, &config.twilio.auth_token).await {
        Ok(204) => found.ok("webhooks", "a signed call to the public address came in"),
        Ok(403) => found.wrong(
            "webhooks",
            "the host refused the signature: it must run with the same auth token and public address, and the proxy must leave the path alone",
        ),
        Ok(status) => found.wrong(
            "webhooks",
            format!("{public_url} answered {status}: is `tidings serve` running, and does the proxy lead to it?"),
        ),
        Err(error) => found.wrong("webhooks", format!("{public_url}: {}", super::chain(&error))),
    }
}
