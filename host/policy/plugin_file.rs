//! `plugins/<name>.toml`: whether a policy is live, what it may use, and the clinic's settings for it.

use super::limits::Overrides;
use super::load::Refusal;
use super::{cache, imports::one_line};
use crate::domain::kind::TypeName;
use jsonschema::PatternOptions;
use jsonschema::error::ValidationErrorKind;
use serde::Deserialize;
use serde_json::Value as Json;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What a policy is used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Mode {
    /// It decides.
    #[default]
    Live,
    /// It is asked beside the one that decides, and what it would have said differently is written down.
    Shadow,
    /// It stays in the folder and is not loaded.
    Off,
}

impl Mode {
    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Shadow => "shadow",
            Self::Off => "off",
        }
    }
}

impl TryFrom<String> for Mode {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        match name.as_str() {
            "live" => Ok(Self::Live),
            "off" => Ok(Self::Off),
            "shadow" => Ok(Self::Shadow),
            _ => Err(format!(
                "there is no mode \"{}\"; there are \"live\", \"shadow\" and \"off\"",
                one_line(&name, 40)
            )),
        }
    }
}

/// The file as the clinic wrote it.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Written {
    mode: Mode,
    /// Message types that versions before decided for, and that are meant to have no policy now.
    drops: Vec<TypeName>,
    limits: Option<Spanned<Overrides>>,
    settings: toml::Table,
}

/// The file, read. A policy without one is live, with no settings.
#[derive(Debug)]
pub(super) struct PluginFile {
    pub(super) mode: Mode,
    pub(super) drops: Vec<TypeName>,
    pub(super) overrides: Overrides,
    settings: Json,
    /// The settings as the policy gets them: JSON with sorted keys, so that equal settings are
    /// equal texts.
    pub(super) settings_text: String,
    /// SHA-256 of that text.
    pub(super) settings_hash: String,
    path: PathBuf,
    pub(super) source: String,
    limits_at: Range<usize>,
}

impl PluginFile {
    /// Reads the file beside `wasm`.
    pub(super) fn read(wasm: &Path) -> Result<Self, Refusal> {
        Self::at(wasm.with_extension("toml"))
    }

    /// Reads this file; one that is not there is empty.
    pub(super) fn at(path: PathBuf) -> Result<Self, Refusal> {
        match std::fs::read_to_string(&path) {
            Ok(source) => Self::parse(path, source),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::parse(path, String::new()),
            Err(error) => {
                Err(Refusal::caused("unreadable", format!("{} could not be read", path.display()), error))
            }
        }
    }

    pub(super) fn parse(path: PathBuf, source: String) -> Result<Self, Refusal> {
        let refuse =
            |at: Range<usize>, text: &str| Refusal::new("config-invalid", pointed(&path, &source, at, text));
        let written: Written = toml::from_str(&source)
            .map_err(|error| refuse(error.span().unwrap_or_default(), error.message()))?;
        let settings = json(&toml::Value::Table(written.settings)).map_err(|text| refuse(0..0, &text))?;
        let settings_text = settings.to_string();
        let limits_at = written.limits.as_ref().map_or(0..0, Spanned::span);
        Ok(Self {
            mode: written.mode,
            drops: written.drops,
            overrides: written.limits.map(Spanned::into_inner).unwrap_or_default(),
            settings_hash: cache::hash(settings_text.as_bytes()),
            settings,
            settings_text,
            path,
            source,
            limits_at,
        })
    }

    /// Settings that a policy had before, as it got them: JSON.
    pub(super) fn recorded(path: PathBuf, settings_text: String) -> Result<Self, Refusal> {
        let settings = serde_json::from_str(&settings_text).map_err(|error| {
            Refusal::caused("config-invalid", "the settings are not as they were kept", error)
        })?;
        Ok(Self {
            mode: Mode::Live,
            drops: Vec::new(),
            overrides: Overrides::default(),
            settings_hash: cache::hash(settings_text.as_bytes()),
            settings,
            settings_text,
            path,
            source: String::new(),
            limits_at: 0..0,
        })
    }

