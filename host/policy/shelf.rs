//! The shelf: what is known of each file of the folder, and the rules by which a new version takes the place
//! of the one at work. A version that is refused changes nothing but what is told of it.

use super::archive::{Archive, Failed, Record, Version};
use super::load::{LoadReport, Loaded, Refusal};
use super::plugin_file::Mode;
use super::registry::Registry;
use super::removed::{Removal, Removed};
use crate::domain::kind::TypeName;
use std::collections::BTreeMap;
use std::error::Error as _;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::SystemTime;

/// What tells two states of a file apart without reading it: length, times of its contents and of all else that
/// is known of it, and which file it is.
type FileStamp = Option<(u64, Option<SystemTime>, (i64, i64), u64)>;

/// The state of a `.wasm` and the `.toml` beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) wasm: FileStamp,
    pub(super) toml: FileStamp,
}

/// What is known of one file.
#[derive(Clone, Debug, Default)]
pub(super) struct Slot {
    pub(super) stamp: Stamp,
    pub(super) at_work: Option<Arc<Loaded>>,
    /// The version that was at work before this one.
    pub(super) before: Option<Arc<Loaded>>,
    pub(super) is_off: bool,
    /// Why what lies in the folder is not at work.
    pub(super) refused: Option<Refused>,
    /// Whether that is for a reason that may pass while the file stays as it is.
    may_pass: bool,
    /// There was a `.toml` when it was last taken in.
    pub(super) has_toml: bool,
    /// What decided, and does not any more, the latest first.
    pub(super) removed: Vec<Removed>,
    /// What failed too often.
    pub(super) rolled_back: Vec<Failed>,
}

/// Why a version is not at work: a stable code, and what is wrong and where.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "as in `Refusal`")]
pub struct Refused {
    pub code: &'static str,
    pub text: String,
}

impl From<&Refusal> for Refused {
    fn from(refusal: &Refusal) -> Self {
        let (mut text, mut cause) = (refusal.text.clone(), refusal.source());
        while let Some(error) = cause {
            // Writing to a `String` cannot fail.
            let _ = write!(text, ": {error}");
            cause = error.source();
        }
        Self { code: refusal.code, text }
    }
}

/// What was found of one file.
pub(super) enum Found {
    /// A file that could be taken, or says that it is off.
    Report(LoadReport),
    Refused(Refusal),
    /// The `.wasm` is gone; whether a `.toml` says that this is meant.
    Gone {
        is_off: bool,
    },
}

/// A file's name without extension, its state, and what was found in it.
pub(super) type Looked = (String, Stamp, Found);

/// All files, by their names without extension.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    pub(super) slots: BTreeMap<String, Slot>,
}

impl Shelf {
    /// Whether a file is not as it was last taken in.
    pub(super) fn is_new(&self, stem: &str, stamp: &Stamp) -> bool {
        self.slots.get(stem).is_none_or(|slot| slot.stamp != *stamp)
    }

    /// Whether there is a policy, or was one: a `.toml` alone is nobody's.
    pub(super) fn is_concerned(&self, stem: &str, stamp: &Stamp) -> bool {
        stamp.wasm.is_some() || self.slots.contains_key(stem)
    }

    /// Whether it was refused for a reason that may have passed.
    pub(super) fn may_pass(&self, stem: &str) -> bool {
        self.slots.get(stem).is_some_and(|slot| slot.may_pass)
    }

    /// Whether another file stood in its way, which may be gone now.
    pub(super) fn stood_back(&self, stem: &str) -> bool {
        let refused = self.slots.get(stem).and_then(|slot| slot.refused.as_ref());
        refused.is_some_and(|refused| refused.code == "same-type")
    }

    /// What of the files known so far can be put to work: all of them when no other is being looked at. Before
    /// that only those that ask for no type they did not have and leave none. What others of the same round want is
    /// not known yet, and of two that want one type the order of their names decides on every host, not
    /// which was compiled first.
    pub(super) fn ready(&self, known: &mut Vec<Looked>, are_all: bool) -> Vec<Looked> {
        let (mut ready, rest) = std::mem::take(known)
            .into_iter()
            .partition::<Vec<_>, _>(|(stem, _, found)| are_all || self.changes_no_types(stem, found));
        *known = rest;
        ready.sort_by(|(one, ..), (other, ..)| one.cmp(other));
        ready
    }

