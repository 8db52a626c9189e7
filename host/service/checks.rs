//! Checks: what is posted is held against what is known, field by field, before anything is written.

use super::{Host, PostedMessage};
use crate::domain::event::{Subject, required_data};
use crate::domain::language;
use crate::domain::phone::PhoneNumber;
use crate::domain::recipient::{PersonUpdate, Recipient, Role, unnamed_id};
use crate::domain::value::Value;
use chrono::{DateTime, TimeDelta, Utc};

/// A person as a caller names one.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "as in the API")]
pub struct PostedPerson {
    pub id: Option<String>,
    pub role: Option<Role>,
    pub phone: Option<String>,
    pub region: Option<String>,
    pub name: Option<String>,
    pub language: Option<String>,
    pub time_zone: Option<String>,
}

/// What is wrong with a field, and what was expected of it. Never repeats the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// JSON pointer: `/people/0/phone`.
    pub pointer: String,
    /// One sentence.
    pub detail: String,
}

impl FieldError {
    pub(super) fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }
}

impl Host {
    pub(super) fn check_event_type(&self, event_type: &str, wrong: &mut Vec<FieldError>) {
        let known = self.event_types();
        if !known.contains(event_type) {
            let known: Vec<String> = known.into_iter().collect();
            let detail = format!(
                "is an event type that neither the host knows nor a policy plans; known are {}",
                known.join(", ")
            );
            wrong.push(FieldError::new("/type", detail));
        }
    }

    /// Values that are there must be of the type that the templates which use them declare; what an
    /// event of a known type cannot do without must be there.
    pub(super) fn check_data(&self, event_type: &str, data: &serde_json::Value, wrong: &mut Vec<FieldError>) {
        for (name, value_type) in required_data(event_type) {
            if data.get(name).is_none_or(serde_json::Value::is_null) {
                let detail = format!("is needed by {event_type}; expected {}", value_type.expected());
                wrong.push(FieldError::new(format!("/data/{name}"), detail));
            }
        }
        let catalogue = self.renderer.snapshot();
        let kinds =
            self.policies.for_event(event_type).into_iter().flat_map(|p| p.description.message_types.clone());
        let clinic = self.clinic_words();
        for kind in kinds {
            let Some(kind) = catalogue.kind(&kind) else { continue };
            let bound = crate::render::bindings(kind, data, &clinic, None, &serde_json::Map::new());
            let errors = bound.map_or_else(|errors| errors, |bound| self.refused_links(&bound, None));
            for error in errors {
                let from = kind.variables.get(&error.name).and_then(|variable| variable.from.as_deref());
                let Some(name) = from.and_then(|from| from.strip_prefix("data.")) else { continue };
                let pointer = format!("/data/{}", name.replace('.', "/"));
                let is_new = wrong.iter().all(|known| known.pointer != pointer);
                // What is missing may be of no need: whether a text is planned is for the policy to say.
                if error.problem == crate::render::Problem::WrongType && is_new {
                    wrong.push(FieldError::new(
                        pointer,
                        format!("is not what was expected: {}", error.expected),
                    ));
                }
            }
        }
    }

    /// The id of somebody of whom only the phone is known.
    pub(super) fn id_of_phone(&self, phone: &PhoneNumber) -> String {
        unnamed_id(&self.store.keys().hash("phone", phone.e164()))
    }

    fn clinic_words(&self) -> crate::render::ClinicWords {
        crate::render::ClinicWords {
            name: self.settings.clinic.name.clone(),
            phone: self.settings.clinic.phone.clone(),
        }
    }

