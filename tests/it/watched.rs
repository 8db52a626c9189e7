//! The folder of a running program, as a clinic handles it: with copies, renames, editors and mistakes. The
//! program has a clock of its own: there is nothing to wait for but the time it takes.

use crate::guest::{Decides, Guest, importing};
use crate::support::program::{Running, new_home, run};
use crate::support::{Folder, repository};
use serde_json::{Value, json};
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

/// A running host, and the file that a test is about.
struct Watched {
    home: Folder,
    running: Running,
}

impl Watched {
    fn begin() -> Self {
        let home = new_home();
        let running = Running::start(home.path(), None);
        Self { home, running }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.home.path().join("plugins").join(name)
    }

    /// Waits until this is told of the file `ours`.
    async fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let mut policies = Value::Null;
        for _ in 0..3000 {
            policies = self.running.get("/api/v1/policies").await;
            let items = policies["items"].as_array().unwrap();
            if let Some(ours) = items.iter().find(|item| item["file"] == "ours").filter(|item| is_so(item)) {
                return ours.clone();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{what}: {policies}")
    }

    async fn until_at_work(&self, version: &str) {
        self.until(version, |ours| ours["version"] == version && ours["refused"].is_null()).await;
    }

    /// Waits until the file is refused so, and looks for the reason wherever people look for it. The
    /// version at work stays.
    async fn until_refused(&self, code: &str, at_work: &str) {
        let ours = self.until(code, |ours| ours["refused"]["code"] == code).await;
        assert_eq!((&ours["state"], &ours["version"]), (&json!("live"), &json!(at_work)), "{ours}");
        let text = ours["refused"]["text"].as_str().unwrap();
        let ready = self.running.get("/readyz").await;
        assert_eq!(ready["ready"], true, "{ready}");
        assert_eq!(ready["refused"], json!([format!("ours ({code}): {text}")]));
        let log = fs::read_to_string(self.home.path().join("log")).unwrap();
        assert!(log.lines().any(|line| line.contains("a policy is refused") && line.contains(code)), "{log}");
        let (status, said, _) = run(self.home.path(), &["check"]);
        assert_eq!(status, Some(2), "{said}");
        assert!(said.contains("ours.wasm is refused") && said.contains(&format!("({code})")), "{said}");
    }
}

fn version(version: &'static str) -> Vec<u8> {
    Guest { message_type: "our-own", version, ..Guest::new(Decides::Send) }.component()
}

#[tokio::test]
async fn a_copy_a_rename_a_slow_copy_an_overwrite_and_a_removal_are_noticed() {
    let watched = Watched::begin();
    let ours = watched.file("ours.wasm");
    let bundled = watched.running.get("/api/v1/policies").await["items"].as_array().unwrap().len();
    fs::write(&ours, version("1.0.0")).unwrap();
    watched.until_at_work("1.0.0").await;

    let draft = watched.file(".ours.tmp");
    fs::write(&draft, version("1.1.0")).unwrap();
    fs::rename(draft, &ours).unwrap();
    watched.until_at_work("1.1.0").await;

    // One that stops half way is refused as what it is, and taken when the rest has come.
    let whole = version("1.2.0");
    let (first, rest) = whole.split_at(whole.len() / 2);
    fs::write(&ours, first).unwrap();
    watched.until_refused("damaged", "1.1.0").await;
    fs::OpenOptions::new().append(true).open(&ours).unwrap().write_all(rest).unwrap();
    watched.until_at_work("1.2.0").await;

    // One that goes on a few bytes at a time.
    let mut file = fs::File::create(&ours).unwrap();
    for part in version("1.3.0").chunks(64) {
        file.write_all(part).unwrap();
        tokio::task::yield_now().await;
    }
    watched.until_at_work("1.3.0").await;
    fs::write(&ours, version("1.4.0")).unwrap();
    watched.until_at_work("1.4.0").await;

    fs::remove_file(&ours).unwrap();
    let ours = watched.until("removed", |ours| ours["state"] == "removed").await;
    assert_eq!(ours["undecided"], json!(["our-own"]));
    // All the while the others went on.
    let policies = watched.running.get("/api/v1/policies").await;
    let live = policies["items"].as_array().unwrap().iter().filter(|item| item["state"] == "live").count();
    assert_eq!(live, bundled);
    assert_eq!(watched.running.stop(), Some(0));
}

#[tokio::test]
async fn what_cannot_be_taken_is_told_of_wherever_people_look() {
    let watched = Watched::begin();
    let ours = watched.file("ours.wasm");
    let good = version("1.0.0");
    fs::write(&ours, &good).unwrap();
    watched.until_at_work("1.0.0").await;
    let otp = fs::read(repository().join("plugins/otp.wasm")).unwrap();
    let same_type = Guest { message_type: "otp", version: "2.0.0", ..Guest::new(Decides::Send) }.component();
    for (code, contents) in [
        ("not-wasm", b"Dear colleague, find the plugin attached.".to_vec()),
        ("damaged", otp[..otp.len() / 3].to_vec()),
        ("core-module", Guest::new(Decides::Send).core()),
        ("wrong-world", importing(&[])),
        ("forbidden-import", importing(&["wasi:http/outgoing-handler@0.2.0"])),
        ("file-too-large", vec![0; 30 << 20]),
    ] {
        fs::write(&ours, contents).unwrap();
        watched.until_refused(code, "1.0.0").await;
    }
    fs::write(&ours, &good).unwrap();
    watched.until_at_work("1.0.0").await;

    let settings = watched.file("ours.toml");
    fs::write(&settings, "[settings]\nhours = 3\n").unwrap();
    watched.until_refused("config-invalid", "1.0.0").await;
    fs::write(&settings, "[limits]\nfuel = 1000000\n").unwrap();
    watched.until_at_work("1.0.0").await;

    // One that wants what another decides stands back.
    fs::write(&ours, same_type).unwrap();
    let refused = watched.until("same-type", |ours| ours["refused"]["code"] == "same-type").await;
    assert_eq!(refused["version"], "1.0.0", "{refused}");
    assert_eq!(watched.running.stop(), Some(0));
}

#[tokio::test]
async fn one_that_does_not_get_through_a_made_up_question_is_taken_and_told_of() {
    let watched = Watched::begin();
    let guest = Guest { message_type: "our-own", version: "1.0.0", ..Guest::new(Decides::DivideByZero) };
    fs::write(watched.file("ours.wasm"), guest.component()).unwrap();
    watched.until_at_work("1.0.0").await;
    let log = fs::read_to_string(watched.home.path().join("log")).unwrap();
    let told = |line: &&str| line.contains("a policy did not get through a made-up question");
    let line = log.lines().find(told).unwrap_or_else(|| panic!("{log}"));
    assert!(line.contains("trap") && line.contains("ours.wasm"), "{line}");
}

#[tokio::test]
async fn a_program_that_was_replaced_while_it_runs_goes_on_taking_policies() {
    let home = new_home();
    let program =
        std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("replaced-{}", std::process::id()));
    let _ = fs::remove_file(&program);
    fs::hard_link(env!("CARGO_BIN_EXE_tidings"), &program).unwrap();
    let running = Running::start_as(&program, home.path());
    // What stands in its place is no program of ours.
    let other = program.with_extension("new");
    fs::write(&other, "#!/bin/sh\nexit 1\n").unwrap();
    fs::set_permissions(&other, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    fs::rename(&other, &program).unwrap();
    let watched = Watched { home, running };
    fs::write(watched.file("ours.wasm"), version("1.0.0")).unwrap();
    watched.until_at_work("1.0.0").await;
    fs::remove_file(&program).unwrap();
}
