//! Times of the day and week: when somebody likes to be reached, and when nobody does.

use super::calendar::{FoldRule, GapRule, from_local};
use chrono::{DateTime, NaiveTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One stretch of one weekday, in local minutes of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Window {
    /// 1 = Monday ... 7 = Sunday.
    pub weekday: u8,
    /// First minute in it.
    pub from_minute: u16,
    /// First minute after it; 1440 is midnight.
    pub to_minute: u16,
}

/// When a person likes to be reached; empty: any time.
pub type Windows = Vec<Window>;

/// A stretch of every day, `08:00-21:00`; one that ends before it starts runs over midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DailyWindow {
    from_minute: u16,
    to_minute: u16,
}

/// The text is not of the form `08:00-21:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a stretch of the day such as \"08:00-21:00\"")]
pub struct WindowError;

impl DailyWindow {
    /// Reads `08:00-21:00`.
    ///
    /// # Errors
    ///
    /// The text has another form, or the stretch is empty.
    pub fn parse(text: &str) -> Result<Self, WindowError> {
        let (from, to) = text.split_once('-').ok_or(WindowError)?;
        let window = Self { from_minute: minute(from)?, to_minute: minute(to)? };
        if window.from_minute == window.to_minute { Err(WindowError) } else { Ok(window) }
    }

    /// Whether a wall clock that shows this time is inside.
    #[must_use]
    pub fn contains(self, time: NaiveTime) -> bool {
        use chrono::Timelike as _;
        let minute = u16::try_from(time.hour() * 60 + time.minute()).unwrap_or(0);
        if self.from_minute < self.to_minute {
            (self.from_minute..self.to_minute).contains(&minute)
        } else {
            minute >= self.from_minute || minute < self.to_minute
        }
    }

    /// When it ends, for a moment that is inside; `None` for one that is not.
    #[must_use]
    pub fn end_after(self, now: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        let local = now.with_timezone(&zone).naive_local();
        if !self.contains(local.time()) {
            return None;
        }
        let minutes = u32::from(self.to_minute % 1440);
        let end = NaiveTime::from_num_seconds_from_midnight_opt(minutes * 60, 0).unwrap_or_default();
        let day = if end > local.time() { local.date() } else { local.date().succ_opt()? };
        from_local(day.and_time(end), zone, GapRule::After, FoldRule::Earlier)
    }
}

impl fmt::Display for DailyWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.from_minute, self.to_minute);
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

impl<'de> Deserialize<'de> for DailyWindow {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Minutes of the day of `09:30`; `24:00` is the day's end.
///
/// # Errors
///
/// The text is no time of day.
pub fn minute(text: &str) -> Result<u16, WindowError> {
    let (hour, minute) = text.trim().split_once(':').ok_or(WindowError)?;
    if hour.len() != 2 || minute.len() != 2 {
        return Err(WindowError);
    }
    let hour: u16 = hour.parse().map_err(|_| WindowError)?;
    let minute: u16 = minute.parse().map_err(|_| WindowError)?;
    match (hour, minute) {
        (0..=23, 0..=59) | (24, 0) => Ok(hour * 60 + minute),
        _ => Err(WindowError),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daily_window_may_run_over_midnight() {
        let night = DailyWindow::parse("21:00-08:00").unwrap();
        let at = |h, m| NaiveTime::from_hms_opt(h, m, 0).unwrap();
        assert!(night.contains(at(23, 0)) && night.contains(at(7, 59)) && night.contains(at(21, 0)));
        assert!(!night.contains(at(8, 0)) && !night.contains(at(20, 59)));
        assert_eq!(night.to_string(), "21:00-08:00");
    }

    #[test]
    fn a_night_ends_in_the_morning_of_the_zone_it_is_in() {
        let night = DailyWindow::parse("21:00-08:00").unwrap();
        let zone = Tz::America__New_York;
        let end = |at: &str| night.end_after(at.parse().unwrap(), zone).map(|end| end.to_rfc3339());
        // 23:00 on the evening before the clocks go forward.
        assert_eq!(end("2027-03-14T04:00:00Z").as_deref(), Some("2027-03-14T12:00:00+00:00"));
        assert_eq!(end("2026-11-24T12:59:00Z").as_deref(), Some("2026-11-24T13:00:00+00:00"));
        assert_eq!(end("2026-11-24T13:00:00Z"), None);
    }

    #[test]
    fn what_is_no_stretch_of_the_day_is_refused() {
        for text in ["", "8-21", "08:00", "25:00-26:00", "08:00-08:00", "08:60-09:00", "8:00-9:00"] {
            assert_eq!(DailyWindow::parse(text), Err(WindowError), "{text}");
        }
    }
}
