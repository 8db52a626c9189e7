//! Who is at the other end: the address of the connection, or what a proxy that we know says of it; and
//! how often they may try.

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};
use ipnet::IpNet;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// The address of the connection itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

/// The address that the request came from, as far as we believe what we are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Client(pub(super) IpAddr);

/// Works out the client of each request.
pub(super) async fn find_client(
    State(trusted): State<Arc<[IpNet]>>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Some(Peer(peer)) = request.extensions().get::<Peer>().copied() {
        let client = Client(client(peer, request.headers(), &trusted));
        request.extensions_mut().insert(client);
    }
    next.run(request).await
}

/// `X-Forwarded-For` is read from its end, where the nearest proxy wrote: the first address that is no
/// proxy of ours is the client. What comes before it anybody may have written.
fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_ours = |address: &IpAddr| trusted.iter().any(|network| network.contains(&address.to_canonical()));
    let mut client = peer.to_canonical();
    let said = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let said: Vec<&str> = said.flat_map(|value| value.split(',')).map(str::trim).collect();
    for hop in said.into_iter().rev() {
        if !is_ours(&client) {
            break;
        }
        let Ok(address) = hop.parse::<IpAddr>() else { break };
        client = address.to_canonical();
    }
    client
}

/// Tries in a minute.
const TRIES: u32 = 60;
const WINDOW: TimeDelta = TimeDelta::minutes(1);

/// So many are remembered; one more, and those whose minute is over are forgotten.
const MOST: usize = 10_000;

/// Who tries how often: addresses keys that are not valid, people who signed in what they want. A key cannot
/// be guessed; the database should not be kept busy by trying.
pub(super) struct Tries<K>(Mutex<HashMap<K, (DateTime<Utc>, u32)>>);

impl<K> Default for Tries<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash> Tries<K> {
    /// Whether there may be one more.
    pub(super) fn may_try(&self, who: &K, now: DateTime<Utc>) -> bool {
        let tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tries.get(who).is_none_or(|(since, count)| *count < TRIES || now - *since >= WINDOW)
    }

    /// There was one.
    pub(super) fn count(&self, who: K, now: DateTime<Utc>) {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tries.len() >= MOST {
            tries.retain(|_, (since, _)| now - *since < WINDOW);
            if tries.len() >= MOST {
                tries.clear();
            }
        }
        let (since, count) = tries.entry(who).or_insert((now, 0));
        if now - *since >= WINDOW {
            (*since, *count) = (now, 0);
        }
        *count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|network| network.parse().unwrap()).collect();
        client(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn only_a_named_proxy_is_believed() {
        assert_eq!(seen("192.0.2.9", &["203.0.113.5"], &[]), "192.0.2.9");
        assert_eq!(seen("192.0.2.9", &["203.0.113.5"], &["10.0.0.0/8"]), "192.0.2.9");
        assert_eq!(seen("10.0.0.1", &["203.0.113.5"], &["10.0.0.0/8"]), "203.0.113.5");
        assert_eq!(seen("::ffff:10.0.0.1", &["203.0.113.5"], &["10.0.0.0/8"]), "203.0.113.5");
    }

    #[test]
    fn what_stands_before_the_nearest_stranger_is_not_believed() {
        assert_eq!(seen("10.0.0.1", &["1.1.1.1, 203.0.113.5, 10.0.0.2"], &["10.0.0.0/8"]), "203.0.113.5");
        assert_eq!(seen("10.0.0.1", &["1.1.1.1", "203.0.113.5"], &["10.0.0.0/8"]), "203.0.113.5");
        assert_eq!(seen("10.0.0.1", &["nonsense"], &["10.0.0.0/8"]), "10.0.0.1");
    }

    #[test]
    fn a_stranger_is_stopped_for_a_minute_and_nobody_else() {
        let strangers = Tries::default();
        let (one, other) = (Client([192, 0, 2, 1].into()), Client([192, 0, 2, 2].into()));
        let now = DateTime::UNIX_EPOCH;
        for _ in 0..TRIES {
            assert!(strangers.may_try(&one, now));
            strangers.count(one, now);
        }
        assert!(!strangers.may_try(&one, now) && strangers.may_try(&other, now));
        assert!(strangers.may_try(&one, now + WINDOW));
    }
}
