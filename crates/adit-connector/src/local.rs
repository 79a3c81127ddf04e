//! The local HTTP endpoint (`--metrics`): readiness, health, metrics and diagnoses of one connector.
//!
//! It is as trusting as cloudflared's: whoever reaches it may read. Nothing that it tells is a credential.
//! Source: cloudflare/cloudflared: metrics/metrics.go, diagnostic/handlers.go.

mod configuration;
mod diagnosis;
mod system;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use adit_model::TunnelId;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::metrics::process_text;
use crate::{Configurations, Status};

/// Where cloudflared listens without `--metrics`: the first of these that is free, else any.
const DEFAULT_PORTS: std::ops::RangeInclusive<u16> = 20241..=20245;
/// Clients served at once; further ones wait.
const MAX_CLIENTS: usize = 64;
/// A client that has not sent a request's head by then is dropped.
const HEAD_LIMIT: Duration = Duration::from_secs(10);
/// How long the look at the machine may take.
const SYSTEM_LIMIT: Duration = Duration::from_secs(10);

pub(crate) const PLAIN: &str = "text/plain; charset=utf-8";
pub(crate) const JSON: &str = "application/json";
pub(crate) const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Go's profiles describe a runtime that is not here.
pub(crate) const NO_PROFILES: &str =
    "404 page not found: profiles of the Go runtime; this connector is not written in Go\n";

/// Gives the metrics in Prometheus' text format.
pub type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// What the local HTTP endpoint tells of.
#[derive(Clone)]
pub struct LocalView {
    /// The connections.
    pub status: Status,
    /// What is served.
    pub configurations: Configurations,
    /// The tunnel.
    pub tunnel: TunnelId,
    /// What the process has counted.
    pub metrics: RenderMetrics,
    /// The flags that the connector was started with, for `/diag/configuration`. None of them may hold a secret.
    pub flags: BTreeMap<String, String>,
    /// The host name of a quick tunnel.
    pub quick_tunnel: Option<String>,
    /// From where ICMP was told to leave, for `/diag/tunnel`.
    pub icmp_sources: Vec<IpAddr>,
    /// What the connector calls its version towards the edge.
    pub version: String,
}

/// The local HTTP endpoint of a connector.
pub struct LocalEndpoint {
    listener: TcpListener,
    shared: Arc<Shared>,
}

struct Shared {
    view: LocalView,
    /// One look at the machine at a time.
    looking: Arc<Semaphore>,
}

impl LocalEndpoint {
    /// Listens on `addr`, or without one on cloudflared's default ports on loopback.
    ///
    /// # Errors
    /// If nothing can be bound.
    pub async fn bind(addr: Option<SocketAddr>, view: LocalView) -> io::Result<Self> {
        let listener = match addr {
            Some(addr) => TcpListener::bind(addr).await?,
            None => bind_default().await?,
        };
        let looking = Arc::new(Semaphore::new(1));
        Ok(Self {
            listener,
            shared: Arc::new(Shared { view, looking }),
        })
    }

    /// The bound address.
    ///
    /// # Errors
    /// If the operating system does not tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until it is dropped.
    pub async fn run(self) {
        let mut clients = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if clients.len() < MAX_CLIENTS => {
                    let Ok((tcp, _)) = accepted else {
                        // Out of descriptors, most likely: it passes or it does not.
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    };
                    let shared = Arc::clone(&self.shared);
                    let answer = service_fn(move |request| {
                        let shared = Arc::clone(&shared);
                        async move { Ok::<_, Infallible>(answer(&request, &shared).await) }
                    });
                    let mut server = hyper::server::conn::http1::Builder::new();
                    server.timer(TokioTimer::new()).header_read_timeout(HEAD_LIMIT);
                    let serving = server.serve_connection(TokioIo::new(tcp), answer);
                    clients.spawn(async move { drop(serving.await) });
                }
                Some(_) = clients.join_next() => {}
            }
        }
    }
}

async fn bind_default() -> io::Result<TcpListener> {
    for port in DEFAULT_PORTS {
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            return Ok(listener);
        }
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
}

/// The metrics of the process, and what it takes of the machine.
pub(crate) fn metrics_text(render: &RenderMetrics) -> String {
    let mut text = render();
    text.push_str(&process_text());
    text
}

/// Every method is a question here, as it is to cloudflared.
async fn answer(request: &Request<Incoming>, shared: &Shared) -> Response<Full<Bytes>> {
    let view = &shared.view;
    let found = |kind, body| text(StatusCode::OK, kind, body);
    match request.uri().path() {
        "/ready" => {
            let (status, body) = diagnosis::ready(&view.status, request.uri().query() == Some("verbose"));
            text(status, JSON, body)
        }
        "/healthcheck" => found(PLAIN, "OK\n".to_owned()),
        "/metrics" => found(PROMETHEUS, metrics_text(&view.metrics)),
        "/quicktunnel" => {
            let hostname = view.quick_tunnel.as_deref().unwrap_or_default();
            found(JSON, serde_json::json!({ "hostname": hostname }).to_string())
        }
        "/config" => {
            let serving = view.configurations.serving();
            let routing = serving.warp_routing.to_json();
            found(
                JSON,
                configuration::json(serving.version, &serving.ingress, routing),
            )
        }
        "/diag/tunnel" => {
            let body = diagnosis::tunnel(view.tunnel, &view.status, &view.icmp_sources);
            found(JSON, body)
        }
        "/diag/configuration" => found(JSON, diagnosis::flags(&view.flags)),
        "/diag/system" => system(shared).await,
        "/debug/pprof/cmdline" => text(StatusCode::FORBIDDEN, PLAIN, "forbidden\n".to_owned()),
        path if path.starts_with("/debug/") => text(StatusCode::NOT_FOUND, PLAIN, NO_PROFILES.to_owned()),
        _ => text(StatusCode::NOT_FOUND, PLAIN, "404 page not found\n".to_owned()),
    }
}

async fn system(shared: &Shared) -> Response<Full<Bytes>> {
    let version = shared.view.version.clone();
    let one = Arc::clone(&shared.looking).acquire_owned();
    let looking = async {
        let one = one.await.ok()?;
        let looked = tokio::task::spawn_blocking(move || {
            let _one = one;
            system::body(&version)
        });
        looked.await.ok()
    };
    match tokio::time::timeout(SYSTEM_LIMIT, looking).await {
        Ok(Some(body)) => text(StatusCode::OK, JSON, body),
        Ok(None) | Err(_) => {
            let body = "the machine did not tell in time\n".to_owned();
            text(StatusCode::INTERNAL_SERVER_ERROR, PLAIN, body)
        }
    }
}

fn text(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
