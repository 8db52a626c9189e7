//! What was last at work. A host that starts while somebody edits begins with it, instead of not at all or without
//! a language; only the very first start has nothing to begin with but the files as they are.

use super::catalogue::Catalogue;
use super::fault::Fault;
use super::files::{Files, Read};
use super::load::TEMPLATES;
use super::locale::Locale;
use super::source::Source;
use super::{REFERENCE, RenderSettings};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
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
        let draft = file.with_extension(format!("{}.tmp", std::process::id()));
        fs::create_dir_all(file.parent().unwrap_or(Path::new(".")))?;
        let written = serde_json::to_vec(self).map_err(io::Error::from).and_then(|bytes| {
            let mut open = File::create(&draft)?;
            open.write_all(&bytes)?;
            open.sync_all()?;
            fs::rename(&draft, file)
        });
        if written.is_err() {
            // The draft is of no use, and why it failed is what the caller must hear.
            let _ = fs::remove_file(&draft);
        }
        written
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
}

impl Catalogue {
    /// The catalogue of a host that starts: what is faulty in these files as it was at work before.
    ///
    /// # Errors
    ///
    /// The templates or the reference are faulty, and no sound ones were at work before.
    pub(super) fn begin(
        files: Files,
        settings: &RenderSettings,
        last_good: &Path,
    ) -> Result<Self, Vec<Fault>> {
        let first = Self::build(files.clone(), settings, None);
        if first.as_ref().is_ok_and(|built| built.faults.is_empty()) {
            return first;
        }
        let last = LastGood::read(last_good);
        let last = last.and_then(|last| Self::build(last.files(), settings, None).ok());
        // Nothing is no set of templates that was ever good.
        let Some(last) = last.filter(|last| last.kinds().next().is_some()) else { return first };
        let mut begun = if let Ok(begun) = first {
            begun
        } else {
            let mut core = last.clone();
            core.locales.retain(|tag, _| tag == REFERENCE);
            Self::build(files.clone(), settings, Some(&core))?
        };
        // By the rules of this host what was good may be no better.
        let is_needed = |tag: &String| tag != REFERENCE && begun.has_fault_in(tag) && !last.has_fault_in(tag);
        let needed = last.locales.iter().filter(|(tag, _)| is_needed(tag));
        let needed: Vec<(String, Arc<Locale>)> =
            needed.map(|(tag, locale)| (tag.clone(), locale.clone())).collect();
        if needed.is_empty() {
            return Ok(begun);
        }
        begun.locales.extend(needed);
        Self::build(files, settings, Some(&begun))
    }

    /// Keeps the files that are at work for the next start; of what runs on its last good version, those.
    pub(super) fn remember(&self, file: &Path) -> io::Result<()> {
        let known = LastGood::read(file).unwrap_or_default();
        if self.kept.contains(TEMPLATES) && known.templates.is_empty() {
            // What is at work is not known here, and half of it is no beginning.
            return Ok(());
        }
        let texts = |reads: &BTreeMap<String, Read>| -> Texts {
            let good = reads.iter().filter_map(|(name, read)| Some((name, read.as_ref().ok()?)));
            good.map(|(name, source)| (name.clone(), source.text.clone())).collect()
        };
        let templates = if self.kept.contains(TEMPLATES) {
            known.templates.clone()
        } else {
            texts(&self.files.templates)
        };
        let tags: BTreeSet<&String> = self.files.locales.keys().chain(known.locales.keys()).collect();
        let of = |tag: &String| {
            let is_kept = self.kept.contains(tag);
            match self.files.locales.get(tag) {
                Some(reads) if !is_kept && (tag == REFERENCE || !self.has_fault_in(tag)) => {
                    Some(texts(reads))
                }
                // A folder that is gone, and not kept either, is meant to be.
                None if !is_kept => None,
                _ => known.locales.get(tag).cloned(),
            }
        };
        let locales = tags.into_iter().filter_map(|tag| Some((tag.clone(), of(tag)?))).collect();
        let now = LastGood { templates, locales };
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
