//! `templates/<type>.toml`: what a message type declares. Unknown keys and values are faults with
//! their place.

use super::fault::Fault;
use super::source::Source;
use crate::domain::kind::{Kind, OnMissing, OnPolicyFailure, OnUnknown, TypeName, Variable};
use crate::domain::message::{Lane, Priority};
use crate::domain::value::{Value, ValueType};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::time::Duration;
use toml::Spanned;

/// The longest text variable a type may ask for: ten segments' worth.
const MAX_LENGTH: usize = 1500;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KindFile {
    description: String,
    priority: Priority,
    #[serde(default = "normal")]
    lane: Lane,
    scope: Spanned<String>,
    #[serde(default = "day", deserialize_with = "span_of_time")]
    expires_after: Duration,
    #[serde(default = "fallback")]
    on_missing: OnMissing,
    #[serde(default = "hold")]
    on_policy_failure: OnPolicyFailure,
    #[serde(default = "reconcile")]
    on_unknown: OnUnknown,
    #[serde(default)]
    asks: Vec<Spanned<String>>,
    #[serde(default)]
    max_parts: BTreeMap<Spanned<String>, Spanned<u32>>,
    #[serde(default)]
    variables: BTreeMap<Spanned<String>, VariableTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VariableTable {
    #[serde(rename = "type")]
    value_type: ValueType,
    #[serde(default)]
    required: bool,
    from: Option<Spanned<String>>,
    #[serde(default)]
    secret: bool,
    #[serde(default)]
    person: bool,
    max: Option<Spanned<usize>>,
    #[serde(default)]
    samples: Vec<Spanned<serde_json::Value>>,
}

const fn normal() -> Lane {
    Lane::Normal
}
const fn day() -> Duration {
    Duration::from_hours(24)
}
const fn fallback() -> OnMissing {
    OnMissing::Fallback
}
const fn hold() -> OnPolicyFailure {
    OnPolicyFailure::Hold
}
const fn reconcile() -> OnUnknown {
    OnUnknown::Reconcile
}

/// `90s`, `15m`, `24h`, `3d`.
fn span_of_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let seconds = text.char_indices().last().and_then(|(at, unit)| {
        let factor = match unit {
            's' => 1,
            'm' => 60,
            'h' => 60 * 60,
            'd' => 24 * 60 * 60,
            _ => return None,
        };
        text[..at].parse::<u64>().ok()?.checked_mul(factor)
    });
    seconds.filter(|seconds| (1..=366 * 24 * 60 * 60).contains(seconds)).map(Duration::from_secs).ok_or_else(
        || serde::de::Error::custom("expected a span of time such as \"90s\", \"15m\", \"24h\" or \"3d\""),
    )
}

/// Reads what a type declares.
pub(super) fn parse(name: &str, source: &Source) -> Result<Kind, Vec<Fault>> {
    let file: KindFile = toml::from_str(&source.text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        vec![source.fault(offset, error.message().trim_end().replace('\n', "; "))]
    })?;
    let mut faults = Vec::new();
    if !is_word(file.scope.as_ref()) {
        faults.push(source.fault(file.scope.span().start, "a scope is one word: `appointments`"));
    }
    for wish in file.asks.iter().filter(|wish| !is_word(wish.as_ref())) {
        faults.push(source.fault(wish.span().start, "what a text asks for is one word: `confirm`"));
    }
    let mut max_parts = BTreeMap::new();
    for (locale, parts) in file.max_parts {
        if locale.as_ref() != "default" && !crate::domain::language::is_well_formed(locale.as_ref()) {
            faults
                .push(source.fault(locale.span().start, "expected `default` or a language tag such as `es`"));
        }
        if !(1..=10).contains(parts.as_ref()) {
            faults.push(source.fault(parts.span().start, "a text costs between 1 and 10 segments"));
        }
        max_parts.insert(locale.into_inner(), parts.into_inner());
    }
    let mut variables = BTreeMap::new();
    for (name, table) in file.variables {
        if let Some(problem) = name_problem(name.as_ref()) {
            faults.push(source.fault(name.span().start, problem));
        }
        let variable = variable(source, name.span().start, table, &mut faults);
        variables.insert(name.into_inner(), variable);
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(Kind {
        name: TypeName::from(name),
        description: file.description,
        priority: file.priority,
        lane: file.lane,
        scope: file.scope.into_inner(),
        expires_after: file.expires_after,
        on_missing: file.on_missing,
        on_policy_failure: file.on_policy_failure,
        on_unknown: file.on_unknown,
        asks: file.asks.into_iter().map(Spanned::into_inner).collect(),
        max_parts,
        variables,
    })
}

