//! One public request from its head to its answer's head.

use std::{convert::Infallible, sync::Arc};

use adit_core::{port::Ray, routes::Destination};
use adit_wire::RequestHead;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, request::Parts};
use http_body::Body as _;
use hyper::{body::Incoming, upgrade::OnUpgrade};

use super::{
    Entered, Peer, PublicLimits,
    access_log::AccessRecord,
    admission::{admit, read_the_rest},
    body::ResponseBody,
    exchange::ask,
    forwarded::{CF_RAY, Forwarded},
    http2::Active,
    management,
    page::Page,
    request::{self, BodyLength},
    response, websocket,
};
use crate::{context::Context, route::Route};

/// Answers one public request. `active` is kept until its answer has been sent.
pub(super) async fn handle(
    context: &Arc<Context>,
    limits: &Arc<PublicLimits>,
    peer: Peer,
    active: Option<Active>,
    mut request: Request<Incoming>,
) -> Result<Response<ResponseBody>, Infallible> {
    let ray = Ray(rand::random());
    let upgrade = request.extensions_mut().remove::<OnUpgrade>();
    let (parts, body) = request.into_parts();
    let forwarded = Forwarded::read(&parts.headers, peer, limits);
    let mut record = AccessRecord::new(context, ray, forwarded.client, &parts, active);
    let ray = HeaderValue::from_maybe_shared(Bytes::from(record.ray())).ok();
    let prepared = prepare(context, limits, peer, &parts, &forwarded, &body, &mut record);
    let answered = match prepared {
        Ok(prepared) => {
            let Prepared {
                route,
                mut head,
                most_bytes,
            } = prepared;
            forwarded.write(&mut head.headers);
            head.headers.extend(ray.clone().map(|ray| (CF_RAY, ray)));
            ask(context, limits, &route, &head, body, most_bytes, &mut record).await
        }
        Err(Elsewhere::Management) => {
            let asked = management::Asked {
                peer,
                parts: &parts,
                body,
                forwarded: &forwarded,
                ray: ray.as_ref(),
            };
            // Apart, since every other request would carry its room.
            let mut response = Box::pin(management::handle(context, asked, upgrade, record)).await;
            response.headers_mut().extend(ray.map(|ray| (CF_RAY, ray)));
            return Ok(response);
        }
        Err(Elsewhere::Page(page)) => {
            if page.reads_the_rest() {
                read_the_rest(context, &parts, body);
            }
            Err(page)
        }
    };
    let mut response = match answered {
        Ok(answered) => match request::websocket(&parts).zip(upgrade) {
            Some((kind, upgrade)) if answered.origin.status == StatusCode::SWITCHING_PROTOCOLS => {
                websocket::accept(context, kind, upgrade, answered, record)
            }
            Some(_) | None => response::exchange(&parts.method, answered, record),
        },
        Err(page) => page.response(&parts.headers, record),
    };
    response.headers_mut().extend(ray.map(|ray| (CF_RAY, ray)));
    Ok(response)
}

/// Where a request goes that no route leads to a tunnel.
enum Elsewhere {
    /// It gets an answer of the edge's own.
    Page(Page),
    /// It is for the management host.
    Management,
}

impl From<Page> for Elsewhere {
    fn from(page: Page) -> Self {
        Self::Page(page)
    }
}

/// A request that is let in.
struct Prepared {
    route: Arc<Route>,
    /// What it is there.
    head: RequestHead,
    /// Of its body.
    most_bytes: Option<u64>,
}

/// Where a request leads, if it may, and the head it gets there.
fn prepare(
    context: &Context,
    limits: &PublicLimits,
    peer: Peer,
    parts: &Parts,
    forwarded: &Forwarded,
    body: &Incoming,
    record: &mut AccessRecord,
) -> Result<Prepared, Elsewhere> {
    if !context.memory.has_room() {
        return Err(Page::Overloaded.into());
    }
    if parts.headers.len() > limits.max_headers {
        return Err(Page::TooManyHeaders.into());
    }
    let target = request::target(parts)?;
    if forwarded.is_loop() {
        return Err(Page::Loop.into());
    }
    let table = context.tunnels.load();
    let route = match table.routes.lookup(&target.host) {
        Destination::Route(route) => Arc::clone(route),
        Destination::Reserved
            if peer.entered != Entered::Plainly && target.host == *context.management.host() =>
        {
            return Err(Elsewhere::Management);
        }
        Destination::Reserved | Destination::Unknown => return Err(Page::UnknownHost.into()),
    };
    let length = length_of(body);
    let mut head = request::head(parts, &target, forwarded.scheme(), length)?;
    head.extras.client = Some(forwarded.client_address(peer));
    record.routed(&route);
    let limiter = table.limits.lookup(&target.host);
    if let Some(limiter) = limiter {
        admit(limiter, length, record)?;
    }
    Ok(Prepared {
        route,
        head,
        most_bytes: limiter.and_then(|limiter| limiter.limits().max_request_body_bytes()),
    })
}

fn length_of(body: &Incoming) -> BodyLength {
    if body.is_end_stream() {
        BodyLength::None
    } else {
        body.size_hint()
            .exact()
            .map_or(BodyLength::Unknown, BodyLength::Exact)
    }
}