    /// Holds the settings against the schema that the policy describes.
    pub(super) fn check_settings(&self, schema: &str) -> Result<(), Refusal> {
        let no_schema = |text: String| {
            Refusal::new("describe-failed", format!("its settings schema is not a JSON Schema: {text}"))
        };
        let schema: Json = serde_json::from_str(schema).map_err(|error| no_schema(error.to_string()))?;
        let validator = jsonschema::options()
            // The engine without backtracking: a pattern cannot hold up the host.
            .with_pattern_options(PatternOptions::regex())
            .build(&schema)
            .map_err(|error| no_schema(error.to_string()))?;
        let Err(error) = validator.validate(&self.settings) else { return Ok(()) };

        let mut keys = vec!["settings".to_owned()];
        let pointer = error.instance_path().to_string();
        keys.extend(pointer.split('/').skip(1).map(|key| key.replace("~1", "/").replace("~0", "~")));
        if let ValidationErrorKind::AdditionalProperties { unexpected } = error.kind() {
            keys.extend(unexpected.first().cloned());
        }
        let text = format!("`{}`: {}", keys.join("."), one_line(&error.to_string(), 300));
        Err(self.refuse(self.locate(&keys), &text))
    }

    /// The policy itself does not take the settings.
    pub(super) fn refused_settings(&self, text: &str) -> Refusal {
        let at = self.locate(&["settings".to_owned()]);
        self.refuse(at, &format!("the policy does not accept its settings: {text}"))
    }

    /// `[limits]` asks for more than a policy may have.
    pub(super) fn refused_limits(&self, text: &str) -> Refusal {
        self.refuse(self.limits_at.clone(), text)
    }

    fn refuse(&self, at: Range<usize>, text: &str) -> Refusal {
        Refusal::new("config-invalid", pointed(&self.path, &self.source, at, text))
    }

    /// Where the innermost of these keys stands.
    fn locate(&self, keys: &[String]) -> Range<usize> {
        let Ok(document) = DeTable::parse(&self.source) else { return 0..0 };
        let mut at = 0..0;
        let mut value = DeValue::Table(document.into_inner());
        for key in keys {
            let next = match value {
                DeValue::Table(table) => table.into_iter().find_map(|(name, value)| {
                    (name.get_ref() == key.as_str()).then(|| (name.span(), value.into_inner()))
                }),
                DeValue::Array(items) => {
                    let index = key.parse::<usize>().ok();
                    let item = index.and_then(|index| items.into_iter().nth(index));
                    item.map(|item| (item.span(), item.into_inner()))
                }
                DeValue::String(_)
                | DeValue::Integer(_)
                | DeValue::Float(_)
                | DeValue::Boolean(_)
                | DeValue::Datetime(_) => None,
            };
            let Some((span, inner)) = next else { break };
            (at, value) = (span, inner);
        }
        at
    }
}

