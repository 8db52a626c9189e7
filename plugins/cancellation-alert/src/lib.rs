//! Word that a visit is off: at once, and before the visit or not at all.
//!
//! It spares somebody a journey for nothing, so it knows no caps, and it disturbs at night where the
//! clinic lets high priority do so. A visit that is back on takes back an alert that is still waiting.

use serde::Deserialize;
use tidings_policy::{
    DecideContext, Decision, Description, Error, Event, FailedAttempt, MessagePlan, PlannedMessage, Policy,
    Retries, RetryDecision, Role, Schema, export_policy, reason,
    rules::{self, Quiet, Refused, TooLate},
};

/// The policy.
pub struct CancellationAlert;

/// What the clinic may set.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(default)]
pub struct Settings {
    /// Whether the visit's doctors are told as well.
    pub tell_doctors: bool,
    /// How often one is sent again.
    pub retries: u32,
    /// Quiet hours.
    #[serde(flatten)]
    pub quiet: Quiet,
}

impl Default for Settings {
    fn default() -> Self {
        Self { tell_doctors: false, retries: 3, quiet: Quiet::default() }
    }
}

const TYPE: &str = "cancellation-alert";
const KEY: &str = "canceled";
const STARTS_AT: &str = "data.starts_at";

impl Policy for CancellationAlert {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = Schema::new()
            .flag("tell_doctors", false, "Whether the doctors of the visit are told as well.")
            .count("retries", 3, 0..=3, "How often an alert that failed is sent again.");
        Description::new(TYPE, env!("CARGO_PKG_VERSION"), "Tells people that a visit is off.")
            .decides(TYPE)
            .plans(["appointment.canceled", "appointment.booked", "appointment.rescheduled"])
            .reads([STARTS_AT])
            .settings(Quiet::schema(schema))
    }

    fn plan(settings: &Settings, event: &Event) -> Result<MessagePlan, Error> {
        let mut plan = MessagePlan::empty();
        if !event.is("appointment.canceled") {
            return Ok(plan);
        }
        // Without a start it goes all the same: the type's own expiry ends it.
        let starts_at = event.facts().moment(STARTS_AT);
        let told = event.people.iter().filter(|p| p.role == Role::Patient || settings.tell_doctors);
        for person in told {
            if let Some(starts_at) = starts_at.filter(|starts_at| *starts_at <= event.now) {
                let why = reason("visit-passed", "The visit would have begun already.")
                    .moment("starts-at", starts_at);
                plan.pass_over(KEY, TYPE, &person.ref_, why);
                continue;
            }
            plan.messages.push(PlannedMessage {
                key: KEY.to_owned(),
                message_type: TYPE.to_owned(),
                to: person.ref_.clone(),
                send_at: event.now,
                expires_at: starts_at,
                occurrence: starts_at,
                why: reason("canceled", "The visit is off.").moment("occurred-at", event.occurred_at),
            });
        }
        Ok(plan)
    }

    fn decide(settings: &Settings, c: &DecideContext) -> Result<Decision, Error> {
        let starts_at = c.message.occurrence.or_else(|| c.facts().moment(STARTS_AT));
        let useful_until = starts_at.unwrap_or(c.message.expires_at);
        rules::decide(c, useful_until, &[&Refused, &TooLate, &settings.quiet])
    }

    fn on_failure(settings: &Settings, a: &FailedAttempt) -> Result<RetryDecision, Error> {
        let starts_at = a.message.occurrence.or_else(|| a.facts().moment(STARTS_AT));
        Ok(Retries::URGENT.decide(a, settings.retries, starts_at.unwrap_or(a.message.expires_at)))
    }
}

export_policy!(CancellationAlert);

#[cfg(test)]
mod tests {
    use tidings_policy::{
        FailureClass, Priority,
        testing::{Case, check_settings},
    };

    use super::*;

    const NEW_YORK: &str = "America/New_York";

    fn at(local: &str) -> Case {
        Case::at(local, NEW_YORK)
            .about(TYPE)
            .key(KEY)
            .priority(Priority::High)
            .moment(STARTS_AT, "2026-11-25T07:00")
    }

    fn plan(case: &Case) -> Vec<String> {
        case.plan::<CancellationAlert>("appointment.canceled")
    }

    #[test]
    fn the_patient_hears_at_once_and_the_doctor_where_the_clinic_wants_it() {
        let case = at("2026-11-24T23:00").with(Role::Doctor, NEW_YORK);
        let patient = "canceled to p1 at 2026-11-24T23:00 until 2026-11-25T07:00: canceled";
        let doctor = "canceled to p2 at 2026-11-24T23:00 until 2026-11-25T07:00: canceled";
        assert_eq!(plan(&case), [patient]);
        assert_eq!(plan(&case.settings("tell_doctors = true")), [patient, doctor]);
    }

    #[test]
    fn a_visit_that_would_have_begun_needs_no_word() {
        assert_eq!(plan(&at("2026-11-25T07:00")), ["not canceled to p1: visit-passed"]);
    }

    #[test]
    fn a_visit_without_a_start_is_called_off_all_the_same() {
        let case = Case::at("2026-11-24T23:00", NEW_YORK);
        assert_eq!(plan(&case), ["canceled to p1 at 2026-11-24T23:00: canceled"]);
    }

    #[test]
    fn a_visit_that_is_back_on_takes_the_alert_back() {
        for event in ["appointment.booked", "appointment.rescheduled"] {
            assert!(at("2026-11-24T23:00").plan::<CancellationAlert>(event).is_empty(), "{event}");
        }
    }

    #[test]
    fn it_disturbs_at_night_only_where_the_clinic_allows_it() {
        let night = at("2026-11-24T23:00");
        for (case, expected) in [
            (night.clone().may_disturb(true), "send: ok"),
            (night.clone(), "suppress: quiet-hours-too-late"),
            (night.clone().occurrence("2026-11-25T09:00"), "defer to 2026-11-25T08:00: quiet-hours"),
            (night.clone().may_disturb(true).switched_off(TYPE), "suppress: switched-off"),
            (at("2026-11-25T07:00").may_disturb(true), "suppress: too-late"),
        ] {
            assert_eq!(case.decide::<CancellationAlert>(), expected);
        }
    }

    #[test]
    fn it_is_repeated_soon_and_not_past_the_start() {
        let failed = |local| at(local).failed(FailureClass::Unreachable, 1);
        let soon = failed("2026-11-24T23:00").retry::<CancellationAlert>();
        assert_eq!(soon, "retry at 2026-11-24T23:05: unreachable");
        let late = failed("2026-11-25T06:56").retry::<CancellationAlert>();
        assert_eq!(late, "give up: too-late-to-retry");
    }

    #[test]
    fn the_settings_file_shows_the_defaults() {
        check_settings::<CancellationAlert>(include_str!("../../cancellation-alert.toml"));
    }
}
