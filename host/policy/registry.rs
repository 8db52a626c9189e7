//! Which policy answers for what. Never changed, only replaced as a whole.

use super::PolicyLoadError;
use super::load::Loaded;
use crate::domain::kind::TypeName;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The live policies.
#[derive(Debug)]
pub(super) struct Registry {
    pub(super) all: Vec<Arc<Loaded>>,
    pub(super) by_type: BTreeMap<TypeName, Arc<Loaded>>,
    pub(super) by_event: BTreeMap<String, Vec<Arc<Loaded>>>,
}

impl Registry {
    pub(super) fn new(all: Vec<Arc<Loaded>>) -> Result<Self, PolicyLoadError> {
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
        Ok(Self { all, by_type, by_event })
    }
}
