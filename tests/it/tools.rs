//! The operator's tools: a home from nothing, and what a shell and a reader of manuals want.

use crate::support::Folder;
use crate::support::program::{run, tidings};
use serde_json::{Value, json};
use std::process::Stdio;

#[test]
fn one_binary_makes_a_home_that_is_sound_and_never_writes_over_a_file() {
    let folder = Folder::new();
    let home = folder.path().join("clinic");
    let init = || run(folder.path(), &["init", home.to_str().unwrap()]);
    let (status, said, errors) = init();
    assert!(status == Some(0) && said.contains("tidings check --home"), "{said}{errors}");
    assert!(
        !home.join("plugins/sdk").exists() && !home.join("plugins/otp").exists(),
        "sources are not part of a home"
    );
    let (status, said, errors) = run(&home, &["check"]);
    assert!(status == Some(0) && said.contains("appointment-reminder"), "{said}{errors}");
    let own = "[clinic]\nname = \"Our Clinic\"\n";
    std::fs::write(home.join("tidings.toml"), own).unwrap();
    let (status, said, _) = init();
    assert!(status == Some(0) && said.starts_with("0 files"), "{said}");
    assert_eq!(std::fs::read_to_string(home.join("tidings.toml")).unwrap(), own);
}

#[test]
fn a_systemd_unit_names_the_home_and_lets_it_write_nowhere_else() {
    let folder = Folder::new();
    let (status, unit, _) = run(folder.path(), &["init", "--systemd", "/srv/texts"]);
    assert_eq!(status, Some(0));
    for line in ["serve --home /srv/texts", "ReadWritePaths=/srv/texts", "ProtectSystem=strict"] {
        assert!(unit.contains(line), "{line}: {unit}");
    }
}

#[test]
fn completions_and_the_manual_come_from_the_commands_themselves() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish"] {
        let (status, script, _) = run(folder.path(), &["completions", shell]);
        assert!(status == Some(0) && script.contains("doctor"), "{shell}");
    }
    let (status, page, _) = run(folder.path(), &["man"]);
    assert!(status == Some(0) && page.contains(".TH tidings") && page.contains("doctor"), "{page:.200}");
    let pages = folder.path().join("man1");
    let (status, said, errors) = run(folder.path(), &["man", "--out", pages.to_str().unwrap()]);
    assert!(status == Some(0) && said.contains("pages in"), "{errors}");
    let page = std::fs::read_to_string(pages.join("tidings-key-create.1")).unwrap();
    assert!(page.contains(".TH tidings-key-create 1") && page.contains("expires"), "{page:.200}");
}

#[test]
fn a_reader_that_has_seen_enough_ends_a_command_without_a_word() {
    let home = crate::support::program::new_home();
    let mut command = tidings(home.path(), &["locale", "cost"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(141), String::new()));
}

#[test]
fn a_new_master_key_wraps_what_the_one_before_did_and_that_one_goes_when_asked() {
    let home = crate::support::program::new_home();
    let texts = home.path().join("texts.jsonl");
    let line = json!({"type": "prescription-ready", "to": {"id": "ana", "phone": "+12025550143"}});
    std::fs::write(&texts, format!("{line}\n")).unwrap();
    assert_eq!(run(home.path(), &["import", texts.to_str().unwrap(), "--test"]).0, Some(0));
    let master = home.path().join(".tidings/keys/master.key");
    let before = std::fs::read(&master).unwrap();
    let (status, said, errors) = run(home.path(), &["key", "rotate-master"]);
    assert!(status == Some(0) && said.starts_with("1 keys are wrapped by"), "{said}{errors}");
    assert_ne!(std::fs::read(&master).unwrap(), before);
    let (status, said, errors) = run(home.path(), &["key", "rotate-master", "--resume", "--remove-retired"]);
    assert!(status == Some(0) && said.contains("1 older master keys are removed"), "{said}{errors}");
    let (status, said, errors) = run(home.path(), &["export", "--recipient", "ana"]);
    assert!(status == Some(0) && said.contains("+12025550143"), "{said}{errors}");
    let (_, audit, _) = run(home.path(), &["audit", "list"]);
    assert_eq!(audit.matches("key rotate-master").count(), 1, "{audit}");
}

#[test]
fn what_takes_long_is_quiet_in_a_pipe() {
    let home = crate::support::program::new_home();
    assert_eq!(run(home.path(), &["migrate"]).0, Some(0));
    let texts = home.path().join("texts.jsonl");
    let line = json!({"type": "prescription-ready", "to": {"id": "ana", "phone": "+12025550143"}});
    std::fs::write(&texts, format!("{line}\n").repeat(120)).unwrap();
    let copy = home.path().join("copy.db");
    for arguments in [
        ["import", texts.to_str().unwrap(), "--test"].as_slice(),
        &["export", "--recipient", "ana"],
        &["audit", "verify"],
        &["backup", copy.to_str().unwrap()],
    ] {
        let (status, said, errors) = run(home.path(), arguments);
        assert_eq!(status, Some(0), "{arguments:?}: {errors}");
        assert!(
            !said.is_empty() && !(said + &errors).contains(['\r', '\u{1b}']),
            "{arguments:?}: {errors:?}"
        );
    }
}

