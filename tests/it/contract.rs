//! The contract grows, and what was built for an older one goes on.

use crate::guest::Contract;
use crate::plugins::answers;
use crate::support::{Folder, repository};
use std::fs;
use std::path::PathBuf;
use tidings::policy::{Cache, Limits, Policies};
use wit_parser::Resolve;

/// What is kept of every released version, by its ending.
fn frozen(ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(repository().join("tests/frozen")).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == ending));
    files.sort();
    assert!(!files.is_empty());
    files
}

#[tokio::test]
async fn guests_built_for_every_released_version_of_the_contract_load_and_answer() {
    let folder = Folder::new();
    fs::create_dir(folder.path().join("plugins")).unwrap();
    for file in frozen("wasm") {
        fs::copy(&file, folder.path().join("plugins/frozen.wasm")).unwrap();
        let cache = Cache::new(folder.path().join("compiled"), [3; 32]);
        let loaded = Policies::load(&folder.path().join("plugins"), &cache, &Limits::default()).await;
        let (policies, reports) = loaded.unwrap();
        assert_eq!(reports.len(), 1, "{}", file.display());
        let answers = answers(&policies).await;
        // Each of the four questions, in the first letters of its answers.
        for begins in [
            &["Ok(Plan"][..],
            &["Ok(Send", "Ok(Defer", "Ok(Suppress"],
            &["Ok(Retry", "Ok(GiveUp"],
            &["Ok(Ignore", "Ok(Answer", "Ok(Request", "Ok(HandToStaff", "Ok(OptOut"],
        ] {
            let is_answer = |answer: &&String| begins.iter().any(|begin| answer.starts_with(begin));
            assert!(answers.iter().any(|answer| is_answer(&answer)), "{begins:?}: {}", file.display());
        }
        let fault = answers.iter().find(|answer| !answer.starts_with("Ok("));
        assert_eq!(fault, None, "{}", file.display());
    }
}

/// Whether a host of the newer contract serves every guest of the older one.
fn serves(newer: &str, older: &str) -> Result<(), String> {
    let mut resolve = Resolve::default();
    // Two packages of one name and version cannot stand beside each other; versions do not count here.
    let older = older.replacen("package tidings:policy@1.", "package tidings:policy@0.", 1);
    let mut world = |name: &str, text: &str| {
        let package = resolve.push_source(name, text).unwrap();
        resolve.select_world(&[package], Some("message-policy")).unwrap()
    };
    let (older, newer) = (world("older.wit", &older), world("newer.wit", newer));
    wit_component::semver_check(resolve, older, newer).map_err(|error| format!("{error:#}"))
}

#[test]
fn the_contract_has_grown_only_so_that_every_older_guest_fits() {
    for file in frozen("wit") {
        let released = fs::read_to_string(&file).unwrap();
        serves(&Contract::Ours.text(), &released).unwrap();
    }
}

#[test]
fn growth_by_the_rules_of_the_contract_passes_and_what_they_forbid_does_not() {
    let ours = Contract::Ours.text();
    serves(&Contract::Grown.text(), &ours).unwrap();
    for (before, after) in [
        ("enum role { patient, doctor }", "enum role { patient, doctor, carer }"),
        ("record fact { key: string,", "record fact { key: string, unit: string,"),
        ("variant decision { send(reason),", "variant decision { send(reason), ask(reason),"),
        ("  describe: func() -> description;", "  describe: func() -> description;\n  ping: func();"),
        ("  write: func(level: level, text: string);", "  write: func(text: string);"),
    ] {
        assert!(ours.contains(before), "{before}");
        serves(&ours.replace(before, after), &ours).expect_err(after);
    }
}
