//! Answers what the API asks of this edge.

use std::{sync::Arc, time::Duration};

use adit_core::port::{Answer, Ask, AskError, ChangeNumber, CloseReason, EdgeControl, Question};
use adit_model::NodeId;
use async_trait::async_trait;
use tokio::sync::{Semaphore, watch};
use tracing::info;

use crate::tunnels::Tunnels;

/// Questions under way at once; one more is turned away.
const MAX_ASKS: usize = 64;

/// The way to the one edge of this process.
pub(crate) struct LocalEdge {
    node: NodeId,
    tunnels: Arc<Tunnels>,
    applied: watch::Receiver<ChangeNumber>,
    places: Semaphore,
}

impl LocalEdge {
    pub(crate) fn new(node: NodeId, tunnels: Arc<Tunnels>, applied: watch::Receiver<ChangeNumber>) -> Self {
        Self {
            node,
            tunnels,
            applied,
            places: Semaphore::new(MAX_ASKS),
        }
    }

    async fn answer(&self, ask: Ask, within: Duration) -> Result<Answer, AskError> {
        let _place = self.places.try_acquire().map_err(|_| AskError::QueueFull)?;
        let mut applied = self.applied.clone();
        let caught_up = applied.wait_for(|number| *number >= ask.after);
        match tokio::time::timeout(within, caught_up).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) => return Err(AskError::Stopped),
            Err(_) => return Err(AskError::Silent),
        }
        let table = self.tunnels.load();
        Ok(match ask.question {
            Question::CloseConnections { tunnel, connector } => {
                let evicted = table
                    .tunnel(&tunnel)
                    .map(|tunnel| tunnel.evict(connector))
                    .unwrap_or_default();
                for connection in &evicted {
                    connection.close(CloseReason::Evicted);
                }
                info!(tunnel.id = %tunnel.tunnel, closed = evicted.len(), "connections closed on request");
                Answer::Closed(evicted.len())
            }
            Question::ListConnections { tunnel } => Answer::Connections(
                table
                    .tunnel(&tunnel)
                    .map(|tunnel| tunnel.live())
                    .unwrap_or_default(),
            ),
        })
    }
}

#[async_trait]
impl EdgeControl for LocalEdge {
    async fn ask(&self, ask: Ask, within: Duration) -> Vec<(NodeId, Result<Answer, AskError>)> {
        vec![(self.node, self.answer(ask, within).await)]
    }
}
