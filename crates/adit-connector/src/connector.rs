//! All connections of one connector.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use adit_model::{ConnectionIndex, ConnectorId};
use adit_net::tls::{self, TlsConfigError};
use adit_rpc::RpcLanes;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::exchange::Proxy;
use crate::metrics::Metrics;
use crate::origin::{self, Tags};
use crate::slot::{Shared, Slot};
use crate::{ConnectorConfig, Status};

/// Between the starts of two slots, once the first one is registered.
const STAGGER: Duration = Duration::from_millis(100);

/// Why a connector cannot start, or stopped for good.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    /// No edge was named.
    #[error("no edge address is given")]
    NoEdge,
    /// A `--tag` that cannot be a header.
    #[error("a tag has characters that no header may have")]
    BadTag,
    /// An origin's settings make no sense.
    #[error("{0}")]
    Origin(String),
    /// TLS cannot be set up.
    #[error("cannot set up TLS")]
    Tls(#[source] TlsConfigError),
    /// Threads or sockets cannot be had.
    #[error("the system refuses what the connector needs")]
    System(#[source] io::Error),
    /// The edge does not take this tunnel, and trying again would not help.
    #[error("the edge refused the tunnel: {0}")]
    Refused(String),
}

/// How a running connector is told to stop.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    pub(crate) drain: CancellationToken,
    pub(crate) abort: CancellationToken,
}

impl Shutdown {
    /// Not told yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Unregister, let running requests finish within the grace period, then stop.
    pub fn drain(&self) {
        self.drain.cancel();
    }

    /// Stop at once.
    pub fn abort(&self) {
        self.drain.cancel();
        self.abort.cancel();
    }
}

/// A connector that has not started.
pub struct Connector {
    shared: Arc<Shared>,
}

impl Connector {
    /// Checks the configuration and makes what the connections share. Opens no socket.
    ///
    /// # Errors
    /// See [`ConnectorError`].
    pub fn new(config: ConnectorConfig) -> Result<Self, ConnectorError> {
        if config.edges.is_empty() {
            return Err(ConnectorError::NoEdge);
        }
        let connector = ConnectorId::random();
        let proxy = Proxy {
            origins: origin::build(&config.ingress)?,
            ingress: config.ingress.clone(),
            tags: Tags::new(connector, &config.tags).ok_or(ConnectorError::BadTag)?,
            metrics: Metrics::new(),
        };
        let shared = Shared {
            tls: tls::connector_config(&config.trust).map_err(ConnectorError::Tls)?,
            lanes: RpcLanes::start(1).map_err(ConnectorError::System)?,
            status: Status::new(connector),
            proxy: Arc::new(proxy),
            config,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// What the connector says of itself, now and while it runs.
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared.status.clone()
    }

    /// Holds all connections until told to stop: the first slot alone until it is registered, then the others.
    ///
    /// # Errors
    /// [`ConnectorError::Refused`] once an edge says that trying again would not help; a system that gives no
    /// sockets. An edge that cannot be reached is no error: the connector goes on trying.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), ConnectorError> {
        let shared = self.shared;
        let id = shared.status.connector_id();
        tracing::info!(tunnelID = %shared.config.token.tunnel.tunnel, "Starting tunnel");
        tracing::info!("Generated Connector ID: {id}");
        let mut slots = JoinSet::new();
        let mut unstarted = (0..shared.config.ha_connections.max(1)).map(ConnectionIndex);
        let mut start_next = |slots: &mut JoinSet<_>| match unstarted.next() {
            Some(index) => {
                let slot = Slot::new(index, Arc::clone(&shared))?;
                slots.spawn(slot.run(shutdown.clone()));
                Ok(true)
            }
            None => Ok(false),
        };
        let mut more = start_next(&mut slots)?;
        let first_is_up = shared.status.wait_ready(1);
        let mut go_on = std::pin::pin!(first_is_up);
        let mut waited_for_first = false;
        loop {
            let wake = async {
                match waited_for_first {
                    false => go_on.as_mut().await,
                    true => tokio::time::sleep(STAGGER).await,
                }
            };
            tokio::select! {
                ended = slots.join_next() => match ended {
                    Some(Ok(Ok(()))) => {}
                    // Dropping the set ends the other slots.
                    Some(Ok(Err(error))) => return Err(error),
                    Some(Err(panicked)) => return Err(ConnectorError::System(panicked.into())),
                    None => return Ok(()),
                },
                () = wake, if more && !shutdown.drain.is_cancelled() => {
                    waited_for_first = true;
                    more = start_next(&mut slots)?;
                }
            }
        }
    }
}
