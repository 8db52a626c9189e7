//! `tidings plugin build`: from a folder below `plugins/` to the `.wasm` beside it.

use super::toolchain::{self, Source};
use crate::cli::CliError;
use crate::disk::{draft_of, write_whole};
use crate::policy::build::{Provenance, componentize, source_hash};
use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";

/// The stack that the linker lays out in the memory of an instance: 24 KiB, six times what the bundled policies
/// need. The host sets all of that memory back after every question, and Rust's own stack of 1 MiB would be most
/// of it.
const STACK: &str = "-Clink-arg=-zstack-size=24576";

/// The SDK is a folder below `plugins/` too, and no policy.
const SDK: &str = "sdk";

/// Builds the policies named, or all.
pub(super) fn run(
    home: &Path,
    names: &[String],
    out: Option<PathBuf>,
    environment: &BTreeMap<String, String>,
) -> Result<(), CliError> {
    let out = out.unwrap_or_else(|| home.join("plugins"));
    build(home, names, &out, environment)
}

/// Variables for the child cargo where the machine's own Rust has no wasm target: a file of
/// `KEY=VALUE` lines, named by `TIDINGS_WASM_ENV`.
fn variables(environment: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, CliError> {
    let Some(file) = environment.get("TIDINGS_WASM_ENV").filter(|file| !file.is_empty()) else {
        return Ok(BTreeMap::new());
    };
    let text = std::fs::read_to_string(file)
        .map_err(|error| CliError::failed(format!("{file} cannot be read"), error))?;
    Ok(text
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .collect())
}

fn build(
    home: &Path,
    names: &[String],
    out: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<(), CliError> {
    let names = if names.is_empty() { all(home)? } else { names.to_vec() };
    let contract = home.join("plugins/wit");
    for name in names {
        let folder = home.join("plugins").join(&name);
        let file = out.join(format!("{name}.wasm"));
        let failed = |error| CliError::failed(format!("{} cannot be written", file.display()), error);
        let by_tool = |make: fn(&Path, &Path, &Path) -> Result<(), CliError>| {
            let (_, draft) = draft_of(&file).map_err(failed)?;
            let progress = crate::cli::progress::working(format!("building {name}"));
            let made = make(&folder, &contract, &draft);
            progress.finish_and_clear();
            let component = std::fs::read(&draft);
            // What is left of it is of no use to anybody.
            let _ = std::fs::remove_file(&draft);
            made?;
            let not_made = || format!("{} was not made", file.display());
            match component {
                Ok(empty) if empty.is_empty() => Err(CliError::plain(not_made())),
                read => read.map_err(|error| CliError::failed(not_made(), error)),
            }
        };
        let component = match Source::of(&folder) {
            Some(Source::Rust) => rust(home, &name, &folder, environment)?,
            Some(Source::Javascript) => by_tool(toolchain::javascript)?,
            Some(Source::Python) => by_tool(toolchain::python)?,
            None => {
                return Err(CliError::plain(format!(
                    "{} has neither Cargo.toml nor policy.js nor policy.py",
                    folder.display()
                )));
            }
        };
        write_whole(&file, &component).map_err(failed)?;
        println!("{}  {} KB", file.display(), component.len() / 1024);
    }
    Ok(())
}

/// The component of a policy written in Rust, with what it was built from inside.
fn rust(
    home: &Path,
    name: &str,
    folder: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<Vec<u8>, CliError> {
    let variables = variables(environment)?;
    let compiler = rustc(&variables, &["--version"])?;
    let package = package_name(folder)?;
    let core = compile(home, &package, &variables)?;
    let sources = source_hash(home, folder, &compiler)
        .map_err(|error| CliError::failed(format!("the sources of {name} cannot be read"), error))?;
    componentize(&core, &Provenance { sources, compiler })
        .map_err(|error| CliError::failed(format!("{name} is no policy"), error))
}

fn all(home: &Path) -> Result<Vec<String>, CliError> {
    let folder = home.join("plugins");
    let failed = |error| CliError::failed(format!("{} cannot be read", folder.display()), error);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name != SDK && Source::of(&entry.path()).is_some() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn package_name(folder: &Path) -> Result<String, CliError> {
    let file = folder.join("Cargo.toml");
    let text = std::fs::read_to_string(&file)
        .map_err(|error| CliError::failed(format!("{} cannot be read", file.display()), error))?;
    let manifest: toml::Table = text
        .parse()
        .map_err(|error| CliError::failed(format!("{} is no manifest", file.display()), error))?;
    let name = manifest.get("package").and_then(|package| package.get("name")).and_then(toml::Value::as_str);
    name.map(str::to_owned).ok_or_else(|| CliError::plain(format!("{} names no package", file.display())))
}

/// What the compiler says of itself.
fn rustc(toolchain: &BTreeMap<String, String>, question: &[&str]) -> Result<String, CliError> {
    let rustc = toolchain.get("RUSTC").map_or("rustc", String::as_str);
    let output = Command::new(rustc)
        .args(question)
        .output()
        .map_err(|error| CliError::failed("rustc cannot be run; install Rust from rustup.rs", error))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The core module of one policy. Paths of the machine are taken out of its panic texts, so that the
/// same source gives the same bytes elsewhere.
fn compile(home: &Path, package: &str, toolchain: &BTreeMap<String, String>) -> Result<Vec<u8>, CliError> {
    let target_dir = home.join("target/plugins");
    let root = home.canonicalize().map_err(|error| CliError::failed("the home cannot be read", error))?;
    let sysroot = rustc(toolchain, &["--print", "sysroot"])?;
    let mut places = vec![(root, "tidings"), (PathBuf::from(sysroot), "rust")];
    places.extend(registries().into_iter().map(|folder| (folder, "registry")));
    let remapped =
        places.iter().map(|(folder, name)| format!("--remap-path-prefix={}={name}", folder.display()));
    let flags: Vec<String> = remapped.chain([STACK.to_owned()]).collect();
    let status = Command::new("cargo")
        .args(["rustc", "--profile", "plugin", "--target", TARGET, "--crate-type", "cdylib", "-p", package])
        // On a terminal cargo shows its own progress.
        .args((!std::io::stderr().is_terminal()).then_some("--quiet"))
        .arg("--target-dir")
        .arg(&target_dir)
        .current_dir(home)
        .env_remove("RUSTFLAGS")
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        .envs(toolchain)
        .status()
        .map_err(|error| CliError::failed("cargo cannot be run; install Rust from rustup.rs", error))?;
    if !status.success() {
        return Err(CliError::plain(format!(
            "{package} does not compile; if the target is missing: rustup target add {TARGET}"
        )));
    }
    let file = target_dir.join(TARGET).join("plugin").join(format!("{}.wasm", package.replace('-', "_")));
    std::fs::read(&file).map_err(|error| CliError::failed(format!("{} was not made", file.display()), error))
}

/// The folders in which cargo keeps the sources of packages.
#[expect(
    clippy::disallowed_methods,
    reason = "where cargo keeps sources is cargo's word, passed on to rustc"
)]
fn registries() -> Vec<PathBuf> {
    let cargo_home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let sources = cargo_home.and_then(|folder| std::fs::read_dir(folder.join("registry/src")).ok());
    sources.into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A home with a policy whose "tool" is the shell, and which says by itself what the tool does with `$out`.
    fn home(name: &str, script: &str) -> PathBuf {
        let home = std::env::temp_dir().join(format!("tidings-build-{name}-{}", std::process::id()));
        let tools = home.join("plugins/ours/node_modules/.bin");
        fs::create_dir_all(&tools).unwrap();
        std::os::unix::fs::symlink("/bin/sh", tools.join("componentize-js")).unwrap();
        fs::write(home.join("plugins/ours/policy.js"), format!("for out; do :; done\n{script}\n")).unwrap();
        fs::write(home.join("plugins/ours.wasm"), "as it was").unwrap();
        home
    }

    fn built(home: &Path) -> Result<(), CliError> {
        run(home, &["ours".to_owned()], None, &BTreeMap::new())
    }

    fn names(home: &Path) -> Vec<String> {
        let entries = fs::read_dir(home.join("plugins")).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_policy_is_made_beside_what_somebody_else_makes_there() {
        let home = home("beside", "printf made > \"$out\"");
        let theirs = home.join("plugins/.ours.wasm.draft");
        fs::write(&theirs, "theirs").unwrap();
        built(&home).unwrap();
        assert_eq!(fs::read_to_string(home.join("plugins/ours.wasm")).unwrap(), "made");
        assert_eq!(fs::read_to_string(&theirs).unwrap(), "theirs");
        assert_eq!(names(&home), [".ours.wasm.draft", "ours", "ours.wasm"]);
        fs::remove_dir_all(home).unwrap();
    }

    #[test]
    fn a_tool_that_makes_no_policy_changes_nothing_and_leaves_nothing_behind() {
        for (name, script) in
            [("half", "printf half > \"$out\"; exit 1"), ("none", ":"), ("empty", ": > \"$out\"")]
        {
            let home = home(name, script);
            assert!(built(&home).is_err(), "{name}");
            assert_eq!(fs::read_to_string(home.join("plugins/ours.wasm")).unwrap(), "as it was", "{name}");
            assert_eq!(names(&home), ["ours", "ours.wasm"], "{name}");
            fs::remove_dir_all(home).unwrap();
        }
    }
}
