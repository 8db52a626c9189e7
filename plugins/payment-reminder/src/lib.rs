//! Reminders of an open payment, until it is settled.
//!
//! They go out at one time of day on the recipient's clock, some days apart. When the payment is
//! settled or canceled the plan is empty, and the host takes back what was planned.

use serde::Deserialize;
use tidings_policy::{
    DecideContext, Decision, Description, Error, Event, FailedAttempt, MessagePlan, PlannedMessage, Policy,
    Retries, RetryDecision, Role, Schema, Span, TimeOfDay,
    calendar::{days_later, next_time_of_day},
    export_policy, reason,
    rules::{self, Caps, Quiet, Refused, TooLate},
};

/// The policy.
pub struct PaymentReminder;

/// What the clinic may set.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(default)]
pub struct Settings {
    /// From the opening of the payment to the first reminder.
    pub first_after: Span,
    /// Whole days between two.
    pub repeat_every: Span,
    /// How many there are.
    pub times: u32,
    /// On the recipient's clock.
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
            first_after: Span::hours(0),
            repeat_every: Span::days(3),
            times: 3,
            at: TimeOfDay::new(10, 0),
            retries: 2,
            quiet: Quiet::default(),
            caps: Caps::default(),
        }
    }
}

impl Settings {
    fn days_between(&self) -> Result<u64, Error> {
        self.repeat_every.whole_days().filter(|days| *days > 0).ok_or_else(|| {
            "`repeat_every` must be whole days, because all reminders go out at the same time of day.".into()
        })
    }
}

const TYPE: &str = "payment-reminder";
const DUE_AT: &str = "data.due_at";

impl Policy for PaymentReminder {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = Schema::new()
            .span("first_after", "0h", "How long after the payment was opened the first reminder goes out.")
            .span("repeat_every", "3d", "How many days lie between two reminders.")
            .count("times", 3, 1..=10, "How many reminders there are.")
            .time_of_day("at", "10:00", "At what time of day they go out, on the recipient's clock.")
            .count("retries", 2, 0..=3, "How often a reminder that failed is sent again.");
        Description::new(TYPE, env!("CARGO_PKG_VERSION"), "Reminds patients of open payments.")
            .decides(TYPE)
            .plans(["payment.pending", "payment.settled", "payment.canceled"])
            .reads([DUE_AT])
            .settings(Caps::schema(Quiet::schema(schema)))
    }

    fn configure(settings: &Settings) -> Result<(), Error> {
        settings.days_between().map(|_| ())
    }

    fn plan(settings: &Settings, event: &Event) -> Result<MessagePlan, Error> {
        let mut plan = MessagePlan::empty();
        if !event.is("payment.pending") {
            return Ok(plan);
        }
        let days = settings.days_between()?;
        // A payment that became known late is reminded of from now on: it is still open.
        let from = settings.first_after.after(event.occurred_at).max(event.now);
        for patient in event.people_who_are(Role::Patient) {
            let zone = &patient.time_zone;
            let mut send_at = next_time_of_day(from, settings.at, zone)?;
            for n in 1..=settings.times {
                let next = days_later(send_at, days, settings.at, zone)?;
                plan.messages.push(PlannedMessage {
                    key: format!("reminder-{n}"),
                    message_type: TYPE.to_owned(),
                    to: patient.ref_.clone(),
                    send_at,
                    // Two never arrive together: one ends where the next begins.
                    expires_at: Some(next),
                    occurrence: event.facts().moment(DUE_AT),
                    why: reason("payment-open", format!("It is reminder {n} of {}.", settings.times))
                        .fact("reminder", n)
                        .fact("of", settings.times),
                });
                send_at = next;
            }
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

export_policy!(PaymentReminder);

#[cfg(test)]
mod tests {
    use tidings_policy::testing::{Case, check_settings};

    use super::*;

    fn at(local: &str) -> Case {
        Case::at(local, "America/New_York").about(TYPE).moment(DUE_AT, "2026-12-01T00:00")
    }

    fn plan(case: &Case) -> Vec<String> {
        case.plan::<PaymentReminder>("payment.pending")
    }

    #[test]
    fn an_open_payment_is_reminded_of_three_times_at_ten() {
        assert_eq!(
            plan(&at("2026-11-24T15:00").with(Role::Doctor, "America/Chicago")),
            [
                "reminder-1 to p1 at 2026-11-25T10:00 until 2026-11-28T10:00: payment-open",
                "reminder-2 to p1 at 2026-11-28T10:00 until 2026-12-01T10:00: payment-open",
                "reminder-3 to p1 at 2026-12-01T10:00 until 2026-12-04T10:00: payment-open",
            ]
        );
        assert_eq!(plan(&at("2026-11-24T10:00"))[0][..34], *"reminder-1 to p1 at 2026-11-24T10:");
    }

    #[test]
    fn ten_is_ten_on_both_sides_of_a_clock_change() {
        let case = at("2026-10-30T12:00").settings("first_after = '1d'\nrepeat_every = '1d'\ntimes = 2");
        assert_eq!(
            plan(&case),
            [
                "reminder-1 to p1 at 2026-11-01T10:00 until 2026-11-02T10:00: payment-open",
                "reminder-2 to p1 at 2026-11-02T10:00 until 2026-11-03T10:00: payment-open",
            ]
        );
    }

    #[test]
    fn a_payment_that_is_settled_or_canceled_is_forgotten() {
        for event in ["payment.settled", "payment.canceled"] {
            assert!(at("2026-11-24T15:00").plan::<PaymentReminder>(event).is_empty(), "{event}");
        }
    }

    #[test]
    fn the_due_date_tells_one_open_payment_from_the_next() {
        let event = at("2026-11-24T15:00").event("payment.pending");
        let plan = PaymentReminder::plan(&Settings::default(), &event).unwrap();
        assert!(plan.messages.iter().all(|m| m.occurrence == event.facts().moment(DUE_AT)));
        assert!(plan.messages[0].occurrence.is_some());
    }

    #[test]
    fn it_keeps_to_the_day_and_to_the_recipients_wishes() {
        for (case, expected) in [
            (at("2026-11-25T10:00"), "send: ok"),
            (at("2026-11-25T22:00"), "defer to 2026-11-26T08:00: quiet-hours"),
            (at("2026-11-25T10:00").switched_off(TYPE), "suppress: switched-off"),
            (
                at("2026-11-25T10:00").prefers("Wed 17:00-19:00"),
                "defer to 2026-11-25T17:00: outside-preferred-window",
            ),
        ] {
            assert_eq!(case.decide::<PaymentReminder>(), expected);
        }
    }

    #[test]
    fn days_that_are_not_whole_are_refused() {
        for repeat_every in [Span::hours(36), Span::hours(0)] {
            let settings = Settings { repeat_every, ..Settings::default() };
            assert!(PaymentReminder::configure(&settings).is_err(), "{repeat_every}");
        }
    }

    #[test]
    fn the_settings_file_shows_the_defaults() {
        check_settings::<PaymentReminder>(include_str!("../../payment-reminder.toml"));
    }
}
