//! What `tidings plugin build` needs: a component out of a core module, with its provenance inside.

use serde::{Deserialize, Serialize};
use std::error::Error;
use std::io;
use std::path::PathBuf;
use wasm_encoder::{ComponentSection as _, CustomSection};
use wasmparser::{Parser, Payload};

pub use super::sources::source_hash;

/// The custom section that says what a component was built from.
const SECTION: &str = "tidings:provenance";

/// What a component was built from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The hash of its sources, see [`source_hash`].
    pub sources: String,
    /// What the compiler says of itself: `rustc 1.95.0 (…)`.
    pub compiler: String,
}

/// A policy could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The core module does not speak the contract.
    #[error(
        "the module cannot be made into a policy: was it built with the SDK, for wasm32-unknown-unknown?"
    )]
    Componentize {
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// One of the sources is missing.
    #[error("{} cannot be read", file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A manifest or the lock file is not what Cargo writes.
    #[error("{} cannot be understood", file.display())]
    Manifest {
        /// Which.
        file: PathBuf,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// Makes a component of a core module that was built with the SDK, and writes down what it is from.
///
/// # Errors
///
/// The module does not speak the contract.
pub fn componentize(core_wasm: &[u8], provenance: &Provenance) -> Result<Vec<u8>, BuildError> {
    let encode = || wit_component::ComponentEncoder::default().validate(true).module(core_wasm)?.encode();
    let mut component = encode().map_err(|error| BuildError::Componentize { source: error.into() })?;
    let json =
        serde_json::to_vec(provenance).map_err(|error| BuildError::Componentize { source: error.into() })?;
    CustomSection { name: SECTION.into(), data: json.into() }.append_to_component(&mut component);
    Ok(component)
}

/// What a component says it was built from; `None` when it does not say.
#[must_use]
pub fn read_provenance(component: &[u8]) -> Option<Provenance> {
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(component) {
        match payload.ok()? {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            // Not one that a module inside carries.
            Payload::CustomSection(section) if depth == 1 && section.name() == SECTION => {
                return serde_json::from_slice(section.data()).ok();
            }
            _ => {}
        }
    }
    None
}
