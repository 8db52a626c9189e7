//! What several policies hold a message back for. A policy names its rules in their order, and the
//! first that speaks decides:
//!
//! ```
//! # use tidings_policy::{DecideContext, Decision, Error, rules::{self, Caps, Quiet, Refused, TooLate}};
//! # struct Settings { caps: Caps, quiet: Quiet }
//! fn decide(settings: &Settings, c: &DecideContext) -> Result<Decision, Error> {
//!     let useful_until = c.message.expires_at;
//!     rules::decide(c, useful_until, &[&Refused, &TooLate, &settings.caps, &settings.quiet])
//! }
//! ```

mod caps;
mod quiet;

pub use caps::{Caps, OverCap};
pub use quiet::{Always, Quiet};

use crate::{DecideContext, Decision, Deferral, Error, Reason, TimeOfDay, UnixMs, reason};

/// Something that may speak against sending a message now.
pub trait Rule {
    /// What it says, if anything. After `useful_until` the message is of no use to anyone.
    ///
    /// # Errors
    ///
    /// Fails for a recipient in an unknown time zone.
    fn judge(&self, c: &DecideContext, useful_until: UnixMs) -> Result<Option<Decision>, Error>;
}

/// The first rule that speaks decides; the message is sent when none does.
///
/// # Errors
///
/// Fails when a rule does.
pub fn decide(c: &DecideContext, useful_until: UnixMs, rules: &[&dyn Rule]) -> Result<Decision, Error> {
    // What the host would not send any more is of no use either.
    let useful_until = useful_until.min(c.message.expires_at);
    for rule in rules {
        if let Some(decision) = rule.judge(c, useful_until)? {
            return Ok(decision);
        }
    }
    Ok(Decision::Send(
        reason("ok", "It is due, and nothing speaks against it.")
            .fact("local-time", TimeOfDay::of(&c.to.local).to_string())
            .fact("time-zone", c.to.time_zone.as_str())
            .moment("useful-until", useful_until),
    ))
}

/// The person said stop, or switched this type off. The host sees to that as well.
#[derive(Clone, Copy, Debug)]
pub struct Refused;

impl Rule for Refused {
    fn judge(&self, c: &DecideContext, _: UnixMs) -> Result<Option<Decision>, Error> {
        if c.to.opted_out {
            let why = reason("opted-out", "This person asked for no more texts.").fact("opted-out", true);
            return Ok(Some(Decision::Suppress(why)));
        }
        let message_type = &c.message.message_type;
        Ok(c.to.switched_off.contains(message_type).then(|| {
            let why = reason("switched-off", "This person switched messages of this type off.")
                .fact("message-type", message_type.as_str());
            Decision::Suppress(why)
        }))
    }
}

/// It would arrive when it is of no use any more.
#[derive(Clone, Copy, Debug)]
pub struct TooLate;

impl Rule for TooLate {
    fn judge(&self, c: &DecideContext, useful_until: UnixMs) -> Result<Option<Decision>, Error> {
        Ok((c.now >= useful_until).then(|| {
            let why = reason("too-late", "It would arrive when it is of no use any more.")
                .moment("now", c.now)
                .moment("useful-until", useful_until);
            Decision::Suppress(why)
        }))
    }
}

/// Later, or not at all where later is too late.
fn later_or_never(until: Option<UnixMs>, useful_until: UnixMs, later: Reason, never: Reason) -> Decision {
    match until {
        Some(until) if until < useful_until => {
            Decision::Defer(Deferral::new(until, later.moment("until", until)))
        }
        _ => Decision::Suppress(never.moment("useful-until", useful_until)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Case, decision};

    const RULES: [&dyn Rule; 2] = [&Refused, &TooLate];

    fn case() -> Case {
        Case::at("2026-11-24T09:00", "America/New_York").about("follow-up")
    }

    fn decided(case: &Case) -> String {
        let c = case.context();
        decision(&decide(&c, c.message.expires_at, &RULES).unwrap(), &c)
    }

    #[test]
    fn the_first_rule_that_speaks_decides() {
        for (case, expected) in [
            (case(), "send: ok"),
            (case().switched_off("otp"), "send: ok"),
            (case().switched_off("follow-up"), "suppress: switched-off"),
            (case().switched_off("follow-up").opted_out(), "suppress: opted-out"),
            (case().expires("2026-11-24T09:00"), "suppress: too-late"),
            (case().expires("2026-11-24T09:00").opted_out(), "suppress: opted-out"),
        ] {
            assert_eq!(decided(&case), expected);
        }
    }
}
