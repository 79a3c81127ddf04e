//! News of connections: gathered without waiting, written together.

mod configured;
mod missing;
mod pending;
pub(crate) mod rows;
mod told;

use std::{sync::Arc, time::Duration};

use adit_core::port::{PresenceEvent, StoreError};
use adit_model::{BootId, NodeId};
use parking_lot::Mutex;
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;

use self::pending::{Batch, Pending};
use crate::writer::Writer;

/// How long news waits for company. With the write itself it stays within the port's 50 ms.
const GATHER: Duration = Duration::from_millis(10);

/// The most connections written by one write, so that a mass reconnect does not hold up other writers for long.
const AT_ONCE: usize = 256;

/// How long to wait after a write that failed.
const RETRY: Duration = Duration::from_millis(500);

/// Which run of which edge reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reporter {
    /// The edge.
    pub(crate) node: NodeId,
    /// Its run.
    pub(crate) boot: BootId,
}

/// Takes news at any time and writes it soon.
pub(crate) struct PresenceQueue {
    pending: Mutex<Pending>,
    arrived: Notify,
}

impl PresenceQueue {
    /// Starts the task that writes, which belongs to `owner` and ends, everything written, when `stop` is cancelled.
    pub(crate) fn start(
        reporter: Reporter,
        writer: Writer,
        stop: CancellationToken,
        owner: &mut JoinSet<()>,
    ) -> Arc<Self> {
        let queue = Arc::new(Self {
            pending: Mutex::default(),
            arrived: Notify::new(),
        });
        owner.spawn(queue.clone().run(reporter, writer, stop));
        queue
    }

    /// Takes news.
    pub(crate) fn report(&self, event: PresenceEvent) {
        self.pending.lock().add(event);
        self.arrived.notify_one();
    }

    async fn run(self: Arc<Self>, reporter: Reporter, writer: Writer, stop: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = self.arrived.notified() => tokio::time::sleep(GATHER).await,
            }
            while let Err(error) = self.flush(reporter, &writer).await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    unrecorded = self.pending.lock().dropped(),
                    "news of connections cannot be written; it is kept and tried again"
                );
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = tokio::time::sleep(RETRY) => {}
                }
            }
        }
        if let Err(error) = self.flush(reporter, &writer).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the last news of connections is lost"
            );
        }
    }

    /// Writes all news. What cannot be written stays.
    async fn flush(&self, reporter: Reporter, writer: &Writer) -> Result<(), StoreError> {
        loop {
            let batch: Arc<Batch> = self.pending.lock().take(AT_ONCE).into();
            if batch.is_empty() {
                return Ok(());
            }
            let news = batch.clone();
            let written = writer.write("record connections", move |mut tx| {
                Box::pin(async move { Ok(rows::write(&mut tx, reporter, &news).await?) })
            });
            if let Err(error) = written.await {
                self.pending.lock().put_back(&batch);
                return Err(error);
            }
        }
    }
}
