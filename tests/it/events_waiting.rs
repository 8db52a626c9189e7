//! Events whose planning was not finished: those that wait keep no other from being planned.

use crate::for_each_database;
use crate::support::{ANA, VISIT};
use chrono::TimeDelta;
use serde_json::json;
use tidings::domain::event::Subject;
use tidings::service::{PostedEvent, PostedPerson};

for_each_database! {
    async fn an_interrupted_one_is_planned_though_more_than_a_round_of_older_ones_wait(start: Start) {
        let host = start.host().await;
        let caller = host.host.caller(&host.key).await.unwrap();
        let posted = PostedEvent {
            event_type: "appointment.booked".to_owned(),
            id: None,
            subject: Subject { subject_type: "appointment".to_owned(), id: "9".to_owned(), version: 1 },
            occurred_at: None,
            people: vec![PostedPerson {
                id: Some("ana".to_owned()),
                phone: Some(ANA.to_owned()),
                ..PostedPerson::default()
            }],
            data: json!({"starts_at": VISIT}).as_object().unwrap().clone(),
        };
        let accepted = host.host.accept_event(&caller, None, b"{}", posted).await.unwrap();
        // Older ones that stay to be planned, for a body opens only in its own row; a hundred of one moment.
        let waiting = match host.host.store.engine() {
            "sqlite" => {
                "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 150)
                 INSERT INTO events (id, event_type, subject_type, subject_id, subject_version, test, occurred_at,
                     received_at, recipient_id, body_sealed, state)
                 SELECT randomblob(16), event_type, subject_type, 'w' || n, 1, test, occurred_at,
                     received_at - 1000, recipient_id, body_sealed, 'accepted' FROM events, numbers"
            }
            _ => {
                "INSERT INTO events (id, event_type, subject_type, subject_id, subject_version, test, occurred_at,
                     received_at, recipient_id, body_sealed, state)
                 SELECT gen_random_uuid(), event_type, subject_type, 'w' || n, 1, test, occurred_at,
                     received_at - 1000, recipient_id, body_sealed, 'accepted' FROM events, generate_series(1, 150) n"
            }
        };
        host.sql(waiting).await;
        let path = format!("/api/v1/events/{}", accepted.id);
        host.clock.advance(TimeDelta::seconds(11));
        for (round, state) in ["planning", "planned"].into_iter().enumerate() {
            host.host.sweep().await.unwrap();
            assert_eq!(host.get(&path).await["state"], state, "after round {round}");
        }
        // Then from the beginning.
        let newer = "UPDATE events SET state = 'accepted', planned_at = NULL, received_at = 0 WHERE subject_id = '9'";
        host.sql(newer).await;
        host.host.sweep().await.unwrap();
        assert_eq!(host.get(&path).await["state"], "planned");
    }
}
