//! Reminders before a visit: by default a day before and an hour before.
//!
//! A reminder waits for the daytime and for the times a patient prefers, but never so long that it
//! is of no use: each is good until the next one is due, and the last until shortly before the visit.
//! A visit that is moved gets reminders of its own, because the start is the message's occurrence;
//! one that is canceled or over gets none, and the host takes back what was planned.

use serde::Deserialize;
use tidings_policy::{
    DecideContext, Decision, Description, Error, Event, Facts, FailedAttempt, Inbound, Message, MessagePlan,
    PlannedMessage, Policy, REPLY_WISH, ReplyAction, ReplyWords, Retries, RetryDecision, Role, Schema, Span,
    UnixMs, export_policy, lacks_moment, reason,
    rules::{self, Caps, Quiet, Refused, TooLate},
};

/// The policy.
pub struct AppointmentReminder;

/// What the clinic may set.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(default)]
pub struct Settings {
    /// How long before the visit each reminder is due.
    pub before: Vec<Span>,
    /// How long before the visit the last one loses its use.
    pub useful_until: Span,
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
        Self {
            before: vec![Span::hours(24), Span::hours(1)],
            useful_until: Span::minutes(10),
            retries: 3,
            quiet: Quiet::default(),
            caps: Caps::default(),
            words: ReplyWords::default(),
        }
    }
}

impl Settings {
    /// Furthest from the visit first, each once.
    fn in_order(&self) -> Vec<Span> {
        let mut before = self.before.clone();
        before.sort_unstable_by(|a, b| b.cmp(a));
        before.dedup();
        before
    }

    /// From when on the reminder is of no use: a margin before the visit.
    fn end_of_use(&self, message: &Message, facts: Facts<'_>) -> UnixMs {
        let starts_at = message.occurrence.or_else(|| facts.moment(STARTS_AT));
        starts_at.map_or(message.expires_at, |starts_at| self.useful_until.before(starts_at))
    }
}

const TYPE: &str = "appointment-reminder";
const STARTS_AT: &str = "data.starts_at";

impl Policy for AppointmentReminder {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = Schema::new()
            .spans("before", &["24h", "1h"], "How long before the visit each reminder is due.")
            .span("useful_until", "10m", "How long before the visit a reminder loses its use.")
            .count("retries", 3, 0..=3, "How often a reminder that failed is sent again.");
        Description::new(TYPE, env!("CARGO_PKG_VERSION"), "Reminds patients of their visits.")
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
        let Some(nearest) = settings.before.iter().min() else {
            return Err("`before` names no reminder; switch the plugin off instead.".into());
        };
        if *nearest <= settings.useful_until {
            let margin = settings.useful_until;
            return Err(format!(
                "The reminder {nearest} before the visit could never go: \
                 `useful_until` ends it {margin} before."
            )
            .into());
        }
        settings.words.check()
    }

    fn plan(settings: &Settings, event: &Event) -> Result<MessagePlan, Error> {
        let mut plan = MessagePlan::empty();
        if !event.is("appointment.booked") && !event.is("appointment.rescheduled") {
            return Ok(plan);
        }
        let reminders = settings.in_order();
        for patient in event.people_who_are(Role::Patient) {
            let Some(starts_at) = event.facts().moment(STARTS_AT) else {
                for before in &reminders {
                    plan.pass_over(&before.to_string(), TYPE, &patient.ref_, lacks_moment(STARTS_AT));
                }
                continue;
            };
            for (n, before) in reminders.iter().enumerate() {
                let next = reminders.get(n + 1).unwrap_or(&settings.useful_until);
                let message = PlannedMessage {
                    key: before.to_string(),
                    message_type: TYPE.to_owned(),
                    to: patient.ref_.clone(),
                    send_at: before.before(starts_at),
                    expires_at: Some(next.before(starts_at)),
                    occurrence: Some(starts_at),
                    why: reason("before-visit", format!("It is {before} before the visit then."))
                        .moment("starts-at", starts_at),
                };
                plan.add(event, message);
            }
        }
        Ok(plan)
    }

    fn decide(settings: &Settings, c: &DecideContext) -> Result<Decision, Error> {
        let end_of_use = settings.end_of_use(&c.message, c.facts());
        rules::decide(c, end_of_use, &[&Refused, &TooLate, &settings.caps, &settings.quiet])
    }

    fn on_failure(settings: &Settings, a: &FailedAttempt) -> Result<RetryDecision, Error> {
        let end_of_use = settings.end_of_use(&a.message, a.facts());
        Ok(Retries::PATIENT.decide(a, settings.retries, end_of_use))
    }

    fn on_reply(settings: &Settings, m: &Inbound) -> Result<ReplyAction, Error> {
        Ok(settings.words.answer(m))
    }
}

export_policy!(AppointmentReminder);

#[cfg(test)]
mod tests;
