//! What the API asks of the edges.

use std::{net::IpAddr, time::Duration};

use adit_model::{
    ConnectionId, ConnectionIndex, ConnectorId, NodeId, Timestamp, TransportProtocol, TunnelKey,
};
use async_trait::async_trait;

use super::ChangeNumber;

/// A question with the state it presumes.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The edge applies the store's history at least this far before it answers; else a connector could come back
    /// in the gap after a delete or a rotation.
    pub after: ChangeNumber,
    /// What is asked.
    pub question: Question,
}

/// What can be asked of an edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Close the connections of a tunnel, all or one connector's.
    CloseConnections {
        /// The tunnel.
        tunnel: TunnelKey,
        /// Only this connector's.
        connector: Option<ConnectorId>,
    },
    /// Which connections does the tunnel have here?
    ListConnections {
        /// The tunnel.
        tunnel: TunnelKey,
    },
}

/// One connection as the edge sees it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveConnection {
    /// The connection.
    pub connection: ConnectionId,
    /// Who holds its other end.
    pub connector: ConnectorId,
    /// Its number within the connector.
    pub index: ConnectionIndex,
    /// What it runs over.
    pub protocol: TransportProtocol,
    /// The address it was dialled from.
    pub origin_ip: IpAddr,
    /// When it was registered.
    pub opened_at: Timestamp,
}

/// An edge's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// That many connections were closed.
    Closed(usize),
    /// These are open.
    Connections(Vec<LiveConnection>),
}

/// Why an edge gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The deadline passed while the edge's lease lives. A 504.
    #[error("the edge did not answer in time")]
    Silent,
    /// Too many questions wait. A 503 with Retry-After.
    #[error("the edge's queue is full")]
    QueueFull,
    /// The edge has stopped; what it held is closed.
    #[error("the edge has stopped")]
    Stopped,
}

/// The way to every edge.
#[async_trait]
pub trait EdgeControl: Send + Sync {
    /// Asks every edge and waits at most `within` for each.
    async fn ask(&self, ask: Ask, within: Duration) -> Vec<(NodeId, Result<Answer, AskError>)>;
}
