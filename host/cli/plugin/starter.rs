//! What a new policy begins as. The SDK, the contract, the starters and the bundled policies' sources
//! travel inside the program, so that a policy can be made in any folder, without this repository.

use clap::ValueEnum;
use include_dir::{Dir, File, include_dir};
use std::path::{Path, PathBuf};

static SDK: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/plugins/sdk");
static CONTRACT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/plugins/wit");
static STARTERS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/plugins/starters");

/// The manifest and the lock file of this repository: what the policies here are built with.
pub(super) const WORKSPACE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
pub(super) const LOCK: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock"));

/// The bundled policies: name, sources, settings.
#[rustfmt::skip]
static BUNDLED: &[(&str, Dir<'_>, &str)] = &[
    ("appointment-confirmation", include_dir!("$CARGO_MANIFEST_DIR/plugins/appointment-confirmation"), include_str!("../../../plugins/appointment-confirmation.toml")),
    ("appointment-reminder", include_dir!("$CARGO_MANIFEST_DIR/plugins/appointment-reminder"), include_str!("../../../plugins/appointment-reminder.toml")),
    ("cancellation-alert", include_dir!("$CARGO_MANIFEST_DIR/plugins/cancellation-alert"), include_str!("../../../plugins/cancellation-alert.toml")),
    ("follow-up", include_dir!("$CARGO_MANIFEST_DIR/plugins/follow-up"), include_str!("../../../plugins/follow-up.toml")),
    ("otp", include_dir!("$CARGO_MANIFEST_DIR/plugins/otp"), include_str!("../../../plugins/otp.toml")),
    ("payment-reminder", include_dir!("$CARGO_MANIFEST_DIR/plugins/payment-reminder"), include_str!("../../../plugins/payment-reminder.toml")),
    ("prescription-ready", include_dir!("$CARGO_MANIFEST_DIR/plugins/prescription-ready"), include_str!("../../../plugins/prescription-ready.toml")),
    ("urgent-alert", include_dir!("$CARGO_MANIFEST_DIR/plugins/urgent-alert"), include_str!("../../../plugins/urgent-alert.toml")),
];

/// What a policy is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Language {
    /// The SDK of this repository; the smallest and fastest.
    #[default]
    Rust,
    /// Built by componentize-js, which npm installs.
    Javascript,
    /// Built by componentize-py, which pip installs.
    Python,
}

/// Files to write, by their paths below a folder.
pub(super) type Files = Vec<(PathBuf, String)>;

/// What the author said.
pub(super) struct Wanted<'a> {
    pub(super) name: &'a str,
    pub(super) kind: &'a str,
    pub(super) summary: &'a str,
}

impl Language {
    /// The sentence that a new policy says of itself, to be changed: what its starter does.
    pub(super) const fn summary(self) -> &'static str {
        match self {
            Self::Rust => "Keeps the clinic's hours, and Sundays free.",
            Self::Javascript | Self::Python => "Keeps Sundays free.",
        }
    }

    const fn folder(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Javascript => "javascript",
            Self::Python => "python",
        }
    }
}

/// The files of a new policy, below `plugins/`.
pub(super) fn starter(language: Language, wanted: &Wanted<'_>) -> Files {
    let fill = |text: &str| {
        let text = text.replace("{{name}}", wanted.name).replace("{{type}}", wanted.kind);
        text.replace("{{summary}}", wanted.summary)
    };
    let folder = STARTERS.get_dir(language.folder()).into_iter().flat_map(all);
    folder
        .map(|(path, text)| {
            // `rust/src/lib.rs` is `my-rule/src/lib.rs`, and its settings are `my-rule.toml`.
            let below = path.strip_prefix(language.folder()).unwrap_or(&path);
            (place(wanted.name, below), fill(text))
        })
        .collect()
}

/// The files of a new policy that begins as a bundled one, below `plugins/`; none when there is no such
/// policy.
pub(super) fn copy(from: &str, name: &str) -> Option<Files> {
    let (_, sources, settings) = BUNDLED.iter().find(|(bundled, ..)| *bundled == from)?;
    let rename = |text: &str| {
        text.replace(&format!("name = \"tidings-{from}\""), &format!("name = \"{name}\""))
            .replace(&format!("/{from}.toml"), &format!("/{name}.toml"))
            .replace("Description::new(TYPE, ", "Description::new(env!(\"CARGO_PKG_NAME\"), ")
            .replace(&format!("Description::new(\"{from}\", "), "Description::new(env!(\"CARGO_PKG_NAME\"), ")
            .replace(&format!("plugin test {from}"), &format!("plugin test {name}"))
    };
    let mut files: Files =
        all(sources).into_iter().map(|(path, text)| (place(name, &path), rename(text))).collect();
    let settings = settings.replace("mode = \"live\"", "mode = \"off\"");
    files.push((PathBuf::from(format!("{name}.toml")), settings));
    Some(files)
}

/// The names of the bundled policies.
pub(super) fn bundled() -> Vec<&'static str> {
    BUNDLED.iter().map(|(name, ..)| *name).collect()
}

/// The SDK and the contract, below `plugins/`.
pub(super) fn sdk() -> Files {
    let named = |folder: &'static str, dir: &'static Dir<'static>| {
        all(dir).into_iter().map(move |(path, text)| (Path::new(folder).join(path), text.to_owned()))
    };
    // Its own tests stay at home.
    let sdk = named("sdk", &SDK).filter(|(path, _)| !path.starts_with("sdk/tests"));
    sdk.chain(named("wit", &CONTRACT)).collect()
}

fn place(name: &str, below: &Path) -> PathBuf {
    if below == Path::new("settings.toml") {
        PathBuf::from(format!("{name}.toml"))
    } else {
        Path::new(name).join(below)
    }
}

/// Every file of a folder that is text.
fn all(dir: &'static Dir<'static>) -> Vec<(PathBuf, &'static str)> {
    let text = |file: &'static File<'static>| Some((file.path().to_owned(), file.contents_utf8()?));
    dir.files().filter_map(text).chain(dir.dirs().flat_map(all)).collect()
}
