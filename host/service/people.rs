//! People: what is known of them and what they want.

use super::checks::{FieldError, PostedPerson};
use super::{Caller, Host, HostError};
use crate::domain::consent::Consents;
use crate::domain::policy::Discretion;
use crate::domain::recipient::{PersonUpdate, Preferences, Recipient, Removable, Role};
use crate::domain::window::{Window, minute};
use crate::store::{Erasure, StoreError, Tx};
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet};

/// How often a person is written anew because another request was faster.
const TRIES: u32 = 5;

/// A person as a caller writes one down.
#[derive(Clone, Debug, Default)]
pub struct PostedRecipient {
    /// Who, where, in which language.
    pub person: PostedPerson,
    /// What is to be known no longer.
    pub removed: Vec<Removable>,
    /// What they want; unsaid things stay as they are.
    pub preferences: PostedPreferences,
    /// Where the preferences stand in the request: `/preferences`, or empty.
    pub preferences_at: &'static str,
}

/// What a person wants, as a caller writes it down.
#[derive(Clone, Debug, Default)]
pub struct PostedPreferences {
    /// Message types, on or off.
    pub types: BTreeMap<String, bool>,
    /// `"mon-fri": ["09:00-12:00"]`; replaces the windows there were.
    pub windows: Option<BTreeMap<String, Vec<String>>>,
    /// How much a text may say.
    pub discretion: Option<Discretion>,
    /// Forget all that was wanted before.
    pub forget: bool,
}

/// Why a person could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum PersonError {
    /// Fields are wrong.
    #[error("the request has fields that are wrong")]
    Fields(Vec<FieldError>),
    /// Nobody is known by this id.
    #[error("nobody is known by this id")]
    Unknown,
    /// Somebody who was erased had this id.
    #[error(
        "somebody who was erased had this id, and it is not taken again: a person who comes back gets a new one"
    )]
    Erased,
    /// The phone has said stop, and nobody else may speak for it.
    #[error("the phone has said stop; only START, sent from the phone, brings its texts back")]
    Stopped,
    /// The person themselves has said so, and nobody else may speak for them.
    #[error(
        "the person said themselves that they want none of these texts; only they can take it back: in a form \
         of the clinic (source `form`), signed in, or, where they stopped everything and the phone is theirs \
         alone, by START"
    )]
    OptedOut,
    /// Somebody else changed the person since.
    #[error("the person was changed since; read them again and repeat the change")]
    Changed,
    /// Ours.
    #[error("the person could not be changed")]
    Host(#[from] HostError),
}

impl From<StoreError> for PersonError {
    fn from(error: StoreError) -> Self {
        Self::Host(error.into())
    }
}

impl Host {
    /// A person, and what holds of their consent.
    ///
    /// # Errors
    ///
    /// Nobody is known by this id, or the database failed.
    pub async fn person_by_id(&self, id: &str) -> Result<(Recipient, Consents), PersonError> {
        let mut tx = self.store.read().await?;
        let person = tx.recipient(id).await?.ok_or(PersonError::Unknown)?;
        if tx.is_erased(id).await? {
            return Err(PersonError::Unknown);
        }
        let consents = tx.consents(id, person.phone.as_ref()).await?;
        Ok((person, consents))
    }

    /// Writes down a person, new or known. With `version`, only when that is still the version.
    ///
    /// # Errors
    ///
    /// Fields are wrong, somebody else was faster, or the database failed.
    pub async fn put_person(
        &self,
        id: &str,
        posted: PostedRecipient,
        version: Option<i64>,
        must_exist: bool,
    ) -> Result<(Recipient, Consents), PersonError> {
        let now = self.now();
        let mut wrong = Vec::new();
        let person = PostedPerson { id: Some(id.to_owned()), ..posted.person };
        let update = self.read_person("", &person, &mut wrong).map(|(_, update)| update);
        let mut tx = self.store.begin().await?;
        let known = tx.recipient(id).await?;
        if tx.is_erased(id).await? {
            return Err(if must_exist { PersonError::Unknown } else { PersonError::Erased });
        }
        if must_exist && known.is_none() {
            return Err(PersonError::Unknown);
        }
        if version.is_some_and(|version| known.as_ref().is_none_or(|person| person.version != version)) {
            return Err(PersonError::Changed);
        }
        let is_new = known.is_none();
        let mut recipient =
            known.unwrap_or_else(|| Recipient::new(id.to_owned(), person.role.unwrap_or(Role::Patient), now));
        let at = posted.preferences_at;
        self.apply_preferences(at, &mut recipient.preferences, posted.preferences, &mut wrong);
        let (Some(update), true) = (update, wrong.is_empty()) else { return Err(PersonError::Fields(wrong)) };
        recipient.apply(&PersonUpdate { removed: posted.removed, ..update });
        recipient.updated_at = now;
        let written = if is_new {
            tx.insert_recipient(&recipient).await?
        } else {
            tx.update_recipient(&recipient).await?
        };
        if !written {
            return Err(PersonError::Changed);
        }
        tx.commit().await?;
        self.person_by_id(id).await
    }

