//! A reader that ends in an error once the peer has sent more than it may.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, ReadBuf};

/// What a peer may send before it is registered: a registration takes about 1 KiB.
const UNREGISTERED_BYTES: u64 = 64 * 1024;
/// What it may send in all afterwards: local configurations, mostly.
const REGISTERED_BYTES: u64 = 4 * 1024 * 1024;
/// What an answer to one call may take: the spans of a traced flow, or a sentence.
const ANSWER_BYTES: u64 = 128 * 1024;
/// What an edge may send on a stream for calls: one configuration, mostly.
const CONFIGURATION_BYTES: u64 = 1024 * 1024;
/// What a connector may send on a stream for calls: a session's id and why it ended.
const SESSION_END_BYTES: u64 = 16 * 1024;

/// How many bytes a peer may still send on its stream. Bounds what calls that nobody finished can cost.
#[derive(Clone, Debug)]
pub(crate) struct Budget(Arc<AtomicU64>);

impl Budget {
    pub(crate) fn unregistered() -> Self {
        Self::of(UNREGISTERED_BYTES)
    }

    pub(crate) fn answer() -> Self {
        Self::of(ANSWER_BYTES)
    }

    pub(crate) fn configuration() -> Self {
        Self::of(CONFIGURATION_BYTES)
    }

    pub(crate) fn session_end() -> Self {
        Self::of(SESSION_END_BYTES)
    }

    fn of(bytes: u64) -> Self {
        Self(Arc::new(AtomicU64::new(bytes)))
    }

    pub(crate) fn registered(&self) {
        self.0.fetch_max(REGISTERED_BYTES, Ordering::Relaxed);
    }

    fn spend(&self, bytes: u64) -> bool {
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(bytes)
            })
            .is_ok()
    }
}

pub(crate) struct Budgeted<R> {
    pub(crate) inner: R,
    pub(crate) budget: Budget,
}

impl<R: AsyncRead + Unpin> AsyncRead for Budgeted<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        let read = buf.filled().len() - before;
        if self.budget.spend(read as u64) {
            return Poll::Ready(Ok(()));
        }
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the peer sent more than it may on this stream",
        )))
    }
}
