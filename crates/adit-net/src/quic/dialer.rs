//! The connector's side: dials an edge.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Endpoint, EndpointConfig};
use socket2::SockRef;

use super::{CloseCause, QuicConnection, runtime::Batching, transport};
use crate::socket;

/// Dials from one UDP socket, opened at the first dial and kept for the later ones, as stock connectors keep theirs.
///
/// Several dials may be under way at once. One dialer per connection slot spreads the slots over UDP ports.
pub struct QuicDialer {
    config: ClientConfig,
    local_ip: Option<IpAddr>,
    mark: Option<u32>,
    streams: u32,
    endpoint: Mutex<Option<(SocketAddr, Endpoint)>>,
}

/// Why a dial gave no connection.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// No local socket.
    #[error("cannot open a UDP socket")]
    Socket(#[source] io::Error),
    /// The address or the server name cannot be dialled at all.
    #[error("cannot dial {addr}: {reason}")]
    Unusable {
        /// The address asked for.
        addr: SocketAddr,
        /// Why not.
        reason: String,
    },
    /// Nobody answered within the limit.
    #[error("no answer from {addr} within {limit:?}")]
    TimedOut {
        /// The address asked for.
        addr: SocketAddr,
        /// The limit that was given.
        limit: Duration,
    },
    /// Somebody answered, but not with a connection (TLS failures end here).
    #[error("the handshake with {addr} failed")]
    Handshake {
        /// The address asked for.
        addr: SocketAddr,
        /// What went wrong.
        #[source]
        cause: CloseCause,
    },
}

impl QuicDialer {
    /// A dialer that binds to `local_ip` (default: any address of the peer's family) when it first dials.
    ///
    /// # Errors
    /// If `tls` cannot serve QUIC (no TLS 1.3).
    pub fn new(tls: Arc<rustls::ClientConfig>, local_ip: Option<IpAddr>) -> io::Result<Self> {
        let crypto = QuicClientConfig::try_from(tls).map_err(io::Error::other)?;
        let mut config = ClientConfig::new(Arc::new(crypto));
        config.transport_config(transport::connector(transport::FIRST_PEER_STREAMS));
        Ok(Self {
            config,
            local_ip,
            mark: None,
            streams: transport::FIRST_PEER_STREAMS,
            endpoint: Mutex::new(None),
        })
    }

    /// Gives its packets this firewall mark, which takes the right `CAP_NET_ADMIN`.
    #[must_use]
    pub fn with_mark(mut self, mark: Option<u32>) -> Self {
        self.mark = mark;
        self
    }

    /// Lets the edge have so many streams open at once on each connection from the beginning, in place of 256 that
    /// [`QuicConnection::make_room`] raises.
    #[must_use]
    pub fn allowing_streams(mut self, streams: u32) -> Self {
        self.config.transport_config(transport::connector(streams));
        self.streams = streams;
        self
    }

    /// Dials `addr` and verifies it as `server_name`, within `limit`. Must be called inside a tokio runtime.
    /// Dropping the future gives the attempt up.
    ///
    /// # Errors
    /// See [`DialError`].
    pub async fn dial(
        &self,
        addr: SocketAddr,
        server_name: &str,
        limit: Duration,
    ) -> Result<QuicConnection, DialError> {
        let endpoint = self.endpoint_for(addr).map_err(DialError::Socket)?;
        let connecting = endpoint
            .connect_with(self.config.clone(), addr, server_name)
            .map_err(|error| DialError::Unusable {
                addr,
                reason: error.to_string(),
            })?;
        let shaken = tokio::time::timeout(limit, connecting).await;
        let connection = shaken
            .map_err(|_elapsed| DialError::TimedOut { addr, limit })?
            .map_err(|error| DialError::Handshake {
                addr,
                cause: error.into(),
            })?;
        Ok(QuicConnection::new(
            connection,
            transport::CONNECTOR_WINDOW,
            self.streams,
        ))
    }

    /// Lets the next dial open a new socket, which changes the local port: a way out when a NAT or a firewall has
    /// taken against the old one. Open connections keep theirs.
    pub fn renew_socket(&self) {
        *self.endpoint.lock() = None;
    }

    /// Waits until every connection of the current socket is gone, its last packet sent.
    pub async fn wait_idle(&self) {
        let endpoint = self
            .endpoint
            .lock()
            .as_ref()
            .map(|(_, endpoint)| endpoint.clone());
        if let Some(endpoint) = endpoint {
            endpoint.wait_idle().await;
        }
    }

    fn endpoint_for(&self, peer: SocketAddr) -> io::Result<Endpoint> {
        let local = SocketAddr::new(self.local_ip.unwrap_or_else(|| any_address(peer)), 0);
        let mut slot = self.endpoint.lock();
        if let Some((bound, endpoint)) = slot.as_ref()
            && *bound == local
        {
            return Ok(endpoint.clone());
        }
        let udp = socket::bind_udp(local)?;
        if let Some(mark) = self.mark {
            SockRef::from(&udp).set_mark(mark)?;
        }
        let config = transport::endpoint(EndpointConfig::default());
        let endpoint = Endpoint::new(config, None, udp, Arc::new(Batching::of_connector()))?;
        *slot = Some((local, endpoint.clone()));
        Ok(endpoint)
    }
}

fn any_address(peer: SocketAddr) -> IpAddr {
    match peer {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}
