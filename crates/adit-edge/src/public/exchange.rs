//! One exchange with the origin, up to its answer's head.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use adit_wire::{ConnectAnswer, FlowKind, RequestHead, ResponseHead};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::{
    PublicLimits,
    access_log::AccessRecord,
    body::{Pump, Sent},
    page::Page,
    response,
};
use crate::{
    connection::{Connection, Place},
    context::Context,
    route::{Chosen, Route},
    upstream::{self, Answer, Download, Upload, UpstreamError},
};

/// How many connections are tried before a request that none of them took is given up.
const ATTEMPTS: usize = 3;
/// How often a request on a suspect connection looks for another one.
const ANOTHER_LOOK: Duration = Duration::from_millis(100);

/// An exchange whose answer's head is there.
pub(super) struct Answered {
    pub(super) origin: ResponseHead,
    pub(super) download: Download,
    /// The way to the origin that a WebSocket goes on with.
    pub(super) upload: Option<Upload>,
    /// What is left of the request's body.
    pub(super) pump: Option<Pump>,
    pub(super) place: Place,
}

/// Asks the origin. A safe request without a body that a connection swallowed, or leaves unanswered while it is
/// suspect, is asked once more over another one: RFC 9110, section 9.2.2. Any other may have done its work and is not.
pub(super) async fn ask(
    context: &Context,
    limits: &PublicLimits,
    route: &Route,
    head: &RequestHead,
    body: Incoming,
    record: &mut AccessRecord,
) -> Result<Answered, Page> {
    let websocket = head.kind == FlowKind::WebSocket;
    let has_body = websocket || !body.is_end_stream();
    let (place, upload, answer) = open(route, route.choose(), head, has_body, record).await?;
    let (upload, mut pump): (Option<Upload>, Option<Pump>) = match (websocket, has_body) {
        (true, _) => (Some(upload), None),
        (false, true) => {
            let sending = send_body(body, upload, record.request_bytes(), limits.idle_timeout);
            (None, Some(Pump::new(&context.requests, sending)))
        }
        (false, false) if head.method.is_safe() => {
            return ask_safely(route, head, place, answer, record).await;
        }
        (false, false) => (None, None),
    };
    let Some(outcome) = wait_for_head(answer, &mut pump).await else {
        return Err(Page::RequestTimeout);
    };
    match accepted(outcome, websocket, record) {
        Ok((origin, download)) => Ok(Answered {
            origin,
            download,
            upload,
            pump,
            place,
        }),
        Err(page) => {
            if let Some(pump) = pump {
                pump.linger();
            }
            Err(page)
        }
    }
}

/// The origin's answer, unless the connector broke off or could not reach the origin.
fn accepted(
    outcome: Result<(ConnectAnswer, Download), UpstreamError>,
    websocket: bool,
    record: &mut AccessRecord,
) -> Result<(ResponseHead, Download), Page> {
    match outcome {
        Ok((ConnectAnswer::Accepted(origin), download)) => match response::flaw(&origin, websocket) {
            None => Ok((origin, download)),
            Some(flaw) => {
                record.fail(&UpstreamError::Malformed(flaw.to_owned()));
                Err(Page::ConnectorBroke)
            }
        },
        Ok((ConnectAnswer::Failed(failure), _)) => {
            record.fail_with(failure.message);
            Err(Page::OriginUnreachable)
        }
        Err(error) => {
            record.fail(&error);
            Err(Page::ConnectorBroke)
        }
    }
}

/// Waits for the answer of a request that may be asked again, and does so once.
async fn ask_safely(
    route: &Route,
    head: &RequestHead,
    place: Place,
    answer: Answer,
    record: &mut AccessRecord,
) -> Result<Answered, Page> {
    let first = place.chosen().clone();
    let next = tokio::select! {
        head = answer.head() => match head {
            Err(UpstreamError::Lost(_)) => {
                first.tunnel.remove(&first.connection);
                route.choose_instead_of(&first.connection).or_else(|| route.choose())
            }
            answered => return without_body(answered, place, record),
        },
        next = a_healthier_one(route, &first.connection) => Some(next),
    };
    drop(place);
    let (place, _, answer) = open(route, next, head, false, record).await?;
    without_body(answer.head().await, place, record)
}

