//! Spans of time as they are written: `30s`, `5m`, `24h`, `90d`.

use chrono::TimeDelta;
use serde::{Deserialize, Deserializer, de};

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub TimeDelta);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let unit = text.char_indices().last().and_then(|(at, unit)| {
            let seconds = match unit {
                's' => 1,
                'm' => 60,
                'h' => 3600,
                'd' => 86_400,
                _ => return None,
            };
            let number: i64 = text[..at].trim().parse().ok()?;
            (0..=10_000_000).contains(&number).then(|| TimeDelta::seconds(number * seconds))
        });
        unit.map(Self).ok_or_else(|| {
            de::Error::custom("expected a span of time such as \"30s\", \"5m\", \"24h\" or \"90d\"")
        })
    }
}
