//! `[clinic]`.

use chrono_tz::Tz;
use serde::Deserialize;

/// `[clinic]`: what patients read, and the defaults for people of whom less is known.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Clinic {
    /// Opens every text.
    pub name: String,
    /// Where patients call; answers to HELP name it.
    pub phone: Option<String>,
    /// BCP 47: the language of people whose own is not known.
    pub language: String,
    /// IANA: the zone of people whose own is not known.
    #[serde(deserialize_with = "time_zone")]
    pub time_zone: Tz,
    /// ISO 3166 alpha-2: how national phone numbers are read, and how dates are written.
    pub country: Option<String>,
    /// `14:30` or `2:30 PM`, whatever the country writes.
    pub twenty_four_hours: Option<bool>,
}

impl Default for Clinic {
    fn default() -> Self {
        Self {
            name: "Lakeside Clinic".to_owned(),
            phone: None,
            language: "en".to_owned(),
            time_zone: Tz::America__New_York,
            country: Some("US".to_owned()),
            twenty_four_hours: None,
        }
    }
}

fn time_zone<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Tz, D::Error> {
    let name = String::deserialize(deserializer)?;
    name.parse().map_err(|_| {
        serde::de::Error::custom("no such time zone; expected an IANA name such as America/New_York")
    })
}
