//! Each limit, hit by a policy that was made for it.

use super::guest::{Decides, Guest, Plans};
use super::{Folder, booked, chain, due, ms, only};
use crate::domain::policy::{Answered, Blame, Decision, PolicyFault};
use crate::policy::{Bytes, Limits};

async fn ask(decides: Decides) -> Result<Answered<Decision>, PolicyFault> {
    // On a machine that is busy the clock must not come before the limit that a test is about.
    ask_within(decides, &toml::from_str("wall = '2s'").unwrap()).await
}

async fn ask_within(decides: Decides, limits: &Limits) -> Result<Answered<Decision>, PolicyFault> {
    let folder = Folder::new();
    folder.put("sample.wasm", Guest::new(decides).component());
    let (policies, reports) = folder.load(limits).await.map_err(|error| chain(&error)).unwrap();
    let loaded = only(&reports);
    let first = policies.decide(&loaded, &due("sample", "2026-11-24T14:00:00-05:00")).await;
    // Whatever the first call came to, the next one starts afresh and comes to the same.
    let second = policies.decide(&loaded, &due("sample", "2026-11-24T14:00:00-05:00")).await;
    assert_eq!(first, second);
    first
}

async fn fault(decides: Decides) -> (&'static str, String) {
    let fault = ask(decides).await.unwrap_err();
    assert_eq!((fault.by.name.as_str(), fault.question, fault.blame), ("sample", "decide", Blame::Policy));
    assert_eq!(fault.by.hash.len(), 64);
    (fault.code, fault.text)
}

#[tokio::test]
async fn a_policy_answers_and_says_at_what_price() {
    let answered = ask(Decides::Send).await.unwrap();
    assert!(matches!(answered.answer, Decision::Send { why } if why.code == "ok"));
    assert_eq!((answered.by.name.as_str(), answered.by.version.as_str()), ("sample", "1.0.0"));
    assert!(answered.by.fuel > 0 && answered.by.log.is_empty());
}

#[tokio::test]
async fn no_call_finds_what_another_left_in_memory() {
    // Some are at the same time, so that memories are taken up again in whatever order.
    let folder = Folder::new();
    folder.put("sample.wasm", Guest::new(Decides::SendUnmarked).component());
    let (policies, reports) = folder.load(&toml::from_str("wall = '2s'").unwrap()).await.unwrap();
    let (loaded, question) = (only(&reports), due("sample", "2026-11-24T14:00:00-05:00"));
    for _ in 0..20 {
        let ask = || policies.decide(&loaded, &question);
        let (one, two, three) = tokio::join!(ask(), ask(), ask());
        for answered in [one, two, three] {
            assert!(matches!(answered.unwrap().answer, Decision::Send { .. }));
        }
    }
}

#[tokio::test]
async fn an_endless_loop_runs_out_of_fuel() {
    let (code, text) = fault(Decides::Loop).await;
    assert_eq!(code, "out-of-fuel");
    assert!(text.starts_with("it used up its 100000000 units of fuel"), "{text}");
}

#[tokio::test]
async fn with_fuel_enough_an_endless_loop_meets_the_clock() {
    let limits = Limits { fuel: 2_000_000_000, ..toml::from_str("wall = '10ms'").unwrap() };
    let fault = ask_within(Decides::Loop, &limits).await.unwrap_err();
    assert_eq!(fault.code, "timeout");
    assert!(fault.text.starts_with("it ran for more than 10 ms"), "{}", fault.text);
}

#[tokio::test]
async fn memory_ends_at_its_limit() {
    let (code, text) = fault(Decides::GrowForEver).await;
    assert_eq!(code, "memory-limit");
    assert!(text.starts_with("it asked for 33 MiB of memory and may have 32 MiB"), "{text}");
}

