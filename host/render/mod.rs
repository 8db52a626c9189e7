//! Words for patients. `templates/` says which sentences, `locales/` says every word of them, and
//! this module makes one text in one language out of both, or says why it cannot.
//!
//! ```text
//! recipient's language ─┐
//! the clinic's ─────────┤ each in turn: template ── t("key") ── Fluent ── dates, money ── count
//! en ───────────────────┘ the first that renders whole and within its budget is sent
//! ```
//!
//! A text is never mixed from two languages, never rendered from a value, and never silently
//! longer than its budget. A message keeps the [`Catalogue`] it started with; a new one is built
//! aside and swapped in whole. Of a bad file the others learn nothing: its locale keeps its last good
//! version, also over a restart, and [`Catalogue::faults`] says where the fault is. Only at the very first
//! start it does without the file, and templates and the reference locale `en` must be without fault, for
//! nothing stands behind them.

mod arguments;
mod bind;
mod bound_line;
mod catalogue;
mod clean;
mod fault;
mod files;
mod flaw;
mod formats;
mod ftl;
mod functions;
mod keywords;
mod kind_file;
mod language;
mod last_good;
mod link;
mod lint;
mod load;
mod load_locale;
mod locale;
mod pages;
mod paste;
mod prices;
mod scan;
mod source;
mod template;
mod templates;
mod translator;
mod words;

#[cfg(test)]
mod tests;

pub use bind::{ClinicWords, Problem, VariableError, bindings};
pub use catalogue::Catalogue;
pub use fault::{Fault, Faults, Severity};
pub use flaw::Flaw;
pub use pages::{DeadLink, LinkPage};
pub use paste::{MissingFile, Pseudo};
pub use prices::Cost;

use crate::domain::kind::TypeName;
use crate::domain::policy::Discretion;
use crate::domain::segments::Segments;
use crate::domain::value::Value;
use arc_swap::{ArcSwap, ArcSwapOption};
use files::Files;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The locale that every other one is measured by, and the last that is tried.
pub const REFERENCE: &str = "en";

/// What the clinic has set about languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderSettings {
    /// For recipients whose language is not known or has no texts.
    pub default_language: String,
    /// Where the clinic is: with `US`, texts in `es` write times as `es-US` does.
    pub clinic_region: Option<String>,
    /// `14:30` or `2:30 PM`, whatever the region writes.
    pub twenty_four_hours: Option<bool>,
    /// What the provider puts before every text, which is counted with it.
    pub sent_before: &'static str,
    /// What the clinic's texts with codes say; `None` where they are nobody's.
    pub own: Option<Own>,
}

/// What a clinic's texts with one-time codes say, where the samples of the templates say something else. They are
/// priced with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// The clinic's name.
    pub name: String,
    /// Its phone.
    pub phone: Option<String>,
    /// Codes are bound to it, so that a text with a code must be able to end in it.
    pub domain: Option<String>,
    /// Names the clinic's app.
    pub app_hash: Option<String>,
    /// Digits of a code.
    pub digits: u8,
}

impl Default for RenderSettings {
    fn default() -> Self {
        Self {
            default_language: REFERENCE.to_owned(),
            clinic_region: None,
            twenty_four_hours: None,
            sent_before: "",
            own: None,
        }
    }
}

/// The catalogue could not be built.
#[derive(Debug, thiserror::Error)]
pub enum RenderLoadError {
    /// A folder that must be there cannot be read.
    #[error("the folder {} cannot be read", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A setting names what does not exist.
    #[error("{0}")]
    Setting(String),
    /// The templates or the reference locale are faulty.
    #[error("the templates or their texts are faulty:\n{0}")]
    Faults(Faults),
}

/// A text could not be rendered in any way that the type allows.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// There is no such message type.
    #[error("there is no message type `{0}`")]
    UnknownKind(TypeName),
    /// A variable is missing or of another type, whatever the language.
    #[error("the variable `{name}` cannot be used: expected {expected}")]
    Variable {
        /// Its name.
        name: String,
        /// What would be right.
        expected: &'static str,
    },
    /// The type is sent in no other language than the recipient's, and not above its budget: a person must look.
    #[error(
        "`{kind}` cannot go out in `{language}`, and is sent in no other language and not above its budget"
    )]
    Held {
        /// The message type.
        kind: TypeName,
        /// The recipient's language.
        language: String,
        /// What is wrong.
        source: Flaw,
    },
    /// Not even the reference locale has the text.
    #[error("`{kind}` cannot be rendered in any language")]
    NoLanguage {
        /// The message type.
        kind: TypeName,
        /// What is wrong in the last language.
        source: Flaw,
    },
}

/// One text to be written. Has no `Debug`: its variables are a patient's.
#[derive(Clone, Copy)]
pub struct RenderRequest<'a> {
    /// Its message type.
    pub kind: &'a TypeName,
    /// The recipient's language.
    pub language: &'a str,
    /// The recipient's time zone.
    pub time_zone: chrono_tz::Tz,
    /// How much it may say.
    pub discretion: Discretion,
    /// Checked values, from [`bindings`].
    pub variables: &'a BTreeMap<String, Value>,
    /// Write full stops in place of secret variables.
    pub redact_secrets: bool,
    /// What `link(url)` writes.
    pub links: Links<'a>,
}

