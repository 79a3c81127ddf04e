//! Asking everyone who holds connections of a tunnel: every edge, and of a site also who holds its replicas.

use adit_core::{
    lifecycle::connections_of_all,
    port::{Ask, AskError, ChangeNumber, Eviction, Question},
};
use adit_model::{ConnectorId, TunnelKey, TunnelKind};

use crate::state::ApiState;

/// A tunnel, and the change that everyone must know of before they answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) kind: TunnelKind,
    pub(crate) tunnel: TunnelKey,
    pub(crate) after: ChangeNumber,
}

impl Asked {
    /// How many connections there are.
    ///
    /// # Errors
    /// Those of [`connections_of_all`]: one who does not answer may have some.
    pub(crate) async fn count(self, state: &ApiState) -> Result<usize, AskError> {
        let question = Question::ListConnections { tunnel: self.tunnel };
        let (edges, sites) = tokio::join!(self.ask_edges(state, question), async {
            match self.kind {
                TunnelKind::CfdTunnel => Ok(0),
                TunnelKind::WarpConnector => {
                    let live = state.sites.live(self.tunnel, self.after, state.limits.edge_time);
                    live.await.map(|replicas| replicas.len())
                }
            }
        });
        Ok(edges?.saturating_add(none_if_stopped(sites)?))
    }

    /// Closes connections, all or one connector's; how many there were.
    ///
    /// # Errors
    /// Those of [`connections_of_all`]: one who does not answer may have some.
    pub(crate) async fn close(
        self,
        state: &ApiState,
        connector: Option<ConnectorId>,
    ) -> Result<usize, AskError> {
        let question = Question::CloseConnections {
            tunnel: self.tunnel,
            connector,
        };
        let (edges, sites) = tokio::join!(self.ask_edges(state, question), async {
            match self.kind {
                TunnelKind::CfdTunnel => Ok(0),
                TunnelKind::WarpConnector => {
                    let eviction = Eviction {
                        tunnel: self.tunnel,
                        connector,
                        after: self.after,
                    };
                    state.sites.evict(eviction, state.limits.edge_time).await
                }
            }
        });
        Ok(edges?.saturating_add(none_if_stopped(sites)?))
    }

    async fn ask_edges(self, state: &ApiState, question: Question) -> Result<usize, AskError> {
        let ask = Ask {
            after: self.after,
            question,
        };
        let answers = state.edges.ask(ask, state.limits.edge_time).await;
        connections_of_all(&answers)
    }
}

/// Who has stopped holds none.
fn none_if_stopped(answer: Result<usize, AskError>) -> Result<usize, AskError> {
    match answer {
        Err(AskError::Stopped) => Ok(0),
        Ok(_) | Err(AskError::Silent | AskError::QueueFull) => answer,
    }
}
