//! The WASI that is linked: empty, and the same for the same question.

use super::guest::{Decides, Guest};
use super::{Folder, due, ms, only};
use crate::domain::policy::Decision;
use crate::policy::Limits;

#[tokio::test]
async fn clocks_stand_at_the_question_s_now_and_chance_follows_from_it() {
    let folder = Folder::new();
    folder.put("sample.wasm", Guest::new(Decides::DeferByWasi).component());
    let (policies, reports) = folder.load(&toml::from_str("wall = '2s'").unwrap()).await.unwrap();
    let loaded = only(&reports);
    let asked_at = "2026-11-24T14:00:00-05:00";
    let until = async |id: &str| {
        let mut question = due("sample", asked_at);
        question.message.id = id.to_owned();
        let answered = policies.decide(&loaded, &question).await.unwrap();
        match answered.answer {
            Decision::Defer { until, .. } => (until - ms(asked_at) - 60_000, answered.by.fuel),
            other => panic!("expected a deferral, not {other:?}"),
        }
    };
    let first = until("one").await;
    assert!(first.0 <= 0xffff, "a minute after `now`, and the random part: {first:?}");
    assert_eq!(first, until("one").await);
    assert_ne!(first.0, until("another").await.0);
}

#[tokio::test]
async fn what_is_printed_before_a_trap_says_what_went_wrong() {
    let folder = Folder::new();
    let text = "Traceback:\nValueError: no such hour\n";
    folder.put("sample.wasm", Guest::new(Decides::Print(text.to_owned())).component());
    let (policies, reports) = folder.load(&Limits::default()).await.unwrap();
    let question = due("sample", "2026-11-24T14:00:00-05:00");
    let fault = policies.decide(&only(&reports), &question).await.unwrap_err();
    assert_eq!((fault.code, fault.text.as_str()), ("panic", "ValueError: no such hour"));
}

#[tokio::test]
async fn nothing_of_the_machine_is_around() {
    // There is something to hide.
    assert!(std::env::args().next().is_some());
    let folder = Folder::new();
    folder.put("sample.wasm", Guest::new(Decides::SendAlone).component());
    let (policies, reports) = folder.load(&toml::from_str("wall = '2s'").unwrap()).await.unwrap();
    let question = due("sample", "2026-11-24T14:00:00-05:00");
    let answered = policies.decide(&only(&reports), &question).await.unwrap();
    assert!(matches!(answered.answer, Decision::Send { .. }), "no variables, no arguments, no folders");
}
