//! The receiving half of a stream: bytes in order, or a reason why not.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::Bytes;
use quinn::VarInt;
use tokio::io::{AsyncRead, ReadBuf};

use super::CloseCause;

/// The receiving half of a stream.
///
/// Dropping it before its end tells the peer to stop sending (STOP_SENDING code 0).
#[derive(Debug)]
pub struct RecvStream {
    inner: quinn::RecvStream,
}

/// Why bytes could not be received.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The peer gave the message up (RESET_STREAM): what came so far is not all of it.
    #[error("the peer reset the stream with code {0}")]
    Reset(u64),
    /// The connection is gone.
    #[error("the connection is gone")]
    ConnectionLost(#[source] CloseCause),
    /// The stream was stopped, or read to its end or to an error, before.
    #[error("the stream has ended")]
    Ended,
}

impl RecvStream {
    pub(super) fn new(inner: quinn::RecvStream) -> Self {
        Self { inner }
    }

    /// The stream's number; 0 is the first one the dialling side opened.
    #[must_use]
    pub fn id(&self) -> u64 {
        VarInt::from(self.inner.id()).into_inner()
    }

    /// The next bytes in order, at most `max_bytes`, without copying; `None` at the end. Cancel safe.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn read_chunk(&mut self, max_bytes: usize) -> Result<Option<Bytes>, ReadError> {
        std::future::poll_fn(|cx| self.poll_chunk(cx, max_bytes)).await
    }

    /// [`RecvStream::read_chunk`] for bodies and other hand-made futures.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn poll_chunk(
        &mut self,
        cx: &mut Context<'_>,
        max_bytes: usize,
    ) -> Poll<Result<Option<Bytes>, ReadError>> {
        let chunk = pin!(self.inner.read_chunk(max_bytes, true)).poll(cx);
        chunk
            .map_ok(|chunk| chunk.map(|chunk| chunk.bytes))
            .map_err(ReadError::from)
    }

    /// Wants no more: the peer's writes fail with `code`, and so do later reads here.
    pub fn stop(&mut self, code: u32) {
        // Refused only where the stream has ended already.
        drop(self.inner.stop(VarInt::from_u32(code)));
    }
}

impl AsyncRead for RecvStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = self.inner.poll_read_buf(cx, buf);
        read.map_err(|error| ReadError::from(error).into())
    }
}

impl From<quinn::ReadError> for ReadError {
    fn from(error: quinn::ReadError) -> Self {
        match error {
            quinn::ReadError::Reset(code) => Self::Reset(code.into_inner()),
            quinn::ReadError::ConnectionLost(error) => Self::ConnectionLost(error.into()),
            quinn::ReadError::ClosedStream
            | quinn::ReadError::IllegalOrderedRead
            | quinn::ReadError::ZeroRttRejected => Self::Ended,
        }
    }
}

impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> Self {
        let kind = match &error {
            ReadError::Reset(_) => io::ErrorKind::ConnectionReset,
            ReadError::ConnectionLost(_) => io::ErrorKind::ConnectionAborted,
            ReadError::Ended => io::ErrorKind::NotConnected,
        };
        Self::new(kind, error)
    }
}
