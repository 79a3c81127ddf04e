//! Edges that hold nothing: seeded connectors are rows of the store, and nobody is behind them.

use std::{sync::Arc, time::Duration};

use adit_core::{
    ha::{Epoch, HaCause},
    port::{
        Answer, Ask, AskError, Catalog, ChangeNumber, ConnectionRecord, EdgeControl, Eviction, FailoverError,
        FailoverRequest, LiveReplica, SiteControl, Sites, StoreError,
    },
};
use adit_model::{NodeId, TunnelKey};
use adit_store::Store;

/// No edge at all.
pub(super) struct NoEdges;

#[async_trait::async_trait]
impl EdgeControl for NoEdges {
    async fn ask(&self, _: Ask, _: Duration) -> Vec<(NodeId, Result<Answer, AskError>)> {
        Vec::new()
    }
}

/// Replicas that do as they are told: what the store decides is all there is.
pub(super) struct SeededSites(pub(super) Arc<Store>);

impl SeededSites {
    async fn seeded(&self, tunnel: TunnelKey) -> Result<Vec<LiveReplica>, StoreError> {
        let active = self.0.site(tunnel).await?.and_then(|site| site.state.active);
        let found = self.0.tunnel(tunnel).await?;
        let connectors = found.map(|tunnel| tunnel.connectors).unwrap_or_default();
        let live = connectors.iter().flat_map(|connector| {
            let live = |connection: &ConnectionRecord| LiveReplica {
                connector: connector.id,
                connection: connection.id,
                active: active == Some(connector.id),
            };
            connector.connections.iter().map(live)
        });
        Ok(live.collect())
    }
}

#[async_trait::async_trait]
impl SiteControl for SeededSites {
    async fn applied(&self, _: ChangeNumber, _: Duration) -> Result<(), AskError> {
        Ok(())
    }

    async fn evict(&self, _: Eviction, _: Duration) -> Result<usize, AskError> {
        Ok(0)
    }

    async fn live(
        &self,
        tunnel: TunnelKey,
        _: ChangeNumber,
        _: Duration,
    ) -> Result<Vec<LiveReplica>, AskError> {
        self.seeded(tunnel).await.map_err(|error| {
            tracing::warn!(%error, "the seeded replicas of a site are unreadable");
            AskError::Silent
        })
    }

    async fn fail_over(&self, request: FailoverRequest, _: Duration) -> Result<Epoch, FailoverError> {
        let decided = self
            .0
            .decide(
                request.tunnel,
                request.seen,
                Some(request.target),
                HaCause::Manual,
            )
            .await;
        decided.map(|state| state.epoch).map_err(|error| {
            tracing::warn!(%error, "a seeded site did not fail over");
            FailoverError::Busy
        })
    }
}
