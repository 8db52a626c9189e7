//! A notice that a prescription can be fetched: as soon as the day allows, once.

use serde::Deserialize;
use tidings_policy::{
    DecideContext, Decision, Description, Error, Event, FailedAttempt, MessagePlan, PlannedMessage, Policy,
    Retries, RetryDecision, Role, Schema, export_policy, reason,
    rules::{self, Caps, Quiet, Refused, TooLate},
};

/// The policy.
pub struct PrescriptionReady;

/// What the clinic may set.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(default)]
pub struct Settings {
    /// How often one is sent again.
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
        Self { retries: 3, quiet: Quiet::default(), caps: Caps::default() }
    }
}

const TYPE: &str = "prescription-ready";

impl Policy for PrescriptionReady {
    type Settings = Settings;

    fn describe() -> Description {
        let schema =
            Schema::new().count("retries", 3, 0..=3, "How often a notice that failed is sent again.");
        Description::new(TYPE, env!("CARGO_PKG_VERSION"), "Tells patients that a prescription is ready.")
            .decides(TYPE)
            .plans(["prescription.ready"])
            .settings(Caps::schema(Quiet::schema(schema)))
    }

    fn plan(_: &Settings, event: &Event) -> Result<MessagePlan, Error> {
        let mut plan = MessagePlan::empty();
        for patient in event.people_who_are(Role::Patient) {
            plan.messages.push(PlannedMessage {
                key: "ready".to_owned(),
                message_type: TYPE.to_owned(),
                to: patient.ref_.clone(),
                send_at: event.now,
                expires_at: None,
                occurrence: None,
                why: reason("ready", "The prescription is ready.").moment("occurred-at", event.occurred_at),
            });
        }
        Ok(plan)
    }

    fn decide(settings: &Settings, c: &DecideContext) -> Result<Decision, Error> {
        rules::decide(c, c.message.expires_at, &[&Refused, &TooLate, &settings.caps, &settings.quiet])
    }

    fn on_failure(settings: &Settings, a: &FailedAttempt) -> Result<RetryDecision, Error> {
        Ok(Retries::PATIENT.decide(a, settings.retries, a.message.expires_at))
    }
}

export_policy!(PrescriptionReady);

#[cfg(test)]
mod tests {
    use tidings_policy::{
        FailureClass,
        testing::{Case, check_settings},
    };

    use super::*;

    const NEW_YORK: &str = "America/New_York";

    fn at(local: &str) -> Case {
        Case::at(local, NEW_YORK).about(TYPE).key("ready").expires("2026-11-26T12:00")
    }

    #[test]
    fn patients_hear_of_it_at_once() {
        let case = at("2026-11-24T23:00").with(Role::Doctor, NEW_YORK);
        assert_eq!(
            case.plan::<PrescriptionReady>("prescription.ready"),
            ["ready to p1 at 2026-11-24T23:00: ready"]
        );
    }

    #[test]
    fn at_night_it_waits_for_the_morning() {
        for (case, expected) in [
            (at("2026-11-24T12:00"), "send: ok"),
            (at("2026-11-24T23:00"), "defer to 2026-11-25T08:00: quiet-hours"),
            (at("2026-11-24T12:00").switched_off(TYPE), "suppress: switched-off"),
            (at("2026-11-26T12:00"), "suppress: too-late"),
            (
                at("2026-11-24T12:00").had("otp", "2026-11-24T11:00", "sent").settings("at_most_per_day = 1"),
                "send: ok",
            ),
        ] {
            assert_eq!(case.decide::<PrescriptionReady>(), expected);
        }
    }

    #[test]
    fn a_phone_that_was_off_is_tried_again() {
        let case = at("2026-11-24T12:00").failed(FailureClass::Unreachable, 2);
        assert_eq!(case.retry::<PrescriptionReady>(), "retry at 2026-11-24T13:00: unreachable");
        assert_eq!(case.settings("retries = 1").retry::<PrescriptionReady>(), "give up: no-attempts-left");
    }

    #[test]
    fn the_settings_file_shows_the_defaults() {
        check_settings::<PrescriptionReady>(include_str!("../../prescription-ready.toml"));
    }
}
