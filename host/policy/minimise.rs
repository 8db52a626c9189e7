//! Data minimisation: what no policy is told, whatever it lists. People are opaque references to a policy, so
//! a fact that looks like a name, a phone number or an address is left out of its question.

use crate::domain::policy::{Fact, FactValue};
use chrono::NaiveDate;

/// Words of a key that say whose a fact is: `data.patientName`, `data.contact.phone_number`, `data.with`.
const PRIVATE: [&str; 38] = [
    "attendee",
    "callback",
    "caller",
    "caregiver",
    "cell",
    "cellphone",
    "clinician",
    "contact",
    "counsellor",
    "dentist",
    "doctor",
    "email",
    "fax",
    "firstname",
    "forename",
    "fullname",
    "guardian",
    "lastname",
    "mail",
    "midwife",
    "mobile",
    "msisdn",
    "name",
    "nickname",
    "nurse",
    "parent",
    "patient",
    "phone",
    "physician",
    "practitioner",
    "provider",
    "surgeon",
    "surname",
    "tel",
    "telephone",
    "therapist",
    "whatsapp",
    "with",
];

/// A name, a number or an address, by its key or by itself. A yes or no, or a moment, is neither.
pub(super) fn is_private(fact: &Fact) -> bool {
    match &fact.value {
        FactValue::Text(text) => is_phone_number(text) || is_address(text) || is_withheld(&fact.key),
        FactValue::Integer(_) | FactValue::Decimal(_) => is_withheld(&fact.key),
        FactValue::Flag(_) | FactValue::Moment(_) => false,
    }
}

/// Whether no policy is told a text of this key, whatever it says: the key says that it is a name, a phone number
/// or an address.
#[must_use]
pub fn is_withheld(key: &str) -> bool {
    words(key).iter().any(|word| {
        let one = word.strip_suffix('s').unwrap_or(word);
        PRIVATE.contains(&word.as_str()) || PRIVATE.contains(&one)
    })
}

/// The words of a key in small letters, wherever whoever wrote it parts them: `data.patient_name`,
/// `patient-name`, `patientName`, `PatientNAME`, `phone2`.
fn words(key: &str) -> Vec<String> {
    let letters: Vec<char> = key.chars().collect();
    let mut words = vec![String::new()];
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| letters[at]);
        let after = letters.get(at + 1);
        let begins_hump = letter.is_uppercase()
            && (before.is_some_and(char::is_lowercase) || after.is_some_and(|after| after.is_lowercase()));
        if begins_hump || !letter.is_alphabetic() {
            words.push(String::new());
        }
        if letter.is_alphabetic()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
    }
    words
}

/// As E.164 writes it or as it is dialled at home, with whatever people put between the digits; days and amounts
/// are not written so.
fn is_phone_number(text: &str) -> bool {
    let text = text.trim();
    let rest = text.strip_prefix('+').unwrap_or(text);
    let digits = rest.bytes().filter(u8::is_ascii_digit).count();
    let is_dialled =
        (8..=15).contains(&digits) && rest.chars().all(|c| c.is_ascii_digit() || " -().".contains(c));
    is_dialled && (rest.len() < text.len() || !(is_day(text) || is_amount(text)))
}

