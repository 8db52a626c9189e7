//! What is refused before it is compiled, and in which words.

use super::super::admission::check;
use super::super::quantity::Bytes;
use super::guest::{Decides, Guest, importing};

fn refused(wasm: &[u8]) -> (&'static str, String) {
    let refusal = check(wasm, Bytes(1 << 20)).unwrap_err();
    (refusal.code, refusal.text)
}

#[test]
fn what_is_not_webassembly_is_refused() {
    assert_eq!(refused(b""), ("not-wasm", "the file is empty".to_owned()));
    assert_eq!(refused(b"Dear colleague, find the plugin attached").0, "not-wasm");
    assert!(refused(b"\x7fELF and more").1.contains(".cwasm"));
}

#[test]
fn a_file_that_is_too_large_is_refused_unread() {
    let refusal = check(&Guest::new(Decides::Send).component(), Bytes(1024)).unwrap_err();
    assert_eq!(refusal.code, "file-too-large");
    assert!(refusal.text.ends_with("and may have 1 KiB (`file` in `[policy]`)"), "{}", refusal.text);
}

#[test]
fn a_core_module_is_refused() {
    assert_eq!(refused(&Guest::new(Decides::Send).core()).0, "core-module");
}

#[test]
fn a_component_cut_anywhere_is_refused() {
    let whole = Guest::new(Decides::Send).component();
    check(&whole, Bytes(1 << 20)).unwrap();
    // What stands behind the exports are notes: without them it is as good.
    let parsed = wasmparser::Parser::new(0).parse_all(&whole).map(Result::unwrap);
    let exported = parsed.filter_map(|payload| match payload {
        wasmparser::Payload::ComponentExportSection(section) => Some(section.range().end),
        _ => None,
    });
    for length in (0..exported.max().unwrap()).step_by(7) {
        let (code, text) = refused(&whole[..length]);
        // Cut between two sections, a file is whole but does not export a policy.
        assert!(["not-wasm", "damaged", "wrong-world"].contains(&code), "{length}: {code}: {text}");
    }
    assert!(refused(&whole[..whole.len() / 2]).1.starts_with("the file is damaged at byte "));
}

#[test]
fn forbidden_imports_are_all_named_at_once() {
    let names = ["wasi:http/outgoing-handler@0.2.0", "tidings:policy/log@1.0.0", "clinic:db/query@1.0.0"];
    let (code, text) = refused(&importing(&names));
    assert_eq!(code, "forbidden-import");
    let expected = "it imports what no policy may: `wasi:http/outgoing-handler@0.2.0`, `clinic:db/query@1.0.0`. \
        A policy computes, asks the calendar and logs, it has no network: what it must know is sent with the event";
    assert_eq!(text, expected);
}

#[test]
fn an_empty_wasi_of_the_version_that_is_linked_may_be_imported() {
    let names = super::super::wasi::INTERFACES.map(|name| format!("{name}@0.2.6"));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    // Goes on to the exports.
    assert_eq!(refused(&importing(&names)).0, "wrong-world");
    let (code, text) = refused(&importing(&["wasi:io/poll@0.3.0"]));
    assert_eq!(
        (code, text.as_str()),
        ("version-unsupported", "it was built for `wasi:io/poll` 0.3.0; this host speaks 0.2.x")
    );
    for name in ["wasi:http/types@0.2.0", "wasi:keyvalue/store@0.2.0", "wasi:clocks/timezone@0.2.0"] {
        let (code, text) = refused(&importing(&[name]));
        assert_eq!(code, "forbidden-import", "{name}");
        assert!(text.contains(&format!("`{name}`")), "{text}");
    }
}

#[test]
fn another_major_version_is_refused_and_a_minor_one_is_not() {
    assert_eq!(refused(&importing(&["tidings:policy/log@2.0.0"])).0, "version-unsupported");
    assert_eq!(refused(&importing(&["tidings:policy/log@0.9.0"])).0, "version-unsupported");
    // Goes on to the exports.
    assert_eq!(refused(&importing(&["tidings:policy/log@1.7.0"])).0, "wrong-world");
}

#[test]
fn a_component_of_another_world_is_refused() {
    let (code, text) = refused(&importing(&[]));
    assert_eq!(
        (code, text.as_str()),
        ("wrong-world", "it does not export `tidings:policy/policy`; it exports nothing",)
    );
}
