//! New policies, from nothing to an answer of the real host, in each language that one can be made in.

use crate::authoring::{plugin_beside, plugin_with, printed};
use crate::plugins::has_toolchain;
use crate::support::postgres::{required, say_skipped, variable};
use crate::support::{Folder, Start, repository};
use std::path::{Path, PathBuf};
use std::process::Command;
use tidings::domain::kind::TypeName;

/// Where `.ci/run` puts the tools of other languages.
fn tools() -> PathBuf {
    repository().join("target/guests")
}

/// A folder that is no repository and no home yet. What cargo makes in it is kept for the next run.
fn empty(name: &str) -> Folder {
    let home = Folder::new();
    std::fs::write(home.path().join("tidings.toml"), "[policy]\nwall = \"2s\"\n").unwrap();
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&kept).unwrap();
    std::os::unix::fs::symlink(&kept, home.path().join("target")).unwrap();
    home
}

/// Makes, builds and tries a policy; the environment is what its tools need.
fn make(home: &Path, new: &[&str], environment: &[(&str, String)]) -> String {
    let name = new[0];
    let mut said = String::new();
    for arguments in [[&["new"], new].concat(), vec!["build", name], vec!["test", name]] {
        let output = plugin_with(home, &arguments, environment);
        assert!(output.status.success(), "{arguments:?}: {}", printed(&output));
        said = printed(&output);
    }
    said
}

/// Some of what guests are made of is for WebAssembly alone: to build this machine's programs does not bring it.
fn fetch() {
    let fetched =
        Command::new("cargo").args(["fetch", "--locked"]).current_dir(repository()).output().unwrap();
    assert!(fetched.status.success(), "{}", printed(&fetched));
}

#[tokio::test]
async fn a_new_policy_in_rust_builds_offline_in_a_folder_of_its_own_and_its_cases_pass() {
    if !has_toolchain() {
        assert!(!required("wasm"), "a toolchain for wasm is required and there is none");
        say_skipped("making policies: no toolchain for wasm32-unknown-unknown");
        return;
    }
    fetch();
    let home = empty("new-policies");
    let offline = [("CARGO_NET_OFFLINE", "true".to_owned())];
    let said = make(home.path(), &["my-rule", "--type", "follow-up"], &offline);
    assert!(said.contains("ok      on a Sunday it waits for Monday morning"), "{said}");
    assert!(said.ends_with("7 passed, 0 failed\n"), "{said}");
    // One that panics says so in its own words, and where.
    let source = home.path().join("plugins/my-rule/src/lib.rs");
    let written = std::fs::read_to_string(&source).unwrap();
    let rule = "let day_of_rest = DayOfRest(settings);";
    assert!(written.contains(rule), "{written}");
    let broken = format!("assert!(c.message.attempts > 99, \"nobody tries so often\");\n        {rule}");
    std::fs::write(&source, written.replace(rule, &broken)).unwrap();
    assert!(plugin_with(home.path(), &["build", "my-rule"], &offline).status.success());
    let tested = plugin_with(home.path(), &["test", "my-rule"], &offline);
    let text = printed(&tested);
    assert_eq!(tested.status.code(), Some(1), "{text}");
    for words in ["fault panic: ", "lib.rs:", "nobody tries so often"] {
        assert!(text.contains(words), "{words} in {text}");
    }
    std::fs::write(&source, written).unwrap();

    // A copy of a bundled policy says its own name, and decides for the same type.
    let said = make(home.path(), &["our-reminder", "--from", "appointment-reminder"], &offline);
    assert!(said.starts_with("our-reminder 0.1.0\n") && said.ends_with("17 passed, 0 failed\n"), "{said}");

    // Nothing decides before the clinic says so.
    let settings = std::fs::read_to_string(home.path().join("plugins/our-reminder.toml")).unwrap();
    assert!(settings.contains("\nmode = \"off\"\n"), "{settings}");

    let swept = plugin_with(home.path(), &["sweep", "our-reminder"], &[]);
    assert!(swept.status.success(), "{}", printed(&swept));
    takes_the_place_of_the_bundled_reminder(home.path(), &settings).await;

    let native = Command::new("cargo")
        .args(["test", "--quiet", "--offline", "-p", "my-rule", "-p", "our-reminder"])
        .current_dir(home.path())
        .output()
        .unwrap();
    assert!(native.status.success(), "{}", printed(&native));
}

