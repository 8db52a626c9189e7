//! What was at work: every `.wasm` and all settings by their hashes, and for each file of the folder which
//! version is at work now and which was before it. So a decision can be replayed years later, a host whose
//! folder was damaged while it was down begins with the last good version, and a policy that was removed is
//! not taken for one that never was.

use super::cache::make_private;
use super::load::{Identity, Loaded};
use super::removed::Removed;
use crate::disk::write_whole;
use crate::domain::kind::TypeName;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// How long decisions are kept where nobody says otherwise: 13 months.
const DECISIONS: Duration = Duration::from_hours(395 * 24);

/// A version that is not at work any more is kept for so much longer than the decisions that name it, because
/// those are not forgotten on the very day.
const LONGER: Duration = Duration::from_hours(30 * 24);

/// A private folder with all that was at work.
#[derive(Clone, Debug)]
pub struct Archive {
    folder: PathBuf,
    decisions: Duration,
}

/// One version of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Version {
    /// SHA-256 of the `.wasm`.
    pub(super) hash: String,
    pub(super) settings_hash: String,
    /// The `.toml`, as the clinic wrote it.
    pub(super) toml: String,
    pub(super) name: String,
    /// Its own version.
    pub(super) release: String,
    pub(super) message_types: Vec<TypeName>,
    pub(super) events: Vec<String>,
}

/// What is known of one file of the folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) at_work: Option<Version>,
    /// What decided before for types that nothing of this file decides for, where nobody said that this is meant.
    #[serde(default)]
    pub(super) removed: Vec<Removed>,
    pub(super) before: Option<Version>,
    /// What failed too often to be tried again.
    #[serde(default)]
    pub(super) rolled_back: Vec<Failed>,
    /// There was a `.toml`, which counts: without it nobody knows what the clinic wants.
    #[serde(default)]
    pub(super) has_toml: bool,
}

/// A version that failed too often, how often, and the code of its last fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Failed {
    pub(super) version: Identity,
    pub(super) code: String,
    pub(super) faults: u64,
}

impl Failed {
    pub(super) fn of(loaded: &Loaded) -> Self {
        let (faults, last) = loaded.health.faults();
        Self { version: loaded.identity(), code: last.unwrap_or("none").to_owned(), faults }
    }
}

impl Version {
    pub(super) fn of(loaded: &Loaded) -> Self {
        Self {
            hash: loaded.hash.clone(),
            settings_hash: loaded.settings_hash.clone(),
            toml: loaded.toml.clone(),
            name: loaded.description.name.clone(),
            release: loaded.description.version.clone(),
            message_types: loaded.description.message_types.clone(),
            events: loaded.description.events.clone(),
        }
    }
}

impl Archive {
    /// The folder is made at the first use, for the host's own user only.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), decisions: DECISIONS }
    }

    /// Keeps a version for as long as decisions are kept that may name it: `[retention] decisions`.
    #[must_use]
    pub fn with_decisions_kept(self, decisions: Duration) -> Self {
        Self { decisions, ..self }
    }

    /// The `.wasm` of this hash, when it was ever at work here.
    #[must_use]
    pub fn wasm(&self, hash: &str) -> Option<PathBuf> {
        is_hash(hash).then(|| self.folder.join(format!("{hash}.wasm"))).filter(|path| path.is_file())
    }

    /// The settings of this hash, as the policy got them: JSON.
    #[must_use]
    pub fn settings(&self, hash: &str) -> Option<String> {
        is_hash(hash).then(|| fs::read_to_string(self.folder.join(format!("{hash}.json"))).ok())?
    }

    /// The `.toml` with these settings, where this version is at work or was the one before: it has the
    /// limits, too.
    pub(super) fn toml(&self, hash: &str, settings_hash: &str) -> Option<String> {
        let records = self.stems().into_iter().map(|stem| self.record(&stem));
        let mut versions = records.flat_map(|record| record.at_work.into_iter().chain(record.before));
        let is_it = |version: &Version| version.hash == hash && version.settings_hash == settings_hash;
        versions.find(is_it).map(|version| version.toml)
    }

    pub(super) fn keep_wasm(&self, hash: &str, wasm: &[u8]) {
        self.keep(&format!("{hash}.wasm"), wasm);
    }

    pub(super) fn keep_settings(&self, hash: &str, settings: &str) {
        self.keep(&format!("{hash}.json"), settings.as_bytes());
    }

    pub(super) fn record(&self, stem: &str) -> Record {
        let text = fs::read_to_string(self.folder.join(format!("{stem}.record"))).ok();
        text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
    }

    /// The names of all files there are records of.
    pub(super) fn stems(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        let stem = |path: PathBuf| {
            let is_record = path.extension().is_some_and(|extension| extension == "record");
            path.file_stem().filter(|_| is_record).map(|stem| stem.to_string_lossy().into_owned())
        };
        entries.flatten().filter_map(|entry| stem(entry.path())).collect()
    }

    pub(super) fn write_record(&self, stem: &str, record: &Record) {
        let written = serde_json::to_vec_pretty(record)
            .map_err(io::Error::other)
            .and_then(|json| self.write(&format!("{stem}.record"), &json));
        warn(written, stem);
    }

    /// Marks what was at work until now as used: from here on its time runs.
    pub(super) fn renew(&self, hash: &str, settings_hash: &str) {
        for name in [format!("{hash}.wasm"), format!("{settings_hash}.json")] {
            if let Ok(file) = fs::File::options().append(true).open(self.folder.join(&name)) {
                warn(file.set_modified(now()), &name);
            }
        }
    }

    /// Removes what has not been at work for longer than decisions are kept. What the records name stays.
    pub(super) fn prune(&self) {
        for record in self.stems().iter().map(|stem| self.record(stem)) {
            let used = |version: &Version| self.renew(&version.hash, &version.settings_hash);
            [record.at_work, record.before].iter().flatten().for_each(used);
            record.removed.iter().for_each(|removed| self.renew(&removed.hash, &removed.settings_hash));
        }
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for entry in entries.flatten() {
            let path = entry.path();
            let by_hash = path.file_stem().and_then(|stem| stem.to_str()).is_some_and(is_hash);
            let age = entry.metadata().and_then(|data| data.modified()).map(|at| at.elapsed());
            if by_hash && matches!(age, Ok(Ok(age)) if age > self.decisions + LONGER) {
                let _ = fs::remove_file(path);
            }
        }
    }

    /// What is there already is marked as used.
    fn keep(&self, name: &str, bytes: &[u8]) {
        let path = self.folder.join(name);
        let kept = match fs::File::options().append(true).open(&path) {
            Ok(file) => file.set_modified(now()),
            Err(_) => self.write(name, bytes),
        };
        warn(kept, name);
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        make_private(&self.folder)?;
        write_whole(&self.folder.join(name), bytes)
    }
}

/// The time of files is the machine's: the host's own clock has no say in it.
#[expect(clippy::disallowed_methods, reason = "marks a file as used, as the system itself would")]
pub(super) fn now() -> std::time::SystemTime {
    std::time::SystemTime::now()
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn warn(done: io::Result<()>, what: &str) {
    if let Err(error) = done {
        tracing::warn!(what, error = %error, "what is at work could not be written down; it may not be replayed");
    }
}
