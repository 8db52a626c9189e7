//! What can be told of each file of the folder.

use super::Policies;
use super::load::Loaded;
use super::plugin_file::Mode;
use super::registry::Registry;
use super::shelf::{Refused, Removed, Slot};
use crate::domain::kind::TypeName;
use std::sync::Arc;

/// One file of the folder, and what became of it.
#[derive(Clone, Debug)]
pub struct PolicyStatus {
    /// Its name without extension.
    pub file: String,
    /// `live`, `shadow`, `off`, `removed`, or `refused` where nothing of it is at work.
    pub state: &'static str,
    /// The version at work.
    pub at_work: Option<Arc<Loaded>>,
    /// Why what lies in the folder is not at work.
    pub refused: Option<Refused>,
    /// What decided before its file was removed or made a shadow, with the types that nobody decides for now.
    pub removed: Option<Removed>,
    /// Questions that it was asked as a shadow, since it was loaded.
    pub shadowed: u64,
    /// Questions that the version at work did not answer, since it was loaded.
    pub faults: u64,
    /// The code of the last of them.
    pub last_fault: Option<&'static str>,
}

impl Policies {
    /// All files of the folder, in order.
    #[must_use]
    pub fn statuses(&self) -> Vec<PolicyStatus> {
        let Some(folder) = &self.folder else { return Vec::new() };
        let known = folder.shelf();
        let registry = self.registry.load();
        known
            .slots
            .iter()
            .filter(|(_, slot)| !slot.is_empty())
            .map(|(stem, slot)| status(stem, slot, &registry))
            .collect()
    }

    /// The policy that decided for this type until its file was removed or made a shadow, where none has taken
    /// its place.
    #[must_use]
    pub fn removed_for_type(&self, message_type: &TypeName) -> Option<Removed> {
        let registry = self.registry.load();
        if registry.by_type.contains_key(message_type) {
            return None;
        }
        registry.removed.iter().find(|removed| removed.message_types.contains(message_type)).cloned()
    }

    /// The policies that planned this event until their files were removed or made shadows, where none decides
    /// for their types.
    #[must_use]
    pub fn removed_for_event(&self, event_type: &str) -> Vec<Removed> {
        let registry = self.registry.load();
        let is_missed = |removed: &&Removed| {
            removed.events.iter().any(|event| event == event_type)
                && removed.message_types.iter().any(|name| !registry.by_type.contains_key(name))
        };
        registry.removed.iter().filter(is_missed).cloned().collect()
    }

    /// Whether any policy is asked beside those that decide.
    #[must_use]
    pub fn has_shadows(&self) -> bool {
        !self.registry.load().shadows.is_empty()
    }

    /// The policies that are asked beside the one that decides for this type.
    #[must_use]
    pub fn shadows_for_type(&self, message_type: &TypeName) -> Vec<Arc<Loaded>> {
        self.shadows(|loaded| loaded.description.message_types.contains(message_type))
    }

    /// The policies that are asked beside those that plan this event.
    #[must_use]
    pub fn shadows_for_event(&self, event_type: &str) -> Vec<Arc<Loaded>> {
        self.shadows(|loaded| loaded.description.events.iter().any(|event| event == event_type))
    }

    fn shadows(&self, wanted: impl Fn(&Loaded) -> bool) -> Vec<Arc<Loaded>> {
        self.registry.load().shadows.iter().filter(|loaded| wanted(loaded)).cloned().collect()
    }
}

fn status(stem: &str, slot: &Slot, registry: &Registry) -> PolicyStatus {
    let (faults, last_fault) = slot.at_work.as_ref().map_or((0, None), |loaded| loaded.health.faults());
    let state = match (&slot.at_work, &slot.removed) {
        (Some(loaded), _) => loaded.mode.name(),
        (None, Some(_)) => "removed",
        (None, None) if slot.is_off => Mode::Off.name(),
        (None, None) => "refused",
    };
    let removed = slot.removed.clone().map(|mut removed| {
        removed.message_types.retain(|name| !registry.by_type.contains_key(name));
        removed
    });
    PolicyStatus {
        file: stem.to_owned(),
        state,
        at_work: slot.at_work.clone(),
        refused: slot.refused.clone(),
        removed: removed.filter(|removed| !removed.message_types.is_empty()),
        faults,
        shadowed: slot.at_work.as_ref().map_or(0, |loaded| loaded.health.asked()),
        last_fault,
    }
}
