//! `tidings.toml`, and the environment over it. Every section has defaults, so that the file is
//! optional; unknown keys are refused with the nearest known one; what two sections must agree on is
//! checked here. One file per section; the environment is read in this one and nowhere else.

mod budget;
mod clinic;
mod days;
mod guard;
mod jwt;
mod lanes;
mod links;
mod otp;
mod retention;
mod senders;
mod server;
mod settings;
mod span;
mod telemetry;
mod webhooks;

pub use budget::{Budget, BudgetFuse, FusePer};
pub use clinic::Clinic;
pub use guard::Guard;
pub use jwt::Jwt;
pub use lanes::Lanes;
pub use links::Links;
pub use otp::{Backend, Otp};
pub use retention::Retention;
pub use senders::SenderSettings;
pub use server::{Database, Server};
pub use telemetry::Telemetry;
pub use webhooks::Webhooks;

use crate::policy::Limits;
use crate::twilio::TwilioSettings;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// All of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Who sends.
    pub clinic: Clinic,
    /// Where the API is.
    pub server: Server,
    /// Where everything is kept.
    pub database: Database,
    /// The account texts are sent through.
    pub twilio: TwilioSettings,
    /// Further senders, for some texts.
    pub senders: Vec<SenderSettings>,
    /// How much is on its way at once.
    pub lanes: Lanes,
    /// The limits of policies.
    pub policy: Limits,
    /// What no policy may overstep.
    pub guard: Guard,
    /// How long what is kept.
    pub retention: Retention,
    /// One-time codes.
    pub otp: Otp,
    /// How the clinic's own systems are told.
    pub webhooks: Webhooks,
    /// Who signs patients and doctors in.
    pub jwt: Jwt,
    /// Short links in texts.
    pub links: Links,
    /// How much may be spent.
    pub budget: Budget,
    /// Where traces go.
    pub telemetry: Telemetry,
}

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file says something that cannot be.
    #[error("{place}: {message}")]
    Wrong {
        /// `tidings.toml:7:1`, with the line and a caret.
        place: String,
        /// One sentence, with the nearest known key where one was misspelt.
        message: String,
    },
    /// A value, from the file or the environment, cannot be.
    #[error("`{key}` {problem}")]
    Value {
        /// `server.public_url`, or the name of a variable.
        key: &'static str,
        /// The end of the sentence.
        problem: String,
    },
    /// The account's settings.
    #[error("the settings of the Twilio account cannot be used")]
    Twilio(#[from] crate::twilio::SettingsError),
}

/// The process's environment, read once.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
pub fn environment() -> BTreeMap<String, String> {
    std::env::vars().collect()
}

