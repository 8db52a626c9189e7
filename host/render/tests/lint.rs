//! What the linter says beyond what keeps a file from being used.

use super::*;

/// What is found in Spanish, beside this English.
fn found(english: &str, spanish: &str) -> Vec<Fault> {
    found_in("es", english, spanish)
}

fn found_in(tag: &str, english: &str, translated: &str) -> Vec<Fault> {
    let home = Home::new()
        .with(
            "templates/visit.j2",
            "{% if minutes %}{{ t(\"visit\", minutes=minutes) }}{% else %}{{ t(\"visit\", minutes=2) }}{% endif %}",
        )
        .with("locales/en/visits.ftl", english)
        .with(&format!("locales/{tag}/visits.ftl"), translated);
    home.load().snapshot().report(Some(tag))
}

pub(super) fn rules(found: &[Fault]) -> Vec<&str> {
    found.iter().map(|fault| fault.rule).collect()
}

#[test]
fn letters_are_looked_at() {
    for (spanish, rule, words) in [
        ("visit = Hola\u{200B} mundo.", "invisible", "U+200B"),
        ("visit = Hola\u{A0}mundo.", "invisible", "U+00A0"),
        ("visit = Hola \u{201C}mundo\u{201D}.", "dear-letter", "write `\"`"),
        ("visit = Su código.\nvisit-short = Hola.", "dear-letter", "another word"),
        ("visit = Hola  mundo.", "punctuation", "twice"),
        ("visit = Hola ,mundo.", "punctuation", "wrong place"),
        ("visit = You have a visit.", "untranslated", "same as in English"),
        ("visit = Привет.", "script", "Latn"),
        ("visit = Hola.\nvisita = Uno.", "extra-key", "no template asks"),
        (
            "other = Hola.",
            "missing-key",
            "`visit` is missing; until it is there, texts in another language go out (visit)",
        ),
    ] {
        let found = found("visit = You have a visit.", spanish);
        let of_rule = found.iter().find(|fault| fault.rule == rule);
        let fault = of_rule.unwrap_or_else(|| panic!("no {rule} in {:?} for {spanish}", rules(&found)));
        assert!(fault.message.contains(words) && fault.severity == Severity::Warning, "{fault}");
    }
    assert!(rules(&found("visit = Hi.", "visit = Hola, ¿qué tal?")).is_empty());
}

#[test]
fn letters_of_terms_formats_and_lists_of_words_are_looked_at_too() {
    let rest = "visit = Hola.";
    let home = |file: &str, text: &str| {
        let home = Home::new()
            .with("templates/visit.j2", "{{ t(\"visit\") }}")
            .with("locales/en/visits.ftl", "visit = Hi.")
            .with("locales/es/visits.ftl", rest);
        home.with(file, text).load().snapshot().report(Some("es"))
    };
    for (file, text, rule) in [
        ("locales/es/names.ftl", "-us = Nuestra\u{200B} casa", "invisible"),
        ("locales/es/names.ftl", "-us = Nuestra  casa", "punctuation"),
        ("locales/es/names.ftl", "-us = Clínica", "dear-letter"),
        ("locales/es/formats.ftl", "month-aug = ago\u{200B}sto", "invisible"),
        ("locales/es/keywords.ftl", "stop = bas\u{200B}ta", "invisible"),
    ] {
        let report = home(file, text);
        let found = report.iter().find(|fault| fault.rule == rule);
        assert!(found.is_some_and(|fault| fault.file == file), "{rule}: {report:?}");
    }
}

/// The samples are short; what the clinic is called, and where it is at home, may not be.
#[test]
fn a_code_is_priced_with_what_the_clinic_itself_says() {
    let found = |own: Own, locale: &str| -> String {
        let settings = RenderSettings { own: Some(own), ..american() };
        let home = Path::new(env!("CARGO_MANIFEST_DIR"));
        let report = Renderer::load(home, &settings).unwrap().snapshot().report(Some(locale));
        let dear = report.into_iter().find(|fault| fault.rule == "over-budget");
        dear.map(|fault| format!("{} {}", fault.file, fault.message)).unwrap_or_default()
    };
    assert_eq!(found(own("clinic.example"), "ar"), "");
    let long = own("patients.lakeside-family-clinic-and-birth-center.example.org");
    let dear = found(long.clone(), "ar");
    assert!(dear.starts_with("locales/ar/codes.ftl with the clinic's own name"), "{dear}");
    assert!(dear.contains("otp costs 3 segments, 2 allowed"), "{dear}");
    assert_eq!(found(long.clone(), "en"), "", "the short words still fit");
    let longer = Own { name: "L".repeat(30), digits: 10, ..long };
    assert!(found(longer, "en").contains("otp costs 2 segments, 1 allowed"));
}

