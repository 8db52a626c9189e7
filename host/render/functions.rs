//! What Fluent is given to format with. Fluent loses a function's error on the way out, so each
//! problem is also laid down here, beside the text, where nothing can swallow it.

use super::formats::{Formats, Style};
use chrono::NaiveDateTime;
use fluent_bundle::types::FluentType;
use fluent_bundle::{FluentArgs, FluentError, FluentValue};
use intl_memoizer::concurrent::IntlLangMemoizer;
use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::Arc;

type Bundle = fluent_bundle::concurrent::FluentBundle<Arc<fluent_bundle::FluentResource>>;

thread_local! {
    /// The message being formatted on this thread: Fluent's formatter is a plain function and is
    /// told neither the locale nor where to complain.
    static STAGE: RefCell<Option<Stage>> = const { RefCell::new(None) };
}

struct Stage {
    formats: Arc<Formats>,
    problems: Vec<String>,
}

/// Formats one message with these formats, and hands back what went wrong.
pub(super) fn on_stage<T>(formats: &Arc<Formats>, format: impl FnOnce() -> T) -> (T, Vec<String>) {
    STAGE.set(Some(Stage { formats: Arc::clone(formats), problems: Vec::new() }));
    let formatted = format();
    let problems = STAGE.take().map(|stage| stage.problems).unwrap_or_default();
    (formatted, problems)
}

fn formats() -> Option<Arc<Formats>> {
    STAGE.with_borrow(|stage| stage.as_ref().map(|stage| Arc::clone(&stage.formats)))
}

fn complain(problem: impl Into<String>) {
    STAGE.with_borrow_mut(|stage| {
        if let Some(stage) = stage {
            stage.problems.push(problem.into());
        }
    });
}

/// A moment on the recipient's wall clock, on its way through Fluent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Moment(pub(super) NaiveDateTime);

impl FluentType for Moment {
    fn duplicate(&self) -> Box<dyn FluentType + Send> {
        Box::new(self.clone())
    }

    fn as_string(&self, _: &intl_memoizer::IntlLangMemoizer) -> Cow<'static, str> {
        bare()
    }

    fn as_string_threadsafe(&self, _: &IntlLangMemoizer) -> Cow<'static, str> {
        bare()
    }
}

fn bare() -> Cow<'static, str> {
    complain("a time is printed without DATETIME");
    Cow::Borrowed("")
}

/// Gives a bundle its functions.
pub(super) fn install(bundle: &mut Bundle) -> Result<(), FluentError> {
    bundle.set_use_isolating(false);
    bundle.set_formatter(Some(written));
    bundle.add_function("DATETIME", date_time)?;
    bundle.add_function("NUMBER", number)
}

/// Every value on its way into a text.
fn written(value: &FluentValue<'_>, _: &IntlLangMemoizer) -> Option<String> {
    match value {
        FluentValue::Number(number) => {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "whole numbers below 2^53 come in, see `Argument`"
            )]
            let whole = number.value as i64;
            formats().map(|formats| formats.number(whole))
        }
        FluentValue::Error | FluentValue::None => {
            complain("a value is missing");
            Some(String::new())
        }
        FluentValue::String(_) | FluentValue::Custom(_) => None,
    }
}

fn date_time<'a>(positional: &[FluentValue<'a>], named: &FluentArgs<'_>) -> FluentValue<'a> {
    let moment = match positional {
        // Without the two stars the blanket implementation on the box itself would answer.
        [FluentValue::Custom(value)] => (**value).as_any().downcast_ref::<Moment>(),
        _ => None,
    };
    let style = match named.get("style") {
        Some(FluentValue::String(style)) => Style::from_name(style),
        _ => None,
    };
    let text = match (moment, style, formats()) {
        (Some(moment), Some(style), Some(formats)) => formats.moment(moment.0, style),
        _ => None,
    };
    text.map_or_else(
        || {
            complain("DATETIME needs a time and a style: \"day\", \"date\" or \"time\"");
            FluentValue::Error
        },
        FluentValue::from,
    )
}

fn number<'a>(positional: &[FluentValue<'a>], named: &FluentArgs<'_>) -> FluentValue<'a> {
    match positional {
        [FluentValue::Number(number)] if named.iter().next().is_none() => number.clone().into(),
        _ => {
            complain("NUMBER needs one number and takes no options");
            FluentValue::Error
        }
    }
}
