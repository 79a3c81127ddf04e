//! Where a flow really goes, and sockets to there.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use adit_core::warp_routing::WarpRouting;
use adit_model::Hostname;
use arc_swap::ArcSwap;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, UdpSocket};

use super::virtual_dns::{self, VirtualDns};
use super::words;

/// A resolver takes a connection within this.
const DNS_TIMEOUT: Duration = Duration::from_secs(5);
/// The period of TCP keep-alive where a configuration sets none, as in Go.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Opens sockets to private addresses.
pub(super) struct Dialer {
    dns: VirtualDns,
    routing: ArcSwap<WarpRouting>,
}

/// Where a flow goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) address: SocketAddr,
    /// It is the machine's resolver, which was asked for by another address.
    pub(super) is_resolver: bool,
}

impl Dialer {
    pub(super) fn new(resolvers: &[SocketAddr], name: Option<Hostname>) -> Self {
        Self {
            dns: VirtualDns::new(resolvers, name),
            routing: ArcSwap::default(),
        }
    }

    /// Goes by another configuration from now on.
    pub(super) fn serve(&self, routing: &WarpRouting) {
        self.routing.store(routing.clone().into());
    }

    /// Sees to it that the machine's resolver is one that answers, until it is dropped.
    pub(super) async fn keep_up(&self) {
        self.dns.keep_up().await;
    }

    /// Where a flow goes that asks for this address.
    pub(super) fn target(&self, asked: SocketAddr) -> Target {
        if asked == virtual_dns::ADDRESS {
            return Target {
                address: self.dns.resolver(),
                is_resolver: true,
            };
        }
        Target {
            address: SocketAddr::new(asked.ip().to_canonical(), asked.port()),
            is_resolver: false,
        }
    }

    /// Connects. Where a resolver takes no connection, the next one may.
    ///
    /// # Errors
    /// Why not, for the edge and the log.
    pub(super) async fn tcp(&self, target: Target) -> Result<TcpStream, String> {
        let mut connected = self.connect(target).await;
        if connected.is_err() && target.is_resolver {
            for address in self.dns.besides(target.address) {
                connected = self.connect(Target { address, ..target }).await;
                if connected.is_ok() {
                    break;
                }
            }
        }
        connected
    }

    async fn connect(&self, target: Target) -> Result<TcpStream, String> {
        let address = target.address;
        let refused =
            |why: &str| format!("unable to dial tcp to origin {address}: dial tcp {address}: {why}");
        let routing = self.routing.load();
        let (limit, keep_alive) = match target.is_resolver {
            true => (DNS_TIMEOUT, None),
            false => (routing.connect_timeout(), Some(routing.tcp_keep_alive())),
        };
        drop(routing);
        let connecting = TcpStream::connect(address);
        let connected = match limit.is_zero() {
            true => connecting.await,
            false => match tokio::time::timeout(limit, connecting).await {
                Ok(connected) => connected,
                Err(_elapsed) => return Err(refused("i/o timeout")),
            },
        };
        let tcp = connected.map_err(|error| refused(&format!("connect: {}", words::of_io(&error))))?;
        // Neither keeps a flow from working.
        let _ = tcp.set_nodelay(true);
        if let Some(period) = keep_alive {
            let period = if period.is_zero() { KEEP_ALIVE } else { period };
            let keep_alive = TcpKeepalive::new().with_time(period).with_interval(period);
            let _ = SockRef::from(&tcp).set_tcp_keepalive(&keep_alive);
        }
        Ok(tcp)
    }

    /// A socket that speaks with this address alone.
    ///
    /// # Errors
    /// Why not, for the edge and the log.
    pub(super) fn udp(&self, target: Target) -> Result<UdpSocket, String> {
        let address = target.address;
        connected(address).map_err(|error| {
            let why = words::of_io(&error);
            format!("unable to dial udp to origin {address}: dial udp {address}: connect: {why}")
        })
    }
}

fn connected(address: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = std::net::UdpSocket::bind(any)?;
    socket.connect(address)?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> Option<Hostname> {
        "edge.example.com".parse().ok()
    }

    async fn free_port() -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    }

    #[test]
    fn the_vendors_address_is_the_machines_resolver_on_its_port_alone() {
        let resolver: SocketAddr = "10.9.8.7:5353".parse().unwrap();
        let dialer = Dialer::new(&[resolver], name());
        let dns = dialer.target(virtual_dns::ADDRESS);
        assert_eq!((dns.address, dns.is_resolver), (resolver, true));
        let other = SocketAddr::new(virtual_dns::ADDRESS.ip(), 853);
        assert_eq!(dialer.target(other).address, other);
        let mapped: SocketAddr = "[::ffff:10.1.2.3]:80".parse().unwrap();
        assert_eq!(dialer.target(mapped).address, "10.1.2.3:80".parse().unwrap());
    }

    #[tokio::test]
    async fn a_port_that_nobody_listens_on_is_told_as_by_stock_connectors() {
        let free = free_port().await;
        let dialer = Dialer::new(&[], name());
        let words = dialer.tcp(dialer.target(free)).await.unwrap_err();
        assert_eq!(
            words,
            format!("unable to dial tcp to origin {free}: dial tcp {free}: connect: connection refused")
        );
    }
    #[tokio::test]
    async fn where_a_resolver_takes_no_connection_the_next_one_is_asked() {
        let free = free_port().await;
        let resolver = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let named = [free, resolver.local_addr().unwrap()];
        let dialer = Dialer::new(&named, name());
        // Which one is first is left to chance.
        for _ in 0..8 {
            let tcp = dialer.tcp(dialer.target(virtual_dns::ADDRESS)).await.unwrap();
            assert_eq!(tcp.peer_addr().unwrap(), named[1]);
        }
    }
}
