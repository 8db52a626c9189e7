//! What decided, and does not any more: its message types are not taken for types without rules.

use super::archive::Version;
use super::load::{Loaded, Refusal};
use super::plugin_file::Mode;
use crate::domain::kind::TypeName;
use crate::domain::policy::{Answerer, Blame, PolicyFault};
use serde::{Deserialize, Serialize};

/// How a policy came to decide no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Removal {
    /// Its file was taken out of the folder.
    Gone,
    /// Its file is there, and says `mode = "shadow"`.
    Shadow,
    /// Another version of it is at work, which does not describe these types.
    Dropped,
}

/// A version that decided for message types, until its file was removed or made a shadow, or another version
/// took its place that does not decide for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// Its name.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// SHA-256 of the `.wasm` that was at work, in hex.
    pub hash: String,
    /// SHA-256 of its settings, in hex.
    pub settings_hash: String,
    /// What became of it.
    pub how: Removal,
    /// The message types it decided for, and its file does not any more.
    pub message_types: Vec<TypeName>,
    /// The events it planned.
    pub events: Vec<String>,
}

impl Removed {
    /// Why it does not decide.
    #[must_use]
    pub const fn why(&self) -> &'static str {
        match self.how {
            Removal::Gone => "its file is gone from the folder",
            Removal::Shadow => "it is only asked as a shadow, and no other policy decides in its place",
            Removal::Dropped => {
                "the version at work does not decide for it any more, and no other policy does; if that is meant, \
                 name it in `drops` of the .toml"
            }
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

    /// Why a file is not sound that left these types.
    pub(super) fn refusal(&self) -> Refusal {
        let Self { name, version, message_types, .. } = self;
        let types: Vec<&str> = message_types.iter().map(TypeName::as_str).collect();
        let types = types.join(" ");
        Refusal::new(
            "removed",
            format!("{name} {version} decided for {types}, which wait now: {}", self.why()),
        )
    }

    /// What is missed of `self` where this is at work in its place; `None` where nothing is.
    pub(super) fn beside(mut self, at_work: &Loaded) -> Option<Self> {
        if at_work.mode == Mode::Live {
            let description = &at_work.description;
            self.message_types
                .retain(|name| !description.message_types.contains(name) && !at_work.drops.contains(name));
            self.how = Removal::Dropped;
        } else {
            self.how = Removal::Shadow;
        }
        (!self.message_types.is_empty()).then_some(self)
    }
}

impl From<Version> for Removed {
    fn from(version: Version) -> Self {
        let Version { name, release: version, hash, settings_hash, message_types, events, toml: _ } = version;
        Self { name, version, hash, settings_hash, how: Removal::Gone, message_types, events }
    }
}
