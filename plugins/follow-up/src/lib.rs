//! A word after a visit: the next day or later, at one time of day on the patient's clock.

use serde::Deserialize;
use tidings_policy::{
    DecideContext, Decision, Description, Error, Event, FailedAttempt, MessagePlan, PlannedMessage, Policy,
    Retries, RetryDecision, Role, Schema, Span, TimeOfDay, calendar, export_policy, reason,
    rules::{self, Caps, Quiet, Refused, TooLate},
};

/// The policy.
pub struct FollowUp;

/// What the clinic may set.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(default)]
pub struct Settings {
    /// From the visit to the text, at least.
    pub after: Span,
    /// On the patient's clock.
    pub at: TimeOfDay,
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
        Self {
            after: Span::hours(24),
            at: TimeOfDay::new(10, 0),
            retries: 1,
            quiet: Quiet::default(),
            caps: Caps::default(),
        }
    }
}

const TYPE: &str = "follow-up";
const STARTS_AT: &str = "data.starts_at";

impl Policy for FollowUp {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = Schema::new()
            .span("after", "24h", "How long after the visit the text goes out, at least.")
            .time_of_day("at", "10:00", "At what time of day it goes out, on the patient's clock.")
            .count("retries", 1, 0..=3, "How often a text that failed is sent again.");
        Description::new(TYPE, env!("CARGO_PKG_VERSION"), "Writes to patients after a visit.")
            .decides(TYPE)
            .plans([
                "appointment.completed",
                "appointment.booked",
                "appointment.rescheduled",
                "appointment.canceled",
            ])
            .reads([STARTS_AT])
            .settings(Caps::schema(Quiet::schema(schema)))
    }

    fn plan(settings: &Settings, event: &Event) -> Result<MessagePlan, Error> {
        let mut plan = MessagePlan::empty();
        // "Completed" was a mistake if anything else follows: then there is nothing to ask about.
        if !event.is("appointment.completed") {
            return Ok(plan);
        }
        let earliest = settings.after.after(event.occurred_at);
        for patient in event.people_who_are(Role::Patient) {
            let message = PlannedMessage {
                key: "follow-up".to_owned(),
                message_type: TYPE.to_owned(),
                to: patient.ref_.clone(),
                send_at: calendar::next_time_of_day(earliest, settings.at, &patient.time_zone)?,
                expires_at: None,
                occurrence: event.facts().moment(STARTS_AT),
                why: reason("after-visit", format!("The visit was {} before, or more.", settings.after))
                    .moment("occurred-at", event.occurred_at),
            };
            // A visit that is reported long after it was is passed over: the question would be odd.
            plan.add(event, message);
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

export_policy!(FollowUp);

#[cfg(test)]
mod tests {
    use tidings_policy::{
        FailureClass,
        testing::{Case, check_settings, moment},
    };

    use super::*;

    const NEW_YORK: &str = "America/New_York";

    fn at(local: &str) -> Case {
        Case::at(local, NEW_YORK).about(TYPE).key("follow-up").moment(STARTS_AT, "2026-11-24T08:00")
    }

    fn plan(case: &Case) -> Vec<String> {
        case.plan::<FollowUp>("appointment.completed")
    }

    #[test]
    fn it_goes_out_at_the_next_ten_oclock_a_day_after() {
        for (completed, sent) in [
            ("2026-11-24T09:00", "2026-11-25T10:00"),
            ("2026-11-24T10:00", "2026-11-25T10:00"),
            ("2026-11-24T10:30", "2026-11-26T10:00"),
        ] {
            let case = at(completed).with(Role::Doctor, NEW_YORK);
            assert_eq!(plan(&case), [format!("follow-up to p1 at {sent}: after-visit")]);
        }
    }

    #[test]
    fn ten_oclock_is_the_patients_own() {
        let case = at("2026-11-24T09:00").with(Role::Patient, "America/Los_Angeles");
        assert_eq!(plan(&case)[1], "follow-up to p2 at 2026-11-25T10:00: after-visit");
    }

    #[test]
    fn a_visit_reported_late_is_passed_over() {
        let mut event = at("2026-11-24T09:00").event("appointment.completed");
        event.now = moment("2026-11-25T10:01", NEW_YORK);
        let plan = FollowUp::plan(&Settings::default(), &event).unwrap();
        assert!(plan.messages.is_empty());
        assert_eq!(plan.passed_over[0].why.code, "moment-passed");
    }

    #[test]
    fn a_visit_that_was_not_completed_after_all_gets_none() {
        for event in ["appointment.booked", "appointment.rescheduled", "appointment.canceled"] {
            assert!(at("2026-11-24T09:00").plan::<FollowUp>(event).is_empty(), "{event}");
        }
    }

    #[test]
    fn it_keeps_to_the_day_and_to_the_caps() {
        for (case, expected) in [
            (at("2026-11-25T10:00"), "send: ok"),
            (at("2026-11-25T07:00"), "defer to 2026-11-25T08:00: quiet-hours"),
            (at("2026-11-25T10:00").switched_off(TYPE), "suppress: switched-off"),
            (
                at("2026-11-25T10:00")
                    .had("appointment-reminder", "2026-11-24T18:00", "delivered")
                    .settings("at_most_per_day = 1"),
                "defer to 2026-11-25T18:00: daily-cap",
            ),
        ] {
            assert_eq!(case.decide::<FollowUp>(), expected);
        }
    }

    #[test]
    fn it_is_repeated_once() {
        let failed = |attempts| at("2026-11-25T10:00").failed(FailureClass::Congested, attempts);
        assert_eq!(failed(1).retry::<FollowUp>(), "retry at 2026-11-25T10:05: congested");
        assert_eq!(failed(2).retry::<FollowUp>(), "give up: no-attempts-left");
    }

    #[test]
    fn the_settings_file_shows_the_defaults() {
        check_settings::<FollowUp>(include_str!("../../follow-up.toml"));
    }
}
