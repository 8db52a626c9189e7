//! The door: connections are counted, and one that is slow to say what it wants is told so and closed.

use super::patient::Patient;
use super::peer::Peer;
use super::problem;
use crate::measure;
use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use ipnet::IpNet;
use std::collections::HashMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt as _;

/// Largest head of a request, in bytes, and the most fields in it.
const HEAD: usize = 64 << 10;
const FIELDS: usize = 100;

/// A machine without free file handles is given time to get some.
const BREATH: Duration = Duration::from_millis(100);

/// How long a connection that is over is waited for, and how much of what it still sends is taken.
const LAST_WORDS: Duration = Duration::from_secs(2);
const LEFT: u64 = 16 << 20;

/// What a door holds off.
#[derive(Clone, Debug)]
pub struct Door {
    /// Connections at once; further ones wait.
    pub connections: usize,
    /// Connections at once from one address; further ones are closed.
    pub connections_per_address: usize,
    /// Proxies, from whose address everybody comes.
    pub trusted_proxies: Arc<[IpNet]>,
    /// How long the head of a request may take, and the pause between two requests.
    pub header_timeout: Duration,
    /// How long a client may take nothing of an answer that waits for it.
    pub write_timeout: Duration,
}

impl Default for Door {
    fn default() -> Self {
        Self {
            connections: 1024,
            connections_per_address: 512,
            trusted_proxies: Arc::default(),
            header_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
        }
    }
}

/// How many connections each address has open.
#[derive(Clone, Default)]
struct Crowd(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One of them, until it is dropped.
struct Place {
    crowd: Crowd,
    address: IpAddr,
}

impl Crowd {
    /// A place for one more; `None` when the address has all that it may have.
    fn enter(&self, address: IpAddr, most: usize) -> Option<Place> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Place { crowd: self.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.crowd.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

/// Serves until `stop` resolves, then lets the requests end that are being answered.
pub async fn serve(listener: TcpListener, router: Router, door: Door, stop: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(door.connections));
    let crowd = Crowd::default();
    let (close, closed) = watch::channel(false);
    let mut open = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let next = async {
            // A place first: who cannot be served waits in the system's queue.
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        tokio::select! {
            () = &mut stop => break,
            (place, accepted) = next => match accepted {
                Ok((stream, address)) => {
                    let address = address.ip().to_canonical();
                    let is_proxy = door.trusted_proxies.iter().any(|proxy| proxy.contains(&address));
                    let most = if is_proxy { usize::MAX } else { door.connections_per_address };
                    let Some(own) = crowd.enter(address, most) else {
                        measure::connection_refused();
                        continue;
                    };
                    let connection = connection(stream, Peer(address), router.clone(), door.clone(), closed.clone());
                    open.spawn(async move {
                        connection.await;
                        drop((place, own));
                    });
                }
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "a connection could not be taken");
                    tokio::time::sleep(BREATH).await;
                }
            },
        }
        while open.try_join_next().is_some() {}
    }
    drop(listener);
    close.send_replace(true);
    while open.join_next().await.is_some() {}
}

async fn connection(
    stream: TcpStream,
    peer: Peer,
    router: Router,
    door: Door,
    mut closed: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        let router = router.clone();
        async move { Ok::<_, Infallible>(router.oneshot(request).await.unwrap_or_else(|never| match never {})) }
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(door.header_timeout)
        .max_buf_size(HEAD)
        .max_headers(FIELDS)
        .serve_connection(TokioIo::new(Patient::new(stream, door.write_timeout)), service);
    let mut is_closing = false;
    let ended = loop {
        tokio::select! {
            ended = &mut connection => break ended,
            _ = closed.wait_for(|closed| *closed), if !is_closing => {
                std::pin::Pin::new(&mut connection).graceful_shutdown();
                is_closing = true;
            }
        }
    };
    let parts = connection.into_parts();
    let stream = parts.io.into_inner();
    // Whatever else went wrong on it is the other side's doing and concerns this connection alone. One that was
    // only idle between two requests has not asked for an answer.
    let is_slow = ended.is_err_and(|error| error.is_timeout()) && !parts.read_buf.is_empty();
    if !is_closing {
        let _ = tokio::time::timeout(LAST_WORDS, see_out(stream, is_slow)).await;
    }
}

/// Closes a connection so that the other side reads the last answer: what it still sends is taken, because a
/// system that closes a connection with unread bytes takes back what it has not delivered.
async fn see_out(mut stream: impl AsyncRead + AsyncWrite + Unpin, is_slow: bool) -> std::io::Result<()> {
    if is_slow {
        stream.write_all(problem::too_slow().as_bytes()).await?;
    }
    stream.shutdown().await?;
    let mut rest = stream.take(LEFT);
    tokio::io::copy(&mut rest, &mut tokio::io::sink()).await.map(drop)
}