fn variable(source: &Source, at: usize, table: VariableTable, faults: &mut Vec<Fault>) -> Variable {
    let text = matches!(table.value_type, ValueType::Text);
    if let Some(from) = &table.from
        && let Some(problem) = origin_problem(from.as_ref(), text)
    {
        faults.push(source.fault(from.span().start, problem));
    }
    if table.secret && !text {
        faults.push(source.fault(at, "only a variable of type `text` can be secret"));
    }
    if table.person && !text {
        faults.push(source.fault(at, "only a variable of type `text` can name a person"));
    }
    let max = table.max.map_or(60, |max| {
        if !(1..=MAX_LENGTH).contains(max.as_ref()) {
            let problem = format!("`max` is between 1 and {MAX_LENGTH} characters");
            faults.push(source.fault(max.span().start, problem));
        }
        max.into_inner()
    });
    let mut samples = Vec::new();
    for sample in table.samples {
        if let Err(expected) = Value::from_json(table.value_type, sample.as_ref()) {
            faults.push(source.fault(sample.span().start, format!("this sample is not {expected}")));
        }
        samples.push(sample.into_inner());
    }
    let from = table.from.map(Spanned::into_inner);
    Variable {
        value_type: table.value_type,
        required: table.required,
        from,
        secret: table.secret,
        person: table.person,
        max,
        samples,
    }
}

fn origin_problem(from: &str, text: bool) -> Option<&'static str> {
    match from {
        "clinic.name" | "clinic.phone" | "recipient.name" if text => None,
        "clinic.name" | "clinic.phone" | "recipient.name" => Some("this is a text, and the variable is not"),
        _ if from.strip_prefix("data.").is_some_and(|path| path.split('.').all(is_word)) => None,
        _ => Some("expected `data.<key>`, `clinic.name`, `clinic.phone` or `recipient.name`"),
    }
}

/// Names that every template already has.
fn name_problem(name: &str) -> Option<String> {
    match name {
        "t" | "sp" | "discreet" | "detailed" | "link" => {
            Some(format!("every template has a `{name}` already; choose another name"))
        }
        "true" | "false" | "none" | "True" | "False" | "None" | "not" | "and" | "or" | "in" | "is" | "if"
        | "else" => Some(format!("`{name}` means something else in a template; choose another name")),
        _ if is_word(name) && !name.contains('-') => None,
        _ => Some("a variable's name is made of small letters, digits and `_`".to_owned()),
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(toml: &str) -> Vec<(usize, usize, String)> {
        let text = format!("description = \"A test.\"\npriority = \"high\"\nscope = \"tests\"\n{toml}");
        let source = Source { file: "templates/test.toml".to_owned(), text };
        let faults = parse("test", &source).err().unwrap_or_default();
        faults.into_iter().map(|fault| (fault.line, fault.column, fault.message)).collect()
    }

    #[test]
    fn an_unknown_key_is_shown_where_it_stands_with_the_ones_there_are() {
        let faults = faults("lane = \"urgent\"\nexpire_after = \"5m\"");
        assert_eq!((faults[0].0, faults[0].1), (5, 1));
        assert!(faults[0].2.contains("expires_after"), "{}", faults[0].2);
    }

    #[test]
    fn a_bad_value_is_shown_where_it_stands() {
        for (toml, line, column, word) in [
            ("lane = \"fast\"", 4, 8, "urgent"),
            ("expires_after = \"5 minutes\"", 4, 17, "24h"),
            ("[max_parts]\ndefault = 0", 5, 11, "between 1 and 10"),
            ("[variables.code]\ntype = \"text\"\nfrom = \"patient.code\"", 6, 8, "clinic.name"),
            ("[variables.n]\ntype = \"number\"\nsecret = true", 4, 12, "secret"),
            ("[variables.n]\ntype = \"number\"\nperson = true", 4, 12, "person"),
            ("[variables.n]\ntype = \"number\"\nsamples = [1, \"2\"]", 6, 15, "whole number"),
            ("[variables.sp]\ntype = \"text\"", 4, 12, "already"),
        ] {
            let faults = faults(toml);
            assert_eq!((faults[0].0, faults[0].1), (line, column), "{toml}: {faults:?}");
            assert!(faults[0].2.contains(word), "{toml}: {}", faults[0].2);
        }
    }

    #[test]
    fn a_file_with_two_bad_values_reports_both() {
        assert_eq!(
            faults("[max_parts]\ndefault = 0\n[variables.n]\ntype = \"number\"\nsecret = true").len(),
            2
        );
    }
}