/// `2026-11-24`, `24.11.2026`
fn is_day(text: &str) -> bool {
    let formats = ["%Y-%m-%d", "%Y.%m.%d", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y"];
    formats.iter().any(|format| NaiveDate::parse_from_str(text, format).is_ok())
}

/// `1250000.00`
fn is_amount(text: &str) -> bool {
    let parts = text.split_once('.');
    parts.is_some_and(|(whole, part)| {
        part.len() <= 3 && whole.bytes().chain(part.bytes()).all(|byte| byte.is_ascii_digit())
    })
}

/// `ana@example.com`
fn is_address(text: &str) -> bool {
    let parts = text.trim().split_once('@');
    parts.is_some_and(|(who, host)| {
        !who.is_empty() && host.contains('.') && !text.trim().contains(char::is_whitespace)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn is_told(key: &str, value: FactValue) -> bool {
        !is_private(&Fact { key: key.to_owned(), value })
    }

    #[test]
    fn names_numbers_and_addresses_are_told_to_nobody() {
        for (key, text) in [
            ("data.doctor_name", "Dr. Rahman"),
            ("data.name.first", "Ana"),
            ("data.patientName", "Ana"),
            ("data.doctorName", "Dr. Rahman"),
            ("data.PatientNAME", "Ana"),
            ("data.NAME", "Ana"),
            ("data.patient-surname", "Diaz"),
            ("data.other_names", "Ana, Bo"),
            ("data.contact.phone", "555 0143"),
            ("data.phone_number", "555 0143"),
            ("data.phoneNumber", "2025550143"),
            ("data.phone2", "2025550143"),
            ("data.mobile", "2025550143"),
            ("data.homeTel", "2025550143"),
            ("data.fax", "2025550143"),
            ("data.email", "ana at home"),
            ("data.e-mail", "ana at home"),
            ("data.note", "+1 (202) 555-0143"),
            ("data.note", " ana@example.com"),
            ("data.note", "2025550143"),
            ("data.note", "(202) 555-0143"),
            ("data.note", "020.7946.0958"),
            ("data.with", "Dr. Okafor"),
            ("data.doctor", "Okafor"),
            ("data.patient", "Ana Diaz"),
            ("data.providers", "Okafor, Diaz"),
            ("data.callback", "555 0143"),
        ] {
            assert!(!is_told(key, FactValue::Text(text.to_owned())), "{key} = {text}");
        }
        for key in ["data.phone", "data.mobileNumber", "data.cell.home"] {
            assert!(!is_told(key, FactValue::Integer(12_025_550_143)), "{key}");
        }
    }

    /// What every template of the host takes from an event: which of it a policy may be told.
    #[test]
    fn of_what_the_bundled_templates_say_no_policy_is_told_who_somebody_is() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
        let (mut told, mut withheld) = (BTreeSet::new(), BTreeSet::new());
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "toml") {
                continue;
            }
            let kind: toml::Table = std::fs::read_to_string(&path).unwrap().parse().unwrap();
            for variable in kind.get("variables").and_then(toml::Value::as_table).into_iter().flatten() {
                let from = variable.1.get("from").and_then(toml::Value::as_str).unwrap_or_default();
                if !from.starts_with("data.") {
                    continue;
                }
                let text = FactValue::Text("Dr. Okafor".to_owned());
                let is_person = variable.1.get("person").and_then(toml::Value::as_bool).unwrap_or(false);
                let set = if is_told(from, text) { &mut told } else { &mut withheld };
                set.insert((from.to_owned(), is_person));
            }
        }
        let keys = |keys: &[&str], is_person| keys.iter().map(|key| ((*key).to_owned(), is_person)).collect();
        let may_be_told = [
            "data.amount",
            "data.due_at",
            "data.link",
            "data.location",
            "data.pharmacy",
            "data.reference",
            "data.starts_at",
            "data.text",
        ];
        assert_eq!(told, keys(&may_be_told, false));
        assert_eq!(withheld, keys(&["data.with"], true));
    }

    #[test]
    fn what_only_looks_alike_is_told() {
        for (key, text) in [
            ("data.location", "12 Main St"),
            ("data.username", "kept: no word of its own"),
            ("data.delta", "+5"),
            ("data.hotel", "no phone of anybody"),
            ("data.cancellation", "late"),
            ("data.template", "appointment-reminder"),
            ("data.rate", "2 @ 5.00"),
            ("data.day", "2026-11-24"),
            ("data.day", "24.11.2026"),
            ("data.amount", "1250000.00"),
            ("data.width", "kept: no word of its own"),
            ("reply.wish", "confirm"),
        ] {
            assert!(is_told(key, FactValue::Text(text.to_owned())), "{key} = {text}");
        }
        assert!(is_told("data.invoice", FactValue::Integer(12_025_550_143)));
        assert!(is_told("data.phone_confirmed", FactValue::Flag(true)));
        assert!(is_told("data.doctor_confirmed", FactValue::Flag(true)));
        assert!(is_told("data.name_changed_at", FactValue::Moment(7)));
    }
}
