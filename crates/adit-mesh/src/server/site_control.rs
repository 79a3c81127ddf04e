//! Answers what the API asks.

use std::time::{Duration, Instant};

use adit_core::{
    ha::Epoch,
    port::{AskError, ChangeNumber, Eviction, FailoverError, FailoverRequest, LiveReplica, SiteControl},
};
use adit_model::TunnelKey;
use async_trait::async_trait;
use tokio::time::timeout;
use tracing::info;

use super::{desk::Desk, state::Asked};

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

    async fn fail_over(&self, request: FailoverRequest, within: Duration) -> Result<Epoch, FailoverError> {
        let begun = Instant::now();
        self.applied(request.after, within).await?;
        let asked = self.state.lock().fail_over(&request, Instant::now())?;
        let told = match asked {
            Asked::Done(epoch) => return Ok(epoch),
            Asked::Begun(told) => told,
        };
        self.to_conclude.notify_one();
        let left = within.saturating_sub(begun.elapsed());
        match timeout(left, told).await {
            Ok(Ok(outcome)) => outcome,
            // The election went with its site, or the server with all of them.
            Ok(Err(_gone)) => Err(AskError::Stopped.into()),
            Err(_elapsed) => Err(AskError::Silent.into()),
        }
    }
}
