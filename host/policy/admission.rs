//! What is looked at before anything is compiled: it takes milliseconds, and names everything that
//! is wrong at once.

use super::load::Refusal;
use super::quantity::Bytes;
use super::wasi;
use wasmparser::{Encoding, Parser, Payload};

/// What a policy may import, at any 1.x; beside it only the empty WASI.
const ALLOWED: [&str; 3] = ["tidings:policy/types", "tidings:policy/calendar", "tidings:policy/log"];

/// What a policy must export, at any 1.x.
const WANTED: &str = "tidings:policy/policy";

/// The version of the contract that this host speaks; it serves what was built for any 1.x, as long as that
/// uses nothing newer.
const CONTRACT: &str = "1.0";

/// Whether this file can be a policy at all. Answers the version of the contract that it was built for.
pub(super) fn check(wasm: &[u8], limit: Bytes) -> Result<String, Refusal> {
    size(wasm.len() as u64, limit)?;
    magic(wasm)?;
    let (imports, exports) = names(wasm)?;
    check_imports(&imports)?;
    check_exports(&exports)
}

/// Why a file does not fit this host, when it was built for this version of the contract.
pub(super) fn misfit(built: &str, why: &str) -> Refusal {
    let minor = |version: &str| version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
    if minor(built) <= minor(CONTRACT) {
        return Refusal::new("link-failed", format!("it does not fit this host: {why}"));
    }
    let text = format!(
        "it was built for {built} of the contract and uses what is new there; this host speaks {CONTRACT}: {why}"
    );
    Refusal::new("version-unsupported", text)
}

/// Asked before the file is read, and again of what was read.
pub(super) fn size(size: u64, limit: Bytes) -> Result<(), Refusal> {
    if size <= limit.0 as u64 {
        return Ok(());
    }
    let text = format!("the file has {size} bytes, and may have {limit} (`file` in `[policy]`)");
    Err(Refusal::new("file-too-large", text))
}

/// What a component imports and exports.
pub(super) fn surface(wasm: &[u8]) -> Result<(Vec<String>, Vec<String>), Refusal> {
    magic(wasm)?;
    names(wasm)
}

fn magic(wasm: &[u8]) -> Result<(), Refusal> {
    let refuse = |text: &str| Err(Refusal::new("not-wasm", text));
    match wasm {
        [] => refuse("the file is empty"),
        [b'\0', b'a', b's', b'm', ..] => Ok(()),
        [0x7f, b'E', b'L', b'F', ..] => {
            refuse("this is compiled code (.cwasm); drop in the .wasm that it was made of")
        }
        _ => refuse("this is not WebAssembly: it does not begin with `\\0asm`"),
    }
}

/// The names at the component's own border; those of the modules inside are nobody's business.
fn names(wasm: &[u8]) -> Result<(Vec<String>, Vec<String>), Refusal> {
    let damaged = |error: wasmparser::BinaryReaderError| {
        let text = format!("the file is damaged at byte {}: {}", error.offset(), error.message());
        Refusal::new("damaged", text)
    };
    let (mut imports, mut exports, mut depth) = (Vec::new(), Vec::new(), 0_u32);
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.map_err(damaged)? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                let text = "this is a core module, not a component: build it with `tidings plugin build`";
                return Err(Refusal::new("core-module", text));
            }
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    imports.push(import.map_err(damaged)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    exports.push(export.map_err(damaged)?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok((imports, exports))
}

fn check_imports(imports: &[String]) -> Result<(), Refusal> {
    let is_known = |name: &str| ALLOWED.contains(&name) || wasi::INTERFACES.contains(&name);
    let forbidden: Vec<_> = imports.iter().filter(|name| !is_known(split(name).0)).collect();
    if let Some(name) = forbidden.iter().find(|name| split(name).0.starts_with("tidings:policy/")) {
        let (interface, built) = split(name);
        let why = format!("there is no `{}`", shown(interface));
        return Err(version(name).err().unwrap_or_else(|| misfit(built, &why)));
    }
    if !forbidden.is_empty() {
        let names: Vec<_> = forbidden.iter().map(|name| format!("`{}`", shown(name))).collect();
        let text = format!(
            "it imports what no policy may: {}. A policy computes, asks the calendar and logs{}",
            names.join(", "),
            hint(&forbidden)
        );
        return Err(Refusal::new("forbidden-import", text));
    }
    imports.iter().try_for_each(|name| version(name))
}

fn check_exports(exports: &[String]) -> Result<String, Refusal> {
    if let Some(name) = exports.iter().find(|name| split(name).0 == WANTED) {
        return version(name).map(|()| shown(split(name).1));
    }
    let found: Vec<_> = exports.iter().map(|name| format!("`{}`", shown(name))).collect();
    let found = if found.is_empty() { "nothing".to_owned() } else { found.join(", ") };
    Err(Refusal::new("wrong-world", format!("it does not export `{WANTED}`; it exports {found}")))
}

fn version(name: &str) -> Result<(), Refusal> {
    let (interface, version) = split(name);
    let (spoken, parts) = if interface.starts_with("wasi:") { (wasi::VERSION, 2) } else { ("1", 1) };
    let built: Vec<_> = version.split(['.', '-']).take(parts).collect();
    if built.join(".") == spoken {
        return Ok(());
    }
    let built = if version.is_empty() { "no version" } else { version };
    let text = format!("it was built for `{interface}` {}; this host speaks {spoken}.x", shown(built));
    Err(Refusal::new("version-unsupported", text))
}

/// `tidings:policy/log@1.0.0` in two.
fn split(name: &str) -> (&str, &str) {
    name.split_once('@').unwrap_or((name, ""))
}

fn hint(names: &[&String]) -> &'static str {
    if names.iter().any(|name| name.starts_with("wasi:http")) {
        ", it has no network: what it must know is sent with the event"
    } else if names.iter().any(|name| name.starts_with("wasi:")) {
        "; of WASI it may import what is in every standard library, and gets it empty"
    } else {
        ""
    }
}

fn shown(name: &str) -> String {
    super::imports::one_line(name, 80)
}
