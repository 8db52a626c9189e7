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

#[test]
fn what_is_missing_goes_only_where_nothing_else_is_wrong() {
    // As half of a copy is: of one file a part is there, and what comes later is not.
    for (begun, missing, left) in [
        ("locales/en/visits.ftl", &["locales/es"][..], &["en", "fr", "other", "visit"][..]),
        ("locales/fr/visits.ftl", &["locales/es"], &["en", "fr", "other", "visit"]),
        ("templates/visit.j2", &["locales/es"], &["en", "fr", "other", "visit"]),
        ("locales/fr/visits.ftl", &["locales/es/visits.ftl"], &["en", "es", "fr", "other", "visit"]),
        (
            "locales/fr/visits.ftl",
            &["templates/other.j2", "templates/other.toml"],
            &["en", "es", "fr", "visit"],
        ),
    ] {
        let home = home()
            .with("locales/es/more.ftl", "more = Hasta luego.")
            .with("templates/other.toml", VISIT)
            .with("templates/other.j2", "{{ t(\"visit\", name=name, at=at) }}");
        start(&home);
        let whole = std::fs::read_to_string(home.0.join(begun)).unwrap();
        for path in missing.iter().map(|path| home.0.join(path)) {
            if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }.unwrap();
        }
        let home = home.with(begun, &whole[..whole.len() - 4]);
        let last = missing.last().unwrap();
        for round in 0..2 {
            let started = start(&home);
            let faults = Faults(started.snapshot().faults().to_vec()).to_string();
            assert!(
                faults.contains(&format!("{last}: it is gone")),
                "{begun}, {last}, start {round}: {faults}"
            );
            assert_eq!(said(&started, "es"), "Hola Ana, 7 mar.", "{begun}, {last}, start {round}");
            assert_eq!(started.snapshot().kinds().count(), 2, "{begun}, {last}, start {round}");
        }
        let started = start(&home.with(begun, whole)).snapshot();
        assert!(started.faults().is_empty(), "{last}: {:?}", started.faults());
        let kinds = started.kinds().map(|kind| kind.name.as_str());
        assert_eq!(started.locales().chain(kinds).collect::<Vec<_>>(), left, "{last}");
        assert_eq!(
            started.locales.get("es").is_some_and(|es| es.has("visit")),
            last.starts_with("templates/")
        );
    }
}

#[test]
fn a_language_that_english_and_the_templates_went_ahead_of_is_there_after_every_restart() {
    let reply = "visit = Hi { $name }, { DATETIME($at, style: \"day\") }. Reply T to talk to us.";
    let ward = VISIT.to_owned() + "[variables.ward]\ntype = \"text\"\nrequired = true\nsamples = [\"Two\"]\n";
    let in_ward = "visit = Hi { $name }, { DATETIME($at, style: \"day\") }, ward { $ward }.";
    let called = "{{ t(\"visit\", name=name, at=at, ward=ward) }}";
    let english = ("locales/en/visits.ftl", reply);
    let both = [
        ("templates/visit.toml", ward.as_str()),
        ("templates/visit.j2", called),
        ("locales/en/visits.ftl", in_ward),
    ];
    for (edits, rule) in [(&[english][..], "command"), (&both[..], "missing-variable")] {
        let home = home();
        start(&home);
        let home = edits.iter().fold(home, |home, (file, text)| home.with(file, text));
        for round in 0..3 {
            let catalogue = start(&home).snapshot();
            let mut variables = ana();
            variables.insert("ward".to_owned(), text("Two"));
            let spanish = Ask::new("visit", "es").of(&catalogue, &variables).unwrap();
            assert_eq!(spanish.text, "Hola Ana, 7 mar.", "{rule}, start {round}");
            assert!(catalogue.faults().iter().any(|fault| fault.rule == rule), "{:?}", catalogue.faults());
            assert!(catalogue.faults().iter().all(|fault| catalogue.keeps_what_was_before(fault)));
        }
    }
}

#[test]
fn what_was_good_and_does_harm_by_todays_rules_is_not_taken_up_again() {
    let home = home();
    start(&home);
    let last_good = home.0.join(".tidings/words.json");
    let harmful = std::fs::read_to_string(&last_good).unwrap().replace("Hola", "Responda CANCEL");
    std::fs::write(&last_good, harmful).unwrap();
    let home = home.with("locales/es/visits.ftl", "visit = Hola { $nam");
    assert!(said(&start(&home), "es").starts_with("Hi Ana"));
}

