//! Which tunnels the pusher has to look at.

use std::collections::BTreeSet;

use adit_model::TunnelKey;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Tunnels whose connections or configuration changed. Each stands there once, however often it changes.
#[derive(Debug, Default)]
pub(crate) struct Board {
    changed: Mutex<BTreeSet<TunnelKey>>,
    marked: Notify,
}

impl Board {
    pub(crate) fn mark(&self, tunnel: TunnelKey) {
        self.changed.lock().insert(tunnel);
        self.marked.notify_one();
    }

    /// Completes when something stands there. One caller at a time; cancel safe.
    pub(super) async fn marked(&self) {
        self.marked.notified().await;
    }

    pub(super) fn take(&self) -> BTreeSet<TunnelKey> {
        std::mem::take(&mut self.changed.lock())
    }
}
