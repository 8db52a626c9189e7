//! The contract in Rust, generated from `plugins/wit`. A second major version of it stands beside
//! this one as a module of its own; `convert` knows both, and nobody else any.

wasmtime::component::bindgen!({
    world: "message-policy",
    path: "plugins/wit",
    imports: { default: trappable },
    exports: { default: async },
});

pub(super) use tidings::policy::{calendar, log, types};
