//! Broken files in a home: what is broken is named by its place, nothing starts with it, and a host that
//! runs keeps what was good.

use crate::guest::{Decides, Guest};
use crate::support::program::{Running, new_home, refused, run};
use crate::support::{Folder, repository};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::fs;
use std::time::Duration;

/// Writes one bad file into a sound home: neither start nor check takes it, and both say these words.
fn is_refused_with(file: &str, contents: impl AsRef<[u8]>, words: &[&str]) {
    let home = new_home();
    fs::write(home.path().join(file), contents).unwrap();
    let (checked, _, complaint) = run(home.path(), &["check"]);
    assert!(!home.path().join(".tidings/tidings.db").exists(), "to look is not to begin");
    for (what, (status, errors)) in [("serve", refused(home.path())), ("check", (checked, complaint))] {
        assert_eq!(status, Some(2), "{what}: {errors}");
        for word in words {
            assert!(errors.contains(word), "{what} does not say `{word}`: {errors}");
        }
    }
}

#[test]
fn a_broken_configuration_is_refused_by_its_place() {
    for (text, words) in [
        (
            "[clinic]\nname = \"A\"\ntimezone = \"Asia/Dhaka\"\n",
            ["tidings.toml:3:1", "timezone = \"Asia/Dhaka\"", "did you mean `time_zone`?"],
        ),
        ("[clinic]\nname = \n", ["tidings.toml:2:", "name =", "^"]),
        ("[clinic]\ntime_zone = \"Mars/Olympus\"\n", ["tidings.toml:2:13", "Mars/Olympus", "IANA"]),
        ("[servr]\naddress = \"127.0.0.1:0\"\n", ["tidings.toml:1:2", "servr", "did you mean `server`?"]),
        ("[server]\npublic_url = \"ftp://a\"\n", ["server.public_url", "https://", "no address"]),
    ] {
        is_refused_with("tidings.toml", text, &words);
    }
}

#[test]
fn a_broken_plugin_is_refused_by_its_file() {
    let sound = fs::read(repository().join("plugins/otp.wasm")).unwrap();
    is_refused_with("plugins/otp.wasm", "not WebAssembly", &["plugins/otp.wasm", "not-wasm"]);
    is_refused_with("plugins/otp.wasm", &sound[..sound.len() / 2], &["plugins/otp.wasm", "refused"]);
    is_refused_with(
        "plugins/zwei.wasm",
        &sound,
        &["plugins/otp.wasm", "plugins/zwei.wasm", "`otp`", "mode = \"off\""],
    );
}

#[test]
fn settings_that_break_a_plugins_schema_are_refused_by_their_place() {
    for (text, words) in [
        ("mode = \"live\"\n\n[settings]\nretries = 9\n", ["otp.toml:4", "retries", "9"]),
        ("[settings]\nretris = 1\n", ["otp.toml:2", "retris", "settings"]),
        ("[settings]\nretry_after = \"soon\"\n", ["otp.toml:2", "retry_after", "soon"]),
        ("mode = \"lve\"\n", ["otp.toml:1", "lve", "\"live\""]),
        ("[settings\n", ["otp.toml:1", "[settings", "^"]),
    ] {
        is_refused_with("plugins/otp.toml", text, &words);
    }
}

#[test]
fn broken_words_are_refused_by_their_place() {
    let key = "otp = { $brand }: your code is { $code }.\n";
    for (file, text, words) in [
        ("templates/otp.j2", "\nHello {{ brand }}", ["templates/otp.j2:2:1", "Hello", "^"]),
        ("templates/otp.j2", "{{ t(\"otpp\") }}", ["templates/otp.j2:1:6", "`otpp`", "locales/en"]),
        ("templates/otp.toml", "priority = 7\n", ["templates/otp.toml:1", "priority", "^"]),
        ("locales/en/codes.ftl", "otp = { $brand\n", ["locales/en/codes.ftl:1:", "otp = { $brand", "^"]),
        ("locales/en/codes.ftl", key, ["templates/otp.j2:", "otp-lifetime", "locales/en"]),
    ] {
        is_refused_with(file, text, &words);
    }
}

