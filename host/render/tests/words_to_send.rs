//! Words that a text asks its readers to send.

use super::lint::rules;
use super::*;

#[test]
fn words_that_readers_send_stay_and_words_that_end_all_texts_are_refused() {
    let english = "visit = Reply C to confirm.\noptout = Reply STOP to opt out.";
    for (spanish, rule) in [
        ("visit = Responda para confirmar.", "command"),
        ("visit = Responda C o CANCEL.", "opt-out-word"),
        ("visit = Responda C o \"cancel\".", "opt-out-word"),
        ("visit = Responda C.\nreply-change = Responda R o CANCEL.", "opt-out-word"),
        ("visit = Responda C.\nreply-confirm-or-change = Responda C, R o 'cancel'.", "opt-out-word"),
        ("visit = Responda C.\nreply-for-help = Responda HELP o END.", "opt-out-word"),
        ("visit = Responda C.\nreply-change-short = STOP: no.", "opt-out-word"),
        ("-word = CANCEL\nvisit = Responda C o { -word }.", "opt-out-word"),
        ("-word = cancel\nvisit = Responda C o \"{ -word }\".", "opt-out-word"),
        ("visit = Responda C.\noptout = Responda BASTA.", "opt-out"),
        ("visit = Responda C. Llame al 206 555 0100.", "phone"),
        ("visit = Responda C. ফোন ০১৭১২৩৪৫৬৭৮", "phone"),
        ("visit = Responda C. ٠١٧١ ٢٣٤ ٥٦٧٨", "phone"),
        ("visit = Responda C. ０１７－１２３－４５６７", "phone"),
        ("visit = Responda C. Vea clinica.com.", "address"),
        ("visit = 回复C，请看clinic.com。谢谢", "address"),
        ("visit = C'est noté.", "command"),
        ("visit = Responda C.\nreply-change = Responda INFO.", "opt-out-word"),
        ("-site = Vea clinica.com.\nvisit = Responda C. { -site }", "address"),
        ("visit = Responda C, %s.", "forgotten-braces"),
        ("visit = Responda C, ${ minutes }.", "unknown-name"),
    ] {
        let home = Home::new()
            .with("templates/visit.j2", "{{ t(\"visit\") }}{{ sp }}{{ t(\"optout\") }}")
            .with("locales/en/visits.ftl", english)
            .with("locales/es/visits.ftl", spanish);
        let catalogue = home.load().snapshot();
        assert!(rules(catalogue.faults()).contains(&rule), "{spanish}: {:?}", catalogue.faults());
    }
}

