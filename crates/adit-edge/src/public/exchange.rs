//! One exchange with the origin, up to its answer's head.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use adit_wire::{ConnectAnswer, FlowKind, RequestHead};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio_util::task::TaskTracker;

use super::{access_log::AccessRecord, body::Pump, page::Page};
use crate::{
    connection::Place,
    tunnels::Tunnel,
    upstream::{self, Answer, Download, Upload, UpstreamError},
};

/// How many connections are tried before a request is given up.
const ATTEMPTS: usize = 3;

/// An exchange whose answer's head is there.
pub(super) struct Answered {
    pub(super) answer: ConnectAnswer,
    pub(super) download: Download,
    /// The way to the origin that a WebSocket goes on with.
    pub(super) upload: Option<Upload>,
    /// What is left of the request's body.
    pub(super) pump: Option<Pump>,
    pub(super) place: Place,
}

/// Asks the origin. A safe request without a body that a breaking connection swallowed is asked again over another
/// one: RFC 9110, section 9.2.2. Any other may have done its work and is not.
pub(super) async fn ask(
    requests: &TaskTracker,
    tunnel: &Tunnel,
    head: &RequestHead,
    body: Incoming,
    record: &mut AccessRecord,
) -> Result<Answered, Page> {
    let websocket = head.kind == FlowKind::WebSocket;
    let has_body = websocket || !body.is_end_stream();
    let mut attempts = if head.method.is_safe() && !has_body {
        ATTEMPTS
    } else {
        1
    };
    let mut body = Some(body);
    loop {
        attempts -= 1;
        let (place, upload, answer) = open(tunnel, head, has_body, record).await?;
        let (upload, mut pump): (Option<Upload>, Option<Pump>) = match body.take() {
            _ if websocket => (Some(upload), None),
            Some(body) if has_body => (
                None,
                Some(Pump::new(
                    requests,
                    send_body(body, upload, record.request_bytes()),
                )),
            ),
            Some(_) | None => (None, None),
        };
        match wait_for_head(answer, &mut pump).await {
            Ok((answer, download)) => {
                return Ok(Answered {
                    answer,
                    download,
                    upload,
                    pump,
                    place,
                });
            }
            Err(UpstreamError::Lost(_)) if attempts > 0 => {
                tunnel.remove(place.connection());
            }
            Err(error) => {
                record.fail(&error);
                if let Some(pump) = pump {
                    pump.linger();
                }
                return Err(Page::OriginUnreachable);
            }
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
    for _ in 0..ATTEMPTS {
        let place = Place::on(tunnel.choose().ok_or(Page::NoConnection)?);
        record.via(place.connection());
        match upstream::open(place.connection(), head, has_body).await {
            Ok((upload, answer)) => return Ok((place, upload, answer)),
            // The connection broke and is about to leave the registry: the next choice may be luckier.
            Err(UpstreamError::NotSent) => {
                tunnel.remove(place.connection());
            }
            Err(
                error @ (UpstreamError::Lost(_) | UpstreamError::Broken(_) | UpstreamError::Malformed(_)),
            ) => {
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

/// Carries the request's body to the origin. If the origin wants no more of it, the rest is read and thrown away; if
/// the client broke off, the upload is dropped unfinished, which the connector sees.
async fn send_body(mut body: Incoming, mut upload: Upload, sent: Arc<AtomicU64>) {
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return };
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
                    return;
                }
            }
        }
    }
    upload.finish();
}

async fn throw_away(mut body: Incoming) {
    while let Some(Ok(_)) = body.frame().await {}
}
