//! `[guard]`.

use crate::domain::window::DailyWindow;
use serde::Deserialize;
use std::collections::BTreeSet;

/// `[guard]`: what no policy may overstep.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Guard {
    /// When nobody is disturbed if a policy does not answer.
    pub quiet_hours: DailyWindow,
    /// Whether messages of high priority may be sent in quiet hours.
    pub high_priority_may_disturb: bool,
    /// Message types that may be sent in quiet hours in any case.
    pub may_disturb: BTreeSet<String>,
    /// Countries (ISO 3166 alpha-2) that texts may go to; empty: all.
    pub countries: BTreeSet<String>,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            quiet_hours: DailyWindow::parse("21:00-08:00").expect("is a stretch of the day"),
            high_priority_may_disturb: false,
            may_disturb: ["otp", "urgent-alert"].map(str::to_owned).into(),
            countries: BTreeSet::new(),
        }
    }
}
