//! What a connector can say of itself while it runs.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use adit_model::{ConnectionId, ConnectionIndex, ConnectorId};
use tokio::sync::watch;

/// One registered connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveConnection {
    /// The id that the edge gave it.
    pub connection: ConnectionId,
    /// The edge's address.
    pub edge: SocketAddr,
    /// Where the edge says it is.
    pub location: String,
    /// Whether the edge says that configuration comes from it.
    pub remotely_managed: bool,
}

/// A running connector's state, readable from anywhere. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Status {
    connector: ConnectorId,
    live: Arc<watch::Sender<BTreeMap<ConnectionIndex, LiveConnection>>>,
}

impl Status {
    pub(crate) fn new(connector: ConnectorId) -> Self {
        Self {
            connector,
            live: Arc::new(watch::Sender::new(BTreeMap::new())),
        }
    }

    /// The connector's id, the same for all its connections.
    #[must_use]
    pub fn connector_id(&self) -> ConnectorId {
        self.connector
    }

    /// The connections that are registered now, by index.
    #[must_use]
    pub fn connections(&self) -> BTreeMap<ConnectionIndex, LiveConnection> {
        self.live.borrow().clone()
    }

    /// How many connections are registered now.
    #[must_use]
    pub fn ready_connections(&self) -> usize {
        self.live.borrow().len()
    }

    /// Waits until at least `count` connections are registered. Cancel safe.
    pub async fn wait_ready(&self, count: usize) {
        let mut live = self.live.subscribe();
        // The sender lives as long as this handle.
        drop(live.wait_for(|live| live.len() >= count).await);
    }

    pub(crate) fn opened(&self, index: ConnectionIndex, connection: LiveConnection) {
        self.live.send_modify(|live| drop(live.insert(index, connection)));
    }

    pub(crate) fn closed(&self, index: ConnectionIndex) {
        self.live.send_modify(|live| drop(live.remove(&index)));
    }
}
