//! Why: a code for counting, a sentence for people, and the facts that settled it.

use crate::{Deferral, Fact, Reason, UnixMs, Value};

/// Begins a reason: `reason("quiet-hours", "It is night there.").fact("hour", 3)`.
#[must_use]
pub fn reason(code: &str, text: impl Into<String>) -> Reason {
    Reason { code: code.to_owned(), text: text.into(), facts: Vec::new() }
}

impl Reason {
    /// Adds a fact that settled it.
    #[must_use]
    pub fn fact(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.facts.push(Fact { key: key.to_owned(), value: value.into() });
        self
    }

    /// Adds a moment that settled it.
    #[must_use]
    pub fn moment(self, key: &str, at: UnixMs) -> Self {
        self.fact(key, Value::Moment(at))
    }
}

impl Deferral {
    /// Later, and why.
    #[must_use]
    pub fn new(until: UnixMs, why: Reason) -> Self {
        Self { until, why }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

/// No `u64`: that is what moments are made of, and [`Reason::moment`] says so.
macro_rules! integers {
    ($($integer:ty)*) => {$(
        impl From<$integer> for Value {
            fn from(number: $integer) -> Self {
                Self::Integer(number.into())
            }
        }
    )*};
}

integers!(u8 u16 u32 i32 i64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_keeps_its_facts_in_order() {
        let why = reason("busy", "Enough for today.").fact("sent", 3_u32).moment("now", 5);
        assert_eq!((why.code.as_str(), why.text.as_str()), ("busy", "Enough for today."));
        let facts: Vec<_> = why.facts.into_iter().map(|f| (f.key, f.value)).collect();
        assert_eq!(facts, [("sent".to_owned(), Value::Integer(3)), ("now".to_owned(), Value::Moment(5))]);
    }
}
