//! A node's way to the edge.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use socket2::SockRef;
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::{CARRIER, CONTROL, ControlStream, Kind, export, prepare};
use crate::quic::DialError;
use crate::tls::{self, H2_SERVER_NAME, TlsConfigError, TrustAnchors};

/// How long one address may take to accept.
const CONNECT: Duration = Duration::from_secs(3);
/// How long the TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long the look-up of a name may take.
const LOOK_UP: Duration = Duration::from_secs(5);
/// The most addresses of a name that are tried.
const MAX_ADDRESSES: usize = 8;

/// Why there is no control connection.
#[derive(Debug, thiserror::Error)]
pub enum MeshDialError {
    /// The edge's name has no address.
    #[error("cannot find the address of {0}")]
    LookUp(String, #[source] io::Error),
    /// Nobody accepts there.
    #[error("cannot connect to {0}")]
    Connect(SocketAddr, #[source] io::Error),
    /// The TLS handshake failed: most often the certificate is not of an authority that is trusted.
    #[error("the TLS handshake with {0} failed")]
    Handshake(SocketAddr, #[source] io::Error),
    /// It speaks TLS and no mesh.
    #[error("{0} does not serve a mesh")]
    NotMesh(SocketAddr),
    /// There is no QUIC connection.
    #[error(transparent)]
    Quic(#[from] DialError),
}

/// Dials edges.
#[derive(Clone)]
pub struct MeshDialer {
    connector: TlsConnector,
    server_name: ServerName<'static>,
    mark: Option<u32>,
    kind: &'static Kind,
}

impl MeshDialer {
    /// Trusts these authorities. With `mark`, its packets have that firewall mark, which takes the right `CAP_NET_ADMIN`.
    ///
    /// # Errors
    /// If the system's trust store cannot be read or an anchor is malformed.
    pub fn new(anchors: &TrustAnchors, mark: Option<u32>) -> Result<Self, TlsConfigError> {
        Self::of_kind(&CONTROL, tls::mesh_node_config(anchors)?, mark)
    }

    pub(super) fn for_carriers(config: Arc<ClientConfig>, mark: Option<u32>) -> Result<Self, TlsConfigError> {
        Self::of_kind(&CARRIER, config, mark)
    }

    fn of_kind(
        kind: &'static Kind,
        config: Arc<ClientConfig>,
        mark: Option<u32>,
    ) -> Result<Self, TlsConfigError> {
        Ok(Self {
            connector: TlsConnector::from(config),
            server_name: ServerName::try_from(H2_SERVER_NAME)
                .map_err(|_| TlsConfigError::Rustls(rustls::Error::General("no server name".to_owned())))?,
            mark,
            kind,
        })
    }

    /// Dials an edge, `HOST:PORT`: looks its name up anew and tries its addresses in turn.
    ///
    /// # Errors
    /// [`MeshDialError`] of the last address.
    pub async fn dial(&self, edge: &str) -> Result<ControlStream, MeshDialError> {
        let not_found = |error| MeshDialError::LookUp(edge.to_owned(), error);
        let found = timeout(LOOK_UP, lookup_host(edge))
            .await
            .unwrap_or_else(|_| Err(timed_out()));
        let mut last = not_found(io::Error::from(io::ErrorKind::NotFound));
        for address in found.map_err(not_found)?.take(MAX_ADDRESSES) {
            match self.dial_address(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    pub(super) async fn dial_address(&self, address: SocketAddr) -> Result<ControlStream, MeshDialError> {
        let refused = |error| MeshDialError::Connect(address, error);
        let connecting = timeout(CONNECT, self.connect(address)).await;
        let tcp = connecting.unwrap_or_else(|_| Err(timed_out())).map_err(refused)?;
        prepare(&tcp, self.kind).map_err(refused)?;
        let broken = |error| MeshDialError::Handshake(address, error);
        let shaking = self.connector.connect(self.server_name.clone(), tcp);
        let shaken = timeout(HANDSHAKE, shaking).await;
        let tls = shaken.unwrap_or_else(|_| Err(timed_out())).map_err(broken)?;
        let session = tls.get_ref().1;
        // A server that knows no ALPN agrees on none.
        if session.alpn_protocol() != Some(self.kind.alpn) {
            return Err(MeshDialError::NotMesh(address));
        }
        let exporter = export(session, self.kind).map_err(broken)?;
        Ok(ControlStream {
            tls: tls.into(),
            exporter,
            remote: address,
        })
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        if let Some(mark) = self.mark {
            SockRef::from(&socket).set_mark(mark)?;
        }
        socket.connect(address).await
    }
}

fn timed_out() -> io::Error {
    io::Error::from(io::ErrorKind::TimedOut)
}
