//! Who holds the replicas of sites: nobody in this version, which has no mesh listener.

use std::time::Duration;

use adit_core::{
    ha::Epoch,
    port::{AskError, ChangeNumber, Eviction, FailoverError, FailoverRequest, LiveReplica, SiteControl},
};
use adit_model::TunnelKey;
use async_trait::async_trait;

/// Nobody is connected, so nobody can take over.
pub(super) struct NoReplicas;

#[async_trait]
impl SiteControl for NoReplicas {
    async fn applied(&self, _after: ChangeNumber, _within: Duration) -> Result<(), AskError> {
        Ok(())
    }

    async fn evict(&self, _eviction: Eviction, _within: Duration) -> Result<usize, AskError> {
        Ok(0)
    }

    async fn live(
        &self,
        _tunnel: TunnelKey,
        _after: ChangeNumber,
        _within: Duration,
    ) -> Result<Vec<LiveReplica>, AskError> {
        Ok(Vec::new())
    }

    async fn fail_over(&self, _request: FailoverRequest, _within: Duration) -> Result<Epoch, FailoverError> {
        Err(FailoverError::NotElectable)
    }
}
