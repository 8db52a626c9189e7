//! The folder, followed: what is dropped, changed or taken away is noticed, looked at off to the side, and
//! put to work in one step, while calls that run finish with what they began with.

use super::archive::Version;
use super::load::{self, LoadReport, Loaded, Refusal};
use super::plugin_file::{Mode, PluginFile};
use super::registry::Registry;
use super::shelf::{Found, Shelf, Slot, Stamp};
use super::{Cache, Limits, Policies, PolicyLoadError, canary};
use crate::watch::Watch;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A file is read when it has not changed for so long, after the folder came to rest: half of a slow copy is
/// not taken for the whole.
const REST: Duration = Duration::from_millis(200);

/// The folder that is served.
pub(super) struct Folder {
    path: PathBuf,
    pub(super) cache: Cache,
    shelf: Mutex<Shelf>,
    /// One look at a time.
    looking: tokio::sync::Mutex<()>,
}

impl Folder {
    pub(super) fn new(path: &Path, cache: &Cache) -> Self {
        Self {
            path: path.to_owned(),
            cache: cache.clone(),
            shelf: Mutex::default(),
            looking: tokio::sync::Mutex::default(),
        }
    }

    pub(super) fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every file with its state; also those that are gone, with none.
    fn stamps(&self) -> Result<BTreeMap<String, Stamp>, PolicyLoadError> {
        let unreadable = |source| PolicyLoadError::Folder { folder: self.path.clone(), source };
        let known = self.shelf().slots.keys().cloned().collect::<Vec<_>>();
        let mut stamps: BTreeMap<String, Stamp> =
            known.into_iter().map(|stem| (stem, Stamp::default())).collect();
        for entry in fs::read_dir(&self.path).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
            // Names that begin with a dot are drafts.
            if stem.starts_with('.') {
                continue;
            }
            let extension = path.extension().and_then(|extension| extension.to_str());
            let stamp = || fs::metadata(&path).ok().filter(fs::Metadata::is_file).map(|data| stamp(&data));
            match extension {
                Some("wasm") => stamps.entry(stem.to_owned()).or_default().wasm = stamp(),
                Some("toml") => stamps.entry(stem.to_owned()).or_default().toml = stamp(),
                Some(_) | None => {}
            }
        }
        Ok(stamps)
    }

    /// What is known from before this process.
    fn remember(&self) {
        let Some(archive) = self.cache.archive() else { return };
        archive.prune();
        let mut known = self.shelf();
        for stem in archive.stems() {
            let record = archive.record(&stem);
            known.slots.insert(stem, Slot::remembered(record));
        }
    }

    fn wasm(&self, stem: &str) -> PathBuf {
        self.path.join(format!("{stem}.wasm"))
    }
}

impl Policies {
    /// Loads every `<name>.wasm` of a folder, with the `<name>.toml` beside it.
    ///
    /// # Errors
    ///
    /// Any file that cannot be taken and of which no good version is known, by name and with the reason:
    /// a host does not start with half of its rules.
    pub async fn load(
        folder: &Path,
        cache: &Cache,
        limits: &Limits,
    ) -> Result<(Self, Vec<LoadReport>), PolicyLoadError> {
        let policies = Self::of(Some(Folder::new(folder, cache)), limits)?;
        let Some(folder) = &policies.folder else { return Ok((policies, Vec::new())) };
        folder.remember();
        let mut reports = Vec::new();
        let mut found = Vec::new();
        for (stem, stamp) in folder.stamps()? {
            let file = folder.wasm(&stem);
            match policies.look(folder, &stem, stamp).await {
                None => {}
                Some(Found::Refused(refusal)) => {
                    let is_shadow = PluginFile::read(&file).is_ok_and(|file| file.mode == Mode::Shadow);
                    match policies.last_good(folder, &stem).await {
                        Some(loaded) => {
                            reports.push(LoadReport::of(loaded.clone()));
                            folder.shelf().slots.entry(stem.clone()).or_default().at_work = Some(loaded);
                        }
                        None if is_shadow => {}
                        None => return Err(PolicyLoadError::Refused { file, source: refusal }),
                    }
                    found.push((stem, stamp, Found::Refused(refusal)));
                }
                Some(Found::Report(report)) => {
                    reports.push(report.clone());
                    found.push((stem, stamp, Found::Report(report)));
                }
                Some(gone @ Found::Gone { .. }) => found.push((stem, stamp, gone)),
            }
        }
        let loaded = reports.iter().filter_map(|report| match report {
            LoadReport::Live(loaded) | LoadReport::Shadow(loaded) => Some(loaded.clone()),
            LoadReport::Off { .. } => None,
        });
        // Nobody was here first: two that decide for one type are a question to the clinic.
        Registry::new(loaded.collect(), Vec::new())?;
        let registry = folder.shelf().take(found, folder.cache.archive());
        policies.registry.store(Arc::new(registry));
        Ok((policies, reports))
    }

