//! Any of the four questions with its answer, as a decision record holds them.

use super::kind::TypeName;
use super::policy::{
    DecideQuestion, Decision, Fact, FailureQuestion, Plan, PlanQuestion, PolicyFault, Reason, ReplyAction,
    ReplyQuestion, RetryDecision, UnixMs,
};
use serde::Serialize;
use serde_json::json;

/// What a policy is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Question {
    Plan(PlanQuestion),
    Decide(DecideQuestion),
    OnFailure(FailureQuestion),
    OnReply(ReplyQuestion),
}

/// What a policy answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Answer {
    Plan(Plan),
    Decide(Decision),
    OnFailure(RetryDecision),
    OnReply(ReplyAction),
}

/// A record cannot be read back.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It is about a question that this version does not know.
    #[error("no question is called `{0}`")]
    UnknownQuestion(String),
    /// Its JSON is not that of the question or the answer.
    #[error("the record is not what this version writes")]
    Unreadable(#[from] serde_json::Error),
}

impl PolicyFault {
    /// The bytes that a decision record holds in place of an answer.
    ///
    /// # Errors
    ///
    /// None that can happen: it is made of texts.
    pub fn json(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&json!({"fault": {"code": self.code, "text": self.text}}))
    }

    /// The code and the text of a fault that a decision record holds.
    #[must_use]
    pub fn read(json: &[u8]) -> Option<(String, String)> {
        let fault = serde_json::from_slice::<serde_json::Value>(json).ok()?;
        let word = |name: &str| fault["fault"][name].as_str().map(str::to_owned);
        Some((word("code")?, word("text")?))
    }
}

impl Question {
    /// What it says beside the message and the people.
    #[must_use]
    pub fn facts(&self) -> &[Fact] {
        match self {
            Self::Plan(question) => &question.facts,
            Self::Decide(question) => &question.facts,
            Self::OnFailure(question) => &question.facts,
            Self::OnReply(question) => &question.facts,
        }
    }

    /// Reads the recorded input of a question by its name.
    ///
    /// # Errors
    ///
    /// There is no such question, or the record is of another form.
    pub fn read(name: &str, json: &[u8]) -> Result<Self, RecordError> {
        Ok(match name {
            "plan" => Self::Plan(serde_json::from_slice(json)?),
            "decide" => Self::Decide(serde_json::from_slice(json)?),
            "on-failure" => Self::OnFailure(serde_json::from_slice(json)?),
            "on-reply" => Self::OnReply(serde_json::from_slice(json)?),
            other => return Err(RecordError::UnknownQuestion(other.to_owned())),
        })
    }

    /// `decide`: as the contract and the records call it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Plan(_) => "plan",
            Self::Decide(_) => "decide",
            Self::OnFailure(_) => "on-failure",
            Self::OnReply(_) => "on-reply",
        }
    }

    /// When it is asked.
    #[must_use]
    pub const fn now(&self) -> UnixMs {
        match self {
            Self::Plan(question) => question.now,
            Self::Decide(question) => question.now,
            Self::OnFailure(question) => question.now,
            Self::OnReply(question) => question.now,
        }
    }

    /// The type of the message that it is about; none where it is about an event, or about a reply to
    /// nothing.
    #[must_use]
    pub fn message_type(&self) -> Option<&TypeName> {
        match self {
            Self::Plan(_) => None,
            Self::Decide(question) => Some(&question.message.message_type),
            Self::OnFailure(question) => Some(&question.message.message_type),
            Self::OnReply(question) => question.in_reply_to.as_ref().map(|message| &message.message_type),
        }
    }
}

impl Answer {
    /// Reads the recorded answer to a question by its name.
    ///
    /// # Errors
    ///
    /// There is no such question, or the record is of another form.
    pub fn read(name: &str, json: &[u8]) -> Result<Self, RecordError> {
        Ok(match name {
            "plan" => Self::Plan(serde_json::from_slice(json)?),
            "decide" => Self::Decide(serde_json::from_slice(json)?),
            "on-failure" => Self::OnFailure(serde_json::from_slice(json)?),
            "on-reply" => Self::OnReply(serde_json::from_slice(json)?),
            other => return Err(RecordError::UnknownQuestion(other.to_owned())),
        })
    }

    /// The bytes that a decision record holds.
    ///
    /// # Errors
    ///
    /// None that can happen: the answer is made of texts and numbers.
    pub fn json(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// `send`, `defer`, `retry` and so on.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Plan(_) => "plan",
            Self::Decide(Decision::Send { .. }) => "send",
            Self::Decide(Decision::Defer { .. }) => "defer",
            Self::Decide(Decision::Suppress { .. }) => "suppress",
            Self::OnFailure(RetryDecision::Retry { .. }) => "retry",
            Self::OnFailure(RetryDecision::GiveUp { .. }) => "give up",
            Self::OnReply(ReplyAction::Ignore { .. }) => "ignore",
            Self::OnReply(ReplyAction::Answer { .. }) => "answer",
            Self::OnReply(ReplyAction::Request { .. }) => "request",
            Self::OnReply(ReplyAction::HandToStaff { .. }) => "hand to staff",
            Self::OnReply(ReplyAction::OptOut { .. }) => "opt out",
            Self::OnReply(ReplyAction::Custom { .. }) => "custom",
        }
    }

    /// Why; a plan has a reason for each message instead.
    #[must_use]
    pub const fn why(&self) -> Option<&Reason> {
        match self {
            Self::Plan(_) => None,
            Self::Decide(
                Decision::Send { why } | Decision::Defer { why, .. } | Decision::Suppress { why },
            )
            | Self::OnFailure(RetryDecision::Retry { why, .. } | RetryDecision::GiveUp { why })
            | Self::OnReply(
                ReplyAction::Ignore { why }
                | ReplyAction::Answer { why, .. }
                | ReplyAction::Request { why, .. }
                | ReplyAction::HandToStaff { why }
                | ReplyAction::OptOut { why }
                | ReplyAction::Custom { why, .. },
            ) => Some(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_reads_back_to_the_same_bytes() {
        let json = br#"{"answer":"defer","until":5,"why":{"code":"quiet-hours","text":"It is night.","facts":[{"key":"hour","value":{"integer":3}}]}}"#;
        let answer = Answer::read("decide", json).unwrap();
        assert_eq!((answer.kind(), answer.why().unwrap().code.as_str()), ("defer", "quiet-hours"));
        assert_eq!(answer.json().unwrap(), json);
    }

    #[test]
    fn a_record_of_another_form_is_refused() {
        assert!(
            matches!(Answer::read("dream", b"{}"), Err(RecordError::UnknownQuestion(name)) if name == "dream")
        );
        assert!(matches!(Question::read("decide", b"{}"), Err(RecordError::Unreadable(_))));
    }
}
