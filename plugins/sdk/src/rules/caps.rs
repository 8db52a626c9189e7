//! How many texts a person gets in a day and in a week.

use serde::{Deserialize, Serialize};

use super::{Rule, later_or_never};
use crate::{DecideContext, Decision, Error, PastMessage, Schema, Span, UnixMs, reason};

/// The most that one person is sent, over all types of messages.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default)]
pub struct Caps {
    /// In 24 hours; 0 is no limit.
    pub at_most_per_day: u32,
    /// In seven times 24 hours; 0 is no limit.
    pub at_most_per_week: u32,
    /// What becomes of one more.
    pub over_the_cap: OverCap,
}

/// What becomes of a message over the cap.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OverCap {
    /// It waits until there is room.
    Wait,
    /// It is not sent.
    Drop,
}

impl Default for Caps {
    fn default() -> Self {
        Self { at_most_per_day: 6, at_most_per_week: 20, over_the_cap: OverCap::Wait }
    }
}

/// What left for the phone, or may have. A text that did not arrive disturbed nobody.
const SENT: [&str; 5] = ["sending", "accepted", "sent", "delivered", "unknown"];

/// A person who signs in often asked for those texts, and must not lose a reminder over them.
const ASKED_FOR: &str = "otp";

impl Caps {
    /// The settings, for a policy's schema.
    #[must_use]
    pub fn schema(schema: Schema) -> Schema {
        schema
            .count(
                "at_most_per_day",
                6,
                0..=100,
                "The most texts one person gets in 24 hours, of all types; 0: no limit.",
            )
            .count(
                "at_most_per_week",
                20,
                0..=500,
                "The most texts one person gets in 7 days, of all types; 0: no limit.",
            )
            .one_of(
                "over_the_cap",
                "wait",
                ["wait", "drop"],
                "Whether a text over that number waits for room or is dropped.",
            )
    }
}

impl Rule for Caps {
    fn judge(&self, c: &DecideContext, useful_until: UnixMs) -> Result<Option<Decision>, Error> {
        let caps = [
            (self.at_most_per_day, Span::days(1), "daily-cap", "24 hours"),
            (self.at_most_per_week, Span::days(7), "weekly-cap", "7 days"),
        ];
        for (most, span, code, length) in caps {
            let Some(room_at) = room_at(c, most, span) else { continue };
            let sent = sent_within(c, span).count();
            let why = reason(code, format!("This person had as many texts in {length} as the clinic sends."))
                .fact("sent", u32::try_from(sent).unwrap_or(u32::MAX))
                .fact("at-most", most);
            let room_at = (self.over_the_cap == OverCap::Wait).then_some(room_at);
            return Ok(Some(later_or_never(room_at, useful_until, why.clone(), why)));
        }
        Ok(None)
    }
}

/// When fewer than `most` were sent in a span, where that is not so now.
fn room_at(c: &DecideContext, most: u32, span: Span) -> Option<UnixMs> {
    // Newest first: the one that must leave the span is the last that fills it.
    let last_that_fills = usize::try_from(most).ok()?.checked_sub(1)?;
    let mut sent: Vec<_> = sent_within(c, span).map(|past| past.at).collect();
    sent.sort_unstable_by(|a, b| b.cmp(a));
    sent.get(last_that_fills).map(|at| span.after(*at))
}

fn sent_within(c: &DecideContext, span: Span) -> impl Iterator<Item = &PastMessage> {
    c.recent.iter().filter(move |past| {
        span.after(past.at) > c.now && past.message_type != ASKED_FOR && SENT.contains(&past.outcome.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Case, decision};

    const TWO: Caps = Caps { at_most_per_day: 2, at_most_per_week: 3, over_the_cap: OverCap::Wait };

    fn case(past: &[(&str, &str)]) -> Case {
        let case = Case::at("2026-11-24T09:00", "America/New_York").expires("2026-11-25T20:00");
        past.iter().fold(case, |case, (at, outcome)| case.had("follow-up", at, outcome))
    }

    fn judged(caps: Caps, case: &Case) -> String {
        let c = case.context();
        match caps.judge(&c, c.message.expires_at).unwrap() {
            Some(spoken) => decision(&spoken, &c),
            None => "nothing".to_owned(),
        }
    }

    #[test]
    fn only_what_was_sent_counts() {
        for outcome in ["failed", "undelivered", "suppressed", "canceled", "expired", "planned"] {
            let case = case(&[("2026-11-24T08:00", outcome), ("2026-11-24T07:00", "sent")]);
            assert_eq!(judged(TWO, &case), "nothing", "{outcome}");
        }
        let codes = case(&[("2026-11-24T07:00", "sent")]).had("otp", "2026-11-24T08:00", "delivered");
        assert_eq!(judged(TWO, &codes), "nothing");
    }

    #[test]
    fn one_too_many_waits_until_there_is_room() {
        let day = case(&[("2026-11-24T08:00", "sent"), ("2026-11-23T20:00", "delivered")]);
        assert_eq!(judged(TWO, &day), "defer to 2026-11-24T20:00: daily-cap");

        let week = case(&[
            ("2026-11-23T08:00", "sent"),
            ("2026-11-19T08:00", "sent"),
            ("2026-11-17T10:00", "unknown"),
        ]);
        assert_eq!(judged(TWO, &week), "defer to 2026-11-24T10:00: weekly-cap");
    }

    #[test]
    fn a_message_that_cannot_wait_so_long_is_dropped() {
        let full = case(&[("2026-11-24T08:00", "sent"), ("2026-11-23T20:00", "delivered")]);
        assert_eq!(judged(TWO, &full.clone().expires("2026-11-24T20:00")), "suppress: daily-cap");
        let strict = Caps { over_the_cap: OverCap::Drop, ..TWO };
        assert_eq!(judged(strict, &full), "suppress: daily-cap");
    }

    #[test]
    fn nought_is_no_limit() {
        let full = case(&[("2026-11-24T08:00", "sent"), ("2026-11-23T20:00", "delivered")]);
        assert_eq!(judged(Caps { at_most_per_day: 0, ..TWO }, &full), "nothing");
    }
}
