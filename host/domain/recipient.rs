//! Recipients: the people, as the clinic names them.

use super::phone::PhoneNumber;
use super::policy::Discretion;
use super::window::Windows;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use uuid::Uuid;

/// In which role a person is addressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Role {
    Patient,
    Doctor,
}

impl Role {
    /// The word in columns, logs and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Patient => "patient",
            Self::Doctor => "doctor",
        }
    }
}

/// What the ids begin with that the host gives.
const UNNAMED: &str = "phone-";

/// Whether an id is one that the host gave to somebody of whom only the phone is known: `phone-` and 16 or 32
/// hexadecimal digits.
#[must_use]
pub fn is_unnamed(id: &str) -> bool {
    let is_hex = |digits: &str| digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    id.strip_prefix(UNNAMED).is_some_and(|digits| matches!(digits.len(), 16 | 32) && is_hex(digits))
}

/// The id of somebody of whom only the phone is known: made of the phone's keyed hash, it tells no number and is
/// the same every time.
#[must_use]
pub fn unnamed_id(phone_hash: &[u8]) -> String {
    let digits = phone_hash.iter().take(8).map(|byte| format!("{byte:02x}"));
    format!("{UNNAMED}{}", digits.collect::<String>())
}

/// The id of somebody new of whom only the phone is known, whoever else has that phone.
#[must_use]
pub fn new_unnamed_id(id: Uuid) -> String {
    format!("{UNNAMED}{}", id.simple())
}

/// What a person wants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preferences {
    /// The message types this person switched off.
    #[serde(default)]
    pub switched_off: BTreeSet<String>,
    /// When the person likes to be reached; empty: any time.
    #[serde(default)]
    pub windows: Windows,
    /// How much a text may say.
    #[serde(default)]
    pub discretion: Discretion,
}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The clinic's id.
    pub id: String,
    /// Patient or doctor.
    pub role: Role,
    /// The name for greetings, when the clinic gave one.
    pub name: Option<String>,
    /// Where texts go; without it nothing can be sent.
    pub phone: Option<PhoneNumber>,
    /// BCP 47; the clinic's when `None`.
    pub language: Option<String>,
    /// The clinic's when `None`.
    pub time_zone: Option<Tz>,
    /// What they want.
    pub preferences: Preferences,
    /// Counts up with every change; `ETag` and `If-Match`.
    pub version: i64,
    /// Counts up with every text that a host commits itself to.
    pub texts: i64,
    /// When we first heard of them.
    pub created_at: DateTime<Utc>,
    /// When anything last changed.
    pub updated_at: DateTime<Utc>,
}

/// What an event or a caller says of a person; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersonUpdate {
    /// A new number.
    pub phone: Option<PhoneNumber>,
    /// A new name.
    pub name: Option<String>,
    /// A new language.
    pub language: Option<String>,
    /// A new time zone.
    pub time_zone: Option<Tz>,
    /// A new role.
    pub role: Option<Role>,
    /// What is known no longer.
    pub removed: Vec<Removable>,
}

/// What can be taken away from what is known of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Removable {
    Phone,
    Name,
    Language,
    TimeZone,
}

impl Recipient {
    /// A person of whom only the id and the role are known.
    #[must_use]
    pub fn new(id: String, role: Role, now: DateTime<Utc>) -> Self {
        Self {
            id,
            role,
            name: None,
            phone: None,
            language: None,
            time_zone: None,
            preferences: Preferences::default(),
            version: 1,
            texts: 0,
            created_at: now,
            updated_at: now,
        }
    }

    /// Takes in what is said of the person. `true` when anything changed.
    pub fn apply(&mut self, update: &PersonUpdate) -> bool {
        let before = self.clone();
        for removed in &update.removed {
            match removed {
                Removable::Phone => self.phone = None,
                Removable::Name => self.name = None,
                Removable::Language => self.language = None,
                Removable::TimeZone => self.time_zone = None,
            }
        }
        if let Some(phone) = &update.phone {
            self.phone = Some(phone.clone());
        }
        if let Some(name) = &update.name {
            self.name = Some(name.clone());
        }
        if let Some(language) = &update.language {
            self.language = Some(language.clone());
        }
        if let Some(time_zone) = update.time_zone {
            self.time_zone = Some(time_zone);
        }
        if let Some(role) = update.role {
            self.role = role;
        }
        *self != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_the_host_gives_is_known_as_one() {
        let hash = [0xab; 32];
        assert_eq!(unnamed_id(&hash), "phone-abababababababab");
        for id in [unnamed_id(&hash), new_unnamed_id(Uuid::from_u128(7))] {
            assert!(is_unnamed(&id), "{id}");
        }
        for id in ["ana", "phone-", "phone-abab", "phone-ABABABABABABABAB", "phone-abababababababag"] {
            assert!(!is_unnamed(id), "{id}");
        }
    }
}
