//! When a person may be written to: hours of the day, times of the week, and the next such moment.

use crate::{
    Daytime, Error, LocalTime, TimeOfDay, UnixMs, Window,
    calendar::{Date, FoldRule, GapRule, WallTime, from_local, to_local},
};

/// Times of the week.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OpenHours {
    times: Vec<Window>,
}

impl OpenHours {
    /// The same hours on every day.
    #[must_use]
    pub fn daily(daytime: Daytime) -> Self {
        let (from_minute, to_minute) = daytime.minutes();
        Self { times: (1..=7).map(|weekday| Window { weekday, from_minute, to_minute }).collect() }
    }

    /// The times at which a person likes to be reached, cut to the hours of `self`. A person who
    /// named none is not asked; neither is one whose times all lie outside, because a wish for the
    /// night does not make it day, and never is not what was wished for.
    #[must_use]
    pub fn preferring(&self, windows: &[Window]) -> Self {
        let mut both = Self::default();
        for window in windows {
            for open in self.on(window.weekday) {
                let from_minute = window.from_minute.max(open.from_minute);
                let to_minute = window.to_minute.min(open.to_minute);
                if from_minute < to_minute {
                    both.times.push(Window { weekday: window.weekday, from_minute, to_minute });
                }
            }
        }
        if both.times.is_empty() { self.clone() } else { both }
    }

    /// Whether it is open when the clock shows this.
    #[must_use]
    pub fn contain(&self, local: &LocalTime) -> bool {
        let minute = TimeOfDay::of(local).minutes();
        self.on(local.weekday).any(|open| (open.from_minute..open.to_minute).contains(&minute))
    }

    /// The first moment from `at` on that is open in this zone; none if there is none in a week.
    ///
    /// # Errors
    ///
    /// Fails for an unknown zone.
    pub fn next_open(&self, at: UnixMs, time_zone: &str) -> Result<Option<UnixMs>, Error> {
        let local = to_local(at, time_zone)?;
        if self.contain(&local) {
            return Ok(Some(at));
        }
        // From the day before, which the clocks may fall back into, to the same day of next week and
        // one more, for zones that skip a day.
        let mut best: Option<UnixMs> = None;
        let mut date = Date::of(&local).previous();
        for _ in 0..10 {
            let found_before = best.is_some();
            for opening in self.openings(date, time_zone)? {
                if opening >= at && self.contain(&to_local(opening, time_zone)?) {
                    best = Some(best.map_or(opening, |best| best.min(opening)));
                }
            }
            // One day more than the one of the first find: where the clocks fall back over midnight,
            // the later date comes first.
            if found_before {
                break;
            }
            date = date.next();
        }
        Ok(best)
    }

    fn on(&self, weekday: u8) -> impl Iterator<Item = &Window> {
        self.times.iter().filter(move |open| open.weekday == weekday)
    }

    /// The moments of this date at which it may become open: when the clocks show the beginning,
    /// the first or the second time, or jump over it; and when they fall back from after the end.
    fn openings(&self, date: Date, time_zone: &str) -> Result<Vec<UnixMs>, Error> {
        let mut openings = Vec::new();
        for open in self.on(date.weekday) {
            let (Some(first), Some(last)) = (
                TimeOfDay::from_minutes(open.from_minute),
                TimeOfDay::from_minutes(open.to_minute.saturating_sub(1)),
            ) else {
                continue;
            };
            openings.extend(both_times(date.at(first), time_zone)?);
            let [earlier, later] = both_times(date.at(last), time_zone)?;
            if earlier < later {
                openings.push(fall_back(earlier, later, time_zone)?);
            }
        }
        Ok(openings)
    }
}

fn both_times(wall: WallTime, time_zone: &str) -> Result<[UnixMs; 2], Error> {
    Ok([
        from_local(wall, time_zone, GapRule::After, FoldRule::Earlier)?,
        from_local(wall, time_zone, GapRule::After, FoldRule::Later)?,
    ])
}

/// The moment at which the clocks fall back, between two at which they show the same.
fn fall_back(mut before: UnixMs, mut after: UnixMs, time_zone: &str) -> Result<UnixMs, Error> {
    let offset = to_local(before, time_zone)?.utc_offset_minutes;
    while after - before > 1 {
        let middle = before.midpoint(after);
        if to_local(middle, time_zone)?.utc_offset_minutes == offset {
            before = middle;
        } else {
            after = middle;
        }
    }
    Ok(after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{moment, shown, window};

    const NEW_YORK: &str = "America/New_York";

    fn next(hours: &OpenHours, at: &str, zone: &str) -> String {
        shown(hours.next_open(moment(at, zone), zone).unwrap().unwrap(), zone)
    }

    fn daily(text: &str) -> OpenHours {
        OpenHours::daily(text.parse().unwrap())
    }

    #[test]
    fn the_night_ends_at_the_first_open_minute() {
        let hours = OpenHours::daily(Daytime::USUAL);
        for (at, open) in [
            ("2026-11-24T07:59", "2026-11-24T08:00"),
            ("2026-11-24T08:00", "2026-11-24T08:00"),
            ("2026-11-24T20:59", "2026-11-24T20:59"),
            ("2026-11-24T21:00", "2026-11-25T08:00"),
            ("2026-12-31T23:00", "2027-01-01T08:00"),
        ] {
            assert_eq!(next(&hours, at, NEW_YORK), open, "at {at}");
        }
    }

    #[test]
    fn an_opening_that_the_clocks_skip_is_after_the_gap() {
        assert_eq!(next(&daily("02:30-09:00"), "2026-03-08T01:00", NEW_YORK), "2026-03-08T03:00");
        // The whole window is skipped, so that it is the next day's.
        assert_eq!(next(&daily("02:00-03:00"), "2026-03-08T01:00", NEW_YORK), "2026-03-09T02:00");
    }

    #[test]
    fn clocks_that_fall_back_open_a_window_again() {
        let hours = daily("00:30-01:30");
        let first_pass = moment("2026-11-01T05:45", "UTC");
        let again = hours.next_open(first_pass, NEW_YORK).unwrap().unwrap();
        assert_eq!((shown(first_pass, NEW_YORK), again), ("2026-11-01T01:45".into(), first_pass + 900_000));
    }

    #[test]
    fn a_persons_own_times_narrow_the_day() {
        let day = OpenHours::daily(Daytime::USUAL);
        let hours = day.preferring(&[window("Tue 06:00-10:00"), window("Thu 20:00-23:00")]);
        for (at, open) in [
            ("2026-11-24T06:30", "2026-11-24T08:00"),
            ("2026-11-24T10:00", "2026-11-26T20:00"),
            ("2026-11-26T21:00", "2026-12-01T08:00"),
        ] {
            assert_eq!(next(&hours, at, NEW_YORK), open, "at {at}");
        }
    }

    #[test]
    fn a_wish_for_the_night_leaves_the_day_as_it_is() {
        let day = OpenHours::daily(Daytime::USUAL);
        assert_eq!(day.preferring(&[window("Tue 22:00-23:00")]), day);
        assert_eq!(day.preferring(&[]), day);
    }
}
