//! The body of a request whose answer nobody may be waiting for: what came is read, what has not come by then
//! is not waited for.

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::oneshot::Receiver;

/// A body that fails once its other end of the line is dropped.
pub(super) struct Unheard {
    body: Body,
    gone: Receiver<()>,
}

impl Unheard {
    /// The body, until the sender that belongs to `gone` is dropped.
    pub(super) const fn new(body: Body, gone: Receiver<()>) -> Self {
        Self { body, gone }
    }
}

impl HttpBody for Unheard {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(frame) => Poll::Ready(frame),
            Poll::Pending => Pin::new(&mut self.gone).poll(context).map(|_| {
                Some(Err(axum::Error::new(std::io::Error::from(std::io::ErrorKind::ConnectionAborted))))
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