impl Config {
    /// Reads the home's `tidings.toml`, when there is one, and puts the environment over it.
    ///
    /// # Errors
    ///
    /// The file or a variable is wrong; the text says where and what was expected.
    pub fn load(home: &Path, environment: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let path = home.join("tidings.toml");
        let mut config = match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(&path, &text)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::default(),
            Err(source) => return Err(ConfigError::Read { path, source }),
        };
        config.apply(environment)?;
        config.twilio.read_files()?;
        config.jwt.read_files(home)?;
        config.check()?;
        Ok(config)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start.min(text.len()));
            let before = text.get(..at).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
            // What stands behind a misspelt key may be a secret.
            let shown = text.lines().nth(line - 1).unwrap_or_default();
            let is_secret =
                ["token", "secret", "password", "url", "key"].iter().any(|word| shown.contains(word));
            let shown = if is_secret {
                shown.split_once('=').map_or(shown, |(key, _)| key.trim_end())
            } else {
                shown
            };
            let caret = " ".repeat(column - 1);
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            ConfigError::Wrong {
                place: format!("{name}:{line}:{column}\n  {shown}\n  {caret}^\n"),
                message: with_nearest(error.message()),
            }
        })
    }

    fn apply(&mut self, environment: &BTreeMap<String, String>) -> Result<(), ConfigError> {
        let variable = |name: &str| environment.get(name).filter(|value| !value.is_empty()).cloned();
        let twilio = &mut self.twilio;
        if let Some(sid) = variable("TWILIO_ACCOUNT_SID") {
            twilio.account_sid = sid;
        }
        if let Some(token) = variable("TWILIO_AUTH_TOKEN") {
            twilio.auth_token = crate::domain::secret::Secret::new(token);
            twilio.auth_token_file = None;
        }
        twilio.api_key = variable("TWILIO_API_KEY").or(twilio.api_key.take());
        if let Some(secret) = variable("TWILIO_API_KEY_SECRET") {
            twilio.api_key_secret = Some(crate::domain::secret::Secret::new(secret));
            twilio.api_key_secret_file = None;
        }
        twilio.phone_number = variable("TWILIO_PHONE_NUMBER").or(twilio.phone_number.take());
        twilio.messaging_service_sid =
            variable("TWILIO_MESSAGING_SERVICE_SID").or(twilio.messaging_service_sid.take());
        twilio.verify_service_sid =
            variable("TWILIO_VERIFY_SERVICE_SID").or(twilio.verify_service_sid.take());
        if let Some(base) = variable("TWILIO_BASE_URL") {
            twilio.base_url = base;
        }
        self.server.public_url = variable("TIDINGS_PUBLIC_URL").or(self.server.public_url.take());
        if let Some(address) = variable("TIDINGS_ADDRESS") {
            self.server.address = address.parse().map_err(|_| ConfigError::Value {
                key: "TIDINGS_ADDRESS",
                problem: "is no address to listen on; expected such as 127.0.0.1:8080".to_owned(),
            })?;
        }
        self.database.master_key = variable("TIDINGS_MASTER_KEY").map(crate::domain::secret::Secret::new);
        self.telemetry.otlp_endpoint =
            variable("OTEL_EXPORTER_OTLP_ENDPOINT").or(self.telemetry.otlp_endpoint.take());
        if let Some(url) = variable("DATABASE_URL") {
            self.database.url = Some(crate::domain::secret::Secret::new(url));
        }
        Ok(())
    }

    fn check(&self) -> Result<(), ConfigError> {
        let wrong = |key, problem: &str| Err(ConfigError::Value { key, problem: problem.to_owned() });
        if self.clinic.name.trim().is_empty() {
            return wrong("clinic.name", "is empty; every text opens with it");
        }
        if self.clinic.country.as_ref().is_some_and(|country| !is_country(country)) {
            return wrong("clinic.country", "is no country; expected two capital letters such as US");
        }
        if self.guard.countries.iter().any(|country| !is_country(country)) {
            return wrong(
                "guard.countries",
                "names what is no country; expected two capital letters such as US",
            );
        }
        if self.senders.iter().any(|sender| sender.sender().is_none()) {
            return wrong("senders", "has one that is no sender; give `from` or `messaging_service_sid`");
        }
        if self.senders.iter().flat_map(|sender| &sender.countries).any(|country| !is_country(country)) {
            return wrong("senders", "names what is no country; expected two capital letters such as US");
        }
        if self.budget.reserve > 100 {
            return wrong("budget.reserve", "is no percentage; expected 0 to 100");
        }
        if self.budget.fuses.iter().any(|fuse| fuse.segments.is_none() && fuse.cost.is_none()) {
            return wrong("budget.fuses", "has one without a limit; give `segments`, `cost` or both");
        }
        if self.links.hosts.iter().any(|host| !Links::is_host(host)) {
            return wrong(
                "links.hosts",
                "names what is no host; expected such as pay.clinic.example or *.clinic.example",
            );
        }
        if self
            .links
            .base_url
            .as_ref()
            .is_some_and(|url| !url.starts_with("https://") || url.contains(['@', '#', '?']))
        {
            return wrong("links.base_url", "is no address; expected such as https://go.clinic.example");
        }
        if let Some(url) = &self.server.public_url {
            let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
            if rest.is_none_or(|rest| rest.is_empty() || rest.contains(['@', '#', '?'])) {
                return wrong(
                    "server.public_url",
                    "is no address; expected such as https://sms.clinic.example",
                );
            }
        }
        if self.server.connections == 0 || self.server.requests_per_minute == 0 {
            return wrong(
                "server",
                "lets nobody in: `connections` and `requests_per_minute` need at least 1",
            );
        }
        if self.lanes.otp == 0 || self.lanes.urgent == 0 || self.lanes.normal == 0 || self.lanes.bulk == 0 {
            return wrong("lanes", "closes a lane; each needs at least 1");
        }
        if self.twilio.timeout > std::time::Duration::from_secs(30) {
            return wrong("twilio.timeout", "is longer than 30s; a slow call would be taken for a dead host");
        }
        if let Err((key, problem)) = self.otp.check() {
            return wrong(key, problem);
        }
        self.jwt.check()?;
        if let Some(url) = &self.database.url
            && !url.expose().starts_with("postgres://")
            && !url.expose().starts_with("postgresql://")
        {
            return wrong("database.url", "is no PostgreSQL address; leave it out for SQLite");
        }
        Ok(())
    }
}

fn is_country(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase())
}

/// `unknown field 'laese', expected 'lease'…` names the candidates; the nearest one is put in front.
fn with_nearest(message: &str) -> String {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let Some((unknown, known)) = quoted.split_first().filter(|_| message.starts_with("unknown field")) else {
        return message.to_owned();
    };
    known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(unknown, known), known))
        .min()
        .filter(|(distance, _)| *distance <= 3)
        .map_or_else(
            || message.to_owned(),
            |(_, nearest)| format!("unknown key `{unknown}`; did you mean `{nearest}`?"),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(Path::new("tidings.toml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_misspelt_key_is_answered_with_the_nearest_known_one() {
        let error = parse("[clinic]\nname = \"A\"\ntimezone = \"Asia/Dhaka\"\n").unwrap_err();
        assert!(error.contains("tidings.toml:3:1") && error.contains("did you mean `time_zone`?"), "{error}");
    }

    #[test]
    fn a_wrong_value_is_shown_with_its_place() {
        let error = parse("[clinic]\ntime_zone = \"Mars/Olympus\"\n").unwrap_err();
        assert!(error.contains("tidings.toml:2:13") && error.contains("IANA"), "{error}");
    }

    #[test]
    fn the_environment_is_put_over_the_file() {
        let mut config = parse("[server]\npublic_url = \"https://a.example\"\n").unwrap();
        let environment =
            [("TIDINGS_PUBLIC_URL", "https://b.example"), ("TWILIO_PHONE_NUMBER", "+15005550006")];
        config.apply(&environment.map(|(k, v)| (k.to_owned(), v.to_owned())).into()).unwrap();
        assert_eq!(config.server.public_url.as_deref(), Some("https://b.example"));
        assert!(config.twilio.sender().is_some());
    }
}
