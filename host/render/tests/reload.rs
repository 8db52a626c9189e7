//! Files that change under a running host: what is good is used, what is not changes nothing.

use super::*;
use crate::domain::keyword::Keyword;

const SPANISH: &str = "visit = Hola { $name }, { DATETIME($at, style: \"date\") }.";

/// A home whose Spanish is spread over two files.
fn home() -> Home {
    Home::new()
        .with("templates/visit.j2", "{{ t(\"visit\", name=name, at=at) }}{{ sp }}{{ t(\"bye\") }}")
        .with("locales/en/bye.ftl", "bye = Bye.")
        .with("locales/es/visits.ftl", SPANISH)
        .with("locales/es/bye.ftl", "bye = Hasta luego.")
        .with("locales/fr/visits.ftl", SPANISH.replace("Hola", "Bonjour"))
        .with("locales/fr/bye.ftl", "bye = Au revoir.")
        .with("locales/en/keywords.ftl", "stop = no more texts")
        .with("locales/es/keywords.ftl", "stop = basta ya")
}

fn said(renderer: &Renderer, language: &'static str) -> String {
    Ask::new("visit", language).of(&renderer.snapshot(), &ana()).unwrap().text
}

fn reported(renderer: &Renderer) -> String {
    Faults(renderer.snapshot().faults().to_vec()).to_string()
}

fn kept(renderer: &Renderer) -> Vec<String> {
    renderer.snapshot().kept().map(str::to_owned).collect()
}

#[test]
fn a_good_edit_is_used_and_a_text_that_has_begun_ends_as_it_began() {
    let home = home();
    let renderer = home.load();
    let begun = renderer.snapshot();
    assert!(renderer.reload().unwrap().is_none(), "nothing has changed");
    let _home = home.with("locales/es/bye.ftl", "bye = Nos vemos.");
    assert!(renderer.reload().unwrap().is_some());
    assert_eq!(said(&renderer, "es"), "Hola Ana, 7 mar. Nos vemos.");
    assert_eq!(Ask::new("visit", "es").of(&begun, &ana()).unwrap().text, "Hola Ana, 7 mar. Hasta luego.");
}

#[test]
fn a_file_that_is_as_it_was_is_not_parsed_again() {
    let home = home();
    let renderer = home.load();
    let parsed = || renderer.snapshot().locales["es"].files.clone();
    let before = parsed();
    let is_same = |nth: usize| {
        let (before, now) = (&before[nth], &parsed()[nth]);
        assert_eq!(before.file, now.file);
        Arc::ptr_eq(&before.resource, &now.resource)
    };
    // English changes, so that Spanish is checked again.
    let home = home.with("locales/en/bye.ftl", "bye = Farewell.");
    renderer.reload().unwrap();
    assert!(is_same(0) && is_same(1));
    let _home = home.with("locales/es/bye.ftl", "bye = Nos vemos.");
    renderer.reload().unwrap();
    assert_eq!((is_same(0), is_same(1)), (false, true));
    assert_eq!(said(&renderer, "es"), "Hola Ana, 7 mar. Nos vemos.");
}

#[test]
fn a_broken_file_keeps_its_locale_as_it_was_and_the_others_go_ahead() {
    let deep = format!("bye = {}", "{".repeat(5000));
    let large = "# x\n".repeat(80 * 1024);
    for (broken, complaint) in [
        ("bye = Hasta { luego", "locales/es/bye.ftl:1:20: a `}` was expected"),
        ("bye = Hasta luego { $name }.", "$name does not exist"),
        ("bye = Uno.\nbye = Dos.", "bye.ftl:2:1: `bye` is there already"),
        (&deep, "nested more than 8"),
        (&large, "larger than 256 KiB"),
        ("bye = Vea https://evil.example/x", "addresses come from the template"),
    ] {
        let home = home();
        let renderer = home.load();
        let home = home.with("locales/es/bye.ftl", broken).with("locales/fr/bye.ftl", "bye = Salut.");
        assert!(renderer.reload().unwrap().is_some());
        assert_eq!(said(&renderer, "es"), "Hola Ana, 7 mar. Hasta luego.", "{complaint}");
        assert!(said(&renderer, "fr").ends_with("Salut."));
        assert!(reported(&renderer).contains(complaint), "{}", reported(&renderer));
        assert_eq!(kept(&renderer), ["es"]);
        // An edit of another file of the same locale waits until both are good.
        let home = home.with("locales/es/visits.ftl", SPANISH.replace("Hola", "Buenas"));
        renderer.reload().unwrap();
        assert!(said(&renderer, "es").starts_with("Hola"));
        let _home = home.with("locales/es/bye.ftl", "bye = Adiós.");
        renderer.reload().unwrap();
        assert_eq!(said(&renderer, "es"), "Buenas Ana, 7 mar. Adiós.");
        assert!(renderer.snapshot().faults().is_empty() && kept(&renderer).is_empty());
    }
}

