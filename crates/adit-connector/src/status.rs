//! What a connector can say of itself while it runs.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use adit_model::{ConnectionId, ConnectionIndex, ConnectorId};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::{Protocol, Shutdown};

/// The most that is kept of an error's text, bytes.
const MAX_WORDS: usize = 512;

/// One registered connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveConnection {
    /// The id that the edge gave it.
    pub connection: ConnectionId,
    /// The edge's address, or that of the proxy before it.
    pub edge: SocketAddr,
    /// What carries it.
    pub protocol: Protocol,
    /// Where the edge says it is.
    pub location: String,
    /// Whether the edge says that configuration comes from it.
    pub remotely_managed: bool,
    /// When it was registered.
    pub since: SystemTime,
}

/// What last kept a slot from having a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// When.
    pub at: SystemTime,
    /// What, in words for operators.
    pub error: String,
}

/// A running connector's state, readable from anywhere. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Status {
    connector: ConnectorId,
    live: Arc<watch::Sender<BTreeMap<ConnectionIndex, LiveConnection>>>,
    troubles: Arc<Mutex<BTreeMap<ConnectionIndex, Trouble>>>,
    /// How the connector is told to stop; absent before it runs.
    shutdown: Arc<OnceLock<Shutdown>>,
}

impl Status {
    pub(crate) fn new(connector: ConnectorId) -> Self {
        Self {
            connector,
            live: Arc::new(watch::Sender::new(BTreeMap::new())),
            troubles: Arc::default(),
            shutdown: Arc::default(),
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

    /// How many connections take new requests now: those that are registered; none from the moment on that the connector
    /// is told to stop, whatever still runs on them.
    #[must_use]
    pub fn ready_connections(&self) -> usize {
        let stops = self.shutdown.get().is_some_and(Shutdown::is_announced);
        if stops { 0 } else { self.live.borrow().len() }
    }

    /// It is ready until then; the first call counts.
    pub(crate) fn is_ready_until(&self, shutdown: Shutdown) {
        drop(self.shutdown.set(shutdown));
    }

    /// The last trouble of each slot that has had one. It stays when the slot has a connection again.
    #[must_use]
    pub fn troubles(&self) -> BTreeMap<ConnectionIndex, Trouble> {
        self.troubles.lock().clone()
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

    /// Whether it was there: another connection of the same slot may have taken its place.
    pub(crate) fn closed(&self, index: ConnectionIndex, connection: ConnectionId) -> bool {
        self.live.send_if_modified(|live| {
            let is_there = live.get(&index).is_some_and(|live| live.connection == connection);
            if is_there {
                live.remove(&index);
            }
            is_there
        })
    }

    /// A slot has lost its connection, or got none.
    pub(crate) fn failed(&self, index: ConnectionIndex, mut error: String) {
        error.truncate(error.floor_char_boundary(MAX_WORDS));
        let at = SystemTime::now();
        self.troubles.lock().insert(index, Trouble { at, error });
    }

    /// Told of every connection that is registered or gone.
    pub(crate) fn watch(&self) -> watch::Receiver<BTreeMap<ConnectionIndex, LiveConnection>> {
        self.live.subscribe()
    }
}
