//! Wall clocks in zones. In WebAssembly the host answers from its pinned database; natively, where
//! there is no host, `chrono-tz` does, by the same rules for gaps and folds.

use crate::{Error, LocalTime, TimeOfDay, UnixMs};

#[cfg(target_arch = "wasm32")]
use crate::bindings::tidings::policy::calendar as answers;
#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(not(target_arch = "wasm32"))]
use native as answers;

pub use crate::bindings::tidings::policy::calendar::{FoldRule, GapRule, WallTime};

/// What the clocks of this zone show at this moment.
///
/// # Errors
///
/// Fails for a zone that is not in the database.
pub fn to_local(at: UnixMs, time_zone: &str) -> Result<LocalTime, Error> {
    answers::to_local(at, time_zone).map_err(Error::from)
}

/// The moment at which the clocks of this zone show this, which may be skipped or come twice.
///
/// # Errors
///
/// Fails for an unknown zone, and for a day that its month does not have.
pub fn from_local(at: WallTime, time_zone: &str, gap: GapRule, fold: FoldRule) -> Result<UnixMs, Error> {
    answers::from_local(at, time_zone, gap, fold).map_err(Error::from)
}

/// The first moment from `after` on at which the clocks show this time of day; on a day that skips
/// it, the moment after the gap.
///
/// # Errors
///
/// Fails for an unknown zone.
pub fn next_time_of_day(after: UnixMs, time: TimeOfDay, time_zone: &str) -> Result<UnixMs, Error> {
    let mut date = Date::of(&to_local(after, time_zone)?);
    loop {
        let at = from_local(date.at(time), time_zone, GapRule::After, FoldRule::Earlier)?;
        if at >= after {
            return Ok(at);
        }
        date = date.next();
    }
}

/// The moment `days` days on the calendar after `at`, at this time of day: days of 23 and of 25
/// hours count as one.
///
/// # Errors
///
/// Fails for an unknown zone.
pub fn days_later(at: UnixMs, days: u64, time: TimeOfDay, time_zone: &str) -> Result<UnixMs, Error> {
    let mut date = Date::of(&to_local(at, time_zone)?);
    for _ in 0..days {
        date = date.next();
    }
    from_local(date.at(time), time_zone, GapRule::After, FoldRule::Earlier)
}

/// A day of the Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Date {
    year: u16,
    month: u8,
    day: u8,
    /// 1 = Monday ... 7 = Sunday
    pub(crate) weekday: u8,
}

impl Date {
    pub(crate) fn of(local: &LocalTime) -> Self {
        Self { year: local.year, month: local.month, day: local.day, weekday: local.weekday }
    }

    pub(crate) fn at(self, time: TimeOfDay) -> WallTime {
        let (hour, minute) = (time.hour(), time.minute());
        WallTime { year: self.year, month: self.month, day: self.day, hour, minute, second: 0 }
    }

    pub(crate) fn next(self) -> Self {
        let weekday = self.weekday % 7 + 1;
        if self.day < days_in(self.year, self.month) {
            Self { day: self.day + 1, weekday, ..self }
        } else if self.month < 12 {
            Self { month: self.month + 1, day: 1, weekday, ..self }
        } else {
            Self { year: self.year + 1, month: 1, day: 1, weekday }
        }
    }

    pub(crate) fn previous(self) -> Self {
        let weekday = (self.weekday + 5) % 7 + 1;
        if self.day > 1 {
            Self { day: self.day - 1, weekday, ..self }
        } else if self.month > 1 {
            let month = self.month - 1;
            Self { month, day: days_in(self.year, month), weekday, ..self }
        } else {
            Self { year: self.year - 1, month: 12, day: 31, weekday }
        }
    }
}

fn days_in(year: u16, month: u8) -> u8 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{moment, shown};

    const NEW_YORK: &str = "America/New_York";

    #[test]
    fn a_time_that_is_skipped_or_comes_twice_follows_the_rules() {
        let at = |date: (u8, u8), time: (u8, u8), gap, fold| {
            let wall =
                WallTime { year: 2026, month: date.0, day: date.1, hour: time.0, minute: time.1, second: 0 };
            from_local(wall, NEW_YORK, gap, fold).unwrap()
        };
        // The clocks jump from 02:00 to 03:00 at 07:00 UTC.
        let jump = moment("2026-03-08T07:00", "UTC");
        assert_eq!(at((3, 8), (2, 30), GapRule::After, FoldRule::Earlier), jump);
        assert_eq!(at((3, 8), (2, 0), GapRule::After, FoldRule::Earlier), jump);
        assert_eq!(at((3, 8), (2, 30), GapRule::Before, FoldRule::Earlier), jump - 1);
        // 01:30 comes at 05:30 UTC and again an hour later.
        assert_eq!(
            at((11, 1), (1, 30), GapRule::After, FoldRule::Earlier),
            moment("2026-11-01T05:30", "UTC")
        );
        assert_eq!(at((11, 1), (1, 30), GapRule::After, FoldRule::Later), moment("2026-11-01T06:30", "UTC"));
    }

    #[test]
    fn a_day_past_the_months_end_and_an_unknown_zone_are_errors() {
        let wall = WallTime { year: 2026, month: 2, day: 29, hour: 9, minute: 0, second: 0 };
        assert!(from_local(wall, NEW_YORK, GapRule::After, FoldRule::Earlier).is_err());
        assert!(to_local(0, "America/Springfield").is_err());
    }

    #[test]
    fn the_next_ten_oclock_is_today_or_tomorrow() {
        let ten: TimeOfDay = "10:00".parse().unwrap();
        for (after, next) in [
            ("2026-11-24T09:59", "2026-11-24T10:00"),
            ("2026-11-24T10:00", "2026-11-24T10:00"),
            ("2026-11-24T10:01", "2026-11-25T10:00"),
            ("2026-12-31T23:00", "2027-01-01T10:00"),
        ] {
            let found = next_time_of_day(moment(after, NEW_YORK), ten, NEW_YORK).unwrap();
            assert_eq!(shown(found, NEW_YORK), next, "after {after}");
        }
    }

    #[test]
    fn days_are_counted_on_the_calendar() {
        let ten: TimeOfDay = "10:00".parse().unwrap();
        // The night between has 23 hours.
        let later = days_later(moment("2026-03-07T10:00", NEW_YORK), 1, ten, NEW_YORK).unwrap();
        assert_eq!(shown(later, NEW_YORK), "2026-03-08T10:00");
    }

    #[test]
    fn dates_step_over_months_years_and_leap_days() {
        let mut date = Date { year: 2027, month: 12, day: 30, weekday: 4 };
        let start = date;
        for _ in 0..800 {
            let next = date.next();
            assert_eq!(next.previous(), date);
            date = next;
        }
        assert_eq!(date, Date { year: 2030, month: 3, day: 9, weekday: 6 });
        assert_eq!(start.previous().weekday, 3);
    }
}
