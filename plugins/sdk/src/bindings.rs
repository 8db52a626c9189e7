//! The contract in `plugins/wit`, as wit-bindgen writes it in Rust. Policies use the names that the
//! crate's root gives these types.

#![expect(missing_docs, clippy::pedantic, reason = "generated; its comments are those of the contract")]

wit_bindgen::generate!({
    path: "../wit",
    world: "message-policy",
    pub_export_macro: true,
    export_macro_name: "export_component",
    default_bindings_module: "tidings_policy::bindings",
    additional_derives: [PartialEq],
});