#[tokio::test]
async fn a_message_is_told_in_words_and_released_from_the_command_line() {
    let home = crate::support::program::new_home();
    let budget = "[[budget.fuses]]\ntype = \"urgent-alert\"\nper = \"day\"\nsegments = 1\n";
    std::fs::write(home.path().join("tidings.toml"), budget).unwrap();
    let running = crate::support::program::Running::start(home.path(), None);
    let body = json!({"type": "urgent-alert", "to": {"id": "ana", "phone": "+12025550143"},
        "variables": {"text": "The clinic is closed today."}});
    let post = async || {
        let posted =
            running.client.post(format!("{}/api/v1/messages", running.base)).bearer_auth(&running.key);
        let message: Value = posted.json(&body).send().await.unwrap().json().await.unwrap();
        message["id"].as_str().unwrap().to_owned()
    };
    let comes_to = async |id: &str, state: &str| {
        let path = format!("/api/v1/messages/{id}");
        // The program has a clock of its own: there is nothing to wait for but the time it takes.
        for _ in 0..3000 {
            if running.get(&path).await["state"] == state {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("{id} is not {state}: {}", running.get(&path).await);
    };
    let id = &post().await;
    comes_to(id, "delivered").await;
    // The day's budget is used up: a person releases the next one, and it is judged again.
    let held = &post().await;
    comes_to(held, "held").await;
    let (status, said, errors) = run(home.path(), &["message", "retry", held]);
    assert!(status == Some(0) && said.starts_with("released"), "{said}{errors}");
    comes_to(held, "held").await;
    let (_, said, _) = run(home.path(), &["message", "show", held]);
    assert!(said.contains("released") && said.contains("budget"), "{said}");
    let path = format!("/api/v1/messages/{id}");
    let (status, said, errors) = run(home.path(), &["message", "show", id]);
    assert_eq!(status, Some(0), "{errors}");
    assert!(said.starts_with("urgent-alert to +1") && said.contains(": delivered"), "{said}");
    assert!(!said.contains("closed today") && !said.contains("2025550143"), "{said}");
    let told = running.get(&path).await["story"].as_array().map_or(0, Vec::len);
    assert!(said.lines().filter(|line| line.contains("Z  ")).count() >= told.max(3), "{said}");
    let (_, said, _) = run(home.path(), &["message", "show", id, "--text"]);
    assert!(said.contains("The clinic is closed today."), "{said}");
    // What has arrived is not released, and what was never there is not shown.
    let (status, _, errors) = run(home.path(), &["message", "retry", id]);
    assert!(status == Some(1) && errors.contains("delivered"), "{errors}");
    let (status, _, errors) = run(home.path(), &["message", "show", "019ab000-0000-7000-8000-000000000000"]);
    assert!(status == Some(1) && errors.contains("there is no message"), "{errors}");
    assert_eq!(running.stop(), Some(0));
}

/// Regular files that a process has open for writing.
fn open_for_writing(process: u32) -> Vec<std::path::PathBuf> {
    let handles = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap().flatten();
    let written = handles.filter_map(|handle| {
        let number = handle.file_name();
        let info = std::fs::read_to_string(format!("/proc/{process}/fdinfo/{}", number.to_str()?)).ok()?;
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"))?.trim();
        let is_written = u32::from_str_radix(flags, 8).ok()? & 3 != 0;
        let target = std::fs::read_link(handle.path()).ok()?;
        (is_written && target.is_file()).then_some(target)
    });
    written.collect()
}

#[tokio::test]
async fn one_binary_and_a_folder_are_a_whole_installation_that_writes_nowhere_else() {
    let folder = Folder::new();
    let home = folder.path().join("clinic");
    let elsewhere = folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    assert_eq!(run(folder.path(), &["init", home.to_str().unwrap()]).0, Some(0));
    let place = elsewhere.to_str().unwrap();
    let running = crate::support::program::Running::start_with(
        &home,
        None,
        &[("HOME", place), ("TMPDIR", place), ("XDG_CACHE_HOME", place), ("XDG_CONFIG_HOME", place)],
    );
    let posted = running.client.post(format!("{}/api/v1/events", running.base)).bearer_auth(&running.key);
    let event: Value = posted.json(&running.event).send().await.unwrap().json().await.unwrap();
    assert_eq!(event["messages"].as_array().map(Vec::len), Some(3), "{event}");
    let written = open_for_writing(running.process());
    assert!(written.iter().any(|file| file.ends_with(".tidings/tidings.db")), "{written:?}");
    let home = home.canonicalize().unwrap();
    assert!(written.iter().all(|file| file.starts_with(&home) || file.starts_with("/dev")), "{written:?}");
    assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 0);
    assert_eq!(running.stop(), Some(0));
}
