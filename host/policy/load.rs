//! From a file to a policy that can be asked: looked at, compiled or fetched from the cache, asked
//! who it is, and given its settings once, before anybody depends on it.

use super::cache::{self, Cache};
use super::compile;
use super::convert::{self, Inputs};
use super::exports::Exports;
use super::fault::Cause;
use super::health::Health;
use super::limits::{CEILING, Limits};
use super::plugin_file::{Mode, PluginFile};
use super::run::{Runtime, Session};
use super::wasi::Basis;
use super::{admission, answer, archive::Failed, canary, imports::one_line};
use crate::domain::kind::TypeName;
use crate::domain::policy::{Answerer, Blame, Description, Fact};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashSet};
use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Why a file is not taken as a policy.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Refusal {
    /// Stable: `unreadable`, `file-too-large`, `not-wasm`, `core-module`, `damaged`, `forbidden-import`,
    /// `wrong-world`, `version-unsupported`, `compile-failed`, `compile-limit`, `link-failed`,
    /// `describe-failed`, `config-invalid`, `settings-gone`, `nondeterministic`, `same-type`, `rolled-back`; of one
    /// that decided and is not there any more `removed`.
    pub code: &'static str,
    /// What is wrong, and where.
    pub text: String,
    source: Option<Box<dyn Error + Send + Sync>>,
    /// The machine is why, which may be another one tomorrow: the file is looked at again.
    pub(super) may_pass: bool,
}

impl Refusal {
    pub(super) fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), source: None, may_pass: false }
    }

    pub(super) fn rolled_back(failed: &Failed) -> Self {
        let Failed { code, faults, .. } = failed;
        let text = format!(
            "it failed again and again ({faults} times, at last with `{code}`), and the version before it decides; \
             change the file or its settings to have it tried again"
        );
        Self::new("rolled-back", text)
    }

    pub(super) fn settings_gone(toml: &Path) -> Self {
        let text = format!(
            "{} is gone, and what it said stays as it was: put it back, or an empty one, which means the \
             defaults of the policy and `mode = \"live\"`",
            toml.display()
        );
        Self::new("settings-gone", text)
    }

    /// The machine is why.
    pub(super) fn caused(
        code: &'static str,
        text: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self { source: Some(source.into()), may_pass: true, ..Self::new(code, text) }
    }
}

/// One version among those of a file: the hash of its `.wasm`, and that of all it is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity(String, String);

/// A policy that can be asked.
#[derive(Clone)]
pub struct Loaded {
    /// What it says of itself.
    pub description: Description,
    /// The `.wasm` it came from.
    pub file: PathBuf,
    /// SHA-256 of that file, in hex.
    pub hash: String,
    /// SHA-256 of its settings, in hex.
    pub settings_hash: String,
    /// Bytes of that file.
    pub size: u64,
    /// It did not have to be compiled.
    pub from_cache: bool,
    /// From opening the file to the answer of `configure`.
    pub load_time: Duration,
    /// What it may use: `[policy]` with its own `[limits]`.
    pub limits: Limits,
    /// What it is used for.
    pub mode: Mode,
    /// Message types that it decided for once, and that nobody shall miss.
    pub(super) drops: Vec<TypeName>,
    /// Its `.toml`, as the clinic wrote it.
    pub(super) toml: String,
    pub(super) health: Arc<Health>,
    pub(super) settings: String,
    pub(super) inputs: Inputs,
    pub(super) exports: Exports,
}

impl Loaded {
    /// What makes it another version: other code, other settings, or other limits. How it is used, and how
    /// its `.toml` is written, do not.
    pub(super) fn identity(&self) -> Identity {
        let config = format!("{} {:?}", self.settings_hash, self.limits);
        Identity(self.hash.clone(), cache::hash(config.as_bytes()))
    }

    /// The message types it decides for.
    pub(super) fn message_types(&self) -> BTreeSet<&TypeName> {
        self.description.message_types.iter().collect()
    }

    /// Whether it is told such a fact.
    #[must_use]
    pub fn reads(&self, fact: &Fact) -> bool {
        self.inputs.reads(fact)
    }

    /// Who answers, where nothing was answered.
    #[must_use]
    pub fn answerer(&self) -> Answerer {
        Answerer {
            name: self.description.name.clone(),
            version: self.description.version.clone(),
            hash: self.hash.clone(),
            settings_hash: self.settings_hash.clone(),
            fuel: 0,
            log: Vec::new(),
        }
    }
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { description, file, hash, .. } = self;
        let name = &description.name;
        f.debug_struct("Loaded")
            .field("name", name)
            .field("file", file)
            .field("hash", hash)
            .finish_non_exhaustive()
    }
}

/// What became of one file.
#[derive(Clone, Debug)]
pub enum LoadReport {
    /// It decides.
    Live(Arc<Loaded>),
    /// It is asked beside the one that decides.
    Shadow(Arc<Loaded>),
    /// Its `.toml` says `mode = "off"`.
    Off {
        /// The `.wasm`.
        file: PathBuf,
    },
}

