//! `t(key, name=value, …)`: the only way for words into a template. It is bound to one locale for
//! one render, so that no sentence can slip in from another language.

use super::arguments::Argument;
use super::flaw::Flaw;
use super::functions::Moment;
use super::locale::Locale;
use crate::domain::policy::Discretion;
use fluent_bundle::{FluentArgs, FluentValue};
use minijinja::value::{Kwargs, Object, ObjectRepr, Value, from_args};
use minijinja::{Error, ErrorKind, State};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// What one render leaves behind beside its text.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// What made it fail.
    pub(super) flaw: Option<Flaw>,
    /// A shorter text exists for at least one of the messages.
    pub(super) shortenable: bool,
}

/// `t` in a template.
#[derive(Debug)]
pub(super) struct Translator {
    pub(super) locale: Arc<Locale>,
    /// Keys that the reference locale keeps for discreet readers.
    pub(super) discreet_keys: Arc<BTreeSet<String>>,
    pub(super) discretion: Discretion,
    pub(super) short: bool,
    pub(super) notes: Arc<Mutex<Notes>>,
}

impl Translator {
    fn message(&self, key: &str, given: &Kwargs) -> Result<String, Flaw> {
        let chosen = self.choose(key)?;
        let mut arguments = FluentArgs::new();
        for name in given.args() {
            let value = given.get::<Value>(name).ok().and_then(|value| self.argument(&value));
            let Some(value) = value else {
                let problem = format!("`{name}` of `{key}` is empty or of a kind that no message can use");
                return Err(Flaw::new("bad-template", problem));
            };
            arguments.set(name.to_owned(), value);
        }
        self.locale.format(&chosen, &arguments)
    }

    /// The first key there is, from the fittest to the plainest.
    fn choose(&self, key: &str) -> Result<String, Flaw> {
        let short = |key: &str| format!("{key}-short");
        let plain = key.to_owned();
        let candidates = match self.discretion {
            Discretion::Standard => vec![short(key), plain],
            Discretion::Detailed => {
                let toned = format!("{key}-detailed");
                vec![short(&toned), short(key), toned, plain]
            }
            Discretion::Discreet => {
                let toned = format!("{key}-discreet");
                // A translation that lacks the discreet text must not say more than the reader
                // allows: the text then goes out discreetly in another language.
                let only = self.discreet_keys.contains(&toned);
                let mut candidates = vec![short(&toned), toned];
                if !only {
                    candidates.extend([short(key), plain]);
                }
                candidates
            }
        };
        let there: Vec<String> = candidates.iter().filter(|key| self.locale.has(key)).cloned().collect();
        if there.iter().any(|key| key.ends_with("-short")) {
            self.notes.lock().unwrap_or_else(PoisonError::into_inner).shortenable = true;
        }
        there.into_iter().find(|key| self.short || !key.ends_with("-short")).ok_or_else(|| {
            let wanted = candidates.last().map_or(key, String::as_str);
            Flaw::new("missing-key", format!("`{}` has no text for `{wanted}`", self.locale.tag))
        })
    }

    fn argument(&self, value: &Value) -> Option<FluentValue<'static>> {
        if let Some(text) = value.as_str() {
            return Some(text.to_owned().into());
        }
        match value.downcast_object_ref::<Argument>() {
            Some(Argument::Moment(at)) => Some(FluentValue::Custom(Box::new(Moment(*at)))),
            Some(Argument::Amount(money)) => self.locale.formats.money(money).map(FluentValue::from),
            None if value.is_integer() => value.as_i64().map(FluentValue::from),
            None => None,
        }
    }
}

impl Object for Translator {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, arguments: &[Value]) -> Result<Value, Error> {
        let (key, given): (&str, Kwargs) = from_args(arguments)?;
        self.message(key, &given).map(Value::from).map_err(|flaw| {
            self.notes.lock().unwrap_or_else(PoisonError::into_inner).flaw.get_or_insert(flaw);
            Error::new(ErrorKind::InvalidOperation, "a message cannot be written")
        })
    }
}
