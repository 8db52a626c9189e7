//! The shelf: what is known of each file of the folder, and the rules by which a new version takes the place
//! of the one at work. A version that is refused changes nothing but what is told of it.

use super::archive::{Archive, Record, Version};
use super::load::{Identity, LoadReport, Loaded, Refusal};
use super::plugin_file::Mode;
use super::registry::Registry;
use crate::domain::kind::TypeName;
use crate::domain::policy::{Answerer, Blame, PolicyFault};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

/// What tells two states of a file apart without reading it: length, time, and which file it is.
type FileStamp = Option<(u64, Option<SystemTime>, u64)>;

/// The state of a `.wasm` and the `.toml` beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) wasm: FileStamp,
    pub(super) toml: FileStamp,
}

/// A policy that decided until its file was removed, or made a shadow: its types are not taken for types
/// without rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// Its name.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// SHA-256 of the `.wasm` that was at work, in hex.
    pub hash: String,
    /// SHA-256 of its settings, in hex.
    pub settings_hash: String,
    /// Its file is there, and says `mode = "shadow"`.
    pub is_shadow: bool,
    /// The message types it decided for.
    pub message_types: Vec<TypeName>,
    /// The events it planned.
    pub events: Vec<String>,
}

impl Removed {
    /// Why it does not decide.
    #[must_use]
    pub const fn why(&self) -> &'static str {
        if self.is_shadow {
            "it is only asked as a shadow, and no other policy decides in its place"
        } else {
            "its file is gone from the folder"
        }
    }

    /// Why it does not answer.
    #[must_use]
    pub fn fault(&self, question: &'static str) -> PolicyFault {
        PolicyFault {
            by: Box::new(Answerer {
                name: self.name.clone(),
                version: self.version.clone(),
                hash: self.hash.clone(),
                settings_hash: self.settings_hash.clone(),
                fuel: 0,
                log: Vec::new(),
            }),
            question,
            code: "removed",
            text: self.why().to_owned(),
            blame: Blame::Policy,
        }
    }
}

impl From<Version> for Removed {
    fn from(version: Version) -> Self {
        let Version { name, release: version, hash, settings_hash, message_types, events, toml: _ } = version;
        Self { name, version, hash, settings_hash, is_shadow: false, message_types, events }
    }
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
    pub(super) removed: Option<Removed>,
    /// What failed too often.
    pub(super) rolled_back: Vec<Identity>,
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
        Self { code: refusal.code, text: refusal.text.clone() }
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

    /// Whether another file stood in its way, which may be gone now.
    pub(super) fn stood_back(&self, stem: &str) -> bool {
        let refused = self.slots.get(stem).and_then(|slot| slot.refused.as_ref());
        refused.is_some_and(|refused| refused.code == "same-type")
    }

    /// Whether what was found takes no type from another file and leaves none to another.
    pub(super) fn stands_alone(&self, stem: &str, found: &Found) -> bool {
        let decides = |slot: &Slot| match slot.at_work.as_ref().filter(|loaded| loaded.mode == Mode::Live) {
            Some(loaded) => loaded.description.message_types.clone(),
            None => Vec::new(),
        };
        let own = self.slots.get(stem).map(decides).unwrap_or_default();
        match found {
            Found::Refused(_) => true,
            Found::Report(LoadReport::Live(loaded)) => {
                let wanted = &loaded.description.message_types;
                let others = self.slots.iter().filter(|(other, _)| *other != stem);
                own.iter().all(|name| wanted.contains(name))
                    && !others.flat_map(|(_, slot)| decides(slot)).any(|name| wanted.contains(&name))
            }
            Found::Report(LoadReport::Shadow(_) | LoadReport::Off { .. }) | Found::Gone { .. } => {
                own.is_empty()
            }
        }
    }

