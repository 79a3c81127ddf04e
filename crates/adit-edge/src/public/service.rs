//! One public request from its head to its answer's head.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use adit_core::routes::Destination;
use adit_wire::{ConnectAnswer, FlowKind, RequestHead, ResponseHead};
use http::{Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::{body::Incoming, upgrade::OnUpgrade};

use super::{
    Peer, PublicLimits,
    access_log::{AccessRecord, Ray},
    body::{ExchangeBody, Pump, ResponseBody},
    forwarded::Forwarded,
    page::Page,
    request::{self, BodyLength},
    response, websocket,
};
use crate::{
    connection::Place,
    context::Context,
    tunnels::Tunnel,
    upstream::{self, Answer, Download, Upload, UpstreamError},
};

/// How many connections are tried before a request is given up: none of them saw it.
const OPEN_ATTEMPTS: usize = 3;

/// Answers one public request.
pub(super) async fn handle(
    context: &Arc<Context>,
    limits: &Arc<PublicLimits>,
    peer: Peer,
    mut request: Request<Incoming>,
) -> Result<Response<ResponseBody>, Infallible> {
    let ray = Ray(rand::random());
    let upgrade = request.extensions_mut().remove::<OnUpgrade>();
    let (parts, body) = request.into_parts();
    let forwarded = Forwarded::read(&parts.headers, peer, limits);
    let host = parts
        .headers
        .get(http::header::HOST)
        .map(|host| String::from_utf8_lossy(host.as_bytes()));
    let mut record = AccessRecord::new(
        context,
        ray,
        forwarded.client,
        parts.method.clone(),
        parts
            .uri
            .host()
            .map(str::to_owned)
            .or(host.map(|host| host.into_owned()))
            .unwrap_or_default(),
        parts.uri.path().to_owned(),
    );
    let answer = async {
        let (tunnel, mut head) = route(context, &parts, &forwarded, &body)?;
        forwarded.write(&mut head.headers, ray, context.location.as_str());
        exchange(context, &tunnel, &head, body, upgrade, &mut record).await
    };
    let answer = answer.await;
    let mut response = match answer {
        Ok(response) => response,
        Err(page) => page.response(&parts.headers),
    };
    record.answered(response.status());
    if let Ok(value) = http::HeaderValue::try_from(format!("{ray}-{}", context.location)) {
        response.headers_mut().insert("cf-ray", value);
    }
    response.body_mut().record(record);
    Ok(response)
}

/// The tunnel for a request and the head it gets.
fn route(
    context: &Context,
    parts: &http::request::Parts,
    forwarded: &Forwarded,
    body: &Incoming,
) -> Result<(Arc<Tunnel>, RequestHead), Page> {
    let target = request::target(parts)?;
    if forwarded.is_loop() {
        return Err(Page::Loop);
    }
    let table = context.tunnels.load();
    let tunnel = match table.routes.lookup(&target.host) {
        Destination::Route(tunnel) => Arc::clone(tunnel),
        Destination::Reserved | Destination::Unknown => return Err(Page::UnknownHost),
    };
    let length = if body.is_end_stream() {
        BodyLength::None
    } else {
        body.size_hint()
            .exact()
            .map_or(BodyLength::Unknown, BodyLength::Exact)
    };
    Ok((tunnel, request::head(parts, &target, forwarded.scheme(), length)?))
}

async fn exchange(
    context: &Arc<Context>,
    tunnel: &Tunnel,
    head: &RequestHead,
    body: Incoming,
    upgrade: Option<OnUpgrade>,
    record: &mut AccessRecord,
) -> Result<Response<ResponseBody>, Page> {
    let websocket = head.kind == FlowKind::WebSocket;
    let has_body = websocket || !body.is_end_stream();
    let (place, upload, answer) = open(tunnel, head, has_body, record).await?;
    let sent = record.request_bytes();
    let (upload, mut pump): (Option<Upload>, Option<Pump>) = if websocket {
        (Some(upload), None)
    } else if has_body {
        (None, Some(Box::pin(send_body(body, upload, Arc::clone(&sent)))))
    } else {
        (None, None)
    };
    let (answer, download) = wait_for_head(answer, &mut pump).await.map_err(|error| {
        record.fail(&error);
        Page::OriginUnreachable
    })?;
    let origin = match answer {
        ConnectAnswer::Accepted(origin) => origin,
        ConnectAnswer::Failed(failure) => {
            record.fail_with(failure.message);
            return Err(Page::OriginUnreachable);
        }
    };
    match (upload, upgrade) {
        (Some(upload), Some(upgrade)) if origin.status == StatusCode::SWITCHING_PROTOCOLS => {
            let response = respond(&origin, ResponseBody::page(bytes::Bytes::new()));
            let flow = websocket::Flow {
                upload,
                download,
                place,
                sent,
            };
            context
                .requests
                .spawn(websocket::carry(upgrade, flow, context.stopped.clone()));
            Ok(response)
        }
        _ => {
            let bodiless = response::is_bodiless(&head.method, origin.status);
            let remaining = if bodiless {
                Some(0)
            } else {
                response::content_length(&origin.headers)
            };
            let body = ExchangeBody {
                download,
                pump,
                remaining,
                bodiless,
                data_ended: false,
                _place: place,
            };
            Ok(respond(&origin, ResponseBody::exchange(body)))
        }
    }
}

/// Opens the exchange on some connection of the tunnel.
async fn open(
    tunnel: &Tunnel,
    head: &RequestHead,
    has_body: bool,
    record: &mut AccessRecord,
) -> Result<(Place, Upload, Answer), Page> {
    for _ in 0..OPEN_ATTEMPTS {
        let place = Place::on(tunnel.choose().ok_or(Page::NoConnection)?);
        record.via(place.connection());
        match upstream::open(place.connection(), head, has_body).await {
            Ok((upload, answer)) => return Ok((place, upload, answer)),
            // The connection broke and is about to leave the registry: the next choice may be luckier.
            Err(UpstreamError::NotSent) => {
                tunnel.remove(place.connection());
            }
            Err(error @ (UpstreamError::Broken(_) | UpstreamError::Malformed(_))) => {
                record.fail(&error);
                return Err(Page::BadRequest("The request cannot be forwarded."));
            }
        }
    }
    Err(Page::NoConnection)
}

/// Waits for the answer's head while the request's body flows.
async fn wait_for_head(
    answer: Answer,
    pump: &mut Option<Pump>,
) -> Result<(ConnectAnswer, Download), UpstreamError> {
    let head = answer.head();
    tokio::pin!(head);
    if let Some(running) = pump {
        tokio::select! {
            head = &mut head => return head,
            () = running => {}
        }
        *pump = None;
    }
    head.await
}

/// Carries the request's body to the origin. Ends early, without a complaint, when the origin wants no more of it;
/// if the client broke off, the upload is dropped unfinished, which the connector sees.
async fn send_body(mut body: Incoming, mut upload: Upload, sent: Arc<AtomicU64>) {
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return };
        match frame.into_data() {
            Ok(data) => {
                let length = data.len() as u64;
                if upload.write(data).await.is_err() {
                    return;
                }
                sent.fetch_add(length, Ordering::Relaxed);
            }
            Err(frame) => {
                if let Ok(trailers) = frame.into_trailers() {
                    let _ = upload.finish_with_trailers(trailers);
                    return;
                }
            }
        }
    }
    upload.finish();
}

fn respond(origin: &ResponseHead, body: ResponseBody) -> Response<ResponseBody> {
    let mut response = Response::new(body);
    *response.status_mut() = origin.status;
    *response.headers_mut() = response::headers(origin);
    response
}
