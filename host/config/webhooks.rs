//! `[webhooks]`.

use ipnet::IpNet;
use serde::Deserialize;
use std::time::Duration;

/// `[webhooks]`: how the clinic's own systems are told.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhooks {
    /// Private networks that may be called, also without TLS: `["10.20.0.0/16"]`. What is public may be
    /// called anyway.
    pub allow_networks: Vec<IpNet>,
    /// How long events are kept to be replayed: `"30d"`.
    #[serde(deserialize_with = "super::days::read")]
    pub keep: Duration,
}

impl Default for Webhooks {
    fn default() -> Self {
        Self { allow_networks: Vec::new(), keep: Duration::from_hours(30 * 24) }
    }
}