    /// The variables of a text: from the event's data, the person and the clinic, or as given.
    pub(super) fn bind_variables(
        &self,
        kind: &crate::domain::kind::Kind,
        data: &serde_json::Value,
        recipient: &Recipient,
        given: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<std::collections::BTreeMap<String, Value>, Vec<crate::render::VariableError>> {
        let name = recipient.name.as_deref();
        let bound = crate::render::bindings(kind, data, &self.clinic_words(), name, given)?;
        let refused = self.refused_links(&bound, Some(recipient));
        if refused.is_empty() { Ok(bound) } else { Err(refused) }
    }

    pub(super) fn check_language(&self, pointer: &str, tag: &str, wrong: &mut Vec<FieldError>) {
        if !language::is_well_formed(tag) || !self.renderer.snapshot().is_known_language(tag) {
            wrong.push(FieldError::new(pointer, "is no language; expected a BCP 47 tag such as es or pt-BR"));
        }
    }

    pub(super) fn read_people(
        &self,
        posted: &[PostedPerson],
        wrong: &mut Vec<FieldError>,
    ) -> Vec<(String, PersonUpdate)> {
        if posted.len() > 20 {
            wrong.push(FieldError::new("/people", "names more than 20 people"));
            return Vec::new();
        }
        let mut people: Vec<(String, PersonUpdate)> = Vec::new();
        for (index, person) in posted.iter().enumerate() {
            let pointer = format!("/people/{index}");
            if person.id.is_none() {
                wrong.push(FieldError::new(
                    format!("{pointer}/id"),
                    "is needed: the clinic's own id of the person",
                ));
            }
            if let Some((id, update)) = self.read_person(&pointer, person, wrong) {
                if people.iter().any(|(known, _)| *known == id) {
                    wrong.push(FieldError::new(format!("{pointer}/id"), "is named twice"));
                }
                people.push((id, update));
            }
        }
        people
    }

    /// Reads a person; one who is known by their phone alone gets an id that follows from it.
    pub(super) fn read_person(
        &self,
        pointer: &str,
        posted: &PostedPerson,
        wrong: &mut Vec<FieldError>,
    ) -> Option<(String, PersonUpdate)> {
        let before = wrong.len();
        let region = posted.region.as_deref().or(self.settings.clinic.region.as_deref());
        let phone = posted.phone.as_deref().and_then(|text| {
            PhoneNumber::parse(text, region)
                .map_err(|error| wrong.push(FieldError::new(format!("{pointer}/phone"), error.to_string())))
                .ok()
        });
        let time_zone = posted.time_zone.as_deref().and_then(|zone| {
            let expected = "is no time zone; expected an IANA name such as America/New_York";
            zone.parse()
                .map_err(|_| wrong.push(FieldError::new(format!("{pointer}/time_zone"), expected)))
                .ok()
        });
        if let Some(tag) = &posted.language {
            self.check_language(&format!("{pointer}/language"), tag, wrong);
        }
        if posted.name.as_ref().is_some_and(|name| name.chars().count() > 100) {
            wrong.push(FieldError::new(format!("{pointer}/name"), "is longer than 100 characters"));
        }
        check_id(&format!("{pointer}/id"), posted.id.as_deref(), wrong);
        let id = match (&posted.id, &phone) {
            (Some(id), _) => Some(id.clone()),
            (None, Some(phone)) => Some(self.id_of_phone(phone)),
            (None, None) => {
                if wrong.len() == before {
                    wrong.push(FieldError::new(pointer, "needs an id, a phone, or both"));
                }
                None
            }
        };
        let update = PersonUpdate {
            phone,
            name: posted.name.clone(),
            language: posted.language.clone(),
            time_zone,
            role: posted.role,
            removed: Vec::new(),
        };
        if wrong.len() == before { id.map(|id| (id, update)) } else { None }
    }
}

pub(super) fn at_pointer(base: &str, errors: Vec<crate::render::VariableError>) -> Vec<FieldError> {
    errors
        .into_iter()
        .map(|error| FieldError::new(format!("{base}/{}", error.name), error.to_string()))
        .collect()
}

pub(super) fn check_subject(subject: &Subject, wrong: &mut Vec<FieldError>) {
    check_id("/subject/type", Some(&subject.subject_type), wrong);
    check_id("/subject/id", Some(&subject.id), wrong);
    if subject.version < 0 {
        wrong.push(FieldError::new("/subject/version", "is negative; versions count up from 0 or 1"));
    }
}

pub(super) fn check_id(pointer: &str, id: Option<&str>, wrong: &mut Vec<FieldError>) {
    if id.is_some_and(|id| id.is_empty() || id.len() > 128 || id.chars().any(char::is_control)) {
        wrong.push(FieldError::new(pointer, "is not 1 to 128 characters long"));
    }
}

/// Without a clock that is sure, the moments are held against each other alone.
pub(super) fn check_times(posted: &PostedMessage, now: Option<DateTime<Utc>>, wrong: &mut Vec<FieldError>) {
    let ahead = posted.send_at.zip(now).map(|(send_at, now)| send_at - now);
    // A minute of grace for a caller whose clock is behind.
    if ahead.is_some_and(|ahead| ahead < -TimeDelta::minutes(1)) {
        wrong.push(FieldError::new("/send_at", "is in the past; leave it out to send at once"));
    }
    if ahead.is_some_and(|ahead| ahead > TimeDelta::days(400)) {
        wrong.push(FieldError::new("/send_at", "is more than 400 days away"));
    }
    let earliest = posted.send_at.max(now);
    if posted.expires_at.is_some_and(|at| Some(at) <= earliest) {
        wrong.push(FieldError::new("/expires_at", "is not after the moment of sending"));
    }
}
