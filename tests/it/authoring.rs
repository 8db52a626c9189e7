//! What whoever writes a policy does on the command line.

use crate::guest::{Decides, Guest};
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
fn what_the_host_would_never_ask_is_no_case_that_passes() {
    let home = home_with("appointment-reminder");
    let cases = home.path().join("plugins/appointment-reminder/cases.toml");
    let at = "zone = 'Europe/Paris'\nnow = 2026-11-24T12:00\nkey = '24h'\noccurrence = 2026-11-25T12:00\nexpires = 2026-11-25T12:00\nexpect = 'send: ok'\n";
    let case = |name: &str, more: &str| format!("[[case]]\nname = '{name}'\n{at}{more}\n");
    let all = [
        case("type", "type = 'otp'"),
        case("event", "ask = 'plan'\nevent = 'clinic.closed'"),
        case("fact", "facts = { 'data.weather' = 'fair' }"),
        case("name", "facts = { 'data.doctor_name' = 'Dr. Okafor' }"),
        case("word", "wehn = 1"),
        case("sound", ""),
    ];
    std::fs::write(&cases, all.concat()).unwrap();
    let output = plugin(home.path(), &["test", "appointment-reminder"]);
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for line in [
        "  FAILED  type\n          the policy is not asked about a `otp`; it decides for: appointment-reminder",
        "  FAILED  event\n          the policy is not asked about the event `clinic.closed`",
        "  FAILED  fact\n          the policy is not told `data.weather`",
        "  FAILED  name\n          no policy is told `data.doctor_name`: it looks like a name",
        "word: unknown field `wehn`",
        "  ok      sound",
        "1 passed, 5 failed",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[test]
fn a_crate_that_was_not_built_fails_and_the_others_are_tried_and_nothing_is_no_pass() {
    let home = home_with("otp");
    let plugins = home.path().join("plugins");
    std::fs::create_dir(plugins.join("ours")).unwrap();
    std::fs::copy(plugins.join("otp/cases.toml"), plugins.join("ours/cases.toml")).unwrap();
    let output = plugin(home.path(), &["test"]);
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("ours.wasm; `tidings plugin build` makes one") && text.contains("\n  ok"),
        "{text}"
    );

    std::fs::remove_dir_all(plugins.join("ours")).unwrap();
    std::fs::write(plugins.join("otp/cases.toml"), "case = []\n").unwrap();
    let output = plugin(home.path(), &["test"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(printed(&output).contains("there are no cases"), "{}", printed(&output));
    std::fs::remove_dir_all(plugins.join("otp")).unwrap();
    assert_eq!(plugin(home.path(), &["test"]).status.code(), Some(1));
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
    assert!(text.contains("  (integer; at least 0; at most 3)"), "{text}");
    let file = home.path().join("plugins/otp.wasm");
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    let output = plugin(home.path(), &["inspect", "otp"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(printed(&output).contains("(damaged)"), "{}", printed(&output));
    let output = plugin(home.path(), &["inspect", "otp", "--json"]);
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &told["refused"]["code"]), (Some(1), &serde_json::json!("damaged")));
}

#[test]
fn a_sweep_shows_clock_changes_and_fails_where_a_policy_sends_at_night() {
    let home = home_with("appointment-reminder");
    let output = plugin(home.path(), &["sweep", "appointment-reminder", "--from", "2026-11-23"]);
    let text = printed(&output);
    assert!(output.status.success(), "{text}");
    let output =
        plugin(home.path(), &["sweep", "appointment-reminder", "--case", "a canceled visit gets none"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(printed(&output).contains("there is nothing to sweep"), "{}", printed(&output));
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
fn a_sweep_asks_about_each_of_the_message_types() {
    let home = home_with("otp");
    let guest = Guest { also: Some("other"), ..Guest::new(Decides::Send) };
    std::fs::write(home.path().join("plugins/two.wasm"), guest.component()).unwrap();
    let output = plugin(home.path(), &["sweep", "two", "--from", "2026-11-23", "--zone", "Asia/Dhaka"]);
    let text = printed(&output);
    for line in
        ["\nsample, Asia/Dhaka from 2026-11-23", "\nother, Asia/Dhaka from 2026-11-23", "  1344  send: ok"]
    {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[test]
fn the_price_of_a_policy_that_gives_no_answer_is_shown_all_the_same() {
    let home = home_with("otp");
    let guest = Guest::new(Decides::DivideByZero);
    std::fs::write(home.path().join("plugins/broken.wasm"), guest.component()).unwrap();
    let output = plugin(home.path(), &["cost", "broken"]);
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for line in
        ["memory, bytes", "decide, fuel", "decide, no answer", "decide, fault trap: integer divide by zero"]
    {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[test]
fn a_new_policy_takes_the_place_of_nothing() {
    let home = home_with("otp");
    for (name, words) in [
        ("otp", "there is a plugins/otp already"),
        ("serde", "a package of Rust's"),
        ("tidings-policy", "a package of Rust's"),
        ("self", "a word"),
    ] {
        let output = plugin(home.path(), &["new", name]);
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(printed(&output).contains(words), "{name}: {}", printed(&output));
    }
    std::fs::remove_dir_all(home.path().join("plugins/otp")).unwrap();
    for file in ["otp.wasm", "otp.toml"] {
        let output = plugin(home.path(), &["new", "otp", "--from", "otp"]);
        assert_eq!(output.status.code(), Some(1), "{}", printed(&output));
        assert!(printed(&output).contains(&format!("there is a plugins/{file} already")));
        std::fs::remove_file(home.path().join("plugins").join(file)).unwrap();
    }
    let output = plugin(home.path(), &["new", "our-rule"]);
    let text = printed(&output);
    assert!(
        output.status.success() && text.contains("templates/our-rule.toml and templates/our-rule.j2"),
        "{text}"
    );
}

#[test]
fn the_price_is_shown_against_the_limits_and_a_narrow_limit_fails_the_command() {
    let home = home_with("otp");
    let output = plugin(home.path(), &["cost", "otp"]);
    let text = printed(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("decide, fuel") && text.contains("memory, bytes"), "{text}");
    std::fs::write(home.path().join("plugins/otp.toml"), "[limits]\nmemory = \"70 KiB\"\n").unwrap();
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
