//! A byte stream that counts what passes, so that liveness sees life in bulk data, too.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How many bytes have passed.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts(Arc<[AtomicU64; 2]>);

impl Counts {
    /// Bytes that came in. Only they are a sign of life: a dead peer's kernel window swallows writes for a while.
    pub(super) fn read(&self) -> u64 {
        self.0[0].load(Ordering::Relaxed)
    }

    /// Bytes that went out.
    pub(super) fn written(&self) -> u64 {
        self.0[1].load(Ordering::Relaxed)
    }

    fn add_read(&self, bytes: usize) {
        self.0[0].fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn add_written(&self, polled: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(bytes)) = polled {
            self.0[1].fetch_add(*bytes as u64, Ordering::Relaxed);
        }
    }
}

#[derive(Debug)]
pub(super) struct Watched<T> {
    io: T,
    counts: Counts,
}

impl<T> Watched<T> {
    pub(super) fn new(io: T) -> (Self, Counts) {
        let counts = Counts::default();
        let watched = Self {
            io,
            counts: counts.clone(),
        };
        (watched, counts)
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buf);
        let read = buf.filled().len().saturating_sub(before);
        self.counts.add_read(read);
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(cx, buf);
        self.counts.add_written(&polled);
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.counts.add_written(&polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
