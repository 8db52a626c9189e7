//! Messages that stand for others, in another language than English: what they lack is found when the file is read.

use super::lint::rules;
use super::*;

fn home(spanish: &str) -> Home {
    Home::new().with("locales/es/visits.ftl", spanish)
}

#[test]
fn a_message_that_others_stand_for_has_the_variables_of_the_one_that_is_called() {
    let day = "{ DATETIME($at, style: \"date\") }";
    for (rest, place, rule, words) in [
        (
            "hello = Hola { $nombre }",
            (2, 17),
            "unknown-variable",
            "$nombre does not exist in `visit`, which stands for",
        ),
        ("hello = Hola { $at }", (2, 17), "variable-type", "$at is a time"),
        ("hello = { again }\nagain = Hola { $nombre }", (3, 17), "unknown-variable", "there are $at, $name"),
        (
            "hello = { -us }\n-us = { again }\nagain = Hola { $name }",
            (4, 17),
            "variable-in-term",
            "only fixed words",
        ),
        ("hello = Hola { visit.title }", (2, 22), "attribute", "messages have no parts"),
        (
            "hello = { -us.size ->\n *[a] Hola\n }\n-us = x",
            (2, 15),
            "unknown-name",
            "`-us` has no part `.size`",
        ),
    ] {
        let catalogue = home(&format!("visit = {{ hello }} {{ $name }} {day}.\n{rest}")).load().snapshot();
        let found = catalogue.faults().iter().find(|fault| fault.rule == rule);
        let fault = found.unwrap_or_else(|| panic!("no {rule} for {rest}: {:?}", catalogue.faults()));
        assert!(fault.message.contains(words), "{fault}");
        assert_eq!((fault.line, fault.column), place, "{fault}");
    }
    for rest in [
        "hello = Hola { $name }",
        "hello = { again }\nagain = Hola { $name }",
        "hello = { -us.size ->\n *[a] Hola\n }\n-us = x\n .size = a",
        // Nobody calls it.
        "hello = Hola\nother = { more }\nmore = { $nombre }",
    ] {
        let home = home(&format!("visit = {{ hello }} {{ $name }} {day}.\n{rest}"));
        assert!(home.load().snapshot().faults().is_empty(), "{rest}: {:?}", home.load().snapshot().faults());
        assert_eq!(visit(&home, "es").locale_sent, "es", "{rest}");
    }
}

#[test]
fn a_text_that_cannot_be_written_is_told_about_whatever_the_reason() {
    // More placeables than Fluent allows itself.
    let many = "{ \"x\" }".repeat(120);
    let home = home(&format!("visit = {many} {{ $name }} {{ DATETIME($at, style: \"date\") }}."));
    assert_eq!(visit(&home, "es").locale_sent, "en");
    let report = home.load().snapshot().report(Some("es"));
    let told = report.iter().find(|fault| fault.rule == "bad-message");
    let told = told.unwrap_or_else(|| panic!("{:?}", rules(&report)));
    assert!(told.message.starts_with("with its samples, visit cannot be written in this language"), "{told}");
}

#[test]
fn of_two_messages_with_one_name_the_first_is_followed_to_its_place() {
    let home = home("visit = { hello } { $name }, { DATETIME($at, style: \"date\") }.")
        .with("locales/es/a.ftl", "### One.\nhello = Hola { $nombre }")
        .with("locales/es/z.ftl", "hello = Hola { $name }");
    let catalogue = home.load().snapshot();
    let found = catalogue.faults().iter().find(|fault| fault.rule == "unknown-variable");
    let fault = found.unwrap_or_else(|| panic!("{:?}", catalogue.faults()));
    assert_eq!((fault.file.as_str(), fault.line, fault.column), ("locales/es/a.ftl", 2, 17), "{fault}");
}

#[test]
fn a_term_chooses_by_nothing_that_it_is_not_told() {
    let day = "{ DATETIME($at, style: \"date\") }";
    let given = "-us = { $name ->\n [one] nosotros\n *[other] todos\n }";
    let case = "-us = { $case ->\n [with] con nosotros\n *[plain] nosotros\n }";
    let known = |variable: &str| format!("`-us` knows ${variable} only where it is told");
    for (text, rest, found) in [
        ("{ -us }", given, Some((Severity::Fault, known("name")))),
        // A word of the translator's own, that no template gives: the default may be all that is needed today.
        ("{ -us }", case, Some((Severity::Warning, known("case")))),
        (
            "{ -us }",
            "-us = { hello }\nhello = { $name ->\n [a] x\n *[b] y\n }",
            Some((Severity::Fault, "put $name into".to_owned())),
        ),
        ("{ -us } { -us(case: \"with\") }", case, None),
        ("{ -us(case: \"plain\") } { -us(case: \"with\") }", case, None),
    ] {
        let home = home(&format!("visit = {text} {{ $name }} {day}.\n\n{rest}"));
        let catalogue = home.load().snapshot();
        let report = catalogue.report(Some("es"));
        let told = report.iter().find(|fault| fault.rule == "variable-in-term");
        assert_eq!(told.map(|fault| fault.severity), found.as_ref().map(|(severity, _)| *severity), "{rest}");
        if let Some((told, (severity, words))) = told.zip(found) {
            assert!(told.line >= 3 && told.message.contains(&words), "{told}");
            assert_eq!(catalogue.faults().is_empty(), severity == Severity::Warning, "{rest}");
        }
    }
}
