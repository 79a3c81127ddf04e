//! Flows into private networks: TCP on streams, UDP and ICMP in datagrams. The edge says where each goes; no ingress rule
//! has a part in it.
//!
//! [`Private`] is what all connections of a connector share. [`Carrier`] is one connection with what runs on it:
//! `datagrams` reads what comes, `sessions` and `flow` are UDP, `icmp` is ping, `tcp` serves a stream, `dial` knows where
//! a flow really goes, and `limits` how many there may be.

mod calls;
mod carrier;
mod datagrams;
mod dial;
mod flow;
mod icmp;
mod limits;
mod metrics;
mod sessions;
mod tcp;
mod virtual_dns;
mod words;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use adit_core::warp_routing::WarpRouting;
use adit_model::Hostname;
use adit_rpc::RpcLanes;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

pub(crate) use calls::EdgeCalls;
pub(crate) use carrier::{Carried, Carrier};
pub(crate) use datagrams::carry as carry_datagrams;
pub(crate) use tcp::carry as carry_tcp;

use dial::Dialer;
use icmp::Pings;
use limits::FlowLimit;
use metrics::PrivateMetrics;
use sessions::Sessions;

/// How a connector reaches into private networks, as far as its own side decides it.
#[derive(Clone, Debug)]
pub struct PrivateConfig {
    /// What the configuration of this side says; the edge's replaces it.
    pub routing: WarpRouting,
    /// How many flows there may be at once, TCP and UDP together, whatever any configuration says; 0 is no limit.
    pub max_active_flows: Option<u64>,
    /// The resolvers that the virtual DNS service leads to, at random. Empty: the first of the system's that answers.
    pub dns_resolvers: Vec<SocketAddr>,
    /// Whether echo requests are carried, where the system lets this process send them. Default yes.
    pub icmp: bool,
    /// From where IPv4 echo requests are sent, and "time exceeded" is. Default: as the system chooses.
    pub icmpv4_source: Option<std::net::Ipv4Addr>,
    /// The same for IPv6.
    pub icmpv6_source: Option<std::net::Ipv6Addr>,
}

impl Default for PrivateConfig {
    fn default() -> Self {
        Self {
            routing: WarpRouting::default(),
            max_active_flows: None,
            dns_resolvers: Vec::new(),
            icmp: true,
            icmpv4_source: None,
            icmpv6_source: None,
        }
    }
}

/// What all connections share.
pub(crate) struct Private {
    dialer: Dialer,
    limit: Arc<FlowLimit>,
    /// What sessions of UDP take of this process, whatever the limit says.
    sockets: Arc<FlowLimit>,
    /// Datagrams that wait for sockets.
    waiting: Arc<FlowLimit>,
    metrics: PrivateMetrics,
    /// Sessions of datagrams of version 3: they may move from one connection to another.
    moving: Sessions,
    pings: Pings,
    lanes: Arc<RpcLanes>,
    tasks: TaskTracker,
    stopped: CancellationToken,
}

impl Private {
    /// Opens no socket. Whether the system's resolvers answer is seen by asking them for this name.
    pub(crate) fn new(config: &PrivateConfig, name: Option<Hostname>, lanes: Arc<RpcLanes>) -> Self {
        Self {
            dialer: Dialer::new(&config.dns_resolvers, name),
            limit: FlowLimit::new(config.max_active_flows),
            sockets: FlowLimit::new(Some(limits::MAX_SESSIONS)),
            waiting: FlowLimit::new(Some(limits::MAX_WAITING)),
            metrics: PrivateMetrics::new(),
            moving: Sessions::default(),
            pings: Pings::new(
                config.icmp,
                config.icmpv4_source.map(IpAddr::from),
                config.icmpv6_source.map(IpAddr::from),
            ),
            lanes,
            tasks: TaskTracker::new(),
            stopped: CancellationToken::new(),
        }
    }

    /// Goes by another configuration from now on; flows that run go on as they are.
    pub(crate) fn serve(&self, routing: &WarpRouting) {
        self.dialer.serve(routing);
        self.limit.set(routing.max_active_flows());
    }

    /// Follows what changes on this machine, until it is dropped.
    pub(crate) async fn keep_up(&self) {
        self.dialer.keep_up().await;
    }

    /// Ends every session once the answer is dropped.
    pub(crate) fn stop_on_drop(&self) -> DropGuard {
        self.stopped.clone().drop_guard()
    }

    /// Ends every session and waits for its end.
    pub(crate) async fn stop(&self) {
        self.stopped.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
