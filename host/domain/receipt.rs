//! Receipts: what the provider told of one attempt. The state they add up to is a pure function of
//! the *set* of events, so that order and repetition cannot matter.

use super::failure::ProviderStatus;
use serde::{Deserialize, Serialize};

/// Where an attempt stands, by all that the provider has said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "Twilio's words")]
pub enum Standing {
    Accepted,
    Sent,
    Delivered,
    Undelivered,
    Failed,
}

/// Rank of a status: a higher one is later in life (Twilio: no order of callbacks is guaranteed).
#[must_use]
pub const fn rank(status: ProviderStatus) -> u8 {
    match status {
        ProviderStatus::Accepted
        | ProviderStatus::Scheduled
        | ProviderStatus::Queued
        | ProviderStatus::Sending => 0,
        ProviderStatus::Sent => 1,
        // Of several ends `delivered` wins, else the worse.
        ProviderStatus::Undelivered => 2,
        ProviderStatus::Failed | ProviderStatus::Canceled => 3,
        ProviderStatus::Delivered | ProviderStatus::Read => 4,
    }
}

/// What all events of one attempt add up to; `None` when there are none.
#[must_use]
pub fn standing(events: impl IntoIterator<Item = ProviderStatus>) -> Option<Standing> {
    let last = events.into_iter().max_by_key(|status| rank(*status))?;
    Some(match last {
        ProviderStatus::Accepted
        | ProviderStatus::Scheduled
        | ProviderStatus::Queued
        | ProviderStatus::Sending => Standing::Accepted,
        ProviderStatus::Sent => Standing::Sent,
        ProviderStatus::Delivered | ProviderStatus::Read => Standing::Delivered,
        ProviderStatus::Undelivered => Standing::Undelivered,
        ProviderStatus::Failed | ProviderStatus::Canceled => Standing::Failed,
    })
}

/// Whether the provider has told of two different ends: recorded as a conflict.
#[must_use]
pub fn is_conflict(events: &[ProviderStatus]) -> bool {
    let mut ends: Vec<Standing> =
        events.iter().filter(|status| rank(**status) >= 2).filter_map(|status| standing([*status])).collect();
    ends.dedup();
    ends.iter().any(|end| *end != ends[0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_status() -> impl Strategy<Value = ProviderStatus> {
        prop::sample::select(vec![
            ProviderStatus::Accepted,
            ProviderStatus::Scheduled,
            ProviderStatus::Queued,
            ProviderStatus::Sending,
            ProviderStatus::Sent,
            ProviderStatus::Delivered,
            ProviderStatus::Undelivered,
            ProviderStatus::Failed,
            ProviderStatus::Canceled,
            ProviderStatus::Read,
        ])
    }

    proptest! {
        #[test]
        fn order_and_repetition_do_not_matter(
            (events, shuffled) in prop::collection::vec(any_status(), 1..8).prop_flat_map(|events| {
                let repeated = prop::sample::subsequence(events.clone(), 0..=events.len());
                let shuffled = repeated.prop_flat_map({
                    let events = events.clone();
                    move |again| Just([events.clone(), again].concat()).prop_shuffle()
                });
                (Just(events), shuffled)
            }),
        ) {
            prop_assert_eq!(standing(events.clone()), standing(shuffled.clone()));
            prop_assert_eq!(is_conflict(&events), is_conflict(&shuffled));
        }

        #[test]
        fn once_delivered_it_stays_delivered(events in prop::collection::vec(any_status(), 0..8)) {
            let with = events.into_iter().chain([ProviderStatus::Delivered]);
            prop_assert_eq!(standing(with), Some(Standing::Delivered));
        }
    }

    #[test]
    fn two_different_ends_are_a_conflict_and_the_same_end_twice_is_not() {
        use ProviderStatus::{Delivered, Sent, Undelivered};
        assert!(is_conflict(&[Undelivered, Sent, Delivered]));
        assert!(!is_conflict(&[Delivered, Sent, Delivered]));
    }
}
