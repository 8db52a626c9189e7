//! `tidings plugin new`: a policy that builds, and whose cases pass, to change from there.

use super::starter::{self, Files, Language, Wanted};
use crate::cli::CliError;
use clap::Args;
use std::path::Path;

#[derive(Args)]
pub(in crate::cli) struct New {
    /// Its name: `a-z`, `0-9` and `-`.
    name: String,
    /// The message type that it decides for; its own name when left out.
    #[arg(long = "type", conflicts_with = "from")]
    kind: Option<String>,
    /// Begin as a copy of this bundled policy.
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(starter::bundled()))]
    from: Option<String>,
    /// What it is written in.
    #[arg(long, value_enum, default_value_t, conflicts_with = "from")]
    language: Language,
}

/// What no package can be called that is built with the SDK: words of the language, what Cargo keeps for itself, and
/// what the policy depends on.
#[rustfmt::skip]
const RESERVED: &[&str] = &[
    "abstract", "alloc", "as", "async", "await", "become", "box", "break", "build", "const", "continue", "core",
    "crate", "deps", "do", "dyn", "else", "enum", "examples", "extern", "false", "final", "fn", "for", "gen", "if",
    "impl", "in", "incremental", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv",
    "proc-macro", "pub", "ref", "return", "self", "serde", "serde-json", "static", "std", "struct", "super", "test",
    "tidings", "tidings-policy", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual",
    "where", "while", "wit-bindgen", "yield", "chrono", "chrono-tz", "toml",
];

impl New {
    pub(super) fn run(self, home: &Path) -> Result<(), CliError> {
        self.check()?;
        let plugins = home.join("plugins");
        for extension in ["", ".wasm", ".toml"] {
            let taken = format!("{}{extension}", self.name);
            if plugins.join(&taken).exists() {
                return Err(CliError::plain(format!("there is a plugins/{taken} already")));
            }
        }
        let files = if let Some(from) = &self.from {
            starter::copy(from, &self.name).unwrap_or_default()
        } else {
            let kind = self.kind.as_deref().unwrap_or(&self.name);
            starter::starter(
                self.language,
                &Wanted { name: &self.name, kind, summary: self.language.summary() },
            )
        };
        if self.language == Language::Rust {
            join_workspace(home, &self.name)?;
            write_missing(&plugins, starter::sdk())?;
        } else {
            let contract = starter::sdk().into_iter().filter(|(path, _)| path.starts_with("wit"));
            write_missing(&plugins, contract.collect())?;
        }
        write_missing(&plugins, files)?;
        self.say_what_is_next(home);
        Ok(())
    }

    fn check(&self) -> Result<(), CliError> {
        let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        for name in [Some(&self.name), self.kind.as_ref()].into_iter().flatten() {
            let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
            if !begins || name.len() > 64 || !name.bytes().all(letter) {
                let text = format!("`{name}` is no name: up to 64 of `a-z`, `0-9` and `-`, a letter first");
                return Err(CliError::plain(text));
            }
        }
        if ["sdk", "wit", "starters"].contains(&self.name.as_str()) {
            return Err(CliError::plain(format!("plugins/{} is the host's own", self.name)));
        }
        if RESERVED.contains(&self.name.as_str()) {
            let text =
                format!("`{}` is a word or a package of Rust's; no crate of yours can have it", self.name);
            return Err(CliError::plain(text));
        }
        Ok(())
    }

    fn say_what_is_next(&self, home: &Path) {
        let Self { name, .. } = self;
        let (source, tools) = match self.language {
            Language::Rust => ("src/lib.rs", "rustup target add wasm32-unknown-unknown".to_owned()),
            Language::Javascript => ("policy.js", format!("npm install --prefix plugins/{name}")),
            Language::Python => ("policy.py", format!("pip install -r plugins/{name}/requirements.txt")),
        };
        println!("plugins/{name}/{source}      the rule");
        println!("plugins/{name}/cases.toml    what it must answer");
        println!("plugins/{name}.toml          what the clinic sets; its mode is \"off\"\n");
        println!("Once:  {tools}");
        println!("Then:  tidings plugin build {name} && tidings plugin test {name}");
        let kind = self.kind.as_ref().unwrap_or(name);
        if self.from.is_none() && !home.join(format!("templates/{kind}.toml")).is_file() {
            println!(
                "And:   templates/{kind}.toml and templates/{kind}.j2, which say what a `{kind}` is and how it reads"
            );
        }
    }
}

/// Writes the files that are not there; what somebody has changed stays.
fn write_missing(folder: &Path, files: Files) -> Result<(), CliError> {
    for (path, text) in files {
        let path = folder.join(path);
        if path.exists() {
            continue;
        }
        let failed = |error| CliError::failed(format!("{} cannot be written", path.display()), error);
        std::fs::create_dir_all(path.parent().unwrap_or(folder)).map_err(failed)?;
        std::fs::write(&path, text).map_err(failed)?;
    }
    Ok(())
}

/// Makes the policy a member of the home's Cargo workspace, and the home a workspace where it is none.
fn join_workspace(home: &Path, name: &str) -> Result<(), CliError> {
    let file = home.join("Cargo.toml");
    let failed = |error| CliError::failed(format!("{} cannot be written", file.display()), error);
    let manifest = match std::fs::read_to_string(&file) {
        Ok(manifest) => manifest,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            std::fs::create_dir_all(home).map_err(failed)?;
            // The versions that this host was built with; cargo takes out what is not needed.
            std::fs::write(home.join("Cargo.lock"), starter::LOCK).map_err(failed)?;
            workspace()?
        }
        Err(error) => {
            return Err(CliError::failed(format!("{} cannot be read", file.display()), error));
        }
    };
    let member = format!("\"plugins/{name}\"");
    let joined = manifest
        .lines()
        .map(|line| {
            let list = ["members = [", "default-members = ["].into_iter().find(|list| line.starts_with(list));
            match list {
                Some(list) => {
                    let rest = &line[list.len()..];
                    let comma = if rest.starts_with(']') { "" } else { ", " };
                    format!("{list}{member}{comma}{rest}\n")
                }
                None => format!("{line}\n"),
            }
        })
        .collect::<String>();
    if !joined.contains(&member) {
        return Err(CliError::plain(format!(
            "{} has no line `members = [...]` below `[workspace]`; add {member} to one",
            file.display()
        )));
    }
    std::fs::write(&file, joined).map_err(failed)
}

/// The manifest of a home: the shared lines of this repository's own.
fn workspace() -> Result<String, CliError> {
    let broken = |error| CliError::failed("the manifest inside this program is broken", error);
    let ours: toml::Table = starter::WORKSPACE.parse().map_err(broken)?;
    let shared = |keys: [&str; 2]| ours.get(keys[0]).and_then(|table| table.get(keys[1])).cloned();
    let mut text = "# The policies below plugins/ are compiled by `tidings plugin build`.\n\n\
        [workspace]\nmembers = [\"plugins/sdk\"]\nresolver = \"3\"\n"
        .to_owned();
    for keys in
        [["workspace", "package"], ["workspace", "lints"], ["profile", "release"], ["profile", "plugin"]]
    {
        let mut outer = toml::Table::new();
        let mut inner = toml::Table::new();
        inner.extend(shared(keys).map(|value| (keys[1].to_owned(), value)));
        outer.insert(keys[0].to_owned(), inner.into());
        text.push('\n');
        text.push_str(&outer.to_string());
    }
    Ok(text)
}
