//! One data stream: request head in, origin asked, answer out.

mod opening;

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use adit_core::ingress::Ingress;
use adit_net::quic::{RecvStream, SendStream, WriteError};
use adit_wire::{ConnectAnswer, ConnectFailure, FlowKind, RequestHead, ResponseHead};
use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::metrics::Metrics;
use crate::origin::{HttpOrigin, Origin, RequestBody, Tags, has_body, path_of, response_headers};
use crate::websocket::{self, TcpOrigin};
use opening::Opening;

/// A stream whose head is not whole by then is reset.
const HEAD_LIMIT: Duration = Duration::from_secs(10);

/// What every stream of a connector needs.
pub(crate) struct Proxy {
    pub(crate) ingress: Ingress,
    /// One for each rule, in their order.
    pub(crate) origins: Vec<Origin>,
    pub(crate) tags: Tags,
    pub(crate) metrics: Metrics,
}

/// Why a stream ended without a whole answer; it is reset.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("the edge took no more of the answer")]
    Edge(#[from] WriteError),
    #[error("the origin's answer broke off")]
    Origin(#[source] hyper::Error),
    #[error("the byte stream broke off")]
    Flow(#[from] io::Error),
}

/// Serves one stream from its first byte to the receipt of its last. Dropping the future resets it.
pub(crate) async fn serve(proxy: Arc<Proxy>, mut send: SendStream, mut recv: RecvStream) {
    let opened = tokio::time::timeout(HEAD_LIMIT, opening::read(&mut recv)).await;
    let (head, first) = match opened {
        Ok(Ok(Opening::Request(head, first))) => (head, first),
        Ok(Ok(Opening::Malformed(reason))) => {
            if refuse(&mut send, reason).await.is_ok() {
                send.finish();
            }
            return;
        }
        Ok(Ok(Opening::Rpc)) => {
            tracing::debug!("the edge calls a procedure, which this version does not have");
            return;
        }
        Ok(Err(reason)) => {
            tracing::debug!(%reason, "a stream did not open as a request");
            return;
        }
        Err(_elapsed) => {
            tracing::debug!("a stream did not open in time");
            return;
        }
    };
    let running = proxy.metrics.request_began();
    let mut stopped = pin!(send.stopped());
    let outcome = tokio::select! {
        outcome = exchange(&proxy, *head, first, recv, &mut send) => outcome,
        // The edge wants no answer any more, or is gone: dropping the exchange cancels it at the origin.
        _ = &mut stopped => {
            tracing::debug!("the edge cancelled a request");
            return;
        }
    };
    drop(running);
    match outcome {
        Ok(()) => {
            send.finish();
            // Until the edge has it all, closing the connection would lose the rest.
            drop(stopped.await);
        }
        Err(broken) => {
            proxy.metrics.request_failed();
            tracing::debug!(error = &broken as &dyn std::error::Error, "a stream broke off");
        }
    }
}

async fn exchange(
    proxy: &Proxy,
    head: RequestHead,
    first: Bytes,
    recv: RecvStream,
    send: &mut SendStream,
) -> Result<(), Broken> {
    if head.kind == FlowKind::Tcp {
        return Ok(refuse(send, "private networks are not in this version".to_owned()).await?);
    }
    if head.method == Method::CONNECT {
        return Ok(refuse(send, "CONNECT is no request to an origin".to_owned()).await?);
    }
    let matched = proxy.ingress.find(&head.host, path_of(&head.dest));
    let service = &matched.rule.service;
    match proxy.origins.get(matched.index) {
        Some(Origin::Http(origin)) => {
            let answered = http(proxy, origin, head, first, recv, send).await?;
            if let Some(reason) = answered {
                tracing::error!(
                    ingressRule = matched.index, originService = %service, error = reason,
                    "Request failed"
                );
            }
            Ok(())
        }
        Some(Origin::Tcp(origin)) => tcp(proxy, origin, &head, first, recv, send).await,
        Some(Origin::Status(status)) => {
            let answer = ResponseHead {
                status: *status,
                headers: HeaderMap::new(),
            };
            proxy.metrics.answered(*status);
            Ok(send
                .write_chunk(Bytes::from(ConnectAnswer::Accepted(answer).encode()))
                .await?)
        }
        Some(Origin::NotBuilt(reason)) => Ok(refuse(send, reason.clone()).await?),
        None => Ok(refuse(send, "the rule has no origin".to_owned()).await?),
    }
}

/// Tells the edge why there is no answer; it answers the client with 502.
async fn refuse(send: &mut SendStream, message: String) -> Result<(), WriteError> {
    let failure = ConnectFailure {
        message,
        flow_limited: false,
    };
    send.write_chunk(Bytes::from(ConnectAnswer::Failed(failure).encode()))
        .await
}

/// Asks an HTTP origin. What kept it from answering is returned, once the edge knows.
async fn http(
    proxy: &Proxy,
    origin: &HttpOrigin,
    head: RequestHead,
    first: Bytes,
    recv: RecvStream,
    send: &mut SendStream,
) -> Result<Option<String>, Broken> {
    let upgrade = head.kind == FlowKind::WebSocket;
    // The stream of a WebSocket carries its frames, which are for later.
    let (body, flow) = match has_body(&head.headers) {
        _ if upgrade => (RequestBody::Empty, Some((first, recv))),
        Ok((true, length)) => (RequestBody::Stream { first, recv, length }, None),
        Ok((false, _)) => (RequestBody::Empty, None),
        Err(reason) => {
            refuse(send, reason).await?;
            return Ok(None);
        }
    };
    let mut response = match origin.send(head, body, &proxy.tags).await {
        Ok(response) => response,
        Err(error) => {
            proxy.metrics.request_failed();
            refuse(send, error.to_string()).await?;
            return Ok(Some(error.to_string()));
        }
    };
    let status = response.status();
    proxy.metrics.answered(status);
    let upgraded = upgrade && status == StatusCode::SWITCHING_PROTOCOLS;
    let upgrading = upgraded.then(|| hyper::upgrade::on(&mut response));
    let (parts, mut body) = response.into_parts();
    let answer = ResponseHead {
        status,
        headers: response_headers(parts.headers, upgraded),
    };
    let answer = Bytes::from(ConnectAnswer::Accepted(answer).encode());
    if let (Some(upgrading), Some((first, recv))) = (upgrading, flow) {
        send.write_chunk(answer).await?;
        let io = upgrading.await.map_err(Broken::Origin)?;
        websocket::pass_through(TokioIo::new(io), first, recv, send).await?;
        return Ok(None);
    }
    // A body that is here already shares the head's packet.
    let mut next = body.frame().now_or_never();
    let ready = match &mut next {
        Some(Some(Ok(frame))) => frame.data_mut().map(std::mem::take),
        _ => None,
    };
    send.write_chunks(&mut [answer, ready.unwrap_or_default()])
        .await?;
    loop {
        let frame = match next.take() {
            Some(frame) => frame,
            None => body.frame().await,
        };
        let Some(frame) = frame.transpose().map_err(Broken::Origin)? else {
            return Ok(None);
        };
        // Trailers have no place in a data stream.
        if let Ok(chunk) = frame.into_data()
            && !chunk.is_empty()
        {
            send.write_chunk(chunk).await?;
        }
    }
}

/// Connects a WebSocket client with a TCP origin.
async fn tcp(
    proxy: &Proxy,
    origin: &TcpOrigin,
    head: &RequestHead,
    first: Bytes,
    recv: RecvStream,
    send: &mut SendStream,
) -> Result<(), Broken> {
    if head.kind != FlowKind::WebSocket {
        return Ok(refuse(send, "this service takes WebSocket clients only".to_owned()).await?);
    }
    let tcp = match origin.connect().await {
        Ok(tcp) => tcp,
        Err(error) => {
            proxy.metrics.request_failed();
            let text = format!("Unable to reach the origin service: {error}");
            tracing::error!(error = text, "Request failed");
            return Ok(refuse(send, text).await?);
        }
    };
    let mut headers = HeaderMap::new();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    let key = head
        .headers
        .get(SEC_WEBSOCKET_KEY)
        .map(|key| derive_accept_key(key.as_bytes()));
    if let Some(accept) = key.and_then(|accept| HeaderValue::from_str(&accept).ok()) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    let answer = ResponseHead {
        status: StatusCode::SWITCHING_PROTOCOLS,
        headers,
    };
    proxy.metrics.answered(answer.status);
    send.write_chunk(Bytes::from(ConnectAnswer::Accepted(answer).encode()))
        .await?;
    let _session = proxy.metrics.tcp_session_began();
    Ok(websocket::unwrap_tcp(tcp, first, recv, send).await?)
}
