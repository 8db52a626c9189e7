//! {{summary}}
//!
//! A message of this type keeps to the hours and the number of texts that the clinic sets, and on a
//! Sunday it waits for Monday morning.

use serde::Deserialize;
use tidings_policy::{
    DecideContext, Decision, Deferral, Description, Error, FailedAttempt, Policy, Retries, RetryDecision,
    Schema, TimeOfDay, UnixMs,
    calendar::days_later,
    export_policy, reason,
    rules::{self, Caps, Quiet, Refused, Rule, TooLate},
};

/// The policy.
pub struct ThisPolicy;

/// What the clinic may set, in `{{name}}.toml`.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(default)]
pub struct Settings {
    /// Whether texts go out on Sundays.
    pub on_sundays: bool,
    /// How often a text that did not arrive is sent again.
    pub retries: u32,
    /// Quiet hours.
    #[serde(flatten)]
    pub quiet: Quiet,
    /// How many texts a person gets.
    #[serde(flatten)]
    pub caps: Caps,
}

impl Default for Settings {
    fn default() -> Self {
        Self { on_sundays: false, retries: 2, quiet: Quiet::default(), caps: Caps::default() }
    }
}

const TYPE: &str = "{{type}}";

/// From Sunday to Monday at nine, on the recipient's own clock.
struct DayOfRest<'a>(&'a Settings);

impl Rule for DayOfRest<'_> {
    fn judge(&self, c: &DecideContext, useful_until: UnixMs) -> Result<Option<Decision>, Error> {
        if self.0.on_sundays || c.to.local.weekday != 7 {
            return Ok(None);
        }
        let monday = days_later(c.now, 1, TimeOfDay::new(9, 0), &c.to.time_zone)?;
        let why = reason("sunday", "The clinic does not write on Sundays.")
            .fact("time-zone", c.to.time_zone.as_str())
            .moment("monday", monday);
        Ok(Some(if monday < useful_until {
            Decision::Defer(Deferral::new(monday, why))
        } else {
            Decision::Suppress(why)
        }))
    }
}

impl Policy for ThisPolicy {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = Schema::new()
            .flag("on_sundays", false, "Whether texts go out on Sundays.")
            .count("retries", 2, 0..=3, "How often a text that failed is sent again.");
        Description::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_DESCRIPTION"))
            .decides(TYPE)
            .settings(Caps::schema(Quiet::schema(schema)))
    }

    fn decide(settings: &Settings, c: &DecideContext) -> Result<Decision, Error> {
        let day_of_rest = DayOfRest(settings);
        let rules: [&dyn Rule; 5] = [&Refused, &TooLate, &day_of_rest, &settings.caps, &settings.quiet];
        rules::decide(c, c.message.expires_at, &rules)
    }

    fn on_failure(settings: &Settings, a: &FailedAttempt) -> Result<RetryDecision, Error> {
        Ok(Retries::PATIENT.decide(a, settings.retries, a.message.expires_at))
    }
}

export_policy!(ThisPolicy);

#[cfg(test)]
mod tests {
    use tidings_policy::testing::{Case, check_settings};

    use super::*;

    fn at(local: &str) -> Case {
        Case::at(local, "America/New_York").about(TYPE)
    }

    #[test]
    fn on_a_sunday_it_waits_for_monday_morning() {
        for (case, expected) in [
            (at("2026-11-28T12:00"), "send: ok"),
            (at("2026-11-29T12:00"), "defer to 2026-11-30T09:00: sunday"),
            (at("2026-11-29T12:00").settings("on_sundays = true"), "send: ok"),
            (at("2026-11-29T12:00").expires("2026-11-29T20:00"), "suppress: sunday"),
        ] {
            assert_eq!(case.decide::<ThisPolicy>(), expected);
        }
    }

    #[test]
    fn the_settings_file_shows_the_defaults() {
        check_settings::<ThisPolicy>(include_str!("../../{{name}}.toml"));
    }
}
