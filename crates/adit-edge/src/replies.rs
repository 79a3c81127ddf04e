//! What comes back on a flow of bytes, such as a WebSocket, whose client may have ended its side.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::{Sleep, sleep};

use crate::upstream::{Download, UpstreamError};

/// After the client has ended its side, the origin's may stay silent that long.
const HALF_CLOSED_SILENCE: Duration = Duration::from_secs(30);

/// The way from the origin of a flow of bytes.
///
/// A connector ends a flow in both directions at the first end of either. So when the client has ended its side, the
/// sending side of the edge stays open: it may end once this has come to its end, or to a silence.
#[derive(Debug)]
pub(crate) struct Replies {
    download: Download,
    half_closed: bool,
    silence: Option<Pin<Box<Sleep>>>,
    waiting: Option<Waker>,
}

/// What came.
#[derive(Debug)]
pub(crate) enum Reply {
    /// Some bytes; never none.
    Bytes(Bytes),
    /// The origin has ended its side.
    End,
    /// The client has ended its side, and the origin was silent for too long.
    Silence,
}

impl Replies {
    pub(crate) const fn new(download: Download) -> Self {
        Self {
            download,
            half_closed: false,
            silence: None,
            waiting: None,
        }
    }

    /// The client has ended its side.
    pub(crate) fn half_close(&mut self) {
        self.half_closed = true;
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
    }

    pub(crate) const fn is_half_closed(&self) -> bool {
        self.half_closed
    }

    /// The next of it. Silence counts while somebody waits.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Reply, UpstreamError>> {
        if let Poll::Ready(chunk) = self.download.poll_chunk(cx) {
            self.silence = None;
            return Poll::Ready(chunk.map(|chunk| chunk.map_or(Reply::End, Reply::Bytes)));
        }
        if !self.half_closed {
            self.waiting = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let silence = self
            .silence
            .get_or_insert_with(|| Box::pin(sleep(HALF_CLOSED_SILENCE)));
        silence.as_mut().poll(cx).map(|()| Ok(Reply::Silence))
    }

    /// [`Replies::poll_next`] to be awaited. Cancel safe.
    pub(crate) async fn next(&mut self) -> Result<Reply, UpstreamError> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }
}
