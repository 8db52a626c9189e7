//! The texts that come with the house.

use super::*;
use crate::domain::segments::Encoding;
use std::fmt::Write;

/// Every locale of the house.
const LANGUAGES: [&str; 10] = ["en", "es", "fr", "pt-BR", "ar", "bn", "hi", "zh-Hans", "vi", "fil"];

/// Those whose texts are in GSM-7.
const CHEAP: [&str; 5] = ["en", "es", "fr", "pt-BR", "fil"];

/// Visit and prescription in each of them.
const SAID_IN_PRIVATE: [&str; 18] = [
    "visit",
    "prescription",
    "cita",
    "receta",
    "rendez-vous",
    "ordonnance",
    "consulta",
    "receita",
    "موعد",
    "وصفت",
    "অ্যাপয়েন্টমেন্ট",
    "প্রেসক্রিপশন",
    "अपॉइंटमेंट",
    "पर्चे",
    "就诊",
    "hẹn khám",
    "toa thuốc",
    "reseta",
];

fn bundled() -> Arc<Catalogue> {
    Renderer::load(Path::new(env!("CARGO_MANIFEST_DIR")), &american()).unwrap().snapshot()
}

fn ordinary() -> BTreeMap<String, Value> {
    BTreeMap::from([
        ("clinic".to_owned(), text("Lakeside Clinic")),
        ("brand".to_owned(), text("Lakeside Clinic")),
        ("name".to_owned(), text("Ana")),
        ("starts_at".to_owned(), saturday()),
        ("with".to_owned(), text("Dr. Okafor")),
        ("location".to_owned(), text("12 Main St")),
        ("amount".to_owned(), dollars("1250.50")),
        ("due_at".to_owned(), saturday()),
        ("url".to_owned(), Value::Url("https://lakeside.example/l/7Kq2".to_owned())),
        ("phone".to_owned(), text("+1 206 555 0100")),
        ("pharmacy".to_owned(), text("Main St Pharmacy")),
        ("reference".to_owned(), text("RX-20417")),
        ("text".to_owned(), text("The clinic is closed today because of the storm.")),
        ("code".to_owned(), text("482913")),
        ("minutes".to_owned(), Value::Number(5)),
        ("first".to_owned(), saturday()),
        ("second".to_owned(), time("2026-03-09T13:00:00Z")),
        ("third".to_owned(), time("2026-09-30T04:15:00Z")),
        ("fourth".to_owned(), time("2026-10-01T15:45:00Z")),
    ])
}

#[test]
fn every_text_reads_as_its_translators_meant_it() {
    let catalogue = bundled();
    assert!(catalogue.faults().is_empty(), "{}", Faults(catalogue.faults().to_vec()));
    let mut read = String::new();
    for language in LANGUAGES {
        for kind in catalogue.kinds() {
            let rendered = Ask::new(kind.name.as_str(), language).of(&catalogue, &ordinary()).unwrap();
            let Segments { encoding, units, parts } = rendered.segments;
            let encoding = encoding.name();
            writeln!(read, "{language} {} [{encoding} {units} {parts}] {}", kind.name, rendered.text)
                .unwrap();
            assert_eq!(rendered.locale_sent, language);
            assert!(!rendered.over_budget && !rendered.short, "{read}");
        }
    }
    assert!(read == include_str!("bundled.txt"), "{read}");
}

#[test]
fn a_reminder_to_ordinary_names_is_one_segment_on_every_day_of_the_year_wherever_the_alphabet_allows() {
    let catalogue = bundled();
    let mut variables = ordinary();
    let mut at: chrono::DateTime<chrono::Utc> = "2026-01-01T05:00:00Z".parse().unwrap();
    for _ in 0..365 {
        for language in CHEAP {
            variables.insert("starts_at".to_owned(), Value::Time(at));
            let rendered = Ask::new("appointment-reminder", language).of(&catalogue, &variables).unwrap();
            assert_eq!(
                (rendered.segments.encoding, rendered.segments.parts),
                (Encoding::Gsm7, 1),
                "{}",
                rendered.text
            );
        }
        at += chrono::TimeDelta::hours(25);
    }
}

