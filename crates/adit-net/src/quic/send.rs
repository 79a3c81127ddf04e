//! The sending half of a stream: complete only when told so.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use quinn::VarInt;
use tokio::io::AsyncWrite;

use super::CloseCause;

/// The sending half of a stream.
///
/// Dropping it before [`SendStream::finish`] resets the stream with code 0, so that a message cut short never looks
/// complete to the peer. `AsyncWrite::poll_shutdown` finishes.
#[derive(Debug)]
pub struct SendStream {
    inner: quinn::SendStream,
    ended: bool,
}

/// Why bytes could not be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The peer wants no more of this stream (STOP_SENDING).
    #[error("the peer stopped the stream with code {0}")]
    Stopped(u64),
    /// The connection is gone.
    #[error("the connection is gone")]
    ConnectionLost(#[source] CloseCause),
    /// The stream was finished or reset before.
    #[error("the stream has ended")]
    Ended,
}

impl SendStream {
    pub(super) fn new(inner: quinn::SendStream) -> Self {
        Self { inner, ended: false }
    }

    /// The stream's number; 0 is the first one the dialling side opened.
    #[must_use]
    pub fn id(&self) -> u64 {
        VarInt::from(self.inner.id()).into_inner()
    }

    /// Sends all of `chunk` without copying it; waits while the peer's or our window is full.
    /// Not cancel safe: a prefix may have been sent.
    ///
    /// # Errors
    /// See [`WriteError`].
    pub async fn write_chunk(&mut self, chunk: Bytes) -> Result<(), WriteError> {
        self.inner.write_chunk(chunk).await.map_err(WriteError::from)
    }

    /// Sends all `chunks` in order, as one write where they fit: small pieces share a packet.
    /// Not cancel safe: a prefix may have been sent.
    ///
    /// # Errors
    /// See [`WriteError`].
    pub async fn write_chunks(&mut self, chunks: &mut [Bytes]) -> Result<(), WriteError> {
        self.inner
            .write_all_chunks(chunks)
            .await
            .map_err(WriteError::from)
    }

    /// The message is complete: the peer reads to its end. What was written is still delivered after a drop,
    /// unless the connection closes first. Harmless when the stream has ended already.
    pub fn finish(&mut self) {
        if !self.ended {
            self.ended = true;
            // Refused only where the stream has ended, or the peer wants no more of it.
            drop(self.inner.finish());
        }
    }

    /// Gives the message up: the peer's read fails with `code`. Also works after [`SendStream::finish`], while bytes
    /// are still under way.
    pub fn reset(&mut self, code: u32) {
        self.ended = true;
        // Refused only where the stream has been reset before or was delivered whole.
        drop(self.inner.reset(VarInt::from_u32(code)));
    }

    /// Waits until the peer stops the stream (`Some(code)`), or has acknowledged all of a finished one (`None`).
    /// The future borrows nothing, so it can be watched while the stream is written.
    pub fn stopped(&self) -> impl Future<Output = Result<Option<u64>, CloseCause>> + Send + 'static {
        let stopped = self.inner.stopped();
        async move {
            match stopped.await {
                Ok(code) => Ok(code.map(VarInt::into_inner)),
                Err(quinn::StoppedError::ConnectionLost(error)) => Err(error.into()),
                Err(error @ quinn::StoppedError::ZeroRttRejected) => {
                    Err(CloseCause::Protocol(error.to_string()))
                }
            }
        }
    }
}

impl Drop for SendStream {
    fn drop(&mut self) {
        if !self.ended {
            self.reset(0);
        }
    }
}

impl AsyncWrite for SendStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, buf);
        written.map_err(|error| WriteError::from(error).into())
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.finish();
        Poll::Ready(Ok(()))
    }
}

impl From<quinn::WriteError> for WriteError {
    fn from(error: quinn::WriteError) -> Self {
        match error {
            quinn::WriteError::Stopped(code) => Self::Stopped(code.into_inner()),
            quinn::WriteError::ConnectionLost(error) => Self::ConnectionLost(error.into()),
            quinn::WriteError::ClosedStream | quinn::WriteError::ZeroRttRejected => Self::Ended,
        }
    }
}

impl From<WriteError> for io::Error {
    fn from(error: WriteError) -> Self {
        let kind = match &error {
            WriteError::Stopped(_) => io::ErrorKind::BrokenPipe,
            WriteError::ConnectionLost(_) => io::ErrorKind::ConnectionAborted,
            WriteError::Ended => io::ErrorKind::NotConnected,
        };
        Self::new(kind, error)
    }
}
