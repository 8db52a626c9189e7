//! What can be told of each file of the folder.

use super::Policies;
use super::load::Loaded;
use super::plugin_file::Mode;
use super::registry::Registry;
use super::removed::Removed;
use super::shelf::{Refused, Slot};
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
    /// What decided before, with the types that nobody decides for now.
    pub removed: Vec<Removed>,
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

    /// The policy that decided for this type, where nobody decides for it any more.
    #[must_use]
    pub fn removed_for_type(&self, message_type: &TypeName) -> Option<Removed> {
        let registry = self.registry.load();
        let undecided = registry.undecided(&registry.removed);
        undecided.into_iter().find(|removed| removed.message_types.contains(message_type))
    }

    /// The policies that planned this event, with the types for which nobody decides any more.
    #[must_use]
    pub fn removed_for_event(&self, event_type: &str) -> Vec<Removed> {
        let registry = self.registry.load();
        let mut undecided = registry.undecided(&registry.removed);
        undecided.retain(|removed| removed.events.iter().any(|event| event == event_type));
        undecided
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
    let state = match &slot.at_work {
        Some(loaded) => loaded.mode.name(),
        None if !slot.removed.is_empty() => "removed",
        None if slot.is_off => Mode::Off.name(),
        None => "refused",
    };
    PolicyStatus {
        file: stem.to_owned(),
        state,
        at_work: slot.at_work.clone(),
        refused: slot.refused.clone(),
        removed: registry.undecided(&slot.removed),
        faults,
        shadowed: slot.at_work.as_ref().map_or(0, |loaded| loaded.health.asked()),
        last_fault,
    }
}