#[tokio::test]
async fn recursion_ends_with_the_stack() {
    assert_eq!(fault(Decides::Recurse).await.0, "stack-overflow");
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_not_taken_in() {
    let (code, text) = fault(Decides::Text(12 << 20)).await;
    assert_eq!(code, "output-too-large");
    assert!(text.starts_with("it handed over more than 256 KiB"), "{text}");
}

#[tokio::test]
async fn a_flood_of_lines_ends_the_call() {
    let (code, text) = fault(Decides::Log(1)).await;
    assert_eq!(code, "log-flood");
    assert!(
        text.starts_with("it logged more than 10000 lines (`log_calls`), of which 64 are kept"),
        "{text}"
    );
}

#[tokio::test]
async fn a_panic_is_reported_in_its_own_words() {
    let words = "panicked at src/lib.rs:57:14:\nindex out of bounds";
    let (code, text) = fault(Decides::Panic(words.to_owned())).await;
    assert_eq!((code, text.as_str()), ("panic", "panicked at src/lib.rs:57:14: index out of bounds"));
}

#[tokio::test]
async fn a_trap_is_reported_by_its_name() {
    assert_eq!(fault(Decides::DivideByZero).await, ("trap", "integer divide by zero".to_owned()));
}

#[tokio::test]
async fn what_a_policy_says_instead_of_an_answer_is_one_short_line() {
    let (code, text) = fault(Decides::Say(format!("no\nidea {}", "x".repeat(2000)))).await;
    assert_eq!(code, "policy-error");
    assert!(text.starts_with("no idea xxx") && text.len() < 510, "{text}");
}

#[tokio::test]
async fn a_deferral_must_lie_between_now_and_the_end_of_use() {
    let now = ms("2026-11-24T14:00:00-05:00");
    let until = now + 60_000;
    let answered = ask(Decides::Defer(until)).await.unwrap();
    assert!(matches!(answered.answer, Decision::Defer { until: at, .. } if at == until));

    let (code, text) = fault(Decides::Defer(now)).await;
    assert_eq!(code, "invalid-answer");
    assert_eq!(text, format!("`until` ({now}) must be after `now` ({now})"));
    let end = ms(super::VISIT);
    let (_, text) = fault(Decides::Defer(end + 1)).await;
    assert_eq!(text, format!("`until` ({}) must not be after `expires_at` ({end})", end + 1));
}

#[tokio::test]
async fn a_reason_has_a_code_that_can_be_counted() {
    let (code, text) = fault(Decides::SendBecause("Because I say so".to_owned())).await;
    assert_eq!(code, "invalid-answer");
    assert_eq!(text, "the reason's code `Because I say so` is not 1 to 64 of `a-z`, `0-9` and `-`");
}

#[tokio::test]
async fn an_answer_that_is_no_answer_of_the_contract_is_not_taken_for_one() {
    for nonsense in [Decides::NoSuchCase, Decides::BrokenText] {
        let (code, text) = fault(nonsense).await;
        assert_eq!(code, "trap");
        assert!(text.starts_with("its answer could not be read: "), "{text}");
    }
    for number in ["NaN", "inf", "0x10", ""] {
        let (code, text) = fault(Decides::SendWithDecimal(number)).await;
        assert_eq!(
            (code, text),
            ("invalid-answer", format!("the fact `hour` is `{number}`, which is no number"))
        );
    }
    ask(Decides::SendWithDecimal("-25.50")).await.unwrap();
    assert_eq!(fault(Decides::Defer(u64::MAX)).await.0, "invalid-answer");
}

#[tokio::test]
async fn a_plan_that_is_too_much_or_beyond_its_event_is_none() {
    let plan = async |plans| {
        let folder = Folder::new();
        let guest = Guest { plans, ..Guest::new(Decides::Send) };
        folder.put("sample.wasm", guest.component());
        let (policies, reports) = folder.load(&toml::from_str("wall = '2s'").unwrap()).await.unwrap();
        policies.plan(&only(&reports), &booked()).await.map(|answered| answered.answer.messages.len())
    };
    for (plans, code, text) in [
        (Plans::Many(1_000_000), "memory-limit", "it asked for 86976 KiB of memory and may have 32 MiB"),
        (Plans::Many(5_000), "output-too-large", "it handed over more than 256 KiB at once"),
        (
            Plans::Many(21),
            "invalid-answer",
            "an event plans at most 20 messages (`planned_messages`), not 21",
        ),
        (Plans::OfType("otp"), "invalid-answer", "it does not describe the message type `otp`"),
        (Plans::To("somebody"), "invalid-answer", "`somebody` is none of the event's people"),
        (Plans::At(u64::MAX), "invalid-answer", "a moment lies after the year 9999"),
        (Plans::Trap, "trap", "wasm `unreachable` instruction executed"),
    ] {
        let fault = plan(plans).await.unwrap_err();
        assert_eq!((fault.question, fault.code), ("plan", code), "{fault}");
        assert!(fault.text.starts_with(text), "{fault}");
    }
    assert_eq!(plan(Plans::Nothing).await.unwrap(), 0);
}

#[tokio::test]
async fn a_fault_says_what_was_used_and_logged_until_then() {
    let fault = ask(Decides::Loop).await.unwrap_err();
    assert_eq!((fault.by.fuel, fault.by.log.len()), (100_000_000, 0));
    let fault = ask(Decides::Panic("panicked at src/lib.rs:1:1".to_owned())).await.unwrap_err();
    assert!(fault.by.fuel > 0);
    assert_eq!(fault.by.log, ["error: panicked at src/lib.rs:1:1"]);
}

#[tokio::test]
async fn calls_beyond_the_limit_wait_and_are_answered() {
    let folder = Folder::new();
    folder.put("sample.wasm", Guest::new(Decides::Send).component());
    let limits = Limits { concurrent_calls: 2, memory: Bytes(2 << 20), ..Limits::default() };
    let (policies, reports) = folder.load(&limits).await.unwrap();
    let loaded = only(&reports);
    let calls: Vec<_> = (0..64)
        .map(|_| {
            let (policies, loaded) = (policies.clone(), loaded.clone());
            tokio::spawn(async move {
                policies.decide(&loaded, &due("sample", "2026-11-24T14:00:00-05:00")).await
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
}