    /// Takes in what was found. Those that changed are put to work together where that can be, one by one
    /// where two want the same message type: then the one that was there stays.
    pub(super) fn take(&mut self, found: Vec<(String, Stamp, Found)>, archive: Option<&Archive>) -> Registry {
        let mut wanted = Vec::new();
        for (stem, stamp, found) in found {
            let slot = self.slots.entry(stem.clone()).or_default();
            slot.stamp = stamp;
            slot.refused = None;
            match found {
                Found::Report(LoadReport::Live(loaded) | LoadReport::Shadow(loaded)) => {
                    wanted.push((stem, loaded));
                }
                Found::Report(LoadReport::Off { .. }) | Found::Gone { is_off: true } => {
                    slot.leave(None);
                    slot.is_off = true;
                    write_down(slot, &stem, archive);
                }
                Found::Gone { is_off: false } => {
                    let live = slot.at_work.as_ref().filter(|loaded| loaded.mode == Mode::Live);
                    let removed = live.map(|loaded| Version::of(loaded).into()).or(slot.removed.take());
                    slot.leave(removed.map(|removed| Removed { is_shadow: false, ..removed }));
                    if slot.removed.is_none() {
                        self.slots.remove(&stem);
                        continue;
                    }
                    tracing::error!(
                        file = %stem,
                        "a policy's file is gone; what it decided waits until it is back, another takes its \
                         place, or a .toml of its name says `mode = \"off\"`"
                    );
                }
                Found::Refused(refusal) => slot.refuse(&stem, &refusal),
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
                    slot.refuse(stem, &refusal);
                }
            }
            // Each step was tried.
            self.registry().unwrap_or_default()
        });
        for (stem, loaded) in &wanted {
            let Some(slot) = self.slots.get(stem) else { continue };
            if slot.is_at_work(loaded) {
                announce(loaded);
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
        slot.rolled_back.push(failed.identity());
        slot.at_work = Some(to);
        slot.before = None;
        slot.refuse(stem, &Refusal::rolled_back());
        let stem = stem.clone();
        if let Ok(registry) = self.registry() {
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
        (slot.at_work, slot.removed) = (Some(good), None);
        let registry = self.registry().ok();
        if registry.is_none() {
            self.slots.insert(stem.to_owned(), was);
        }
        registry
    }

    fn registry(&self) -> Result<Registry, Refusal> {
        let at_work = self.slots.values().filter_map(|slot| slot.at_work.clone()).collect();
        let removed = self.slots.values().filter_map(|slot| slot.removed.clone()).collect();
        Registry::new(at_work, removed).map_err(|error| Refusal::new("same-type", error.to_string()))
    }
}

impl Slot {
    /// What is known from before this process.
    pub(super) fn remembered(record: Record) -> Self {
        Self {
            removed: record.at_work.or(record.removed).map(Removed::from),
            rolled_back: record.rolled_back,
            ..Self::default()
        }
    }

    /// There is nothing to tell of it: a `.toml` alone.
    pub(super) fn is_empty(&self) -> bool {
        self.at_work.is_none() && self.removed.is_none() && self.refused.is_none() && !self.is_off
    }

    pub(super) fn is_at_work(&self, loaded: &Loaded) -> bool {
        self.at_work.as_deref().is_some_and(|at_work| std::ptr::eq(at_work, loaded))
    }

    fn put(&mut self, loaded: Arc<Loaded>) {
        let live = self.at_work.take().filter(|before| before.mode == Mode::Live);
        // A file that turns into a shadow leaves its types undecided, as one that is gone does.
        let missed = live.as_deref().map(|live| Version::of(live).into()).or(self.removed.take());
        self.removed = missed
            .filter(|_| loaded.mode == Mode::Shadow)
            .map(|removed| Removed { is_shadow: true, ..removed });
        if let Some(before) = live.filter(|before| before.identity() != loaded.identity()) {
            self.before = Some(before);
        }
        self.at_work = Some(loaded);
        self.is_off = false;
    }

    fn leave(&mut self, removed: Option<Removed>) {
        self.is_off = false;
        self.at_work = None;
        self.before = None;
        self.removed = removed;
    }

    fn refuse(&mut self, stem: &str, refusal: &Refusal) {
        let keeps = self.at_work.as_ref().map_or("none", |loaded| loaded.description.version.as_str());
        tracing::error!(
            file = %stem, code = refusal.code, reason = %refusal.text, at_work = %keeps,
            "a policy is refused; the last good version stays at work"
        );
        self.refused = Some(refusal.into());
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
        archive.renew(replaced);
    }
    let record = Record {
        at_work: live.map(Version::of),
        removed: was.at_work.or(was.removed).filter(|_| slot.removed.is_some()),
        before: slot.before.as_deref().map(Version::of).or(was.before),
        rolled_back: slot.rolled_back.clone(),
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