/// `file:line:column`, the line, a caret, a sentence.
fn pointed(path: &Path, source: &str, at: Range<usize>, text: &str) -> String {
    // Nothing to point at: the file is empty, or there is none.
    if source.is_empty() {
        return format!("{}: {text}", path.display());
    }
    let start = source.floor_char_boundary(at.start);
    let begin = source[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let line = source[begin..].lines().next().unwrap_or_default();
    let number = source[..begin].matches('\n').count() + 1;
    let column = source[begin..start].chars().count();
    let inside = source.get(start..at.end.min(begin + line.len())).unwrap_or_default();
    let carets = "^".repeat(inside.chars().count().max(1));
    let margin = " ".repeat(number.to_string().len());
    let (path, place) = (path.display(), column + 1);
    format!(
        "{path}:{number}:{place}\n{margin} |\n{number} | {line}\n{margin} | {}{carets}\n{text}",
        " ".repeat(column)
    )
}

/// TOML as JSON, keys sorted, moments as text.
fn json(value: &toml::Value) -> Result<Json, String> {
    Ok(match value {
        toml::Value::String(text) => Json::String(text.clone()),
        toml::Value::Integer(number) => Json::from(*number),
        toml::Value::Float(number) => serde_json::Number::from_f64(*number)
            .map(Json::Number)
            .ok_or_else(|| format!("a setting is {number}, which JSON cannot say"))?,
        toml::Value::Boolean(flag) => Json::Bool(*flag),
        toml::Value::Datetime(moment) => Json::String(moment.to_string()),
        toml::Value::Array(items) => Json::Array(items.iter().map(json).collect::<Result<_, _>>()?),
        toml::Value::Table(table) => {
            let mut keys: Vec<_> = table.iter().collect();
            keys.sort_by_key(|(key, _)| key.as_str());
            let fields = keys.into_iter().map(|(key, value)| Ok((key.clone(), json(value)?)));
            Json::Object(fields.collect::<Result<_, String>>()?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(source: &str) -> Result<PluginFile, String> {
        let file = PluginFile::parse("plugins/otp.toml".into(), source.to_owned());
        file.map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn equal_settings_are_one_text_in_whatever_order_they_stand() {
        let one = parse("[settings]\nb = 2\na = { y = [1.5, true], x = 'z' }").unwrap();
        let other = parse("[settings]\na = { x = 'z', y = [1.5, true] }\nb = 2").unwrap();
        assert_eq!(one.settings_text, r#"{"a":{"x":"z","y":[1.5,true]},"b":2}"#);
        assert_eq!(one.settings_hash, other.settings_hash);
    }

    #[test]
    fn no_file_is_live_without_settings() {
        let file = PluginFile::read(Path::new("/nowhere/otp.wasm")).unwrap();
        assert_eq!((file.mode, file.settings_text.as_str()), (Mode::Live, "{}"));
    }

    #[test]
    fn an_unknown_key_is_refused_where_it_stands() {
        let refusal = parse("mode = \"live\"\ncolour = 1\n").unwrap_err();
        let expected = "plugins/otp.toml:2:1\n  |\n2 | colour = 1\n  | ^^^^^^\n\
            unknown field `colour`, expected one of `mode`, `drops`, `limits`, `settings`";
        assert_eq!(refusal, expected);
    }

    #[test]
    fn broken_toml_is_refused_where_it_breaks() {
        let refusal = parse("[settings]\n\ntimes = = 3\n").unwrap_err();
        assert!(
            refusal.starts_with("plugins/otp.toml:3:9\n  |\n3 | times = = 3\n  |         ^"),
            "{refusal}"
        );
    }

    #[test]
    fn the_modes_are_live_shadow_and_off() {
        assert_eq!(parse("mode = 'shadow'").unwrap().mode, Mode::Shadow);
        assert_eq!(parse("mode = 'off'").unwrap().mode, Mode::Off);
        let refusal = parse("mode = 'canary'").unwrap_err();
        assert!(refusal.starts_with("plugins/otp.toml:1:8\n"), "{refusal}");
        assert!(refusal.contains("there is no mode \"canary\""), "{refusal}");
    }

    const SCHEMA: &str = r#"{
        "type": "object", "additionalProperties": false,
        "properties": {"times": {"type": "array", "items": {"type": "string", "pattern": "^[0-9]+h$"}}}
    }"#;

    #[test]
    fn settings_are_held_against_the_schema_and_the_fault_is_pointed_at() {
        parse("[settings]\ntimes = ['24h']").unwrap().check_settings(SCHEMA).unwrap();

        let file = parse("[settings]\ntimes = ['24h', 'soon']").unwrap();
        let refusal = file.check_settings(SCHEMA).unwrap_err().to_string();
        assert!(refusal.starts_with("plugins/otp.toml:2:17\n"), "{refusal}");
        assert!(refusal.contains("                ^^^^^^\n`settings.times.1`: "), "{refusal}");

        let file = parse("[settings]\ntimse = ['24h']").unwrap();
        let refusal = file.check_settings(SCHEMA).unwrap_err().to_string();
        assert!(refusal.starts_with("plugins/otp.toml:2:1\n"), "{refusal}");
        assert!(refusal.contains("`settings.timse`"), "{refusal}");
    }

    #[test]
    fn a_schema_that_is_none_is_the_policy_s_fault() {
        let file = parse("").unwrap();
        for schema in ["", "{", r#"{"type": "objekt"}"#, r#"{"$ref": "https://example.com/s.json"}"#] {
            assert_eq!(file.check_settings(schema).unwrap_err().code, "describe-failed", "{schema}");
        }
    }
}
