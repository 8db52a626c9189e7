//! The traps of the libraries below, one promise each:
//!
//! 1. ICU writes a narrow space into the time: `the_time_of_day_does_not_change_the_alphabet`.
//! 2. The price depends on the date: `lint::a_year_of_dates_is_counted_and_the_word_to_blame_is_shown`,
//!    `bundled::a_reminder_to_ordinary_names_is_one_segment_on_every_day_of_the_year_wherever_the_alphabet_allows`.
//! 3. Fluent fails in silence: `what_fluent_would_send_in_silence_is_found_when_the_file_is_read`,
//!    `what_only_shows_while_rendering_makes_the_text_unusable`.
//! 4. Translators' tools do not look at variables: the same, and `faults::a_bad_file_in_another_language_is_left_out_and_reported`.
//! 5. ICU's formatters, and 6. Fluent's bundles, are for one thread: `many_threads_share_one_catalogue`.
//! 7. A panic poisons a bundle for ever: `a_panic_in_a_message_costs_one_text_and_no_more`.
//! 8. A nested file ends the process: `faults::no_file_is_nested_so_deeply_that_it_ends_the_process`.
//! 9. A byte order mark loses the first message: `marks_and_line_ends_of_windows_lose_no_message`.
//! 10. Fluent's plural rules are older than ICU's: `lint::plural_categories_are_those_of_the_language`.
//! 11. An object is false in a condition: `an_amount_or_a_time_that_is_there_is_true_in_a_condition`,
//!     `a_template_prints_nothing_but_texts_and_whole_numbers`.
//! 12. The engine reads templates again by itself: `a_file_that_changes_on_disk_changes_nothing_in_a_catalogue`.
//! 13. The locale chooses the calendar: `dates_are_gregorian_with_latin_digits_everywhere`.
//! 14. A language without data is written as `M03 7, Sat`: `a_language_whose_days_nobody_can_name_is_not_sent`,
//!     `a_locale_may_say_its_own_days_and_months`; `tl` is `fil`: `language::tests`.
//! 15. An accent changes the meaning: `accents_are_kept_whatever_they_cost`.

use super::super::formats::{Formats, Style};
use super::super::ftl;
use super::super::language;
use super::super::locale::Locale;
use super::super::source::Source;
use super::super::words::Words;
use super::*;
use crate::domain::segments::Encoding;
use chrono::NaiveDateTime;

fn formats(tag: &str, region: Option<&str>, hours: Option<bool>) -> Formats {
    Formats::new(&language::format_locale(tag, region, hours).unwrap(), Words::default()).unwrap()
}

fn moment() -> NaiveDateTime {
    "2026-03-07T14:30:00".parse().unwrap()
}

/// `visit` with another English text and another call.
fn said(template: &str, english: &str, variables: &BTreeMap<String, Value>) -> Result<Rendered, RenderError> {
    let home = Home::new().with("templates/visit.j2", template).with("locales/en/visits.ftl", english);
    Ask::new("visit", "en").of(&home.load().snapshot(), variables)
}

#[test]
fn the_time_of_day_does_not_change_the_alphabet() {
    for (tag, expected) in [("en", "2:30 PM"), ("es", "2:30 p.m."), ("fil", "2:30 PM")] {
        assert_eq!(formats(tag, Some("US"), None).moment(moment(), Style::Time).unwrap(), expected);
    }
    assert_eq!(formats("en", Some("GB"), None).moment(moment(), Style::Time).unwrap(), "14:30");
    assert_eq!(formats("en", None, Some(true)).moment(moment(), Style::Time).unwrap(), "14:30");
    assert_eq!(formats("es", None, Some(false)).moment(moment(), Style::Time).unwrap(), "2:30 p. m.");
}

#[test]
fn dates_are_gregorian_with_latin_digits_everywhere() {
    for (tag, expected) in [("fa", "7 مارس"), ("th", "7 มี.ค."), ("bn", "7 মার্চ"), ("ar-EG", "7 مارس")]
    {
        assert_eq!(formats(tag, None, None).moment(moment(), Style::Date).unwrap(), expected, "{tag}");
    }
}

/// All days and months of a language that ICU has no dates in.
fn haitian() -> String {
    let days = [
        ("mon", "len"),
        ("tue", "mad"),
        ("wed", "mek"),
        ("thu", "jed"),
        ("fri", "van"),
        ("sat", "sam"),
        ("sun", "dim"),
    ];
    let months = [
        "jan jan", "feb fev", "mar mas", "apr avr", "may me", "jun jen", "jul jiy", "aug out", "sep sep",
        "oct okt", "nov nov", "dec des",
    ];
    let days = days.map(|(day, word)| format!("weekday-{day} = {word}\n"));
    let months = months.map(|month| format!("month-{}\n", month.replace(' ', " = ")));
    days.concat() + &months.concat() + "pattern-day = { $weekday } { $day } { $month }\n"
}

