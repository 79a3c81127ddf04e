//! Starts and stops an edge.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use adit_core::{
    port::{AccessLog, ChangeNumber, Directory, EdgeControl, Presence},
    reserved_hosts::ReservedHosts,
    sessions::FlowLimits,
};
use adit_model::{Hostname, Location, NodeId, TunnelKey};
use adit_net::{
    private::PrivateDialer,
    quic::{HandshakeLimits, QuicKeys, QuicListener},
    tls::{self, TlsConfigError, TlsLimits, TlsListener},
};
use adit_rpc::RpcLanes;
use tokio::{net::TcpListener, sync::watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{info, warn};

use crate::{
    accept,
    certificates::{
        Authority, CertificateFolder, CertificateSource, ConnectorNames, FolderError, IssuingResolver,
        LeafKey, PublicNames, PublicResolver,
    },
    context::Context,
    control::LocalEdge,
    drain::move_away,
    follow::follow,
    management::{Management, ManagementConfig},
    memory::MemoryBudget,
    metrics::EdgeMetrics,
    private::{DatagramFlows, Dialer, PrivateLimits, TunnelDialer},
    private_proxy::{self, Proxy},
    public::{self, Entrance, PublicLimits},
    push::Pusher,
    tunnels::Tunnels,
};

/// How often a free port is looked for that both UDP and TCP can have.
const PORT_ATTEMPTS: usize = 16;
/// A tunnel's connections are moved away over this time: never all of them within a second. A grace period that is
/// shorter than twice that gives half of itself.
const MOVING_TIME: Duration = Duration::from_millis(2500);
/// What is left after the grace period ends within this.
const STOP_TIME: Duration = Duration::from_secs(2);

/// What an edge is made of.
pub struct EdgeConfig {
    /// This edge's id.
    pub node: NodeId,
    /// The base domain; `api.` and `management.` below it are never routed.
    pub domain: Hostname,
    /// Where it stands.
    pub location: Location,
    /// Where connectors dial in, UDP and TCP alike. Port 0 picks one that both have free.
    pub connectors: SocketAddr,
    /// Where public HTTP enters.
    pub http: Option<SocketAddr>,
    /// Where public HTTPS enters.
    pub https: Option<SocketAddr>,
    /// Where people enter private networks, by SOCKS5 and HTTP CONNECT.
    pub private_proxy: Option<SocketAddr>,
    /// How many UDP sessions and echo flows into private networks there may be.
    pub datagram_flows: FlowLimits,
    /// What public clients may take up.
    pub limits: PublicLimits,
    /// What private networks may take up, and be.
    pub private: PrivateLimits,
    /// What the process may hold in all, bytes: see `docs/operations.md`.
    pub memory_budget: u64,
    /// Makes the allocator give back what is free. Called off the runtime's threads, at most once a second, and only
    /// while memory is short.
    pub relieve_memory: fn(),
    /// Keys that must survive a restart, so that connectors notice it at once.
    pub quic_keys: QuicKeys,
    /// Where each public request leaves a line.
    pub access_log: Arc<dyn AccessLog>,
    /// Certificates for public HTTPS, in files. A name that has none gets one of the authority.
    pub certificates: Option<PathBuf>,
    /// Who may reach connectors' management services over `management.<domain>`.
    pub management: ManagementConfig,
    /// Issues the edge's certificates.
    pub authority: Arc<Authority>,
    /// The key of those certificates.
    pub leaf_key: Arc<LeafKey>,
}

/// Where an edge listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdgeAddresses {
    /// Connectors, UDP and TCP.
    pub connectors: SocketAddr,
    /// Public HTTP.
    pub http: Option<SocketAddr>,
    /// Public HTTPS.
    pub https: Option<SocketAddr>,
    /// The proxy into private networks.
    pub private_proxy: Option<SocketAddr>,
}

impl EdgeAddresses {
    fn all(&self) -> Vec<SocketAddr> {
        let others = [self.http, self.https, self.private_proxy];
        let others = others.into_iter().flatten();
        others.chain([self.connectors]).collect()
    }
}

