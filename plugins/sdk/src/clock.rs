//! Times of day as a clinic writes them: `10:00`, and `08:00-21:00`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{Error, LocalTime};

/// Minutes from midnight on a wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(u16);

const MIDNIGHT: u16 = 24 * 60;

impl TimeOfDay {
    /// From an hour and a minute; both are cut to what a clock can show.
    #[must_use]
    pub const fn new(hour: u8, minute: u8) -> Self {
        Self((hour % 24) as u16 * 60 + (minute % 60) as u16)
    }

    /// Minutes from midnight: none for 1440 and more.
    #[must_use]
    pub const fn from_minutes(minutes: u16) -> Option<Self> {
        if minutes < MIDNIGHT { Some(Self(minutes)) } else { None }
    }

    /// What the clock shows.
    #[must_use]
    pub fn of(local: &LocalTime) -> Self {
        Self::new(local.hour, local.minute)
    }

    /// 0 to 23.
    #[must_use]
    pub fn hour(self) -> u8 {
        (self.0 / 60).try_into().unwrap_or(0)
    }

    /// 0 to 59.
    #[must_use]
    pub fn minute(self) -> u8 {
        (self.0 % 60).try_into().unwrap_or(0)
    }

    /// Minutes from midnight.
    #[must_use]
    pub const fn minutes(self) -> u16 {
        self.0
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour(), self.minute())
    }
}

impl FromStr for TimeOfDay {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        minutes(text)
            .and_then(Self::from_minutes)
            .ok_or_else(|| format!("`{text}` is not a time of day such as `10:00`").into())
    }
}

/// The hours of the day in which texts may go out; the rest are quiet hours. Within one day:
/// `08:00-21:00`, or `00:00-24:00` for always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Daytime {
    from: u16,
    to: u16,
}

impl Daytime {
    /// From eight in the morning to nine in the evening: what the law allows in the United States.
    pub const USUAL: Self = Self { from: 8 * 60, to: 21 * 60 };

    /// From this minute of the day to before that one.
    #[must_use]
    pub const fn minutes(self) -> (u16, u16) {
        (self.from, self.to)
    }
}

impl fmt::Display for Daytime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

impl FromStr for Daytime {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        text.split_once('-')
            .and_then(|(from, to)| Some(Self { from: minutes(from)?, to: minutes(to)? }))
            .filter(|daytime| daytime.from < daytime.to)
            .ok_or_else(|| format!("`{text}` are not hours of one day such as `08:00-21:00`").into())
    }
}

/// `HH:MM` up to `24:00`.
fn minutes(text: &str) -> Option<u16> {
    let digits = |two: &str| -> Option<u16> {
        (two.len() == 2 && two.bytes().all(|b| b.is_ascii_digit())).then(|| two.parse().ok())?
    };
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute) = (digits(hour)?, digits(minute)?);
    (minute < 60 && hour * 60 + minute <= MIDNIGHT).then_some(hour * 60 + minute)
}

macro_rules! as_text {
    ($($time:ty)*) => {$(
        impl<'de> Deserialize<'de> for $time {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }

        impl Serialize for $time {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}

as_text!(TimeOfDay Daytime);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_they_are_written() {
        for text in ["00:00", "09:05", "23:59"] {
            assert_eq!(text.parse::<TimeOfDay>().unwrap().to_string(), text);
        }
        for text in ["08:00-21:00", "00:00-24:00", "12:30-12:31"] {
            assert_eq!(text.parse::<Daytime>().unwrap().to_string(), text);
        }
        assert_eq!("08:00-21:00".parse::<Daytime>().unwrap(), Daytime::USUAL);
    }

    #[test]
    fn what_no_clock_shows_is_refused() {
        for text in ["", "9:00", "24:00", "12:60", "12.30", "+1:00", "12:3٣"] {
            assert!(text.parse::<TimeOfDay>().is_err(), "{text}");
        }
        for text in ["08:00", "21:00-08:00", "08:00-08:00", "08:00-24:01", "08:00 - 21:00", "8-21"] {
            assert!(text.parse::<Daytime>().is_err(), "{text}");
        }
    }
}
