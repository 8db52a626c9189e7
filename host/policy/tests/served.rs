//! A folder of policies that a host serves, to drop files into.

use super::guest::{Decides, Guest};
use super::{Folder, chain, due};
use crate::domain::kind::TypeName;
use crate::domain::policy::{Answered, Decision, PolicyFault};
use crate::policy::{Archive, Cache, Policies, PolicyStatus};
use std::path::Path;

pub(super) const NOW: &str = "2026-11-24T14:00:00-05:00";

/// A folder that is served, beside what the host keeps for it.
pub(super) struct Served {
    pub(super) plugins: Folder,
    pub(super) host: Folder,
    pub(super) policies: Policies,
}

pub(super) fn version(version: &'static str) -> Vec<u8> {
    Guest { version, ..Guest::new(Decides::Send) }.component()
}

impl Served {
    pub(super) async fn first(fill: impl FnOnce(&Folder)) -> Result<Self, String> {
        let (plugins, host) = (Folder::new(), Folder::new());
        fill(&plugins);
        let policies = load(&plugins.0, &host).await?;
        Ok(Self { plugins, host, policies })
    }

    /// With one good policy, version 1.0.0.
    pub(super) async fn with_one() -> Self {
        let first = Self::first(|folder| {
            folder.put("a.wasm", version("1.0.0"));
        });
        first.await.unwrap()
    }

    pub(super) async fn restart(self) -> Result<Self, String> {
        let Self { plugins, host, policies } = self;
        drop(policies);
        let policies = load(&plugins.0, &host).await?;
        Ok(Self { plugins, host, policies })
    }

    pub(super) async fn drop_in(&self, name: &str, contents: impl AsRef<[u8]>) {
        self.plugins.put(name, contents);
        self.policies.reload().await;
    }

    /// The version that decides for a type.
    pub(super) fn decides(&self, message_type: &str) -> Option<String> {
        let policy = self.policies.for_type(&TypeName::from(message_type));
        policy.map(|policy| policy.description.version.clone())
    }

    pub(super) fn status(&self, file: &str) -> PolicyStatus {
        self.policies.statuses().into_iter().find(|status| status.file == file).unwrap()
    }

    /// Asks the version at work about a message.
    pub(super) async fn ask(&self, id: &str) -> Result<Answered<Decision>, PolicyFault> {
        let at_work = self.policies.for_type(&TypeName::from("sample")).unwrap();
        let mut question = due("sample", NOW);
        question.message.id = id.to_owned();
        self.policies.decide(&at_work, &question).await
    }

    /// Three faults, each about another message: one too many.
    pub(super) async fn fail(&self, code: &str) {
        for id in ["one", "two", "three"] {
            assert_eq!(self.ask(id).await.unwrap_err().code, code);
        }
    }

    /// State, and the code of the refusal.
    pub(super) fn told(&self, file: &str) -> (&'static str, Option<&'static str>) {
        let status = self.status(file);
        (status.state, status.refused.map(|refused| refused.code))
    }
}

async fn load(plugins: &Path, host: &Folder) -> Result<Policies, String> {
    let cache = Cache::new(host.0.join("cache"), [7; 32]).archived_in(Archive::new(host.0.join("archive")));
    // On a machine that is busy the clock must not come before the limit that a test is about.
    let limits = toml::from_str("wall = '2s'").unwrap();
    Policies::load(plugins, &cache, &limits).await.map(|loaded| loaded.0).map_err(|error| chain(&error))
}