#[test]
fn a_translation_that_lags_behind_keeps_nothing_that_has_gone() {
    let home = home()
        .with("templates/other.toml", VISIT)
        .with("templates/other.j2", "{{ t(\"visit\", name=name, at=at) }}");
    start(&home);
    for file in ["templates/other.toml", "templates/other.j2"] {
        std::fs::remove_file(home.0.join(file)).unwrap();
    }
    let started = start(&home.with("locales/fr/visits.ftl", "visit = Bonjour { $nom }."));
    assert!(!started.snapshot().faults().is_empty());
    assert_eq!(started.snapshot().kinds().count(), 1);
    assert_eq!(said(&started, "fr"), "Bonjour Ana, 7 mars.");
}

#[test]
fn what_is_empty_when_a_host_starts_is_as_it_was() {
    let words = "stop = basta ya";
    let with_words = || {
        let home = home().with("locales/en/keywords.ftl", "stop = no more texts");
        home.with("locales/es/keywords.ftl", words)
    };
    let empty_folder = |folder: PathBuf| {
        std::fs::remove_dir_all(&folder).unwrap();
        std::fs::create_dir(&folder).unwrap();
    };
    for (emptied, part) in [
        ("locales", "en"),
        ("locales/es", "es"),
        ("templates", "templates"),
        ("locales/es/visits.ftl", "es"),
        ("locales/es/keywords.ftl", "es"),
        ("templates/visit.j2", "templates"),
    ] {
        let home = with_words();
        start(&home);
        match home.0.join(emptied) {
            folder if folder.is_dir() => empty_folder(folder),
            file => std::fs::write(file, "\n").unwrap(),
        }
        for _ in 0..2 {
            let started = start(&home);
            assert_eq!(said(&started, "es"), "Hola Ana, 7 mar.", "{part}");
            assert_eq!(said(&started, "fr"), "Bonjour Ana, 7 mars.", "{part}");
            let spanish = started.snapshot().keywords("es").cloned().unwrap();
            assert_eq!(spanish.stop, ["BASTA YA"], "{part}");
            assert!(kept(&started).contains(&part.to_owned()), "{part}: {:?}", kept(&started));
        }
        // Of a file or a language that was meant to go, nothing is left.
        std::fs::remove_dir_all(home.0.join("locales")).unwrap();
        let home = home
            .with("templates/visit.toml", VISIT)
            .with("templates/visit.j2", "{{ t(\"visit\", name=name, at=at) }}")
            .with("locales/en/visits.ftl", "visit = Hi { $name }, { DATETIME($at, style: \"day\") }.")
            .with("locales/es/visits.ftl", SPANISH);
        let started = start(&home);
        assert_eq!((said(&started, "fr").as_str(), kept(&started).len()), ("Hi Ana, Sat, Mar 7.", 0));
        assert!(started.snapshot().keywords("es").unwrap().stop.is_empty());
    }
}

#[test]
fn a_host_without_any_message_type_does_not_start() {
    let home = home();
    for file in ["templates/visit.toml", "templates/visit.j2"] {
        std::fs::remove_file(home.0.join(file)).unwrap();
    }
    assert_eq!(home.faults()[0].to_string(), "templates: there is no message type in this folder");
}

#[test]
fn what_is_at_work_is_kept_and_not_what_was_kept_before_it() {
    let home = home();
    let running = start(&home);
    let (state, aside) = (home.0.join(".tidings"), home.0.join("aside"));
    // Where the good edit cannot be kept, the next one can.
    std::fs::rename(&state, &aside).unwrap();
    let home = home
        .with(".tidings", "a file in the place of the folder")
        .with("locales/es/visits.ftl", SPANISH.replace("Hola", "Buenas"))
        .with("locales/en/visits.ftl", "visit = Hello { $name }, { DATETIME($at, style: \"day\") }.")
        .with(
            "templates/visit.j2",
            "{{ t(\"visit\", name=name, at=at) }}{{ sp }}{{ t(\"visit\", name=name, at=at) }}",
        );
    running.reload().unwrap();
    let twice = said(&running, "es");
    assert_eq!(twice, "Buenas Ana, 7 mar. Buenas Ana, 7 mar.");
    std::fs::remove_file(&state).unwrap();
    std::fs::rename(&aside, &state).unwrap();
    let home = home
        .with("locales/es/visits.ftl", "visit = Hola { $nam")
        .with("locales/en/visits.ftl", "visit = Hi { $nam")
        .with("templates/visit.j2", "{{ t(");
    running.reload().unwrap();
    assert_eq!(
        (said(&start(&home), "es"), said(&start(&home), "en").as_str()),
        (twice.clone(), "Hello Ana, Sat, Mar 7. Hello Ana, Sat, Mar 7.")
    );
    // And where all that was kept is lost, it is kept again.
    std::fs::remove_file(state.join("words.json")).unwrap();
    let home = home.with("locales/fr/visits.ftl", SPANISH.replace("Hola", "Salut"));
    running.reload().unwrap();
    assert_eq!(said(&start(&home), "es"), twice);
}
