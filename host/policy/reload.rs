//! The folder, followed: what is dropped, changed or taken away is noticed, looked at off to the side, and
//! put to work in one step, while calls that run finish with what they began with.

use super::archive::Version;
use super::load::{self, LoadReport, Loaded, Refusal};
use super::plugin_file::{Mode, PluginFile};
use super::shelf::{Found, Looked, Shelf, Stamp};
use super::{Cache, Policies, PolicyLoadError, canary};
use crate::watch::Watch;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;

/// A file is read when it has not changed for so long, after the folder came to rest: half of a slow copy is
/// not taken for the whole.
const REST: Duration = Duration::from_millis(200);

/// The folder that is served.
pub(super) struct Folder {
    path: PathBuf,
    pub(super) cache: Cache,
    shelf: Mutex<Shelf>,
    /// The files that are being looked at, by their names without extension.
    looked_at: Mutex<BTreeSet<String>>,
}

/// Files that changed together and are looked at now; nobody else looks at them meanwhile.
struct Batch {
    folder: Arc<Folder>,
    stamps: BTreeMap<String, Stamp>,
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.folder.looked_at().retain(|stem| !self.stamps.contains_key(stem));
    }
}

impl Folder {
    pub(super) fn new(path: &Path, cache: &Cache) -> Self {
        Self {
            path: path.to_owned(),
            cache: cache.clone(),
            shelf: Mutex::default(),
            looked_at: Mutex::default(),
        }
    }

    pub(super) fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn looked_at(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.looked_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether files are not as they were last taken in, but for those that are being looked at. `again`: or
    /// whether what was refused may be good by now, though it is as it was.
    fn has_changed(&self, stamps: &BTreeMap<String, Stamp>, again: bool) -> bool {
        let (known, busy) = (self.shelf(), self.looked_at());
        stamps.iter().any(|(stem, stamp)| {
            !busy.contains(stem)
                && known.is_concerned(stem, stamp)
                && (known.is_new(stem, stamp) || (again && known.may_pass(stem)))
        })
    }

    /// Takes what has changed, and what stood back from what may have; `None` where nothing has.
    fn batch(self: &Arc<Self>, mut stamps: BTreeMap<String, Stamp>, again: bool) -> Option<Batch> {
        if !self.has_changed(&stamps, again) {
            return None;
        }
        let (known, mut busy) = (self.shelf(), self.looked_at());
        stamps.retain(|stem, stamp| {
            !busy.contains(stem)
                && known.is_concerned(stem, stamp)
                && (known.is_new(stem, stamp) || known.stood_back(stem) || (again && known.may_pass(stem)))
        });
        busy.extend(stamps.keys().cloned());
        Some(Batch { folder: self.clone(), stamps })
    }

    /// Every file with its state; also those that are gone, with none.
    pub(super) fn stamps(&self) -> Result<BTreeMap<String, Stamp>, PolicyLoadError> {
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

    pub(super) fn wasm(&self, stem: &str) -> PathBuf {
        self.path.join(format!("{stem}.wasm"))
    }
}

impl Policies {
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
        // What takes long to compile holds up nothing that is dropped after it.
        let mut batches = JoinSet::new();
        let mut again = false;
        loop {
            let (batch, is_restless) = Self::rested(folder, again).await;
            if let Some(batch) = batch {
                let policies = self.clone();
                batches.spawn(async move { policies.take_up(batch).await });
            }
            if !is_restless {
                // Not as soon as it was refused: what the machine could not do it cannot do at once.
                again = tokio::select! {
                    () = watch.changed() => true,
                    Some(_) = batches.join_next() => false,
                }
            }
        }
    }

    /// Takes in what has changed in the folder since it was last looked at.
    pub async fn reload(&self) {
        let Some(folder) = &self.folder else { return };
        match folder.stamps() {
            Ok(stamps) => {
                if let Some(batch) = folder.batch(stamps, true) {
                    self.take_up(batch).await;
                }
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "the policies stay as they are");
            }
        }
    }

