//! The folder while the host runs: what is dropped is at work, and what is broken hurts nothing.

use super::due;
use super::guest::{Decides, Guest};
use super::served::{NOW, Served, version};
use crate::domain::kind::TypeName;
use crate::policy::Limits;
use std::fs;
use std::task::Poll;

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
    let served = Served::first(|folder| {
        folder.put("a.wasm", Guest::new(Decides::Loop).component());
        folder.put("a.toml", "[limits]\nfuel = 200000000\n");
    });
    let served = served.await.unwrap();
    let at_work = served.policies.for_type(&TypeName::from("sample")).unwrap();
    let question = due("sample", NOW);
    // It runs until the host looks whether others have something to do.
    let mut call = std::pin::pin!(served.policies.decide(&at_work, &question));
    let is_running = std::future::poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_pending()));
    assert!(is_running.await);
    served.drop_in("a.wasm", version("1.1.0")).await;
    assert_eq!(served.decides("sample").as_deref(), Some("1.1.0"));
    let fault = call.await.unwrap_err();
    assert_eq!((fault.code, fault.by.version.as_str()), ("out-of-fuel", "1.0.0"));
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
