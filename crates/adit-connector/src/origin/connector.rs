//! Opens connections to one origin.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use adit_core::ingress::HostPort;
use adit_net::proxy::OutboundProxy;
use adit_wire::Destination;
use http::Uri;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower::Service;

use super::dial::{Dialer, Limit};
use super::io::OriginIo;
use crate::hello::HelloSite;

/// Where an origin is.
pub(super) enum Target {
    /// Over TCP.
    Tcp {
        dialer: Dialer,
        at: HostPort,
        proxy: Option<Proxied>,
    },
    /// Behind a Unix socket.
    Unix(PathBuf),
    /// Within this process.
    Hello(HelloSite),
}

/// A proxy before an origin.
#[derive(Clone)]
pub(super) struct Proxied {
    pub(super) proxy: OutboundProxy,
    /// It is asked for what the origin is asked for, instead of a way there.
    pub(super) asks: bool,
}

/// How to speak TLS with it.
pub(super) struct Tls {
    pub(super) connector: TlsConnector,
    pub(super) limit: Limit,
    /// The name to ask for and to verify; `None` takes the request's host.
    pub(super) name: Option<String>,
}

/// Opens connections to one origin, for the pool of its client.
#[derive(Clone)]
pub(super) struct OriginConnector(Arc<Inner>);

struct Inner {
    target: Target,
    tls: Option<Tls>,
    limit: Limit,
}

impl OriginConnector {
    pub(super) fn new(target: Target, tls: Option<Tls>, limit: Limit) -> Self {
        Self(Arc::new(Inner { target, tls, limit }))
    }
}

impl Service<Uri> for OriginConnector {
    type Response = TokioIo<OriginIo>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<OriginIo>>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, wanted: Uri) -> Self::Future {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.open(wanted.host()).await.map(TokioIo::new) })
    }
}

impl Inner {
    async fn open(&self, host: Option<&str>) -> io::Result<OriginIo> {
        match &self.target {
            Target::Tcp { dialer, at, proxy } => {
                let tcp = match proxy {
                    None => dialer.dial(at).await?,
                    Some(Proxied { proxy, asks: true }) => {
                        return Ok(OriginIo::Proxy(dialer.dial(&place(proxy)?).await?));
                    }
                    Some(Proxied { proxy, asks: false }) => {
                        let tcp = dialer.dial(&place(proxy)?).await?;
                        let to = Destination::host(&at.host, at.port);
                        let to = to.ok_or_else(|| io::Error::other(format!("{at} is no address")))?;
                        self.limit.of("the proxy", proxy.connect(tcp, &to)).await?
                    }
                };
                match &self.tls {
                    Some(tls) => Ok(OriginIo::TlsTcp(Box::new(tls.shake(tcp, host).await?))),
                    None => Ok(OriginIo::Tcp(tcp)),
                }
            }
            Target::Unix(path) => {
                let unix = self.limit.of("connecting", UnixStream::connect(path)).await?;
                match &self.tls {
                    Some(tls) => Ok(OriginIo::TlsUnix(Box::new(tls.shake(unix, host).await?))),
                    None => Ok(OriginIo::Unix(unix)),
                }
            }
            Target::Hello(site) => Ok(OriginIo::Local(site.connect())),
        }
    }
}

fn place(proxy: &OutboundProxy) -> io::Result<HostPort> {
    HostPort::from_client(proxy.address()).ok_or_else(|| io::Error::other(format!("{proxy} is no address")))
}

impl Tls {
    async fn shake<T>(&self, io: T, host: Option<&str>) -> io::Result<TlsStream<T>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let name = self.name.as_deref().or(host).unwrap_or_default();
        let name = name.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        let shaking = self.connector.connect(name, io);
        self.limit.of("the TLS handshake", shaking).await
    }
}