#[test]
fn a_locale_may_say_its_own_days_and_months() {
    let haitian = haitian() + "sp = { \" \" }\nmoney-usd = { $amount } dola";
    let home = Home::new()
        .with(
            "templates/visit.j2",
            "{{ t(\"visit\", at=at) }}{% if amount %}{{ sp }}{{ t(\"pay\", amount=amount) }}{% endif %}",
        )
        .with("locales/en/visits.ftl", "visit = On { DATETIME($at, style: \"day\") }.\npay = { $amount }.")
        .with("locales/ht/formats.ftl", haitian)
        .with("locales/ht/visits.ftl", "visit = Jou { DATETIME($at, style: \"day\") }.\npay = { $amount }.");
    let mut variables = ana();
    variables.insert("amount".to_owned(), dollars("1250.50"));
    let catalogue = home.load().snapshot();
    let text = |language| Ask::new("visit", language).of(&catalogue, &variables).unwrap().text;
    assert_eq!(text("ht"), "Jou sam 7 mas. 1,250.50 dola.");
    assert_eq!(text("en"), "On Sat, Mar 7. 1,250.50 USD.");
}

#[test]
fn a_language_whose_days_nobody_can_name_is_not_sent() {
    let words = "visit = { $name }: { DATETIME($at, style: \"day\") }.";
    let home = Home::new().with("locales/ht/visits.ftl", words);
    let catalogue = home.load().snapshot();
    let fault = &catalogue.faults()[0];
    assert!(
        fault.file == "locales/ht/formats.ftl" && fault.message.contains("`weekday-mon` is missing"),
        "{fault}"
    );
    assert_eq!(visit(&home, "ht").locale_sent, "en");
    // One month is enough to be wrong on thirty days.
    let named = haitian();
    let home = home.with("locales/ht/formats.ftl", named.replace("month-dec = des\n", ""));
    assert!(home.load().snapshot().faults()[0].message.contains("`month-dec` is missing"));
    let home = home.with("locales/ht/formats.ftl", named);
    assert_eq!(visit(&home, "ht").text, "Ana: sam 7 mas.");
}

#[test]
fn what_fluent_would_send_in_silence_is_found_when_the_file_is_read() {
    for (english, word) in [
        ("visit = { UNKNOWN($name) ->\n  [a] x\n *[other] y\n }", "only a $variable"),
        ("visit = { FOO($name) }", "there is no function FOO"),
        ("-brand = Clinic { $name }\nvisit = { -brand }", "a term has only fixed words"),
        ("visit = Hi { $nombre }", "there are $at, $name"),
        ("visit = Hi { $at }", "write DATETIME"),
        ("visit = Hi { DATETIME($name, style: \"day\") }", "is no time"),
        ("visit = Hi { DATETIME($at, style: \"long\") }", "is written DATETIME"),
        ("visit = { $name ->\n  [one] x\n *[other] y\n }", "is no number"),
        ("visit = { NUMBER($name, minimumFractionDigits: 300000000) }", "no options"),
        ("visit = Hi { missing }.", "no message `missing`"),
        ("visit = Hi { name }.", "written { $name }"),
        ("visit = Hi { -brand }.", "no term `-brand`"),
        ("visit = Hi { other }.\nother = { visit }", "leads back to itself"),
        ("visit = Hi $name.", "is written { $name }"),
        ("visit = Wait { 2.5 } hours.", "write 2.5 without braces"),
        ("visit = Reply { \"\\u0043ANCEL\" }.", "write `C` as it is to be read"),
        ("visit = See clinic{ \"\\\\\\U00002E\" }com.", "write `.` as it is to be read"),
        ("visit = { 1.00 ->\n  [one] x\n *[other] y\n }", "only a $variable"),
    ] {
        let faults = Home::new().with("locales/en/visits.ftl", english).faults();
        let found = faults.iter().find(|fault| fault.message.contains(word));
        assert!(found.is_some_and(|fault| fault.line > 0), "{english}: {}", Faults(faults.clone()));
    }
}

#[test]
fn what_only_shows_while_rendering_makes_the_text_unusable() {
    // The template computes its arguments, so nobody can tell their types before.
    for (template, english) in [
        ("{% set x = at %}{{ t(\"visit\", a=x) }}", "visit = Hi { $a }."),
        ("{% set x = name %}{{ t(\"visit\", a=x) }}", "visit = Hi { DATETIME($a, style: \"day\") }."),
        ("{% set x = name %}{{ t(\"visit\", a=x) }}", "visit = Hi { NUMBER($a) }."),
        ("{% set x = name %}{{ t(\"visit\", a=x) }}", "visit = { NUMBER($a) ->\n [one] x\n *[other] y\n }"),
    ] {
        let home = Home::new().with("templates/visit.j2", template).with("locales/en/visits.ftl", english);
        assert!(home.faults()[0].message.contains("`visit` in `en`"), "{}", home.faults()[0]);
    }
}

