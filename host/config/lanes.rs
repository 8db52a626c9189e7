//! `[lanes]`.

use serde::Deserialize;

/// `[lanes]`: how many messages are on their way at once, lane by lane.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the lanes")]
pub struct Lanes {
    pub otp: usize,
    pub urgent: usize,
    pub normal: usize,
    pub bulk: usize,
}

impl Default for Lanes {
    fn default() -> Self {
        Self { otp: 16, urgent: 16, normal: 32, bulk: 16 }
    }
}