#[test]
fn all_that_is_broken_is_told_at_once() {
    let home = new_home();
    for (file, text) in [
        ("tidings.toml", "[clinic]\ntimezone = \"Asia/Dhaka\"\n"),
        ("plugins/otp.wasm", "not WebAssembly"),
        ("plugins/follow-up.toml", "[settings]\nafter = \"soon\"\n"),
        ("templates/otp.j2", "Hello {{ brand }}"),
        ("locales/en/billing.ftl", "payment-reminder = {\n"),
    ] {
        fs::write(home.path().join(file), text).unwrap();
    }
    let (status, said, errors) = run(home.path(), &["check"]);
    assert_eq!(status, Some(2), "{errors}");
    for word in [
        "tidings.toml:2:1",
        "plugins/otp.wasm",
        "follow-up.toml:2",
        "templates/otp.j2:1:1",
        "locales/en/billing.ftl:2:1",
    ] {
        assert!(errors.contains(word), "no {word} in {errors}");
    }
    // What is sound is said to be.
    assert!(said.contains("policy         appointment-reminder 0.1.0"), "{said}");
    assert!(!home.path().join(".tidings/tidings.db").exists());
}

#[test]
fn two_files_for_one_type_hide_nothing_of_the_others() {
    let home = new_home();
    fs::copy(home.path().join("plugins/otp.wasm"), home.path().join("plugins/zwei.wasm")).unwrap();
    fs::write(home.path().join("plugins/follow-up.toml"), "[settings]\nafter = \"soon\"\n").unwrap();
    let (status, said, errors) = run(home.path(), &["check"]);
    assert_eq!(status, Some(2), "{errors}");
    for word in ["zwei.wasm is refused (same-type)", "follow-up.wasm is refused (config-invalid)"] {
        assert!(errors.contains(word), "no {word} in {errors}");
    }
    for word in ["policy         otp ", "policy         appointment-reminder "] {
        assert!(said.contains(word), "no {word} in {said}");
    }
}

/// The host's own folder, as it is after a policy was at work that failed too often.
fn with_one_that_failed(home: &Folder) {
    let file = home.path().join(".tidings/policies/payment-reminder.record");
    let mut record: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let at_work = &record["at_work"];
    let limits = tidings::policy::Limits::default();
    let config = format!("{} {limits:?}", at_work["settings_hash"].as_str().unwrap());
    let config = Sha256::digest(config).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    let version = json!([at_work["hash"], config]);
    record["rolled_back"] = json!([{"version": version, "code": "trap", "faults": 3}]);
    fs::write(file, record.to_string()).unwrap();
}

#[test]
fn what_a_host_misses_or_has_given_up_is_told_by_check_too() {
    let home = new_home();
    assert_eq!(Running::start(home.path(), None).stop(), Some(0));
    fs::remove_file(home.path().join("plugins/follow-up.wasm")).unwrap();
    fs::remove_file(home.path().join("plugins/otp.toml")).unwrap();
    with_one_that_failed(&home);
    let (status, _, errors) = run(home.path(), &["check"]);
    assert_eq!(status, Some(2), "{errors}");
    for word in [
        "follow-up.wasm is refused (removed)",
        "decided for follow-up, which wait now: its file is gone",
        "otp.wasm is refused (settings-gone)",
        "payment-reminder.wasm is refused (rolled-back)",
        "(3 times, at last with `trap`)",
    ] {
        assert!(errors.contains(word), "no {word} in {errors}");
    }
    // To look changes nothing: what is put back is as good as before.
    fs::copy(repository().join("plugins/follow-up.wasm"), home.path().join("plugins/follow-up.wasm"))
        .unwrap();
    let (_, said, errors) = run(home.path(), &["check"]);
    assert!(said.contains("policy         follow-up ") && !errors.contains("removed"), "{said}{errors}");
}

