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
use tokio_util::task::TaskTracker;

use super::{
    PublicLimits,
    access_log::AccessRecord,
    admission::{LINGER, throw_away, too_large},
    body::{Pump, Sent},
    page::Page,
    response,
};
use crate::{
    connection::{Connection, Place},
    context::Context,
    opening::{self, NotOpened},
    route::{Chosen, Route},
    upstream::{Answer, Download, Upload, UpstreamError},
};

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
    most_bytes: Option<u64>,
    record: &mut AccessRecord,
) -> Result<Answered, Page> {
    let websocket = head.kind == FlowKind::WebSocket;
    let has_body = websocket || !body.is_end_stream();
    let (place, upload, answer) = open(route, None, head, has_body, record).await?;
    let (upload, mut pump): (Option<Upload>, Option<Pump>) = match (websocket, has_body) {
        (true, _) => (Some(upload), None),
        (false, true) => {
            let rules = BodyRules {
                patience: limits.idle_timeout,
                most_bytes: most_bytes.unwrap_or(u64::MAX),
                owner: context.requests.clone(),
            };
            let sending = send_body(body, upload, record.request_bytes(), rules);
            (None, Some(Pump::new(&context.requests, sending)))
        }
        (false, false) if head.method.is_safe() => {
            return ask_safely(route, head, place, answer, record).await;
        }
        (false, false) => (None, None),
    };
    let outcome = match wait_for_head(answer, &mut pump).await {
        Ok(outcome) => outcome,
        Err(BodyFailed::Stalled) => return Err(Page::RequestTimeout),
        Err(BodyFailed::TooLarge) => return Err(too_large(record)),
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
                route.choose_instead_of(&first.connection)
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
        let changed = route.until_changed();
        if let Some(healthier) = route.choose_instead_of(connection) {
            return healthier;
        }
        changed.await;
    }
}

/// Opens the exchange as [`opening::open`] does.
async fn open(
    route: &Route,
    first: Option<Chosen>,
    head: &RequestHead,
    has_body: bool,
    record: &mut AccessRecord,
) -> Result<(Place, Upload, Answer), Page> {
    let opened = opening::open(route, first, head, has_body, record).await;
    opened.map_err(|error| match error {
        NotOpened::NoConnection => Page::NoConnection,
        NotOpened::Full => Page::TunnelFull,
        NotOpened::Unsendable(error) => {
            record.fail(&error);
            Page::BadRequest("The request cannot be forwarded.")
        }
    })
}

/// Why a request that its client did not send well gets no answer of the origin.
enum BodyFailed {
    Stalled,
    TooLarge,
}

/// Waits for the answer's head while the request's body flows.
async fn wait_for_head(
    answer: Answer,
    pump: &mut Option<Pump>,
) -> Result<Result<(ConnectAnswer, Download), UpstreamError>, BodyFailed> {
    let head = answer.head();
    tokio::pin!(head);
    if let Some(running) = pump {
        let sent = tokio::select! {
            head = &mut head => return Ok(head),
            sent = running => sent,
        };
        *pump = None;
        match sent {
            Sent::Done => {}
            Sent::Stalled => return Err(BodyFailed::Stalled),
            Sent::TooLarge => return Err(BodyFailed::TooLarge),
        }
    }
    Ok(head.await)
}

/// What is asked of a request's body.
struct BodyRules {
    /// How long it may stand still.
    patience: Duration,
    most_bytes: u64,
    /// Reads the rest of one that is refused.
    owner: TaskTracker,
}

/// Carries the request's body to the origin. If the origin wants no more of it, the rest is read and thrown away; if
/// the client breaks a rule or off, the upload is dropped unfinished, which the connector sees.
async fn send_body(mut body: Incoming, mut upload: Upload, sent: Arc<AtomicU64>, rules: BodyRules) -> Sent {
    let mut left = rules.most_bytes;
    loop {
        let frame = match tokio::time::timeout(rules.patience, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(_))) => return Sent::Done,
            Ok(None) => break,
            Err(_elapsed) => return Sent::Stalled,
        };
        match frame.into_data() {
            Ok(data) => {
                let length = data.len() as u64;
                let Some(rest) = left.checked_sub(length) else {
                    let rest = tokio::time::timeout(LINGER, throw_away(body));
                    rules.owner.spawn(async move { drop(rest.await) });
                    return Sent::TooLarge;
                };
                left = rest;
                if upload.write(data).await.is_err() {
                    drop(upload);
                    throw_away(body).await;
                    return Sent::Done;
                }
                sent.fetch_add(length, Ordering::Relaxed);
                // hyper says that a body of known length is over only with the next request, if its answer is.
                if body.is_end_stream() {
                    break;
                }
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
