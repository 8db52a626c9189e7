//! Settings from TOML, and the file that is shipped beside a policy.

use std::fmt::Debug;

use serde_json::{Map, Value as Json};

use crate::{Policy, component};

/// Settings as the host would hand them over: a key that the schema does not know is refused.
pub(super) fn parse<P: Policy>(toml: &str) -> P::Settings {
    let table: toml::Table = toml.parse().unwrap_or_else(|error| panic!("{error}"));
    let known = properties::<P>();
    for key in table.keys() {
        assert!(known.contains_key(key), "there is no setting `{key}`");
    }
    let json = serde_json::to_string(&table).unwrap_or_else(|error| panic!("{error}"));
    component::parse_settings::<P>(&json).unwrap_or_else(|error| panic!("{error}"))
}

/// Holds three things against each other: the defaults of the policy's `Settings`, the defaults its
/// schema names, and the file shipped beside the plugin, which shows every setting at its default.
///
/// # Panics
///
/// When they differ.
pub fn check_settings<P: Policy<Settings: Debug + PartialEq>>(file: &str) {
    let usual = P::Settings::default();
    P::configure(&usual).unwrap_or_else(|error| panic!("the defaults are refused: {error}"));

    let known = properties::<P>();
    let named: Json = known.iter().map(|(key, of)| (key.clone(), of["default"].clone())).collect();
    let of_schema = component::parse_settings::<P>(&named.to_string())
        .unwrap_or_else(|error| panic!("the schema's defaults are refused: {error}"));
    assert_eq!(of_schema, usual, "the schema names other defaults");

    let file: toml::Table = file.parse().unwrap_or_else(|error| panic!("{error}"));
    assert!(file.contains_key("mode"), "the file does not say its `mode`");
    let shown = file.get("settings").and_then(toml::Value::as_table).cloned().unwrap_or_default();
    assert_eq!(parse::<P>(&shown.to_string()), usual, "the file shows other defaults");
    for key in known.keys() {
        assert!(shown.contains_key(key), "the file does not show `{key}`");
    }
}

fn properties<P: Policy>() -> Map<String, Json> {
    let schema: Json = serde_json::from_str(&P::describe().settings_schema)
        .unwrap_or_else(|error| panic!("the schema is not JSON: {error}"));
    schema["properties"].as_object().cloned().unwrap_or_default()
}
