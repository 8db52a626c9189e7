//! How things stand at this moment, for those who watch.

use super::{Host, HostError};
use crate::domain::message::Lane;
use crate::measure::Standing;
use crate::store::NextDue;

impl Host {
    /// What waits, what rests, what is loaded.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn standing(&self) -> Result<Standing, HostError> {
        let now = self.now();
        let due = match self.modes() {
            Some(modes) => self.store.read().await?.next_due(modes).await?,
            None => NextDue::default(),
        };
        let waited = |lane| due.of(lane).map(|due| (now - due).to_std().unwrap_or_default());
        Ok(Standing {
            oldest_due: Lane::ALL.map(|lane| (lane.name(), waited(lane).unwrap_or_default())).into(),
            paused: self.is_stopped(),
            policies: self.policies.all().len(),
            faults: self.renderer.faults().len(),
        })
    }
}
