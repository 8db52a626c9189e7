//! From the calls of the component model to [`Policy`], and back.

use std::{any::Any, cell::OnceCell, marker::PhantomData, panic, sync::Once};

use crate::{
    DecideContext, Decision, Description, Error, Event, FailedAttempt, Inbound, MessagePlan, Policy,
    ReplyAction, RetryDecision, bindings::exports::tidings::policy::policy::Guest, log,
};

thread_local! {
    /// One instance serves one policy and, after `configure`, one question.
    static SETTINGS: OnceCell<Box<dyn Any>> = const { OnceCell::new() };
}

/// A policy as the host sees one; made by [`export_policy!`](crate::export_policy).
pub struct Component<P>(PhantomData<P>);

impl<P: Policy> Guest for Component<P> {
    fn describe() -> Description {
        report_panics();
        P::describe()
    }

    fn configure(settings: String) -> Result<(), String> {
        report_panics();
        let settings = parse_settings::<P>(&settings).map_err(Error::into_text)?;
        SETTINGS
            .with(|cell| cell.set(Box::new(settings)))
            .map_err(|_| "The policy was configured twice.".to_owned())
    }

    fn plan(e: Event) -> Result<MessagePlan, String> {
        ask::<P, _>(|settings| P::plan(settings, &e))
    }

    fn decide(c: DecideContext) -> Result<Decision, String> {
        ask::<P, _>(|settings| P::decide(settings, &c))
    }

    fn on_failure(a: FailedAttempt) -> Result<RetryDecision, String> {
        ask::<P, _>(|settings| P::on_failure(settings, &a))
    }

    fn on_reply(m: Inbound) -> Result<ReplyAction, String> {
        ask::<P, _>(|settings| P::on_reply(settings, &m))
    }
}

/// Settings as the host hands them over. It held them against the schema already, so that keys are
/// not looked at again: this happens before every question.
pub(crate) fn parse_settings<P: Policy>(text: &str) -> Result<P::Settings, Error> {
    let settings = serde_json::from_str(text).map_err(|e| format!("In the settings: {e}."))?;
    P::configure(&settings)?;
    Ok(settings)
}

fn ask<P: Policy, T>(question: impl FnOnce(&P::Settings) -> Result<T, Error>) -> Result<T, String> {
    SETTINGS.with(|cell| {
        let settings = cell.get().and_then(|settings| settings.downcast_ref::<P::Settings>());
        let settings = settings.ok_or("The policy was asked before it was configured.")?;
        question(settings).map_err(Error::into_text)
    })
}

/// A panic ends in a trap that says nothing, so its words go to the record of the decision first.
fn report_panics() {
    static ONCE: Once = Once::new();
    if cfg!(target_arch = "wasm32") {
        ONCE.call_once(|| panic::set_hook(Box::new(|info| log::error(&info.to_string()))));
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::Schema;

    struct Sample;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default)]
    struct Settings {
        times: u32,
    }

    impl Policy for Sample {
        type Settings = Settings;

        fn describe() -> Description {
            Description::new("sample", "1.0.0", "A sample.").settings(Schema::new().count(
                "times",
                0,
                0..=3,
                "How often.",
            ))
        }

        fn configure(settings: &Settings) -> Result<(), Error> {
            if settings.times == 2 {
                return Err("Two is company.".into());
            }
            Ok(())
        }

        fn plan(settings: &Settings, _: &Event) -> Result<MessagePlan, Error> {
            Err(format!("asked with {}", settings.times).into())
        }
    }

    fn event() -> Event {
        crate::testing::Case::at("2026-11-24T09:00", "America/New_York").event("visit.dreamt")
    }

    #[test]
    fn a_question_is_answered_with_the_settings_of_its_instance() {
        let early = Component::<Sample>::plan(event()).unwrap_err();
        assert_eq!(early, "The policy was asked before it was configured.");

        Component::<Sample>::configure(r#"{"times": 3}"#.to_owned()).unwrap();
        assert_eq!(Component::<Sample>::plan(event()).unwrap_err(), "asked with 3");
    }

    #[test]
    fn settings_are_refused_with_a_sentence() {
        for (settings, sentence) in [
            ("{", "In the settings: EOF while parsing an object at line 1 column 1."),
            (r#"{"times": 2}"#, "Two is company."),
        ] {
            assert_eq!(Component::<Sample>::configure(settings.to_owned()).unwrap_err(), sentence);
        }
        let wrong = Component::<Sample>::configure(r#"{"times": "many"}"#.to_owned()).unwrap_err();
        assert!(wrong.starts_with("In the settings: invalid type: string \"many\""), "{wrong}");
    }
}
