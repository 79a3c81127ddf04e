//! `--debug-stream N`: the first N pieces that pass, in the log.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How many pieces there are if the flag says 0.
const DEFAULT_PIECES: u64 = 10;

/// How many pieces are still to be logged, in both directions together.
#[derive(Debug, Clone)]
pub(super) struct Pieces(Arc<AtomicU64>);

impl Pieces {
    /// As the flag says; without it there are none.
    pub(super) fn of(flag: Option<u64>) -> Self {
        let pieces = flag.map_or(0, |pieces| if pieces == 0 { DEFAULT_PIECES } else { pieces });
        Self(Arc::new(AtomicU64::new(pieces)))
    }

    fn log(&self, dir: &'static str, bytes: &[u8]) {
        let take = |left: u64| left.checked_sub(1);
        if !bytes.is_empty()
            && self
                .0
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
                .is_ok()
        {
            tracing::debug!(dir, count = bytes.len(), "\"{}\"", bytes.escape_ascii());
        }
    }
}

/// A stream whose pieces are logged.
pub(super) struct Watched<T> {
    pub(super) inner: T,
    pub(super) pieces: Pieces,
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.inner).poll_read(cx, buf))?;
        this.pieces
            .log("r", buf.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.inner).poll_write(cx, bytes))?;
        this.pieces.log("w", bytes.get(..written).unwrap_or_default());
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_many_pieces_are_logged() {
        for (flag, expected) in [(None, 0), (Some(0), 10), (Some(3), 3)] {
            let pieces = Pieces::of(flag);
            assert_eq!(pieces.0.load(Ordering::Relaxed), expected);
            pieces.log("r", b"");
            pieces.log("r", b"x");
            assert_eq!(pieces.0.load(Ordering::Relaxed), expected.saturating_sub(1));
        }
    }
}
