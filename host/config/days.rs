//! Days as people write them in TOML: `"30d"`.

use serde::{Deserialize as _, Deserializer};
use std::time::Duration;

/// Reads 1 to 3650 days.
pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let days = text.strip_suffix('d').and_then(|number| number.trim().parse::<u64>().ok());
    days.filter(|days| (1..=3650).contains(days))
        .map(|days| Duration::from_hours(24 * days))
        .ok_or_else(|| serde::de::Error::custom("is no number of days; expected such as \"30d\""))
}
