//! Lengths of time as a clinic writes them: `24h`, `90m`, `2d`, `1h30m`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{Error, UnixMs};

/// A length of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(UnixMs);

const SECOND: UnixMs = 1_000;
const MINUTE: UnixMs = 60 * SECOND;
const HOUR: UnixMs = 60 * MINUTE;
const DAY: UnixMs = 24 * HOUR;

/// Longer is a slip of the pen, and moments stay far from overflowing.
const LONGEST: UnixMs = 3_660 * DAY;

impl Span {
    /// So many seconds.
    #[must_use]
    pub const fn seconds(n: u32) -> Self {
        Self(n as UnixMs * SECOND)
    }

    /// So many minutes.
    #[must_use]
    pub const fn minutes(n: u32) -> Self {
        Self(n as UnixMs * MINUTE)
    }

    /// So many hours.
    #[must_use]
    pub const fn hours(n: u32) -> Self {
        Self(n as UnixMs * HOUR)
    }

    /// So many times 24 hours.
    #[must_use]
    pub const fn days(n: u32) -> Self {
        Self(n as UnixMs * DAY)
    }

    /// In milliseconds.
    #[must_use]
    pub const fn ms(self) -> UnixMs {
        self.0
    }

    /// How many days it is, if it is whole days.
    #[must_use]
    pub const fn whole_days(self) -> Option<u64> {
        if self.0.is_multiple_of(DAY) { Some(self.0 / DAY) } else { None }
    }

    /// The moment so much later.
    #[must_use]
    pub const fn after(self, at: UnixMs) -> UnixMs {
        at.saturating_add(self.0)
    }

    /// The moment so much earlier.
    #[must_use]
    pub const fn before(self, at: UnixMs) -> UnixMs {
        at.saturating_sub(self.0)
    }
}

/// One spelling for each length, whatever the clinic wrote: `1d` and `24h` are the same reminder.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |unit: UnixMs| self.0.is_multiple_of(unit).then_some(self.0 / unit);
        match (whole(DAY), whole(HOUR), whole(MINUTE)) {
            (Some(days), _, _) if days > 1 => write!(f, "{days}d"),
            (_, Some(hours), _) => write!(f, "{hours}h"),
            (_, _, Some(minutes)) => write!(f, "{minutes}m"),
            _ => write!(f, "{}s", self.0 / SECOND),
        }
    }
}

impl FromStr for Span {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::from(format!("`{text}` is not a length of time such as `90m` or `24h`"));
        let mut total: UnixMs = 0;
        let mut rest = text;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let number: UnixMs = rest[..digits].parse().map_err(|_| wrong())?;
            let unit = match rest.as_bytes().get(digits) {
                Some(b's') => SECOND,
                Some(b'm') => MINUTE,
                Some(b'h') => HOUR,
                Some(b'd') => DAY,
                _ => return Err(wrong()),
            };
            total = number.checked_mul(unit).and_then(|n| n.checked_add(total)).ok_or_else(wrong)?;
            rest = &rest[digits + 1..];
        }
        if text.is_empty() || total > LONGEST {
            return Err(wrong());
        }
        Ok(Self(total))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_reads_as_it_is_written() {
        for (text, span, shown) in [
            ("24h", Span::hours(24), "24h"),
            ("1d", Span::hours(24), "24h"),
            ("48h", Span::days(2), "2d"),
            ("90m", Span::minutes(90), "90m"),
            ("1h30m", Span::minutes(90), "90m"),
            ("60m", Span::hours(1), "1h"),
            ("45s", Span::seconds(45), "45s"),
            ("0h", Span::default(), "0h"),
        ] {
            let parsed: Span = text.parse().unwrap();
            assert_eq!((parsed, parsed.to_string().as_str()), (span, shown), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_length_is_refused() {
        for text in ["", "h", "24", "24 h", "-1h", "1w", "24h ", "99999999999999999999h", "9999d", "٣h"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
