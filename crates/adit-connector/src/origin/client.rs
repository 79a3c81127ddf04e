//! Speaks HTTP with one origin over pooled connections.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use adit_core::ingress::{self, OriginRequest};
use adit_net::tls::{self, TrustAnchors};
use adit_wire::{FlowKind, RequestHead};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioTimer;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio_rustls::TlsConnector;
use tokio_util::task::TaskTracker;

use super::RequestBody;
use super::connector::{OriginConnector, Target, Tls};
use super::headers::{Tags, request_headers};
use crate::ConnectorError;
use crate::hello::HelloSite;

/// How much of an answer waits for the edge, bytes.
const MAX_READ_BUFFER: usize = 128 * 1024;
/// Racing starts the second address family after this.
const HAPPY_EYEBALLS: Duration = Duration::from_millis(300);

/// An HTTP origin with its pool of connections.
pub(crate) struct HttpOrigin {
    client: Client<OriginConnector, RequestBody>,
    /// Replaces the client's Host.
    host: Option<HeaderValue>,
    /// Ask in TLS for the client's host: connections are then pooled by host.
    sni_from_host: bool,
}

/// Why an origin gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OriginError {
    /// The request cannot be sent to any origin.
    #[error("the request is malformed: {0}")]
    Request(&'static str),
    /// No connection, or no answer on it. Operators read this text behind a 502.
    #[error("Unable to reach the origin service. The service may be down or it may not be responding: {0}")]
    Unreachable(String),
}

impl HttpOrigin {
    /// An origin at `host:port`.
    pub(super) fn over_tcp(
        origin: &ingress::HttpOrigin,
        settings: &OriginRequest,
    ) -> Result<Self, ConnectorError> {
        let uri = Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(origin.at.to_string())
            .path_and_query("/")
            .build();
        let uri = uri.map_err(|_| ConnectorError::Origin(format!("{} is no address", origin.at)))?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(settings.connect_timeout));
        connector.set_keepalive(Some(settings.tcp_keep_alive));
        connector.set_happy_eyeballs_timeout((!settings.no_happy_eyeballs).then_some(HAPPY_EYEBALLS));
        let tls = origin
            .tls
            .then(|| tls_for(&origin.at.host, settings))
            .transpose()?;
        Self::new(Target::Tcp { connector, uri }, tls, settings)
    }

    /// An origin behind a Unix socket.
    pub(super) fn over_unix(
        path: &str,
        with_tls: bool,
        settings: &OriginRequest,
    ) -> Result<Self, ConnectorError> {
        let tls = with_tls.then(|| tls_for("localhost", settings)).transpose()?;
        Self::new(Target::Unix(PathBuf::from(path)), tls, settings)
    }

    /// The built-in site.
    pub(super) fn hello(site: HelloSite, settings: &OriginRequest) -> Self {
        Self::with(
            OriginConnector::new(Target::Hello(site), None, settings.connect_timeout),
            None,
            settings,
        )
    }

    fn new(target: Target, tls: Option<Tls>, settings: &OriginRequest) -> Result<Self, ConnectorError> {
        let host = match settings.http_host_header.as_str() {
            "" => None,
            host => Some(HeaderValue::from_str(host).map_err(|_| {
                ConnectorError::Origin("httpHostHeader has characters that no header may have".to_owned())
            })?),
        };
        Ok(Self::with(
            OriginConnector::new(target, tls, settings.connect_timeout),
            host,
            settings,
        ))
    }

    fn with(connector: OriginConnector, host: Option<HeaderValue>, settings: &OriginRequest) -> Self {
        let client = Client::builder(Tasks::default())
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(settings.keep_alive_timeout)
            .pool_max_idle_per_host(settings.keep_alive_connections)
            .http1_title_case_headers(true)
            .http1_max_buf_size(MAX_READ_BUFFER)
            .set_host(false)
            .build(connector);
        Self {
            client,
            host,
            sni_from_host: settings.match_sni_to_host,
        }
    }

    /// Sends a request and waits for the head of its answer, however long that takes; dropping the future cancels.
    pub(crate) async fn send(
        &self,
        head: RequestHead,
        body: RequestBody,
        tags: &Tags,
    ) -> Result<Response<Incoming>, OriginError> {
        let upgrade = head.kind == FlowKind::WebSocket;
        let mut request = Request::new(body);
        *request.uri_mut() = self.uri(&head)?;
        *request.method_mut() = head.method;
        *request.headers_mut() = request_headers(head.headers, &head.host, self.host.as_ref(), upgrade, tags)
            .map_err(|_| OriginError::Request("its host has characters that no header may have"))?;
        let response = self.client.request(request).await;
        response.map_err(|error| OriginError::Unreachable(chain(&error)))
    }

    /// The authority only names the pool: the connector knows where to go.
    fn uri(&self, head: &RequestHead) -> Result<Uri, OriginError> {
        let path = PathAndQuery::try_from(path_and_query(&head.dest))
            .map_err(|_| OriginError::Request("its path has characters that no path may have"))?;
        let authority = match self.sni_from_host {
            true => Authority::try_from(head.host.as_str()),
            false => Ok(Authority::from_static("origin")),
        };
        let authority = authority.map_err(|_| OriginError::Request("its host is none"))?;
        let uri = Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(authority)
            .path_and_query(path)
            .build();
        uri.map_err(|_| OriginError::Request("its URL is none"))
    }
}

