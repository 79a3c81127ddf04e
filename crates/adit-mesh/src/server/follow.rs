//! Keeps the server in step with the store.

use std::{sync::Arc, time::Duration};

use adit_core::port::{Changes, Directory, StoreError};
use tracing::{debug, error};

use super::desk::Desk;

/// How long to wait before the store is asked again after a failure.
const RETRY: Duration = Duration::from_millis(500);

/// The store as this server follows it.
pub(super) struct Followed {
    pub(super) desk: Arc<Desk>,
    pub(super) directory: Arc<dyn Directory>,
}

impl Followed {
    /// Follows until it is dropped.
    pub(super) async fn follow(self) {
        loop {
            if let Err(failure) = self.follow_once().await {
                error!(error = %failure, cause = ?failure.cause, "cannot follow the store; the mesh goes on with what it knows");
                tokio::time::sleep(RETRY).await;
            }
        }
    }

    /// Returns when a new snapshot is needed.
    async fn follow_once(&self) -> Result<(), StoreError> {
        let (snapshot, mut seen) = self.directory.snapshot().await?;
        debug!(members = snapshot.mesh.len(), change = %seen, "the mesh took a snapshot");
        self.desk.restore(&snapshot, seen);
        loop {
            match self.directory.changes(seen).await? {
                Changes::Since { changes, upto } => {
                    self.desk.apply(&changes, upto);
                    seen = upto;
                }
                Changes::TooOld => return Ok(()),
            }
        }
    }
}
