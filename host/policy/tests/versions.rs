//! Versions: what gives way to what, what is tried again, and for how long they are kept.

use super::guest::{Decides, Guest};
use super::served::{Served, version};
use crate::domain::kind::TypeName;
use crate::domain::policy::Decision;
use crate::policy::{Archive, Limits};
use std::fs;
use std::path::Path;

#[tokio::test]
async fn a_version_that_fails_again_and_again_gives_way_to_the_one_before() {
    let served = Served::with_one().await;
    let faulty = Guest { version: "1.1.0", ..Guest::new(Decides::DivideByZero) };
    served.drop_in("a.wasm", faulty.component()).await;
    assert_eq!(served.decides("sample").as_deref(), Some("1.1.0"));
    for id in ["one", "one", "one", "two"] {
        assert_eq!(served.ask(id).await.unwrap_err().code, "trap");
    }
    assert_eq!((served.status("a").faults, served.status("a").last_fault), (4, Some("trap")));
    assert_eq!(served.ask("three").await.unwrap_err().code, "trap");
    assert!(matches!(served.ask("three").await.unwrap().answer, Decision::Send { .. }));
    assert_eq!(
        (served.told("a"), served.decides("sample").as_deref()),
        (("live", Some("rolled-back")), Some("1.0.0"))
    );

    let why = |served: &Served| served.status("a").refused.unwrap().text;
    assert!(why(&served).contains("(5 times, at last with `trap`)"), "{}", why(&served));

    // Neither another look nor a restart tries it again; another file does.
    let modified = fs::metadata(served.plugins.0.join("a.wasm")).unwrap().modified().unwrap();
    fs::File::options()
        .append(true)
        .open(served.plugins.0.join("a.wasm"))
        .unwrap()
        .set_modified(modified + std::time::Duration::from_secs(1))
        .unwrap();
    served.policies.reload().await;
    assert_eq!(served.told("a"), ("live", Some("rolled-back")));
    let served = served.restart().await.unwrap();
    assert_eq!(
        (served.told("a"), served.decides("sample").as_deref()),
        (("live", Some("rolled-back")), Some("1.0.0"))
    );
    assert!(why(&served).contains("(5 times, at last with `trap`)"), "{}", why(&served));
    served.drop_in("a.wasm", version("1.2.0")).await;
    assert_eq!((served.told("a"), served.decides("sample").as_deref()), (("live", None), Some("1.2.0")));
}

#[tokio::test]
async fn the_version_before_is_known_after_a_restart() {
    let served = Served::with_one().await;
    let faulty = Guest { version: "1.1.0", ..Guest::new(Decides::DivideByZero) };
    served.drop_in("a.wasm", faulty.component()).await;
    let served = served.restart().await.unwrap();
    assert_eq!(served.decides("sample").as_deref(), Some("1.1.0"));
    served.fail("trap").await;
    assert_eq!(
        (served.told("a"), served.decides("sample").as_deref()),
        (("live", Some("rolled-back")), Some("1.0.0"))
    );
}

#[tokio::test]
async fn other_limits_are_another_version() {
    let served = Served::with_one().await;
    let fuel = |served: &Served| served.policies.for_type(&TypeName::from("sample")).unwrap().limits.fuel;
    // Less fuel than it needs is taken back.
    served.drop_in("a.toml", "[limits]\nfuel = 1\n").await;
    assert_eq!((served.told("a"), fuel(&served)), (("live", None), 1));
    served.fail("out-of-fuel").await;
    assert_eq!((served.told("a"), fuel(&served)), (("live", Some("rolled-back")), Limits::default().fuel));
    served.ask("four").await.unwrap();
    // More is tried, and so it is after a restart; what failed is not.
    served.drop_in("a.toml", "[limits]\nfuel = 1000000\n").await;
    assert_eq!((served.told("a"), fuel(&served)), (("live", None), 1_000_000));
    served.drop_in("a.toml", "# Too little.\n[limits]\nfuel = 1\n").await;
    assert_eq!((served.told("a"), fuel(&served)), (("live", Some("rolled-back")), 1_000_000));
    let served = served.restart().await.unwrap();
    assert_eq!((served.told("a"), fuel(&served)), (("live", Some("rolled-back")), 1_000_000));
    served.plugins.put("a.toml", "[limits]\nfuel = 2000000\n");
    let served = served.restart().await.unwrap();
    assert_eq!((served.told("a"), fuel(&served)), (("live", None), 2_000_000));
}

#[tokio::test]
async fn what_was_at_work_is_kept_under_its_hash_with_its_settings() {
    let served = Served::with_one().await;
    let loaded = served.policies.for_type(&TypeName::from("sample")).unwrap();
    served.drop_in("a.wasm", version("1.1.0")).await;
    let archive = Archive::new(served.host.0.join("archive"));
    assert_eq!(fs::read(archive.wasm(&loaded.hash).unwrap()).unwrap(), version("1.0.0"));
    assert_eq!(archive.settings(&loaded.settings_hash).as_deref(), Some("{}"));
    assert_eq!(archive.wasm("../cache"), None);
}

#[tokio::test]
async fn a_version_is_kept_as_long_as_decisions_may_name_it() {
    let served = Served::with_one().await;
    let first = served.policies.for_type(&TypeName::from("sample")).unwrap().hash.clone();
    let archive = Archive::new(served.host.0.join("archive"));
    let file = archive.wasm(&first).unwrap();
    let folder = fs::metadata(file.parent().unwrap()).unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&folder) & 0o777, 0o700, "nobody else reads it");
    let age = |file: &Path, days: u32| {
        let day = std::time::Duration::from_hours(24);
        let then = fs::metadata(file).unwrap().modified().unwrap() - day * days;
        fs::File::options().append(true).open(file).unwrap().set_modified(then).unwrap();
    };
    // It decided for longer than decisions are kept, until it was replaced: its time runs from here on.
    age(&file, 800);
    for release in ["1.1.0", "1.2.0", "1.3.0"] {
        served.drop_in("a.wasm", version(release)).await;
    }
    let served = served.restart().await.unwrap();
    assert!(file.exists());
    age(&file, 424);
    let served = served.restart().await.unwrap();
    assert!(file.exists());
    age(&file, 2);
    // Where decisions are kept for longer, so is what they name.
    archive.with_decisions_kept(std::time::Duration::from_hours(24 * 3650)).prune();
    assert!(file.exists());
    let served = served.restart().await.unwrap();
    assert!(!file.exists());
    // What is at work, and what it would give way to, stay however old they are.
    let entries = fs::read_dir(served.host.0.join("archive")).unwrap();
    let kept: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    for file in &kept {
        age(file, 4000);
    }
    let served = served.restart().await.unwrap();
    let left = fs::read_dir(served.host.0.join("archive")).unwrap().count();
    assert_eq!(left, 4, "two versions, their settings, and the record");
    assert_eq!(served.decides("sample").as_deref(), Some("1.3.0"));
}