/// The path alone, as ingress rules see it.
pub(crate) fn path_of(dest: &str) -> &str {
    let path = path_and_query(dest).split('?').next().unwrap_or_default();
    if path.is_empty() { "/" } else { path }
}

/// Path and query of an absolute URL or of a bare path; at least `/`.
fn path_and_query(dest: &str) -> &str {
    let after_authority = match dest.split_once("://") {
        Some((_, rest)) => rest
            .find(['/', '?', '#'])
            .and_then(|at| rest.get(at..))
            .unwrap_or("/"),
        None => dest,
    };
    let path = after_authority.split('#').next().unwrap_or_default();
    if path.is_empty() { "/" } else { path }
}

fn tls_for(host: &str, settings: &OriginRequest) -> Result<Tls, ConnectorError> {
    let anchors = if settings.no_tls_verify {
        TrustAnchors::Unchecked
    } else if settings.ca_pool.is_empty() {
        TrustAnchors::System
    } else {
        let read = CertificateDer::pem_file_iter(&settings.ca_pool).and_then(Iterator::collect);
        let extra = read.map_err(|error| {
            ConnectorError::Origin(format!(
                "cannot read certificates from {}: {error}",
                settings.ca_pool
            ))
        })?;
        TrustAnchors::SystemAnd(extra)
    };
    let config = tls::outgoing_config(&anchors).map_err(ConnectorError::Tls)?;
    let name = match settings.origin_server_name.as_str() {
        "" => (!settings.match_sni_to_host).then(|| host.to_owned()),
        name => Some(name.to_owned()),
    };
    Ok(Tls {
        connector: TlsConnector::from(Arc::new(config)),
        timeout: settings.tls_timeout,
        name,
    })
}

/// An error with all its causes; a cause that its effect already quotes is not repeated.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// Runs the pool's connections; they end with the origin's client.
#[derive(Clone, Default)]
struct Tasks(TaskTracker);

impl<F> hyper::rt::Executor<F> for Tasks
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, task: F) {
        drop(self.0.spawn(task));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn path_and_query_are_cut_from_either_form() {
        assert_eq!(path_and_query("http://shop.example/a/b?c=d#e"), "/a/b?c=d");
        assert_eq!(path_and_query("https://shop.example"), "/");
        assert_eq!(path_and_query("http://shop.example?x"), "?x");
        assert_eq!(path_and_query("/a?b"), "/a?b");
        assert_eq!(path_and_query(""), "/");
    }

    proptest! {
        #[test]
        fn no_destination_panics(dest in ".{0,60}") {
            let _ = path_and_query(&dest);
        }
    }
}
