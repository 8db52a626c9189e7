//! Building components, and the hash of what they were built from.

use super::super::build::{BuildError, Provenance, componentize, read_provenance, source_hash};
use super::Folder;
use super::guest::{Decides, Guest};
use std::path::Path;

#[test]
fn a_component_says_what_it_was_built_from() {
    let provenance = Provenance { sources: "ab12".to_owned(), compiler: "rustc 1.95.0".to_owned() };
    let component = componentize(&Guest::new(Decides::Send).core(), &provenance).unwrap();
    assert_eq!(read_provenance(&component), Some(provenance));
    assert_eq!(read_provenance(&Guest::new(Decides::Send).core()), None);
    assert_eq!(read_provenance(b"text"), None);
}

#[test]
fn a_module_without_the_contract_is_no_policy() {
    let provenance = Provenance { sources: String::new(), compiler: String::new() };
    let empty = wasm_encoder::Module::new().finish();
    // Without the contract's section it would be a component, but one that exports nothing.
    let refused = componentize(&empty, &provenance);
    assert!(
        refused.is_err()
            || super::super::admission::check(&refused.unwrap(), super::Limits::default().file).is_err()
    );
    assert!(matches!(componentize(b"text", &provenance), Err(BuildError::Componentize { .. })));
}

const LOCK: &str = r#"
version = 4

[[package]]
name = "otp"
version = "0.1.0"
dependencies = ["serde", "syn 2.0.119", "tidings-policy", "wasmtime"]

[[package]]
name = "tidings-policy"
version = "0.1.0"
dependencies = ["serde", "wasmtime"]

[[package]]
name = "serde"
version = "1.0.229"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "aa"

[[package]]
name = "syn"
version = "2.0.119"
checksum = "bb"

[[package]]
name = "syn"
version = "3.0.10"
checksum = "cc"

[[package]]
name = "wasmtime"
version = "48.0.8"
checksum = "dd"
"#;

/// What only native builds need is locked for the crate too, and is not in the guest.
const MANIFEST: &str = r#"
[package]
name = "otp"
[dependencies]
serde = "1"
syn = "2"
tidings-policy = { path = "../sdk" }
[dev-dependencies]
wasmtime = "48"
"#;

fn workspace() -> Folder {
    let folder = Folder::new();
    folder.put("Cargo.lock", LOCK);
    folder.put("plugins/otp/Cargo.toml", MANIFEST);
    folder.put("plugins/otp/src/lib.rs", "//! One.\nfn a() {}\n");
    folder.put("plugins/sdk/Cargo.toml", "[package]\nname = \"tidings-policy\"\n");
    folder.put("plugins/sdk/src/lib.rs", "");
    folder.put("plugins/wit/tidings-policy.wit", "package a:b;\n");
    folder
}

fn hash(folder: &Folder) -> String {
    source_hash(&folder.0, Path::new("plugins/otp"), "rustc 1.95.0").unwrap()
}

#[test]
fn the_hash_changes_with_everything_a_policy_is_built_from() {
    let folder = workspace();
    let before = hash(&folder);
    assert_eq!(before.len(), 64);
    for (file, contents) in [
        ("plugins/otp/src/lib.rs", "//! Two.\n".to_owned()),
        ("plugins/otp/src/more.rs", String::new()),
        ("plugins/otp/Cargo.toml", MANIFEST.replace("[dependencies]", "edition = \"2024\"\n[dependencies]")),
        ("plugins/sdk/src/rules/quiet.rs", String::new()),
        ("plugins/wit/tidings-policy.wit", "package a:c;\n".to_owned()),
        ("Cargo.lock", LOCK.replace("\"bb\"", "\"b2\"")),
    ] {
        let folder = workspace();
        folder.put(file, contents);
        assert_ne!(hash(&folder), before, "{file}");
    }
    assert_ne!(source_hash(&folder.0, Path::new("plugins/otp"), "rustc 1.96.0").unwrap(), before);
}

#[test]
fn the_hash_does_not_change_with_anything_else() {
    let folder = workspace();
    let before = hash(&folder);
    folder.put("Cargo.lock", LOCK.replace("\"cc\"", "\"c2\"").replace("48.0.8", "48.0.9"));
    folder.put("plugins/otp/src/lib.rs", "//! One.\r\nfn a() {}\r\n");
    folder.put("plugins/otp/src/.lib.rs.swp", "an editor's");
    folder.put("plugins/otp/README.md", "words");
    assert_eq!(hash(&folder), before);
}

#[test]
fn what_is_missing_is_named() {
    let folder = workspace();
    folder.put("plugins/otp/Cargo.toml", "[package]\nname = \"other\"\n");
    let error = source_hash(&folder.0, Path::new("plugins/otp"), "").unwrap_err();
    assert!(super::chain(&error).ends_with("cannot be understood: there is no package `other` in it"));
    std::fs::remove_dir_all(folder.0.join("plugins/wit")).unwrap();
    let error = source_hash(&folder.0, Path::new("plugins/otp"), "").unwrap_err();
    assert!(matches!(error, BuildError::Unreadable { .. }));
}
