//! Webhooks: what the clinic's own systems are told, where, and how patiently.

use super::id::EndpointId;
use super::message::STATUSES;
use chrono::{DateTime, TimeDelta, Utc};
use rand::{Rng, RngExt as _};

/// Events that are not the states of a message.
const OTHERS: [&str; 11] = [
    "reply.received",
    "reply.requested",
    "consent.changed",
    "appointment.confirm-requested",
    "appointment.cancel-requested",
    "appointment.reschedule-requested",
    "budget.blown",
    "budget.warning",
    "sending.stopped",
    "sending.resumed",
    "webhook.switched-off",
];

/// All events there are: `message.planned`, … `reply.received`, … What only one host has in its hands
/// (`claimed`, `sending`) is told to nobody.
pub fn event_types() -> impl Iterator<Item = String> {
    let states =
        STATUSES.iter().map(|(state, _)| *state).filter(|state| !matches!(*state, "claimed" | "sending"));
    states.map(|state| format!("message.{state}")).chain(OTHERS.map(str::to_owned))
}

/// Whether a pattern names an event, a group of them (`message.*`), or all (`*`).
#[must_use]
pub fn is_pattern(pattern: &str) -> bool {
    pattern == "*" || event_types().any(|event| pattern == event || pattern == group(&event))
}

/// The pattern of an event's whole group: of `message.delivered` it is `message.*`.
#[must_use]
pub fn group(event_type: &str) -> String {
    let name = event_type.split('.').next().unwrap_or(event_type);
    format!("{name}.*")
}

/// Where to call, and how that has gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Ours.
    pub id: EndpointId,
    /// As it was posted; it passes the guard before every call.
    pub url: String,
    /// For people.
    pub description: String,
    /// Patterns of the events it wants to hear.
    pub events: Vec<String>,
    /// Made with a test key.
    pub test: bool,
    /// Its secret follows from this and the home's keys.
    pub secret_nonce: [u8; 16],
    /// The nonce before, which signs too until then.
    pub previous: Option<([u8; 16], DateTime<Utc>)>,
    /// Since when no call has come through.
    pub failing_since: Option<DateTime<Utc>>,
    /// It is not called before.
    pub rest_until: Option<DateTime<Utc>>,
    /// Switched off: when, and why.
    pub off: Option<(DateTime<Utc>, String)>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// Pauses between the calls for one event: nine calls in a day.
const PAUSES: [TimeDelta; 8] = [
    TimeDelta::seconds(5),
    TimeDelta::seconds(30),
    TimeDelta::minutes(5),
    TimeDelta::minutes(30),
    TimeDelta::hours(2),
    TimeDelta::hours(5),
    TimeDelta::hours(8),
    TimeDelta::hours(8),
];

/// An address at which nothing has come through for so long is switched off.
pub const PATIENCE: TimeDelta = TimeDelta::hours(24);

/// How long to wait after so many calls that did not come through, give or take a fifth, and never
/// less than the other side asks for, within an hour; `None` when it is given up.
pub fn pause<R: Rng + ?Sized>(tries: u32, asked: Option<TimeDelta>, rng: &mut R) -> Option<TimeDelta> {
    let base = *PAUSES.get(usize::try_from(tries.checked_sub(1)?).ok()?)?;
    let fifth = base.num_milliseconds() / 5;
    let jittered = base + TimeDelta::milliseconds(rng.random_range(-fifth..=fifth));
    Some(jittered.max(asked.unwrap_or_default().min(TimeDelta::hours(1))))
}

/// How long an address is left in peace after so many calls in a row that did not come through: what
/// waits for it would only fail too.
#[must_use]
pub fn rest(failures: u32) -> TimeDelta {
    TimeDelta::seconds(2i64.saturating_pow(failures.min(9))).min(TimeDelta::minutes(5))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Chance;

    #[test]
    fn events_are_named_by_what_they_are_about() {
        for pattern in
            ["*", "message.*", "message.delivered", "appointment.*", "appointment.cancel-requested"]
        {
            assert!(is_pattern(pattern), "{pattern}");
        }
        for pattern in ["", "message", "message.claimed", "message.sending", "mesage.*", "**", "*.delivered"]
        {
            assert!(!is_pattern(pattern), "{pattern}");
        }
    }

    #[test]
    fn an_event_is_called_out_for_a_day_and_then_given_up() {
        let chance = Chance::seeded(3);
        let pauses: Vec<TimeDelta> =
            (1..).map_while(|tries| pause(tries, None, &mut *chance.lock())).collect();
        let total: TimeDelta = pauses.iter().sum();
        assert_eq!(pauses.len(), 8);
        assert!(total > TimeDelta::hours(18) && total < TimeDelta::hours(29), "{total}");
    }

    proptest::proptest! {
        #[test]
        fn a_pause_is_jittered_and_heeds_what_is_asked(tries in 1u32..=8, asked in 0i64..20_000, seed: u64) {
            let chance = Chance::seeded(seed);
            let waited = pause(tries, Some(TimeDelta::seconds(asked)), &mut *chance.lock()).unwrap();
            let base = PAUSES[tries as usize - 1];
            proptest::prop_assert!(waited >= base * 4 / 5);
            proptest::prop_assert!(waited >= TimeDelta::seconds(asked.min(3600)));
            proptest::prop_assert!(waited <= (base * 6 / 5).max(TimeDelta::hours(1)));
        }
    }
}
