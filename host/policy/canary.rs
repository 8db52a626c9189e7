//! The canary: before anybody depends on a policy it is asked a made-up question, twice, in two instances.
//! It must come to the same both times; that it finds no answer to a question about nobody is its right.

use super::fault::Cause;
use super::load::{Loaded, Refusal};
use super::run::{Asked, Runtime};
use crate::domain::calendar::to_local;
use crate::domain::message::Priority;
use crate::domain::policy::{ClinicFacts, DecideQuestion, Discretion, MessageFacts, Person, UnixMs};
use crate::domain::recipient::Role;
use chrono::DateTime;
use chrono_tz::Tz;
use std::fmt::Debug;

/// A Tuesday at noon, UTC.
const NOON: UnixMs = 1_796_126_400_000;

const DAY: UnixMs = 24 * 60 * 60 * 1000;

/// Asks twice about each message type.
pub(super) async fn sing(runtime: &Runtime, loaded: &Loaded) -> Result<(), Refusal> {
    for message_type in &loaded.description.message_types {
        let question = question(message_type.clone());
        let first = runtime.decide(loaded, &question).await;
        same(&first, &runtime.decide(loaded, &question).await)?;
        if let Err(Cause { code, .. }) = &first
            && *code != "policy-error"
        {
            // Its text may quote nobody: the question is about nobody.
            let (policy, file) = (&loaded.description.name, loaded.file.display());
            tracing::warn!(%policy, %file, code, "a policy did not get through a made-up question");
        }
    }
    Ok(())
}

/// Answers of equal fuel, or the same fault. Where a stack ends and what a clock stops is not the same on
/// two occasions.
fn same<T: PartialEq + Debug>(
    first: &Result<Asked<T>, Cause>,
    second: &Result<Asked<T>, Cause>,
) -> Result<(), Refusal> {
    let is_same = match (first, second) {
        (Ok(first), Ok(second)) => first.answer == second.answer && first.cost == second.cost,
        (Err(_), Err(_)) => true,
        (Ok(_), Err(cause)) | (Err(cause), Ok(_)) => cause.code == "timeout" || cause.code == "host",
    };
    if is_same {
        return Ok(());
    }
    let text = "asked the same question twice it gave two answers; its decisions could not be replayed";
    Err(Refusal::new("nondeterministic", text))
}

fn question(message_type: crate::domain::kind::TypeName) -> DecideQuestion {
    let noon = to_local(DateTime::from_timestamp_millis(NOON.cast_signed()).unwrap_or_default(), Tz::UTC);
    DecideQuestion {
        now: NOON,
        message: MessageFacts {
            id: "canary".to_owned(),
            message_type,
            priority: Priority::Medium,
            key: String::new(),
            planned_for: NOON,
            expires_at: NOON + DAY,
            occurrence: Some(NOON + DAY),
            deferrals: 0,
            attempts: 0,
        },
        to: Person {
            reference: "to".to_owned(),
            role: Role::Patient,
            language: "en".to_owned(),
            time_zone: Tz::UTC.name().to_owned(),
            local: noon.clone(),
            discretion: Discretion::Standard,
            windows: Vec::new(),
            switched_off: Vec::new(),
            opted_out: false,
        },
        recent: Vec::new(),
        clinic: ClinicFacts {
            time_zone: Tz::UTC.name().to_owned(),
            local: noon,
            high_priority_may_disturb: false,
        },
        facts: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::run::Cost;

    #[test]
    fn two_answers_to_one_question_are_refused_and_two_faults_are_not() {
        let answer = |number: u32, fuel| {
            Ok(Asked { answer: number, log: Vec::new(), cost: Cost { fuel, ..Cost::default() } })
        };
        let fault = |code| Err(Cause::policy(code, String::new()));
        assert!(same(&answer(1, 5), &answer(1, 5)).is_ok());
        assert!(same::<u32>(&fault("trap"), &fault("stack-overflow")).is_ok());
        assert!(same(&answer(1, 5), &fault("timeout")).is_ok(), "the machine was busy");
        for other in [answer(2, 5), answer(1, 6), fault("trap")] {
            assert_eq!(same(&answer(1, 5), &other).unwrap_err().code, "nondeterministic");
        }
    }
}
