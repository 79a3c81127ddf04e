//! Writes to a QUIC stream that fail where the edge takes nothing for too long.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use adit_net::quic::{SendStream, WriteError};
use bytes::Bytes;
use tokio::io::AsyncWrite;
use tokio::time::Sleep;

/// The sending half of a QUIC stream. A write that takes longer than its limit fails; dropping the stream then resets it.
/// Source: cloudflare/cloudflared: quic/safe_stream.go.
pub(crate) struct LimitedSend {
    inner: SendStream,
    limit: Option<Duration>,
    /// Runs while a write waits.
    waiting: Option<Pin<Box<Sleep>>>,
}

/// Why a write failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LimitedError {
    /// The stream's own reason.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The limit passed.
    #[error("a write took longer than {0:?}")]
    TooSlow(Duration),
}

impl From<LimitedError> for io::Error {
    fn from(error: LimitedError) -> Self {
        match error {
            LimitedError::Write(error) => error.into(),
            LimitedError::TooSlow(_) => Self::new(io::ErrorKind::TimedOut, error),
        }
    }
}

impl LimitedSend {
    /// Without a limit a write waits as long as the connection lives.
    pub(crate) const fn new(inner: SendStream, limit: Option<Duration>) -> Self {
        Self {
            inner,
            limit,
            waiting: None,
        }
    }

    /// [`SendStream::write_chunk`].
    pub(super) async fn write_chunk(&mut self, chunk: Bytes) -> Result<(), LimitedError> {
        limited(self.limit, self.inner.write_chunk(chunk)).await
    }

    /// [`SendStream::write_chunks`].
    pub(super) async fn write_chunks(&mut self, chunks: &mut [Bytes]) -> Result<(), LimitedError> {
        limited(self.limit, self.inner.write_chunks(chunks)).await
    }

    /// [`SendStream::finish`].
    pub(super) fn finish(&mut self) {
        self.inner.finish();
    }

    /// [`SendStream::stopped`].
    pub(super) fn stopped(&self) -> impl Future<Output = ()> + Send + 'static {
        let stopped = self.inner.stopped();
        async move { drop(stopped.await) }
    }
}

async fn limited(
    limit: Option<Duration>,
    writing: impl Future<Output = Result<(), WriteError>>,
) -> Result<(), LimitedError> {
    let Some(limit) = limit else {
        return Ok(writing.await?);
    };
    match tokio::time::timeout(limit, writing).await {
        Ok(written) => Ok(written?),
        Err(_elapsed) => Err(too_slow(limit)),
    }
}

fn too_slow(limit: Duration) -> LimitedError {
    let error = LimitedError::TooSlow(limit);
    tracing::error!(%error, "Closing quic stream due to timeout while writing");
    error
}

impl AsyncWrite for LimitedSend {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let written = Pin::new(&mut this.inner).poll_write(cx, buf);
        let Some(limit) = this.limit else {
            return written;
        };
        if written.is_ready() {
            this.waiting = None;
            return written;
        }
        let waiting = this
            .waiting
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        waiting.as_mut().poll(cx).map(|()| Err(too_slow(limit).into()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