    /// Looks every file of a folder over as [`load`](Self::load) does, and puts none to work.
    ///
    /// # Errors
    ///
    /// The folder cannot be read, or two policies decide for one message type.
    pub async fn check(
        folder: &Path,
        cache: &Cache,
        limits: &Limits,
    ) -> Result<Vec<Checked>, PolicyLoadError> {
        let policies = Self::of(Some(Folder::new(folder, cache)), limits)?;
        let Some(folder) = &policies.folder else { return Ok(Vec::new()) };
        let mut checked = Vec::new();
        for (stem, stamp) in folder.stamps()? {
            let result = match policies.look(folder, &stem, stamp).await {
                Some(Found::Report(report)) => Ok(report),
                Some(Found::Refused(refusal)) => Err(refusal),
                Some(Found::Gone { .. }) | None => continue,
            };
            checked.push(Checked { file: folder.wasm(&stem), result });
        }
        let loaded = checked.iter().filter_map(|checked| match &checked.result {
            Ok(LoadReport::Live(loaded) | LoadReport::Shadow(loaded)) => Some(loaded.clone()),
            Ok(LoadReport::Off { .. }) | Err(_) => None,
        });
        Registry::new(loaded.collect(), Vec::new())?;
        Ok(checked)
    }

    /// Follows the folder: what changes in it is at work a moment later. Never resolves.
    pub async fn follow(&self) {
        let Some(folder) = &self.folder else { return std::future::pending().await };
        let mut watch = match Watch::begin(&[&folder.path]) {
            Ok(watch) => watch,
            Err(error) => {
                unwatched(&error);
                return std::future::pending().await;
            }
        };
        loop {
            while Box::pin(self.reload_rested(folder)).await {}
            watch.changed().await;
        }
    }