#[test]
fn a_template_prints_nothing_but_texts_and_whole_numbers() {
    for template in ["{{ at }}", "{{ discreet }}", "{{ minutes / 2 }}", "{{ t }}", "{{ [name] }}"] {
        let home = Home::new()
            .with("templates/visit.toml", VISIT.replace("required = true\n", ""))
            .with("templates/visit.j2", format!("{{{{ t(\"visit\") }}}}{template}"))
            .with("locales/en/visits.ftl", "visit = Hi.");
        let message = home.faults()[0].message.clone();
        assert!(message.contains("texts and whole numbers only"), "{message}");
    }
}

#[test]
fn an_amount_or_a_time_that_is_there_is_true_in_a_condition() {
    let template = "{{ t(\"visit\") }}{% if amount %}{{ sp }}{{ t(\"pay\", amount=amount) }}{% endif %}\
                    {% if at %}{{ sp }}{{ t(\"day\", at=at) }}{% endif %}";
    let english = "visit = Hi.\npay = Bring { $amount }.\nday = { DATETIME($at, style: \"date\") }.";
    let mut variables = ana();
    assert_eq!(said(template, english, &variables).unwrap().text, "Hi. Mar 7.");
    variables.insert("amount".to_owned(), dollars("25.50"));
    assert_eq!(said(template, english, &variables).unwrap().text, "Hi. Bring 25.50 USD. Mar 7.");
}

#[test]
fn a_value_stays_a_value() {
    let mut variables = ana();
    for hostile in ["{{ 7*7 }} { $clinic }", "{% raw %}", "{ DATETIME($at) }", "${name} %s"] {
        variables.insert("name".to_owned(), text(hostile));
        let rendered = said("{{ t(\"visit\", name=name) }}", "visit = Hi { $name }!", &variables).unwrap();
        assert_eq!(rendered.text, format!("Hi {hostile}!"));
    }
    variables.insert("name".to_owned(), text("Ana\u{202E} www.evil.example\n\u{200B}Lee"));
    assert_eq!(
        said("{{ t(\"visit\", name=name) }}", "visit = Hi { $name }!", &variables).unwrap().text,
        "Hi Ana Lee!"
    );
}

#[test]
fn accents_are_kept_whatever_they_cost() {
    let mut variables = ana();
    variables.insert("name".to_owned(), text("María Núñez"));
    let rendered = said("{{ t(\"visit\", name=name) }}", "visit = Hi { $name }!", &variables).unwrap();
    assert_eq!((rendered.text.as_str(), rendered.segments.encoding), ("Hi María Núñez!", Encoding::Ucs2));
}

#[test]
fn numbers_choose_by_the_rules_of_the_texts_language_and_are_grouped_as_the_region_does() {
    let polish = "visit = { $minutes ->\n  [one] { $minutes } minuta\n  [few] { $minutes } minuty\n *[many] { $minutes } minut\n }";
    let english = "visit = { $minutes ->\n  [one] { $minutes } minute\n *[other] { $minutes } minutes\n }";
    let home = Home::new()
        .with(
            "templates/visit.j2",
            "{% if minutes %}{{ t(\"visit\", minutes=minutes) }}{% else %}{{ t(\"none\") }}{% endif %}",
        )
        .with("locales/en/visits.ftl", format!("{english}\nnone = None."))
        .with("locales/pl/visits.ftl", polish);
    let catalogue = home.load().snapshot();
    for (language, minutes, expected) in [
        ("en", 1, "1 minute"),
        ("en", 2_000, "2,000 minutes"),
        ("pl", 1, "1 minuta"),
        ("pl", 22, "22 minuty"),
        ("pl", 12, "12 minut"),
    ] {
        let mut variables = ana();
        variables.insert("minutes".to_owned(), Value::Number(minutes));
        assert_eq!(Ask::new("visit", language).of(&catalogue, &variables).unwrap().text, expected);
    }
}

