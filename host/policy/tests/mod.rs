//! The promises of this module, tried by breaking them.

mod admission;
mod answers;
mod built;
mod bundled;
mod calls;
mod candidates;
#[path = "../../../tests/support/guest/mod.rs"]
mod guest;
mod loading;
mod reloading;
mod served;
mod types;
mod versions;
mod wasi;
mod zones;

use super::{Cache, Limits, LoadReport, Loaded, Policies, PolicyLoadError};
use crate::domain::calendar::{LocalTime, to_local};
use crate::domain::kind::TypeName;
use crate::domain::message::Priority;
use crate::domain::policy::{
    ClinicFacts, DecideQuestion, Discretion, Fact, FactValue, MessageFacts, Person, PlanQuestion, UnixMs,
};
use crate::domain::recipient::Role;
use chrono::DateTime;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder that is gone after the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tidings-policy-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn put(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, contents).unwrap();
        path
    }

    fn cache(&self) -> Cache {
        Cache::new(self.0.join("cache"), [7; 32])
    }

    async fn load(&self, limits: &Limits) -> Result<(Policies, Vec<LoadReport>), PolicyLoadError> {
        Policies::load(&self.0, &self.cache(), limits).await
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The one policy of a folder.
fn only(reports: &[LoadReport]) -> Arc<Loaded> {
    match reports {
        [LoadReport::Live(loaded)] => loaded.clone(),
        other => panic!("expected one live policy, not {other:?}"),
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

fn ms(text: &str) -> UnixMs {
    u64::try_from(DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()).unwrap()
}

fn new_york(at: UnixMs) -> LocalTime {
    let at = DateTime::from_timestamp_millis(i64::try_from(at).unwrap()).unwrap();
    to_local(at, chrono_tz::America::New_York)
}

fn person(now: UnixMs) -> Person {
    Person {
        reference: "person-1".to_owned(),
        role: Role::Patient,
        language: "en".to_owned(),
        time_zone: "America/New_York".to_owned(),
        local: new_york(now),
        discretion: Discretion::Standard,
        windows: Vec::new(),
        switched_off: Vec::new(),
        opted_out: false,
    }
}

fn clinic(now: UnixMs) -> ClinicFacts {
    ClinicFacts {
        time_zone: "America/New_York".to_owned(),
        local: new_york(now),
        high_priority_may_disturb: false,
    }
}

/// A visit on 25 November at two in the afternoon, New York time.
const VISIT: &str = "2026-11-25T14:00:00-05:00";

/// Shall a message of this type, of use until the visit, go out now?
fn due(message_type: &str, now: &str) -> DecideQuestion {
    let (now, visit) = (ms(now), ms(VISIT));
    DecideQuestion {
        now,
        message: MessageFacts {
            id: "0190".to_owned(),
            message_type: TypeName::from(message_type),
            priority: Priority::Medium,
            key: "24h".to_owned(),
            planned_for: now,
            expires_at: visit,
            occurrence: Some(visit),
            deferrals: 0,
            attempts: 0,
        },
        to: person(now),
        recent: Vec::new(),
        clinic: clinic(now),
        facts: vec![Fact { key: "data.starts_at".to_owned(), value: FactValue::Moment(visit) }],
    }
}

/// A visit was booked on the 20th.
fn booked() -> PlanQuestion {
    let now = ms("2026-11-20T09:00:00-05:00");
    PlanQuestion {
        id: "0191".to_owned(),
        event_type: "appointment.booked".to_owned(),
        subject_type: "appointment".to_owned(),
        subject_version: 1,
        occurred_at: now,
        now,
        people: vec![person(now)],
        clinic: clinic(now),
        facts: vec![Fact { key: "data.starts_at".to_owned(), value: FactValue::Moment(ms(VISIT)) }],
    }
}

/// The policies that come with the host.
fn bundled() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins")
}
