//! Files that are broken while no host runs: the next one begins with what was last good.

use super::*;

const SPANISH: &str = "visit = Hola { $name }, { DATETIME($at, style: \"date\") }.";

fn home() -> Home {
    Home::new()
        .with("locales/es/visits.ftl", SPANISH)
        .with("locales/fr/visits.ftl", SPANISH.replace("Hola", "Bonjour"))
}

/// A host that starts in this home.
fn start(home: &Home) -> Renderer {
    let last_good = home.0.join(".tidings/words.json");
    Renderer::begin(&home.0, &american(), &last_good).unwrap().keeping(last_good)
}

fn said(renderer: &Renderer, language: &'static str) -> String {
    Ask::new("visit", language).of(&renderer.snapshot(), &ana()).unwrap().text
}

fn kept(renderer: &Renderer) -> Vec<String> {
    renderer.snapshot().kept().map(str::to_owned).collect()
}

#[test]
fn a_language_that_was_broken_while_no_host_ran_is_as_it_was() {
    let home = home();
    let running = start(&home);
    let home = home.with("locales/es/visits.ftl", SPANISH.replace("Hola", "Buenas"));
    running.reload().unwrap();
    let home = home
        .with("locales/es/visits.ftl", "visit = Hola { $nam")
        .with("locales/fr/visits.ftl", SPANISH.replace("Hola", "Salut"));
    running.reload().unwrap();
    for _ in 0..2 {
        let started = start(&home);
        assert_eq!(
            (said(&started, "es"), kept(&started)),
            ("Buenas Ana, 7 mar.".to_owned(), vec!["es".to_owned()])
        );
        assert!(said(&started, "fr").starts_with("Salut"));
        let catalogue = started.snapshot();
        assert_eq!((catalogue.faults().len(), catalogue.faults()), (1, running.snapshot().faults()));
        assert!(catalogue.keeps_what_was_before(&catalogue.faults()[0]));
    }
    let home = home.with("locales/es/visits.ftl", SPANISH);
    let started = start(&home);
    assert!(said(&started, "es").starts_with("Hola") && started.snapshot().faults().is_empty());
}

#[test]
fn a_host_begins_with_templates_and_english_that_were_sound() {
    for (file, broken, part) in [
        ("locales/en/visits.ftl", "visit = Hi { $nam", "en"),
        ("locales/en/visits.ftl", "vist = Hi", "en"),
        ("templates/visit.j2", "{{ t(\"visit\" name=name) }}", "templates"),
        ("templates/visit.toml", "priority = 7", "templates"),
    ] {
        let home = home();
        let first = said(&start(&home), "en");
        let home = home.with(file, broken).with("locales/fr/visits.ftl", SPANISH.replace("Hola", "Salut"));
        let started = start(&home);
        assert_eq!(said(&started, "en"), first, "{file}");
        assert!(said(&started, "fr").starts_with("Salut"), "{file}");
        assert!(kept(&started).contains(&part.to_owned()), "{file}: {:?}", kept(&started));
        let catalogue = started.snapshot();
        let faults = catalogue.faults();
        assert!(
            !faults.is_empty() && faults.iter().all(|fault| catalogue.keeps_what_was_before(fault)),
            "{file}"
        );
        // And Spanish is there when it breaks too.
        let home = home.with("locales/es/visits.ftl", "visit = Hola { $nam");
        let started = start(&home);
        assert_eq!(
            (said(&started, "es").as_str(), said(&started, "en")),
            ("Hola Ana, 7 mar.", first),
            "{file}"
        );
    }
}

#[test]
fn at_the_very_first_start_there_are_only_the_files_as_they_are() {
    let home = home().with("locales/en/visits.ftl", "visit = Hi { $nam");
    let last_good = home.0.join(".tidings/words.json");
    let begin = || Renderer::begin(&home.0, &american(), &last_good);
    assert!(matches!(begin(), Err(RenderLoadError::Faults(_))) && !last_good.exists());
    // Nor from half a file, nor from one that is not sound itself.
    std::fs::create_dir_all(last_good.parent().unwrap()).unwrap();
    let half = "{\"templates\": {\"vis";
    let unsound = "{\"templates\": {\"visit.j2\": \"x\"}, \"locales\": {}}";
    let empty = "{\"templates\": {}, \"locales\": {\"en\": {\"visits.ftl\": \"visit = Hello.\"}}}";
    for text in [half, unsound, empty] {
        std::fs::write(&last_good, text).unwrap();
        assert!(matches!(begin(), Err(RenderLoadError::Faults(_))), "{text}");
    }
}

#[test]
fn a_language_that_was_taken_away_while_no_host_ran_is_meant_to_be() {
    let home = home();
    start(&home);
    std::fs::remove_dir_all(home.0.join("locales/fr")).unwrap();
    assert_eq!(start(&home).snapshot().locales().collect::<Vec<_>>(), ["en", "es"]);
    // It is not remembered either, while another one is kept.
    let home = home.with("locales/es/visits.ftl", "visit = Hola { $nam");
    assert_eq!(start(&home).snapshot().locales().collect::<Vec<_>>(), ["en", "es"]);
    assert!(!std::fs::read_to_string(home.0.join(".tidings/words.json")).unwrap().contains("Bonjour"));
}
