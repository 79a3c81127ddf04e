//! All connections of one connector.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use adit_model::{ConnectionIndex, ConnectorId};
use adit_net::tls::{ConnectorTls, TlsConfigError};
use adit_rpc::RpcLanes;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::choice::Choice;
use crate::dial::Dialers;
use crate::features::Features;
use crate::management::Management;
use crate::metrics::Metrics;
use crate::origin::Tags;
use crate::private::Private;
use crate::reconnects::{Reconnects, Wishes};
use crate::serving::Proxy;
use crate::slot::{Shared, Slot};
use crate::{
    Configurations, ConnectorConfig, EdgeAddress, LocalView, Protocol, ProtocolChoice, RenderMetrics, Status,
    network, prechecks,
};

/// Between the starts of two slots, once the first one is registered.
const STAGGER: Duration = Duration::from_millis(100);

/// Why a connector cannot start, or stopped for good.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    /// No edge was named.
    #[error("no edge address is given")]
    NoEdge,
    /// QUIC was asked for, and a proxy that carries no UDP.
    #[error("QUIC does not go through a proxy; take HTTP/2")]
    QuicThroughProxy,
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
#[derive(Clone, Default)]
pub struct Shutdown {
    pub(crate) drain: CancellationToken,
    pub(crate) abort: CancellationToken,
    /// Whether the first is about to be cancelled.
    announced: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (drain, abort) = (&self.drain, &self.abort);
        f.debug_struct("Shutdown")
            .field("drain", drain)
            .field("abort", abort)
            .finish_non_exhaustive()
    }
}

impl Shutdown {
    /// Not told yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Not told yet, and from the moment on that `announced` is true no longer ready: [`Self::drain`] is to follow. It is
    /// asked whenever somebody asks for readiness, and should take microseconds.
    #[must_use]
    pub fn announced_by(announced: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self {
            announced: Some(Arc::new(announced)),
            ..Self::default()
        }
    }

    /// True once it is told, or about to be.
    pub(crate) fn is_announced(&self) -> bool {
        self.drain.is_cancelled() || self.announced.as_ref().is_some_and(|announced| announced())
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
        let lanes = Arc::new(RpcLanes::start(1).map_err(ConnectorError::System)?);
        Metrics::built(&config.version);
        let tags = Tags::new(connector, &config.tags).ok_or(ConnectorError::BadTag)?;
        let name = config.edges.iter().find_map(EdgeAddress::name);
        // One that every resolver knows.
        let name = name.or_else(|| "localhost".parse().ok());
        let private = Arc::new(Private::new(&config.private, name, Arc::clone(&lanes)));
        let status = Status::new(connector);
        let management = Management::of(&config, &status);
        let proxy = Proxy::new(&config, tags, Arc::clone(&lanes), private, management)?;
        let tls = ConnectorTls::new(&config.trust, config.key_exchange).map_err(ConnectorError::Tls)?;
        let protocol = match (config.protocol, &config.proxy) {
            (ProtocolChoice::Only(Protocol::Quic), Some(_)) => return Err(ConnectorError::QuicThroughProxy),
            (_, Some(_)) => ProtocolChoice::Only(Protocol::Http2),
            (wanted, None) => wanted,
        };
        let choice = Choice::new(protocol, config.max_edge_retries, config.quic_retry);
        let shared = Shared {
            dialers: Dialers::new(tls, config.bind_address, config.ip_version, config.proxy.clone()),
            choice: Mutex::new(choice),
            horizon: watch::Sender::default(),
            lanes,
            status,
            proxy: Arc::new(proxy),
            wishes: Wishes::default(),
            features: Features::new(&config),
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

    /// What breaks one of its connections on purpose.
    #[must_use]
    pub fn reconnects(&self) -> Reconnects {
        self.shared.wishes.reconnects()
    }

    /// What its local HTTP endpoint tells, with what the process has counted. The flags are those that the edge is told
    /// of; the caller may put others in their place.
    #[must_use]
    pub fn local_view(&self, metrics: RenderMetrics) -> LocalView {
        let config = &self.shared.config;
        let flag = |(name, value): (&String, &Value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (name.clone(), text)
        };
        LocalView {
            status: self.status(),
            configurations: self.configurations(),
            tunnel: config.token.tunnel.tunnel,
            metrics,
            flags: config.reported_flags.iter().map(flag).collect(),
            quick_tunnel: None,
            icmp_sources: [
                config.private.icmpv4_source.map(IpAddr::from),
                config.private.icmpv6_source.map(IpAddr::from),
            ]
            .into_iter()
            .flatten()
            .collect(),
            version: config.version.clone(),
        }
    }

    /// The rules that it serves, now and while it runs.
    #[must_use]
    pub fn configurations(&self) -> Configurations {
        Configurations::new(Arc::clone(&self.shared.proxy))
    }

    /// Holds all connections until told to stop: the first slot alone until it is registered, then the others.
    ///
    /// # Errors
    /// [`ConnectorError::Refused`] once an edge says that trying again would not help; a system that gives no
    /// sockets. An edge that cannot be reached is no error: the connector goes on trying.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), ConnectorError> {
        let private = Arc::clone(&self.shared.proxy.private);
        // Also where this future is dropped.
        let _stopped = private.stop_on_drop();
        let ended = self.hold(shutdown).await;
        private.stop().await;
        ended
    }

    async fn hold(self, shutdown: Shutdown) -> Result<(), ConnectorError> {
        let shared = self.shared;
        shared.status.is_ready_until(shutdown.clone());
        let id = shared.status.connector_id();
        tracing::info!(tunnelID = %shared.config.token.tunnel.tunnel, "Starting tunnel");
        tracing::info!("Generated Connector ID: {id}");
        let protocol = shared.choice.lock().current();
        tracing::info!("Initial protocol {protocol}");
        let mut watching = JoinSet::new();
        if let (Some(how), None) = (&shared.config.prechecks, &shared.config.proxy) {
            watching.spawn(prechecks::run(Arc::clone(&shared), how.clone()));
        }
        let names = Arc::clone(&shared.dialers.names);
        watching.spawn(network::watch(names, shared.horizon.clone()));
        let asking = Arc::clone(&shared);
        watching.spawn(async move { asking.features.keep_up().await });
        let private = Arc::clone(&shared.proxy.private);
        watching.spawn(async move { private.keep_up().await });
        let mut slots = JoinSet::new();
        let mut unstarted = (0..shared.config.ha_connections.max(1)).map(ConnectionIndex);
        let mut start_next = |slots: &mut JoinSet<_>| match unstarted.next() {
            Some(index) => {
                let slot = Slot::new(index, Arc::clone(&shared));
                slots.spawn(slot.run(shutdown.clone()));
                true
            }
            None => false,
        };
        let mut more = start_next(&mut slots);
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
                    more = start_next(&mut slots);
                }
            }
        }
    }
}
