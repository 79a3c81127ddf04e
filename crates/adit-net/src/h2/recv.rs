//! The response's body: the peer may send more only as it is read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use futures_util::ready;
use h2::RecvStream;
use http::HeaderMap;
use tokio::io::{AsyncRead, ReadBuf};

use super::H2Error;

/// The receiving half of an exchange. Each chunk handed out gives its bytes back to the peer's windows.
///
/// Dropping it, with the request's body, cancels the exchange.
#[derive(Debug)]
pub struct H2RecvBody {
    inner: RecvStream,
    /// What `AsyncRead` has not copied out yet of the last chunk.
    rest: Bytes,
}

impl H2RecvBody {
    pub(super) fn new(inner: RecvStream) -> Self {
        Self {
            inner,
            rest: Bytes::new(),
        }
    }

    /// The next bytes, without copying; `None` at the end of the data (trailers may follow). Cancel safe.
    ///
    /// # Errors
    /// If the peer reset the stream, or the session ended.
    pub async fn read_chunk(&mut self) -> Result<Option<Bytes>, H2Error> {
        std::future::poll_fn(|cx| self.poll_chunk(cx)).await
    }

    /// [`H2RecvBody::read_chunk`] for bodies and other hand-made futures.
    ///
    /// # Errors
    /// If the peer reset the stream, or the session ended.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, H2Error>> {
        if !self.rest.is_empty() {
            return Poll::Ready(Ok(Some(std::mem::take(&mut self.rest))));
        }
        loop {
            let Some(chunk) = ready!(self.inner.poll_data(cx)) else {
                return Poll::Ready(Ok(None));
            };
            let chunk = chunk?;
            if !chunk.is_empty() {
                self.inner.flow_control().release_capacity(chunk.len())?;
                return Poll::Ready(Ok(Some(chunk)));
            }
        }
    }

    /// The trailers, once the data has ended; `None` if there are none.
    ///
    /// # Errors
    /// If the peer reset the stream, or the session ended.
    pub async fn trailers(&mut self) -> Result<Option<HeaderMap>, H2Error> {
        std::future::poll_fn(|cx| self.poll_trailers(cx)).await
    }

    /// [`H2RecvBody::trailers`] for bodies and other hand-made futures.
    ///
    /// # Errors
    /// If the peer reset the stream, or the session ended.
    pub fn poll_trailers(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<HeaderMap>, H2Error>> {
        self.inner.poll_trailers(cx).map_err(H2Error::from)
    }

    /// Whether nothing more will come, neither data nor trailers.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }
}

impl AsyncRead for H2RecvBody {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.rest.is_empty() {
            let Some(chunk) = ready!(self.poll_chunk(cx))? else {
                return Poll::Ready(Ok(()));
            };
            self.rest = chunk;
        }
        let copied = self.rest.len().min(buf.remaining());
        buf.put_slice(self.rest.get(..copied).unwrap_or_default());
        self.rest.advance(copied);
        Poll::Ready(Ok(()))
    }
}
