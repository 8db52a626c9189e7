//! A home: the folder with the clinic's files, and `.tidings/` in it with the host's own state.

use crate::clock::{Chance, Clock as _, SystemClock};
use crate::config::{Config, ConfigError};
use crate::domain::kind::TypeName;
use crate::domain::policy::Description;
use crate::policy::{Archive, Cache, Checked, LoadReport, Loaded, Policies, PolicyLoadError};
use crate::render::{RenderLoadError, Renderer};
use crate::store::seal::Keyring;
use crate::store::{KeyringError, SqliteLock, Store, StoreError};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What of a home cannot be used as it is.
#[derive(Debug, thiserror::Error)]
pub(super) enum HomeError {
    #[error("{} is no home: it has no {missing}/ folder; run in the folder that has it, or give --home", home.display())]
    NoHome { home: PathBuf, missing: &'static str },
    #[error("the configuration cannot be used")]
    Config(#[from] ConfigError),
    #[error("the keys of the home cannot be used")]
    Keys(#[from] KeyringError),
    #[error("the policies cannot be used")]
    Policies(#[from] PolicyLoadError),
    #[error("the templates and locales cannot be used")]
    Render(#[from] RenderLoadError),
    #[error("the database cannot be opened")]
    Store(#[from] StoreError),
    #[error("{0}")]
    Account(String),
}

/// A home, read.
pub(super) struct Home {
    pub(super) folder: PathBuf,
    pub(super) config: Config,
    pub(super) chance: Chance,
    pub(super) keys: Keyring,
}

impl Home {
    /// Reads the configuration and the keys.
    pub(super) fn open(folder: &Path, environment: &BTreeMap<String, String>) -> Result<Self, HomeError> {
        for missing in ["plugins", "templates", "locales"] {
            if !folder.join(missing).is_dir() {
                return Err(HomeError::NoHome { home: folder.to_owned(), missing });
            }
        }
        let config = Config::load(folder, environment)?;
        let chance = Chance::from_machine();
        let given = config.database.master_key.as_ref();
        let keys = Keyring::open(&folder.join(".tidings/keys"), given, &chance)?;
        Ok(Self { folder: folder.to_owned(), config, chance, keys })
    }

    /// The home as it would be without its configuration, to look at the rest of it. Nothing is made in it.
    pub(super) fn with_defaults(folder: &Path) -> Result<Self, HomeError> {
        let chance = Chance::from_machine();
        let keys = folder.join(".tidings/keys");
        let keys = if keys.join("master.key").is_file() {
            Keyring::open(&keys, None, &chance)?
        } else {
            let mut passing = [[0; 32]; 2];
            for key in &mut passing {
                rand::Rng::fill_bytes(&mut *chance.lock(), key);
            }
            Keyring::new(passing[0], passing[1], chance.clone())
        };
        Ok(Self { folder: folder.to_owned(), config: Config::default(), chance, keys })
    }

    /// Opens the database, beside a host that may be running.
    pub(super) async fn store(&self) -> Result<Store, HomeError> {
        Ok(match &self.config.database.url {
            Some(url) => Store::open_postgres(url.expose(), self.keys.clone()).await?,
            None => Store::open_sqlite(&self.database_file(), self.keys.clone()).await?,
        })
    }

    /// Opens the database for the host itself.
    pub(super) async fn store_of_host(&self) -> Result<Store, HomeError> {
        let mut store = self.store().await?;
        if self.config.database.url.is_none() {
            store.lock_sqlite(&self.database_file())?;
        }
        Ok(store)
    }

    /// Opens the database for the host itself, whose file was taken before.
    pub(super) async fn store_under(&self, lock: SqliteLock) -> Result<Store, HomeError> {
        let mut store = self.store().await?;
        store.keep_lock(lock);
        Ok(store)
    }

    /// Where SQLite keeps everything.
    pub(super) fn database_file(&self) -> PathBuf {
        self.folder.join(".tidings/tidings.db")
    }

    /// Loads the clinic's rules, for the host itself.
    pub(super) async fn policies(&self) -> Result<Policies, HomeError> {
        let cache = Self::cache(&self.folder, &self.keys).archived_in(self.archive());
        Ok(Policies::load(&self.folder.join("plugins"), &cache, &self.config.policy).await?.0)
    }

    /// Looks the clinic's rules over.
    pub(super) async fn check_policies(&self) -> Result<Vec<Checked>, HomeError> {
        let cache = Self::cache(&self.folder, &self.keys);
        let plugins = self.folder.join("plugins");
        Ok(Policies::check(&plugins, &cache, &self.archive(), &self.config.policy).await?)
    }

    /// The name of the policy that decides for each type, as the folder lies; nothing is written down.
    pub(super) async fn deciders(&self) -> Result<BTreeMap<TypeName, String>, HomeError> {
        let checked = self.check_policies().await?;
        let live = checked.into_iter().filter_map(|checked| match checked.result {
            Ok(LoadReport::Live(loaded)) => Some(loaded),
            Ok(LoadReport::Shadow(_) | LoadReport::Off { .. }) | Err(_) => None,
        });
        let of = |loaded: &Loaded| {
            let Description { name, message_types, .. } = loaded.description.clone();
            message_types.into_iter().map(move |kind| (kind, name.clone()))
        };
        Ok(live.flat_map(|loaded| of(&loaded)).collect())
    }

    /// The policies that were ever at work.
    pub(super) fn archive(&self) -> Archive {
        let decisions = self.config.retention.decisions.to_std().unwrap_or_default();
        Archive::new(self.folder.join(".tidings/policies")).with_decisions_kept(decisions)
    }

    /// Where its compiled policies are kept.
    pub(super) fn cache(folder: &Path, keys: &Keyring) -> Cache {
        let cache = Cache::new(folder.join(".tidings/compiled"), keys.derive("compiled policies"));
        match own_program() {
            Some(program) => cache.compiled_by(program),
            None => cache,
        }
    }

    /// Looks the clinic's words over, as they lie in the folders.
    pub(super) fn check_words(&self) -> Result<Renderer, HomeError> {
        Ok(Renderer::load(&self.folder, &self.config.render())?)
    }

    /// Loads the clinic's words, with what was last good where they are faulty.
    pub(super) fn renderer(&self) -> Result<Renderer, HomeError> {
        Ok(Renderer::begin(&self.folder, &self.config.render(), &self.last_good_words())?)
    }

    /// Where the words that were last at work are kept.
    pub(super) fn last_good_words(&self) -> PathBuf {
        last_good_words(&self.folder)
    }
}

/// Where the words that were last at work in this home are kept.
pub(super) fn last_good_words(home: &Path) -> PathBuf {
    home.join(".tidings/words.json")
}

/// This moment, for commands.
pub(super) fn now() -> DateTime<Utc> {
    SystemClock.now()
}

/// What compiles policies in a process of its own: this very program. By its path it may be another one
/// meanwhile, or none, once it is replaced while it runs; Linux knows the one that runs by another name.
fn own_program() -> Option<PathBuf> {
    let running = PathBuf::from("/proc/self/exe");
    if running.exists() {
        return Some(running);
    }
    std::env::current_exe().ok().filter(|program| program.is_file())
}
