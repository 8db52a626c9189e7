//! Expiring: what waits for a sender that is busy, or for an account that is refused, and whose use is over
//! meanwhile, ends then, and not when the way is free again.

use super::count_anew::is_over;
use super::{Host, HostError};
use crate::domain::message::{Cause, Lane};
use chrono::{DateTime, Utc};

/// So many in one round.
const BATCH: u32 = 200;

impl Host {
    /// Lanes that are served need nothing: what is over is found when it is claimed.
    pub(super) async fn expire_waiting(&self, now: DateTime<Utc>) -> Result<(), HostError> {
        let Some(modes) = self.modes() else { return Ok(()) };
        for lane in Lane::ALL {
            if self.open_modes() == Some(modes) && self.room(lane, now) > 0 {
                continue;
            }
            let mut over = Vec::new();
            for test in modes.each() {
                over.extend(self.store.look().await?.expired_messages(lane, test, now, BATCH).await?);
            }
            for message in over.into_iter().filter(|message| is_over(message, now)) {
                let cause = Cause::new("expired", "its use was over before it could be sent");
                let mut after = message.clone();
                after.state = after.state.expire(cause.clone())?;
                self.move_unless_lost(&message, after, cause, now).await?;
            }
        }
        Ok(())
    }
}