    /// Takes in what has changed in the folder since it was last looked at.
    pub async fn reload(&self) {
        let Some(folder) = &self.folder else { return };
        let _alone = folder.looking.lock().await;
        match folder.stamps() {
            Ok(stamps) => self.take_up(folder, stamps).await,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "the policies stay as they are");
            }
        }
    }

    /// Takes in what has changed and is at rest. Whether something was not.
    async fn reload_rested(&self, folder: &Folder) -> bool {
        let _alone = folder.looking.lock().await;
        let Ok(first) = folder.stamps() else { return false };
        let changed = |stamps: &BTreeMap<String, Stamp>| {
            let known = folder.shelf();
            let is_new = |(stem, stamp): &(&String, &Stamp)| {
                known.slots.get(*stem).is_none_or(|slot| slot.stamp != **stamp)
            };
            stamps.iter().any(|pair| is_new(&pair))
        };
        if !changed(&first) {
            return false;
        }
        tokio::time::sleep(REST).await;
        let Ok(mut second) = folder.stamps() else { return false };
        let before = second.len();
        second.retain(|stem, stamp| first.get(stem) == Some(stamp));
        let is_restless = second.len() < before;
        self.take_up(folder, second).await;
        is_restless
    }

    /// Takes in files, those that are as they were excepted.
    async fn take_up(&self, folder: &Folder, stamps: BTreeMap<String, Stamp>) {
        let known: BTreeMap<String, Slot> = folder.shelf().slots.clone();
        let is_new = |stem: &str, stamp: &Stamp| known.get(stem).is_none_or(|slot| slot.stamp != *stamp);
        if !stamps.iter().any(|(stem, stamp)| is_new(stem, stamp)) {
            return;
        }
        let mut found = Vec::new();
        for (stem, stamp) in stamps {
            // What stood in its way may be gone now.
            let stood_back = known.get(&stem).and_then(|slot| slot.refused.as_ref());
            let again = stood_back.is_some_and(|refused| refused.code == "same-type");
            if (again || is_new(&stem, &stamp))
                && let Some(it) = self.look(folder, &stem, stamp).await
            {
                found.push((stem, stamp, it));
            }
        }
        let registry = folder.shelf().take(found, folder.cache.archive());
        self.registry.store(Arc::new(registry));
    }

    /// What lies there under a name; `None` for a `.toml` that belongs to nothing.
    async fn look(&self, folder: &Folder, stem: &str, stamp: Stamp) -> Option<Found> {
        let file = folder.wasm(stem);
        if stamp.wasm.is_none() {
            let is_known = folder.shelf().slots.contains_key(stem);
            let is_off = PluginFile::read(&file).is_ok_and(|file| file.mode == Mode::Off);
            return is_known.then_some(Found::Gone { is_off });
        }
        let report = match load::load(&self.runtime, &folder.cache, &file).await {
            Ok(report) => report,
            Err(refusal) => return Some(Found::Refused(refusal)),
        };
        let failed = match &report {
            LoadReport::Live(loaded) | LoadReport::Shadow(loaded) => {
                let known = folder.shelf();
                let id = (loaded.hash.clone(), loaded.settings_hash.clone());
                known.slots.get(stem).is_some_and(|slot| slot.rolled_back.contains(&id))
            }
            LoadReport::Off { .. } => false,
        };
        Some(if failed { Found::Refused(Refusal::rolled_back()) } else { Found::Report(report) })
    }

    /// The version that was at work last, from the archive.
    async fn last_good(&self, folder: &Folder, stem: &str) -> Option<Arc<Loaded>> {
        let version = folder.cache.archive()?.record(stem).at_work?;
        self.open_version(folder, stem, &version).await
    }

    async fn open_version(&self, folder: &Folder, stem: &str, version: &Version) -> Option<Arc<Loaded>> {
        let wasm = folder.cache.archive()?.wasm(&version.hash)?;
        let file = folder.wasm(stem);
        let settings = PluginFile::parse(file.with_extension("toml"), version.toml.clone()).ok()?;
        let opened = load::open(&self.runtime, &folder.cache, &wasm, &settings).await.ok()?;
        let loaded = Arc::new(Loaded { file, ..opened });
        canary::sing(&self.runtime, &loaded).await.ok()?;
        Some(loaded)
    }

    /// Puts the version before this one back to work, if there is one.
    pub(super) async fn roll_back(&self, failed: &Loaded) {
        let Some(folder) = &self.folder else { return };
        let slot =
            folder.shelf().slots.iter().find_map(|(stem, slot)| {
                slot.is_at_work(failed).then(|| (stem.clone(), slot.before.clone()))
            });
        let Some((stem, before)) = slot.filter(|_| failed.mode == Mode::Live) else { return };
        let earlier = match before {
            Some(before) => Some(before),
            None => match folder.cache.archive().and_then(|archive| archive.record(&stem).before) {
                Some(version) if version.hash != failed.hash => {
                    self.open_version(folder, &stem, &version).await
                }
                Some(_) | None => None,
            },
        };
        let Some(earlier) = earlier else { return };
        let registry = folder.shelf().roll_back(failed, earlier, folder.cache.archive());
        if let Some(registry) = registry {
            self.registry.store(Arc::new(registry));
        }
    }
}

fn unwatched(error: &(dyn std::error::Error + 'static)) {
    tracing::error!(error, "changes of policies are not noticed until the next start");
}

/// One file, looked over.
#[derive(Debug)]
pub struct Checked {
    /// The `.wasm`.
    pub file: PathBuf,
    /// What it is, or why it is refused.
    pub result: Result<LoadReport, Refusal>,
}

fn stamp(data: &fs::Metadata) -> (u64, Option<std::time::SystemTime>, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (data.len(), data.modified().ok(), data.ino())
}
