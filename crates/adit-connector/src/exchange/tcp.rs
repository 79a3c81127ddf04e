//! Connects the client of a WebSocket with a TCP service.

use std::time::Instant;

use adit_wire::{FlowKind, RequestHead, ResponseHead, websocket::HALF_CLOSE};
use bytes::Bytes;
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{Broken, Upload, accept, refuse};
use crate::flow::Answering;
use crate::origin::TcpOrigin;
use crate::serving::Proxy;
use crate::websocket;

/// Carries a flow to its end. What kept it from beginning is returned, once the edge knows.
pub(super) async fn carry(
    proxy: &Proxy,
    origin: &TcpOrigin,
    head: &RequestHead,
    upload: Upload,
    reply: &mut Answering,
) -> Result<Option<String>, Broken> {
    if head.kind != FlowKind::WebSocket {
        let text = "this service takes WebSocket clients only";
        refuse(reply, text.to_owned()).await?;
        return Ok(None);
    }
    let began = Instant::now();
    let flow = match origin.open(&head.headers, head.extras.client).await {
        Ok(flow) => flow,
        Err(reason) => {
            proxy.metrics.request_failed();
            proxy.metrics.flow_not_connected();
            refuse(reply, reason.clone()).await?;
            return Ok(Some(reason));
        }
    };
    let answer = accepted(&head.headers);
    proxy.metrics.answered(answer.status);
    accept(reply, answer, Bytes::new()).await?;
    proxy.metrics.flow_connected(began);
    let _session = proxy.metrics.tcp_session_began();
    let half_close = head.headers.contains_key(HALF_CLOSE);
    let (from, to) = websocket::client(upload, reply, half_close);
    flow.run(from, to).await?;
    Ok(None)
}

/// Accepts the client's handshake, and half-closing if it asks for that.
pub(crate) fn accepted(asked: &HeaderMap) -> ResponseHead {
    let mut headers = HeaderMap::new();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if asked.contains_key(HALF_CLOSE) {
        headers.insert(HALF_CLOSE, HeaderValue::from_static("1"));
    }
    let key = asked
        .get(SEC_WEBSOCKET_KEY)
        .map(|key| derive_accept_key(key.as_bytes()));
    if let Some(accept) = key.and_then(|accept| HeaderValue::from_str(&accept).ok()) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    ResponseHead {
        status: StatusCode::SWITCHING_PROTOCOLS,
        headers,
    }
}
