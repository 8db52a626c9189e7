//! Variables, checked by name and type before anything is planned.

use super::*;
use crate::domain::kind::Kind;
use serde_json::{Map, json};

fn reminder() -> Kind {
    let catalogue = Renderer::load(Path::new(env!("CARGO_MANIFEST_DIR")), &american()).unwrap().snapshot();
    catalogue.kind(&TypeName::from("appointment-reminder")).unwrap().clone()
}

fn clinic() -> ClinicWords {
    ClinicWords { name: "Lakeside Clinic".to_owned(), phone: None }
}

#[test]
fn variables_come_from_the_event_the_clinic_and_the_recipient_and_a_caller_goes_first() {
    let data = json!({"starts_at": "2026-03-07T14:30:00-05:00", "location": "12 Main St", "with": null});
    let given: Map<_, _> = [("location".to_owned(), json!("Room 3"))].into_iter().collect();
    let bound = bindings(&reminder(), &data, &clinic(), Some("Ana"), &given).unwrap();
    assert_eq!(bound["clinic"], text("Lakeside Clinic"));
    assert_eq!(bound["name"], text("Ana"));
    assert_eq!(bound["starts_at"], saturday());
    assert_eq!(bound["location"], text("Room 3"));
    assert!(!bound.contains_key("with"));
}

#[test]
fn every_bad_variable_is_named_and_no_value_is_repeated() {
    let given: Map<_, _> =
        [("starts_at".to_owned(), json!("tomorrow")), ("patient".to_owned(), json!("Ana Secret"))]
            .into_iter()
            .collect();
    let errors = bindings(&reminder(), &json!({}), &clinic(), None, &given).unwrap_err();
    let problems: Vec<_> = errors.iter().map(|error| (error.name.as_str(), error.problem)).collect();
    assert_eq!(problems, [("patient", Problem::Unknown), ("starts_at", Problem::WrongType)]);
    assert_eq!(errors[0].expected, "one of clinic, location, name, starts_at, with");
    assert!(
        errors
            .iter()
            .all(|error| !error.to_string().contains("Ana") && !error.to_string().contains("tomorrow"))
    );
    let errors = bindings(&reminder(), &json!({}), &clinic(), None, &Map::new()).unwrap_err();
    assert_eq!((errors[0].name.as_str(), errors[0].problem), ("starts_at", Problem::Missing));
}

#[test]
fn an_address_in_a_text_is_refused_from_a_caller_and_taken_out_of_a_stored_name() {
    let data = json!({"starts_at": "2026-03-07T14:30:00-05:00"});
    let given: Map<_, _> = [("location".to_owned(), json!("see evil.example/x"))].into_iter().collect();
    let errors = bindings(&reminder(), &data, &clinic(), None, &given).unwrap_err();
    assert!(errors[0].expected.contains("without a web address"));
    let bound =
        bindings(&reminder(), &data, &clinic(), Some("Ana http://evil.example"), &Map::new()).unwrap();
    assert_eq!(bound["name"], text("Ana"));
}