#[test]
fn every_type_has_every_text_in_every_language_at_every_discretion() {
    let catalogue = bundled();
    for discretion in [Discretion::Discreet, Discretion::Standard, Discretion::Detailed] {
        for kind in catalogue.kinds() {
            for language in LANGUAGES {
                let ask = Ask { discretion, ..Ask::new(kind.name.as_str(), language) };
                let rendered = ask.of(&catalogue, &ordinary()).unwrap();
                assert_eq!(rendered.locale_sent, language, "{}: {:?}", kind.name, rendered.fallback);
                let first: String = rendered.text.chars().take(45).collect();
                assert!(first.contains("Lakeside Clinic"), "{}", rendered.text);
                assert!(!rendered.text.contains("  ") && !rendered.text.contains(".."), "{}", rendered.text);
            }
        }
    }
}

#[test]
fn a_discreet_text_names_no_visit_no_doctor_no_place_and_no_amount() {
    let catalogue = bundled();
    for kind in ["appointment-reminder", "payment-reminder", "prescription-ready", "cancellation-alert"] {
        for language in LANGUAGES {
            let ask = Ask { discretion: Discretion::Discreet, ..Ask::new(kind, language) };
            let said = ask.of(&catalogue, &ordinary()).unwrap().text;
            for secret in SAID_IN_PRIVATE.iter().chain(&["Okafor", "Main St", "1,250", "Ana", "1.250"]) {
                assert!(!said.contains(*secret), "{said}");
            }
        }
    }
}

#[test]
fn every_sample_stays_within_the_budget_of_its_language() {
    let catalogue = bundled();
    for kind in catalogue.kinds() {
        let most = kind.variables.values().map(|variable| variable.samples.len()).max().unwrap();
        for (language, nth) in
            LANGUAGES.into_iter().flat_map(|language| (0..most).map(move |nth| (language, nth)))
        {
            let sample = |variable: &crate::domain::kind::Variable| {
                let json = &variable.samples[nth.min(variable.samples.len() - 1)];
                Value::from_json(variable.value_type, json).unwrap()
            };
            let variables =
                kind.variables.iter().map(|(name, variable)| (name.clone(), sample(variable))).collect();
            for discretion in [Discretion::Discreet, Discretion::Standard, Discretion::Detailed] {
                let ask = Ask { discretion, ..Ask::new(kind.name.as_str(), language) };
                let rendered = ask.of(&catalogue, &variables).unwrap();
                assert!(!rendered.over_budget, "{} {:?}", rendered.text, rendered.segments);
                assert_eq!(rendered.locale_sent, language, "{} {:?}", kind.name, rendered.fallback);
            }
        }
    }
}

#[test]
fn types_are_as_urgent_and_as_careful_as_they_must_be() {
    use crate::domain::kind::{OnPolicyFailure, OnUnknown};
    use crate::domain::message::Lane;
    let catalogue = bundled();
    let otp = catalogue.kind(&TypeName::from("otp")).unwrap();
    assert_eq!((otp.lane, otp.on_policy_failure), (Lane::Otp, OnPolicyFailure::Send));
    assert_eq!((otp.on_unknown, otp.expires_after.as_secs()), (OnUnknown::NeverResend, 300));
    assert!(otp.variables["code"].secret);
    let reminder = catalogue.kind(&TypeName::from("appointment-reminder")).unwrap();
    assert_eq!((reminder.lane, reminder.on_policy_failure), (Lane::Normal, OnPolicyFailure::Hold));
    assert_eq!(catalogue.kinds().count(), 12);
}

#[test]
fn no_text_asks_for_an_answer_that_a_carrier_would_take_for_a_goodbye() {
    let catalogue = bundled();
    for kind in catalogue.kinds() {
        for language in LANGUAGES {
            let said = Ask::new(kind.name.as_str(), language).of(&catalogue, &ordinary()).unwrap().text;
            for word in ["CANCEL", "END", "QUIT", "UNSUBSCRIBE", "STOPALL", "YES", "UNSTOP"] {
                assert!(!said.split(|c: char| !c.is_alphanumeric()).any(|said| said == word), "{said}");
            }
        }
    }
}
