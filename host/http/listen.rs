//! The door: connections are counted, and one that is slow to say what it wants is closed.

use super::peer::Peer;
use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt as _;

/// Largest head of a request, in bytes, and the most fields in it.
const HEAD: usize = 64 << 10;
const FIELDS: usize = 100;

/// A machine without free file handles is given time to get some.
const BREATH: Duration = Duration::from_millis(100);

/// What a door holds off.
#[derive(Clone, Copy, Debug)]
pub struct Door {
    /// Connections at once; further ones wait.
    pub connections: usize,
    /// How long the head of a request may take, and the pause between two requests.
    pub header_timeout: Duration,
}

impl Default for Door {
    fn default() -> Self {
        Self { connections: 1024, header_timeout: Duration::from_secs(10) }
    }
}

/// Serves until `stop` resolves, then lets the requests end that are being answered.
pub async fn serve(listener: TcpListener, router: Router, door: Door, stop: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(door.connections));
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
                    let connection = connection(stream, Peer(address.ip()), router.clone(), door, closed.clone());
                    open.spawn(async move {
                        connection.await;
                        drop(place);
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
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(door.header_timeout)
            .max_buf_size(HEAD)
            .max_headers(FIELDS)
            .serve_connection(TokioIo::new(stream), service)
    );
    let mut is_closing = false;
    loop {
        tokio::select! {
            // Whatever went wrong on it is the other side's doing and concerns this connection alone.
            _ = connection.as_mut() => break,
            _ = closed.wait_for(|closed| *closed), if !is_closing => {
                connection.as_mut().graceful_shutdown();
                is_closing = true;
            }
        }
    }
}