/// What `link(url)` writes for an address.
#[derive(Clone, Copy)]
pub enum Links<'a> {
    /// A link of the usual length that leads nowhere: for checks.
    StandIn,
    /// The short link of each address; one that has none stays as long as it is.
    Short(&'a BTreeMap<String, String>),
}

/// A text, and what there is to know about it.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The text itself.
    pub text: String,
    /// The language that was asked for.
    pub locale_asked: String,
    /// The locale it is in.
    pub locale_sent: String,
    /// Why it is in another language than the recipient's.
    pub fallback: Option<String>,
    /// What it costs.
    pub segments: Segments,
    /// Shorter sentences were chosen, to stay within the budget.
    pub short: bool,
    /// It costs more than the type allows; so does every other language.
    pub over_budget: bool,
}

impl std::fmt::Debug for Rendered {
    /// Without the text: a log is read by more people than the patient.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rendered")
            .field("locale_asked", &self.locale_asked)
            .field("locale_sent", &self.locale_sent)
            .field("fallback", &self.fallback)
            .field("segments", &self.segments)
            .field("short", &self.short)
            .field("over_budget", &self.over_budget)
            .finish_non_exhaustive()
    }
}

/// The catalogue in use. Clones share it.
#[derive(Clone, Debug)]
pub struct Renderer {
    current: Arc<ArcSwap<Catalogue>>,
    /// Why the last reading came to nothing.
    unread: Arc<ArcSwapOption<Fault>>,
    source: Arc<Mutex<Origin>>,
}

/// Where the catalogue comes from.
#[derive(Debug)]
struct Origin {
    home: PathBuf,
    settings: RenderSettings,
    /// What is good is kept here for the next start.
    last_good: Option<PathBuf>,
}

impl Renderer {
    /// Reads `templates/` and `locales/` below the home folder.
    ///
    /// # Errors
    ///
    /// A folder is missing, a setting names nothing, or the templates or the reference locale have
    /// faults; all of them are reported at once.
    pub fn load(home: &Path, settings: &RenderSettings) -> Result<Self, RenderLoadError> {
        Ok(Self::of(Catalogue::load(home, settings, None)?, home, settings))
    }

    /// The same, but what is faulty is as it was when a host last ran, if it kept that in this file.
    ///
    /// # Errors
    ///
    /// As for [`Self::load`], where nothing sound was kept.
    pub fn begin(home: &Path, settings: &RenderSettings, last_good: &Path) -> Result<Self, RenderLoadError> {
        Ok(Self::of(Catalogue::load(home, settings, Some(last_good))?, home, settings))
    }

    fn of(catalogue: Catalogue, home: &Path, settings: &RenderSettings) -> Self {
        let origin = Origin { home: home.to_owned(), settings: settings.clone(), last_good: None };
        Self {
            current: Arc::new(ArcSwap::from_pointee(catalogue)),
            unread: Arc::default(),
            source: Arc::new(Mutex::new(origin)),
        }
    }

    /// Keeps what is good in this file for the next start, from now on.
    #[must_use]
    pub fn keeping(self, last_good: PathBuf) -> Self {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        source.last_good = Some(last_good);
        source.keep(&self.snapshot());
        drop(source);
        self
    }

    /// The catalogue as it is now. A message is rendered with the one it started with.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Catalogue> {
        self.current.load_full()
    }

    /// Everything that is wrong with the files as they are now: the catalogue's faults, and a folder that
    /// could not be read at all.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let unread = self.unread.load();
        unread
            .iter()
            .map(|fault| Fault::clone(fault))
            .chain(self.snapshot().faults().iter().cloned())
            .collect()
    }

    /// Reads the files again. What is good in them is in use when this returns, what is not keeps its
    /// last good version. `None` when no file has changed.
    ///
    /// # Errors
    ///
    /// A folder cannot be read; then everything stays as it was.
    pub fn reload(&self) -> Result<Option<Arc<Catalogue>>, RenderLoadError> {
        // One at a time, or an older reading could win.
        let source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        let last = self.snapshot();
        let files = Files::read(&source.home).inspect_err(|error| {
            self.unread.store(Some(Arc::new(unread(&source.home, error))));
        })?;
        self.unread.store(None);
        if files == last.files {
            return Ok(None);
        }
        let built = Catalogue::build(files, &source.settings, Some(&last));
        let catalogue = Arc::new(built.map_err(|faults| RenderLoadError::Faults(Faults(faults)))?);
        self.current.store(Arc::clone(&catalogue));
        source.keep(&catalogue);
        Ok(Some(catalogue))
    }
}

impl Origin {
    fn keep(&self, catalogue: &Catalogue) {
        let Some(Err(error)) = self.last_good.as_ref().map(|file| catalogue.remember(file)) else { return };
        let error = &error as &dyn std::error::Error;
        tracing::warn!(error, "what is good in templates and locales cannot be kept for the next start");
    }
}

/// A folder that cannot be read, as a fault of that folder.
fn unread(home: &Path, error: &RenderLoadError) -> Fault {
    match error {
        RenderLoadError::Folder { path, source } => {
            let folder = path.strip_prefix(home).unwrap_or(path).display().to_string();
            let text = format!("the folder cannot be read ({source}); all texts stay as they were");
            Fault::whole(&folder, text)
        }
        RenderLoadError::Setting(_) | RenderLoadError::Faults(_) => {
            Fault::whole("locales", error.to_string())
        }
    }
}
