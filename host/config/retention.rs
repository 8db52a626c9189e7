//! `[retention]`.

use chrono::TimeDelta;
use serde::Deserialize;

/// `[retention]`: how long what is kept, counted from the last change. What names a person goes first.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// What texts were made of: variables and the event's data.
    #[serde(deserialize_with = "days")]
    pub variables: TimeDelta,
    /// Texts as they were sent, and replies.
    #[serde(deserialize_with = "days")]
    pub texts: TimeDelta,
    /// The numbers they went to.
    #[serde(deserialize_with = "days")]
    pub phones: TimeDelta,
    /// Inputs and answers of policies: without them a decision cannot be replayed.
    #[serde(deserialize_with = "days")]
    pub decisions: TimeDelta,
    /// Messages and events themselves, with all that happened to them.
    #[serde(deserialize_with = "days")]
    pub messages: TimeDelta,
    /// How many texts went where and what they cost, which names nobody; `None`, written `"forever"`: always.
    #[serde(deserialize_with = "days_or_forever")]
    pub counts: Option<TimeDelta>,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            variables: TimeDelta::days(30),
            texts: TimeDelta::days(90),
            phones: TimeDelta::days(90),
            decisions: TimeDelta::days(395),
            messages: TimeDelta::days(395),
            counts: None,
        }
    }
}

/// A message that Twilio is silent about is asked about for days; nothing is forgotten before.
const LEAST: i64 = 7;

fn days<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<TimeDelta, D::Error> {
    let text = String::deserialize(deserializer)?;
    span(&text)
        .ok_or_else(|| serde::de::Error::custom("is no time to keep; expected 7 days or more, such as 90d"))
}

fn days_or_forever<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<TimeDelta>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text == "forever" {
        return Ok(None);
    }
    span(&text).map(Some).ok_or_else(|| {
        serde::de::Error::custom("is no time to keep; expected `forever`, or 7 days or more, such as 3650d")
    })
}

fn span(text: &str) -> Option<TimeDelta> {
    text.strip_suffix('d')
        .and_then(|number| number.trim().parse::<i64>().ok())
        .filter(|days| (LEAST..=36_500).contains(days))
        .map(TimeDelta::days)
}
