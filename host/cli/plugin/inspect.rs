//! `tidings plugin inspect`: what a file is, before anybody trusts it.

use super::workbench::Workbench;
use crate::cli::CliError;
use crate::domain::kind::TypeName;
use crate::policy::build::read_provenance;
use crate::policy::{Loaded, Refusal, Surface, is_withheld, surface};
use std::path::Path;

/// Prints what can be seen from outside, then what the policy says of itself.
pub(super) async fn run(bench: &Workbench, wasm: &Path, as_json: bool) -> Result<(), CliError> {
    let bytes = std::fs::read(wasm)
        .map_err(|error| CliError::failed(format!("{} cannot be read", wasm.display()), error))?;
    let refused = |refusal: Refusal| {
        if as_json {
            let refused = serde_json::json!({"code": refusal.code, "text": refusal.text});
            println!("{}", serde_json::json!({"file": wasm.display().to_string(), "refused": refused}));
        }
        CliError::failed(format!("{} is refused ({})", wasm.display(), refusal.code), refusal)
    };
    let seen = surface(&bytes).map_err(refused)?;
    if !as_json {
        print_surface(wasm, &seen, &bytes);
    }
    let loaded = bench.try_load(wasm).await.map_err(refused)?;
    if as_json {
        println!("{}", json(wasm, &seen, &loaded));
    } else {
        print_description(&loaded);
    }
    Ok(())
}

fn print_surface(wasm: &Path, seen: &Surface, bytes: &[u8]) {
    println!("file           {}", wasm.display());
    println!("size           {} KB", seen.size.div_ceil(1024));
    println!("sha-256        {}", seen.hash);
    match read_provenance(bytes) {
        Some(from) => println!("built by       {}", from.compiler),
        None => println!("built by       (the file does not say)"),
    }
    println!("contract       {}", contract(seen));
    println!("imports        {}", or_none(&seen.imports.join("\n               ")));
}

fn print_description(loaded: &Loaded) {
    let described = &loaded.description;
    println!("name           {} {}", described.name, described.version);
    println!("summary        {}", described.summary);
    println!("message types  {}", names(&described.message_types));
    println!("plans          {}", or_none(&described.events.join(" ")));
    println!("reads          {}", or_none(&described.inputs.join(" ")));
    for key in described.inputs.iter().filter(|key| is_withheld(key)) {
        println!("               {key} is withheld: it looks like a name, a number or an address");
    }
    println!("answers with   {}", or_none(&names(&described.answers)));
    println!("settings");
    let schema: serde_json::Value = serde_json::from_str(&described.settings_schema).unwrap_or_default();
    let properties = schema["properties"].as_object();
    if properties.is_none_or(serde_json::Map::is_empty) {
        println!("  (none)");
    }
    for (key, setting) in properties.into_iter().flatten() {
        println!("  {key} = {}{}", setting["default"], range(setting));
        println!("      {}", setting["description"].as_str().unwrap_or("(no description)"));
    }
}

/// What a setting may be: `  (integer, 1 to 10)`, `  (one of "wait", "drop")`.
fn range(setting: &serde_json::Value) -> String {
    let shown = |key: &str, before: &str| match &setting[key] {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(format!("{before}{text}")),
        value => Some(format!("{before}{value}")),
    };
    let choices = setting["enum"].as_array().map(|choices| {
        let choices: Vec<String> = choices.iter().map(ToString::to_string).collect();
        format!("one of {}", choices.join(", "))
    });
    let parts = [
        choices,
        shown("type", ""),
        shown("minimum", "at least "),
        shown("maximum", "at most "),
        shown("minItems", "entries at least "),
        shown("maxItems", "entries at most "),
        shown("pattern", "as "),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { String::new() } else { format!("  ({})", parts.join("; ")) }
}

fn json(wasm: &Path, seen: &Surface, loaded: &Loaded) -> serde_json::Value {
    let described = &loaded.description;
    serde_json::json!({
        "file": wasm.display().to_string(),
        "size": seen.size,
        "sha256": seen.hash,
        "contract": contract(seen),
        "imports": seen.imports,
        "exports": seen.exports,
        "name": described.name,
        "version": described.version,
        "summary": described.summary,
        "message_types": described.message_types,
        "events": described.events,
        "inputs": described.inputs,
        "answers": described.answers,
        "settings_schema": serde_json::from_str::<serde_json::Value>(&described.settings_schema).ok(),
    })
}

/// The version of the contract that it was built for.
fn contract(seen: &Surface) -> &str {
    seen.exports.iter().find(|name| name.starts_with("tidings:policy/policy@")).map_or("none", String::as_str)
}

fn names(types: &[TypeName]) -> String {
    let names: Vec<&str> = types.iter().map(TypeName::as_str).collect();
    or_none(&names.join(" ")).to_owned()
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "(none)" } else { text }
}
