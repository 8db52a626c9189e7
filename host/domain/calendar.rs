//! Wall clocks: local times from moments and back, over the pinned time-zone database.

use chrono::{
    DateTime, Datelike as _, MappedLocalTime, NaiveDateTime, Offset as _, TimeDelta, TimeZone as _,
    Timelike as _, Utc,
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// The time-zone database that every decision records.
pub const TZ_DATABASE: &str = chrono_tz::IANA_TZDB_VERSION;

/// A wall clock in one zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct LocalTime {
    pub year: u16,
    pub month: u8,
    pub day: u8,
    pub hour: u8,
    pub minute: u8,
    pub second: u8,
    /// 1 = Monday ... 7 = Sunday.
    pub weekday: u8,
    pub utc_offset_minutes: i16,
    /// IANA name.
    pub time_zone: String,
}

/// What to do with a time that the clocks skip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapRule {
    /// The first moment after the gap.
    After,
    /// The last moment before the gap.
    Before,
}

/// What to do with a time that comes twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum FoldRule {
    Earlier,
    Later,
}

/// What the clocks of a zone show at a moment.
#[must_use]
pub fn to_local(at: DateTime<Utc>, zone: Tz) -> LocalTime {
    let local = at.with_timezone(&zone);
    let small = |number: u32| u8::try_from(number).unwrap_or(0);
    LocalTime {
        year: u16::try_from(local.year()).unwrap_or(0),
        month: small(local.month()),
        day: small(local.day()),
        hour: small(local.hour()),
        minute: small(local.minute()),
        second: small(local.second()),
        weekday: small(local.weekday().number_from_monday()),
        utc_offset_minutes: i16::try_from(local.offset().fix().local_minus_utc() / 60).unwrap_or(0),
        time_zone: zone.name().to_owned(),
    }
}

/// The moment at which the clocks of a zone show a time.
///
/// `None` only for times so far from ours that chrono has no moment for them.
#[must_use]
pub fn from_local(wall: NaiveDateTime, zone: Tz, gap: GapRule, fold: FoldRule) -> Option<DateTime<Utc>> {
    match zone.from_local_datetime(&wall) {
        MappedLocalTime::Single(at) => Some(at.to_utc()),
        MappedLocalTime::Ambiguous(first, second) => Some(match fold {
            FoldRule::Earlier => first.min(second).to_utc(),
            FoldRule::Later => first.max(second).to_utc(),
        }),
        MappedLocalTime::None => {
            let after = first_moment_after_gap(wall, zone)?;
            Some(match gap {
                GapRule::After => after,
                GapRule::Before => after - TimeDelta::milliseconds(1),
            })
        }
    }
}

/// Gaps start and end on whole minutes in every zone's rules of today; seconds are searched all
/// the same, because older local times have them.
fn first_moment_after_gap(wall: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    let day = TimeDelta::hours(26);
    let mut before = zone.from_local_datetime(&(wall - day)).earliest()?.to_utc();
    let mut after = zone.from_local_datetime(&(wall + day)).latest()?.to_utc();
    let offset = |at: DateTime<Utc>| zone.offset_from_utc_datetime(&at.naive_utc()).fix();
    let shows_later = |at: DateTime<Utc>| at.naive_utc() + offset(at) > wall;
    while after - before > TimeDelta::milliseconds(1) {
        let middle = before + (after - before) / 2;
        if shows_later(middle) { after = middle } else { before = middle }
    }
    // The search ends within a millisecond of the change; the change itself is on a whole second.
    Some(chrono::DurationRound::duration_round(after, TimeDelta::seconds(1)).unwrap_or(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(text: &str) -> NaiveDateTime {
        text.parse().unwrap()
    }

    #[test]
    fn a_skipped_time_is_the_first_moment_after_the_gap_or_the_last_before() {
        let zone = chrono_tz::America::New_York;
        let skipped = wall("2026-03-08T02:30:00");
        let after = from_local(skipped, zone, GapRule::After, FoldRule::Earlier).unwrap();
        assert_eq!(after.to_rfc3339(), "2026-03-08T07:00:00+00:00");
        let before = from_local(skipped, zone, GapRule::Before, FoldRule::Earlier).unwrap();
        assert_eq!(after - before, TimeDelta::milliseconds(1));
    }

    #[test]
    fn a_time_that_comes_twice_is_the_one_asked_for() {
        let zone = chrono_tz::America::New_York;
        let twice = wall("2026-11-01T01:30:00");
        let earlier = from_local(twice, zone, GapRule::After, FoldRule::Earlier).unwrap();
        let later = from_local(twice, zone, GapRule::After, FoldRule::Later).unwrap();
        assert_eq!(later - earlier, TimeDelta::hours(1));
    }

    proptest::proptest! {
        #[test]
        fn every_local_time_leads_back_to_its_moment(
            zone in 0..chrono_tz::TZ_VARIANTS.len(),
            seconds in 1_700_000_000_i64..2_145_000_000,
        ) {
            let zone = chrono_tz::TZ_VARIANTS[zone];
            let at = DateTime::from_timestamp(seconds, 0).unwrap();
            let shown = at.with_timezone(&zone).naive_local();
            let back = [FoldRule::Earlier, FoldRule::Later]
                .map(|fold| from_local(shown, zone, GapRule::After, fold).unwrap());
            proptest::prop_assert!(back.contains(&at), "{zone} {shown}");
        }
    }
}
