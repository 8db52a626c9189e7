//! `tidings locale preview`: one text, in one language or in all, with where it is cut.

use super::{Tone, known};
use crate::cli::CliError;
use crate::config::Config;
use crate::domain::kind::{Kind, TypeName};
use crate::domain::segments::{outside_gsm7, parts};
use crate::domain::value::Value;
use crate::render::{Catalogue, Links, RenderRequest, Rendered};
use clap::Args;
use std::collections::BTreeMap;

#[derive(Args)]
#[command(after_help = "Example: tidings locale preview appointment-reminder --locale es \\\n    \
    --set starts_at=2026-03-07T14:30:00-05:00 --set location='12 Main St'")]
pub(in crate::cli) struct Preview {
    /// A message type; all of them when left out.
    kind: Option<String>,
    /// One language; all of them when left out.
    #[arg(long)]
    locale: Option<String>,
    /// A variable's value; the others are samples. JSON where the variable is no text.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    values: Vec<String>,
    /// Which of the samples, from 1.
    #[arg(long, default_value_t = 1)]
    sample: usize,
    /// How much it says.
    #[arg(long, value_enum, default_value_t = Tone::Standard)]
    discretion: Tone,
}

impl Preview {
    pub(super) fn run(self, catalogue: &Catalogue, config: &Config) -> Result<(), CliError> {
        let kinds: Vec<&Kind> = match &self.kind {
            None => catalogue.kinds().collect(),
            Some(name) => vec![catalogue.kind(&TypeName::from(name.as_str())).ok_or_else(|| {
                let known: Vec<&str> = catalogue.kinds().map(|kind| kind.name.as_str()).collect();
                CliError::plain(format!("there is no type `{name}`; there are {}", known.join(", ")))
            })?],
        };
        let locales = match &self.locale {
            None => catalogue.locales().collect(),
            Some(tag) => vec![known(catalogue, tag)?],
        };
        for kind in kinds {
            let variables = self.variables(catalogue, kind)?;
            for locale in &locales {
                let rendered = catalogue.render(&RenderRequest {
                    kind: &kind.name,
                    language: locale,
                    time_zone: config.clinic.time_zone,
                    discretion: self.discretion.into(),
                    variables: &variables,
                    redact_secrets: false,
                    links: Links::StandIn,
                });
                match rendered {
                    Ok(rendered) => print(kind, locale, &rendered),
                    Err(error) => println!("{} in {locale}: {error}\n", kind.name),
                }
            }
        }
        Ok(())
    }

    fn variables(&self, catalogue: &Catalogue, kind: &Kind) -> Result<BTreeMap<String, Value>, CliError> {
        let mut variables = catalogue.samples(kind, self.sample.saturating_sub(1));
        for given in &self.values {
            let (name, value) = given
                .split_once('=')
                .ok_or_else(|| CliError::plain(format!("`--set {given}` is not NAME=VALUE")))?;
            let Some(variable) = kind.variables.get(name) else {
                let known: Vec<&str> = kind.variables.keys().map(String::as_str).collect();
                let text = format!("{} has no variable `{name}`; it has {}", kind.name, known.join(", "));
                return Err(CliError::plain(text));
            };
            // A text as it stands, or anything as JSON: a number, an amount.
            let json = serde_json::from_str(value).ok();
            let json = json.and_then(|json| Value::from_json(variable.value_type, &json).ok());
            let value = json.map_or_else(|| Value::from_json(variable.value_type, &value.into()), Ok);
            let value = value.map_err(|expected| CliError::plain(format!("`{name}` is {expected}")))?;
            variables.insert(name.to_owned(), value);
        }
        Ok(variables)
    }
}

fn print(kind: &Kind, locale: &str, rendered: &Rendered) {
    let segments = rendered.segments;
    print!("{} in {locale}: {}, {} units, ", kind.name, segments.encoding.name(), segments.units);
    print!("{} {}", segments.parts, if segments.parts == 1 { "segment" } else { "segments" });
    if rendered.short {
        print!(", shortened");
    }
    if rendered.over_budget {
        print!(", over budget");
    }
    println!();
    if let Some(reason) = &rendered.fallback {
        println!("  falls back to {}: {reason}", rendered.locale_sent);
    }
    let cut = parts(&rendered.text);
    for (position, part) in cut.iter().enumerate() {
        println!("  {}/{} | {}", position + 1, cut.len(), part.replace('\n', "\n      | "));
    }
    // In a language of another alphabet all of them are outside, and nobody can help it.
    let outside = outside_gsm7(&rendered.text);
    if (1..=3).contains(&outside.len()) {
        for one in outside {
            let instead = one.look_alike.map_or(String::new(), |plain| format!("; `{plain}` would not"));
            println!("  `{}`, character {}, makes it UCS-2{instead}", one.character, one.position + 1);
        }
    }
    println!();
}