#[test]
fn a_panic_in_a_message_costs_one_text_and_no_more() {
    let home = Home::new().with("locales/es/visits.ftl", "visit = Hola.");
    let mut catalogue = Catalogue::load(&home.0, &american(), None).unwrap();
    let zeros = "0".repeat(40);
    let hostile = format!(
        "visit = {{ 1.{zeros} ->\n  [one] x\n *[other] y\n }}\nwell = Well {{ $n ->\n  [one] one\n *[other] many\n }}"
    );
    let file = ftl::parse(&Source { file: "es.ftl".to_owned(), text: hostile }).unwrap();
    let spanish = Arc::new(Locale::new(
        "es",
        language::whole("es").unwrap(),
        formats("es", None, None),
        vec![file],
        None,
    ));
    catalogue.locales.insert("es".to_owned(), Arc::clone(&spanish));

    let rendered = Ask::new("visit", "es").of(&catalogue, &ana()).unwrap();
    assert_eq!(rendered.locale_sent, "en");
    assert!(rendered.fallback.unwrap().contains("panic"));
    let mut arguments = fluent_bundle::FluentArgs::new();
    arguments.set("n", 1);
    assert_eq!(spanish.format("well", &arguments).unwrap(), "Well one");
}

#[test]
fn a_template_without_end_or_measure_is_stopped() {
    for template in [
        "{% for a in [1,2,3,4,5,6,7,8,9] %}{% for b in [1,2,3,4,5,6,7,8,9] %}{% for c in [1,2,3,4,5,6,7,8,9] %}\
         {% for d in [1,2,3,4,5,6,7,8,9] %}{% for e in [1,2,3,4,5,6,7,8,9] %}{% endfor %}{% endfor %}{% endfor %}\
         {% endfor %}{% endfor %}{{ t(\"visit\") }}",
        "{{ t(\"visit\") }}{{ name * 10000000 }}",
    ] {
        let home =
            Home::new().with("templates/visit.j2", template).with("locales/en/visits.ftl", "visit = Hi.");
        assert_eq!((home.faults()[0].file.as_str(), home.faults()[0].line), ("templates/visit.j2", 1));
    }
}

#[test]
fn a_file_that_changes_on_disk_changes_nothing_in_a_catalogue() {
    let home = Home::new();
    let renderer = home.load();
    let home = home.with("templates/visit.j2", "{{ broken").with("locales/en/visits.ftl", "visit = {");
    assert_eq!(Ask::new("visit", "en").of(&renderer.snapshot(), &ana()).unwrap().text, "Hi Ana, Sat, Mar 7.");
    assert_eq!(home.faults().len(), 2);
}

#[test]
fn marks_and_line_ends_of_windows_lose_no_message() {
    let home = Home::new()
        .with("templates/visit.j2", "{{ t(\"visit\", name=name) }}")
        .with("locales/en/visits.ftl", "\u{FEFF}visit = Hi { $name },\r\n    bye.\r\nother = x\r\n");
    assert_eq!(visit(&home, "en").text, "Hi Ana,\nbye.");
}

#[test]
fn no_invisible_marks_stand_around_values() {
    assert!(visit(&Home::new(), "en").text.is_ascii());
}

#[test]
fn a_sentence_that_ends_in_a_time_has_one_full_stop() {
    let spanish = "visit = { $name }: cita a las { DATETIME($at, style: \"time\") }.";
    let home = Home::new().with("locales/es/visits.ftl", spanish);
    assert_eq!(visit(&home, "es").text, "Ana: cita a las 2:30 p.m.");
}

#[test]
fn a_secret_is_shown_as_full_stops_of_the_same_price() {
    let home = Home::new()
        .with(
            "templates/visit.j2",
            "{% if code %}{{ t(\"visit\", code=code) }}{% else %}{{ t(\"visit\", code=name) }}{% endif %}",
        )
        .with("locales/en/visits.ftl", "visit = Your code is { $code }. Keep it.");
    let catalogue = home.load().snapshot();
    let mut variables = ana();
    variables.insert("code".to_owned(), text("482913"));
    let shown = Ask { redact: true, ..Ask::new("visit", "en") }.of(&catalogue, &variables).unwrap();
    let sent = Ask::new("visit", "en").of(&catalogue, &variables).unwrap();
    assert_eq!(shown.text, "Your code is ....... Keep it.");
    assert_eq!(shown.segments, sent.segments);
    assert!(!format!("{sent:?}").contains("482913"));
}

#[test]
fn many_threads_share_one_catalogue() {
    let renderer = Home::new().load();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let catalogue = renderer.snapshot();
            scope.spawn(move || {
                for _ in 0..50 {
                    Ask::new("visit", "en").of(&catalogue, &ana()).unwrap();
                }
            });
        }
    });
}

#[test]
fn what_is_written_as_it_is_read_is_no_fault() {
    for english in [
        "Wait { 2 } hours.",
        "Say { \"\\\"\\u007Bhi\\u007D\\\"\" }.",
        "Wait{ \"\\u00A0\" }2 h, caf{ \"\\u00E9\" }.",
    ] {
        let text = format!("visit = {english}");
        Home::plain().with("locales/en/visits.ftl", text).load();
    }
}
