//! The processes that share a database: none of them sends what another has sent, and the death of one
//! at any moment loses and doubles nothing.

use super::{claim, claimed, host_id, intend};
use crate::delivery::{after_seconds, another, deaf, end, is, notice, state, taken};
use crate::for_each_database;
use crate::support::{ANA, TestHost};
use serde_json::json;
use tidings::sandbox::Fault;
use tidings::store::StoreError;

/// A host that is gone after the provider has taken its text, and before it was answered.
async fn dies_in_the_call(host: &TestHost) -> String {
    host.sandbox.script(ANA, [Fault::AcceptThenSilence]);
    let id = host.message(notice(ANA)).await;
    let doomed = another(host, deaf);
    claimed(&host.host.store, &claim(doomed.id, 0)).await;
    let life = tokio::spawn(async move { doomed.tick().await });
    host.sandbox.until(|texts| texts.len() == 1).await;
    life.abort();
    let _ = life.await;
    id
}

for_each_database! {
    async fn what_a_dead_host_had_claimed_is_sent_once(start: Start) {
        let host = start.host().await;
        let (id, dead) = (host.message(notice(ANA)).await, host_id());
        let held = claimed(&host.host.store, &claim(dead, 1)).await.remove(0);
        // From here on it is seen to be silent.
        after_seconds(&host, 0).await;
        after_seconds(&host, 20).await;
        assert_eq!((state(&host, &id).await.as_str(), taken(&host, ANA)), ("claimed", (0, 0)), "it may be alive");
        after_seconds(&host, 1).await;
        assert_eq!((state(&host, &id).await.as_str(), taken(&host, ANA)), ("delivered", (1, 1)));
        let late = intend(&host.host.store, &held, dead).await;
        assert!(matches!(late, Err(StoreError::LeaseLost { .. })), "it was not dead, and must not send: {late:?}");
    }

    async fn what_a_dead_host_was_sending_is_looked_up_and_not_sent_again(start: Start) {
        let host = start.host().await;
        let id = dies_in_the_call(&host).await;
        after_seconds(&host, 0).await;
        after_seconds(&host, 20).await;
        assert_eq!(state(&host, &id).await, "sending", "it may be alive");
        after_seconds(&host, 1).await;
        assert_eq!(state(&host, &id).await, "unknown");
        after_seconds(&host, 60).await;
        assert_eq!((state(&host, &id).await.as_str(), taken(&host, ANA)), ("delivered", (1, 1)));
    }

    async fn what_a_dead_host_was_sending_is_looked_up_a_minute_after_its_intent(start: Start) {
        let host = start.host().await;
        let id = dies_in_the_call(&host).await;
        after_seconds(&host, 21).await;
        after_seconds(&host, 39).await;
        assert_eq!(state(&host, &id).await, "delivered");
    }

    async fn a_host_that_dies_at_any_moment_loses_nothing_and_doubles_nothing(start: Start) {
        let host = start.host().await;
        let phones: Vec<String> = (100..140).map(|number| format!("+12025550{number}")).collect();
        for (number, to) in phones.iter().enumerate() {
            host.message(notice(to)).await;
            let doomed = another(&host, |_| ());
            let life = tokio::spawn(async move { doomed.tick().await });
            for _ in 0..number * number {
                tokio::task::yield_now().await;
            }
            life.abort();
            let _ = life.await;
        }
        for seconds in [0, 61, 60, 60, 60] {
            after_seconds(&host, seconds).await;
        }
        for to in &phones {
            assert_eq!(host.texts_to(to).len(), 1, "{to}");
        }
        let states = host.states().await;
        assert!(states.iter().all(|(.., state)| state == "delivered"), "{states:?}");
    }

    async fn two_hosts_at_once_send_each_text_once(start: Start) {
        let host = start.host().await;
        for number in 100..120 {
            host.message(notice(&format!("+12025550{number}"))).await;
        }
        let other = another(&host, |_| ());
        let (ours, theirs) = tokio::join!(host.host.tick(), other.tick());
        assert_eq!(ours.unwrap().claimed + theirs.unwrap().claimed, 20);
        host.run().await;
        assert_eq!((host.sandbox.texts().len(), host.sandbox.calls()), (20, 20));
    }

    async fn what_is_canceled_while_a_host_has_it_in_hand_is_not_sent(start: Start) {
        let host = start.host().await;
        let id = host.message(notice(ANA)).await;
        let held = claimed(&host.host.store, &claim(host.host.id, 1)).await.remove(0);
        assert_eq!(host.post(&format!("/api/v1/messages/{id}/cancel"), json!({})).await.0, 200);
        let late = intend(&host.host.store, &held, host.host.id).await;
        assert!(matches!(late, Err(StoreError::LeaseLost { .. })), "{late:?}");
        after_seconds(&host, 3600).await;
        assert_eq!((end(&host, &id).await, host.sandbox.calls()), (is("canceled", "canceled"), 0));
    }
}
