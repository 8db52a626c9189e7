//! Events that nobody can read, and events that two hosts give out at once.

use super::{Receiver, endpoint, host, listen, tell_after, word};
use crate::delivery::another;
use crate::for_each_database;
use crate::replies::{STRANGER, inbound};
use chrono::TimeDelta;
use serde_json::json;

for_each_database! {
    async fn an_event_that_cannot_be_opened_keeps_no_other_from_its_address(start: Start) {
        let host = host(start).await;
        let receiver = Receiver::start().await;
        let (id, _) = listen(&host, &receiver, json!(["reply.received"])).await;
        for (n, text) in ["one", "two", "three"].into_iter().enumerate() {
            assert!(host.host.accept_reply(&inbound(&format!("SM{n}"), STRANGER, text)).await.unwrap());
        }
        // As after a restore with other keys.
        host.sql("UPDATE replies SET text_sealed = phone_hash WHERE sid = 'SM0'").await;
        host.host.call_out_round().await.unwrap();
        let mut told: Vec<String> = receiver.taken().iter().map(|call| word(&call.body["data"], "text")).collect();
        told.sort();
        assert_eq!(told, ["three", "two"]);
        let view = endpoint(&host, &id).await;
        assert_eq!((word(&view, "state"), &view["waiting"]), ("on".to_owned(), &json!(1)), "{view}");
        assert_eq!(word(&view, "last_error"), "the words of the reply cannot be opened");
        // It is tried for its day, and then given up: the address is to blame for nothing.
        for _ in 0..40 {
            tell_after(&host, TimeDelta::hours(1)).await;
        }
        let view = endpoint(&host, &id).await;
        assert_eq!((word(&view, "state"), &view["waiting"], &view["given_up"]), ("on".to_owned(), &json!(0), &json!(1)), "{view}");
    }

    async fn two_hosts_that_give_out_at_once_skip_no_number(start: Start) {
        let host = host(start).await;
        let receiver = Receiver::start().await;
        listen(&host, &receiver, json!(["consent.*"])).await;
        let other = another(&host, |config| config.webhooks.allow_networks = vec!["127.0.0.0/8".parse().unwrap()]);
        let (status, _) = host.request("PUT", "/api/v1/recipients/ana", Some(&json!({"phone": STRANGER}))).await;
        assert_eq!(status, 200);
        let mut expected = Vec::new();
        for round in 0..4 {
            for n in 1..=8 {
                let line = json!({"choice": "opt_out", "scope": "type:follow-up", "source": "staff"});
                assert_eq!(host.post("/api/v1/recipients/ana/consents", line).await.0, 201);
                expected.push(i64::from(round * 8 + n));
            }
            let (one, two) = tokio::join!(host.host.call_out_round(), other.call_out_round());
            one.and(two).unwrap();
        }
        host.host.call_out_round().await.unwrap();
        let mut numbers: Vec<i64> = receiver.taken().iter().map(|call| call.body["sequence"].as_i64().unwrap()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers, expected);
    }
}
