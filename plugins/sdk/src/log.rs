//! Lines in the record of the decision. The host keeps a bounded number, of bounded length; treat
//! them as patient data. Outside WebAssembly they go nowhere.

#[cfg(target_arch = "wasm32")]
use crate::bindings::tidings::policy::log::{Level, write};

macro_rules! levels {
    ($($(#[$doc:meta])* $name:ident $level:ident)*) => {$(
        $(#[$doc])*
        pub fn $name(text: &str) {
            #[cfg(target_arch = "wasm32")]
            write(Level::$level, text);
            #[cfg(not(target_arch = "wasm32"))]
            let _ = text;
        }
    )*};
}

levels! {
    /// For the author of the policy.
    debug Debug
    /// For whoever reads the decision.
    info Info
    /// Something looks wrong, and the answer holds all the same.
    warn Warn
    /// The answer could not be found.
    error Error
}
