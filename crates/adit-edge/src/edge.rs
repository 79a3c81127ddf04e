//! Starts and stops an edge.

mod config;
mod listeners;

use std::{sync::Arc, time::Duration};

use adit_core::{
    port::{ChangeNumber, Directory, EdgeControl, Presence},
    reserved_hosts::ReservedHosts,
};
use adit_model::TunnelKey;
use adit_net::{private::PrivateDialer, quic::QuicListener};
use adit_rpc::RpcLanes;
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{info, warn};

pub use self::config::{EdgeAddresses, EdgeConfig, EdgeError};
use self::listeners::{bind_carriers, bind_connectors, bind_proxy, bind_public, listen_error};
use crate::{
    accept,
    certificates::CertificateFolder,
    context::Context,
    control::LocalEdge,
    drain::move_away,
    follow::follow,
    management::Management,
    memory::{self, MemoryBudget},
    metrics::EdgeMetrics,
    private::{DatagramFlows, Dialer, TunnelDialer},
    private_proxy::{self, Proxy},
    public::{self, Entrance},
    push::Pusher,
    tunnels::Tunnels,
};

/// A tunnel's connections are moved away over this time: never all of them within a second. A grace period that is
/// shorter than twice that gives half of itself.
const MOVING_TIME: Duration = Duration::from_millis(2500);
/// What is left after the grace period ends within this.
const STOP_TIME: Duration = Duration::from_secs(2);

/// A running edge. Dropping it stops it at once; [`Edge::stop`] drains first.
pub struct Edge {
    context: Arc<Context>,
    listener: Arc<QuicListener>,
    addresses: EdgeAddresses,
    control: Arc<LocalEdge>,
    dialer: Arc<Dialer>,
    flows: Arc<DatagramFlows>,
    _memory: memory::Watch,
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
        let (listener, tcp) = bind_connectors(&config)?;
        let folder = config.certificates.clone().map(CertificateFolder::open);
        let folder = folder.transpose()?.map(Arc::new);
        let entrances = bind_public(&config, &tunnels, folder.clone())?;
        let proxy = bind_proxy(&config)?;
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
        let carriers = bind_carriers(&config, addresses.https)?;
        let context = Arc::new(Context {
            tunnels: Arc::clone(&tunnels),
            presence,
            access_log: config.access_log,
            mesh: config.mesh,
            mesh_carriers: config.mesh_carriers,
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
        let memory = memory::Watch::start(Arc::clone(&context.memory)).map_err(EdgeError::Thread)?;
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
        if let Some(listener) = carriers {
            context
                .tasks
                .spawn(accept::carriers::accept(Arc::clone(&context), listener));
        }
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
            _memory: memory,
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
