//! The template engine, told to refuse whatever it would otherwise guess.

use super::flaw::Flaw;
use super::translator::Notes;
use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};
use std::collections::BTreeMap;
use std::io;

/// Twilio takes no longer text.
const MAX_CHARACTERS: usize = 1600;

/// Enough for a hundred sentences; a loop without end stops here.
const FUEL: u64 = 10_000;

const PRINTS: &str = "a template prints texts and whole numbers only; times and amounts belong in a message";

/// An engine without templates. It has no filters, no functions and no loader: a template says
/// which sentences, and nothing is read again behind a render's back.
pub(super) fn engine() -> Environment<'static> {
    let mut engine = Environment::empty();
    engine.set_auto_reload(false);
    engine.set_debug(false);
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_fuel(Some(FUEL));
    engine.set_recursion_limit(20);
    engine.set_formatter(|out, _, value| match value.kind() {
        ValueKind::String => out.write_str(value.as_str().unwrap_or_default()).map_err(Error::from),
        ValueKind::Number if value.is_integer() => write!(out, "{value}").map_err(Error::from),
        _ => Err(Error::new(ErrorKind::InvalidOperation, PRINTS)),
    });
    engine
}

/// Renders a template once. What `t` noted explains a failure better than the engine can.
pub(super) fn render(
    engine: &Environment<'_>,
    name: &str,
    context: BTreeMap<String, Value>,
    notes: &std::sync::Mutex<Notes>,
) -> Result<String, Flaw> {
    let mut text = Bounded(Vec::new());
    let context = Value::from_pairs(context);
    let rendered = engine
        .get_template(name)
        .and_then(|template| template.render_captured_to(context, &mut text).map(drop));
    if let Err(error) = rendered {
        let known = notes.lock().unwrap_or_else(std::sync::PoisonError::into_inner).flaw.take();
        let flaw = known.unwrap_or_else(|| flaw(name, &error));
        return Err(Flaw { line: error.line(), ..flaw });
    }
    let text = String::from_utf8(text.0).unwrap_or_default();
    let text = single_stops(text.trim());
    if text.is_empty() {
        return Err(Flaw::new("empty", "the text is empty"));
    }
    if text.chars().count() > MAX_CHARACTERS {
        return Err(Flaw::new(
            "bad-template",
            format!("the text is longer than {MAX_CHARACTERS} characters"),
        ));
    }
    Ok(text)
}

/// One full stop where a value ends in one and the sentence too: `2:30 p.m..`. Three are meant.
fn single_stops(text: &str) -> String {
    let mut single = String::with_capacity(text.len());
    for piece in text.split_inclusive(' ') {
        let word = piece.trim_end();
        let doubled = word.ends_with("..") && !word.ends_with("...") && !word.contains("://");
        single.push_str(if doubled { &word[..word.len() - 1] } else { word });
        single.push_str(&piece[word.len()..]);
    }
    single
}

/// The engine's own details stay out: some of them quote values.
fn flaw(name: &str, error: &Error) -> Flaw {
    let line = error.line().unwrap_or(1);
    let what = match error.detail() {
        Some(PRINTS) => PRINTS.to_owned(),
        _ => error.kind().to_string(),
    };
    Flaw::new("bad-template", format!("templates/{name}.j2:{line}: {what}"))
}

/// Takes what a text can hold and no more: fuel does not stop `'x' * 10000000`.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > 4 * MAX_CHARACTERS {
            return Err(io::Error::other("the text is too long"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
