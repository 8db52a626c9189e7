//! `[otp]`.

use super::span::Span;
use crate::domain::otp::rate::Rate;
use crate::domain::phone::PhoneNumber;
use crate::domain::secret::Secret;
use crate::domain::value::is_domain;
use crate::service::{Brakes, OtpSettings, PumpBreaker};
use chrono::TimeDelta;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The longest life of a code (NIST SP 800-63B, 3.1.3.2).
const LONGEST_LIFE: TimeDelta = TimeDelta::minutes(10);

/// `[otp]`: one-time codes.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Otp {
    /// Who makes, sends and checks the codes: this host, or Twilio Verify.
    pub backend: Backend,
    /// Digits of a code: 6, at least 4, at most 10.
    pub digits: u8,
    /// How long a code is good for: 5 minutes, at most 10.
    pub life: Span,
    /// Wrong codes that end a challenge: 3, at most 10.
    pub attempts: u32,
    /// The waits before the same code is sent once more; as often as there are waits.
    pub resend_after: Vec<Span>,
    /// Whether `POST /api/v1/sms/send-otp` and `verify-otp` work without an API key.
    pub public: bool,
    /// The last line of a text binds the code to this domain: `@clinic.example #482913`.
    pub domain: Option<String>,
    /// The 11 characters that name the clinic's app to Android's SMS Retriever.
    pub app_hash: Option<String>,
    /// Countries that codes are sent to; empty: the clinic's own, and those of `guard.countries`.
    pub countries: BTreeSet<String>,
    /// How many codes in which time.
    pub limits: Limits,
    /// What is done when codes are asked for and not typed: `off`, `record` or `deny`.
    pub pump: Pump,
    /// Numbers for other teams' tests, each with its code: with a test key they are sent nothing.
    pub test_numbers: BTreeMap<String, Secret>,
    /// Whether the words of a code's text are taken out at Twilio, once it has arrived.
    pub redact: bool,
}

/// Who makes, sends and checks the codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// This host.
    #[default]
    Tidings,
    /// Twilio Verify: `twilio.verify_service_sid` names the service.
    Verify,
}

/// Codes that Twilio Verify lets be tried, and how often it sends one (Twilio: Verify, rate limits and timeouts).
const VERIFY_CHECKS: u32 = 5;
const VERIFY_SENDS: usize = 5;

/// What is done about pumping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pump {
    /// Nothing.
    Off,
    /// It is noted, and the code is sent.
    #[default]
    Record,
    /// The code is refused.
    Deny,
}

/// `[otp.limits]`: each a list of rates such as `"8/1h"`; an empty list is no limit.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// One number.
    pub phone: Vec<Rate>,
    /// Numbers that differ in their last three digits only.
    pub prefix: Vec<Rate>,
    /// Addresses of one network (/24, /48), as the calling service reports them.
    pub address: Vec<Rate>,
    /// One API key.
    pub key: Vec<Rate>,
    /// One country.
    pub country: Vec<Rate>,
    /// Countries with limits of their own.
    pub countries: BTreeMap<String, Vec<Rate>>,
    /// All codes together.
    pub everyone: Vec<Rate>,
    /// Codes tried without an API key, from one network.
    pub checks: Vec<Rate>,
}

impl Default for Limits {
    fn default() -> Self {
        let rate = |max, hours| Rate { max, window: TimeDelta::hours(hours) };
        Self {
            phone: vec![rate(8, 1), rate(20, 24)],
            prefix: vec![rate(30, 1), rate(100, 24)],
            address: vec![rate(60, 1)],
            key: vec![rate(2000, 1)],
            country: vec![rate(500, 1), rate(3000, 24)],
            countries: BTreeMap::new(),
            everyone: vec![rate(2000, 1)],
            checks: vec![Rate { max: 60, window: TimeDelta::minutes(10) }],
        }
    }
}

impl Default for Otp {
    fn default() -> Self {
        Self {
            backend: Backend::Tidings,
            digits: 6,
            life: Span(TimeDelta::minutes(5)),
            attempts: 3,
            resend_after: [30, 60, 120].map(|seconds| Span(TimeDelta::seconds(seconds))).into(),
            public: false,
            domain: None,
            app_hash: None,
            countries: BTreeSet::new(),
            limits: Limits::default(),
            pump: Pump::Record,
            test_numbers: BTreeMap::new(),
            redact: true,
        }
    }
}