#[test]
fn letters_that_are_the_language_itself_are_none_of_it() {
    let vietnamese = "visit = Quý vị có lịch hẹn khám. Xin đừng quên.";
    assert!(rules(&found_in("vi", "visit = Hi.", vietnamese)).is_empty());
    let persian = "visit = می\u{200C}خواهم.";
    assert!(rules(&found_in("fa", "visit = Hi.", persian)).is_empty());
}

#[test]
fn a_text_from_right_to_left_begins_with_its_own_script() {
    assert_eq!(rules(&found_in("ar", "visit = Hi.", "visit = Ana مرحبا.")), ["direction"]);
    assert!(rules(&found_in("ar", "visit = Hi.", "visit = مرحبا Ana.")).is_empty());
}

#[test]
fn plural_categories_are_those_of_the_language() {
    let english = "visit = { $minutes ->\n [one] { $minutes } minute\n *[other] { $minutes } minutes\n }";
    for (tag, translated, words) in [
        (
            "pl",
            "visit = { $minutes ->\n [one] { $minutes } minuta\n *[many] { $minutes } minut\n }",
            "[few] is missing",
        ),
        (
            "es",
            "visit = { $minutes ->\n [few] { $minutes } x\n *[other] { $minutes } minutos\n }",
            "never counts with [few]",
        ),
        (
            "fr",
            "visit = { $minutes ->\n [one] une minute\n *[other] { $minutes } minutes\n }",
            "[one] stands for 0, 1",
        ),
        (
            "es",
            "visit = { $minutes ->\n [uno] { $minutes } x\n *[other] { $minutes } y\n }",
            "no plural category",
        ),
        (
            "es",
            "visit = { $minutes ->\n [one] { $minutes } x\n [one] { $minutes } z\n *[other] { $minutes } y\n }",
            "there twice",
        ),
    ] {
        let found = found_in(tag, english, translated);
        assert!(found.iter().any(|fault| fault.message.contains(words)), "{words}: {:?}", rules(&found));
    }
    // By the rules that choose, which are Fluent's: ICU's newer ones have `many` in Spanish and `one` in
    // Vietnamese.
    let spanish =
        "visit = { $minutes ->\n [one] { $minutes } minuto\n [many] x\n *[other] { $minutes } minutos\n }";
    assert_eq!(rules(&found(english, spanish)), ["plural"]);
    let vietnamese = "visit = { $minutes ->\n [one] { $minutes } phút\n *[other] { $minutes } phút\n }";
    assert_eq!(rules(&found_in("vi", english, vietnamese)), ["plural"]);
    assert!(rules(&found_in("vi", english, "visit = { $minutes } phút")).is_empty());
    let spanish = "visit = { $minutes ->\n [1] Un minuto.\n *[other] { $minutes } minutos.\n }";
    assert!(rules(&found(english, spanish)).is_empty());
}

#[test]
fn a_year_of_dates_is_counted_and_the_word_to_blame_is_shown() {
    let long = "Venga con tiempo y traiga sus papeles, por favor.";
    let spanish = format!(
        "# Viene de CLDR.\nvisit = Hola {{ $name }}, cita el {{ DATETIME($at, style: \"day\") }}. {long}"
    );
    let home = Home::new().with("locales/es/visits.ftl", spanish);
    let report = home.load().snapshot().report(Some("es"));
    let dear = report.iter().find(|fault| fault.rule == "dear-date").unwrap();
    assert_eq!((dear.line, dear.severity), (2, Severity::Warning));
    assert_eq!(
        dear.message,
        "52 of 365 days cost 2 segments because of `á` in `sáb`, line 2: visit costs 1 on the others"
    );
    // The locale's own word is to blame where it has one, and a plain one costs nothing.
    let own = home.with("locales/es/formats.ftl", "weekday-sat = sáb\n");
    let report = own.load().snapshot().report(Some("es"));
    assert_eq!(report[0].file, "locales/es/formats.ftl");
    let plain = own.with("locales/es/formats.ftl", "weekday-sat = sab\n");
    assert!(rules(&plain.load().snapshot().report(Some("es"))).is_empty());
    // Where the dear word costs no more than the plain one, there is nothing to say.
    let brief = plain.with("locales/es/formats.ftl", "weekday-sat = sáb\n");
    let brief =
        brief.with("locales/es/visits.ftl", "visit = Hola { $name }, { DATETIME($at, style: \"day\") }.");
    assert!(rules(&brief.load().snapshot().report(Some("es"))).is_empty());
}

