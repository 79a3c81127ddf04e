//! Asks the peer whether it lives, and notices when it does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use h2::{Ping, PingPong};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::H2Limits;
use super::watched::Counts;

/// What the handles of a session and its driver share about the peer's life.
#[derive(Clone, Debug)]
pub(super) struct Life {
    pub(super) counts: Counts,
    wanted: Arc<Notify>,
    open: Arc<AtomicBool>,
}

impl Life {
    pub(super) fn new(counts: Counts) -> Self {
        Self {
            counts,
            wanted: Arc::default(),
            open: Arc::default(),
        }
    }

    /// Has a PING sent, unless one is unanswered.
    pub(super) fn ask(&self) {
        self.wanted.notify_one();
    }

    /// A PING is unanswered.
    pub(super) fn is_asked(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }
}

/// Returns once the peer is dead.
pub(super) async fn watch(ping: Option<PingPong>, limits: H2Limits, life: Life) {
    // h2 hands its ping out once, to this driver.
    let Some(mut ping) = ping else {
        return std::future::pending().await;
    };
    let (mut read, mut heard_at) = (life.counts.read(), Instant::now());
    loop {
        // Either is reason enough to ask.
        let _ = tokio::time::timeout(limits.ping_interval, life.wanted.notified()).await;
        life.open.store(true, Ordering::Relaxed);
        let pong = ping.ping(Ping::opaque());
        tokio::pin!(pong);
        // The answer can stand behind megabytes of bodies on a slow path, so any byte is a sign of life.
        loop {
            if life.counts.read() != read {
                (read, heard_at) = (life.counts.read(), Instant::now());
            }
            match tokio::time::timeout_at(heard_at + limits.dead_after, &mut pong).await {
                Ok(Ok(_pong)) => break,
                // The connection's own future reports what failed.
                Ok(Err(_failed)) => return std::future::pending().await,
                Err(_elapsed) if life.counts.read() == read => return,
                Err(_elapsed) => {}
            }
        }
        life.open.store(false, Ordering::Relaxed);
        (read, heard_at) = (life.counts.read(), Instant::now());
    }
}
