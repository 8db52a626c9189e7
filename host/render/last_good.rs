//! What was last at work. A host that starts while somebody edits begins with it, instead of not at all or without
//! a language; only the very first start has nothing to begin with but the files as they are.

use super::catalogue::Catalogue;
use super::fault::{Fault, Severity};
use super::files::{Files, Read};
use super::load_locale::{Measures, read_locale};
use super::locale::Locale;
use super::source::Source;
use super::{REFERENCE, RenderSettings};
use crate::disk::write_whole;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Component, Path};
use std::sync::Arc;

/// The texts of the files of a folder, by name.
type Texts = BTreeMap<String, String>;

/// The files that were at work.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct LastGood {
    templates: Texts,
    locales: BTreeMap<String, Texts>,
}

impl LastGood {
    fn read(file: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(file).ok()?).ok()
    }

    /// Readers see what was there before or all of this.
    fn write(&self, file: &Path) -> io::Result<()> {
        fs::create_dir_all(file.parent().unwrap_or(Path::new(".")))?;
        write_whole(file, &serde_json::to_vec(self)?)
    }

    /// The same as if it had been read from the home.
    fn files(self) -> Files {
        let reads = |folder: &str, texts: Texts| {
            let read = texts.into_iter().map(|(name, text)| {
                let file = format!("{folder}/{name}");
                (name, Ok(Source { file, text }))
            });
            read.collect::<BTreeMap<String, Read>>()
        };
        let locales = self.locales.into_iter();
        Files {
            templates: reads("templates", self.templates),
            locales: locales
                .map(|(tag, texts)| {
                    let folder = format!("locales/{tag}");
                    (tag, reads(&folder, texts))
                })
                .collect(),
        }
    }

    /// The catalogue that was at work. `None` if no whole one can be made of it.
    fn at_work(self, settings: &RenderSettings) -> Option<Catalogue> {
        let files = self.files();
        let mut faults = Vec::new();
        let templates = Catalogue::templates_of(&files, settings, &mut faults);
        if !faults.is_empty() {
            return None;
        }
        let measures = Measures { templates: &templates, reference: None, was_at_work: true };
        let english = files.locales.get(REFERENCE)?;
        let english = read_locale(REFERENCE, english, None, measures, settings, &mut faults)?;
        let mut catalogue = Catalogue::of(Arc::clone(&templates), Arc::new(english), settings);
        if !catalogue.is_sound() {
            return None;
        }
        let reference = Arc::clone(&catalogue.reference);
        let measures = Measures { reference: Some(&reference), ..measures };
        for (tag, read) in files.locales.iter().filter(|(tag, _)| *tag != REFERENCE) {
            if let Some(locale) = read_locale(tag, read, None, measures, settings, &mut faults) {
                catalogue.locales.insert(tag.clone(), Arc::new(locale));
            }
        }
        Some(Catalogue { faults, files, lets_go: true, ..catalogue })
    }
}

/// Whether it may be the fault of files that are still being copied. A translation that lags behind is none.
fn is_of_half_a_copy(fault: &Fault) -> bool {
    let mut folders = Path::new(&fault.file).components().map(Component::as_os_str);
    let measures_all = match folders.next().and_then(OsStr::to_str) {
        Some("locales") => folders.next().is_some_and(|tag| tag == REFERENCE),
        _ => true,
    };
    let is_of_file = matches!(fault.rule, "syntax" | "encoding" | "gone");
    fault.severity == Severity::Fault && (measures_all || is_of_file)
}

impl Catalogue {
    /// The catalogue of a host that starts: what is faulty in these files as it was at work before. What is gone
    /// from them was meant to go only where no file is broken: half a copy of a home lacks files too.
    ///
    /// # Errors
    ///
    /// The templates or the reference are faulty, and no sound ones were at work before.
    pub(super) fn begin(
        files: Files,
        settings: &RenderSettings,
        last_good: &Path,
    ) -> Result<Self, Vec<Fault>> {
        let last = LastGood::read(last_good).and_then(|last| last.at_work(settings));
        let catalogue = Self::build(files, settings, last.as_ref())?;
        match last {
            Some(last) if catalogue.faults.iter().any(is_of_half_a_copy) => {
                Self::build(catalogue.files, settings, Some(&Self { lets_go: false, ..last }))
            }
            _ => Ok(catalogue),
        }
    }

    /// Keeps what is at work for the next start; of a locale that is at work in part, what was kept before.
    pub(super) fn remember(&self, file: &Path) -> io::Result<()> {
        let known = LastGood::read(file).unwrap_or_default();
        let sources = self.templates.files.iter();
        let sources =
            sources.filter_map(|(name, read)| Some((name.clone(), read.as_ref().ok()?.text.clone())));
        let is_whole = |tag: &str| tag == REFERENCE || self.kept.contains(tag) || !self.has_fault_in(tag);
        let whole = self.locales.iter().filter(|(tag, _)| is_whole(tag));
        let mut locales: BTreeMap<String, Texts> =
            whole.map(|(tag, locale)| (tag.clone(), texts(locale))).collect();
        let in_part =
            known.locales.iter().filter(|(tag, _)| self.files.locales.contains_key(*tag) && !is_whole(tag));
        locales.extend(in_part.map(|(tag, texts)| (tag.clone(), texts.clone())));
        let now = LastGood { templates: sources.collect(), locales };
        if now == known { Ok(()) } else { now.write(file) }
    }

    fn has_fault_in(&self, tag: &str) -> bool {
        let is_in = |file: &str| {
            let rest = file.strip_prefix("locales/").and_then(|file| file.strip_prefix(tag));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.faults.iter().any(|fault| is_in(&fault.file))
    }
}

fn texts(locale: &Locale) -> Texts {
    let sources = locale.sources();
    sources.map(|file| (file.name().to_owned(), file.resource.source().to_owned())).collect()
}