#[test]
fn a_policy_for_a_type_without_words_is_told_of() {
    let home = new_home();
    let guest = Guest { message_type: "our-own", ..Guest::new(Decides::Send) };
    fs::write(home.path().join("plugins/ours.wasm"), guest.component()).unwrap();
    let (status, said, errors) = run(home.path(), &["check"]);
    assert_eq!(status, Some(0), "{errors}");
    assert!(
        said.contains("warning        sample decides for `our-own`, and there is no templates/our-own.toml"),
        "{said}"
    );
}

#[test]
fn a_broken_translation_hurts_nobody_and_is_told() {
    let home = new_home();
    fs::write(home.path().join("locales/es/codes.ftl"), "otp = { $brand\n").unwrap();
    let (status, said, errors) = run(home.path(), &["check"]);
    assert!(status == Some(1) && said.contains("locales/es/codes.ftl:1:"), "{status:?}: {said}{errors}");
    let running = Running::start(home.path(), None);
    assert_eq!(running.stop(), Some(0));
    let log = fs::read_to_string(home.path().join("log")).unwrap();
    assert!(log.contains("locales/es/codes.ftl:1:"), "{log}");
}

#[tokio::test]
async fn an_edit_is_live_in_a_running_host_and_a_broken_one_keeps_what_was_good() {
    let home = new_home();
    let running = Running::start(home.path(), None);
    let file = home.path().join("locales/es/codes.ftl");
    let sound = fs::read_to_string(&file).unwrap();
    // The program has a clock of its own: there is nothing to wait for but the time it takes.
    for (text, kept) in [("otp = { $brand\n", json!(["es"])), (&sound, json!([]))] {
        fs::write(&file, text).unwrap();
        let mut ready = running.get("/readyz").await;
        for _ in 0..1500 {
            if ready["kept"] == kept {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            ready = running.get("/readyz").await;
        }
        assert_eq!(ready["kept"], kept, "{ready}");
    }
    assert_eq!(running.stop(), Some(0));
    let log = fs::read_to_string(home.path().join("log")).unwrap();
    assert!(log.contains("locales/es/codes.ftl:1:15: ") && log.contains('^'), "{log}");
}

#[tokio::test]
async fn a_host_that_starts_goes_on_with_the_words_that_were_good() {
    let home = new_home();
    let message = json!({"type": "payment-reminder", "locales": ["en", "es", "fr"],
        "to": {"id": "ana", "phone": "+12025550143", "time_zone": "America/New_York"},
        "variables": {"amount": {"amount": "25.50", "currency": "USD"}}});
    let first = Running::start(home.path(), None);
    let texts = first.preview(&message).await["texts"].clone();
    assert_eq!((&texts[1]["locale_sent"], &texts[2]["locale_sent"]), (&json!("es"), &json!("fr")), "{texts}");
    assert_eq!(first.stop(), Some(0));
    for tag in ["en", "es"] {
        fs::write(home.path().join(format!("locales/{tag}/codes.ftl")), "otp = { $brand\n").unwrap();
    }
    let (status, said, errors) = run(home.path(), &["check"]);
    assert!(status == Some(2) && said.contains("goes on with those that were good before"), "{said}{errors}");
    let running = Running::start(home.path(), None);
    assert_eq!(running.preview(&message).await["texts"], texts);
    let ready = running.get("/readyz").await;
    assert_eq!((&ready["ready"], &ready["kept"]), (&json!(true), &json!(["en", "es"])), "{ready}");
    let faults = ready["faults"].as_array().unwrap();
    for tag in ["en", "es"] {
        let place = format!("locales/{tag}/codes.ftl:1:15: ");
        assert!(faults.iter().any(|fault| fault.as_str().unwrap().starts_with(&place)), "{ready}");
    }
    assert_eq!(running.stop(), Some(0));
    let log = fs::read_to_string(home.path().join("log")).unwrap();
    assert!(log.contains("what was good before stays in use"), "{log}");
}
