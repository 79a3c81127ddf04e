//! Opens TCP connections to origins.

use std::io;
use std::time::Duration;

use adit_core::ingress::{HostPort, OriginRequest};
use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::net::TcpStream;
use tower::Service;

/// Racing starts the second address family after this.
const HAPPY_EYEBALLS: Duration = Duration::from_millis(300);
/// The period of TCP keep-alive where none is set, as in Go.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Opens TCP connections as the settings of one rule say.
#[derive(Clone)]
pub(crate) struct Dialer {
    connector: HttpConnector,
    limit: Limit,
}

impl Dialer {
    pub(crate) fn new(settings: &OriginRequest) -> Self {
        let limit = Limit::new(settings.connect_timeout);
        let keep_alive = Limit::new(settings.tcp_keep_alive).0.unwrap_or(KEEP_ALIVE);
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(limit.0);
        connector.set_keepalive(Some(keep_alive));
        connector.set_keepalive_interval(Some(keep_alive));
        connector.set_happy_eyeballs_timeout((!settings.no_happy_eyeballs).then_some(HAPPY_EYEBALLS));
        Self { connector, limit }
    }

    /// Connects; a name is looked up anew.
    ///
    /// # Errors
    /// If nobody listens there, the name leads nowhere, or it takes too long.
    pub(crate) async fn dial(&self, to: &HostPort) -> io::Result<TcpStream> {
        let uri = uri_of(to).ok_or_else(|| io::Error::other(format!("{to} is no address")))?;
        let dialling = self.connector.clone().call(uri);
        let tcp = self.limit.of("connecting", dialling).await?;
        Ok(tcp.into_inner())
    }
}

/// The address in the form that the connector takes; `None` if it has none.
pub(super) fn uri_of(to: &HostPort) -> Option<Uri> {
    let authority = to.to_string();
    Uri::builder()
        .scheme(http::uri::Scheme::HTTP)
        .authority(authority)
        .path_and_query("/")
        .build()
        .ok()
}

/// How long something may take; a setting of 0 is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit(Option<Duration>);

impl Limit {
    pub(super) fn new(setting: Duration) -> Self {
        Self((!setting.is_zero()).then_some(setting))
    }

    /// Waits for the work, or says what took too long.
    pub(super) async fn of<T, E>(self, what: &str, work: impl Future<Output = Result<T, E>>) -> io::Result<T>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let Some(limit) = self.0 else {
            return work.await.map_err(io::Error::other);
        };
        match tokio::time::timeout(limit, work).await {
            Ok(done) => done.map_err(io::Error::other),
            Err(_elapsed) => {
                let text = format!("{what} took longer than {limit:?}");
                Err(io::Error::new(io::ErrorKind::TimedOut, text))
            }
        }
    }
}
