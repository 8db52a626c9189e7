//! Saying who a policy is.

use crate::{Description, Schema};

impl Description {
    /// The name, the version and one sentence for the clinic; the rest is added by the verbs below.
    #[must_use]
    pub fn new(name: &str, version: &str, summary: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            summary: summary.to_owned(),
            message_types: Vec::new(),
            events: Vec::new(),
            inputs: Vec::new(),
            answers: Vec::new(),
            settings_schema: Schema::new().into_text(),
        }
    }

    /// It decides for messages of this type.
    #[must_use]
    pub fn decides(mut self, message_type: &str) -> Self {
        self.message_types.push(message_type.to_owned());
        self
    }

    /// It plans these events.
    #[must_use]
    pub fn plans<const N: usize>(mut self, events: [&str; N]) -> Self {
        self.events.extend(events.map(str::to_owned));
        self
    }

    /// It reads these facts, and gets no others.
    #[must_use]
    pub fn reads<const N: usize>(mut self, inputs: [&str; N]) -> Self {
        self.inputs.extend(inputs.map(str::to_owned));
        self
    }

    /// It may answer a reply with messages of these types.
    #[must_use]
    pub fn answers_with<const N: usize>(mut self, message_types: [&str; N]) -> Self {
        self.answers.extend(message_types.map(str::to_owned));
        self
    }

    /// What the clinic may set.
    #[must_use]
    pub fn settings(mut self, schema: Schema) -> Self {
        self.settings_schema = schema.into_text();
        self
    }
}