#[test]
fn a_budget_that_is_overrun_is_a_warning_and_does_not_block_a_reload() {
    let home = Home::new().with("templates/visit.toml", format!("{VISIT}\n[max_parts]\ndefault = 1"));
    let long = format!("visit = Hola {{ $name }}, {{ DATETIME($at, style: \"date\") }} {}", "x".repeat(170));
    let renderer = home.load();
    let home = home.with("locales/es/visits.ftl", long);
    renderer.reload().unwrap();
    assert!(renderer.snapshot().faults().is_empty());
    let report = renderer.snapshot().report(Some("es"));
    let over = report.iter().find(|fault| fault.rule == "over-budget").unwrap();
    assert!(over.message.contains("up to 2 segments on 365 of 365 days, 1 allowed"), "{over}");
    drop(home);
}

#[test]
fn a_warning_that_is_meant_is_allowed_by_a_comment() {
    let spanish = "# allow: dear-letter\nvisit = Su código.\n";
    let more = "visit-short = Hola.\nvisit-discreet = Hola.";
    assert!(rules(&found("visit = Hi.", &format!("{spanish}{more}"))).is_empty());
    assert_eq!(rules(&found("visit = Hi.", &format!("visit = Su código.\n{more}"))), ["dear-letter"]);
}

#[test]
fn a_warning_about_a_term_a_format_or_a_list_of_words_is_allowed_too() {
    let report = |files: [(&str, &str); 3]| {
        let home = Home::new()
            .with("templates/visit.j2", "{{ t(\"visit\") }}")
            .with("locales/en/visits.ftl", "visit = Hi.");
        let home =
            files.into_iter().fold(home, |home, (name, text)| home.with(&format!("locales/es/{name}"), text));
        home.load().snapshot().report(Some("es"))
    };
    let texts = "# allow: dear-letter\n-us = Clínica\nvisit = Hola, { -us }.";
    let formats = "# allow: invisible\nmonth-aug = ago\u{200B}sto";
    let words = "# allow: invisible\nstop = bas\u{200B}ta";
    let clean = [("visits.ftl", texts), ("formats.ftl", formats), ("keywords.ftl", words)];
    assert_eq!(rules(&report(clean)), [""; 0]);
    for at in 0..3 {
        let mut files = clean;
        let bare = files[at].1.split_once('\n').unwrap().1;
        files[at].1 = bare;
        assert_eq!(report(files).len(), 1, "{bare}");
    }
    // What is meant of a message is not meant of the term below it.
    let texts = "# allow: dear-letter\nvisit = Hola.\n-us = Clínica";
    assert_eq!(rules(&report([("visits.ftl", texts), clean[1], clean[2]])), ["dear-letter"]);
}

#[test]
fn a_text_above_its_budget_that_would_be_held_is_told_so() {
    let long = format!("visit = {}", "x".repeat(170));
    for (hold, words) in
        [("on_missing = \"hold\"\n", "1 allowed, and such texts are held;"), ("", "1 allowed; ")]
    {
        let home = Home::plain()
            .with("templates/visit.toml", format!("{hold}{VISIT}\n[max_parts]\ndefault = 1"))
            .with("locales/en/visits.ftl", &long);
        let report = home.load().snapshot().report(None);
        let over = report.iter().find(|fault| fault.rule == "over-budget").unwrap();
        assert!(over.message.contains(words), "{over}");
    }
}

#[test]
fn a_type_that_is_not_urgent_says_how_to_stop_it() {
    let report = Home::new().load().snapshot().report(None);
    assert_eq!(rules(&report), ["opt-out"]);
    assert_eq!(report[0].file, "templates/visit.j2");
}

#[test]
fn the_house_itself_is_clean() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let catalogue = Renderer::load(home, &american()).unwrap().snapshot();
    let report = catalogue.report(None);
    assert!(report.is_empty(), "{}", Faults(report));
}

