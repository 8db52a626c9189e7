//! Values of template variables, typed as `templates/<type>.toml` declares them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What a variable can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueType {
    /// Words: a name, a place.
    Text,
    /// A moment; written in the recipient's time zone and language.
    Time,
    /// An amount with its currency.
    Money,
    /// A whole number.
    Number,
    /// A web address.
    Url,
    /// A bare domain, printed as it is: a text of its own, in no sentence.
    Domain,
}

impl ValueType {
    /// What a caller must send, for error texts.
    #[must_use]
    pub const fn expected(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Time => "a moment in RFC 3339 form with its offset, such as \"2026-12-01T14:30:00-05:00\"",
            Self::Money => "an amount, such as {\"amount\": \"25.50\", \"currency\": \"USD\"}",
            Self::Number => "a whole number",
            Self::Url => "an http or https address",
            Self::Domain => "a domain such as clinic.example",
        }
    }
}

/// An amount of money, as decimal text: no rounding anywhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// `25.50`
    pub amount: String,
    /// ISO 4217: `USD`
    pub currency: String,
}

impl Money {
    fn is_sound(&self) -> bool {
        let digits = self.amount.strip_prefix('-').unwrap_or(&self.amount);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let numeric =
            |part: &str| !part.is_empty() && part.len() <= 12 && part.bytes().all(|b| b.is_ascii_digit());
        numeric(whole)
            && numeric(fraction)
            && self.currency.len() == 3
            && self.currency.bytes().all(|b| b.is_ascii_uppercase())
    }
}

/// One value, of one of the types.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "snake_case")]
pub enum Value {
    /// Words.
    Text(String),
    /// A moment.
    Time(DateTime<Utc>),
    /// An amount.
    Money(Money),
    /// A whole number.
    Number(i64),
    /// A web address.
    Url(String),
}

impl Value {
    /// Reads JSON as a value of the declared type.
    ///
    /// # Errors
    ///
    /// The JSON is of another type; the text says what was expected and never repeats the value.
    pub fn from_json(declared: ValueType, json: &serde_json::Value) -> Result<Self, &'static str> {
        let value = match declared {
            ValueType::Text => json.as_str().map(|text| Self::Text(text.to_owned())),
            ValueType::Time => json
                .as_str()
                .and_then(|text| DateTime::parse_from_rfc3339(text).ok())
                .map(|at| Self::Time(at.with_timezone(&Utc))),
            ValueType::Money => {
                serde_json::from_value::<Money>(json.clone()).ok().filter(Money::is_sound).map(Self::Money)
            }
            ValueType::Number => json.as_i64().map(Self::Number),
            ValueType::Domain => {
                json.as_str().filter(|text| is_domain(text)).map(|text| Self::Text(text.to_owned()))
            }
            ValueType::Url => {
                json.as_str().filter(|text| is_web_address(text)).map(|text| Self::Url(text.to_owned()))
            }
        };
        value.ok_or(declared.expected())
    }
}

/// A host name as browsers compare it: small letters, digits, hyphens, at least one dot.
#[must_use]
pub fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        let sound = label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        !label.is_empty() && label.len() <= 63 && sound && !label.starts_with('-') && !label.ends_with('-')
    };
    text.len() <= 100 && text.contains('.') && text.split('.').all(label)
}

/// An absolute http or https address without spaces, controls or credentials.
fn is_web_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        !host.is_empty() && !host.contains('@') && !text.chars().any(|c| c.is_whitespace() || c.is_control())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_of_another_type_is_refused_by_what_was_expected() {
        for (declared, json) in [
            (ValueType::Text, json!(7)),
            (ValueType::Time, json!("tomorrow")),
            (ValueType::Time, json!("2026-12-01T14:30:00")),
            (ValueType::Money, json!({"amount": "25,50", "currency": "USD"})),
            (ValueType::Money, json!({"amount": "25.50", "currency": "usd"})),
            (ValueType::Number, json!("1")),
            (ValueType::Number, json!(1.5)),
            (ValueType::Url, json!("javascript:alert(1)")),
            (ValueType::Url, json!("https://user:pass@clinic.example/")),
            (ValueType::Domain, json!("https://clinic.example")),
            (ValueType::Domain, json!("clinic")),
        ] {
            assert_eq!(Value::from_json(declared, &json), Err(declared.expected()), "{json}");
        }
    }

    #[test]
    fn a_time_keeps_its_moment() {
        let value = Value::from_json(ValueType::Time, &json!("2026-12-01T14:30:00-05:00"));
        assert_eq!(value, Ok(Value::Time("2026-12-01T19:30:00Z".parse().unwrap())));
    }
}