impl Otp {
    /// What is wrong with it: the key, and the end of the sentence.
    pub(super) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if !(4..=10).contains(&self.digits) {
            return Err(("otp.digits", "is not 4 to 10"));
        }
        if self.life.0 > LONGEST_LIFE || self.life.0 < TimeDelta::seconds(30) {
            return Err(("otp.life", "is not 30 seconds to 10 minutes; expected such as \"5m\""));
        }
        if !(1..=10).contains(&self.attempts) {
            return Err(("otp.attempts", "is not 1 to 10"));
        }
        if self.resend_after.len() > 10 {
            return Err(("otp.resend_after", "has more than 10 waits"));
        }
        if self.backend == Backend::Verify && self.attempts > VERIFY_CHECKS {
            return Err(("otp.attempts", "is more than 5, which is all that Twilio Verify allows"));
        }
        if self.backend == Backend::Verify && self.resend_after.len() >= VERIFY_SENDS {
            return Err((
                "otp.resend_after",
                "has more than 4 waits, which is all that Twilio Verify allows",
            ));
        }
        if self.domain.as_deref().is_some_and(|domain| !is_domain(domain)) {
            return Err(("otp.domain", "is no domain; expected such as clinic.example, without https://"));
        }
        let is_hash = |hash: &str| {
            hash.len() == 11 && hash.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
        };
        if self.app_hash.as_deref().is_some_and(|hash| !is_hash(hash)) {
            return Err(("otp.app_hash", "is no hash of an app; expected 11 letters, digits, + or /"));
        }
        if self
            .countries
            .iter()
            .chain(self.limits.countries.keys())
            .any(|country| !super::is_country(country))
        {
            return Err((
                "otp.countries",
                "names what is no country; expected two capital letters such as US",
            ));
        }
        for (number, code) in &self.test_numbers {
            if PhoneNumber::parse(number, None).is_ok_and(|phone| phone.e164() == number) {
                let digits = code.expose();
                if !(4..=10).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
                    return Err(("otp.test_numbers", "has a code that is not 4 to 10 digits"));
                }
            } else {
                return Err((
                    "otp.test_numbers",
                    "names what is no number; expected such as \"+12025550143\"",
                ));
            }
        }
        Ok(())
    }

    /// What the host is told.
    pub(super) fn settings(&self, clinic: Option<&str>, guard: &BTreeSet<String>) -> OtpSettings {
        let mut countries = self.countries.clone();
        if countries.is_empty() {
            countries.extend(guard.iter().cloned().chain(clinic.map(str::to_owned)));
        }
        let limits = self.limits.clone();
        OtpSettings {
            verify: self.backend == Backend::Verify,
            digits: self.digits,
            life: self.life.0,
            max_checks: self.attempts,
            resend_after: self.resend_after.iter().map(|span| span.0).collect(),
            public: self.public,
            domain: self.domain.clone(),
            app_hash: self.app_hash.clone(),
            countries,
            brakes: Brakes {
                phone: limits.phone,
                prefix: limits.prefix,
                address: limits.address,
                key: limits.key,
                country: limits.country,
                countries: limits.countries,
                everyone: limits.everyone,
                checks: limits.checks,
            },
            pump: match self.pump {
                Pump::Off => PumpBreaker::Off,
                Pump::Record => PumpBreaker::Record,
                Pump::Deny => PumpBreaker::Deny,
            },
            test_numbers: self.test_numbers.clone(),
            redact_at_provider: self.redact,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Otp {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn the_section_is_read_with_its_words() {
        let otp = parse(
            "life = \"3m\"\nresend_after = [\"20s\", \"40s\"]\npump = \"deny\"\n[limits]\nphone = [\"3/1h\"]\n\
             countries = {FR = [\"10/1h\"]}\n[test_numbers]\n\"+12025550100\" = \"123456\"\n",
        );
        otp.check().unwrap();
        let settings = otp.settings(Some("US"), &["FR".to_owned()].into());
        assert_eq!((settings.life, settings.resend_after.len()), (TimeDelta::minutes(3), 2));
        assert_eq!(settings.brakes.countries["FR"][0].max, 10);
        assert_eq!(
            settings.countries,
            ["FR", "US"].map(str::to_owned).into(),
            "the clinic's, and what the guard allows"
        );
        assert_eq!(settings.brakes.prefix, Limits::default().prefix, "the others stay");
    }

    #[test]
    fn what_would_be_unsafe_or_unusable_is_refused_by_its_key() {
        Otp::default().check().unwrap();
        for (text, key) in [
            ("digits = 3", "otp.digits"),
            ("digits = 11", "otp.digits"),
            ("life = \"11m\"", "otp.life"),
            ("attempts = 0", "otp.attempts"),
            ("backend = \"verify\"\nattempts = 6", "otp.attempts"),
            (
                "backend = \"verify\"\nresend_after = [\"1s\", \"1s\", \"1s\", \"1s\", \"1s\"]",
                "otp.resend_after",
            ),
            ("domain = \"https://clinic.example\"", "otp.domain"),
            ("domain = \"clinic\"", "otp.domain"),
            ("app_hash = \"short\"", "otp.app_hash"),
            ("countries = [\"usa\"]", "otp.countries"),
            ("test_numbers = {\"202-555-0143\" = \"123456\"}", "otp.test_numbers"),
            ("test_numbers = {\"+12025550143\" = \"abc\"}", "otp.test_numbers"),
        ] {
            assert_eq!(parse(text).check().unwrap_err().0, key, "{text}");
        }
        assert!(
            toml::from_str::<Otp>("[limits]\nphone = [\"8 per hour\"]")
                .unwrap_err()
                .to_string()
                .contains("8/1h")
        );
    }
}
