//! Budgets: fuses that blow when a type or a country costs more than the clinic expects.

use super::calendar::{FoldRule, GapRule, from_local};
use super::kind::TypeName;
use super::message::Lane;
use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Timelike as _, Utc};
use chrono_tz::Tz;
use std::fmt;

/// The stretch of time that a fuse counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Per {
    Hour,
    Day,
}

impl Per {
    /// The stretch that a moment lies in, on the clinic's clock.
    #[must_use]
    pub fn around(self, now: DateTime<Utc>, zone: Tz) -> (DateTime<Utc>, DateTime<Utc>) {
        let local = now.with_timezone(&zone);
        match self {
            Self::Hour => {
                let into = TimeDelta::minutes(i64::from(local.minute()))
                    + TimeDelta::seconds(i64::from(local.second()))
                    + TimeDelta::nanoseconds(i64::from(local.nanosecond()));
                (now - into, now - into + TimeDelta::hours(1))
            }
            Self::Day => {
                let day = local.date_naive();
                (day_begins(day, zone), day_begins(day + TimeDelta::days(1), zone))
            }
        }
    }
}

/// The first moment of a day on the clocks of a zone.
#[must_use]
pub fn day_begins(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let midnight = day.and_time(NaiveTime::MIN);
    from_local(midnight, zone, GapRule::After, FoldRule::Earlier).unwrap_or_else(|| midnight.and_utc())
}

/// One limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fuse {
    /// For one type; for all, when `None`.
    pub kind: Option<TypeName>,
    /// For one country; for all, when `None`.
    pub country: Option<String>,
    /// Counted by the hour or the day.
    pub per: Per,
    /// The most segments.
    pub segments: Option<i64>,
    /// The most money, in millionths.
    pub micros: Option<i64>,
    /// Percent that are kept for the urgent lane.
    pub reserve: i64,
}

impl Fuse {
    /// Whether a text of this type to this country counts.
    #[must_use]
    pub fn is_about(&self, kind: &str, country: &str) -> bool {
        self.kind.as_ref().is_none_or(|own| own.as_str() == kind)
            && self.country.as_ref().is_none_or(|own| own == country)
    }

    /// Whether so much more would be too much, for a text of this lane.
    #[must_use]
    pub fn blows(&self, lane: Lane, segments: i64, micros: i64) -> bool {
        let kept = if lane.is_urgent() || self.kind.is_some() { 0 } else { self.reserve };
        let over = |most: Option<i64>, used: i64| most.is_some_and(|most| used > most * (100 - kept) / 100);
        over(self.segments, segments) || over(self.micros, micros)
    }
}

impl fmt::Display for Fuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind.as_ref().map_or("all types", TypeName::as_str);
        let country = self.country.as_deref().unwrap_or("all countries");
        let per = match self.per {
            Per::Hour => "hour",
            Per::Day => "day",
        };
        write!(f, "{kind} to {country} per {per}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_and_a_day_are_the_clinics() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let zone = Tz::Asia__Kolkata;
        let now = at("2026-11-24T20:40:10Z");
        assert_eq!(Per::Hour.around(now, zone), (at("2026-11-24T20:30:00Z"), at("2026-11-24T21:30:00Z")));
        assert_eq!(Per::Day.around(now, zone), (at("2026-11-24T18:30:00Z"), at("2026-11-25T18:30:00Z")));
    }

    #[test]
    fn the_urgent_lane_may_use_what_is_kept_for_it() {
        let fuse =
            Fuse { kind: None, country: None, per: Per::Day, segments: Some(10), micros: None, reserve: 20 };
        assert!(!fuse.blows(Lane::Normal, 8, 0) && fuse.blows(Lane::Normal, 9, 0));
        assert!(!fuse.blows(Lane::Urgent, 10, 0) && fuse.blows(Lane::Urgent, 11, 0));
        // A fuse for one type keeps nothing back: all its texts are of a kind.
        let fuse = Fuse { kind: Some(TypeName::from("otp")), ..fuse };
        assert!(!fuse.blows(Lane::Normal, 10, 0));
    }
}
