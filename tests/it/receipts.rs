//! What the provider tells, in every order: the state is the same function of the set of its events,
//! however they came and however often.

use crate::delivery::{notice, state};
use crate::for_each_database;
use crate::support::TestHost;
use tidings::domain::failure::ProviderStatus::{self, Delivered, Failed, Queued, Sent, Undelivered};
use tidings::domain::id::AttemptId;
use tidings::sandbox::Fault;
use tidings::service::Receipt;
use tidings::store::ProviderEventSource;

/// A landline: no policy sends to it again.
const LANDLINE: u32 = 30006;

/// Every order of a few things.
fn orders(of: &[ProviderStatus]) -> Vec<Vec<ProviderStatus>> {
    if of.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (place, first) in of.iter().enumerate() {
        let rest: Vec<ProviderStatus> = of[..place].iter().chain(&of[place + 1..]).copied().collect();
        all.extend(orders(&rest).into_iter().map(|order| [vec![*first], order].concat()));
    }
    all
}

/// A text that the provider took, and tells nothing about by itself.
async fn silent(host: &TestHost, number: usize) -> (String, AttemptId, String) {
    let to = format!("+1202{:07}", 2_000_000 + number);
    host.sandbox.script(&to, [Fault::CallbacksLost]);
    let id = host.message(notice(&to)).await;
    host.run().await;
    let attempt =
        host.host.store.read().await.unwrap().attempts_of(id.parse().unwrap()).await.unwrap().remove(0);
    (id, attempt.id, attempt.sid.unwrap())
}

async fn tell(host: &TestHost, attempt: AttemptId, sid: &str, status: ProviderStatus) {
    let error_code = matches!(status, Undelivered | Failed).then_some(LANDLINE);
    let source = ProviderEventSource::Callback;
    let receipt = Receipt { attempt, sid: sid.to_owned(), status, error_code, raw_date: None, source };
    host.host.receive(&receipt).await.unwrap();
}

for_each_database! {
    async fn the_state_is_the_same_for_every_order_and_repetition_of_the_same_events(start: Start) {
        let host = start.host().await;
        let mut number = 0;
        for (events, end) in [
            (&[Queued, Sent, Delivered][..], "delivered"),
            (&[Queued, Sent, Undelivered], "undelivered"),
            (&[Sent, Undelivered, Delivered], "delivered"),
            (&[Sent, Undelivered, Failed], "failed"),
            (&[Sent, Failed, Delivered], "delivered"),
        ] {
            for order in orders(events) {
                let (id, attempt, sid) = silent(&host, number).await;
                // Each is told again after the next one.
                for (place, status) in order.iter().enumerate() {
                    tell(&host, attempt, &sid, *status).await;
                    tell(&host, attempt, &sid, order[place.saturating_sub(1)]).await;
                }
                assert_eq!(state(&host, &id).await, end, "{order:?}");
                number += 1;
            }
        }
        assert_eq!(host.sandbox.calls(), number as u64, "nothing is sent again");
    }

    async fn the_state_is_the_same_when_the_events_come_at_the_same_moment(start: Start) {
        let host = start.host().await;
        for (number, order) in orders(&[Queued, Sent, Undelivered, Delivered]).into_iter().enumerate() {
            let (id, attempt, sid) = silent(&host, number).await;
            let tell = |status: ProviderStatus| tell(&host, attempt, &sid, status);
            tokio::join!(tell(order[0]), tell(order[1]), tell(order[2]), tell(order[3]), tell(order[0]));
            assert_eq!(state(&host, &id).await, "delivered", "{order:?}");
        }
    }
}
