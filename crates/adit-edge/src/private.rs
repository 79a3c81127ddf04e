//! The way into private networks, over the connections of their tunnels.
//!
//! [`Dialer`] knows where an address leads and what may be reached; [`tcp`] carries byte streams, [`sessions`] UDP flows and
//! [`icmp`] echo requests; [`datagrams`] is what the last two share: one receiver for each QUIC connection that has flows.
//! HTTP/2 carries neither of them.

mod bounds;
mod counts;
mod datagrams;
mod hosts;
mod icmp;
mod names;
mod sessions;
mod stream;
mod tcp;

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::Arc,
    time::Duration,
};

use adit_core::networks::Reachable;
use adit_model::{AccountId, TunnelKey};
use adit_net::private::{
    PrivateDatagrams, PrivateDialError, PrivateDialer, PrivateEchoes, PrivateNetwork, PrivateStream,
};
use async_trait::async_trait;
use ipnet::IpNet;
use parking_lot::Mutex;

pub(crate) use self::sessions::DatagramFlows;
use self::{
    bounds::{Bounds, FlowPlace},
    names::NameCache,
};
use crate::{context::Context, tunnels::Tunnel};

/// What private networks may take up, and what they may be.
#[derive(Debug, Clone)]
pub struct PrivateLimits {
    /// Networks that routes may lead to although they are local to a machine, or the server's own. Default none.
    pub allow: Vec<IpNet>,
    /// Where else than on the edge's own listeners the server listens: no route leads there either.
    pub own_listeners: Vec<SocketAddr>,
    /// The most TCP flows at once. Default 16,384.
    pub max_flows: usize,
    /// The most TCP flows of one account. Default 8,192.
    pub max_account_flows: usize,
}

impl Default for PrivateLimits {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            own_listeners: Vec::new(),
            max_flows: 16_384,
            max_account_flows: 8_192,
        }
    }
}

/// Dials into virtual networks over the connections of their tunnels.
pub(crate) struct Dialer {
    context: Arc<Context>,
    reachable: Reachable,
    bounds: Arc<Bounds>,
    datagrams: Arc<DatagramFlows>,
    names: Mutex<NameCache>,
}

impl Dialer {
    /// `listeners` are the edge's own.
    pub(crate) fn new(
        context: Arc<Context>,
        datagrams: Arc<DatagramFlows>,
        limits: PrivateLimits,
        mut listeners: Vec<SocketAddr>,
    ) -> Self {
        listeners.extend(limits.own_listeners);
        Self {
            context,
            reachable: Reachable::new(limits.allow, listeners),
            bounds: Bounds::new(limits.max_flows, limits.max_account_flows),
            datagrams,
            names: Mutex::default(),
        }
    }

    /// Refuses what no private route leads to.
    pub(crate) fn check(&self, to: SocketAddr) -> Result<(), PrivateDialError> {
        if self.reachable.permits(to, is_own_address) {
            Ok(())
        } else {
            Err(PrivateDialError::Forbidden(to))
        }
    }

    /// The tunnel that an address is routed to, if it is.
    pub(crate) fn tunnel_to(&self, network: PrivateNetwork, to: SocketAddr) -> Option<TunnelKey> {
        let table = self.context.tunnels.load();
        table.private.tunnel_to(network.account, network.network, to.ip())
    }

    /// The tunnel that leads to an address.
    fn routed(&self, network: PrivateNetwork, to: SocketAddr) -> Result<Arc<Tunnel>, PrivateDialError> {
        self.check(to)?;
        let key = self.tunnel_to(network, to).ok_or(PrivateDialError::NoRoute(to))?;
        self.tunnel(key)
    }

    /// The tunnel of this key. One that the store no longer keeps has no connector either.
    fn tunnel(&self, key: TunnelKey) -> Result<Arc<Tunnel>, PrivateDialError> {
        let table = self.context.tunnels.load();
        table.tunnel(&key).cloned().ok_or(PrivateDialError::NoConnector)
    }

    /// A TCP connection to an address through a tunnel, whatever leads there. The address has been checked.
    pub(crate) async fn tcp_through(
        &self,
        tunnel: TunnelKey,
        to: SocketAddr,
    ) -> Result<Box<dyn PrivateStream>, PrivateDialError> {
        let tunnel = self.tunnel(tunnel)?;
        self.connect(tunnel, to).await
    }

    async fn connect(
        &self,
        tunnel: Arc<Tunnel>,
        to: SocketAddr,
    ) -> Result<Box<dyn PrivateStream>, PrivateDialError> {
        let held = self.hold(tunnel.key.account)?;
        let stream = tcp::connect(tunnel, to, held).await?;
        Ok(Box::new(stream))
    }

    /// A place among the flows of an account.
    fn hold(&self, account: AccountId) -> Result<FlowPlace, PrivateDialError> {
        if !self.context.memory.has_room() {
            return Err(PrivateDialError::TooMany("the edge is short of memory"));
        }
        self.bounds.hold(account)
    }
}

/// Whether an address is one of this machine's: only then a socket can have it.
fn is_own_address(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

#[async_trait]
impl PrivateDialer for Dialer {
    async fn tcp(
        &self,
        network: PrivateNetwork,
        to: SocketAddr,
    ) -> Result<Box<dyn PrivateStream>, PrivateDialError> {
        let to = SocketAddr::new(to.ip().to_canonical(), to.port());
        let tunnel = self.routed(network, to)?;
        self.connect(tunnel, to).await
    }

    async fn udp(
        &self,
        network: PrivateNetwork,
        to: SocketAddr,
        idle: Duration,
    ) -> Result<Box<dyn PrivateDatagrams>, PrivateDialError> {
        let to = SocketAddr::new(to.ip().to_canonical(), to.port());
        let tunnel = self.routed(network, to)?;
        self.datagrams.udp(&tunnel, to, idle).await
    }

    async fn icmp(
        &self,
        network: PrivateNetwork,
        to: SocketAddr,
    ) -> Result<Box<dyn PrivateEchoes>, PrivateDialError> {
        let to = SocketAddr::new(to.ip().to_canonical(), to.port());
        let tunnel = self.routed(network, to)?;
        self.datagrams.icmp(&tunnel, to).await
    }
}

/// Dials what the connectors of one tunnel reach. It asks no route and forbids no address: that is for whoever takes
/// it.
#[derive(Clone)]
pub struct TunnelDialer {
    pub(crate) flows: Arc<DatagramFlows>,
    pub(crate) tunnel: Arc<Tunnel>,
}

impl TunnelDialer {
    /// A UDP flow, which ends by itself after `idle` without a datagram in either direction (1 s to 18 h).
    ///
    /// # Errors
    /// [`PrivateDialError`]: no connector took the flow.
    pub async fn udp(
        &self,
        to: SocketAddr,
        idle: Duration,
    ) -> Result<Box<dyn PrivateDatagrams>, PrivateDialError> {
        self.flows.udp(&self.tunnel, to, idle).await
    }

    /// A flow of echo requests; the port of `to` means nothing.
    ///
    /// # Errors
    /// [`PrivateDialError`]: no connector takes it.
    pub async fn icmp(&self, to: SocketAddr) -> Result<Box<dyn PrivateEchoes>, PrivateDialError> {
        self.flows.icmp(&self.tunnel, to).await
    }
}
