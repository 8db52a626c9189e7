//! The folder at the start: the first look at every file. What a running host survives, the next start does
//! too; only a clinic's very first start is refused when something is wrong.

use super::load::{LoadReport, Loaded, Refusal};
use super::plugin_file::{Mode, PluginFile};
use super::registry::Registry;
use super::reload::Folder;
use super::shelf::{Found, Looked, Refused, Slot};
use super::{Archive, Cache, Limits, Policies, PolicyLoadError};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

impl Folder {
    /// What is known from before this process. Whether anything is.
    fn remember(&self, archive: &Archive) -> bool {
        let stems = archive.stems();
        let is_empty = stems.is_empty();
        let mut known = self.shelf();
        for stem in stems {
            let record = archive.record(&stem);
            known.slots.insert(stem, Slot::remembered(record));
        }
        !is_empty
    }

    /// Those that were at work last come first, the very same versions before others: where two want one
    /// message type, the one that had it keeps it.
    fn in_order(found: &mut [Looked], archive: &Archive) {
        found.sort_by_cached_key(|(stem, _, found)| match (archive.record(stem).at_work, found) {
            (Some(last), Found::Report(LoadReport::Live(loaded))) => u8::from(last.hash != loaded.hash),
            _ => 2,
        });
    }
}

impl Policies {
    /// Loads every `<name>.wasm` of a folder, with the `<name>.toml` beside it. One that cannot be taken
    /// gives way to its last good version; where none is known it is refused, as while the host runs.
    ///
    /// # Errors
    ///
    /// At the very first start, of which the archive knows no other: any file that cannot be taken, or two
    /// for one message type, by name and with the reason. A clinic does not begin with half of its rules.
    pub async fn load(
        folder: &Path,
        cache: &Cache,
        limits: &Limits,
    ) -> Result<(Self, Vec<LoadReport>), PolicyLoadError> {
        let policies = Self::of(Some(Folder::new(folder, cache)), limits)?;
        let Some(folder) = &policies.folder else { return Ok((policies, Vec::new())) };
        let archive = folder.cache.archive();
        let is_first = archive.is_none_or(|archive| {
            archive.prune();
            !folder.remember(archive)
        });
        let mut reports = Vec::new();
        let mut found = Vec::new();
        for (stem, stamp) in folder.stamps()? {
            let Some(it) = policies.look(folder, &stem, stamp).await else { continue };
            let it = match it {
                Found::Refused(refusal) => {
                    let file = folder.wasm(&stem);
                    let is_shadow = PluginFile::read(&file).is_ok_and(|file| file.mode == Mode::Shadow);
                    let good = if is_shadow { None } else { policies.last_good(folder, &stem).await };
                    if good.is_none() && is_first && !is_shadow {
                        return Err(PolicyLoadError::Refused { file, source: refusal });
                    }
                    if let Some(loaded) = good {
                        reports.push(LoadReport::of(loaded.clone()));
                        folder.shelf().slots.entry(stem.clone()).or_default().at_work = Some(loaded);
                    }
                    Found::Refused(refusal)
                }
                other => other,
            };
            if let Found::Report(report) = &it {
                reports.push(report.clone());
            }
            found.push((stem, stamp, it));
        }
        if is_first {
            // Nobody was here first: two that decide for one type are a question to the clinic.
            Registry::new(loaded(&reports), Vec::new())?;
        }
        if let Some(archive) = archive {
            Folder::in_order(&mut found, archive);
        }
        let refused = {
            let mut shelf = folder.shelf();
            let registry = shelf.take(found, folder.cache.archive());
            policies.registry.replace(&shelf, registry);
            let idle = |slot: &Slot| slot.refused.is_some() && slot.at_work.is_none();
            let refused = shelf.slots.iter().filter(|(_, slot)| idle(slot)).map(|(stem, _)| stem.clone());
            refused.collect::<Vec<_>>()
        };
        for stem in refused {
            let Some(good) = policies.last_good(folder, &stem).await else { continue };
            let mut shelf = folder.shelf();
            if let Some(registry) = shelf.stand_in(&stem, good.clone()) {
                policies.registry.replace(&shelf, registry);
                reports.push(LoadReport::of(good));
            }
        }
        // What is at work has just been taken up.
        folder.cache.prune();
        reports.retain(|report| match report {
            LoadReport::Live(loaded) | LoadReport::Shadow(loaded) => {
                folder.shelf().slots.values().any(|slot| slot.is_at_work(loaded))
            }
            LoadReport::Off { .. } => true,
        });
        Ok((policies, reports))
    }

    /// The version that was at work last, from the archive.
    async fn last_good(&self, folder: &Folder, stem: &str) -> Option<Arc<Loaded>> {
        let version = folder.cache.archive()?.record(stem).at_work?;
        self.open_version(folder, stem, &version).await
    }

    /// Looks every file of a folder over as [`load`](Self::load) does, knowing what was at work before, and puts
    /// none to work. Nothing is written but compiled code.
    ///
    /// # Errors
    ///
    /// The folder cannot be read.
    pub async fn check(
        folder: &Path,
        cache: &Cache,
        archive: &Archive,
        limits: &Limits,
    ) -> Result<Vec<Checked>, PolicyLoadError> {
        let policies = Self::of(Some(Folder::new(folder, cache)), limits)?;
        let Some(folder) = &policies.folder else { return Ok(Vec::new()) };
        folder.remember(archive);
        let (mut found, mut reports) = (Vec::new(), BTreeMap::new());
        for (stem, stamp) in folder.stamps()? {
            let Some(it) = policies.look(folder, &stem, stamp).await else { continue };
            if let Found::Report(report) = &it {
                reports.insert(stem.clone(), report.clone());
            }
            found.push((stem, stamp, it));
        }
        Folder::in_order(&mut found, archive);
        let mut shelf = folder.shelf();
        let registry = shelf.take(found, None);
        let mut checked = Vec::new();
        for (stem, slot) in &shelf.slots {
            let mut add = |result| checked.push(Checked { file: folder.wasm(stem), result });
            if let Some(Refused { code, text }) = &slot.refused {
                add(Err(Refusal::new(code, text.clone())));
                continue;
            }
            if let Some(report) = reports.remove(stem) {
                add(Ok(report));
            }
            for removed in registry.undecided(&slot.removed) {
                add(Err(removed.refusal()));
            }
        }
        Ok(checked)
    }
}

fn loaded(reports: &[LoadReport]) -> Vec<Arc<Loaded>> {
    let loaded = reports.iter().filter_map(|report| match report {
        LoadReport::Live(loaded) | LoadReport::Shadow(loaded) => Some(loaded.clone()),
        LoadReport::Off { .. } => None,
    });
    loaded.collect()
}

/// One file, looked over.
#[derive(Debug)]
pub struct Checked {
    /// The `.wasm`.
    pub file: PathBuf,
    /// What it is, or why it is refused.
    pub result: Result<LoadReport, Refusal>,
}
