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

/// How many bytes a peer may still send on its control stream. Bounds what calls that nobody finished can cost.
#[derive(Clone, Debug)]
pub(crate) struct Budget(Arc<AtomicU64>);

impl Budget {
    pub(crate) fn unregistered() -> Self {
        Self(Arc::new(AtomicU64::new(UNREGISTERED_BYTES)))
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
            "the peer sent more than a control stream may",
        )))
    }
}
