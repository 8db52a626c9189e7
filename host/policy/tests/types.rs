//! Message types while files come, go and change places: none is left without rules in silence.

use super::guest::{Decides, Guest};
use super::served::{Served, version};
use crate::domain::kind::TypeName;
use crate::policy::{Policies, Removal};
use std::fs;

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
