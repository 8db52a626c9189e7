//! One-time codes: at once or not at all.
//!
//! Somebody is waiting in front of a screen. A code is never deferred, whatever the hour; a second
//! attempt comes within seconds or not at all, and never when the first may have arrived, because
//! whoever got no code asks for another, which is a new one.

use serde::Deserialize;
use tidings_policy::{
    Backoff, DecideContext, Decision, Description, Error, FailedAttempt, Policy, Retries, RetryDecision,
    Schema, Span, export_policy,
    rules::{self, Refused, TooLate},
};

/// The policy.
pub struct Otp;

/// What the clinic may set.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(default)]
pub struct Settings {
    /// How often a code is sent again.
    pub retries: u32,
    /// The wait before it is; doubled each time.
    pub retry_after: Span,
    /// How long a code must still be good for when it is sent again.
    pub still_good_for: Span,
}

impl Default for Settings {
    fn default() -> Self {
        Self { retries: 2, retry_after: Span::seconds(5), still_good_for: Span::minutes(1) }
    }
}

impl Policy for Otp {
    type Settings = Settings;

    fn describe() -> Description {
        Description::new("otp", env!("CARGO_PKG_VERSION"), "Sends one-time codes at once, day and night.")
            .decides("otp")
            .settings(
                Schema::new()
                    .count("retries", 2, 0..=3, "How often a code is sent again after a fault.")
                    .span("retry_after", "5s", "The wait before a code is sent again; doubled each time.")
                    .span("still_good_for", "1m", "How long a code must still be good for to be sent again."),
            )
    }

    fn decide(_: &Settings, c: &DecideContext) -> Result<Decision, Error> {
        rules::decide(c, c.message.expires_at, &[&Refused, &TooLate])
    }

    fn on_failure(settings: &Settings, a: &FailedAttempt) -> Result<RetryDecision, Error> {
        let quick =
            Backoff { first: settings.retry_after, longest: Span::minutes(1), tries: settings.retries };
        let retries = Retries {
            unreachable: Backoff::NEVER,
            congested: quick,
            provider_fault: quick,
            may_have_arrived: Backoff::NEVER,
        };
        let useful_until = settings.still_good_for.before(a.message.expires_at);
        Ok(retries.decide(a, settings.retries, useful_until))
    }
}

export_policy!(Otp);

#[cfg(test)]
mod tests {
    use tidings_policy::{
        FailureClass,
        testing::{Case, check_settings},
    };

    use super::*;

    /// Three at night; the code is good until ten past.
    fn night() -> Case {
        Case::at("2026-11-24T03:00", "America/New_York").about("otp").expires("2026-11-24T03:10")
    }

    #[test]
    fn a_code_goes_at_once_or_never() {
        for (case, expected) in [
            (night(), "send: ok"),
            (night().prefers("Mon 09:00-10:00"), "send: ok"),
            (night().had("otp", "2026-11-24T02:59", "delivered"), "send: ok"),
            (night().expires("2026-11-24T03:00"), "suppress: too-late"),
            (night().opted_out(), "suppress: opted-out"),
            (night().switched_off("otp"), "suppress: switched-off"),
        ] {
            assert_eq!(case.decide::<Otp>(), expected);
        }
    }

    #[test]
    fn a_fault_is_followed_by_another_attempt_while_the_code_is_good() {
        use FailureClass::{Blocked, Congested, ProviderFault, Unknown, Unreachable};
        for (case, expected) in [
            (night().failed(Congested, 1), "retry at 2026-11-24T03:00: congested"),
            (night().failed(ProviderFault, 2), "retry at 2026-11-24T03:00: provider-fault"),
            (night().failed(ProviderFault, 3), "give up: provider-fault"),
            (night().failed(Congested, 1).expires("2026-11-24T03:01"), "give up: too-late-to-retry"),
            (night().failed(Congested, 1).may_have_arrived(), "give up: may-have-arrived"),
            (night().failed(Unreachable, 1), "give up: unreachable"),
            (night().failed(Blocked, 1), "give up: blocked"),
            (night().failed(Unknown, 1), "give up: unknown-failure"),
        ] {
            assert_eq!(case.retry::<Otp>(), expected);
        }
    }

    #[test]
    fn the_wait_is_seconds() {
        let a = night().failed(FailureClass::Congested, 2).failed_attempt();
        let RetryDecision::Retry(later) = Otp::on_failure(&Settings::default(), &a).unwrap() else {
            panic!("it gave up");
        };
        assert_eq!(later.until - a.now, 10_000);
    }

    #[test]
    fn the_settings_file_shows_the_defaults() {
        check_settings::<Otp>(include_str!("../../otp.toml"));
    }
}
