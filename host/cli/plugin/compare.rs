//! Two answers to one question, held against each other.

use super::words;
use crate::domain::policy::{Decision, Plan, ReplyAction, RetryDecision};
use crate::domain::question::{Answer, Question};
use serde_json::Value;

/// In what they differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Difference {
    /// Not in a byte.
    Same,
    /// The same is done for another reason, or with another sentence or fact.
    Reason,
    /// Something else is done.
    Answer,
}

pub(super) fn difference(old: &Answer, new: &Answer) -> Difference {
    if old == new {
        return Difference::Same;
    }
    let bare = |answer| serde_json::to_value(answer).map(without_reasons);
    match (bare(old), bare(new)) {
        (Ok(old), Ok(new)) if old == new => Difference::Reason,
        _ => Difference::Answer,
    }
}

fn without_reasons(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(key, _)| key != "why");
            Value::Object(kept.map(|(key, value)| (key, without_reasons(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_reasons).collect()),
        other => other,
    }
}

/// An answer for counting: `send: ok`, without moments; a plan by its messages.
pub(super) fn kind(answer: &Answer) -> String {
    match (answer, answer.why()) {
        (Answer::Plan(Plan { messages, .. }), _) => match messages.len() {
            1 => "plans 1 message".to_owned(),
            many => format!("plans {many} messages"),
        },
        (_, Some(why)) => format!("{}: {}", answer.kind(), why.code),
        (_, None) => answer.kind().to_owned(),
    }
}

/// An answer in one line, on the person's clock.
pub(super) fn line(question: &Question, answer: &Answer) -> String {
    let lines = words::lines(question, answer);
    if lines.is_empty() { "plans nothing".to_owned() } else { lines.join("; ") }
}

/// How many texts an answer leads to, as far as it can say. Another attempt is the same text once more.
pub(super) fn texts(answer: &Answer) -> i64 {
    match answer {
        Answer::Plan(plan) => i64::try_from(plan.messages.len()).unwrap_or(i64::MAX),
        Answer::Decide(Decision::Send { .. } | Decision::Defer { .. })
        | Answer::OnReply(ReplyAction::Answer { .. }) => 1,
        Answer::Decide(Decision::Suppress { .. })
        | Answer::OnFailure(RetryDecision::Retry { .. } | RetryDecision::GiveUp { .. })
        | Answer::OnReply(
            ReplyAction::Ignore { .. }
            | ReplyAction::Request { .. }
            | ReplyAction::HandToStaff { .. }
            | ReplyAction::OptOut { .. }
            | ReplyAction::Custom { .. },
        ) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(json: &str) -> Answer {
        Answer::read("decide", json.as_bytes()).unwrap()
    }

    #[test]
    fn another_reason_is_less_than_another_answer() {
        let ok = answer(r#"{"answer":"defer","until":5,"why":{"code":"a","text":"A.","facts":[]}}"#);
        let other_words = answer(r#"{"answer":"defer","until":5,"why":{"code":"a","text":"B.","facts":[]}}"#);
        let later = answer(r#"{"answer":"defer","until":6,"why":{"code":"a","text":"A.","facts":[]}}"#);
        assert_eq!(difference(&ok, &ok.clone()), Difference::Same);
        assert_eq!(difference(&ok, &other_words), Difference::Reason);
        assert_eq!(difference(&ok, &later), Difference::Answer);
    }
}
