//! Why a text could not be written in one language.

/// A reason to try the next language: a stable code for counting, and a sentence for people. Names
/// files, keys and variables, never a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Flaw {
    /// `no-locale`, `missing-key`, `bad-message`, `bad-template`, `over-budget`, `empty`, `panic`.
    pub code: &'static str,
    /// One sentence.
    pub text: String,
    /// The line of the template, where one is to blame.
    pub(super) line: Option<usize>,
}

impl Flaw {
    pub(super) fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), line: None }
    }
}
