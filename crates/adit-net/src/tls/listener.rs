//! Connectors over TCP: accept, then a TLS handshake with a time limit.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use adit_wire::mesh::{ALPN as MESH_ALPN, CARRIER_ALPN};
use rustls::ServerConfig;
use rustls::server::Acceptor;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::LazyConfigAcceptor;

use crate::listen_tcp;

/// Bounds of a [`TlsListener`].
#[derive(Clone, Copy, Debug)]
pub struct TlsLimits {
    /// A client that has not finished its handshake by then is dropped. Default 5 s.
    pub handshake: Duration,
    /// Handshakes under way at once; further clients wait in the kernel's queue. Default 512.
    pub half_open: usize,
}

impl Default for TlsLimits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(5),
            half_open: 512,
        }
    }
}

/// Why a TCP client did not become a TLS stream. Garbage from strangers ends here.
#[derive(Debug, thiserror::Error)]
pub enum TlsAcceptError {
    /// The client took longer than [`TlsLimits::handshake`].
    #[error("the client did not finish its TLS handshake in time")]
    TimedOut,
    /// The client spoke no TLS, offered nothing we share, or went away.
    #[error("TLS handshake failed")]
    Handshake(#[source] io::Error),
}

/// What clients may want.
#[derive(Clone)]
struct Configs {
    usual: Arc<ServerConfig>,
    /// For those who offer this protocol.
    special: Option<(&'static [u8], Arc<ServerConfig>)>,
}

/// Accepts TCP clients for TLS.
pub struct TlsListener {
    tcp: TcpListener,
    configs: Configs,
    limits: TlsLimits,
    half_open: Arc<Semaphore>,
}

impl TlsListener {
    /// Listens on `addr` (port 0 picks one).
    ///
    /// # Errors
    /// If the address cannot be bound.
    pub fn bind(addr: SocketAddr, tls: Arc<ServerConfig>, limits: TlsLimits) -> io::Result<Self> {
        Ok(Self {
            tcp: listen_tcp(addr)?,
            configs: Configs {
                usual: tls,
                special: None,
            },
            limits,
            half_open: Arc::new(Semaphore::new(limits.half_open)),
        })
    }

    /// Serves clients that offer ALPN [`MESH_ALPN`] with a configuration of their own, and all others as before.
    #[must_use]
    pub fn with_mesh(mut self, mesh: Arc<ServerConfig>) -> Self {
        self.configs.special = Some((MESH_ALPN, mesh));
        self
    }

    /// Serves clients that offer ALPN [`CARRIER_ALPN`] with a configuration of their own, and all others as before.
    #[must_use]
    pub fn with_carriers(mut self, carriers: Arc<ServerConfig>) -> Self {
        self.configs.special = Some((CARRIER_ALPN, carriers));
        self
    }

    /// The bound address.
    ///
    /// # Errors
    /// If the operating system does not tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Waits for the next client. Cancel safe.
    ///
    /// # Errors
    /// When the process runs out of descriptors or memory; the listener stays usable, so wait a little and go on.
    pub async fn accept(&self) -> io::Result<TlsIncoming> {
        let permit = Arc::clone(&self.half_open)
            .acquire_owned()
            .await
            .map_err(io::Error::other)?;
        let (tcp, remote) = self.tcp.accept().await?;
        Ok(TlsIncoming {
            tcp,
            remote,
            configs: self.configs.clone(),
            limits: self.limits,
            _permit: permit,
        })
    }
}

/// A TCP client whose handshake has not begun. Finish it in a task of its own: it may be slow on purpose.
pub struct TlsIncoming {
    tcp: TcpStream,
    remote: SocketAddr,
    configs: Configs,
    limits: TlsLimits,
    _permit: OwnedSemaphorePermit,
}

impl TlsIncoming {
    /// Who dials.
    #[must_use]
    pub fn remote_address(&self) -> SocketAddr {
        self.remote
    }

    /// Shakes hands, within [`TlsLimits::handshake`].
    ///
    /// # Errors
    /// If the client is too slow, speaks no TLS or goes away.
    pub async fn finish(self) -> Result<TlsStream, TlsAcceptError> {
        prepare(&self.tcp).map_err(TlsAcceptError::Handshake)?;
        let shaken = tokio::time::timeout(self.limits.handshake, shake(self.tcp, self.configs)).await;
        let tls = shaken
            .map_err(|_elapsed| TlsAcceptError::TimedOut)?
            .map_err(TlsAcceptError::Handshake)?;
        Ok(TlsStream {
            tls,
            remote: self.remote,
        })
    }
}

async fn shake(tcp: TcpStream, configs: Configs) -> io::Result<tokio_rustls::server::TlsStream<TcpStream>> {
    let hello = LazyConfigAcceptor::new(Acceptor::default(), tcp).await?;
    let config = {
        let hello = hello.client_hello();
        let offers = |wanted: &[u8]| {
            hello
                .alpn()
                .is_some_and(|mut offered| offered.any(|protocol| protocol == wanted))
        };
        match configs.special {
            Some((protocol, special)) if offers(protocol) => special,
            Some(_) | None => configs.usual,
        }
    };
    hello.into_stream(config).await
}

/// Small frames leave at once; a peer whose machine vanished is noticed below HTTP/2, too.
fn prepare(tcp: &TcpStream) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(15))
        .with_interval(Duration::from_secs(5));
    SockRef::from(tcp).set_tcp_keepalive(&keepalive)
}

/// A client after its handshake.
#[derive(Debug)]
pub struct TlsStream {
    tls: tokio_rustls::server::TlsStream<TcpStream>,
    remote: SocketAddr,
}

impl TlsStream {
    /// Who dialled.
    #[must_use]
    pub fn remote_address(&self) -> SocketAddr {
        self.remote
    }

    pub(crate) fn into_parts(self) -> (tokio_rustls::server::TlsStream<TcpStream>, SocketAddr) {
        (self.tls, self.remote)
    }

    /// The name the client asked for, if any.
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        self.tls.get_ref().1.server_name()
    }

    /// The ALPN both agreed on. A stock connector offers none.
    #[must_use]
    pub fn alpn(&self) -> Option<&[u8]> {
        self.tls.get_ref().1.alpn_protocol()
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_read(cx, buf)
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tls).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tls).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.tls.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_shutdown(cx)
    }
}
