//! What a policy author writes.

use std::fmt;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    DecideContext, Decision, Description, Event, FailedAttempt, Inbound, MessagePlan, ReplyAction,
    RetryDecision, reason,
};

/// A policy: `describe` says what it is for, the rest has defaults that do the least.
///
/// Every question is answered from its argument and the settings alone; there is no `self`, because
/// the host asks each question in a fresh instance.
pub trait Policy: 'static {
    /// What the clinic may set in the `[settings]` of the `.toml` beside the plugin.
    type Settings: DeserializeOwned + Default + 'static;

    /// Who this is.
    fn describe() -> Description;

    /// Refuses settings that are well formed but make no sense together.
    ///
    /// # Errors
    ///
    /// A sentence for whoever wrote the settings.
    fn configure(_settings: &Self::Settings) -> Result<(), Error> {
        Ok(())
    }

    /// Which messages follow from this event: none, unless the policy says so.
    ///
    /// # Errors
    ///
    /// Only where the policy itself is at fault; an event that lacks something is passed over.
    fn plan(_settings: &Self::Settings, _event: &Event) -> Result<MessagePlan, Error> {
        Ok(MessagePlan::empty())
    }

    /// Whether this message goes out now: yes, unless the policy says otherwise.
    ///
    /// # Errors
    ///
    /// Only where the policy itself is at fault.
    fn decide(_settings: &Self::Settings, c: &DecideContext) -> Result<Decision, Error> {
        Ok(Decision::Send(reason("ok", "Nothing speaks against sending it now.").moment("now", c.now)))
    }

    /// Whether an attempt that failed is followed by another: no, unless the policy says so.
    ///
    /// # Errors
    ///
    /// Only where the policy itself is at fault.
    fn on_failure(_settings: &Self::Settings, a: &FailedAttempt) -> Result<RetryDecision, Error> {
        Ok(RetryDecision::GiveUp(
            reason("no-retries", "This kind of message is not sent a second time.")
                .fact("attempts", a.message.attempts),
        ))
    }

    /// What a reply means: that a person should read it, unless the policy says otherwise.
    ///
    /// # Errors
    ///
    /// Only where the policy itself is at fault.
    fn on_reply(_settings: &Self::Settings, m: &Inbound) -> Result<ReplyAction, Error> {
        Ok(ReplyAction::HandToStaff(
            reason("for-staff", "Somebody at the clinic should read this reply.")
                .moment("received-at", m.received_at),
        ))
    }
}

/// The settings of a policy that has none.
#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NoSettings {}

/// Why a policy could not answer, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(String);

impl Error {
    /// The sentence by itself.
    #[must_use]
    pub fn into_text(self) -> String {
        self.0
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl From<String> for Error {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Error {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}
