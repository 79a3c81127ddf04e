//! Dials an edge over TCP and TLS.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{H2Error, H2Server, H2ServerLimits};

/// What was sent and not acknowledged for this long ends the connection.
const USER_TIMEOUT: Duration = Duration::from_secs(5);
/// Where nothing is sent, the system asks after this long, and again as often.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The connection to an edge under HTTP/2.
pub type EdgeTls = TlsStream<TcpStream>;

/// Dials edges over TCP. Every dial has a socket of its own.
#[derive(Clone)]
pub struct H2Dialer {
    connector: TlsConnector,
    local_ip: Option<IpAddr>,
    limits: H2ServerLimits,
}

/// A session with an edge.
pub struct H2Dialled {
    /// The session.
    pub server: H2Server<EdgeTls>,
    /// This side's address of its TCP connection, where the system tells.
    pub local_ip: Option<IpAddr>,
    /// The far end's address: the edge's, or the proxy's that leads to it.
    pub remote: SocketAddr,
}

/// Why a dial gave no session.
#[derive(Debug, thiserror::Error)]
pub enum H2DialError {
    /// No TCP connection.
    #[error("cannot connect to {0}")]
    Connect(SocketAddr, #[source] io::Error),
    /// No TLS: somebody else answers there, or a certificate of somebody else.
    #[error("the TLS handshake failed")]
    Tls(#[source] io::Error),
    /// TLS, but no edge behind it.
    #[error("no HTTP/2 preface came")]
    NoEdge(#[source] H2Error),
    /// The server name cannot be asked for.
    #[error("{0:?} is no server name")]
    BadName(String),
    /// It took too long.
    #[error("no session within {0:?}")]
    TimedOut(Duration),
}

impl H2Dialer {
    /// Dials from `local_ip`, any address by default. `tls` must offer no ALPN: see
    /// [`ConnectorTls`](crate::tls::ConnectorTls).
    #[must_use]
    pub fn new(tls: Arc<ClientConfig>, local_ip: Option<IpAddr>, limits: H2ServerLimits) -> Self {
        Self {
            connector: TlsConnector::from(tls),
            local_ip,
            limits,
        }
    }

    /// Dials `addr`, verifies it as `server_name` and waits for its preface, all within `limit`.
    ///
    /// # Errors
    /// See [`H2DialError`].
    pub async fn dial(
        &self,
        addr: SocketAddr,
        server_name: &str,
        limit: Duration,
    ) -> Result<H2Dialled, H2DialError> {
        let dialling = async {
            let tcp = self.connect(addr).await;
            let tcp = tcp.map_err(|error| H2DialError::Connect(addr, error))?;
            self.serve(tcp, addr, server_name).await
        };
        let dialled = tokio::time::timeout(limit, dialling).await;
        dialled.unwrap_or(Err(H2DialError::TimedOut(limit)))
    }

    /// A TCP connection as an edge's should be: nothing waits for company, and a dead peer is noticed.
    ///
    /// # Errors
    /// If nobody takes it, or the local address is not this machine's.
    pub async fn connect(&self, addr: SocketAddr) -> io::Result<TcpStream> {
        let socket = match addr {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        }?;
        if let Some(local) = self.local_ip {
            socket.bind(SocketAddr::new(local, 0))?;
        }
        socket.set_nodelay(true)?;
        let keep_alive = TcpKeepalive::new()
            .with_time(KEEP_ALIVE)
            .with_interval(KEEP_ALIVE);
        SockRef::from(&socket).set_tcp_keepalive(&keep_alive)?;
        #[cfg(target_os = "linux")]
        SockRef::from(&socket).set_tcp_user_timeout(Some(USER_TIMEOUT))?;
        socket.connect(addr).await
    }

    /// TLS and HTTP/2 on a TCP connection that leads to an edge, such as one through a proxy.
    ///
    /// # Errors
    /// See [`H2DialError`].
    pub async fn serve(
        &self,
        tcp: TcpStream,
        remote: SocketAddr,
        server_name: &str,
    ) -> Result<H2Dialled, H2DialError> {
        let local_ip = tcp.local_addr().ok().map(|addr| addr.ip());
        let tls = self.shake(tcp, server_name).await?;
        let server = H2Server::start(tls, self.limits).await;
        Ok(H2Dialled {
            server: server.map_err(H2DialError::NoEdge)?,
            local_ip,
            remote,
        })
    }

    /// Only TLS, as a precheck wants it.
    ///
    /// # Errors
    /// See [`H2DialError`].
    pub async fn shake(&self, tcp: TcpStream, server_name: &str) -> Result<EdgeTls, H2DialError> {
        let name = ServerName::try_from(server_name.to_owned())
            .map_err(|_| H2DialError::BadName(server_name.to_owned()))?;
        self.connector.connect(name, tcp).await.map_err(H2DialError::Tls)
    }
}
