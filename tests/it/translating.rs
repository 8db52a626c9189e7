//! What a translator has at hand: `tidings locale`, as README shows it.

use crate::support::Folder;
use crate::support::program::{Running, new_home, run};
use serde_json::Value;
use std::fs;

#[test]
fn a_check_ends_with_a_status_for_ci_and_speaks_to_machines_and_code_hosts() {
    let home = new_home();
    let check = |more: &[&str]| run(home.path(), &[&["locale", "check"], more].concat());
    let (status, said, errors) = check(&[]);
    assert!(status == Some(0) && said.contains("10 locales, 0 faults, 0 warnings"), "{said}{errors}");

    fs::write(home.path().join("locales/es/billing.ftl"), "# Nada.\n").unwrap();
    assert_eq!((check(&[]).0, check(&["--deny-warnings"]).0), (Some(0), Some(1)));
    let (_, said, _) = check(&["--format", "annotations"]);
    assert!(said.starts_with("::warning file=locales/es/billing.ftl,title=missing-key::`payment-"), "{said}");

    fs::write(home.path().join("locales/es/codes.ftl"), "otp = { $brand\n").unwrap();
    let (status, said, errors) = check(&["--format", "json"]);
    let report: Value = serde_json::from_str(&said).unwrap();
    let first = &report["findings"][0];
    assert_eq!(status, Some(1), "{errors}");
    assert_eq!((first["severity"].as_str(), first["line"].as_u64()), (Some("fault"), Some(1)), "{first}");
    assert_eq!(first["file"], "locales/es/codes.ftl");
    let (_, said, _) = check(&["--format", "annotations", "--locale", "es"]);
    assert!(said.starts_with("::error file=locales/es/codes.ftl,line=1,col=15,"), "{said}");

    // Not a fault of a translator's.
    assert_eq!(check(&["--locale", "xx"]).0, Some(2));
    assert_eq!(run(Folder::new().path(), &["locale", "check"]).0, Some(2));
    assert_eq!(check(&["--format", "smoke"]).0, Some(2));
}

#[test]
fn a_translation_is_checked_while_english_is_broken() {
    let home = new_home();
    let check = || run(home.path(), &["locale", "check", "--locale", "es"]);
    let write = |file: &str, text: &str| fs::write(home.path().join(file), text).unwrap();
    let english = fs::read_to_string(home.path().join("locales/en/codes.ftl")).unwrap();
    write("locales/es/codes.ftl", "otp = { $brand }.\n");
    write("locales/en/codes.ftl", "otp = { $brand\n");
    let (status, said, errors) = check();
    assert!(
        status == Some(1) && said.contains("locales/en/codes.ftl:1:15") && !said.contains("/es/"),
        "{said}"
    );
    assert!(errors.contains("no translation was looked at"), "{errors}");
    // By what English said when a host last ran.
    write("locales/en/codes.ftl", &english);
    assert_eq!(Running::start(home.path(), None).stop(), Some(0));
    write("locales/en/codes.ftl", "otp = { $brand\n");
    let (status, said, errors) = check();
    assert!(status == Some(1) && said.contains("locales/en/codes.ftl:1:15"), "{said}{errors}");
    assert!(said.contains("locales/es/codes.ftl:1:1: $code is missing"), "{said}{errors}");
    assert!(!errors.contains("no translation was looked at"), "{errors}");
}

#[test]
fn a_language_is_added_from_nothing() {
    let home = new_home();
    let locale = |arguments: &[&str]| run(home.path(), &[&["locale"], arguments].concat());
    let begin = ["missing", "--new", "so"];
    let (status, said, errors) = locale(&begin);
    assert!(status == Some(0) && said.contains("locales/so/keywords.ftl"), "{said}{errors}");
    assert_eq!(locale(&begin).0, Some(1), "a language that is there is not begun again");
    let list = fs::read_to_string(home.path().join("locales/l10n.toml")).unwrap();
    assert!(list.contains("locales = [\"so\", "), "{list}");

    let preview = || locale(&["preview", "prescription-ready", "--locale", "so"]).1;
    assert!(preview().contains("falls back to en"), "{}", preview());
    for (file, key) in [("prescriptions", "prescription-"), ("common", "optout")] {
        let path = home.path().join(format!("locales/so/{file}.ftl"));
        let english = fs::read_to_string(&path).unwrap();
        fs::write(&path, english.replace(&format!("\n# {key}"), &format!("\n{key}"))).unwrap();
    }
    let (status, said, errors) = locale(&["check", "--locale", "so"]);
    assert!(status == Some(0) && said.contains("the same as in English"), "{said}{errors}");
    assert!(preview().starts_with("prescription-ready in so: GSM-7"), "{}", preview());
    assert!(!preview().contains("falls back"), "{}", preview());
}

#[test]
fn prices_and_pseudo_languages_are_printed_for_every_type() {
    let home = new_home();
    let (status, said, errors) = run(home.path(), &["locale", "cost", "--json", "--price", "0.01"]);
    let costs: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(status, Some(0), "{errors}");
    assert_eq!(costs["types"]["otp"]["en"]["usual"], 1, "{costs}");
    assert_eq!(
        costs["types"]["otp"]["ar"]["usual_price_micros"].as_i64().map(|price| price % 10_000),
        Some(0)
    );
    assert_eq!(run(home.path(), &["locale", "pseudo"]).0, Some(0));
    let (_, said, _) = run(home.path(), &["locale", "preview", "prescription-ready", "--locale", "en-XU"]);
    assert!(said.contains("in en-XU: UCS-2"), "{said}");
}
