//! Where policies are tried: an engine with the limits of the home, its cache, and what is ordinary in it.

use super::situation::Ordinary;
use crate::cli::CliError;
use crate::cli::home::{Home, HomeError};
use crate::clock::Chance;
use crate::config::Config;
use crate::domain::kind::TypeName;
use crate::policy::{Cache, Fuel, Loaded, Policies, Refusal};
use crate::store::DecisionRecord;
use crate::store::seal::Keyring;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The workbench of a home, or of a folder that holds plugins only.
pub(super) struct Workbench {
    pub(super) plugins: PathBuf,
    pub(super) config: Config,
    pub(super) policies: Policies,
    cache: Cache,
    /// Of a folder without keys; it goes with the workbench.
    scratch: Option<PathBuf>,
}

impl Workbench {
    pub(super) fn open(home: &Path, environment: &BTreeMap<String, String>) -> Result<Self, CliError> {
        let config = Config::load(home, environment).map_err(HomeError::from)?;
        let policies = Policies::none(&config.policy).map_err(HomeError::from)?;
        let chance = Chance::from_machine();
        let state = home.join(".tidings");
        let (cache, scratch) = if state.is_dir() {
            let keys = Keyring::open(&state.join("keys"), config.database.master_key.as_ref(), &chance)
                .map_err(HomeError::from)?;
            (Home::cache(home, &keys), None)
        } else {
            let scratch = std::env::temp_dir().join(format!("tidings-workbench-{}", std::process::id()));
            let mut key = [0; 32];
            rand::Rng::fill_bytes(&mut *chance.lock(), &mut key);
            (Cache::new(&scratch, key), Some(scratch))
        };
        Ok(Self { plugins: home.join("plugins"), config, policies, cache, scratch })
    }

    /// The file of a policy, by its name below `plugins/` or by its path.
    pub(super) fn file(&self, which: &str) -> PathBuf {
        let path = Path::new(which);
        if path.extension().is_some_and(|extension| extension == "wasm") {
            path.to_owned()
        } else {
            self.plugins.join(format!("{which}.wasm"))
        }
    }

    /// A policy with the settings that stand beside its file.
    pub(super) async fn load(&self, wasm: &Path) -> Result<Loaded, CliError> {
        self.load_with(wasm, Some(&wasm.with_extension("toml"))).await
    }

    /// The same, tried as the host tries one before it is put to work.
    pub(super) async fn try_load(&self, wasm: &Path) -> Result<Loaded, Refusal> {
        let _progress = crate::cli::progress::working(format!("compiling {}", wasm.display()));
        self.policies.open_tried(wasm, &self.cache).await
    }

    /// A policy with the settings of this `.toml`, or with its defaults.
    pub(super) async fn load_with(&self, wasm: &Path, settings: Option<&Path>) -> Result<Loaded, CliError> {
        if !wasm.is_file() {
            return Err(CliError::plain(format!(
                "there is no {}; `tidings plugin build` makes one",
                wasm.display()
            )));
        }
        let _progress = crate::cli::progress::working(format!("compiling {}", wasm.display()));
        let opened = self.policies.open(wasm, settings, &self.cache).await;
        opened.map_err(|refusal| {
            CliError::failed(format!("{} is refused ({})", wasm.display(), refusal.code), refusal)
        })
    }

    /// The very version that made a decision, where the home still has it.
    pub(super) async fn load_archived(
        &self,
        home: &Home,
        record: &DecisionRecord,
    ) -> Option<Result<Loaded, CliError>> {
        let hashes = (record.hash.as_str(), record.settings_hash.as_str());
        let used = u64::try_from(record.fuel).unwrap_or(0);
        let fuel = if record.outcome == "out-of-fuel" { Fuel::Exactly(used) } else { Fuel::MoreThan(used) };
        let opened = self.policies.open_archived(&home.archive(), hashes, fuel, &self.cache).await?;
        Some(opened.map_err(|refusal| {
            CliError::failed(
                format!("{} {} is refused ({})", record.policy, record.version, refusal.code),
                refusal,
            )
        }))
    }

    /// Says which message types of a policy the home has no words for, where it has any at all.
    pub(super) fn warn_of_types(&self, loaded: &Loaded) {
        let templates = self.plugins.with_file_name("templates");
        let is_unknown = |kind: &&TypeName| !templates.join(format!("{kind}.toml")).is_file();
        for kind in loaded.description.message_types.iter().filter(is_unknown).filter(|_| templates.is_dir())
        {
            println!("  warning: there is no templates/{kind}.toml: no `{kind}` can be planned or sent");
        }
    }

    /// What is behind a situation that says little.
    pub(super) fn ordinary(&self) -> Ordinary {
        Ordinary {
            zone: self.config.clinic.time_zone,
            high_priority_may_disturb: self.config.guard.high_priority_may_disturb,
            may_disturb: self.config.guard.may_disturb.clone(),
        }
    }
}

impl Drop for Workbench {
    fn drop(&mut self) {
        if let Some(scratch) = &self.scratch {
            // Nobody can use what is in it any more.
            let _ = std::fs::remove_dir_all(scratch);
        }
    }
}
