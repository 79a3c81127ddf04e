//! Asks an HTTP origin.

use adit_wire::{FlowKind, RequestHead, ResponseHead};
use bytes::Bytes;
use futures_util::FutureExt;
use http::StatusCode;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;

use super::{Broken, Told, Upload, accept, refuse};
use crate::flow::Answering;
use crate::origin::{HttpOrigin, RequestBody, has_body, response_headers};
use crate::serving::Proxy;
use crate::websocket;

/// Asks an HTTP origin. What kept it from answering is returned, once the edge knows.
pub(super) async fn ask(
    proxy: &Proxy,
    origin: &HttpOrigin,
    told: &Told<'_>,
    head: Box<RequestHead>,
    upload: Upload,
    reply: &mut Answering,
) -> Result<Option<String>, Broken> {
    let upgrade = head.kind == FlowKind::WebSocket;
    // The stream of a WebSocket carries its frames, which are for later.
    let (body, flow) = match has_body(&head.headers) {
        _ if upgrade => (RequestBody::Empty, Some(upload)),
        // Over HTTP/2 a body needs no announcement, and no length.
        Ok((_, length)) if upload.has_body() == Some(true) => (RequestBody::stream(upload, length), None),
        Ok(_) if upload.has_body() == Some(false) => (RequestBody::Empty, None),
        Ok((true, length)) => (RequestBody::stream(upload, length), None),
        Ok((false, _)) => (RequestBody::Empty, None),
        Err(reason) => {
            refuse(reply, reason).await?;
            return Ok(None);
        }
    };
    let body = match origin.measures_bodies() {
        true => Box::pin(body.measured()).await,
        false => Ok(body),
    };
    let asked = match body {
        Ok(body) => {
            let asked = origin.send(head, body, &proxy.tags).await;
            asked.map_err(|error| error.to_string())
        }
        Err(reason) => Err(reason),
    };
    let mut response = match asked {
        Ok(response) => response,
        Err(reason) => {
            proxy.metrics.request_failed();
            refuse(reply, reason.clone()).await?;
            return Ok(Some(reason));
        }
    };
    let status = response.status();
    proxy.metrics.answered(status);
    told.answered(status, response.headers());
    let upgraded = upgrade && status == StatusCode::SWITCHING_PROTOCOLS;
    let upgrading = upgraded.then(|| hyper::upgrade::on(&mut response));
    let (parts, body) = response.into_parts();
    let answer = ResponseHead {
        status,
        headers: response_headers(parts.headers, upgraded),
    };
    if let (Some(upgrading), Some(upload)) = (upgrading, flow) {
        accept(reply, answer, Bytes::new()).await?;
        let io = upgrading.await.map_err(Broken::Origin)?;
        Box::pin(websocket::pass_through(TokioIo::new(io), upload, reply)).await?;
        return Ok(None);
    }
    pass_on(answer, body, reply).await?;
    Ok(None)
}

async fn pass_on(answer: ResponseHead, mut body: Incoming, reply: &mut Answering) -> Result<(), Broken> {
    // A body that is here already shares the head's packet.
    let mut next = body.frame().now_or_never();
    let ready = match &mut next {
        Some(Some(Ok(frame))) => frame.data_mut().map(std::mem::take),
        _ => None,
    };
    accept(reply, answer, ready.unwrap_or_default()).await?;
    loop {
        let frame = match next.take() {
            Some(frame) => frame,
            None => body.frame().await,
        };
        let Some(frame) = frame.transpose().map_err(Broken::Origin)? else {
            return Ok(reply.end_body(None).await?);
        };
        match frame.into_data() {
            Ok(chunk) if !chunk.is_empty() => reply.write_chunk(chunk).await?,
            Ok(_taken) => {}
            Err(frame) => return Ok(reply.end_body(frame.into_trailers().ok()).await?),
        }
    }
}
