//! One language per text.

use super::*;

const SPANISH: &str = "visit = Hola { $name }, { DATETIME($at, style: \"day\") }.";

#[test]
fn a_text_goes_out_in_the_readers_language_and_says_so() {
    let home = Home::new().with("locales/es/visits.ftl", SPANISH);
    let rendered = visit(&home, "es-MX");
    assert_eq!((rendered.text.as_str(), rendered.locale_sent.as_str()), ("Hola Ana, sáb, 7 de mar.", "es"));
    assert_eq!((rendered.locale_asked.as_str(), rendered.fallback), ("es-MX", None));
}

#[test]
fn one_missing_sentence_moves_the_whole_text() {
    let home = Home::new()
        .with("templates/visit.j2", "{{ t(\"visit\", name=name, at=at) }}{{ sp }}{{ t(\"bye\") }}")
        .with("locales/en/bye.ftl", "bye = Bye.")
        .with("locales/es/visits.ftl", SPANISH);
    let rendered = visit(&home, "es");
    assert_eq!(rendered.text, "Hi Ana, Sat, Mar 7. Bye.");
    assert_eq!(rendered.locale_sent, "en");
    assert_eq!(rendered.fallback.unwrap(), "`es` has no text for `bye`");
}

#[test]
fn a_language_without_texts_falls_back_to_the_clinics_and_then_to_english() {
    let home = Home::new().with("locales/es/visits.ftl", SPANISH);
    let settings = RenderSettings { default_language: "es".to_owned(), ..american() };
    let catalogue = Renderer::load(&home.0, &settings).unwrap().snapshot();
    let rendered = Ask::new("visit", "bn").of(&catalogue, &ana()).unwrap();
    assert_eq!(rendered.locale_sent, "es");
    assert_eq!(rendered.fallback.unwrap(), "there are no texts in `bn`");
    assert_eq!(visit(&home, "bn").locale_sent, "en");
}

#[test]
fn a_type_that_must_not_change_its_language_is_held() {
    let home = Home::new().with("templates/visit.toml", format!("on_missing = \"hold\"\n{VISIT}"));
    let error = Ask::new("visit", "bn").of(&home.load().snapshot(), &ana()).unwrap_err();
    let RenderError::Held { source, .. } = &error else { panic!("{error}") };
    assert_eq!(source.code, "no-locale");
}

#[test]
fn a_type_that_must_not_change_its_language_is_held_when_its_text_is_too_dear() {
    let home = Home::plain()
        .with("templates/visit.toml", format!("on_missing = \"hold\"\n{VISIT}\n[max_parts]\ndefault = 1"))
        .with("locales/en/visits.ftl", format!("visit = {}", "x".repeat(161)));
    let error = Ask::new("visit", "en").of(&home.load().snapshot(), &ana()).unwrap_err();
    let RenderError::Held { source, .. } = &error else { panic!("{error}") };
    assert_eq!(source.code, "over-budget");
}

#[test]
fn a_text_over_its_budget_is_shortened_before_it_is_given_up() {
    let long = "x".repeat(161);
    let home = Home::plain()
        .with("templates/visit.toml", format!("{VISIT}\n[max_parts]\ndefault = 1"))
        .with("locales/en/visits.ftl", format!("visit = {long}\nvisit-short = Short."))
        .with("locales/es/visits.ftl", format!("visit = Largo {long}"));
    let rendered = visit(&home, "en");
    assert_eq!((rendered.text.as_str(), rendered.short, rendered.over_budget), ("Short.", true, false));
    let rendered = visit(&home, "es");
    assert_eq!(rendered.text, "Short.");
    assert_eq!(rendered.fallback.unwrap(), "the text costs 2 segments in `es`, 1 allowed");
}

#[test]
fn a_text_that_is_dear_in_every_language_goes_out_in_the_readers_own_with_a_note() {
    let long = "x".repeat(161);
    let home = Home::plain()
        .with("templates/visit.toml", format!("{VISIT}\n[max_parts]\ndefault = 1"))
        .with("locales/en/visits.ftl", format!("visit = English {long}"))
        .with("locales/es/visits.ftl", format!("visit = Largo {long}"));
    let rendered = visit(&home, "es");
    assert_eq!((rendered.locale_sent.as_str(), rendered.fallback, rendered.over_budget), ("es", None, true));
    assert!(visit(&home, "en").over_budget);
}

#[test]
fn a_discreet_reader_never_gets_more_words_because_a_translation_lacks_the_discreet_ones() {
    let english = "visit = Visit.\nvisit-discreet = Hello.\nvisit-short = V.";
    let home =
        Home::plain().with("locales/en/visits.ftl", english).with("locales/es/visits.ftl", "visit = Visita.");
    let catalogue = home.load().snapshot();
    let ask = |discretion, language| Ask { discretion, ..Ask::new("visit", language) };
    assert_eq!(ask(Discretion::Discreet, "es").of(&catalogue, &ana()).unwrap().text, "Hello.");
    assert_eq!(ask(Discretion::Standard, "es").of(&catalogue, &ana()).unwrap().text, "Visita.");
    assert_eq!(ask(Discretion::Detailed, "en").of(&catalogue, &ana()).unwrap().text, "Visit.");
}

#[test]
fn a_wrong_value_is_an_error_in_every_language_and_is_not_repeated() {
    let catalogue = Home::new().load().snapshot();
    let mut variables = ana();
    variables.insert("name".to_owned(), Value::Number(482_913));
    let error = Ask::new("visit", "en").of(&catalogue, &variables).unwrap_err();
    assert_eq!(error.to_string(), "the variable `name` cannot be used: expected a text");
    variables.remove("name");
    assert!(matches!(Ask::new("visit", "en").of(&catalogue, &variables), Err(RenderError::Variable { .. })));
    assert!(matches!(Ask::new("other", "en").of(&catalogue, &ana()), Err(RenderError::UnknownKind(_))));
}
