//! Subjects go from version to version, and no request writes over what it has not read.

use super::{Raw, planted, until_one_waits};
use crate::for_each_database;
use crate::support::{self, Start, tuesday_morning};
use serde_json::json;
use tidings::clock::Chance;
use tidings::domain::event::{Event, Subject};
use tidings::domain::id::EventId;
use tidings::domain::recipient::Role;
use tidings::store::{EventState, NewEvent, Result, Store, StoreError};

/// Of appointments 7, 8 and 9, the first so many.
fn versions(count: usize, version: i64) -> Vec<Event> {
    let event = |id: &&str| Event {
        id: EventId::new(tuesday_morning(), &mut *Chance::from_machine().lock()),
        event_type: "appointment.booked".to_owned(),
        subject: Subject { subject_type: "appointment".to_owned(), id: (*id).to_owned(), version },
        occurred_at: tuesday_morning(),
        received_at: tuesday_morning(),
        people: vec![("ana".to_owned(), Role::Patient)],
        data: json!({}),
        test: true,
    };
    ["7", "8", "9"][..count].iter().map(event).collect()
}

async fn write(store: &Store, events: &[Event], before: &[Option<i64>]) -> Result<u64> {
    let state = EventState::Accepted;
    let events: Vec<NewEvent<'_>> =
        events.iter().zip(before).map(|(event, before)| NewEvent { event, state, before: *before }).collect();
    let mut tx = store.begin().await?;
    let written = tx.insert_events(&events).await?;
    tx.commit().await?;
    Ok(written)
}

async fn newest(store: &Store) -> Vec<Option<i64>> {
    let subjects = versions(3, 1);
    let subjects: Vec<_> = subjects.iter().map(|event| (&event.subject, true)).collect();
    let newest = store.look().await.unwrap().lock_subjects(&subjects).await.unwrap();
    newest.into_iter().map(|newest| newest.map(|(version, _)| version)).collect()
}

for_each_database! {
    async fn a_version_is_written_over_the_one_that_was_read_and_over_no_other(start: Start) {
        let store = start.store().await;
        planted(&store, 0).await;
        assert_eq!(write(&store, &versions(2, 1), &[None, None]).await.unwrap(), 2);
        // New and known ones at once.
        assert_eq!(write(&store, &versions(3, 2), &[Some(1), Some(1), None]).await.unwrap(), 3);
        assert_eq!(newest(&store).await, [Some(2); 3]);
        // Who read before that is late, with a subject it thought known and with one it thought new.
        for before in [[Some(2), Some(1)], [None, Some(2)]] {
            let late = write(&store, &versions(2, 3), &before).await;
            assert!(matches!(late, Err(StoreError::Collision)), "{late:?}");
            assert_eq!(newest(&store).await, [Some(2); 3], "and nothing of it was written");
        }
        assert_eq!(write(&store, &versions(2, 3), &[Some(2), Some(2)]).await.unwrap(), 2);
        assert_eq!(newest(&store).await, [Some(3), Some(3), Some(2)]);
    }
}

/// On SQLite whoever writes has the writer's place.
#[tokio::test]
async fn who_reads_a_subject_that_another_is_moving_on_waits_and_reads_what_it_became() {
    let Some(start) = Start::postgres("moving_on") else {
        return support::postgres::skip_aloud("two who read one subject");
    };
    let store = start.store().await;
    planted(&store, 0).await;
    write(&store, &versions(1, 1), &[None]).await.unwrap();
    let [next] = &versions(1, 2)[..] else { unreachable!() };
    let mut tx = store.begin().await.unwrap();
    assert_eq!(tx.lock_subject(&next.subject, true).await.unwrap().map(|(version, _)| version), Some(1));
    let (other, subject) = (store.clone(), next.subject.clone());
    let reading = tokio::spawn(async move {
        let mut tx = other.begin().await.unwrap();
        tx.lock_subject(&subject, true).await.unwrap().map(|(version, _)| version)
    });
    let Raw::Postgres(pool) = Raw::of(&start).await else { unreachable!() };
    until_one_waits(&pool, || reading.is_finished()).await;
    tx.insert_event(NewEvent { event: next, state: EventState::Accepted, before: Some(1) }).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(reading.await.unwrap(), Some(2));
}
