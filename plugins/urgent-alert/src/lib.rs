//! Alerts that do not wait for the morning, to every person an event names.
//!
//! An alert is of high priority whatever its template says. It goes out at night unless the clinic
//! keeps the night: by this policy's `respect_quiet_hours`, or by not letting high priority disturb.

use serde::Deserialize;
use tidings_policy::{
    Daytime, DecideContext, Decision, Description, Error, Event, FailedAttempt, MessagePlan, PlannedMessage,
    Policy, Retries, RetryDecision, Schema, export_policy, reason,
    rules::{self, Always, Quiet, Refused, TooLate},
};

/// The policy.
pub struct UrgentAlert;

/// What the clinic may set.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(default)]
pub struct Settings {
    /// Whether alerts wait for the day.
    pub respect_quiet_hours: bool,
    /// The day, on the recipient's clock.
    pub send_between: Daytime,
    /// How often one is sent again.
    pub retries: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { respect_quiet_hours: false, send_between: Daytime::USUAL, retries: 3 }
    }
}

const TYPE: &str = "urgent-alert";

impl Policy for UrgentAlert {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = Schema::new()
            .flag("respect_quiet_hours", false, "Whether an alert waits for the day.")
            .daytime("send_between", "08:00-21:00", "The day, on the recipient's clock.")
            .count("retries", 3, 0..=3, "How often an alert that failed is sent again.");
        Description::new(TYPE, env!("CARGO_PKG_VERSION"), "Alerts patients and doctors at once.")
            .decides(TYPE)
            .plans(["alert.raised"])
            .settings(schema)
    }

    fn plan(_: &Settings, event: &Event) -> Result<MessagePlan, Error> {
        let mut plan = MessagePlan::empty();
        for person in &event.people {
            plan.messages.push(PlannedMessage {
                // A newer version says something else: it is an alert of its own.
                key: format!("alert-{}", event.subject_version),
                message_type: TYPE.to_owned(),
                to: person.ref_.clone(),
                send_at: event.now,
                expires_at: None,
                occurrence: None,
                why: reason("raised", "An alert was raised.").moment("occurred-at", event.occurred_at),
            });
        }
        Ok(plan)
    }

    fn decide(settings: &Settings, c: &DecideContext) -> Result<Decision, Error> {
        let useful_until = c.message.expires_at;
        if c.clinic.high_priority_may_disturb && !settings.respect_quiet_hours {
            return rules::decide(c, useful_until, &[&Refused, &TooLate]);
        }
        // By day an alert goes out whatever the time a person would like better.
        let night = Quiet { send_between: settings.send_between, heed_preferred_times: false };
        rules::decide(c, useful_until, &[&Refused, &TooLate, &Always(&night)])
    }

    fn on_failure(settings: &Settings, a: &FailedAttempt) -> Result<RetryDecision, Error> {
        Ok(Retries::URGENT.decide(a, settings.retries, a.message.expires_at))
    }
}

export_policy!(UrgentAlert);

#[cfg(test)]
mod tests {
    use tidings_policy::{
        FailureClass, Role,
        testing::{Case, check_settings},
    };

    use super::*;

    fn night() -> Case {
        Case::at("2026-11-24T03:00", "America/New_York").about(TYPE).key("alert-1").may_disturb(true)
    }

    #[test]
    fn everybody_hears_at_once() {
        let case = night().with(Role::Doctor, "America/New_York").with(Role::Patient, "America/Chicago");
        assert_eq!(
            case.plan::<UrgentAlert>("alert.raised"),
            [
                "alert-1 to p1 at 2026-11-24T03:00: raised",
                "alert-1 to p2 at 2026-11-24T03:00: raised",
                "alert-1 to p3 at 2026-11-24T02:00: raised",
            ]
        );
    }

    #[test]
    fn it_disturbs_at_night_unless_the_clinic_keeps_the_night() {
        for (case, expected) in [
            (night(), "send: ok"),
            (night().prefers("Mon 09:00-10:00"), "send: ok"),
            (night().may_disturb(false), "defer to 2026-11-24T08:00: quiet-hours"),
            (night().settings("respect_quiet_hours = true"), "defer to 2026-11-24T08:00: quiet-hours"),
            (night().expires("2026-11-24T04:00").may_disturb(false), "suppress: quiet-hours-too-late"),
            (night().expires("2026-11-24T03:00"), "suppress: too-late"),
            (night().opted_out(), "suppress: opted-out"),
            (night().switched_off(TYPE), "suppress: switched-off"),
        ] {
            assert_eq!(case.decide::<UrgentAlert>(), expected);
        }
    }

    #[test]
    fn it_is_repeated_soon() {
        let case = night().failed(FailureClass::Unreachable, 1);
        assert_eq!(case.retry::<UrgentAlert>(), "retry at 2026-11-24T03:05: unreachable");
        let maybe = case.may_have_arrived();
        assert_eq!(maybe.retry::<UrgentAlert>(), "retry at 2026-11-24T03:15: may-have-arrived");
    }

    #[test]
    fn the_settings_file_shows_the_defaults() {
        check_settings::<UrgentAlert>(include_str!("../../urgent-alert.toml"));
    }
}
