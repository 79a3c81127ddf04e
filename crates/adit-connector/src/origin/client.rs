//! Speaks HTTP with one origin over pooled connections.

mod tls;

use std::path::PathBuf;

use adit_core::ingress::{self, OriginRequest};
use adit_wire::{FlowKind, RequestHead};
use http::header::{CONNECTION, CONTENT_LENGTH, PROXY_AUTHORIZATION};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Method, Request, Response, Uri};
use hyper::body::{Body as _, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioTimer;
use tokio_util::task::TaskTracker;

use super::RequestBody;
use super::connector::{OriginConnector, Target, Tls};
use super::dial::{Dialer, Limit, uri_of};
use super::headers::{Tags, request_headers};
use crate::ConnectorError;
use crate::hello::HelloSite;
pub(super) use tls::Ways;

/// How much of an answer waits for the edge, bytes.
const MAX_READ_BUFFER: usize = 128 * 1024;
/// Header fields of an answer; what they hold is bounded by the buffer.
const MAX_HEADERS: usize = 512;
/// The same over HTTP/2, bytes as RFC 9113 counts them.
const MAX_HEADER_LIST: u32 = 128 * 1024;
/// Methods whose requests say so if they have no body: RFC 9110, section 8.6.
const SAY_EMPTY: [Method; 3] = [Method::POST, Method::PUT, Method::PATCH];
/// What one HTTP/2 stream of an origin may send ahead, bytes.
const STREAM_WINDOW: u32 = 1 << 20;

/// An HTTP origin with its pool of connections.
pub(crate) struct HttpOrigin {
    client: Client<OriginConnector, RequestBody>,
    /// For upgrades, which only HTTP/1 has, where the other speaks HTTP/2.
    upgrades: Option<Client<OriginConnector, RequestBody>>,
    /// Replaces the client's Host.
    host: Option<HeaderValue>,
    authority: PoolBy,
    /// A credential, for the proxy before the origin.
    proxy_authorization: Option<HeaderValue>,
    scheme: Scheme,
    /// It takes no chunked coding.
    measures_bodies: bool,
    /// It speaks HTTP/1, as is known.
    http1: bool,
}

/// What connections are pooled by: the authority of a request's URI. The connector knows where to go.
enum PoolBy {
    /// All alike; a proxy that takes requests is asked for this one.
    Origin(Authority),
    /// By the host that the origin is asked for: in TLS, or by HTTP/2, which sends this authority.
    Host,
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
        ways: &mut Ways<'_>,
    ) -> Result<Self, ConnectorError> {
        let Some(at) = uri_of(&origin.at).and_then(|uri| uri.authority().cloned()) else {
            return Err(ConnectorError::Origin(format!("{} is no address", origin.at)));
        };
        let host = match settings.http_host_header.as_str() {
            "" => None,
            host => Some(HeaderValue::from_str(host).map_err(|_| {
                ConnectorError::Origin("httpHostHeader has characters that no header may have".to_owned())
            })?),
        };
        let name = match (settings.match_sni_to_host, settings.origin_server_name.as_str()) {
            (true, _) => None,
            (false, "") => Some(origin.at.host.clone()),
            (false, name) => Some(name.to_owned()),
        };
        let proxy = ways.proxy(origin)?;
        let asked = proxy.as_ref().filter(|proxy| proxy.asks);
        let proxy_authorization = asked.and_then(|proxy| proxy.proxy.authorization());
        let connect = |http2| {
            let tls = origin
                .tls
                .then(|| ways.tls(settings, name.clone(), http2))
                .transpose()?;
            let target = Target::Tcp {
                dialer: Dialer::new(settings),
                at: origin.at.clone(),
                proxy: proxy.clone(),
            };
            Ok(connector(target, tls, settings))
        };
        let speaks = match (origin.tls, settings.http2_origin, origin.h2c) {
            (true, true, _) => Speaks::Negotiated,
            (false, _, true) => Speaks::Http2,
            _ => Speaks::Http1,
        };
        let by_host = settings.match_sni_to_host || speaks != Speaks::Http1;
        Ok(Self {
            host,
            authority: if by_host && asked.is_none() {
                PoolBy::Host
            } else {
                PoolBy::Origin(at)
            },
            proxy_authorization: proxy_authorization.and_then(|login| HeaderValue::try_from(login).ok()),
            scheme: if origin.tls { Scheme::HTTPS } else { Scheme::HTTP },
            measures_bodies: settings.disable_chunked_encoding && speaks == Speaks::Http1,
            ..Self::with(speaks, settings, connect)?
        })
    }

    /// An origin behind a Unix socket.
    pub(super) fn over_unix(
        path: &str,
        with_tls: bool,
        settings: &OriginRequest,
        ways: &mut Ways<'_>,
    ) -> Result<Self, ConnectorError> {
        let name = match settings.origin_server_name.as_str() {
            "" => "localhost",
            name => name,
        };
        let connect = |http2| {
            let tls = with_tls
                .then(|| ways.tls(settings, Some(name.to_owned()), http2))
                .transpose()?;
            Ok(connector(Target::Unix(PathBuf::from(path)), tls, settings))
        };
        let origin = Self::with(Speaks::Http1, settings, connect)?;
        Ok(Self {
            measures_bodies: settings.disable_chunked_encoding,
            ..origin
        })
    }

    /// The built-in site.
    pub(super) fn hello(site: HelloSite, settings: &OriginRequest) -> Result<Self, ConnectorError> {
        Self::with(Speaks::Http1, settings, move |_| {
            Ok(connector(Target::Hello(site.clone()), None, settings))
        })
    }

    fn with(
        speaks: Speaks,
        settings: &OriginRequest,
        mut connect: impl FnMut(bool) -> Result<OriginConnector, ConnectorError>,
    ) -> Result<Self, ConnectorError> {
        let upgrades = match speaks {
            Speaks::Http1 => None,
            Speaks::Negotiated | Speaks::Http2 => Some(client(Speaks::Http1, connect(false)?, settings)),
        };
        Ok(Self {
            client: client(speaks, connect(speaks == Speaks::Negotiated)?, settings),
            upgrades,
            host: None,
            authority: PoolBy::Origin(Authority::from_static("origin")),
            proxy_authorization: None,
            scheme: Scheme::HTTP,
            measures_bodies: false,
            http1: speaks == Speaks::Http1,
        })
    }

    /// Whether bodies must have a length: [`RequestBody::measured`].
    pub(crate) const fn measures_bodies(&self) -> bool {
        self.measures_bodies
    }

    /// Sends a request and waits for the head of its answer, however long that takes; dropping the future cancels.
    pub(crate) async fn send(
        &self,
        head: Box<RequestHead>,
        body: RequestBody,
        tags: &Tags,
    ) -> Result<Response<Incoming>, OriginError> {
        let upgrade = head.kind == FlowKind::WebSocket;
        let client = self.upgrades.as_ref().filter(|_| upgrade).unwrap_or(&self.client);
        let response = client.request(self.request(*head, body, tags)?).await;
        response.map_err(|error| OriginError::Unreachable(chain(&error)))
    }

    fn request(
        &self,
        head: RequestHead,
        body: RequestBody,
        tags: &Tags,
    ) -> Result<Request<RequestBody>, OriginError> {
        let upgrade = head.kind == FlowKind::WebSocket;
        let says_empty = body.is_end_stream() && SAY_EMPTY.contains(&head.method);
        let mut request = Request::new(body);
        *request.uri_mut() = self.uri(&head)?;
        *request.method_mut() = head.method;
        *request.headers_mut() = request_headers(head.headers, &head.host, self.host.as_ref(), upgrade, tags)
            .map_err(|_| OriginError::Request("its host has characters that no header may have"))?;
        if says_empty {
            request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(0));
        }
        if self.http1 && !upgrade {
            request
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("keep-alive"));
        }
        if let Some(login) = &self.proxy_authorization {
            request.headers_mut().insert(PROXY_AUTHORIZATION, login.clone());
        }
        Ok(request)
    }

    fn uri(&self, head: &RequestHead) -> Result<Uri, OriginError> {
        let path = PathAndQuery::try_from(path_and_query(&head.dest))
            .map_err(|_| OriginError::Request("its path has characters that no path may have"))?;
        let authority = match (&self.authority, &self.host) {
            (PoolBy::Origin(at), _) => Ok(at.clone()),
            (PoolBy::Host, Some(host)) => Authority::try_from(host.as_bytes()),
            (PoolBy::Host, None) => Authority::try_from(head.host.as_str()),
        };
        let authority = authority.map_err(|_| OriginError::Request("its host is none"))?;
        let uri = Uri::builder()
            .scheme(self.scheme.clone())
            .authority(authority)
            .path_and_query(path)
            .build();
        uri.map_err(|_| OriginError::Request("its URL is none"))
    }
}

/// Which HTTP an origin speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Speaks {
    Http1,
    /// What TLS says.
    Negotiated,
    /// HTTP/2, as is known.
    Http2,
}

fn connector(target: Target, tls: Option<Tls>, settings: &OriginRequest) -> OriginConnector {
    OriginConnector::new(target, tls, Limit::new(settings.connect_timeout))
}

fn client(
    speaks: Speaks,
    connector: OriginConnector,
    settings: &OriginRequest,
) -> Client<OriginConnector, RequestBody> {
    let idle = settings.keep_alive_timeout;
    Client::builder(Tasks::default())
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .pool_idle_timeout((!idle.is_zero()).then_some(idle))
        .pool_max_idle_per_host(settings.keep_alive_connections)
        .http1_title_case_headers(true)
        .http1_max_buf_size(MAX_READ_BUFFER)
        .http1_max_headers(MAX_HEADERS)
        .http2_only(speaks == Speaks::Http2)
        .http2_max_header_list_size(MAX_HEADER_LIST)
        .http2_initial_stream_window_size(STREAM_WINDOW)
        .set_host(false)
        .build(connector)
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

/// An error with all its causes; a cause that its effect already quotes is not repeated.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
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
