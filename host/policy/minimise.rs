//! Data minimisation: what no policy is told, whatever it lists. People are opaque references to a policy, so
//! a fact that looks like a name, a phone number or an address is left out of its question.

use crate::domain::policy::{Fact, FactValue};

/// Words of a key that say whose a fact is: `data.patientName`, `data.contact.phone_number`.
const PRIVATE: [&str; 17] = [
    "cell",
    "cellphone",
    "email",
    "fax",
    "firstname",
    "forename",
    "fullname",
    "lastname",
    "mail",
    "mobile",
    "msisdn",
    "name",
    "nickname",
    "phone",
    "surname",
    "tel",
    "telephone",
];

/// A name, a number or an address, by its key or by itself. A yes or no, or a moment, is neither.
pub(super) fn is_private(fact: &Fact) -> bool {
    match &fact.value {
        FactValue::Text(text) => is_phone_number(text) || is_address(text) || names_somebody(&fact.key),
        FactValue::Integer(_) | FactValue::Decimal(_) => names_somebody(&fact.key),
        FactValue::Flag(_) | FactValue::Moment(_) => false,
    }
}

fn names_somebody(key: &str) -> bool {
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

/// As E.164 writes it, with whatever people put between the digits.
fn is_phone_number(text: &str) -> bool {
    let Some(rest) = text.trim().strip_prefix('+') else { return false };
    let digits = rest.bytes().filter(u8::is_ascii_digit).count();
    (8..=15).contains(&digits) && rest.chars().all(|c| c.is_ascii_digit() || " -().".contains(c))
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
        ] {
            assert!(!is_told(key, FactValue::Text(text.to_owned())), "{key} = {text}");
        }
        for key in ["data.phone", "data.mobileNumber", "data.cell.home"] {
            assert!(!is_told(key, FactValue::Integer(12_025_550_143)), "{key}");
        }
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
            ("reply.wish", "confirm"),
        ] {
            assert!(is_told(key, FactValue::Text(text.to_owned())), "{key} = {text}");
        }
        assert!(is_told("data.invoice", FactValue::Integer(12_025_550_143)));
        assert!(is_told("data.phone_confirmed", FactValue::Flag(true)));
        assert!(is_told("data.name_changed_at", FactValue::Moment(7)));
    }
}
