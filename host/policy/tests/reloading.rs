//! The folder while the host runs: what is dropped is at work, and what is broken hurts nothing.

use super::guest::{Decides, Guest};
use super::{Folder, chain, due};
use crate::domain::kind::TypeName;
use crate::domain::policy::{Answered, Decision, PolicyFault};
use crate::policy::{Archive, Cache, Limits, Policies, PolicyStatus, Removal};
use std::fs;
use std::path::Path;

const NOW: &str = "2026-11-24T14:00:00-05:00";

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

impl Policies {
    /// As `reload`, when files that changed together are known in this order; those not named are looked at
    /// still.
    async fn reload_in_order(&self, arrivals: &[&str]) {
        let folder = self.folder.as_ref().unwrap();
        let stamps = folder.stamps().unwrap();
        let changed = stamps.iter().filter(|(stem, stamp)| folder.shelf().is_new(stem, stamp)).count();
        let mut known = Vec::new();
        for (number, stem) in arrivals.iter().enumerate() {
            let found = self.look(folder, stem, stamps[*stem]).await.unwrap();
            known.push(((*stem).to_owned(), stamps[*stem], found));
            self.put_to_work(folder, &mut known, number + 1 == changed);
        }
    }
}

#[tokio::test]
async fn a_copy_a_rename_and_an_overwrite_are_at_work_after_the_next_look() {
    let served = Served::with_one().await;
    served.drop_in("b.wasm", Guest { message_type: "other", ..Guest::new(Decides::Send) }.component()).await;
    assert_eq!(
        (served.decides("sample").as_deref(), served.decides("other").as_deref()),
        (Some("1.0.0"), Some("1.0.0"))
    );

    let draft = served.plugins.put(".a.wasm.tmp", version("1.1.0"));
    served.policies.reload().await;
    assert_eq!(served.decides("sample").as_deref(), Some("1.0.0"));
    fs::rename(draft, served.plugins.0.join("a.wasm")).unwrap();
    served.policies.reload().await;
    assert_eq!(served.decides("sample").as_deref(), Some("1.1.0"));

    served.drop_in("a.wasm", version("1.2.0")).await;
    assert_eq!(served.decides("sample").as_deref(), Some("1.2.0"));
    assert_eq!(served.told("a"), ("live", None));
}

#[tokio::test]
async fn whatever_is_dropped_in_the_last_good_version_stays_and_the_reason_is_told() {
    let served = Served::with_one().await;
    let good = version("1.1.0");
    let files: [(&str, Vec<u8>); 6] = [
        ("not-wasm", b"Dear colleague".to_vec()),
        ("not-wasm", Vec::new()),
        ("damaged", good[..good.len() / 2].to_vec()),
        ("core-module", Guest::new(Decides::Send).core()),
        ("describe-failed", Guest { version: "", ..Guest::new(Decides::Send) }.component()),
        ("file-too-large", vec![0; 30 << 20]),
    ];
    for (code, contents) in files {
        served.drop_in("a.wasm", contents).await;
        assert_eq!(served.told("a"), ("live", Some(code)));
        assert_eq!(served.decides("sample").as_deref(), Some("1.0.0"), "{code}");
        let at_work = served.policies.for_type(&TypeName::from("sample")).unwrap();
        served.policies.decide(&at_work, &due("sample", NOW)).await.unwrap();
    }
    served.drop_in("a.wasm", good).await;
    assert_eq!((served.told("a"), served.decides("sample").as_deref()), (("live", None), Some("1.1.0")));
}

#[tokio::test]
async fn settings_that_break_the_schema_leave_the_ones_before_them() {
    let served = Served::with_one().await;
    served.drop_in("a.toml", "[limits]\nfuel = 1000000\n").await;
    let fuel = |served: &Served| served.policies.for_type(&TypeName::from("sample")).unwrap().limits.fuel;
    assert_eq!(fuel(&served), 1_000_000);
    served.drop_in("a.toml", "[limits]\nfuel = 2000000\n[settings]\nhours = 3\n").await;
    assert_eq!((served.told("a"), fuel(&served)), (("live", Some("config-invalid")), 1_000_000));
    let text = served.status("a").refused.unwrap().text;
    assert!(text.contains("a.toml:4:1"), "{text}");
    served.drop_in("a.toml", "").await;
    assert_eq!((served.told("a"), fuel(&served)), (("live", None), Limits::default().fuel));
}

