//! Sizes and spans as people write them in TOML: `"32 MiB"`, `"250ms"`, `"30d"`.

use serde::de::{Deserializer, Error, Unexpected, Visitor};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// A number of bytes, written as a number or as `"24 MiB"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Bytes(pub usize);

/// A length of time, written as `"250ms"`, `"2s"`, `"5m"`, `"12h"` or `"30d"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(into = "u64")]
pub struct Span(pub Duration);

const SIZES: [(&str, usize); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// In milliseconds.
const SPANS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

impl Bytes {
    fn parse(text: &str) -> Option<Self> {
        let (unit, factor) = SIZES.iter().find(|(unit, _)| text.ends_with(unit))?;
        let number: usize = text.strip_suffix(unit)?.trim().parse().ok()?;
        number.checked_mul(*factor).map(Self)
    }
}

impl Span {
    fn parse(text: &str) -> Option<Self> {
        let unit = text.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = text[..unit].parse().ok()?;
        let (_, factor) = SPANS.iter().find(|(name, _)| *name == text[unit..].trim())?;
        number.checked_mul(*factor).map(|millis| Self(Duration::from_millis(millis)))
    }

    /// Whole milliseconds.
    #[must_use]
    pub fn millis(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }
}

impl From<Span> for u64 {
    fn from(span: Span) -> Self {
        span.millis()
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |factor: &usize| self.0 >= *factor && self.0.is_multiple_of(*factor);
        match SIZES.iter().find(|(_, factor)| fits(factor)) {
            Some((unit, factor)) => write!(f, "{} {unit}", self.0 / factor),
            None => write!(f, "{} B", self.0),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.millis();
        let fits = |factor: &u64| millis >= *factor && millis.is_multiple_of(*factor);
        match SPANS.iter().find(|(_, factor)| fits(factor)) {
            Some((unit, factor)) => write!(f, "{} {unit}", millis / factor),
            None => write!(f, "0 ms"),
        }
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Size;
        impl Visitor<'_> for Size {
            type Value = Bytes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of bytes, or a size such as \"32 MiB\"")
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Bytes, E> {
                usize::try_from(number)
                    .map(Bytes)
                    .map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<Bytes, E> {
                usize::try_from(number)
                    .map(Bytes)
                    .map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Bytes, E> {
                Bytes::parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Size)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            D::Error::invalid_value(Unexpected::Str(&text), &"a span such as \"250ms\" or \"2s\"")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_spans_are_read_as_people_write_them() {
        assert_eq!(Bytes::parse("32 MiB"), Some(Bytes(32 << 20)));
        assert_eq!(Bytes::parse("1KiB"), Some(Bytes(1024)));
        assert_eq!(Span::parse("250ms"), Some(Span(Duration::from_millis(250))));
        assert_eq!(Span::parse("2s"), Some(Span(Duration::from_secs(2))));
        assert_eq!(Span::parse("30d"), Some(Span(Duration::from_hours(720))));
        for text in ["", "MiB", "-1 MiB", "1 MB", "1.5 MiB", "99999999999999999999 B"] {
            assert_eq!(Bytes::parse(text), None, "{text}");
        }
        for text in ["", "ms", "250", "2 y", "-1s"] {
            assert_eq!(Span::parse(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_shown_in_the_largest_unit_that_fits() {
        let shown = [0, 1, 1000, 1024, 512 << 10, 24 << 20].map(|number| Bytes(number).to_string());
        assert_eq!(shown, ["0 B", "1 B", "1000 B", "1 KiB", "512 KiB", "24 MiB"]);
        let shown = [0, 250, 2000, 90_000, 120_000, 2_592_000_000]
            .map(|millis| Span(Duration::from_millis(millis)).to_string());
        assert_eq!(shown, ["0 ms", "250 ms", "2 s", "90 s", "2 m", "30 d"]);
    }
}
