//! Whether a client takes what it has asked for.
//!
//! An HTTP/2 client can leave the windows of its streams shut and yet answer every PING: the connection moves, and
//! nothing of an answer does.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// What the answers of one connection have handed out and what of it was taken.
#[derive(Debug, Clone, Default)]
pub(super) struct Taking(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    handed: AtomicU64,
    taken: AtomicU64,
}

impl Taking {
    /// Completes once answers have waited for `patience` and nothing of any was taken. A client that pauses one answer
    /// and reads others is not meant.
    pub(super) async fn stopped_for(&self, patience: Duration) {
        let mut before = self.look();
        loop {
            tokio::time::sleep(patience).await;
            let now = self.look();
            if now.0 > now.1 && now == before {
                return;
            }
            before = now;
        }
    }

    fn look(&self) -> (u64, u64) {
        let taken = self.0.taken.load(Ordering::Relaxed);
        (self.0.handed.load(Ordering::Relaxed), taken)
    }
}

/// An answer's body whose pieces count as taken when the next one is wanted.
pub(super) struct Taken<B> {
    body: B,
    taking: Taking,
    waits: bool,
}

impl<B> Taken<B> {
    pub(super) fn new(body: B, taking: Taking) -> Self {
        let mut taken = Self {
            body,
            taking,
            waits: false,
        };
        // A head whose body is not even asked for waits, too.
        taken.hand();
        taken
    }

    fn hand(&mut self) {
        self.waits = true;
        self.taking.0.handed.fetch_add(1, Ordering::Relaxed);
    }

    fn take(&mut self) {
        if std::mem::take(&mut self.waits) {
            self.taking.0.taken.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Taken<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        self.take();
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(&polled, Poll::Ready(Some(Ok(_)))) {
            self.hand();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for Taken<B> {
    fn drop(&mut self) {
        self.take();
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Full};
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn answers_that_wait_while_others_are_taken_are_borne() {
        let (taking, patience) = (Taking::default(), Duration::from_secs(60));
        let answer = || Taken::new(Full::new(Bytes::from_static(b"x")), taking.clone());
        let begun = Instant::now();
        let paused = answer();
        let others = async {
            for _ in 0..5 {
                tokio::time::sleep(patience / 2).await;
                answer().collect().await.unwrap();
            }
        };
        tokio::join!(taking.stopped_for(patience), others);
        assert!(begun.elapsed() >= 3 * patience, "{:?}", begun.elapsed());
        drop(paused);
        let idle = tokio::time::timeout(10 * patience, taking.stopped_for(patience));
        assert!(idle.await.is_err(), "a connection without answers takes nothing");
    }
}