    /// Erases a person, see [`erase`](super::erase()).
    ///
    /// # Errors
    ///
    /// Nobody is known by this id, somebody else was faster, or the database failed.
    pub async fn erase_person(
        &self,
        id: &str,
        version: Option<i64>,
        caller: &Caller,
    ) -> Result<Erasure, PersonError> {
        let asked_by = format!("key:{}", caller.key);
        super::erase(&self.store, &self.chance, id, version, &asked_by, self.now()).await
    }

    pub(super) fn apply_preferences(
        &self,
        at: &str,
        preferences: &mut Preferences,
        posted: PostedPreferences,
        wrong: &mut Vec<FieldError>,
    ) {
        if posted.forget {
            *preferences = Preferences::default();
        }
        let known: BTreeSet<String> = self.kind_names().into_iter().collect();
        for (kind, wanted) in posted.types {
            if !known.contains(&kind) {
                let names: Vec<&str> = known.iter().map(String::as_str).collect();
                let detail = format!("is no message type of this host; it has {}", names.join(", "));
                wrong.push(FieldError::new(format!("{at}/types/{kind}"), detail));
            } else if wanted {
                preferences.switched_off.remove(&kind);
            } else {
                preferences.switched_off.insert(kind);
            }
        }
        if let Some(windows) = posted.windows {
            preferences.windows.clear();
            for (days, stretches) in windows {
                read_windows(&format!("{at}/windows"), &days, &stretches, &mut preferences.windows, wrong);
            }
            preferences.windows.sort();
        }
        if let Some(discretion) = posted.discretion {
            preferences.discretion = discretion;
        }
    }
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Reads `"mon-fri": ["09:00-12:00", "17:00-20:00"]`.
fn read_windows(
    at: &str,
    days: &str,
    stretches: &[String],
    windows: &mut Vec<Window>,
    wrong: &mut Vec<FieldError>,
) {
    let pointer = format!("{at}/{days}");
    let day = |name: &str| DAYS.iter().position(|known| *known == name);
    let (first, last) = days.split_once('-').unwrap_or((days, days));
    let (Some(first), Some(last)) = (day(first), day(last)) else {
        wrong.push(FieldError::new(
            pointer,
            "is no day or stretch of days; expected such as mon, sat or mon-fri",
        ));
        return;
    };
    if last < first {
        wrong.push(FieldError::new(pointer, "ends before it begins; days run from mon to sun"));
        return;
    }
    for stretch in stretches {
        let bounds = stretch.split_once('-').map(|(from, to)| (minute(from), minute(to)));
        let Some((Ok(from_minute), Ok(to_minute))) = bounds else {
            wrong.push(FieldError::new(&pointer, "has a stretch that is none; expected such as 09:00-12:00"));
            continue;
        };
        if from_minute >= to_minute {
            wrong.push(FieldError::new(
                &pointer,
                "has a stretch that ends before it begins; write two for a night",
            ));
            continue;
        }
        for weekday in first..=last {
            let weekday = u8::try_from(weekday + 1).unwrap_or(1);
            windows.push(Window { weekday, from_minute, to_minute });
        }
    }
}

/// Adds a person, or takes in what is newly said of one; `None` for one who was erased.
pub(super) async fn upsert(
    tx: &mut Tx,
    id: &str,
    update: &PersonUpdate,
    now: DateTime<Utc>,
) -> crate::store::Result<Option<Recipient>> {
    // Two requests may name a person at once: the later one takes in what the earlier one wrote.
    for _ in 0..TRIES {
        match tx.recipient(id).await? {
            Some(_) if tx.is_erased(id).await? => return Ok(None),
            Some(mut known) => {
                if !known.apply(update) {
                    return Ok(Some(known));
                }
                known.updated_at = now;
                if tx.update_recipient(&known).await? {
                    known.version += 1;
                    return Ok(Some(known));
                }
            }
            None => {
                let mut person = Recipient::new(id.to_owned(), update.role.unwrap_or(Role::Patient), now);
                person.apply(update);
                if tx.insert_recipient(&person).await? {
                    return Ok(Some(person));
                }
                // Another request was faster, or it is somebody who was erased before a backup was put back.
                if tx.is_erased(id).await? {
                    return Ok(None);
                }
            }
        }
    }
    Err(StoreError::Inconsistent {
        table: "recipients",
        id: "a person".to_owned(),
        problem: "changed too often at once".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_written_by_days_and_stretches() {
        let mut windows = Vec::new();
        let mut wrong = Vec::new();
        read_windows("/windows", "mon-fri", &["09:00-12:00".to_owned()], &mut windows, &mut wrong);
        assert_eq!((windows.len(), wrong.len()), (5, 0));
        assert_eq!(windows[0], Window { weekday: 1, from_minute: 540, to_minute: 720 });
        for (days, stretch) in
            [("someday", "09:00-12:00"), ("fri-mon", "09:00-12:00"), ("sat", "12:00-09:00")]
        {
            read_windows("/windows", days, &[stretch.to_owned()], &mut windows, &mut wrong);
        }
        assert_eq!((windows.len(), wrong.len()), (5, 3));
    }
}
