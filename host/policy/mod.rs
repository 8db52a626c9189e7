//! Policies: the clinic's rules, as WebAssembly components that it drops into a folder.
//!
//! What this module guarantees:
//!
//! - A policy is a pure function. Every call gets a fresh instance that can compute, ask the calendar
//!   and log; equal questions get equal answers for equal fuel.
//! - It sees the facts that it lists in `describe.inputs`, and no others.
//! - It cannot hurt the host: file, fuel, time, memory, stack, answer and log are bounded, and each
//!   bound ends the call in a [`PolicyFault`](crate::domain::policy::PolicyFault) that says which.
//! - It cannot reach beyond its question: an answer about other people, other message types or
//!   moments that are over is no answer.
//! - No machine code is run but what this host compiled, from a file that was looked at first.
//! - A bad file never hurts a good one: what is refused leaves the last good version at work, and so does a
//!   version that fails again and again.
//!
//! ```text
//! .toml  .wasm --admission--> cache or compile --> describe, settings, configure --> Registry
//! folder --follow--> changed files, at rest --load, canary--> shelf (last good, before, refused) --swap--> Registry
//! question --convert--> run (fresh instance) --convert--> answer (checked) --> Answered | PolicyFault
//! ```

mod admission;
mod answer;
mod archive;
mod ask;
mod bindings;
pub mod build;
mod cache;
mod canary;
mod candidate;
mod compile;
mod convert;
mod engine;
mod exports;
mod fault;
mod health;
mod imports;
mod limits;
mod load;
mod minimise;
mod plugin_file;
mod quantity;
mod registry;
mod reload;
mod removed;
mod run;
mod shelf;
mod sources;
mod start;
mod status;
#[cfg(test)]
mod tests;
mod wasi;

pub use archive::Archive;
pub use cache::Cache;
pub use candidate::{Cost, Fuel, Surface, surface};
pub use compile::{CHILD, compile_as_child};
pub use limits::{Limits, LimitsError};
pub use load::{LoadReport, Loaded, Refusal};
pub use minimise::is_withheld;
pub use plugin_file::Mode;
pub use quantity::{Bytes, Span};
pub use removed::{Removal, Removed};
pub use shelf::Refused;
pub use start::Checked;
pub use status::PolicyStatus;

use crate::domain::kind::TypeName;
use registry::AtWork;
use reload::Folder;
use run::Runtime;
use std::error::Error;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::{fmt, io};

/// The policies of a clinic.
#[derive(Clone)]
pub struct Policies {
    runtime: Arc<Runtime>,
    registry: Arc<AtWork>,
    folder: Option<Arc<Folder>>,
}

impl fmt::Debug for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Policies").field(&self.registry.load().all).finish()
    }
}

/// The policies could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum PolicyLoadError {
    /// `[policy]` asks for more than this host can keep.
    #[error("`[policy]` in the configuration cannot be kept")]
    Limits(#[from] LimitsError),
    /// The engine does not start: the machine lacks address space or threads.
    #[error("the WebAssembly engine does not start")]
    Engine {
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The folder, or its list of files, cannot be read.
    #[error("the policies' folder {} cannot be read", folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// One of the files is no policy, or its settings do not fit.
    #[error("the policy {} is refused ({})", file.display(), source.code)]
    Refused {
        /// The `.wasm`.
        file: PathBuf,
        /// Why.
        source: Refusal,
    },
    /// Two policies decide for one message type.
    #[error(
        "{} and {} both decide for the message type `{message_type}`: set `mode = \"off\"` for one of them",
        first.display(), second.display()
    )]
    SameType {
        /// The type.
        message_type: TypeName,
        /// One `.wasm`.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
}

impl Policies {
    /// An engine, with or without a folder, and no policy yet.
    fn of(folder: Option<Folder>, limits: &Limits) -> Result<Self, PolicyLoadError> {
        limits.validate()?;
        let runtime =
            Runtime::new(limits).map_err(|error| PolicyLoadError::Engine { source: error.into() })?;
        Ok(Self { runtime: Arc::new(runtime), registry: Arc::default(), folder: folder.map(Arc::new) })
    }

    /// The same policies, whose answer to `decide` is native code that always sends. No configuration leads
    /// here: the bench measures with it what WebAssembly costs.
    ///
    /// # Errors
    ///
    /// The engine does not start.
    #[doc(hidden)]
    pub fn sending_all(&self) -> Result<Self, PolicyLoadError> {
        let mut runtime =
            Runtime::new(self.limits()).map_err(|error| PolicyLoadError::Engine { source: error.into() })?;
        runtime.sends_all = true;
        Ok(Self { runtime: Arc::new(runtime), ..self.clone() })
    }

    /// The policy that decides for this message type.
    #[must_use]
    pub fn for_type(&self, message_type: &TypeName) -> Option<Arc<Loaded>> {
        self.registry.load().by_type.get(message_type).cloned()
    }

    /// The policies that plan this event, in the order of their files.
    #[must_use]
    pub fn for_event(&self, event_type: &str) -> Vec<Arc<Loaded>> {
        self.registry.load().by_event.get(event_type).cloned().unwrap_or_default()
    }

    /// What they may use, and ask for.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.runtime.limits
    }

    /// All of them, in the order of their files.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Loaded>> {
        self.registry.load().all.clone()
    }
}

/// Bytes in hex.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
