//! Counting anew: "at once" and "of use for a day" were said of a text while the clock was in doubt, and counted by a
//! time that may be wrong. A clock that is sure counts them again, before it ends or puts off such a text.

use super::recover::RECOVERED;
use super::sent_before::ENDLESS;
use super::{Host, HostError};
use crate::domain::message::{Cause, Message, State};
use chrono::{DateTime, TimeDelta, Utc};

/// Why a text is there whose caller named no moment of sending, while the clock was in doubt.
pub(super) const POSTED_IN_DOUBT: &str = "posted-in-doubt";

/// What is noted of it.
pub(super) const COUNTED_ANEW: &str = "counted-anew";

/// Why a text is held that must not go out before a person has said so.
const MAY_HAVE_BEEN_SENT: [&str; 2] = [RECOVERED, ENDLESS];

/// So many in one round.
const BATCH: u32 = 200;

/// Whether its moments are still those of a clock that may have been wrong. Of what was sent they are as they are: a
/// retry has those that its policy gave it.
pub(super) fn was_counted_in_doubt(message: &Message, now: DateTime<Utc>) -> bool {
    message.why.code == POSTED_IN_DOUBT
        && message.planned_for == message.created_at
        && message.created_at != now
        && message.attempt.is_none()
}

/// Whether its use is over.
pub(super) fn is_over(message: &Message, now: DateTime<Utc>) -> bool {
    message.expires_at <= now && !was_counted_in_doubt(message, now)
}

impl Host {
    /// What waits is found here, also where it would be due in a year; what is claimed, when it is claimed.
    pub(super) async fn count_waiting_anew(&self, now: DateTime<Utc>) -> Result<(), HostError> {
        let counted = self.store.look().await?.messages_posted_in_doubt(BATCH).await?;
        for message in counted.iter().filter(|message| was_counted_in_doubt(message, now)) {
            self.count_anew(message, now).await?;
        }
        Ok(())
    }

    /// Due at once, by a clock that is sure. What its caller has named stands.
    pub(super) async fn count_anew(&self, message: &Message, now: DateTime<Utc>) -> Result<(), HostError> {
        let kind = self.kind(&message.kind);
        let lifetime = kind.and_then(|kind| TimeDelta::from_std(kind.expires_after).ok());
        let is_by_type = |lifetime: &TimeDelta| message.planned_for + *lifetime == message.expires_at;
        let expires_at = lifetime.filter(is_by_type).map_or(message.expires_at, |lifetime| now + lifetime);
        let state = match message.state.clone() {
            // A person has to look whether it was sent before, for as long as it is of use.
            State::Held { cause, .. } if MAY_HAVE_BEEN_SENT.contains(&cause.code.as_str()) => {
                State::Held { cause, retry_at: Some(expires_at) }
            }
            State::Planned => State::Planned,
            unsent => unsent.plan_again()?,
        };
        let after = Message { state, planned_for: now, due_at: now, expires_at, ..message.clone() };
        let note = Cause::new(COUNTED_ANEW, "its moments were counted by a clock that was in doubt");
        self.move_unless_lost(message, after, note, now).await?;
        self.wake();
        Ok(())
    }
}
