//! `[server]` and `[database]`.

use crate::domain::secret::Secret;
use crate::policy::Span;
use ipnet::IpNet;
use serde::{Deserialize, Deserializer};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

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
    /// Connections at once; further ones wait until one ends.
    pub connections: usize,
    /// Connections at once from one address that is no trusted proxy; further ones are closed.
    pub connections_per_address: usize,
    /// How long a client may let an answer wait and take nothing of it: `"30s"`.
    pub write_timeout: Span,
    /// How long a client may take to send the head of a request, and an idle connection is kept: `"10s"`.
    pub header_timeout: Span,
    /// How long a whole request may take: `"30s"`.
    pub request_timeout: Span,
    /// Requests that one API key may make in a minute, on each host.
    pub requests_per_minute: u32,
    /// Proxies whose `X-Forwarded-*` headers are believed: `["127.0.0.1", "10.0.0.0/8"]`.
    #[serde(deserialize_with = "networks")]
    pub trusted_proxies: Vec<IpNet>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: None,
            body_limit: 1 << 20,
            connections: 1024,
            connections_per_address: 512,
            write_timeout: Span(Duration::from_secs(30)),
            header_timeout: Span(Duration::from_secs(10)),
            request_timeout: Span(Duration::from_secs(30)),
            requests_per_minute: 3000,
            trusted_proxies: Vec::new(),
        }
    }
}

/// Addresses, and networks such as `10.0.0.0/8`.
fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let wrong = "is no address or network of a proxy; expected such as 127.0.0.1 or 10.0.0.0/8";
    let read = |text: &String| text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| read(text).map_err(|_| serde::de::Error::custom(wrong))).collect()
}

/// `[database]`: where everything is kept.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// `postgres://…` (`DATABASE_URL`); SQLite in the home's `.tidings` folder when left out.
    pub url: Option<Secret>,
    /// What wraps people's keys, 64 hexadecimal digits; from the environment alone
    /// (`TIDINGS_MASTER_KEY`), `.tidings/keys/master.key` when left out.
    #[serde(skip)]
    pub master_key: Option<Secret>,
}
