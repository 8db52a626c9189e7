//! Folders, settings and the cache.

use super::guest::{Contract, Decides, Early, Guest, with_memory};
use super::{Folder, chain, due, only};
use crate::domain::kind::TypeName;
use crate::policy::{Limits, LoadReport, PolicyLoadError};
use std::fs;
use std::time::Duration;

async fn refusal(folder: &Folder) -> String {
    chain(&folder.load(&Limits::default()).await.unwrap_err()).replace(folder.0.to_str().unwrap(), "plugins")
}

#[tokio::test]
async fn a_folder_of_policies_is_loaded_and_found_by_type() {
    let folder = Folder::new();
    folder.put("b.wasm", Guest { message_type: "second", ..Guest::new(Decides::Send) }.component());
    folder.put("a.wasm", Guest { message_type: "first", ..Guest::new(Decides::Send) }.component());
    folder.put("a.toml", "[limits]\nfuel = 1000\n");
    folder.put("off.wasm", "not even a policy");
    folder.put("off.toml", "mode = 'off'");
    folder.put(".draft.wasm", "half a file");
    folder.put("readme.md", "# Policies");

    let limits = Limits::default();
    let loading = folder.load(&limits);
    // The host loads on any of its threads.
    let _: &dyn Send = &loading;
    let (policies, reports) = loading.await.unwrap();
    assert!(matches!(&reports[..], [LoadReport::Live(_), LoadReport::Live(_), LoadReport::Off { .. }]));
    let first = policies.for_type(&TypeName::from("first")).unwrap();
    assert_eq!((first.file.file_name().unwrap().to_str(), first.limits.fuel), (Some("a.wasm"), 1000));
    assert!(policies.for_type(&TypeName::from("third")).is_none());
    assert_eq!(policies.all().len(), 2);
    assert!(policies.for_event("appointment.booked").is_empty());
}

#[tokio::test]
async fn two_policies_for_one_type_are_refused_by_their_names() {
    let folder = Folder::new();
    folder.put("a.wasm", Guest::new(Decides::Send).component());
    folder.put("b.wasm", Guest::new(Decides::Loop).component());
    assert_eq!(
        refusal(&folder).await,
        "plugins/a.wasm and plugins/b.wasm both decide for the message type `sample`: set `mode = \"off\"` for one of them"
    );
    folder.put("b.toml", "mode = 'off'");
    folder.load(&Limits::default()).await.unwrap();
}

#[tokio::test]
async fn a_broken_file_is_refused_by_name_and_reason() {
    let folder = Folder::new();
    folder.put("a.wasm", "hello");
    assert_eq!(
        refusal(&folder).await,
        "the policy plugins/a.wasm is refused (not-wasm): this is not WebAssembly: it does not begin with `\\0asm`"
    );
}

#[tokio::test]
async fn broken_settings_are_refused_where_they_stand() {
    let folder = Folder::new();
    folder.put("a.wasm", Guest::new(Decides::Send).component());
    folder.put("a.toml", "mode = \"live\"\n\n[settings]\nhours = 3\n");
    let refused = refusal(&folder).await;
    let place = "the policy plugins/a.wasm is refused (config-invalid): plugins/a.toml:4:1\n  |\n4 | hours = 3\n  | ^^^^^\n";
    assert!(refused.starts_with(place), "{refused}");

    folder.put("a.toml", "[limits]\nfuel = 1000\nmemory = '128 MiB'\n");
    let refused = refusal(&folder).await;
    assert!(refused.ends_with("\n`memory` is 128 MiB; it can be from 64 KiB to 64 MiB"), "{refused}");
    assert!(refused.contains("plugins/a.toml:1:1\n"), "{refused}");
}

#[tokio::test]
async fn settings_that_the_policy_refuses_are_refused_in_its_words() {
    let folder = Folder::new();
    let picky = Guest { refuses_settings: Some("`before` names no reminder."), ..Guest::new(Decides::Send) };
    folder.put("a.wasm", picky.component());
    folder.put("a.toml", "\n[settings]\n");
    let refused = refusal(&folder).await;
    let words = "plugins/a.toml:2:2\n  |\n2 | [settings]\n  |  ^^^^^^^^\n\
        the policy does not accept its settings: `before` names no reminder.";
    assert!(refused.ends_with(words), "{refused}");
}

#[tokio::test]
async fn limits_above_the_ceiling_and_folders_that_are_not_there_are_refused() {
    let folder = Folder::new();
    let limits = Limits { fuel: 3_000_000_000, ..Limits::default() };
    assert!(matches!(folder.load(&limits).await, Err(PolicyLoadError::Limits(_))));
    fs::remove_dir(&folder.0).unwrap();
    assert!(matches!(folder.load(&Limits::default()).await, Err(PolicyLoadError::Folder { .. })));
}

