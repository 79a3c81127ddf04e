//! Keeps the edge's table in step with the store.

use std::{sync::Arc, time::Duration};

use adit_core::{
    port::{ChangeNumber, Changes, Directory, StoreError},
    reserved_hosts::ReservedHosts,
};
use tokio::sync::watch;
use tracing::{debug, error};

use crate::tunnels::Tunnels;

/// How long to wait before the store is asked again after a failure.
const RETRY: Duration = Duration::from_millis(500);

/// Follows the store until it is dropped; `applied` tells how far the edge has come.
pub(crate) async fn follow(
    directory: Arc<dyn Directory>,
    tunnels: Arc<Tunnels>,
    reserved: ReservedHosts,
    applied: watch::Sender<ChangeNumber>,
) {
    loop {
        if let Err(failure) = follow_once(directory.as_ref(), &tunnels, &reserved, &applied).await {
            error!(error = %failure, cause = ?failure.cause, "cannot follow the store; the edge serves what it knows");
            tokio::time::sleep(RETRY).await;
        }
    }
}

/// Returns when a new snapshot is needed.
async fn follow_once(
    directory: &dyn Directory,
    tunnels: &Tunnels,
    reserved: &ReservedHosts,
    applied: &watch::Sender<ChangeNumber>,
) -> Result<(), StoreError> {
    let (snapshot, mut seen) = directory.snapshot().await?;
    debug!(tunnels = snapshot.tunnels.len(), hosts = snapshot.hosts.len(), change = %seen, "snapshot taken");
    tunnels.restore(reserved, snapshot, seen);
    applied.send_replace(seen);
    loop {
        match directory.changes(seen).await? {
            Changes::Since { changes, upto } => {
                tunnels.apply(changes, upto);
                seen = upto;
                applied.send_replace(seen);
            }
            Changes::TooOld => return Ok(()),
        }
    }
}
