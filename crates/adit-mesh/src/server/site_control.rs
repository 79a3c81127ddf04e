//! Answers what the API asks.

use std::time::Duration;

use adit_core::{
    ha::Epoch,
    port::{AskError, ChangeNumber, Eviction, FailoverError, FailoverRequest, LiveReplica, SiteControl},
};
use adit_model::TunnelKey;
use async_trait::async_trait;
use tokio::time::timeout;
use tracing::info;

use super::desk::Desk;

#[async_trait]
impl SiteControl for Desk {
    async fn applied(&self, after: ChangeNumber, within: Duration) -> Result<(), AskError> {
        if self.is_stopping() {
            return Err(AskError::Stopped);
        }
        let installed = timeout(within, self.until_installed(after)).await;
        installed.map_err(|_elapsed| AskError::Silent)
    }

    async fn evict(&self, eviction: Eviction, within: Duration) -> Result<usize, AskError> {
        self.applied(eviction.after, within).await?;
        let ended = self.evict(eviction.tunnel, eviction.connector);
        info!(tunnel.id = %eviction.tunnel.tunnel, closed = ended, "mesh sessions closed on request");
        Ok(ended)
    }

    async fn live(
        &self,
        tunnel: TunnelKey,
        after: ChangeNumber,
        within: Duration,
    ) -> Result<Vec<LiveReplica>, AskError> {
        self.applied(after, within).await?;
        Ok(self.state.lock().live(tunnel))
    }

    /// Which replica carries a site's traffic follows from who came first; nobody can choose.
    async fn fail_over(&self, _request: FailoverRequest, _within: Duration) -> Result<Epoch, FailoverError> {
        Err(FailoverError::NotElectable)
    }
}