#[tokio::test]
async fn settings_that_are_gone_leave_the_ones_before_them_until_there_are_others() {
    let served = Served::with_one().await;
    let gone = |served: &Served, file: &str| fs::remove_file(served.plugins.0.join(file)).unwrap();
    let fuel = |served: &Served| served.policies.for_type(&TypeName::from("sample")).unwrap().limits.fuel;
    served.drop_in("a.toml", "[limits]\nfuel = 1000000\n").await;
    gone(&served, "a.toml");
    served.policies.reload().await;
    assert_eq!((served.told("a"), fuel(&served)), (("live", Some("settings-gone")), 1_000_000));
    assert!(served.status("a").refused.unwrap().text.contains("a.toml is gone"));
    let served = served.restart().await.unwrap();
    assert_eq!((served.told("a"), fuel(&served)), (("live", Some("settings-gone")), 1_000_000));
    served.drop_in("a.toml", "").await;
    assert_eq!((served.told("a"), fuel(&served)), (("live", None), Limits::default().fuel));

    // What was off or a shadow does not begin to decide.
    let other = Guest { message_type: "other", ..Guest::new(Decides::Send) };
    for mode in ["off", "shadow"] {
        served.drop_in("b.toml", format!("mode = '{mode}'")).await;
        served.drop_in("b.wasm", other.component()).await;
        gone(&served, "b.toml");
        served.policies.reload().await;
        assert_eq!((served.told("b"), served.decides("other")), ((mode, Some("settings-gone")), None));
    }
    let served = served.restart().await.unwrap();
    assert_eq!((served.told("b").1, served.decides("other")), (Some("settings-gone"), None));
}

#[tokio::test]
async fn a_file_that_was_written_over_in_place_is_noticed_though_it_looks_as_before() {
    let served = Served::with_one().await;
    let path = served.plugins.0.join("a.wasm");
    let before = fs::metadata(&path).unwrap();
    served.plugins.put("a.wasm", version("1.1.0"));
    fs::File::options().append(true).open(&path).unwrap().set_modified(before.modified().unwrap()).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().len(), before.len());
    served.policies.reload().await;
    assert_eq!(served.decides("sample").as_deref(), Some("1.1.0"));
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_refused_with_the_cause() {
    let served = Served::with_one().await;
    let path = served.plugins.0.join("a.wasm");
    fs::remove_file(&path).unwrap();
    // A file to whoever looks, whose first byte nobody can read.
    std::os::unix::fs::symlink("/proc/self/mem", &path).unwrap();
    served.policies.reload().await;
    assert_eq!(
        (served.told("a"), served.decides("sample").as_deref()),
        (("live", Some("unreadable")), Some("1.0.0"))
    );
    let text = served.status("a").refused.unwrap().text;
    assert!(text.starts_with("the file could not be read: ") && text.contains("os error"), "{text}");
}

#[tokio::test]
async fn a_policy_whose_file_is_gone_is_missed_until_somebody_says_that_it_is_off() {
    let served = Served::with_one().await;
    let sample = TypeName::from("sample");
    fs::remove_file(served.plugins.0.join("a.wasm")).unwrap();
    served.policies.reload().await;
    assert_eq!((served.told("a"), served.decides("sample")), (("removed", None), None));
    let removed = served.policies.removed_for_type(&sample).unwrap();
    assert_eq!(removed.name, "sample");

    let served = served.restart().await.unwrap();
    assert_eq!(served.policies.removed_for_type(&sample), Some(removed), "a restart does not forget it");
    served.drop_in("a.toml", "mode = 'off'").await;
    assert_eq!((served.told("a"), served.policies.removed_for_type(&sample)), (("off", None), None));
    let served = served.restart().await.unwrap();
    assert_eq!(served.policies.removed_for_type(&sample), None);
    served.plugins.put("a.toml", "");
    served.drop_in("a.wasm", version("1.1.0")).await;
    assert_eq!(served.decides("sample").as_deref(), Some("1.1.0"));
}

#[tokio::test]
async fn one_that_takes_the_place_of_a_removed_policy_ends_its_absence() {
    let served = Served::with_one().await;
    fs::rename(served.plugins.0.join("a.wasm"), served.plugins.0.join("b.wasm")).unwrap();
    served.policies.reload().await;
    assert_eq!(served.decides("sample").as_deref(), Some("1.0.0"));
    assert_eq!(served.policies.removed_for_type(&TypeName::from("sample")), None);
}

#[tokio::test]
async fn of_two_that_decide_for_one_type_the_one_that_was_there_stays() {
    let served = Served::with_one().await;
    served.drop_in("b.wasm", version("2.0.0")).await;
    assert_eq!(served.told("b"), ("refused", Some("same-type")));
    assert_eq!(served.decides("sample").as_deref(), Some("1.0.0"));
    served.drop_in("a.toml", "mode = 'off'").await;
    assert_eq!((served.told("a"), served.told("b")), (("off", None), ("live", None)));
    assert_eq!(served.decides("sample").as_deref(), Some("2.0.0"));
}