/// Why an edge could not start.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// A listener could not be opened.
    #[error("cannot listen on {address} for {purpose}")]
    Listen {
        /// For whom.
        purpose: &'static str,
        /// Where.
        address: SocketAddr,
        /// Why not.
        #[source]
        cause: io::Error,
    },
    /// The base domain is too long to have names below it.
    #[error("the base domain is too long")]
    Domain,
    /// The folder of certificates cannot be read.
    #[error(transparent)]
    Certificates(#[from] FolderError),
    /// TLS could not be set up.
    #[error("cannot set up TLS")]
    Tls(#[from] TlsConfigError),
    /// The system refused a thread.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
}

/// A running edge. Dropping it stops it at once; [`Edge::stop`] drains first.
pub struct Edge {
    context: Arc<Context>,
    listener: Arc<QuicListener>,
    addresses: EdgeAddresses,
    control: Arc<LocalEdge>,
    dialer: Arc<Dialer>,
    flows: Arc<DatagramFlows>,
}

impl Edge {
    /// Opens every listener and begins to follow the store. Until the first snapshot, connectors are told to come
    /// again. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`EdgeError`], with nothing left open.
    pub async fn start(
        config: EdgeConfig,
        directory: Arc<dyn Directory>,
        presence: Arc<dyn Presence>,
    ) -> Result<Self, EdgeError> {
        let reserved = ReservedHosts::of_domain(&config.domain).map_err(|_| EdgeError::Domain)?;
        let tunnels = Arc::new(Tunnels::new(reserved.clone()));
        let (listener, tcp) = bind_connectors(&config).await?;
        let folder = config.certificates.clone().map(CertificateFolder::open);
        let folder = folder.transpose()?.map(Arc::new);
        let entrances = bind_public(&config, &tunnels, folder.clone()).await?;
        let proxy = bind_proxy(&config).await?;
        let address_of = |wanted: fn(&Entrance) -> bool| {
            entrances
                .iter()
                .find(|entrance| wanted(entrance))
                .and_then(|entrance| entrance.local_addr().ok())
        };
        let addresses = EdgeAddresses {
            connectors: listener
                .local_addr()
                .map_err(listen_error("connectors", config.connectors))?,
            http: address_of(|entrance| matches!(entrance, Entrance::Plain(_))),
            https: address_of(|entrance| matches!(entrance, Entrance::Tls(_))),
            private_proxy: proxy.as_ref().and_then(|listener| listener.local_addr().ok()),
        };
        let context = Arc::new(Context {
            tunnels: Arc::clone(&tunnels),
            presence,
            access_log: config.access_log,
            lanes: RpcLanes::start(rpc_threads()).map_err(EdgeError::Thread)?,
            location: config.location,
            metrics: EdgeMetrics::new(),
            management: Management::new(
                config.management,
                &reserved,
                addresses.https.map(|https| https.port()),
            ),
            memory: MemoryBudget::new(config.memory_budget, config.relieve_memory),
            tasks: TaskTracker::new(),
            requests: TaskTracker::new(),
            draining: CancellationToken::new(),
            stopped: CancellationToken::new(),
        });
        context.tasks.spawn(until_stopped(
            context.stopped.clone(),
            Arc::clone(&context.memory).watch(),
        ));
        let (applied, seen) = watch::channel(ChangeNumber::default());
        context.tasks.spawn(until_stopped(
            context.stopped.clone(),
            follow(Arc::clone(&directory), Arc::clone(&tunnels), reserved, applied),
        ));
        context.tasks.spawn(until_stopped(
            context.stopped.clone(),
            Pusher::new(Arc::clone(&context), directory).run(Arc::clone(&tunnels.board)),
        ));
        if let Some(folder) = folder {
            let looking = until_stopped(context.stopped.clone(), folder.keep_looking());
            context.tasks.spawn(looking);
        }
        let listener = Arc::new(listener);
        context
            .tasks
            .spawn(accept::quic::accept(Arc::clone(&context), Arc::clone(&listener)));
        context
            .tasks
            .spawn(accept::http2::accept(Arc::clone(&context), tcp));
        let limits = Arc::new(config.limits);
        for entrance in entrances {
            context
                .tasks
                .spawn(public::serve(Arc::clone(&context), Arc::clone(&limits), entrance));
        }
        let flows = DatagramFlows::new(Arc::clone(&context), config.datagram_flows);
        let most_flows = config.private.max_flows;
        let own = addresses.all();
        let dialer = Arc::new(Dialer::new(
            Arc::clone(&context),
            Arc::clone(&flows),
            config.private,
            own,
        ));
        if let Some(listener) = proxy {
            private_proxy::describe();
            let proxy = Proxy::new(Arc::clone(&context), Arc::clone(&dialer));
            context
                .tasks
                .spawn(private_proxy::serve(proxy, listener, most_flows));
        }
        let control = Arc::new(LocalEdge::new(config.node, tunnels, seen));
        info!(connectors = %addresses.connectors, http = ?addresses.http, https = ?addresses.https, "edge started");
        Ok(Self {
            context,
            listener,
            addresses,
            control,
            dialer,
            flows,
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn addresses(&self) -> EdgeAddresses {
        self.addresses
    }

    /// What the API asks this edge through.
    #[must_use]
    pub fn control(&self) -> Arc<dyn EdgeControl> {
        Arc::clone(&self.control) as _
    }

    /// What reaches into private networks over this edge's connections.
    #[must_use]
    pub fn private(&self) -> Arc<dyn PrivateDialer> {
        Arc::clone(&self.dialer) as _
    }

    /// Dials what the connectors of this tunnel reach, if there is such a tunnel.
    #[must_use]
    pub fn dialer_into(&self, tunnel: &TunnelKey) -> Option<TunnelDialer> {
        let table = self.context.tunnels.load();
        Some(TunnelDialer {
            flows: Arc::clone(&self.flows),
            tunnel: Arc::clone(table.tunnel(tunnel)?),
        })
    }

    /// Takes no new connections and lets open requests finish for at most `grace`. Meanwhile the connectors' connections
    /// are moved away one after another, each once nothing runs on it: QUIC's are closed with code 0, HTTP/2's
    /// with a GOAWAY, so that connectors look for another edge at once. What is left after `grace` is cut off.
    pub async fn stop(self, grace: Duration) {
        let context = Arc::clone(&self.context);
        context.draining.cancel();
        context.requests.close();
        let spread = MOVING_TIME.min(grace / 2);
        let drained = async { tokio::join!(context.requests.wait(), move_away(&context.tunnels, spread)) };
        if tokio::time::timeout(grace, drained).await.is_err() {
            warn!(
                requests = context.requests.len(),
                "the grace period is over; cutting off what still runs"
            );
        }
        context.stopped.cancel();
        context.tasks.close();
        if tokio::time::timeout(STOP_TIME, context.tasks.wait())
            .await
            .is_err()
        {
            warn!(
                tasks = context.tasks.len(),
                "some tasks of the edge did not end in time"
            );
        }
        self.listener.close(0, "");
        let _ = tokio::time::timeout(STOP_TIME, self.listener.wait_idle()).await;
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        self.context.draining.cancel();
        self.context.stopped.cancel();
    }
}

async fn until_stopped(stopped: CancellationToken, work: impl Future<Output = ()>) {
    tokio::select! {
        () = work => {}
        () = stopped.cancelled() => {}
    }
}

/// Control traffic is a few calls for each connection: half the cores are plenty.
fn rpc_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2))
}

fn listen_error(purpose: &'static str, address: SocketAddr) -> impl FnOnce(io::Error) -> EdgeError {
    move |cause| EdgeError::Listen {
        purpose,
        address,
        cause,
    }
}

/// One port for both transports.
async fn bind_connectors(config: &EdgeConfig) -> Result<(QuicListener, TlsListener), EdgeError> {
    let resolver = IssuingResolver::new(&config.authority, &config.leaf_key, ConnectorNames);
    let quic = tls::edge_quic_config(Arc::clone(&resolver) as _)?;
    let tcp = tls::edge_tcp_config(resolver)?;
    let mut attempt = 0;
    loop {
        attempt += 1;
        let listener = TlsListener::bind(config.connectors, Arc::clone(&tcp), TlsLimits::default())
            .await
            .map_err(listen_error("connectors over TCP", config.connectors))?;
        let bound = listener
            .local_addr()
            .map_err(listen_error("connectors over TCP", config.connectors))?;
        match QuicListener::bind(
            bound,
            Arc::clone(&quic),
            &config.quic_keys,
            HandshakeLimits::default(),
        ) {
            Ok(quic) => return Ok((quic, listener)),
            Err(_) if config.connectors.port() == 0 && attempt < PORT_ATTEMPTS => {}
            Err(cause) => return Err(listen_error("connectors over UDP", bound)(cause)),
        }
    }
}

async fn bind_public(
    config: &EdgeConfig,
    tunnels: &Arc<Tunnels>,
    folder: Option<Arc<CertificateFolder>>,
) -> Result<Vec<Entrance>, EdgeError> {
    let mut entrances = Vec::new();
    if let Some(address) = config.http {
        let listener = TcpListener::bind(address)
            .await
            .map_err(listen_error("public HTTP", address))?;
        entrances.push(Entrance::Plain(listener));
    }
    if let Some(address) = config.https {
        let names = PublicNames {
            domain: config.domain.clone(),
            tunnels: Arc::clone(tunnels),
        };
        let resolver = PublicResolver {
            sources: folder
                .into_iter()
                .map(|folder| folder as Arc<dyn CertificateSource>)
                .collect(),
            own: IssuingResolver::new(&config.authority, &config.leaf_key, names),
        };
        let tls = tls::public_config(Arc::new(resolver))?;
        let listener = TlsListener::bind(address, tls, TlsLimits::default())
            .await
            .map_err(listen_error("public HTTPS", address))?;
        entrances.push(Entrance::Tls(listener));
    }
    Ok(entrances)
}

async fn bind_proxy(config: &EdgeConfig) -> Result<Option<TcpListener>, EdgeError> {
    let Some(address) = config.private_proxy else {
        return Ok(None);
    };
    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(listen_error("the private proxy", address))?;
    Ok(Some(listener))
}

/// The loopback address of a listener that may listen on all addresses: what a process on this machine dials.
#[must_use]
pub const fn reachable_here(listener: SocketAddr) -> SocketAddr {
    match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => {
            SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), listener.port())
        }
        IpAddr::V6(ip) if ip.is_unspecified() => {
            SocketAddr::new(IpAddr::V6(std::net::Ipv6Addr::LOCALHOST), listener.port())
        }
        IpAddr::V4(_) | IpAddr::V6(_) => listener,
    }
}
