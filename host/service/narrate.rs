//! Narration: the story of a message in words and in order, for staff.

use super::Story;
use super::plan::IN_DOUBT;
use crate::store::{Attempt, AttemptOutcome, DecisionRecord, JournalLine};
use chrono::{DateTime, SecondsFormat, Utc};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoryLine {
    /// When.
    pub at: DateTime<Utc>,
    /// What, in one sentence.
    pub text: String,
}

/// In which order things are told that happened in the same millisecond.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Event,
    Plan,
    Planned,
    Decision,
    Call,
    Answer,
    Told,
    Moved,
}

impl Story {
    /// What happened, in order and in words.
    #[must_use]
    pub fn in_words(&self) -> Vec<StoryLine> {
        let mut told: Vec<(DateTime<Utc>, Rank, String)> = Vec::new();
        if let Some(event) = &self.event {
            let subject = &event.subject;
            let text = format!(
                "{} came in, about version {} of {} {}.",
                event.event_type, subject.version, subject.subject_type, subject.id
            );
            told.push((event.received_at, Rank::Event, text));
        }
        for decision in &self.decisions {
            let rank = if decision.question == "plan" { Rank::Plan } else { Rank::Decision };
            told.push((decision.at, rank, decision_line(decision)));
        }
        for line in &self.journal {
            if let Some((rank, text)) = self.journal_line(line) {
                told.push((line.at, rank, text));
            }
        }
        for attempt in &self.attempts {
            let text = format!("Attempt {}: given to Twilio, from {}.", attempt.number, attempt.sender);
            told.push((attempt.intent_at, Rank::Call, text));
            if let (Some(outcome), Some(at)) = (attempt.outcome, attempt.settled_at) {
                told.push((at, Rank::Answer, attempt_line(attempt, outcome)));
            }
        }
        for event in &self.provider_events {
            let code = event.error_code.map(|code| format!(", error {code}")).unwrap_or_default();
            let text = format!("Twilio says {}{code} ({}).", event.status.name(), event.source.name());
            told.push((event.received_at, Rank::Told, text));
        }
        told.sort_by_key(|(at, rank, _)| (*at, *rank));
        told.into_iter().map(|(at, _, text)| StoryLine { at, text }).collect()
    }

    /// What is not told by something else: a claim is the host's own affair, a call and what Twilio says
    /// have lines of their own.
    fn journal_line(&self, line: &JournalLine) -> Option<(Rank, String)> {
        let why = sentence(&line.note.text);
        let moved = |word: &str| Some((Rank::Moved, format!("{word}: {why}")));
        match (line.from.as_deref(), line.to.as_str()) {
            (None, "planned") => {
                let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
                let message = &self.message;
                let text = format!(
                    "Planned for {}, of use until {}: {}",
                    time(message.planned_for),
                    time(message.expires_at),
                    sentence(&message.why.text)
                );
                Some((Rank::Planned, text))
            }
            (_, "claimed" | "sending" | "accepted" | "sent" | "delivered") => None,
            (_, "planned") => moved("Planned again"),
            (_, "unknown") => moved("Nobody knows whether it was sent"),
            (_, "held") => moved("Held, a person must look"),
            (_, "suppressed") => moved("Not sent"),
            (_, "canceled") => moved("Canceled"),
            (_, "expired") => moved("Expired"),
            (_, "failed") => moved("Failed"),
            (_, "undelivered") => moved("Not delivered"),
            (_, other) => moved(other),
        }
    }
}

fn decision_line(decision: &DecisionRecord) -> String {
    let policy = format!("{} {}", decision.policy, decision.version);
    if decision.reason_code.strip_prefix("policy-") == Some(&decision.outcome) {
        return format!("The policy {policy} did not answer ({}).", decision.outcome);
    }
    let answer = match decision.outcome.as_str() {
        "send" => "send it".to_owned(),
        "defer" => "not yet".to_owned(),
        "suppress" => "do not send it".to_owned(),
        "give_up" => "give up".to_owned(),
        "retry" => "try again".to_owned(),
        IN_DOUBT => "plan, by a clock that is in doubt".to_owned(),
        other => other.replace('_', " "),
    };
    format!("The policy {policy} says: {answer}. {}", sentence(&decision.reason_text))
}

fn attempt_line(attempt: &Attempt, outcome: AttemptOutcome) -> String {
    let number = attempt.number;
    let error = match (attempt.error_code, &attempt.error_text) {
        (Some(code), Some(text)) => format!(" ({code}: {text})"),
        (Some(code), None) => format!(" ({code})"),
        (None, Some(text)) => format!(" ({text})"),
        (None, None) => String::new(),
    };
    match outcome {
        AttemptOutcome::Accepted => {
            format!("Attempt {number}: Twilio took it as {}.", attempt.sid.as_deref().unwrap_or_default())
        }
        AttemptOutcome::Refused => format!("Attempt {number}: Twilio refused it{error}."),
        AttemptOutcome::NotNow => format!("Attempt {number}: Twilio takes no more for now{error}."),
        AttemptOutcome::NotReached => format!("Attempt {number}: Twilio was not reached{error}."),
        AttemptOutcome::Unknown => format!("Attempt {number}: the answer was not seen{error}."),
        AttemptOutcome::Absent => format!("Attempt {number}: Twilio does not have it."),
    }
}

/// A capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first: String = chars.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}
