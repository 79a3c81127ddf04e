//! Edges that hold nothing: seeded connectors are rows of the store, and nobody is behind them.

use std::{sync::Arc, time::Duration};

use adit_core::{
    ha::Epoch,
    port::{Answer, Ask, AskError, EdgeControl, FailoverError, FailoverRequest, SiteControl, Sites},
};
use adit_model::NodeId;
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

#[async_trait::async_trait]
impl SiteControl for SeededSites {
    async fn fail_over(&self, request: FailoverRequest, _: Duration) -> Result<Epoch, FailoverError> {
        let decided = self
            .0
            .decide(request.tunnel, request.seen, Some(request.target))
            .await;
        decided.map(|state| state.epoch).map_err(|error| {
            tracing::warn!(%error, "a seeded site did not fail over");
            FailoverError::Busy
        })
    }
}
