//! Edges that hold nothing: seeded connectors are rows of the store, and nobody is behind them.

use std::time::Duration;

use adit_core::port::{Answer, Ask, AskError, EdgeControl};
use adit_model::NodeId;

/// No edge at all.
pub(super) struct NoEdges;

#[async_trait::async_trait]
impl EdgeControl for NoEdges {
    async fn ask(&self, _: Ask, _: Duration) -> Vec<(NodeId, Result<Answer, AskError>)> {
        Vec::new()
    }
}