    /// What has changed and is at rest, and whether something is not.
    async fn rested(folder: &Arc<Folder>, again: bool) -> (Option<Batch>, bool) {
        let Ok(first) = folder.stamps() else { return (None, false) };
        if !folder.has_changed(&first, again) {
            return (None, false);
        }
        tokio::time::sleep(REST).await;
        let Ok(mut second) = folder.stamps() else { return (None, false) };
        let before = second.len();
        second.retain(|stem, stamp| first.get(stem) == Some(stamp));
        let is_restless = second.len() < before;
        (folder.batch(second, again), is_restless)
    }

    /// Looks at files side by side, and puts each to work as soon as it is known, unless it has to do with
    /// others: a type that passes from one file to another does so in one step, when all are known.
    async fn take_up(&self, batch: Batch) {
        let folder = &batch.folder;
        let mut looks = JoinSet::new();
        for (stem, stamp) in batch.stamps.clone() {
            let (policies, folder) = (self.clone(), folder.clone());
            looks.spawn(async move {
                let found = policies.look(&folder, &stem, stamp).await;
                found.map(|found| (stem, stamp, found))
            });
        }
        let mut known = Vec::new();
        while let Some(looked) = looks.join_next().await {
            match looked {
                Ok(found) => known.extend(found),
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "a policy was not looked at");
                }
            }
            self.put_to_work(folder, &mut known, looks.is_empty());
        }
    }

    /// Of what is known, all that can be at work by now, in one step. `are_all`: nothing else of the round is
    /// looked at.
    pub(super) fn put_to_work(&self, folder: &Folder, known: &mut Vec<Looked>, are_all: bool) {
        let mut all = folder.shelf();
        let ready = all.ready(known, are_all);
        if !ready.is_empty() {
            let registry = all.take(ready, folder.cache.archive());
            self.registry.replace(&all, registry);
        }
    }

    /// What lies there under a name; `None` for a `.toml` that belongs to nothing.
    pub(super) async fn look(&self, folder: &Folder, stem: &str, stamp: Stamp) -> Option<Found> {
        let file = folder.wasm(stem);
        if stamp.wasm.is_none() {
            let is_known = folder.shelf().slots.contains_key(stem);
            let is_off = PluginFile::read(&file).is_ok_and(|file| file.mode == Mode::Off);
            return is_known.then_some(Found::Gone { is_off });
        }
        if stamp.toml.is_none() && folder.shelf().slots.get(stem).is_some_and(|slot| slot.has_toml) {
            return Some(Found::Refused(Refusal::settings_gone(&file.with_extension("toml"))));
        }
        let report = match load::load(&self.runtime, &folder.cache, &file).await {
            Ok(report) => report,
            Err(refusal) => return Some(Found::Refused(refusal)),
        };
        let failed = match &report {
            LoadReport::Live(loaded) => {
                let known = folder.shelf();
                let failed = known.slots.get(stem).map_or(&[][..], |slot| &slot.rolled_back);
                failed.iter().find(|failed| failed.version == loaded.identity()).map(Refusal::rolled_back)
            }
            LoadReport::Shadow(_) | LoadReport::Off { .. } => None,
        };
        Some(failed.map_or(Found::Report(report), Found::Refused))
    }

    /// A version of a file, from the archive.
    pub(super) async fn open_version(
        &self,
        folder: &Folder,
        stem: &str,
        version: &Version,
    ) -> Option<Arc<Loaded>> {
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
                Some(version) => self.open_version(folder, &stem, &version).await,
                None => None,
            },
        };
        let Some(earlier) = earlier.filter(|earlier| earlier.identity() != failed.identity()) else { return };
        let mut all = folder.shelf();
        if let Some(registry) = all.roll_back(failed, earlier, folder.cache.archive()) {
            self.registry.replace(&all, registry);
        }
    }
}

fn unwatched(error: &(dyn std::error::Error + 'static)) {
    tracing::error!(error, "changes of policies are not noticed until the next start");
}

fn stamp(data: &fs::Metadata) -> (u64, Option<std::time::SystemTime>, (i64, i64), u64) {
    use std::os::unix::fs::MetadataExt as _;
    (data.len(), data.modified().ok(), (data.ctime(), data.ctime_nsec()), data.ino())
}