#[tokio::test]
async fn compiled_code_is_used_again_and_never_when_it_was_touched() {
    let folder = Folder::new();
    folder.put("a.wasm", Guest::new(Decides::Send).component());
    let from_cache = async || {
        let (_, reports) = folder.load(&Limits::default()).await.unwrap();
        only(&reports).from_cache
    };
    assert!(!from_cache().await);
    assert!(from_cache().await);

    let entry = |kind: &str| {
        let mut files = fs::read_dir(folder.0.join("cache")).unwrap().map(|file| file.unwrap().path());
        files.find(|path| path.extension().is_some_and(|extension| extension == kind)).unwrap()
    };
    let mut code = fs::read(entry("cwasm")).unwrap();
    let last = code.len() - 1;
    code[last] ^= 1;
    fs::write(entry("cwasm"), &code).unwrap();
    assert!(!from_cache().await, "a byte of the code was changed");
    assert!(from_cache().await, "and it was written anew");

    fs::remove_file(entry("mac")).unwrap();
    assert!(!from_cache().await, "the seal is gone");

    // The code of one policy under the name of another: a good seal, in the wrong place.
    let (code, seal) = (fs::read(entry("cwasm")).unwrap(), fs::read(entry("mac")).unwrap());
    folder.put("a.wasm", Guest::new(Decides::Loop).component());
    fs::remove_dir_all(folder.0.join("cache")).unwrap();
    assert!(!from_cache().await);
    fs::write(entry("cwasm"), code).unwrap();
    fs::write(entry("mac"), seal).unwrap();
    assert!(!from_cache().await, "the seal of another policy");
}

#[tokio::test]
async fn compiled_code_that_nobody_has_taken_up_for_a_month_is_removed_and_no_other() {
    let folder = Folder::new();
    folder.put("a.wasm", Guest::new(Decides::Send).component());
    let load = async || {
        let (_, reports) = folder.load(&Limits::default()).await.unwrap();
        only(&reports).from_cache
    };
    let cached = || -> Vec<_> {
        fs::read_dir(folder.0.join("cache")).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let age = |days: u64| {
        for path in cached() {
            let then = fs::metadata(&path).unwrap().modified().unwrap() - Duration::from_hours(days * 24);
            fs::File::options().append(true).open(path).unwrap().set_modified(then).unwrap();
        }
    };
    assert!(!load().await);
    age(400);
    assert!(load().await, "what is at work is taken up, however old it is");
    // Another takes its place, and that of an engine that this host does not have lies beside it.
    folder.put("a.wasm", Guest { version: "2.0.0", ..Guest::new(Decides::Send) }.component());
    folder.put("cache/0123-0123456789abcdef.cwasm", "code");
    age(29);
    assert!(!load().await);
    assert_eq!(cached().len(), 5);
    age(2);
    assert!(load().await);
    assert_eq!(cached().len(), 2);
}

#[tokio::test]
async fn a_guest_of_a_later_minor_version_loads_when_it_uses_nothing_that_is_new() {
    let folder = Folder::new();
    let put = |contract| folder.put("a.wasm", Guest { contract, ..Guest::new(Decides::Send) }.component());
    put(Contract::Grown);
    let (policies, reports) = folder.load(&Limits::default()).await.unwrap();
    policies.decide(&only(&reports), &due("sample", "2026-11-24T14:00:00-05:00")).await.unwrap();

    for (contract, what) in [
        (Contract::GrownFunction, "holidays"),
        (Contract::GrownInterface, "there is no `tidings:policy/weather`"),
    ] {
        put(contract);
        let refused = refusal(&folder).await;
        let words = "is refused (version-unsupported): it was built for 1.1.0 of the contract and uses what is new \
                     there; this host speaks 1.0: ";
        assert!(refused.contains(words) && refused.contains(what), "{refused}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn the_cache_is_nobody_else_s() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    folder.put("a.wasm", Guest::new(Decides::Send).component());
    folder.load(&Limits::default()).await.unwrap();
    let mode = fs::metadata(folder.0.join("cache")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test]
async fn another_key_does_not_open_the_cache() {
    let folder = Folder::new();
    folder.put("a.wasm", Guest::new(Decides::Send).component());
    folder.load(&Limits::default()).await.unwrap();
    let cache = crate::policy::Cache::new(folder.0.join("cache"), [8; 32]);
    let (_, reports) = crate::policy::Policies::load(&folder.0, &cache, &Limits::default()).await.unwrap();
    assert!(!only(&reports).from_cache);
}

#[tokio::test]
async fn what_never_ends_before_a_question_is_asked_is_refused() {
    for (early, code) in [
        (Early::Start, "describe-failed"),
        (Early::Describe, "describe-failed"),
        (Early::Configure, "config-invalid"),
    ] {
        let folder = Folder::new();
        let guest = Guest { loops_in: Some(early), ..Guest::new(Decides::Send) };
        folder.put("a.wasm", guest.component());
        let limits = toml::from_str("wall = '2s'\nstart_fuel = 1000000").unwrap();
        match folder.load(&limits).await {
            Err(PolicyLoadError::Refused { source, .. }) => {
                assert_eq!(source.code, code, "{early:?}");
                assert!(source.text.contains("out-of-fuel: it used up its 1000000 units"), "{}", source.text);
            }
            other => panic!("{early:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn memories_count_together_in_whichever_module_they_are() {
    let load = async |pages| {
        let folder = Folder::new();
        folder.put("a.wasm", with_memory(Guest::new(Decides::GrowForEver).component(), pages));
        let (policies, reports) =
            folder.load(&toml::from_str("wall = '2s'").unwrap()).await.map_err(|error| chain(&error))?;
        let question = due("sample", "2026-11-24T14:00:00-05:00");
        Ok::<_, String>(policies.decide(&only(&reports), &question).await.unwrap_err())
    };
    // 1 MiB in the one, 30 in the other: the first grows by 1 more.
    let fault = load(480).await.unwrap();
    assert_eq!(fault.code, "memory-limit");
    assert!(fault.text.starts_with("it asked for 33 MiB of memory and may have 32 MiB"), "{}", fault.text);
    let refused = load(500).await.unwrap_err();
    assert!(refused.contains("memory-limit: it asked for 33024 KiB of memory"), "{refused}");
}
