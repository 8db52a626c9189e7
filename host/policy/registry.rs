//! Which policy answers for what. Never changed, only replaced as a whole.

use super::PolicyLoadError;
use super::load::Loaded;
use super::plugin_file::Mode;
use super::removed::Removed;
use super::shelf::Shelf;
use crate::domain::kind::TypeName;
use arc_swap::ArcSwap;
use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard};

/// The policies at work.
#[derive(Debug, Default)]
pub(super) struct Registry {
    /// Those that decide.
    pub(super) all: Vec<Arc<Loaded>>,
    pub(super) by_type: BTreeMap<TypeName, Arc<Loaded>>,
    pub(super) by_event: BTreeMap<String, Vec<Arc<Loaded>>>,
    /// Those that are asked beside them.
    pub(super) shadows: Vec<Arc<Loaded>>,
    /// Those that decided, and do not any more.
    pub(super) removed: Vec<Removed>,
}

/// The registry at work. It is replaced by whoever holds the shelf, so that of two changes at once the later
/// one stays, and what the shelf says and what is asked are never two things.
#[derive(Debug, Default)]
pub(super) struct AtWork(ArcSwap<Registry>);

impl AtWork {
    pub(super) fn load(&self) -> arc_swap::Guard<Arc<Registry>> {
        self.0.load()
    }

    pub(super) fn replace(&self, _shelf: &MutexGuard<'_, Shelf>, registry: Registry) {
        self.0.store(Arc::new(registry));
    }
}

impl Registry {
    /// Of policies in the order of their files.
    pub(super) fn new(at_work: Vec<Arc<Loaded>>, removed: Vec<Removed>) -> Result<Self, PolicyLoadError> {
        let (all, others): (Vec<_>, Vec<_>) =
            at_work.into_iter().partition(|loaded| loaded.mode == Mode::Live);
        let mut by_type: BTreeMap<TypeName, Arc<Loaded>> = BTreeMap::new();
        let mut by_event: BTreeMap<String, Vec<Arc<Loaded>>> = BTreeMap::new();
        for loaded in &all {
            for message_type in &loaded.description.message_types {
                if let Some(first) = by_type.insert(message_type.clone(), loaded.clone()) {
                    return Err(PolicyLoadError::SameType {
                        message_type: message_type.clone(),
                        first: first.file.clone(),
                        second: loaded.file.clone(),
                    });
                }
            }
            for event in &loaded.description.events {
                let planners = by_event.entry(event.clone()).or_default();
                // One that names an event twice is asked once.
                if !planners.last().is_some_and(|last| Arc::ptr_eq(last, loaded)) {
                    planners.push(loaded.clone());
                }
            }
        }
        let shadows = others.into_iter().filter(|loaded| loaded.mode == Mode::Shadow).collect();
        Ok(Self { all, by_type, by_event, shadows, removed })
    }

    /// Of those that decided: what nobody decides for now.
    pub(super) fn undecided(&self, removed: &[Removed]) -> Vec<Removed> {
        let mut undecided = removed.to_vec();
        for removed in &mut undecided {
            removed.message_types.retain(|name| !self.by_type.contains_key(name));
        }
        undecided.retain(|removed| !removed.message_types.is_empty());
        undecided
    }
}