impl LoadReport {
    pub(super) fn of(loaded: Arc<Loaded>) -> Self {
        match loaded.mode {
            Mode::Live => Self::Live(loaded),
            Mode::Shadow => Self::Shadow(loaded),
            Mode::Off => Self::Off { file: loaded.file.clone() },
        }
    }
}

/// Loads the policy of one `.wasm` and the `.toml` beside it, and tries it.
pub(super) async fn load(runtime: &Runtime, cache: &Cache, path: &Path) -> Result<LoadReport, Refusal> {
    let file = PluginFile::read(path)?;
    if file.mode == Mode::Off {
        return Ok(LoadReport::Off { file: path.to_owned() });
    }
    let loaded = Arc::new(open(runtime, cache, path, &file).await?);
    canary::sing(runtime, &loaded).await?;
    Ok(LoadReport::of(loaded))
}

/// Loads the policy of one `.wasm` with these settings, whatever they say it is used for.
pub(super) async fn open(
    runtime: &Runtime,
    cache: &Cache,
    path: &Path,
    file: &PluginFile,
) -> Result<Loaded, Refusal> {
    let started = Instant::now();
    let limits =
        runtime.limits.with(file.overrides).map_err(|error| file.refused_limits(&error.to_string()))?;

    let code = compile::code(runtime, cache, path).await?;
    let link_failed =
        |error: wasmtime::Error| admission::misfit(&code.contract, &one_line(&format!("{error:#}"), 500));
    let pre = runtime.linker.instantiate_pre(&code.component).map_err(link_failed)?;
    let exports = Exports::of(pre).map_err(link_failed)?;

    // Starting may take longer than answering: it is done once, and here nobody waits for it.
    let start = Limits { wall: CEILING.wall, ..limits.clone() };
    let description = describe(runtime, &exports, &start).await?;
    configure(runtime, &exports, &start, &description, file).await?;
    Ok(Loaded {
        inputs: Inputs::new(&description.inputs),
        description,
        file: path.to_owned(),
        hash: code.hash,
        settings_hash: file.settings_hash.clone(),
        size: code.size,
        from_cache: code.from_cache,
        load_time: started.elapsed(),
        limits,
        mode: file.mode,
        drops: file.drops.clone(),
        toml: file.source.clone(),
        health: Arc::default(),
        settings: file.settings_text.clone(),
        exports,
    })
}

/// Whether the policy takes these settings: its schema first, then it itself.
pub(super) async fn configure(
    runtime: &Runtime,
    exports: &Exports,
    limits: &Limits,
    description: &Description,
    file: &PluginFile,
) -> Result<(), Refusal> {
    file.check_settings(&description.settings_schema)?;
    let mut session = Session::open(runtime, exports, limits, Basis::default())
        .await
        .map_err(|cause| broken("start", &cause))?;
    match session.configure(&file.settings_text).await {
        Ok(()) => Ok(()),
        Err(cause) if cause.code == "policy-error" => Err(file.refused_settings(&cause.text)),
        Err(cause) => Err(broken("configure", &cause)),
    }
}

async fn describe(runtime: &Runtime, exports: &Exports, limits: &Limits) -> Result<Description, Refusal> {
    let session = Session::open(runtime, exports, limits, Basis::default())
        .await
        .map_err(|cause| broken("start", &cause))?;
    let described = session.describe().await.map_err(|cause| broken("describe", &cause))?;
    let description = convert::description(described.answer);
    check(&description)
        .map_err(|text| Refusal::new("describe-failed", format!("in its description {text}")))?;
    Ok(description)
}

fn broken(question: &str, cause: &Cause) -> Refusal {
    let code = if question == "configure" { "config-invalid" } else { "describe-failed" };
    let text = format!("it does not get through `{question}`: {}: {}", cause.code, cause.text);
    Refusal { may_pass: cause.blame == Blame::Host || cause.code == "timeout", ..Refusal::new(code, text) }
}

/// Whether a description can be counted on, in logs, in columns and as names of files.
fn check(description: &Description) -> Result<(), String> {
    let Description { name, version, summary, message_types, events, inputs, answers, settings_schema: _ } =
        description;
    if !answer::is_name(name) {
        return Err(format!("the name `{}` is not 1 to 64 of `a-z`, `0-9` and `-`", one_line(name, 80)));
    }
    if version.is_empty() || version.len() > 64 || version.chars().any(char::is_whitespace) {
        return Err(format!("the version `{}` is none, such as `1.4.0`", one_line(version, 80)));
    }
    if summary.chars().count() > 500 {
        return Err("the summary has more than 500 characters".to_owned());
    }
    if message_types.is_empty() {
        return Err("there is no message type".to_owned());
    }
    if let Some(bad) = message_types.iter().chain(answers).find(|name| !answer::is_name(&name.0)) {
        return Err(format!("`{}` is no name of a message type", one_line(&bad.0, 80)));
    }
    if let Some(bad) = events.iter().chain(inputs).find(|name| name.is_empty() || name.len() > 128) {
        return Err(format!("`{}` is no name of an event or a fact", one_line(bad, 80)));
    }
    let mut seen = HashSet::new();
    match message_types.iter().find(|name| !seen.insert(*name)) {
        Some(twice) => Err(format!("the message type `{twice}` stands twice")),
        None => Ok(()),
    }
}
