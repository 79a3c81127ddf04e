//! The control connection of the mesh: TLS 1.3 over TCP to the edge's dial-in port, ALPN [`adit_wire::mesh::ALPN`].
//!
//! The edge accepts it beside connectors ([`crate::tls::TlsListener::with_mesh`]) and hands it to whoever implements
//! [`ControlStreams`]; a node dials it with [`MeshDialer`].
//!
//! Where UDP to the hub is blocked, a node dials a [`Carrier`] for its packets beside it ([`CarrierDialer`]): QUIC or TLS
//! to the edge's HTTPS port, ALPN [`adit_wire::mesh::CARRIER_ALPN`], handed to whoever implements [`Carriers`].

mod carrier;
mod dialer;

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use adit_wire::mesh::{ALPN, CARRIER_ALPN, CARRIER_EXPORTER_LABEL, EXPORTER_LABEL, Exporter};
use rustls::ConnectionCommon;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::tls::TlsStream;

pub use carrier::{Carrier, CarrierDialer, Carriers};
pub use dialer::{MeshDialError, MeshDialer};

/// What sets the connections of nodes over TLS apart.
struct Kind {
    alpn: &'static [u8],
    label: &'static [u8],
    /// What was sent and not acknowledged for this long ends the connection.
    user_timeout: Duration,
}

const CONTROL: Kind = Kind {
    alpn: ALPN,
    label: EXPORTER_LABEL,
    user_timeout: Duration::from_secs(2),
};

/// Packets may fill the path, so that acknowledgements come late.
const CARRIER: Kind = Kind {
    alpn: CARRIER_ALPN,
    label: CARRIER_EXPORTER_LABEL,
    user_timeout: Duration::from_secs(10),
};

/// Takes control connections off whoever accepts them.
pub trait ControlStreams: Send + Sync {
    /// Serves a connection from here on, without making the caller wait.
    fn accept(&self, stream: ControlStream);
}

/// One control connection, or one [`Carrier`] over TLS, after its handshake, at either end.
pub struct ControlStream {
    tls: tokio_rustls::TlsStream<TcpStream>,
    exporter: Exporter,
    remote: SocketAddr,
}

impl ControlStream {
    /// A connection that was accepted with ALPN [`adit_wire::mesh::ALPN`].
    ///
    /// # Errors
    /// If the peer is gone already.
    pub fn accepted(stream: TlsStream) -> io::Result<Self> {
        Self::accepted_as(stream, &CONTROL)
    }

    fn accepted_as(stream: TlsStream, kind: &Kind) -> io::Result<Self> {
        let (tls, remote) = stream.into_parts();
        let (tcp, session) = tls.get_ref();
        prepare(tcp, kind)?;
        let exporter = export(session, kind)?;
        Ok(Self {
            tls: tls.into(),
            exporter,
            remote,
        })
    }

    /// The far end's address.
    #[must_use]
    pub const fn remote_address(&self) -> SocketAddr {
        self.remote
    }

    /// What both ends of this connection know, and nobody else.
    #[must_use]
    pub const fn exporter(&self) -> Exporter {
        self.exporter
    }
}

/// Small messages leave at once; a peer whose machine vanished is noticed as soon as something is not acknowledged.
fn prepare(tcp: &TcpStream, kind: &Kind) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    SockRef::from(tcp).set_tcp_user_timeout(Some(kind.user_timeout))
}

fn export<Side>(session: &ConnectionCommon<Side>, kind: &Kind) -> io::Result<Exporter> {
    let bytes = session.export_keying_material([0; 32], kind.label, None);
    bytes.map(Exporter::from_bytes).map_err(io::Error::other)
}

impl AsyncRead for ControlStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_read(cx, buf)
    }
}

impl AsyncWrite for ControlStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tls).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_shutdown(cx)
    }
}
