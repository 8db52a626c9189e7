//! A situation that stands for many: a message is due now, and its subject is a day away.

use super::situation::{Ask, Situation};
use super::workbench::Workbench;
use crate::config::Guard;
use crate::domain::kind::TypeName;
use crate::domain::message::Priority;
use crate::domain::policy::{Decision, Description};
use crate::domain::question::{Answer, Question};
use chrono::NaiveTime;

/// Any moment: what counts is the day between the two.
const NOW: &str = "2026-01-01T12:00:00Z";
const A_DAY_LATER: &str = "2026-01-02T12:00:00Z";

/// What `decide` is asked for each of the policy's message types, with a moment for every fact that it reads
/// and that is called after one.
pub(super) fn due(bench: &Workbench, described: &Description) -> Vec<Situation> {
    let moments = described.inputs.iter().filter(|key| key.ends_with("_at"));
    let facts: toml::Table = moments.map(|key| (key.clone(), toml::Value::from(A_DAY_LATER))).collect();
    let situation = |kind: &TypeName| Situation {
        now: Some(NOW.into()),
        kind: Some(kind.as_str().to_owned()),
        expires: Some(A_DAY_LATER.into()),
        occurrence: Some(A_DAY_LATER.into()),
        priority: priority(bench, kind.as_str()),
        facts: facts.clone(),
        ..Situation::default()
    };
    described.message_types.iter().map(situation).collect()
}

/// What each of the four questions is asked, so that none goes untried.
pub(super) fn all(bench: &Workbench, described: &Description) -> Vec<(String, Situation)> {
    let class = Some(crate::domain::failure::FailureClass::Unreachable);
    let mut all = Vec::new();
    for due in due(bench, described) {
        if all.is_empty() {
            let plan = |event: &String| {
                let situation = Situation { ask: Ask::Plan, event: Some(event.clone()), ..due.clone() };
                (format!("plan {event}"), situation)
            };
            all.extend(described.events.iter().map(plan));
        }
        all.push(("decide".to_owned(), due.clone()));
        all.push(("on-failure".to_owned(), Situation { ask: Ask::OnFailure, class, ..due.clone() }));
        all.push(("on-reply".to_owned(), Situation { ask: Ask::OnReply, text: "What?".to_owned(), ..due }));
    }
    all
}

/// What `templates/<type>.toml` says, where the home has one.
fn priority(bench: &Workbench, kind: &str) -> Option<Priority> {
    let file = bench.plugins.with_file_name("templates").join(format!("{kind}.toml"));
    let declared: toml::Table = std::fs::read_to_string(file).ok()?.parse().ok()?;
    declared.get("priority")?.clone().try_into().ok()
}

/// Whether an answer would wake somebody: it sends in the host's quiet hours what may not disturb.
pub(super) fn sends_at_night(question: &Question, answer: &Answer, guard: &Guard) -> bool {
    let (Question::Decide(question), Answer::Decide(Decision::Send { .. })) = (question, answer) else {
        return false;
    };
    let may = guard.may_disturb.contains(question.message.message_type.as_str())
        || (question.message.priority == Priority::High && question.clinic.high_priority_may_disturb);
    let local = &question.to.local;
    let time = NaiveTime::from_hms_opt(local.hour.into(), local.minute.into(), 0);
    !may && time.is_some_and(|time| guard.quiet_hours.contains(time))
}