    fn changes_no_types(&self, stem: &str, found: &Found) -> bool {
        let live = self.slots.get(stem).and_then(|slot| slot.at_work.as_ref());
        let own = live.filter(|loaded| loaded.mode == Mode::Live).map(|loaded| loaded.message_types());
        match found {
            Found::Refused(_) => true,
            Found::Report(LoadReport::Live(loaded)) => own == Some(loaded.message_types()),
            Found::Report(LoadReport::Shadow(_) | LoadReport::Off { .. }) | Found::Gone { .. } => {
                own.is_none()
            }
        }
    }

    /// Takes in what was found. Those that changed are put to work together where that can be, one by one
    /// where two want the same message type: then the one that was there stays.
    pub(super) fn take(&mut self, found: Vec<Looked>, archive: Option<&Archive>) -> Registry {
        let mut wanted = Vec::new();
        for (stem, stamp, found) in found {
            let slot = self.slots.entry(stem.clone()).or_default();
            slot.stamp = stamp;
            slot.may_pass = false;
            let told = slot.refused.take();
            if let Found::Report(_) = found {
                slot.has_toml = stamp.toml.is_some();
            }
            match found {
                Found::Report(LoadReport::Live(loaded) | LoadReport::Shadow(loaded)) => {
                    wanted.push((stem, loaded));
                }
                Found::Report(LoadReport::Off { .. }) | Found::Gone { is_off: true } => {
                    slot.leave();
                    slot.is_off = true;
                    write_down(slot, &stem, archive);
                }
                Found::Gone { is_off: false } => {
                    let mut removed = slot.missed();
                    slot.leave();
                    if removed.is_empty() && !slot.has_toml {
                        self.slots.remove(&stem);
                        continue;
                    }
                    for removed in &mut removed {
                        removed.how = Removal::Gone;
                    }
                    slot.removed = removed;
                    if slot.removed.is_empty() {
                        continue;
                    }
                    tracing::error!(
                        file = %stem,
                        "a policy's file is gone; what it decided waits until it is back, another takes its \
                         place, or a .toml of its name says `mode = \"off\"`"
                    );
                }
                Found::Refused(refusal) => slot.refuse(&stem, &refusal, told.as_ref()),
            }
        }
        let before = self.slots.clone();
        for (stem, loaded) in &wanted {
            self.slots.entry(stem.clone()).or_default().put(loaded.clone());
        }
        let registry = self.registry().unwrap_or_else(|_| {
            self.slots = before;
            for (stem, loaded) in &wanted {
                let slot = self.slots.entry(stem.clone()).or_default();
                let was = slot.clone();
                slot.put(loaded.clone());
                if let Err(refusal) = self.registry() {
                    let slot = self.slots.entry(stem.clone()).or_default();
                    *slot = was;
                    slot.refuse(stem, &refusal, None);
                }
            }
            // Each step was tried.
            self.registry().unwrap_or_default()
        });
        for (stem, loaded) in &wanted {
            let Some(slot) = self.slots.get(stem) else { continue };
            if slot.is_at_work(loaded) {
                announce(loaded);
                slot.miss(stem, &registry);
                write_down(slot, stem, archive);
            }
        }
        registry
    }

    /// Puts a version back to work that was there before the one that failed.
    pub(super) fn roll_back(
        &mut self,
        failed: &Loaded,
        to: Arc<Loaded>,
        archive: Option<&Archive>,
    ) -> Option<Registry> {
        let (stem, slot) = self.slots.iter_mut().find(|(_, slot)| slot.is_at_work(failed))?;
        let was = slot.clone();
        let failed = Failed::of(failed);
        slot.put(to);
        slot.before = None;
        slot.refuse(stem, &Refusal::rolled_back(&failed), None);
        slot.rolled_back.push(failed);
        let stem = stem.clone();
        if let Ok(registry) = self.registry() {
            self.slots[&stem].miss(&stem, &registry);
            write_down(&self.slots[&stem], &stem, archive);
            return Some(registry);
        }
        self.slots.insert(stem, was);
        None
    }

    /// Puts a good version to work where what lies in the folder was refused, if it is in nobody's way.
    pub(super) fn stand_in(&mut self, stem: &str, good: Arc<Loaded>) -> Option<Registry> {
        let slot = self.slots.get_mut(stem).filter(|slot| slot.at_work.is_none())?;
        let was = slot.clone();
        slot.put(good);
        let registry = self.registry().ok();
        if registry.is_none() {
            self.slots.insert(stem.to_owned(), was);
        }
        registry
    }