#[tokio::test]
async fn a_shadow_decides_nothing_and_is_promoted_by_its_mode() {
    let served = Served::with_one().await;
    served.plugins.put("b.toml", "mode = 'shadow'");
    served.drop_in("b.wasm", version("2.0.0")).await;
    let sample = TypeName::from("sample");
    assert_eq!((served.told("b"), served.decides("sample").as_deref()), (("shadow", None), Some("1.0.0")));
    assert_eq!(served.policies.shadows_for_type(&sample).len(), 1);

    served.drop_in("b.toml", "mode = 'live'").await;
    assert_eq!(served.told("b"), ("shadow", Some("same-type")), "until the other one steps back");
    served.drop_in("a.toml", "mode = 'off'").await;
    assert_eq!((served.told("b"), served.decides("sample").as_deref()), (("live", None), Some("2.0.0")));
    assert!(served.policies.shadows_for_type(&sample).is_empty());
}

#[tokio::test]
async fn a_call_that_runs_finishes_with_what_it_began_with() {
    let served = Served::with_one().await;
    let at_work = served.policies.for_type(&TypeName::from("sample")).unwrap();
    served.drop_in("a.wasm", version("1.1.0")).await;
    let answered = served.policies.decide(&at_work, &due("sample", NOW)).await.unwrap();
    assert_eq!(answered.by.version, "1.0.0");
    assert_eq!(served.decides("sample").as_deref(), Some("1.1.0"));
}

#[tokio::test]
async fn a_host_whose_folder_was_damaged_while_it_was_down_begins_with_the_last_good_version() {
    let served = Served::with_one().await;
    served.plugins.put("a.wasm", "half a f");
    let served = served.restart().await.unwrap();
    assert_eq!(
        (served.told("a"), served.decides("sample").as_deref()),
        (("live", Some("not-wasm")), Some("1.0.0"))
    );
}

#[tokio::test]
async fn what_a_running_host_survives_the_next_start_does_too() {
    let served = Served::with_one().await;
    let error = Served::first(|folder| {
        folder.put("a.wasm", version("1.0.0"));
        folder.put("b.wasm", "not a policy");
    })
    .await
    .err()
    .unwrap();
    assert!(error.contains("b.wasm is refused (not-wasm)"), "a clinic begins with all of its rules: {error}");

    // One that was never good is refused then as now.
    served.drop_in("b.wasm", "not a policy").await;
    assert_eq!(served.told("b"), ("refused", Some("not-wasm")));
    let served = served.restart().await.unwrap();
    assert_eq!((served.told("a"), served.told("b")), (("live", None), ("refused", Some("not-wasm"))));
    assert_eq!(served.decides("sample").as_deref(), Some("1.0.0"));

    // Of two for one type the one that was at work is, whatever they are called.
    served.plugins.put("0.wasm", version("2.0.0"));
    let served = served.restart().await.unwrap();
    assert_eq!((served.told("a"), served.told("0")), (("live", None), ("refused", Some("same-type"))));
    assert_eq!(served.decides("sample").as_deref(), Some("1.0.0"));

    // One that wants another's type has its own version from before.
    let other = Guest { message_type: "other", ..Guest::new(Decides::Send) };
    served.drop_in("b.wasm", other.component()).await;
    served.plugins.put("b.wasm", version("3.0.0"));
    let served = served.restart().await.unwrap();
    assert_eq!((served.told("a"), served.told("b")), (("live", None), ("live", Some("same-type"))));
    assert_eq!(served.decides("other").as_deref(), Some("1.0.0"));
}

#[tokio::test]
async fn a_policy_that_is_made_a_shadow_leaves_no_type_without_rules() {
    let served = Served::with_one().await;
    let sample = TypeName::from("sample");
    served.drop_in("a.toml", "mode = 'shadow'").await;
    let missed = |served: &Served| served.policies.removed_for_type(&sample).map(|it| (it.version, it.how));
    assert_eq!((served.told("a"), served.decides("sample")), (("shadow", None), None));
    assert_eq!(missed(&served), Some(("1.0.0".to_owned(), Removal::Shadow)));
    served.drop_in("a.wasm", version("1.1.0")).await;
    let served = served.restart().await.unwrap();
    assert_eq!(missed(&served), Some(("1.0.0".to_owned(), Removal::Shadow)), "a restart does not forget it");
    assert_eq!(served.status("a").removed[0].message_types.len(), 1);
    // Another takes the type, and nothing is missed any more.
    served.drop_in("b.wasm", version("2.0.0")).await;
    assert_eq!((missed(&served), served.status("a").removed), (None, Vec::new()));
    assert_eq!(served.decides("sample").as_deref(), Some("2.0.0"));
    fs::remove_file(served.plugins.0.join("b.wasm")).unwrap();
    served.drop_in("a.toml", "mode = 'live'").await;
    assert_eq!((served.told("a"), served.decides("sample").as_deref()), (("live", None), Some("1.1.0")));
}

