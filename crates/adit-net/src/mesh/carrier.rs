//! Connections that carry a node's packets where UDP to the hub is blocked.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use adit_wire::mesh::{CARRIER_EXPORTER_LABEL, Exporter};

use super::{CARRIER, ControlStream, MeshDialError, MeshDialer};
use crate::quic::{QuicConnection, QuicDialer};
use crate::tls::{QUIC_SERVER_NAME, TlsConfigError, TlsStream, TrustAnchors, carrier_config};

/// Takes carriers off whoever accepts them.
pub trait Carriers: Send + Sync {
    /// Serves a carrier from here on, without making the caller wait. Nothing is known of who dialled it.
    fn accept(&self, carrier: Carrier);
}

/// One carrier after its handshake, at either end.
pub enum Carrier {
    /// TLS over TCP.
    Tls(Box<ControlStream>),
    /// QUIC.
    Quic(QuicConnection),
}

impl Carrier {
    /// A TLS connection that was accepted with ALPN [`adit_wire::mesh::CARRIER_ALPN`].
    ///
    /// # Errors
    /// If the peer is gone already.
    pub fn accepted(stream: TlsStream) -> io::Result<Self> {
        ControlStream::accepted_as(stream, &CARRIER).map(|stream| Self::Tls(Box::new(stream)))
    }

    /// The far end's address.
    #[must_use]
    pub fn remote_address(&self) -> SocketAddr {
        match self {
            Self::Tls(stream) => stream.remote_address(),
            Self::Quic(connection) => connection.remote_address(),
        }
    }

    /// What both ends of this connection know, and nobody else.
    ///
    /// # Errors
    /// If the connection has none.
    pub fn exporter(&self) -> io::Result<Exporter> {
        match self {
            Self::Tls(stream) => Ok(stream.exporter()),
            Self::Quic(connection) => connection
                .export(CARRIER_EXPORTER_LABEL)
                .map(Exporter::from_bytes),
        }
    }
}

/// Dials carriers.
pub struct CarrierDialer {
    tls: MeshDialer,
    quic: QuicDialer,
}

impl CarrierDialer {
    /// Trusts these authorities. With `mark`, its packets have that firewall mark, which takes the right `CAP_NET_ADMIN`.
    ///
    /// # Errors
    /// If the system's trust store cannot be read or an anchor is malformed.
    pub fn new(anchors: &TrustAnchors, mark: Option<u32>) -> Result<Self, TlsConfigError> {
        let config = carrier_config(anchors)?;
        let unusable = |_| TlsConfigError::Rustls(rustls::Error::General("no QUIC".to_owned()));
        let quic = QuicDialer::new(config.clone(), None).map_err(unusable)?;
        Ok(Self {
            tls: MeshDialer::for_carriers(config, mark)?,
            quic: quic.with_mark(mark),
        })
    }

    /// Dials TLS over TCP.
    ///
    /// # Errors
    /// [`MeshDialError`]
    pub async fn tls(&self, address: SocketAddr) -> Result<Carrier, MeshDialError> {
        let stream = self.tls.dial_address(address).await?;
        Ok(Carrier::Tls(Box::new(stream)))
    }

    /// Dials QUIC, from a port of its own, within `limit`.
    ///
    /// # Errors
    /// [`MeshDialError`]
    pub async fn quic(&self, address: SocketAddr, limit: Duration) -> Result<Carrier, MeshDialError> {
        self.quic.renew_socket();
        let connection = self.quic.dial(address, QUIC_SERVER_NAME, limit).await?;
        Ok(Carrier::Quic(connection))
    }
}
