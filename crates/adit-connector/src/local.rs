//! The local HTTP endpoint (`--metrics`): readiness, health and metrics of one connector.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::Status;

/// Where cloudflared listens without `--metrics`: the first of these that is free, else any.
const DEFAULT_PORTS: std::ops::RangeInclusive<u16> = 20241..=20245;
/// Clients served at once; further ones wait.
const MAX_CLIENTS: usize = 64;
/// A client that has not sent a request's head by then is dropped.
const HEAD_LIMIT: Duration = Duration::from_secs(10);

/// Gives the metrics in Prometheus' text format.
pub type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// The local HTTP endpoint of a connector.
pub struct LocalEndpoint {
    listener: TcpListener,
    status: Status,
    render: RenderMetrics,
}

/// What `/ready` says. Field order and names are cloudflared's.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Ready {
    status: u16,
    ready_connections: usize,
    connector_id: String,
}

impl LocalEndpoint {
    /// Listens on `addr`, or without one on cloudflared's default ports on loopback.
    ///
    /// # Errors
    /// If nothing can be bound.
    pub async fn bind(addr: Option<SocketAddr>, status: Status, render: RenderMetrics) -> io::Result<Self> {
        let listener = match addr {
            Some(addr) => TcpListener::bind(addr).await?,
            None => bind_default().await?,
        };
        Ok(Self {
            listener,
            status,
            render,
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
                    let (status, render) = (self.status.clone(), Arc::clone(&self.render));
                    let answer = service_fn(move |request| {
                        let answer = answer(&request, &status, &render);
                        async move { Ok::<_, Infallible>(answer) }
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

fn answer(request: &Request<Incoming>, status: &Status, render: &RenderMetrics) -> Response<Full<Bytes>> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return text(
            StatusCode::METHOD_NOT_ALLOWED,
            "text/plain; charset=utf-8",
            "only GET and HEAD\n".to_owned(),
        );
    }
    match request.uri().path() {
        "/ready" => ready(status),
        "/healthcheck" => text(StatusCode::OK, "text/plain; charset=utf-8", "OK\n".to_owned()),
        "/metrics" => text(
            StatusCode::OK,
            "text/plain; version=0.0.4; charset=utf-8",
            render(),
        ),
        _ => text(
            StatusCode::NOT_FOUND,
            "text/plain; charset=utf-8",
            "404 page not found\n".to_owned(),
        ),
    }
}

fn ready(status: &Status) -> Response<Full<Bytes>> {
    let ready_connections = status.ready_connections();
    let code = match ready_connections {
        0 => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::OK,
    };
    let ready = Ready {
        status: code.as_u16(),
        ready_connections,
        connector_id: status.connector_id().to_string(),
    };
    // Numbers and a string always serialise.
    text(
        code,
        "application/json",
        serde_json::to_string(&ready).unwrap_or_default(),
    )
}

fn text(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
