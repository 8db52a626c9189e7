//! `[server]` and `[database]`.

use serde::Deserialize;
use std::net::SocketAddr;

/// `[server]`: where the API is.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// How the world reaches it: Twilio's webhooks and links need it (`TIDINGS_PUBLIC_URL`).
    pub public_url: Option<String>,
    /// Largest body of a request, in bytes.
    pub body_limit: usize,
}

impl Default for Server {
    fn default() -> Self {
        Self { address: SocketAddr::from(([127, 0, 0, 1], 8080)), public_url: None, body_limit: 1 << 20 }
    }
}

/// `[database]`: where everything is kept.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// `postgres://…` (`DATABASE_URL`); SQLite in the home's `.tidings` folder when left out.
    pub url: Option<crate::domain::secret::Secret>,
}