fn without_body(
    outcome: Result<(ConnectAnswer, Download), UpstreamError>,
    place: Place,
    record: &mut AccessRecord,
) -> Result<Answered, Page> {
    let (origin, download) = accepted(outcome, false, record)?;
    Ok(Answered {
        origin,
        download,
        upload: None,
        pump: None,
        place,
    })
}

/// Waits until a connection is suspect and a healthy one could take its work.
async fn a_healthier_one(route: &Route, connection: &Arc<Connection>) -> Chosen {
    loop {
        connection.suspected().await;
        if let Some(healthier) = route.choose_instead_of(connection) {
            return healthier;
        }
        tokio::time::sleep(ANOTHER_LOOK).await;
    }
}

/// Opens the exchange on `first`, or, if that never took it, on some other connection that the route leads to.
async fn open(
    route: &Route,
    first: Option<Chosen>,
    head: &RequestHead,
    has_body: bool,
    record: &mut AccessRecord,
) -> Result<(Place, Upload, Answer), Page> {
    let mut next = first;
    for _ in 0..ATTEMPTS {
        let place = Place::on(next.ok_or(Page::NoConnection)?);
        let on = place.chosen();
        record.via(on);
        match upstream::open(&on.connection, head, has_body).await {
            Ok((upload, answer)) => {
                record.sent();
                return Ok((place, upload, answer));
            }
            // The connection broke and is about to leave the registry: the next choice may be luckier.
            Err(UpstreamError::NotSent) => {
                on.tunnel.remove(&on.connection);
            }
            Err(
                error @ (UpstreamError::Lost(_) | UpstreamError::Broken(_) | UpstreamError::Malformed(_)),
            ) => {
                record.fail(&error);
                return Err(Page::BadRequest("The request cannot be forwarded."));
            }
        }
        next = route.choose();
    }
    Err(Page::NoConnection)
}

/// Waits for the answer's head while the request's body flows. `None`: the client stopped sending.
async fn wait_for_head(
    answer: Answer,
    pump: &mut Option<Pump>,
) -> Option<Result<(ConnectAnswer, Download), UpstreamError>> {
    let head = answer.head();
    tokio::pin!(head);
    if let Some(running) = pump {
        let sent = tokio::select! {
            head = &mut head => return Some(head),
            sent = running => sent,
        };
        *pump = None;
        if sent == Sent::Stalled {
            return None;
        }
    }
    Some(head.await)
}

/// Carries the request's body to the origin. If the origin wants no more of it, the rest is read and thrown away; if
/// the client broke off or sends nothing for `patience`, the upload is dropped unfinished, which the connector sees.
async fn send_body(mut body: Incoming, mut upload: Upload, sent: Arc<AtomicU64>, patience: Duration) -> Sent {
    loop {
        let frame = match tokio::time::timeout(patience, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(_))) => return Sent::Done,
            Ok(None) => break,
            Err(_elapsed) => return Sent::Stalled,
        };
        match frame.into_data() {
            Ok(data) => {
                let length = data.len() as u64;
                if upload.write(data).await.is_err() {
                    drop(upload);
                    return throw_away(body).await;
                }
                sent.fetch_add(length, Ordering::Relaxed);
            }
            Err(frame) => {
                if let Ok(trailers) = frame.into_trailers() {
                    let _ = upload.finish_with_trailers(trailers);
                    return Sent::Done;
                }
            }
        }
    }
    upload.finish();
    Sent::Done
}

async fn throw_away(mut body: Incoming) -> Sent {
    while let Some(Ok(_)) = body.frame().await {}
    Sent::Done
}
