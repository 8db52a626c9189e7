//! The JSON Schema of a policy's settings, in the words that settings are made of.

use std::ops::RangeInclusive;

use serde_json::{Map, Value as Json, json};

/// Describes settings one by one; every one has a default, so that none is required.
///
/// `testing::check_settings` holds the defaults given here against those of the policy's `Settings`.
#[derive(Clone, Debug, Default)]
pub struct Schema(Map<String, Json>);

const SPAN: &str = "^([0-9]+[smhd])+$";
const TIME: &str = "^([01][0-9]|2[0-3]):[0-5][0-9]$";
const DAYTIME: &str = "^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$";

impl Schema {
    /// No settings yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A length of time: `24h`.
    #[must_use]
    pub fn span(self, key: &str, default: &str, text: &str) -> Self {
        self.add(key, json!({"type": "string", "pattern": SPAN, "default": default}), text)
    }

    /// Lengths of time, at least one.
    #[must_use]
    pub fn spans(self, key: &str, default: &[&str], text: &str) -> Self {
        let items = json!({"type": "string", "pattern": SPAN});
        let list = json!({
            "type": "array", "items": items, "minItems": 1, "maxItems": 10, "default": default,
        });
        self.add(key, list, text)
    }

    /// A time of day: `10:00`.
    #[must_use]
    pub fn time_of_day(self, key: &str, default: &str, text: &str) -> Self {
        self.add(key, json!({"type": "string", "pattern": TIME, "default": default}), text)
    }

    /// Hours of the day: `08:00-21:00`.
    #[must_use]
    pub fn daytime(self, key: &str, default: &str, text: &str) -> Self {
        self.add(key, json!({"type": "string", "pattern": DAYTIME, "default": default}), text)
    }

    /// Yes or no.
    #[must_use]
    pub fn flag(self, key: &str, default: bool, text: &str) -> Self {
        self.add(key, json!({"type": "boolean", "default": default}), text)
    }

    /// A number of things.
    #[must_use]
    pub fn count(self, key: &str, default: u32, range: RangeInclusive<u32>, text: &str) -> Self {
        let (least, most) = range.into_inner();
        let count = json!({"type": "integer", "minimum": least, "maximum": most, "default": default});
        self.add(key, count, text)
    }

    /// One of several words.
    #[must_use]
    pub fn one_of<const N: usize>(self, key: &str, default: &str, words: [&str; N], text: &str) -> Self {
        self.add(key, json!({"enum": words.as_slice(), "default": default}), text)
    }

    /// A list of words.
    #[must_use]
    pub fn words(self, key: &str, default: &[&str], text: &str) -> Self {
        let items = json!({"type": "string", "minLength": 1, "maxLength": 40});
        let list = json!({"type": "array", "items": items, "maxItems": 100, "default": default});
        self.add(key, list, text)
    }

    /// The schema as the host reads it: an object with these members and no others.
    #[must_use]
    pub fn into_text(self) -> String {
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": self.0,
            "additionalProperties": false,
        })
        .to_string()
    }

    fn add(mut self, key: &str, mut setting: Json, text: &str) -> Self {
        setting["description"] = text.into();
        self.0.insert(key.to_owned(), setting);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_names_each_setting_and_refuses_others() {
        let text = Schema::new().count("times", 3, 1..=10, "How often.").into_text();
        let schema: Json = serde_json::from_str(&text).unwrap();
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(
            schema["properties"]["times"],
            json!({
                "type": "integer", "minimum": 1, "maximum": 10, "default": 3, "description": "How often.",
            })
        );
    }
}