/// A policy for these two message types.
fn for_two(version: &'static str) -> Vec<u8> {
    Guest { version, also: Some("other"), ..Guest::new(Decides::Send) }.component()
}

#[tokio::test]
async fn a_version_that_drops_a_type_leaves_it_missed_until_somebody_says_that_this_is_meant() {
    let other = TypeName::from("other");
    let missed = |served: &Served| {
        served.policies.removed_for_type(&other).map(|removed| (removed.version, removed.how))
    };
    let served = Served::first(|folder| drop(folder.put("a.wasm", for_two("1.0.0")))).await.unwrap();
    assert_eq!((served.decides("other").as_deref(), missed(&served)), (Some("1.0.0"), None));

    served.drop_in("a.wasm", version("2.0.0")).await;
    let dropped = Some(("1.0.0".to_owned(), Removal::Dropped));
    assert_eq!((served.decides("sample").as_deref(), served.decides("other")), (Some("2.0.0"), None));
    assert_eq!((served.told("a"), missed(&served)), (("live", None), dropped.clone()));
    assert_eq!(served.status("a").removed[0].message_types, std::slice::from_ref(&other));
    // Neither the next version nor a restart forgets it.
    served.drop_in("a.wasm", version("3.0.0")).await;
    assert_eq!(missed(&served), dropped);
    let served = served.restart().await.unwrap();
    assert_eq!((served.decides("sample").as_deref(), missed(&served)), (Some("3.0.0"), dropped.clone()));

    // Another decides for it, and goes again.
    let stand_in = Guest { message_type: "other", ..Guest::new(Decides::Send) };
    served.drop_in("b.wasm", stand_in.component()).await;
    assert_eq!((served.decides("other").is_some(), missed(&served)), (true, None));
    assert!(served.status("a").removed.is_empty());
    served.drop_in("b.toml", "mode = 'off'").await;
    assert_eq!(missed(&served), dropped);

    served.drop_in("a.toml", "drops = ['other']").await;
    assert_eq!((missed(&served), served.status("a").removed), (None, Vec::new()));
    let served = served.restart().await.unwrap();
    assert_eq!(missed(&served), None);
}

#[tokio::test]
async fn a_version_that_is_rolled_back_leaves_no_type_without_rules() {
    let served = Served::with_one().await;
    let failing = Guest { version: "2.0.0", also: Some("other"), ..Guest::new(Decides::DivideByZero) };
    served.drop_in("a.wasm", failing.component()).await;
    assert_eq!(served.decides("other").as_deref(), Some("2.0.0"));
    served.fail("trap").await;
    assert_eq!((served.decides("sample").as_deref(), served.decides("other")), (Some("1.0.0"), None));
    let missed = served.policies.removed_for_type(&TypeName::from("other")).unwrap();
    assert_eq!((missed.version.as_str(), missed.how), ("2.0.0", Removal::Dropped));
}

#[tokio::test]
async fn of_two_new_files_for_one_type_the_first_by_name_decides_whichever_is_known_first() {
    for arrivals in [["a", "b"], ["b", "a"]] {
        let served = Served::first(|_| {}).await.unwrap();
        served.plugins.put("a.wasm", version("1.0.0"));
        served.plugins.put("b.wasm", version("2.0.0"));
        served.policies.reload_in_order(&arrivals).await;
        assert_eq!(served.decides("sample").as_deref(), Some("1.0.0"), "{arrivals:?}");
        assert_eq!((served.told("a"), served.told("b")), (("live", None), ("refused", Some("same-type"))));
    }
}

#[tokio::test]
async fn what_keeps_its_types_is_at_work_before_the_others_of_its_round_are_known() {
    let served = Served::with_one().await;
    served.plugins.put("a.wasm", version("1.1.0"));
    served.plugins.put("b.wasm", Guest { message_type: "other", ..Guest::new(Decides::Send) }.component());
    served.policies.reload_in_order(&["a"]).await;
    assert_eq!((served.decides("sample").as_deref(), served.decides("other")), (Some("1.1.0"), None));
    served.policies.reload_in_order(&["b"]).await;
    assert_eq!(served.decides("other").as_deref(), Some("1.0.0"));
}
