//! What follows the head of one stream from the edge.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, ReadBuf};

use crate::flow::Asking;

/// The most bytes taken from the edge at once.
const CHUNK: usize = 64 * 1024;

/// What follows the head of one stream. Dropped before its end, it tells the edge to stop.
pub(crate) struct Upload {
    /// Bytes that came with the head.
    first: Bytes,
    /// What follows them.
    rest: Asking,
}

impl Upload {
    pub(super) const fn new(first: Bytes, rest: Asking) -> Self {
        Self { first, rest }
    }

    /// Whether a request has a body, where the transport says so by itself; on QUIC its headers do.
    pub(super) fn has_body(&self) -> Option<bool> {
        self.rest.has_body()
    }

    /// The next bytes; `None` at the end. Cancel safe.
    pub(crate) async fn chunk(&mut self) -> io::Result<Option<Bytes>> {
        std::future::poll_fn(|cx| self.poll_chunk(cx)).await
    }

    /// [`Upload::chunk`] for bodies and other hand-made futures.
    pub(crate) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        if !self.first.is_empty() {
            return Poll::Ready(Ok(Some(std::mem::take(&mut self.first))));
        }
        self.rest.poll_chunk(cx, CHUNK).map_err(io::Error::from)
    }
}

impl AsyncRead for Upload {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.first.is_empty() {
            match ready!(this.poll_chunk(cx))? {
                Some(chunk) => this.first = chunk,
                None => return Poll::Ready(Ok(())),
            }
        }
        let taken = this.first.len().min(buf.remaining());
        buf.put_slice(&this.first.split_to(taken));
        Poll::Ready(Ok(()))
    }
}
