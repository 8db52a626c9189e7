//! Words that a text asks its readers to send.

use super::lint::rules;
use super::*;

#[test]
fn words_that_readers_send_stay_and_words_that_end_all_texts_are_refused() {
    let english = "visit = Reply C to confirm.\noptout = Reply STOP to opt out.";
    for (spanish, rule) in [
        ("visit = Responda para confirmar.", "command"),
        ("visit = Responda C o CANCEL.", "opt-out-word"),
        ("visit = Responda C o cancel.", "opt-out-word"),
        ("visit = Responda C.\nreply-change = Responda R o CANCEL.", "opt-out-word"),
        ("visit = Responda C.\nreply-confirm-or-change = Responda C, R o cancel.", "opt-out-word"),
        ("visit = Responda C.\nreply-for-help = Responda HELP o END.", "opt-out-word"),
        ("visit = Responda C.\nreply-change-short = STOP: no.", "opt-out-word"),
        ("-word = CANCEL\nvisit = Responda C o { -word }.", "opt-out-word"),
        ("visit = Responda C.\noptout = Responda BASTA.", "opt-out"),
        ("visit = Responda C. Llame al 206 555 0100.", "phone"),
        ("visit = Responda C. Vea clinica.com.", "address"),
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
