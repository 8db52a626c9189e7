//! What the host knows before anything happens: which types and events there are.

use super::Host;
use crate::domain::event::KNOWN_EVENTS;
use crate::domain::kind::{Kind, TypeName};
use std::collections::BTreeSet;

impl Host {
    /// A message type, as its templates declare it now.
    #[must_use]
    pub fn kind(&self, name: &TypeName) -> Option<Kind> {
        self.renderer.snapshot().kind(name).cloned()
    }

    /// The names of all message types.
    #[must_use]
    pub fn kind_names(&self) -> Vec<String> {
        self.renderer.snapshot().kinds().map(|kind| kind.name.0.clone()).collect()
    }

    /// The event types that are accepted: those the host knows, and those a policy plans.
    #[must_use]
    pub fn event_types(&self) -> BTreeSet<String> {
        let planned = self.policies.all().into_iter().flat_map(|policy| policy.description.events.clone());
        KNOWN_EVENTS.into_iter().map(str::to_owned).chain(planned).collect()
    }
}