#[test]
fn every_file_says_in_its_first_line_whether_a_native_speaker_has_reviewed_it() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let catalogue = Renderer::load(home, &american()).unwrap().snapshot();
    let mut files = 0;
    for tag in catalogue.locales() {
        for entry in std::fs::read_dir(home.join("locales").join(tag)).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let first = text.lines().next().unwrap_or_default();
            assert!(first.starts_with("### ") && first.contains("native speaker"), "{}", path.display());
            files += 1;
        }
    }
    assert!(files >= 100, "{files}");
}

#[test]
fn every_english_message_says_its_variables_and_gives_an_example() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let catalogue = Renderer::load(home, &american()).unwrap().snapshot();
    for file in catalogue.missing(None) {
        for entry in file.messages.split("\n\n").filter(|entry| entry.contains(" =")) {
            let own = entry.lines().skip_while(|line| line.starts_with('#')).collect::<String>();
            // Lists of words have no variables, and are their own example.
            if own.starts_with("sp =") || file.name == "keywords.ftl" {
                continue;
            }
            assert!(entry.contains("# Example: "), "{}: {entry}", file.name);
            for variable in own.split('$').skip(1) {
                let name: String =
                    variable.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                assert!(name.is_empty() || entry.contains(&format!("#   ${name} (")), "${name}: {entry}");
            }
        }
    }
}

#[test]
fn a_new_language_begins_as_comments_and_a_pseudo_language_is_whole() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let catalogue = Renderer::load(home, &american()).unwrap().snapshot();
    assert!(catalogue.missing(Some("es")).is_empty());
    let words = catalogue.missing(None).into_iter().find(|file| file.name == "keywords.ftl").unwrap();
    assert!(words.count == 6 && words.begun().contains("\n# stop = stop all, "), "{}", words.begun());
    let mut new = Home::new();
    for folder in ["templates", "locales/en"] {
        for entry in std::fs::read_dir(home.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let file = format!("{folder}/{}", path.file_name().unwrap().to_str().unwrap());
            new = new.with(&file, std::fs::read(&path).unwrap());
        }
    }
    for file in ["templates/visit.toml", "templates/visit.j2", "locales/en/visits.ftl"] {
        std::fs::remove_file(new.0.join(file)).unwrap();
    }
    for file in catalogue.missing(None) {
        new = new.with(&format!("locales/so/{}", file.name), file.begun());
    }
    for kind in [Pseudo::Longer, Pseudo::Dearer] {
        for (name, text) in catalogue.pseudo(kind) {
            new = new.with(&format!("locales/{}/{name}", kind.tag()), text);
        }
    }
    let catalogue = new.load().snapshot();
    assert!(catalogue.faults().is_empty(), "{}", Faults(catalogue.faults().to_vec()));
    let said = |language| {
        let kind = catalogue.kind(&TypeName::from("appointment-reminder")).unwrap();
        Ask::new("appointment-reminder", language).of(&catalogue, &catalogue.samples(kind, 0)).unwrap()
    };
    assert_eq!(said("so").locale_sent, "en");
    assert_eq!((said("en-XL").locale_sent.as_str(), said("en-XU").locale_sent.as_str()), ("en-XL", "en-XU"));
    assert!(said("en-XL").text.len() > said("en").text.len());
    assert_eq!(said("en-XU").segments.encoding, crate::domain::segments::Encoding::Ucs2);
}

#[test]
fn a_language_that_hears_fewer_words_than_english_is_told_which() {
    let home = Home::new()
        .with("locales/en/keywords.ftl", "stop = stop all\nhelp = who is this\n")
        .with("locales/es/visits.ftl", "visit = Hola { $name }, { DATETIME($at, style: \"day\") }.")
        .with("locales/es/keywords.ftl", "stop = basta\n");
    let report = home.load().snapshot().report(Some("es"));
    let found = report.iter().filter(|fault| fault.file == "locales/es/keywords.ftl");
    let said: Vec<&str> = found.map(|fault| fault.message.as_str()).collect();
    assert_eq!(said, ["`help` is missing; until it is there, such words are not understood"]);
    let missing = home.load().snapshot().missing(Some("es"));
    let missing: Vec<_> = missing.iter().map(|file| (file.name.as_str(), file.messages.as_str())).collect();
    assert_eq!(missing, [("keywords.ftl", "help = who is this\n")]);
}