/// As README's chapter for clinics ends: tried on what was decided, then put to work while the host runs.
async fn takes_the_place_of_the_bundled_reminder(made_in: &Path, settings: &str) {
    let (home, host, environment) = crate::backtest::confirmed(Start::sqlite()).await;
    let plugins = home.path().join("plugins");
    std::fs::copy(made_in.join("plugins/our-reminder.wasm"), plugins.join("our-reminder.wasm")).unwrap();
    std::fs::write(plugins.join("our-reminder.toml"), settings).unwrap();
    host.host.policies.reload().await;
    let decides = || {
        let policy = host.host.policies.for_type(&TypeName::from("appointment-reminder")).unwrap();
        policy.description.name.clone()
    };
    assert_eq!(decides(), "appointment-reminder");

    let tried = ["backtest", "our-reminder", "--since", "9999d"];
    let tried = plugin_beside(home.path(), &tried, &environment).await;
    let text = printed(&tried);
    assert!(tried.status.success(), "{text}");
    for line in ["our-reminder 0.1.0 on what appointment-reminder and our-reminder decided", "       1  same"]
    {
        assert!(text.contains(line), "{line} in {text}");
    }

    let bundled = std::fs::read_to_string(plugins.join("appointment-reminder.toml")).unwrap();
    let live = settings.replace("mode = \"off\"", "mode = \"live\"");
    let off = bundled.replace("mode = \"live\"", "mode = \"off\"");
    assert!(live != settings && off != bundled);
    std::fs::write(plugins.join("our-reminder.toml"), live).unwrap();
    std::fs::write(plugins.join("appointment-reminder.toml"), off).unwrap();
    host.host.policies.reload().await;
    assert_eq!(decides(), "our-reminder");
    assert_eq!(host.get("/readyz").await["refused"], serde_json::json!([]));
}

#[test]
fn a_new_policy_in_javascript_answers_in_the_real_host() {
    in_another_language("node", "componentize-js", &tools().join("node_modules/.bin"), "javascript");
}

#[test]
fn a_new_policy_in_python_answers_in_the_real_host() {
    in_another_language("python", "componentize-py", &tools().join("python/bin"), "python");
}

fn in_another_language(requirement: &str, tool: &str, folder: &Path, language: &str) {
    let path = format!("{}:{}", folder.display(), variable("PATH").unwrap_or_default());
    if !std::env::split_paths(&path).any(|folder| folder.join(tool).is_file()) {
        assert!(!required(requirement), "{tool} is required and not installed: see .ci/run");
        say_skipped(&format!("a policy in {language}: {tool} is not installed"));
        return;
    }
    let home = empty(language);
    let said = make(home.path(), &["my-rule", "--language", language], &[("PATH", path)]);
    assert!(said.contains("ok      on a Sunday it does not"), "{said}");
    assert!(said.ends_with("5 passed, 0 failed\n"), "{said}");
}

#[test]
fn a_name_that_is_taken_or_is_none_is_refused() {
    let home = empty("none");
    for (name, sentence) in [("My_Rule", "is no name"), ("sdk", "is the host's own")] {
        let output = plugin_with(home.path(), &["new", name], &[]);
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(printed(&output).contains(sentence), "{}", printed(&output));
    }
    let new = || plugin_with(home.path(), &["new", "my-rule"], &[]);
    assert!(new().status.success());
    let again = new();
    assert_eq!(again.status.code(), Some(1));
    assert!(printed(&again).contains("there is a plugins/my-rule already"), "{}", printed(&again));
}
