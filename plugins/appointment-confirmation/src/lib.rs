//! A confirmation when a visit is booked or moved.
//!
//! It goes out as soon as the day allows and is of use until the visit begins. A visit that is moved
//! is confirmed anew, because the start is the message's occurrence.

use serde::Deserialize;
use tidings_policy::{
    DecideContext, Decision, Description, Error, Event, Facts, FailedAttempt, Inbound, Message, MessagePlan,
    PlannedMessage, Policy, REPLY_WISH, ReplyAction, ReplyWords, Retries, RetryDecision, Role, Schema,
    UnixMs, export_policy, lacks_moment, reason,
    rules::{self, Caps, Quiet, Refused, TooLate},
};

/// The policy.
pub struct AppointmentConfirmation;

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
    /// What replies mean.
    #[serde(flatten)]
    pub words: ReplyWords,
}

impl Default for Settings {
    fn default() -> Self {
        Self { retries: 2, quiet: Quiet::default(), caps: Caps::default(), words: ReplyWords::default() }
    }
}

const TYPE: &str = "appointment-confirmation";
const KEY: &str = "confirmation";
const STARTS_AT: &str = "data.starts_at";

impl Policy for AppointmentConfirmation {
    type Settings = Settings;

    fn describe() -> Description {
        let schema =
            Schema::new().count("retries", 2, 0..=3, "How often a confirmation that failed is sent again.");
        Description::new(TYPE, env!("CARGO_PKG_VERSION"), "Confirms visits that were booked or moved.")
            .decides(TYPE)
            .plans([
                "appointment.booked",
                "appointment.rescheduled",
                "appointment.canceled",
                "appointment.completed",
            ])
            .reads([STARTS_AT, REPLY_WISH])
            .settings(ReplyWords::schema(Caps::schema(Quiet::schema(schema))))
    }

    fn configure(settings: &Settings) -> Result<(), Error> {
        settings.words.check()
    }

    fn plan(_: &Settings, event: &Event) -> Result<MessagePlan, Error> {
        let mut plan = MessagePlan::empty();
        if !event.is("appointment.booked") && !event.is("appointment.rescheduled") {
            return Ok(plan);
        }
        for patient in event.people_who_are(Role::Patient) {
            let Some(starts_at) = event.facts().moment(STARTS_AT) else {
                plan.pass_over(KEY, TYPE, &patient.ref_, lacks_moment(STARTS_AT));
                continue;
            };
            if starts_at <= event.now {
                let why = reason("visit-passed", "The visit had begun before the event was known.")
                    .moment("starts-at", starts_at);
                plan.pass_over(KEY, TYPE, &patient.ref_, why);
                continue;
            }
            let what = if event.is("appointment.booked") { "booked" } else { "moved" };
            plan.messages.push(PlannedMessage {
                key: KEY.to_owned(),
                message_type: TYPE.to_owned(),
                to: patient.ref_.clone(),
                send_at: event.now,
                expires_at: Some(starts_at),
                occurrence: Some(starts_at),
                why: reason(what, format!("The visit was {what}.")).moment("starts-at", starts_at),
            });
        }
        Ok(plan)
    }

    fn decide(settings: &Settings, c: &DecideContext) -> Result<Decision, Error> {
        let useful_until = start_of_visit(&c.message, c.facts());
        rules::decide(c, useful_until, &[&Refused, &TooLate, &settings.caps, &settings.quiet])
    }

    fn on_failure(settings: &Settings, a: &FailedAttempt) -> Result<RetryDecision, Error> {
        let useful_until = start_of_visit(&a.message, a.facts());
        Ok(Retries::PATIENT.decide(a, settings.retries, useful_until))
    }

    fn on_reply(settings: &Settings, m: &Inbound) -> Result<ReplyAction, Error> {
        Ok(settings.words.answer(m))
    }
}

fn start_of_visit(message: &Message, facts: Facts<'_>) -> UnixMs {
    message.occurrence.or_else(|| facts.moment(STARTS_AT)).unwrap_or(message.expires_at)
}

export_policy!(AppointmentConfirmation);

#[cfg(test)]
mod tests {
    use tidings_policy::{
        FailureClass,
        testing::{Case, check_settings},
    };

    use super::*;

    type It = AppointmentConfirmation;

    const NEW_YORK: &str = "America/New_York";

    fn at(local: &str) -> Case {
        Case::at(local, NEW_YORK).about(TYPE).key(KEY).moment(STARTS_AT, "2026-11-25T14:00")
    }

    #[test]
    fn a_visit_is_confirmed_when_it_is_booked_and_when_it_is_moved() {
        let now = at("2026-11-24T09:00").with(Role::Doctor, NEW_YORK);
        for (event, code) in [("appointment.booked", "booked"), ("appointment.rescheduled", "moved")] {
            let line = format!("confirmation to p1 at 2026-11-24T09:00 until 2026-11-25T14:00: {code}");
            assert_eq!(now.plan::<It>(event), [line]);
        }
        for event in ["appointment.canceled", "appointment.completed"] {
            assert!(now.plan::<It>(event).is_empty(), "{event}");
        }
    }

    #[test]
    fn a_visit_that_began_or_has_no_start_is_not_confirmed() {
        let late = at("2026-11-25T14:00").plan::<It>("appointment.booked");
        assert_eq!(late, ["not confirmation to p1: visit-passed"]);
        let nowhere = Case::at("2026-11-25T14:00", NEW_YORK).plan::<It>("appointment.booked");
        assert_eq!(nowhere, ["not confirmation to p1: no-moment"]);
    }

    #[test]
    fn it_waits_for_the_day_but_not_past_the_start() {
        for (case, expected) in [
            (at("2026-11-24T20:59"), "send: ok"),
            (at("2026-11-24T21:00"), "defer to 2026-11-25T08:00: quiet-hours"),
            (at("2026-11-24T21:00").occurrence("2026-11-25T07:30"), "suppress: quiet-hours-too-late"),
            (at("2026-11-25T14:00"), "suppress: too-late"),
            (at("2026-11-24T12:00").switched_off(TYPE), "suppress: switched-off"),
        ] {
            assert_eq!(case.decide::<It>(), expected);
        }
    }

    #[test]
    fn it_is_repeated_until_the_start_and_answered_by_words() {
        let failed = |local| at(local).failed(FailureClass::Unreachable, 1).expires("2026-11-26T09:00");
        assert_eq!(failed("2026-11-25T13:00").retry::<It>(), "retry at 2026-11-25T13:30: unreachable");
        assert_eq!(failed("2026-11-25T13:30").retry::<It>(), "give up: too-late-to-retry");
        assert_eq!(at("2026-11-24T09:00").replied::<It>("r"), "request reschedule: reschedule");
    }

    #[test]
    fn the_settings_file_shows_the_defaults() {
        check_settings::<It>(include_str!("../../appointment-confirmation.toml"));
    }
}
