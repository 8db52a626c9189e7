//! How often something may happen: so many in any span of time. Counts are kept for whole windows, and
//! the window before counts for the share of it that still lies within the span.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use std::fmt;
use std::str::FromStr;

/// So many in so long: `8/1h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// At the most so many.
    pub max: u32,
    /// In so long.
    pub window: TimeDelta,
}

/// A text that is no rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no rate; expected a number and a span of time such as \"8/1h\", \"20/1d\" or \"30/10m\"")]
pub struct NoRate;

/// Where a moment lies in the windows of a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// When this window began, in Unix milliseconds.
    pub window_start: i64,
    /// When the window before began.
    pub previous_start: i64,
    /// How much of the window before still counts, in thousandths.
    pub previous_share: i64,
    /// Milliseconds into this window.
    elapsed: i64,
}

impl Rate {
    /// Where a moment lies.
    #[must_use]
    pub fn place(&self, now: DateTime<Utc>) -> Place {
        let window = self.window.num_milliseconds().max(1);
        let now = now.timestamp_millis();
        let elapsed = now.rem_euclid(window);
        let window_start = now - elapsed;
        Place {
            window_start,
            previous_start: window_start - window,
            previous_share: share(window - elapsed, window),
            elapsed,
        }
    }

    /// Whether one more is allowed, with so many in this window and so many in the one before.
    #[must_use]
    pub fn allows(&self, place: &Place, current: i64, previous: i64) -> bool {
        current + previous * place.previous_share / 1000 < i64::from(self.max)
    }

    /// How long to wait until one more is allowed, if nothing else happens meanwhile; whole seconds.
    #[must_use]
    pub fn wait(&self, place: &Place, current: i64, previous: i64) -> TimeDelta {
        let window = self.window.num_milliseconds().max(1);
        let max = i64::from(self.max);
        let ends = window - place.elapsed;
        let millis = if current < max {
            // The window before fades until it leaves room; at the latest at the end of this one.
            ends - fades(window, previous, max - current).min(ends)
        } else {
            ends + window - fades(window, current, max)
        };
        TimeDelta::seconds((millis + 999).div_euclid(1000).max(1))
    }
}

/// Thousandths, rounded down.
fn share(part: i64, window: i64) -> i64 {
    part * 1000 / window
}

/// The most that may be left of a window so that `count` in the one before leaves `room`.
fn fades(window: i64, count: i64, room: i64) -> i64 {
    // count * share / 1000 < room, rounded down: share <= (room * 1000 - 1) / count.
    if count <= 0 {
        return window;
    }
    let share = ((room * 1000 - 1) / count).clamp(0, 1000);
    // The share of `left` is rounded down too: the next larger share begins here.
    (((share + 1) * window - 1) / 1000).min(window)
}

impl FromStr for Rate {
    type Err = NoRate;

    fn from_str(text: &str) -> Result<Self, NoRate> {
        let (max, span) = text.split_once('/').ok_or(NoRate)?;
        let max: u32 = max.trim().parse().map_err(|_| NoRate)?;
        let span = span.trim();
        let unit = span.chars().last().ok_or(NoRate)?;
        let number = &span[..span.len() - unit.len_utf8()];
        let number: i64 = if number.is_empty() { 1 } else { number.parse().map_err(|_| NoRate)? };
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return Err(NoRate),
        };
        let sound = max > 0 && (1..=1000).contains(&number);
        if !sound {
            return Err(NoRate);
        }
        Ok(Self { max, window: TimeDelta::seconds(number * seconds) })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {} s", self.max, self.window.num_seconds())
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_rate_is_written_as_a_number_and_a_span() {
        for (text, max, seconds) in
            [("8/1h", 8, 3600), ("20/1d", 20, 86_400), ("30/10m", 30, 600), ("1/s", 1, 1)]
        {
            let rate: Rate = text.parse().unwrap();
            assert_eq!((rate.max, rate.window.num_seconds()), (max, seconds), "{text}");
        }
        for text in ["", "8", "8/", "/1h", "0/1h", "8/1w", "8/0h", "-1/1h", "8/1.5h"] {
            assert_eq!(text.parse::<Rate>(), Err(NoRate), "{text}");
        }
    }

    proptest! {
        #[test]
        fn after_the_wait_one_more_is_allowed_and_not_much_earlier(
            max in 1_u32..50,
            window in 1_i64..200_000,
            now in 1_700_000_000_000_i64..1_800_000_000_000,
            current in 0_i64..60,
            previous in 0_i64..60,
        ) {
            let rate = Rate { max, window: TimeDelta::seconds(window) };
            let now = DateTime::from_timestamp_millis(now).unwrap();
            let place = rate.place(now);
            prop_assume!(!rate.allows(&place, current, previous));
            let allowed_at = |at: DateTime<Utc>| {
                let then = rate.place(at);
                match (then.window_start - place.window_start) / (window * 1000) {
                    0 => rate.allows(&then, current, previous),
                    1 => rate.allows(&then, 0, current),
                    _ => true,
                }
            };
            let wait = rate.wait(&place, current, previous);
            prop_assert!(allowed_at(now + wait), "{wait}");
            // A share is counted in thousandths of the window, and a wait in whole seconds.
            let early = wait - TimeDelta::seconds(2) - TimeDelta::milliseconds(window * 2);
            prop_assert!(early <= TimeDelta::zero() || !allowed_at(now + early), "{wait} is too long");
        }
    }
}
