//! One public request from its head to its answer's head.

use std::{convert::Infallible, sync::Arc};

use adit_core::routes::Destination;
use adit_wire::{ConnectAnswer, RequestHead, ResponseHead};
use http::{Request, Response, StatusCode};
use http_body::Body as _;
use hyper::{body::Incoming, upgrade::OnUpgrade};

use super::{
    Peer, PublicLimits,
    access_log::{AccessRecord, Ray},
    body::{ExchangeBody, ResponseBody},
    exchange::{Answered, ask},
    forwarded::Forwarded,
    page::Page,
    request::{self, BodyLength},
    response, websocket,
};
use crate::{context::Context, tunnels::Tunnel};

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
    let Answered {
        answer,
        download,
        upload,
        pump,
        place,
    } = ask(&context.requests, tunnel, head, body, record).await?;
    let origin = match answer {
        ConnectAnswer::Accepted(origin) => origin,
        ConnectAnswer::Failed(failure) => {
            record.fail_with(failure.message);
            if let Some(pump) = pump {
                pump.linger();
            }
            return Err(Page::OriginUnreachable);
        }
    };
    if let (Some(upload), Some(upgrade), StatusCode::SWITCHING_PROTOCOLS) = (upload, upgrade, origin.status) {
        let flow = websocket::Flow {
            upload,
            download,
            place,
            sent: record.request_bytes(),
        };
        context
            .requests
            .spawn(websocket::carry(upgrade, flow, context.stopped.clone()));
        return Ok(respond(&origin, ResponseBody::page(bytes::Bytes::new())));
    }
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

fn respond(origin: &ResponseHead, body: ResponseBody) -> Response<ResponseBody> {
    let mut response = Response::new(body);
    *response.status_mut() = origin.status;
    *response.headers_mut() = response::headers(origin);
    response
}
