//! What whoever writes a policy does on the command line.

use crate::support::{Folder, repository};
use std::path::Path;
use std::process::{Command, Output};

/// Runs `tidings plugin` in a home.
fn plugin(home: &Path, arguments: &[&str]) -> Output {
    plugin_with(home, arguments, &[])
}

/// The same, with some of the environment set.
pub(crate) fn plugin_with(home: &Path, arguments: &[&str], environment: &[(&str, String)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tidings"))
        .arg("--home")
        .arg(home)
        .arg("plugin")
        .args(arguments)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .output()
        .unwrap()
}

/// The same beside a host of this test, which goes on meanwhile: what it has begun in the database may be what
/// the command waits for.
pub(crate) async fn plugin_beside(home: &Path, arguments: &[&str], environment: &[(&str, String)]) -> Output {
    let owned = |text: &&str| (*text).to_owned();
    let (home, arguments) = (home.to_owned(), arguments.iter().map(owned).collect::<Vec<_>>());
    let environment: Vec<_> = environment.iter().map(|(name, value)| (owned(name), value.clone())).collect();
    let run = move || {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let environment: Vec<_> =
            environment.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        plugin_with(&home, &arguments, &environment)
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

/// All that a command said.
pub(crate) fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A folder with one bundled policy, its cases, and limits for a busy machine.
fn home_with(policy: &str) -> Folder {
    let home = Folder::new();
    let (from, to) = (repository().join("plugins"), home.path().join("plugins"));
    std::fs::create_dir_all(to.join(policy)).unwrap();
    for file in [format!("{policy}.wasm"), format!("{policy}.toml"), format!("{policy}/cases.toml")] {
        std::fs::copy(from.join(&file), to.join(&file)).unwrap();
    }
    std::fs::write(home.path().join("tidings.toml"), "[policy]\nwall = \"2s\"\n").unwrap();
    home
}

#[test]
fn the_cases_of_every_bundled_policy_pass_through_the_real_wasm() {
    let output = plugin(repository(), &["test"]);
    let text = printed(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.matches("\n  ok").count() >= 60 && text.ends_with(" passed, 0 failed\n"), "{text}");
}

#[test]
fn a_case_that_fails_shows_both_answers_and_fails_the_command() {
    let home = home_with("otp");
    let cases = home.path().join("plugins/otp/cases.toml");
    std::fs::write(
        &cases,
        "[[case]]\nname = 'at night'\nzone = 'Europe/Paris'\nnow = 2026-11-24T03:00\nexpect = 'suppress: dark'\n",
    )
    .unwrap();
    let output = plugin(home.path(), &["test", "otp"]);
    assert_eq!(output.status.code(), Some(1));
    let text = printed(&output);
    for line in ["  FAILED  at night", "expected  suppress: dark", "answered  send: ok", "0 passed, 1 failed"]
    {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[test]
fn inspecting_a_policy_shows_its_contract_and_settings_and_refuses_what_the_host_would() {
    let home = home_with("otp");
    let output = plugin(home.path(), &["inspect", "otp"]);
    let text = printed(&output);
    assert!(output.status.success(), "{text}");
    for line in ["contract       tidings:policy/policy@1.0.0", "message types  otp", "  retries = 2"] {
        assert!(text.contains(line), "{line} in {text}");
    }
    let file = home.path().join("plugins/otp.wasm");
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    let output = plugin(home.path(), &["inspect", "otp"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(printed(&output).contains("(damaged)"), "{}", printed(&output));
}

#[test]
fn a_sweep_shows_clock_changes_and_fails_where_a_policy_sends_at_night() {
    let home = home_with("appointment-reminder");
    let output = plugin(home.path(), &["sweep", "appointment-reminder", "--from", "2026-11-23"]);
    let text = printed(&output);
    assert!(output.status.success(), "{text}");
    // An hour that does not come, and one that comes twice.
    let spring = "  Sun 2027-03-14 |........    ............|........####";
    for line in [spring, "        and again |    ....  ", "defer: quiet-hours"] {
        assert!(text.contains(line), "{line} in {text}");
    }
    let settings = home.path().join("plugins/appointment-reminder.toml");
    std::fs::write(&settings, "[settings]\nsend_between = '00:00-24:00'\n").unwrap();
    let output = plugin(home.path(), &["sweep", "appointment-reminder", "--from", "2026-11-23"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(printed(&output).contains("it sends at night"), "{}", printed(&output));
}

#[test]
fn the_price_is_shown_against_the_limits_and_a_narrow_limit_fails_the_command() {
    let home = home_with("otp");
    let output = plugin(home.path(), &["cost", "otp"]);
    let text = printed(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("decide, fuel") && text.contains("memory, bytes"), "{text}");
    std::fs::write(home.path().join("plugins/otp.toml"), "[limits]\nmemory = \"150 KiB\"\n").unwrap();
    let output = plugin(home.path(), &["cost", "otp"]);
    assert_eq!(output.status.code(), Some(1), "{}", printed(&output));
    assert!(printed(&output).contains("more than 80 % of a limit"), "{}", printed(&output));
}

#[test]
fn a_new_policy_says_of_itself_what_it_does() {
    let home = Folder::new();
    for (language, file, summary) in [
        ("rust", "src/lib.rs", "Keeps the clinic's hours, and Sundays free."),
        ("javascript", "policy.js", "Keeps Sundays free."),
        ("python", "policy.py", "Keeps Sundays free."),
    ] {
        let output = plugin(home.path(), &["new", language, "--language", language, "--type", "follow-up"]);
        assert!(output.status.success(), "{}", printed(&output));
        let source = std::fs::read_to_string(home.path().join("plugins").join(language).join(file)).unwrap();
        let first = source.lines().next().unwrap().trim_start_matches(['/', '!', '"', ' ']);
        assert_eq!(first.trim_end_matches('"'), summary, "{language}");
    }
}
