//! Candidates: policies outside the registry, that somebody inspects, tests or tries before they are
//! trusted. They go through the same checks and are asked in the same way as live ones.

use super::ask::settle;
use super::plugin_file::PluginFile;
use super::run::Asked;
use super::{
    Archive, Cache, Limits, Loaded, Policies, PolicyLoadError, Refusal, admission, cache, canary, load,
};
use crate::domain::policy::{Answered, PolicyFault};
use crate::domain::question::{Answer, Question};
use std::path::Path;

pub use super::limits::Fuel;
pub use super::run::Cost;

/// What can be seen of a file without running it.
#[derive(Clone, Debug)]
pub struct Surface {
    /// SHA-256, in hex.
    pub hash: String,
    /// Bytes.
    pub size: u64,
    /// What it wants from its host.
    pub imports: Vec<String>,
    /// What it offers: the contract, with its version.
    pub exports: Vec<String>,
}

/// Looks at a file without compiling it.
///
/// # Errors
///
/// It is no component.
pub fn surface(wasm: &[u8]) -> Result<Surface, Refusal> {
    let (imports, exports) = admission::surface(wasm)?;
    Ok(Surface { hash: cache::hash(wasm), size: wasm.len() as u64, imports, exports })
}

impl Policies {
    /// An engine without any policy of its own.
    ///
    /// # Errors
    ///
    /// The limits cannot be kept, or the engine does not start.
    pub fn none(limits: &Limits) -> Result<Self, PolicyLoadError> {
        Self::of(None, limits)
    }

    /// Loads one file with the settings of this `.toml`, or with none; its `mode` does not count.
    ///
    /// # Errors
    ///
    /// The host would refuse it.
    pub async fn open(&self, wasm: &Path, settings: Option<&Path>, cache: &Cache) -> Result<Loaded, Refusal> {
        let file = match settings {
            Some(settings) => PluginFile::at(settings.to_owned())?,
            None => PluginFile::parse(wasm.with_extension("toml"), String::new())?,
        };
        load::open(&self.runtime, cache, wasm, &file).await
    }

    /// Loads one file with the settings beside it, and asks it what is asked of every file before it is put to work.
    ///
    /// # Errors
    ///
    /// The host would refuse it, whatever else is at work.
    pub async fn open_tried(&self, wasm: &Path, cache: &Cache) -> Result<Loaded, Refusal> {
        let loaded = self.open(wasm, Some(&wasm.with_extension("toml")), cache).await?;
        canary::sing(&self.runtime, &loaded).await?;
        Ok(loaded)
    }

    /// The very version that once answered, by the hashes of its `.wasm` and its settings; `None` where the
    /// archive does not have both. It gets as much fuel as it needed then.
    ///
    /// # Errors
    ///
    /// This host would refuse it.
    pub async fn open_archived(
        &self,
        archive: &Archive,
        (hash, settings_hash): (&str, &str),
        fuel: Fuel,
        cache: &Cache,
    ) -> Option<Result<Loaded, Refusal>> {
        let wasm = archive.wasm(hash)?;
        let file = match archive.toml(hash, settings_hash) {
            Some(toml) => PluginFile::parse(wasm.with_extension("toml"), toml),
            None => PluginFile::recorded(wasm.with_extension("json"), archive.settings(settings_hash)?),
        };
        let opened = async {
            let mut file = file?;
            file.overrides = self.runtime.limits.fueled(file.overrides, fuel);
            load::open(&self.runtime, cache, &wasm, &file).await
        };
        Some(opened.await)
    }

    /// The same policy with other settings, as TOML.
    ///
    /// # Errors
    ///
    /// The schema or the policy itself does not take them.
    pub async fn with_settings(&self, loaded: &Loaded, settings: toml::Table) -> Result<Loaded, Refusal> {
        let mut written = toml::Table::new();
        written.insert("settings".to_owned(), settings.into());
        let file = PluginFile::parse("settings".into(), written.to_string())?;
        load::configure(&self.runtime, &loaded.exports, &loaded.limits, &loaded.description, &file).await?;
        let (settings, settings_hash) = (file.settings_text, file.settings_hash);
        Ok(Loaded { settings_hash, settings, ..loaded.clone() })
    }

    /// Asks any question.
    ///
    /// # Errors
    ///
    /// The policy gave no answer, or none that may be given.
    pub async fn ask(&self, loaded: &Loaded, question: &Question) -> Result<Answered<Answer>, PolicyFault> {
        Ok(self.ask_at_cost(loaded, question).await?.0)
    }

    /// Asks a shadow; `None` of one that has failed too often to go on with, until it is changed.
    pub async fn ask_shadow(
        &self,
        shadow: &Loaded,
        question: &Question,
    ) -> Option<Result<Answered<Answer>, PolicyFault>> {
        let health = &shadow.health;
        if !health.may_shadow() {
            return None;
        }
        let answered = self.ask(shadow, question).await;
        if let Err(fault) = &answered {
            health.fault(fault.code, "", question.now());
        }
        Some(answered)
    }

    /// Asks any question, and says what the answer cost.
    ///
    /// # Errors
    ///
    /// The policy gave no answer, or none that may be given.
    pub async fn ask_at_cost(
        &self,
        loaded: &Loaded,
        question: &Question,
    ) -> Result<(Answered<Answer>, Cost), PolicyFault> {
        fn named<T>(asked: Asked<T>, answer: impl FnOnce(T) -> Answer) -> Asked<Answer> {
            Asked { answer: answer(asked.answer), log: asked.log, cost: asked.cost }
        }
        let runtime = &self.runtime;
        let asked = match question {
            Question::Plan(question) => {
                runtime.plan(loaded, question).await.map(|asked| named(asked, Answer::Plan))
            }
            Question::Decide(question) => {
                runtime.decide(loaded, question).await.map(|asked| named(asked, Answer::Decide))
            }
            Question::OnFailure(question) => {
                runtime.on_failure(loaded, question).await.map(|asked| named(asked, Answer::OnFailure))
            }
            Question::OnReply(question) => {
                runtime.on_reply(loaded, question).await.map(|asked| named(asked, Answer::OnReply))
            }
        };
        let cost = asked.as_ref().map_or(Cost::default(), |asked| asked.cost);
        settle(loaded, question.name(), asked).map(|answered| (answered, cost))
    }
}
