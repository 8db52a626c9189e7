//! Quiet hours, and the times at which a person likes to be reached.

use serde::{Deserialize, Serialize};

use super::{Rule, later_or_never};
use crate::{
    Daytime, DecideContext, Decision, Error, OpenHours, Priority, Schema, TimeOfDay, UnixMs, reason,
};

/// When texts may go out, on the recipient's wall clock.
///
/// As a rule it lets a message of high priority pass where the clinic allows that; [`Always`] makes
/// no exception.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default)]
pub struct Quiet {
    /// The hours of the day; the rest are quiet hours.
    pub send_between: Daytime,
    /// Whether the person's own preferred times count as well.
    pub heed_preferred_times: bool,
}

impl Default for Quiet {
    fn default() -> Self {
        Self { send_between: Daytime::USUAL, heed_preferred_times: true }
    }
}

impl Quiet {
    /// The settings, for a policy's schema.
    #[must_use]
    pub fn schema(schema: Schema) -> Schema {
        schema
            .daytime("send_between", "08:00-21:00", "When texts may go out, on the recipient's clock.")
            .flag("heed_preferred_times", true, "Whether a person's own preferred times count as well.")
    }
}

impl Rule for Quiet {
    fn judge(&self, c: &DecideContext, useful_until: UnixMs) -> Result<Option<Decision>, Error> {
        if c.message.priority == Priority::High && c.clinic.high_priority_may_disturb {
            return Ok(None);
        }
        Always(self).judge(c, useful_until)
    }
}

/// Quiet hours for a message of whatever priority.
#[derive(Clone, Copy, Debug)]
pub struct Always<'a>(pub &'a Quiet);

impl Rule for Always<'_> {
    fn judge(&self, c: &DecideContext, useful_until: UnixMs) -> Result<Option<Decision>, Error> {
        let day = OpenHours::daily(self.0.send_between);
        let preferred = self.0.heed_preferred_times.then(|| day.preferring(&c.to.windows));
        let hours = preferred.as_ref().unwrap_or(&day);
        if hours.contain(&c.to.local) {
            return Ok(None);
        }
        let [later, never] = if day.contain(&c.to.local) {
            [
                reason("outside-preferred-window", "This person likes to be reached at another time."),
                reason("preferred-window-too-late", "The time this person prefers would be too late."),
            ]
        } else {
            [
                reason("quiet-hours", "It is outside the hours in which the clinic sends texts."),
                reason("quiet-hours-too-late", "When quiet hours end it would be too late."),
            ]
        }
        .map(|why| {
            why.fact("local-time", TimeOfDay::of(&c.to.local).to_string())
                .fact("time-zone", c.to.time_zone.as_str())
                .fact("send-between", self.0.send_between.to_string())
        });
        let open = hours.next_open(c.now, &c.to.time_zone)?;
        Ok(Some(later_or_never(open, useful_until, later, never)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Case, decision};

    fn at(local: &str) -> Case {
        Case::at(local, "America/New_York").expires("2026-11-25T20:00")
    }

    fn judged(rule: &dyn Rule, case: &Case) -> String {
        let c = case.context();
        match rule.judge(&c, c.message.expires_at).unwrap() {
            Some(spoken) => decision(&spoken, &c),
            None => "nothing".to_owned(),
        }
    }

    #[test]
    fn a_message_waits_for_the_day_and_for_the_preferred_time() {
        let evening_person = |local| at(local).prefers("Tue 18:00-23:00").prefers("Wed 06:00-09:00");
        for (case, expected) in [
            (at("2026-11-24T08:00"), "nothing"),
            (at("2026-11-24T20:59"), "nothing"),
            (at("2026-11-24T21:00"), "defer to 2026-11-25T08:00: quiet-hours"),
            (at("2026-11-24T07:59"), "defer to 2026-11-24T08:00: quiet-hours"),
            (evening_person("2026-11-24T07:59"), "defer to 2026-11-24T18:00: quiet-hours"),
            (evening_person("2026-11-24T12:00"), "defer to 2026-11-24T18:00: outside-preferred-window"),
            (evening_person("2026-11-24T22:00"), "defer to 2026-11-25T08:00: quiet-hours"),
            (at("2026-11-24T22:00").expires("2026-11-25T08:00"), "suppress: quiet-hours-too-late"),
            (
                evening_person("2026-11-24T12:00").expires("2026-11-24T18:00"),
                "suppress: preferred-window-too-late",
            ),
        ] {
            assert_eq!(judged(&Quiet::default(), &case), expected);
        }
    }

    #[test]
    fn high_priority_disturbs_where_the_clinic_allows_it() {
        let night = at("2026-11-24T03:00").priority(Priority::High).prefers("Tue 18:00-20:00");
        let allowed = night.clone().may_disturb(true);
        assert_eq!(judged(&Quiet::default(), &allowed), "nothing");
        assert_eq!(judged(&Always(&Quiet::default()), &allowed), "defer to 2026-11-24T18:00: quiet-hours");
        assert_eq!(judged(&Quiet::default(), &night), "defer to 2026-11-24T18:00: quiet-hours");
    }

    #[test]
    fn preferred_times_can_be_left_out() {
        let quiet = Quiet { heed_preferred_times: false, ..Quiet::default() };
        assert_eq!(judged(&quiet, &at("2026-11-24T12:00").prefers("Tue 18:00-20:00")), "nothing");
    }
}
