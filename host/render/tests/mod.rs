//! A home folder made for one test, and what tests say to it.

mod bound;
mod bundled;
mod fallback;
mod faults;
mod followed;
mod lint;
mod reload;
mod restart;
mod traps;
mod words_to_send;

use super::*;
use crate::domain::value::Money;
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder that goes with its test.
struct Home(PathBuf);

impl Home {
    /// A type `visit` with a text and formats in English.
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("tidings-render-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let home = Self(std::env::temp_dir().join(name));
        home.with("templates/visit.toml", VISIT)
            .with("templates/visit.j2", "{{ t(\"visit\", name=name, at=at) }}")
            .with("locales/en/visits.ftl", "visit = Hi { $name }, { DATETIME($at, style: \"day\") }.")
    }

    /// The same with a text that says nothing of the patient.
    fn plain() -> Self {
        Self::new()
            .with("templates/visit.j2", "{{ t(\"visit\") }}")
            .with("locales/en/visits.ftl", "visit = Hi.")
    }

    fn with(self, file: &str, text: impl AsRef<[u8]>) -> Self {
        let path = self.0.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    fn load(&self) -> Renderer {
        Renderer::load(&self.0, &american()).unwrap()
    }

    /// The faults that keep it from being loaded.
    fn faults(&self) -> Vec<Fault> {
        match Renderer::load(&self.0, &american()) {
            Err(RenderLoadError::Faults(faults)) => faults.0,
            other => panic!("no faults but {other:?}"),
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

const VISIT: &str = r#"
description = "A visit."
priority = "high"
scope = "tests"
[variables.name]
type = "text"
required = true
max = 40
[variables.at]
type = "time"
required = true
[variables.minutes]
type = "number"
[variables.amount]
type = "money"
[variables.code]
type = "text"
secret = true
[variables.url]
type = "url"
"#;

fn american() -> RenderSettings {
    RenderSettings { clinic_region: Some("US".to_owned()), ..RenderSettings::default() }
}

/// A clinic that binds its codes to this domain.
fn own(domain: &str) -> Own {
    Own {
        name: "Lakeside Clinic".to_owned(),
        phone: None,
        domain: Some(domain.to_owned()),
        app_hash: Some("FA+9qCX9VSu".to_owned()),
        digits: 6,
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn time(rfc3339: &str) -> Value {
    Value::Time(rfc3339.parse().unwrap())
}

fn dollars(amount: &str) -> Value {
    Value::Money(Money { amount: amount.to_owned(), currency: "USD".to_owned() })
}

/// Saturday, half past two in New York.
fn saturday() -> Value {
    time("2026-03-07T19:30:00Z")
}

fn ana() -> BTreeMap<String, Value> {
    BTreeMap::from([("name".to_owned(), text("Ana")), ("at".to_owned(), saturday())])
}

/// What is asked in the tests, where nothing else is said.
struct Ask {
    kind: TypeName,
    language: &'static str,
    discretion: Discretion,
    redact: bool,
}

impl Ask {
    fn new(kind: &str, language: &'static str) -> Self {
        Self { kind: TypeName::from(kind), language, discretion: Discretion::Standard, redact: false }
    }

    fn of(
        &self,
        catalogue: &Catalogue,
        variables: &BTreeMap<String, Value>,
    ) -> Result<Rendered, RenderError> {
        catalogue.render(&RenderRequest {
            kind: &self.kind,
            language: self.language,
            time_zone: chrono_tz::America::New_York,
            discretion: self.discretion,
            variables,
            redact_secrets: self.redact,
            links: super::Links::StandIn,
        })
    }
}

/// The type `visit` for Ana.
fn visit(home: &Home, language: &'static str) -> Rendered {
    Ask::new("visit", language).of(&home.load().snapshot(), &ana()).unwrap()
}