#[test]
fn another_encoding_keeps_the_locale_and_the_marks_of_windows_do_not() {
    let home = home();
    let renderer = home.load();
    let utf16: Vec<u8> =
        [0xFF, 0xFE].into_iter().chain("bye = x".encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let home = home.with("locales/es/bye.ftl", utf16);
    renderer.reload().unwrap();
    assert!(reported(&renderer).contains("UTF-16") && said(&renderer, "es").ends_with("Hasta luego."));
    let _home = home.with("locales/es/bye.ftl", "\u{FEFF}bye = Adiós.\r\nother = x\r\n");
    renderer.reload().unwrap();
    assert!(said(&renderer, "es").ends_with("Adiós.") && reported(&renderer).is_empty());
}

#[test]
fn a_file_that_vanishes_takes_no_text_with_it() {
    let home = home();
    let renderer = home.load();
    // As an editor does between two steps of saving, or a hand by mistake.
    for vanish in [
        || Box::new(|path: PathBuf| std::fs::write(path, "").unwrap()) as Box<dyn Fn(PathBuf)>,
        || Box::new(|path: PathBuf| std::fs::remove_file(path).unwrap()) as Box<dyn Fn(PathBuf)>,
    ] {
        for file in
            ["locales/es/bye.ftl", "locales/en/bye.ftl", "locales/es/keywords.ftl", "locales/en/keywords.ftl"]
        {
            let text = std::fs::read_to_string(home.0.join(file)).unwrap();
            vanish()(home.0.join(file));
            renderer.reload().unwrap();
            for (language, stop) in [("es", "Basta ya"), ("en", "No more texts")] {
                let catalogue = renderer.snapshot();
                assert_eq!(
                    catalogue.keywords(language).unwrap().keyword(stop),
                    Some(Keyword::Stop),
                    "{file}"
                );
            }
            assert_eq!(said(&renderer, "es"), "Hola Ana, 7 mar. Hasta luego.");
            assert_eq!(said(&renderer, "en"), "Hi Ana, Sat, Mar 7. Bye.");
            assert!(reported(&renderer).contains(&format!("{file}: it is ")));
            std::fs::write(home.0.join(file), text).unwrap();
            renderer.reload().unwrap();
            assert!(reported(&renderer).is_empty(), "{}", reported(&renderer));
        }
    }
    std::fs::remove_dir_all(home.0.join("locales/es")).unwrap();
    renderer.reload().unwrap();
    assert_eq!(said(&renderer, "es"), "Hola Ana, 7 mar. Hasta luego.");
    std::fs::remove_dir_all(home.0.join("locales")).unwrap();
    assert!(renderer.reload().is_err());
    assert_eq!(said(&renderer, "es"), "Hola Ana, 7 mar. Hasta luego.");
}

#[test]
fn a_folder_that_cannot_be_read_is_told_as_long_as_it_cannot() {
    let home = home();
    let renderer = home.load();
    let (folder, aside) = (home.0.join("locales"), home.0.join("aside"));
    std::fs::rename(&folder, &aside).unwrap();
    std::fs::write(&folder, "a file in the place of the folder").unwrap();
    assert!(renderer.reload().is_err());
    let told = Faults(renderer.faults()).to_string();
    assert!(
        told.starts_with("locales: the folder cannot be read (") && told.contains("stay as they were"),
        "{told}"
    );
    assert_eq!(said(&renderer, "es"), "Hola Ana, 7 mar. Hasta luego.");
    std::fs::remove_file(&folder).unwrap();
    std::fs::rename(&aside, &folder).unwrap();
    assert!(renderer.reload().unwrap().is_none() && renderer.faults().is_empty());
    // One locale's folder is that locale's trouble.
    let mut files = Files::read(&home.0).unwrap();
    let closed = Fault::whole("locales/es", "the folder cannot be read: permission denied");
    files.locales.insert("es".to_owned(), BTreeMap::from([(String::new(), Err(closed.clone()))]));
    let catalogue = Catalogue::build(files, &american(), Some(&renderer.snapshot())).unwrap();
    assert_eq!((catalogue.faults(), catalogue.kept().collect::<Vec<_>>()), (&[closed][..], vec!["es"]));
    assert_eq!(Ask::new("visit", "es").of(&catalogue, &ana()).unwrap().locale_sent, "es");
}

#[test]
fn a_file_that_is_renamed_or_split_is_not_missed() {
    let home = home();
    let renderer = home.load();
    std::fs::rename(home.0.join("locales/es/bye.ftl"), home.0.join("locales/es/goodbye.ftl")).unwrap();
    renderer.reload().unwrap();
    assert!(reported(&renderer).is_empty(), "{}", reported(&renderer));
    assert_eq!(said(&renderer, "es"), "Hola Ana, 7 mar. Hasta luego.");
}

#[test]
fn a_new_language_is_there_when_its_folder_is() {
    let home = home();
    let renderer = home.load();
    let home = home.with("locales/bn/visits.ftl", SPANISH.replace("Hola", "প্রিয়"));
    renderer.reload().unwrap();
    assert!(said(&renderer, "bn").starts_with("Hi"), "half a language is no language");
    let _home = home.with("locales/bn/bye.ftl", "bye = আবার দেখা হবে।");
    renderer.reload().unwrap();
    assert_eq!(said(&renderer, "bn"), "প্রিয় Ana, 7 মার্চ. আবার দেখা হবে।");
}

#[test]
fn templates_change_as_a_set_and_english_goes_ahead_without_them() {
    let home = home();
    let renderer = home.load();
    let home = home
        .with("templates/visit.j2", "{{ t(\"visit\", name=name, at=at) }} Words.")
        .with("locales/en/bye.ftl", "bye = Farewell.");
    renderer.reload().unwrap();
    assert_eq!(said(&renderer, "en"), "Hi Ana, Sat, Mar 7. Farewell.");
    assert_eq!(kept(&renderer), ["templates"]);
    // A template may need a message that is saved a moment later.
    let home =
        home.with("templates/visit.j2", "{{ t(\"visit\", name=name, at=at) }}{{ sp }}{{ t(\"ciao\") }}");
    renderer.reload().unwrap();
    assert_eq!(said(&renderer, "en"), "Hi Ana, Sat, Mar 7. Farewell.");
    assert!(reported(&renderer).contains("no message `ciao`"));
    let home = home.with("locales/en/bye.ftl", "ciao = Ciao.");
    renderer.reload().unwrap();
    assert_eq!(said(&renderer, "en"), "Hi Ana, Sat, Mar 7. Ciao.");
    assert!(kept(&renderer).is_empty());
    // Broken English stays as it was under good templates.
    let _home = home
        .with("templates/visit.j2", "{{ t(\"ciao\") }}{{ sp }}{{ t(\"visit\", name=name, at=at) }}")
        .with("locales/en/bye.ftl", "ciao = Ciao {");
    renderer.reload().unwrap();
    assert_eq!(said(&renderer, "en"), "Ciao. Hi Ana, Sat, Mar 7.");
    assert_eq!(kept(&renderer), ["en"]);
}

#[test]
fn a_type_whose_files_vanish_is_kept() {
    let home = home().with("templates/other.toml", VISIT);
    let home = home.with("templates/other.j2", "{{ t(\"bye\") }}");
    let renderer = home.load();
    for (gone, told) in [
        ("visit", "templates/visit.toml: it is gone"),
        ("other", "templates: there is no message type in this folder"),
    ] {
        std::fs::remove_file(home.0.join(format!("templates/{gone}.j2"))).unwrap();
        std::fs::remove_file(home.0.join(format!("templates/{gone}.toml"))).unwrap();
        renderer.reload().unwrap();
        assert_eq!(said(&renderer, "en"), "Hi Ana, Sat, Mar 7. Bye.");
        assert!(reported(&renderer).contains(told), "{}", reported(&renderer));
    }
}
