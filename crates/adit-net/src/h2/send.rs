//! The request's body: capacity first, complete only when told so.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::ready;
use h2::{Reason, SendStream};
use http::HeaderMap;
use tokio::io::AsyncWrite;

use super::H2Error;

/// The largest piece that `AsyncWrite` copies at once, bytes: one default HTTP/2 frame.
const MAX_COPY: usize = 16 * 1024;

/// The sending half of an exchange.
///
/// Dropping it before [`H2SendBody::finish`] resets the stream (CANCEL), so that a body cut short never looks
/// complete to the peer. `AsyncWrite::poll_shutdown` finishes.
#[derive(Debug)]
pub struct H2SendBody {
    inner: SendStream<Bytes>,
    ended: bool,
}

impl H2SendBody {
    pub(super) fn new(inner: SendStream<Bytes>, ended: bool) -> Self {
        Self { inner, ended }
    }

    /// Sends all of `chunk` without copying it; waits while the peer's windows are full.
    /// Not cancel safe: a prefix may have been sent.
    ///
    /// # Errors
    /// If the peer reset the stream, or the session ended.
    pub async fn write_chunk(&mut self, mut chunk: Bytes) -> Result<(), H2Error> {
        std::future::poll_fn(|cx| self.poll_chunk(cx, &mut chunk)).await
    }

    /// Takes from `chunk` what the peer's windows have room for; ready once nothing is left of it.
    pub(super) fn poll_chunk(
        &mut self,
        cx: &mut Context<'_>,
        chunk: &mut Bytes,
    ) -> Poll<Result<(), H2Error>> {
        while !chunk.is_empty() {
            let wanted = chunk.len();
            let granted = ready!(self.poll_capacity(cx, wanted))?;
            let piece = chunk.split_to(granted.min(wanted));
            self.inner.send_data(piece, false)?;
        }
        Poll::Ready(Ok(()))
    }

    /// The body is complete. Harmless when the stream has ended already.
    pub fn finish(&mut self) {
        if !self.ended {
            self.ended = true;
            // Refused only where the stream has ended meanwhile, e.g. by the peer's reset.
            drop(self.inner.send_data(Bytes::new(), true));
        }
    }

    /// The body is complete and ends with `trailers`.
    ///
    /// # Errors
    /// If the stream has ended meanwhile.
    pub fn finish_with_trailers(&mut self, trailers: HeaderMap) -> Result<(), H2Error> {
        self.ended = true;
        self.inner.send_trailers(trailers).map_err(H2Error::from)
    }

    /// Gives the exchange up, in both directions.
    pub fn reset(&mut self) {
        self.ended = true;
        self.inner.send_reset(Reason::CANCEL);
    }

    /// Waits until the peer resets the stream, or the session ends.
    pub async fn stopped(&mut self) -> H2Error {
        std::future::poll_fn(|cx| self.poll_stopped(cx)).await
    }

    pub(super) fn poll_stopped(&mut self, cx: &mut Context<'_>) -> Poll<H2Error> {
        self.inner.poll_reset(cx).map(|reset| match reset {
            Ok(reason) => H2Error::Reset(reason.description().to_owned()),
            Err(error) => error.into(),
        })
    }

    /// Whether the body was finished or given up by this side.
    pub(super) const fn is_ended(&self) -> bool {
        self.ended
    }

    /// Some capacity, at most `wanted`. Nothing may be sent without: h2 would buffer it without bound.
    fn poll_capacity(&mut self, cx: &mut Context<'_>, wanted: usize) -> Poll<Result<usize, H2Error>> {
        if self.ended {
            return Poll::Ready(Err(H2Error::Ended));
        }
        self.inner.reserve_capacity(wanted);
        loop {
            let available = self.inner.capacity();
            if available > 0 {
                return Poll::Ready(Ok(available));
            }
            match ready!(self.inner.poll_capacity(cx)) {
                // A grant of nothing says that capacity was taken back; the next poll waits for more.
                Some(Ok(_granted)) => {}
                Some(Err(error)) => return Poll::Ready(Err(error.into())),
                None => return Poll::Ready(Err(H2Error::Ended)),
            }
        }
    }
}

impl Drop for H2SendBody {
    fn drop(&mut self) {
        if !self.ended {
            self.reset();
        }
    }
}

impl AsyncWrite for H2SendBody {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let wanted = buf.len().min(MAX_COPY);
        if wanted == 0 {
            return Poll::Ready(Ok(0));
        }
        let granted = ready!(self.poll_capacity(cx, wanted))?;
        let piece = buf.get(..granted.min(wanted)).unwrap_or(buf);
        self.inner
            .send_data(Bytes::copy_from_slice(piece), false)
            .map_err(H2Error::from)?;
        Poll::Ready(Ok(piece.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.finish();
        Poll::Ready(Ok(()))
    }
}