#[test]
fn a_clinics_own_way_out_names_stop_and_none_of_the_other_words() {
    for (key, english, faults) in [
        (
            "optout-payments",
            "Reply STOP to opt out.\noptout-payments-short = STOP to opt out, HELP for help.",
            0,
        ),
        ("optout-2", "Reply STOP or CANCEL.", 1),
        ("optouts", "Reply STOP.", 1),
    ] {
        let home = Home::new()
            .with("templates/visit.j2", format!("{{{{ t(\"visit\") }}}}{{{{ sp }}}}{{{{ t(\"{key}\") }}}}"))
            .with("locales/en/visits.ftl", format!("visit = Hi.\n{key} = {english}"));
        match Renderer::load(&home.0, &american()) {
            Ok(renderer) => {
                assert_eq!((rules(&renderer.snapshot().report(None)), faults), (vec![], 0), "{key}");
            }
            Err(RenderLoadError::Faults(found)) => {
                assert_eq!((rules(&found.0), faults), (vec!["opt-out-word"], 1), "{key}");
            }
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn a_word_that_only_seems_to_be_one_to_send_is_a_warning_that_can_be_allowed() {
    for spanish in [
        "visit = Responda C o cancel.",
        "visit = Responda C o\n    cancel.",
        "visit = Responda { \"C\" } o cancel.",
        "visit = Responda C o { -word }.\n-word = cancel",
        "visit = Responda C { more }.\nmore = o { -word }\n-word = cancel",
        "visit = Responda C { $minutes ->\n [one] hoy\n *[other] o cancel\n }.",
        "visit = { $minutes ->\n [one] Venga hoy.\n *[other] Responda C o\n } cancel.",
        "visit = { $minutes ->\n *[a] { $minutes ->\n [one] Responda C\n *[b] Responda o\n } cancel\n [c] C\n }.",
    ] {
        let home = |spanish: &str| {
            Home::new()
                .with(
                    "templates/visit.j2",
                    "{% if minutes %}{{ t(\"visit\", minutes=minutes) }}{% else %}{{ t(\"visit\", minutes=2) }}{% endif %}",
                )
                .with("locales/en/visits.ftl", "visit = Reply C.")
                .with("locales/es/visits.ftl", spanish)
        };
        let first = home(spanish).load().snapshot();
        assert!(first.faults().is_empty(), "{spanish}: {:?}", first.faults());
        let of = |catalogue: &Catalogue| -> Vec<Severity> {
            let report = catalogue.report(Some("es"));
            let found = report.iter().filter(|fault| fault.rule == "opt-out-word");
            found.map(|fault| fault.severity).collect()
        };
        assert_eq!(of(&first), [Severity::Warning], "{spanish}");
        let allowed = format!("# allow: opt-out-word\n{spanish}");
        assert_eq!(of(&home(&allowed).load().snapshot()), [], "{spanish}");
    }
}

#[test]
fn a_message_that_stands_for_others_without_end_is_read_in_no_time() {
    let more = |nth: usize| format!("a{nth} = {}\n", format!("{{ a{} }}", nth + 1).repeat(300));
    let many: String = (0..10).map(more).chain(["a10 = o cancel\n".to_owned()]).collect();
    let home = Home::new().with("locales/es/many.ftl", many);
    assert!(home.load().snapshot().faults().is_empty());
}

#[test]
fn a_letter_that_nobody_is_asked_to_send_is_asked_of_no_translation() {
    for english in [
        "visit = Bring your X-ray and your vitamin D. Reply C to confirm.",
        "visit = Write to P.O. Box 7 in the U.S. or reply C.",
    ] {
        let home = Home::new()
            .with("templates/visit.j2", "{{ t(\"visit\") }}")
            .with("locales/en/visits.ftl", english)
            .with("locales/es/visits.ftl", "visit = Responda C.");
        assert!(
            home.load().snapshot().faults().is_empty(),
            "{english}: {:?}",
            home.load().snapshot().faults()
        );
    }
}

#[test]
fn a_letter_is_asked_of_a_translation_however_the_english_of_it_is_cut() {
    for (english, spanish, faults) in [
        ("visit = Reply with\n    C or R.", "visit = Responda C.", 1),
        ("visit = Reply with\n    C or R.", "visit = Responda\n    C o R.", 0),
        ("visit = Reply { -with } C.\n-with = with the letter", "visit = Hola.", 1),
        ("visit = Reply { -with } C.\n-with = with the letter", "visit = Responda C.", 0),
        ("visit = Reply { -yes }.\n-yes = C", "visit = Responda.", 1),
        ("visit = Reply { -yes }.\n-yes = C", "visit = Responda { -yes }.\n-yes = C", 0),
        ("visit = { again } now.\nagain = Reply C", "visit = Ahora.\nagain = Responda C", 1),
        ("visit = { $minutes ->\n [one] Reply\n *[other] Send\n } C.", "visit = Hola.", 1),
        ("visit = Vitamin { \"D\" } is here.", "visit = Hola.", 0),
    ] {
        let home = Home::new()
            .with("templates/visit.j2", "{{ t(\"visit\", minutes=2) }}")
            .with("locales/en/visits.ftl", english)
            .with("locales/es/visits.ftl", spanish);
        let catalogue = home.load().snapshot();
        let found = rules(catalogue.faults()).into_iter().filter(|rule| *rule == "command").count();
        assert_eq!(found, faults, "{english} / {spanish}: {:?}", catalogue.faults());
    }
}

#[test]
fn hours_years_and_dates_are_no_telephone_number_and_all_else_that_is_as_long_is_one() {
    let is_refused = |text: &str| {
        let home = Home::plain().with("locales/es/visits.ftl", format!("visit = Hola {text} hoy."));
        rules(home.load().snapshot().faults()).contains(&"phone")
    };
    for number in [
        "0800 123 456",
        "+41 44 668 18 00",
        "044-668-1800",
        "044.668.18.00",
        "(044) 668 18.00.00",
        "01.42.34.56.78",
        "24.12.26.30",
        "2211-2345",
        "06.12 34 56 78",
        "(044) 668 18.00",
        "555 123 10.30",
        "২২১১-২৩৪৫",
        "2055-2345",
        "0800 2001 22",
        "9.00-12.00, 044 668 18 00",
        "9.00-12.00 044 668 18 00",
        "24.12.2026 044 668 18 00",
        "2026-12-24-33",
        "(33) 24/12/2026/1",
        "24.13.2026",
        "24/12/2126",
        "99.99 - 77.77",
    ] {
        assert!(is_refused(number), "{number}");
    }
    for other in [
        "9.00-12.00 / 14.00-18.00",
        "9:00-12:00 / 14:00-18:00",
        "09.00–12.30/14.00–18.00",
        "24.12.2026",
        "2026-12-24",
        "24/12/2026",
        "12/24/2026",
        "24. 12. 2026",
        "2026/12/24 - 2026/12/31",
        "24.12.2026-31.12.2026, 9.00",
        "24.12.2026 (9.00-12.00)",
        "28.12.-30.12.",
        "২৪.১২.২০২৬ ৯.০০ - ১২.০০",
        "১৯৯৯-২০২৬",
        "2026 (9.00-12.00)",
        "2026 / 2027",
        "1447-1448",
        "২৫৬৯-২৫৭০",
        "24.12.26 - 31.12.26",
        "24.-31.12.2026",
    ] {
        assert!(!is_refused(other), "{other}");
    }
}

#[test]
fn what_only_looks_like_a_word_to_send_a_value_or_a_number_is_no_fault() {
    for (french, warnings) in [
        ("visit = INFO : votre rendez-vous.", 1),
        ("visit = Coût : 10 $US, 12 $CA.", 0),
        ("visit = Coût : 10 %(TVA incluse).", 0),
        ("visit = Salle 2.14, 3.5 km, le 7.", 0),
        ("visit = Grippe 2026–2027, de 9.30 – 17.30.", 0),
        ("visit = শীত ২০২৬-২০২৭, ৯.৩০ - ১২.৩০।", 0),
    ] {
        let home = Home::new()
            .with("templates/visit.j2", "{{ t(\"visit\") }}")
            .with("locales/en/visits.ftl", "visit = Hi.")
            .with("locales/fr/visits.ftl", french);
        let report = home.load().snapshot().report(Some("fr"));
        assert!(report.iter().all(|fault| fault.severity == Severity::Warning), "{french}: {report:?}");
        let told = report.iter().filter(|fault| fault.rule == "opt-out-word");
        let told: Vec<&str> = told.map(|fault| fault.message.as_str()).collect();
        assert_eq!(told.len(), warnings, "{french}");
        assert!(told.iter().all(|text| text.contains("is told what HELP tells")), "{told:?}");
    }
}
