//! Opens connections to one origin.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower::Service;

use super::io::OriginIo;
use crate::hello::HelloSite;

/// Where an origin is.
pub(super) enum Target {
    /// Over TCP, at the URI's authority.
    Tcp { connector: HttpConnector, uri: Uri },
    /// Behind a Unix socket.
    Unix(PathBuf),
    /// Within this process.
    Hello(HelloSite),
}

/// How to speak TLS with it.
pub(super) struct Tls {
    pub(super) connector: TlsConnector,
    pub(super) timeout: Duration,
    /// The name to ask for and to verify; `None` takes the request's host.
    pub(super) name: Option<String>,
}

/// Opens connections to one origin, for the pool of its client.
#[derive(Clone)]
pub(super) struct OriginConnector(Arc<Inner>);

struct Inner {
    target: Target,
    tls: Option<Tls>,
    connect_timeout: Duration,
}

impl OriginConnector {
    pub(super) fn new(target: Target, tls: Option<Tls>, connect_timeout: Duration) -> Self {
        Self(Arc::new(Inner {
            target,
            tls,
            connect_timeout,
        }))
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
            Target::Tcp { connector, uri } => {
                let mut connector = connector.clone();
                let dialling = connector.call(uri.clone());
                let tcp = within(self.connect_timeout, "connecting", dialling)
                    .await?
                    .into_inner();
                match &self.tls {
                    Some(tls) => Ok(OriginIo::TlsTcp(Box::new(tls.shake(tcp, host).await?))),
                    None => Ok(OriginIo::Tcp(tcp)),
                }
            }
            Target::Unix(path) => {
                let unix = within(self.connect_timeout, "connecting", UnixStream::connect(path)).await?;
                match &self.tls {
                    Some(tls) => Ok(OriginIo::TlsUnix(Box::new(tls.shake(unix, host).await?))),
                    None => Ok(OriginIo::Unix(unix)),
                }
            }
            Target::Hello(site) => Ok(OriginIo::Local(site.connect())),
        }
    }
}

impl Tls {
    async fn shake<T>(&self, io: T, host: Option<&str>) -> io::Result<TlsStream<T>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let name = self.name.as_deref().or(host).unwrap_or_default();
        let name = name.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        within(
            self.timeout,
            "the TLS handshake",
            self.connector.connect(name, io),
        )
        .await
    }
}

async fn within<T, E>(limit: Duration, what: &str, work: impl Future<Output = Result<T, E>>) -> io::Result<T>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    match tokio::time::timeout(limit, work).await {
        Ok(done) => done.map_err(io::Error::other),
        Err(_elapsed) => {
            let text = format!("{what} took longer than {limit:?}");
            Err(io::Error::new(io::ErrorKind::TimedOut, text))
        }
    }
}
