//! The built-in site behind `hello_world`: a page that says the tunnel works, a WebSocket that echoes, and events that go
//! on for ever.
//!
//! It listens on no port: the connector speaks HTTP with it within the process.

mod events;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HOST, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE,
};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use self::events::Numbers;

/// Bytes in flight in each direction of one connection.
const PIPE: usize = 64 * 1024;
/// The longest message that the echo takes, bytes.
const MAX_MESSAGE: usize = 1 << 20;
const PAGE: &str = include_str!("hello/page.html");

/// What the site answers with.
type Said = Either<Full<Bytes>, Numbers>;

/// The site. Clones are the same site; its connections end with the last one.
#[derive(Clone)]
pub(crate) struct HelloSite(Arc<Site>);

struct Site {
    since: Instant,
    tasks: TaskTracker,
    ended: CancellationToken,
    _end: DropGuard,
}

impl Default for HelloSite {
    fn default() -> Self {
        let ended = CancellationToken::new();
        let tasks = TaskTracker::new();
        tracing::info!("Starting Hello World server within this process");
        Self(Arc::new(Site {
            since: Instant::now(),
            tasks,
            ended: ended.clone(),
            _end: ended.drop_guard(),
        }))
    }
}

impl HelloSite {
    /// Opens a connection to the site.
    pub(crate) fn connect(&self) -> DuplexStream {
        let (client, server) = tokio::io::duplex(PIPE);
        let (since, tasks, ended) = (self.0.since, self.0.tasks.clone(), self.0.ended.clone());
        self.0.tasks.spawn(async move {
            let answer = service_fn(|request| {
                let answer = answer(request, since, &tasks, &ended);
                async move { Ok::<_, Infallible>(answer) }
            });
            let serving = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(server), answer)
                .with_upgrades();
            tokio::select! {
                // The other end is this process: it closes when it likes.
                _ = serving => {}
                () = ended.cancelled() => {}
            }
        });
        client
    }
}

fn answer(
    request: Request<Incoming>,
    since: Instant,
    tasks: &TaskTracker,
    ended: &CancellationToken,
) -> Response<Said> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return text(
            StatusCode::METHOD_NOT_ALLOWED,
            "text/plain; charset=utf-8",
            "only GET and HEAD\n".to_owned(),
        );
    }
    match request.uri().path() {
        "/ws" => echo(request, tasks, ended),
        "/uptime" => {
            let seconds = since.elapsed().as_secs();
            text(
                StatusCode::OK,
                "application/json",
                format!("{{\"uptime_seconds\":{seconds}}}\n"),
            )
        }
        "/sse" => events(request.uri().query()),
        "/healthcheck" | "/_health" => text(StatusCode::OK, "text/plain; charset=utf-8", "OK\n".to_owned()),
        _ => {
            let host = request
                .headers()
                .get(HOST)
                .and_then(|host| host.to_str().ok())
                .unwrap_or("this host");
            text(
                StatusCode::OK,
                "text/html; charset=utf-8",
                PAGE.replace("{host}", &escaped(host)),
            )
        }
    }
}

fn text(status: StatusCode, kind: &'static str, body: String) -> Response<Said> {
    let body = Full::new(Bytes::from(body));
    let mut response = said(kind, Either::Left(body));
    *response.status_mut() = status;
    response
}

fn events(query: Option<&str>) -> Response<Said> {
    let numbers = Numbers::asked_for(query);
    said("text/event-stream; charset=utf-8", Either::Right(numbers))
}

fn said(kind: &'static str, body: Said) -> Response<Said> {
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A Host header comes from strangers and goes into a page.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Becomes a WebSocket that sends every message back.
fn echo(mut request: Request<Incoming>, tasks: &TaskTracker, ended: &CancellationToken) -> Response<Said> {
    let accept = request
        .headers()
        .get(SEC_WEBSOCKET_KEY)
        .map(|key| derive_accept_key(key.as_bytes()));
    let Some(accept) = accept.and_then(|accept| HeaderValue::from_str(&accept).ok()) else {
        return text(
            StatusCode::UPGRADE_REQUIRED,
            "text/plain; charset=utf-8",
            "this is a WebSocket\n".to_owned(),
        );
    };
    let upgrading = hyper::upgrade::on(&mut request);
    let ended = ended.clone();
    tasks.spawn(async move {
        let echoing = async {
            let Ok(io) = upgrading.await else { return };
            let limits = WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE));
            let mut socket =
                WebSocketStream::from_raw_socket(TokioIo::new(io), Role::Server, Some(limits)).await;
            while let Some(Ok(message)) = socket.next().await {
                let is_data = message.is_text() || message.is_binary();
                if is_data && socket.send(message).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = echoing => {}
            () = ended.cancelled() => {}
        }
    });
    let mut response = Response::new(Either::Left(Full::default()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    response
}
