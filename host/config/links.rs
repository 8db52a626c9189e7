//! `[links]`.

use serde::Deserialize;
use std::time::Duration;

/// `[links]`: short links in texts, and where they may lead.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Links {
    /// What stands before `/l/<code>`, where it is not `server.public_url`: a short domain saves
    /// characters in every text. It must lead to this host.
    pub base_url: Option<String>,
    /// Hosts that texts may link to, such as `pay.clinic.example` or `*.clinic.example`; none, when
    /// empty.
    pub hosts: Vec<String>,
    /// How long a link works: `"30d"`.
    #[serde(deserialize_with = "super::days::read")]
    pub expires_after: Duration,
    /// Whether the first opening of a link is written down. Scanners of mobile networks open links too.
    pub record_opens: bool,
}

impl Default for Links {
    fn default() -> Self {
        Self {
            base_url: None,
            hosts: Vec::new(),
            expires_after: Duration::from_hours(30 * 24),
            record_opens: false,
        }
    }
}

impl Links {
    /// Whether an entry of `hosts` is one: a name in small letters, without scheme, port or path.
    pub(super) fn is_host(entry: &str) -> bool {
        let name = entry.strip_prefix("*.").unwrap_or(entry);
        let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        name.contains('.') && name.split('.').all(|label| !label.is_empty()) && name.chars().all(is_letter)
    }
}