    fn registry(&self) -> Result<Registry, Refusal> {
        let at_work = self.slots.values().filter_map(|slot| slot.at_work.clone()).collect();
        let removed = self.slots.values().flat_map(|slot| slot.removed.clone()).collect();
        Registry::new(at_work, removed).map_err(|error| Refusal::new("same-type", error.to_string()))
    }
}

impl Slot {
    /// What is known from before this process.
    pub(super) fn remembered(record: Record) -> Self {
        let at_work = record.at_work.map(Removed::from);
        Self {
            removed: at_work.into_iter().chain(record.removed).collect(),
            rolled_back: record.rolled_back,
            has_toml: record.has_toml,
            ..Self::default()
        }
    }

    /// There is nothing to tell of it: a `.toml` alone.
    pub(super) fn is_empty(&self) -> bool {
        self.at_work.is_none() && self.removed.is_empty() && self.refused.is_none() && !self.is_off
    }

    pub(super) fn is_at_work(&self, loaded: &Loaded) -> bool {
        self.at_work.as_deref().is_some_and(|at_work| std::ptr::eq(at_work, loaded))
    }

    fn put(&mut self, loaded: Arc<Loaded>) {
        // Types that are left, by a shadow or by another version, are missed as those of a file that is gone.
        self.removed = self.missed().into_iter().filter_map(|removed| removed.beside(&loaded)).collect();
        let live = self.at_work.take().filter(|before| before.mode == Mode::Live);
        if let Some(before) = live.filter(|before| before.identity() != loaded.identity()) {
            self.before = Some(before);
        }
        self.at_work = Some(loaded);
        self.is_off = false;
    }

    /// All that decided under this name, the latest first; none decides without what is at work.
    fn missed(&self) -> Vec<Removed> {
        let live = self.at_work.as_deref().filter(|loaded| loaded.mode == Mode::Live);
        let live = live.map(|live| Removed::from(Version::of(live)));
        live.into_iter().chain(self.removed.iter().cloned()).collect()
    }

    fn leave(&mut self) {
        self.is_off = false;
        self.at_work = None;
        self.before = None;
        self.removed.clear();
    }

    /// Says which types nobody decides for now.
    fn miss(&self, stem: &str, registry: &Registry) {
        for removed in registry.undecided(&self.removed) {
            let types: Vec<&str> = removed.message_types.iter().map(TypeName::as_str).collect();
            tracing::error!(
                file = %stem, version = %removed.version, message_types = %types.join(" "), reason = removed.why(),
                "message types have lost their policy and wait"
            );
        }
    }

    /// `told` was said of it already.
    fn refuse(&mut self, stem: &str, refusal: &Refusal, told: Option<&Refused>) {
        let refused = Refused::from(refusal);
        if told != Some(&refused) {
            let keeps = self.at_work.as_ref().map_or("none", |loaded| loaded.description.version.as_str());
            tracing::error!(
                file = %stem, code = refused.code, reason = %refused.text, at_work = %keeps,
                "a policy is refused; the last good version stays at work"
            );
        }
        self.may_pass = refusal.may_pass;
        self.refused = Some(refused);
    }
}

fn write_down(slot: &Slot, stem: &str, archive: Option<&Archive>) {
    let Some(archive) = archive else { return };
    let live = slot.at_work.as_deref().filter(|loaded| loaded.mode == Mode::Live);
    for loaded in [slot.at_work.as_deref(), slot.before.as_deref()].into_iter().flatten() {
        archive.keep_settings(&loaded.settings_hash, &loaded.settings);
    }
    let was = archive.record(stem);
    if let Some(replaced) = &was.at_work {
        archive.renew(&replaced.hash, &replaced.settings_hash);
    }
    let record = Record {
        at_work: live.map(Version::of),
        removed: slot.removed.clone(),
        before: slot.before.as_deref().map(Version::of).or(was.before),
        rolled_back: slot.rolled_back.clone(),
        has_toml: slot.has_toml,
    };
    archive.write_record(stem, &record);
}

fn announce(loaded: &Loaded) {
    tracing::info!(
        policy = %loaded.description.name, version = %loaded.description.version, hash = %loaded.hash,
        mode = loaded.mode.name(), from_cache = loaded.from_cache, load_ms = loaded.load_time.as_millis(),
        "policy loaded"
    );
}
