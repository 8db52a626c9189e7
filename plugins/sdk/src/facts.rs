//! Looking facts up by their keys.

use crate::{DecideContext, Event, Fact, FailedAttempt, Inbound, UnixMs, Value};

/// The facts of a question; a policy gets those that its `describe.inputs` lists.
///
/// A fact of another kind than asked for is as good as none.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a>(&'a [Fact]);

impl<'a> Facts<'a> {
    /// The value as it came.
    #[must_use]
    pub fn value(self, key: &str) -> Option<&'a Value> {
        self.0.iter().find(|fact| fact.key == key).map(|fact| &fact.value)
    }

    /// A moment: `facts.moment("data.starts_at")`.
    #[must_use]
    pub fn moment(self, key: &str) -> Option<UnixMs> {
        match self.value(key)? {
            Value::Moment(at) => Some(*at),
            _ => None,
        }
    }

    /// A text.
    #[must_use]
    pub fn text(self, key: &str) -> Option<&'a str> {
        match self.value(key)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A number without a fraction.
    #[must_use]
    pub fn integer(self, key: &str) -> Option<i64> {
        match self.value(key)? {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// True or false.
    #[must_use]
    pub fn flag(self, key: &str) -> Option<bool> {
        match self.value(key)? {
            Value::Flag(flag) => Some(*flag),
            _ => None,
        }
    }
}

macro_rules! with_facts {
    ($($question:ty)*) => {$(
        impl $question {
            /// The facts, to be looked up by key.
            #[must_use]
            pub fn facts(&self) -> Facts<'_> {
                Facts(&self.facts)
            }
        }
    )*};
}

with_facts!(Event DecideContext FailedAttempt Inbound);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_of_another_kind_is_as_good_as_none() {
        let facts = [
            Fact { key: "data.starts_at".to_owned(), value: Value::Moment(7) },
            Fact { key: "data.place".to_owned(), value: "Room 4".into() },
            Fact { key: "data.fasting".to_owned(), value: true.into() },
            Fact { key: "data.floor".to_owned(), value: 2.into() },
        ];
        let facts = Facts(&facts);
        assert_eq!(facts.moment("data.starts_at"), Some(7));
        assert_eq!(facts.text("data.starts_at"), None);
        assert_eq!(facts.text("data.place"), Some("Room 4"));
        assert_eq!(facts.flag("data.fasting"), Some(true));
        assert_eq!(facts.integer("data.floor"), Some(2));
        assert_eq!(facts.moment("data.ends_at"), None);
    }
}
