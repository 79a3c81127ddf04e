//! The management host over HTTPS: requests to a connector's management service, and its answers.

mod answer;
mod cors;

use std::sync::Arc;

use adit_wire::{
    ConnectAnswer, RequestHead,
    management::{ManagementPath, ManagementRefusal},
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, request::Parts};
use http_body::Body as _;
use hyper::{body::Incoming, upgrade::OnUpgrade};

use super::{
    Entered, Peer,
    access_log::AccessRecord,
    body::ResponseBody,
    exchange::Answered,
    forwarded::{CF_RAY, Forwarded},
    request::{self, BodyLength, Target},
    response, websocket,
};
use crate::{
    context::Context,
    management::{Passage, Way},
    opening::Witness,
};

/// A request for the management host.
pub(super) struct Asked<'a> {
    pub(super) peer: Peer,
    pub(super) parts: &'a Parts,
    pub(super) body: Incoming,
    pub(super) forwarded: &'a Forwarded,
    /// The request's id, as `Cf-Ray` has it.
    pub(super) ray: Option<&'a HeaderValue>,
}

/// Answers a request for the management host.
pub(super) async fn handle(
    context: &Arc<Context>,
    asked: Asked<'_>,
    upgrade: Option<OnUpgrade>,
    mut record: AccessRecord,
) -> Response<ResponseBody> {
    let (parts, cors) = (asked.parts, cors::of(&context.management, &asked.parts.headers));
    let outcome = pass(context, &asked, &mut record).await;
    let mut response = match outcome {
        Ok(Passed::Preflight) => answer::preflight(record),
        Ok(Passed::Answered(mut answered)) => {
            answer::keep_what_is_needed(&mut answered.origin.headers);
            match request::websocket(parts).zip(upgrade) {
                Some((kind, upgrade)) if answered.origin.status == StatusCode::SWITCHING_PROTOCOLS => {
                    websocket::accept(context, kind, upgrade, *answered, record)
                }
                Some(_) | None => response::exchange(&parts.method, *answered, record),
            }
        }
        Err(refusal) => answer::refuse(refusal, record),
    };
    answer::harden(response.headers_mut());
    cors.write(response.headers_mut());
    response
}

enum Passed {
    /// A browser asks whether it may ask.
    Preflight,
    Answered(Box<Answered>),
}

async fn pass(
    context: &Context,
    asked: &Asked<'_>,
    record: &mut AccessRecord,
) -> Result<Passed, ManagementRefusal> {
    let parts = asked.parts;
    if asked.peer.entered == Entered::ForAnother {
        return Err(ManagementRefusal::OtherServerName);
    }
    if !context.memory.has_room() {
        return Err(ManagementRefusal::NotReady);
    }
    if cors::is_foreign(&context.management, &parts.headers) {
        return Err(ManagementRefusal::ForeignOrigin);
    }
    if cors::is_preflight(parts) {
        return Ok(Passed::Preflight);
    }
    let websocket = request::websocket(parts).is_some();
    let reads = matches!(parts.method, Method::GET | Method::HEAD) && asked.body.is_end_stream();
    if !(websocket || reads) {
        return Err(ManagementRefusal::BadMethod);
    }
    let path = ManagementPath::parse(parts.uri.path()).ok_or(ManagementRefusal::NoPath)?;
    if websocket && path != ManagementPath::Logs {
        return Err(ManagementRefusal::BadMethod);
    }
    let passage = context.management.admit(
        &context.tunnels.load(),
        asked.forwarded.client,
        path,
        parts.uri.query(),
    )?;
    let head = head(context, asked)?;
    let way = passage.open(context.management.host(), &head, websocket).await?;
    record.via(way.place.chosen());
    record.sent();
    if path == ManagementPath::Logs {
        log_session(&passage, &way);
    }
    let answered = answered(way, websocket, record)?;
    Ok(Passed::Answered(Box::new(answered)))
}

fn log_session(passage: &Passage, way: &Way) {
    let connector = way.place.chosen().connection.connector.id;
    tracing::info!(
        tunnel.id = %passage.tunnel.key.tunnel, connector.id = %connector, actor = passage.actor,
        "log lines of a connector are asked for"
    );
}

/// The head for the connector: the bare name, path and query as they came, and of the headers what it needs.
fn head(context: &Context, asked: &Asked<'_>) -> Result<RequestHead, ManagementRefusal> {
    let host = context.management.host();
    let target = Target {
        host: host.clone(),
        authority: host.to_string(),
    };
    let mut head = request::head(asked.parts, &target, "https", BodyLength::None)
        .map_err(|_| ManagementRefusal::BadMethod)?;
    let mut kept = HeaderMap::new();
    for (name, value) in &head.headers {
        if answer::is_for_the_connector(name) {
            kept.append(name, value.clone());
        }
    }
    head.headers = kept;
    asked.forwarded.write(&mut head.headers);
    head.headers.extend(asked.ray.map(|ray| (CF_RAY, ray.clone())));
    Ok(head)
}

/// The connector's answer.
fn answered(way: Way, websocket: bool, record: &mut AccessRecord) -> Result<Answered, ManagementRefusal> {
    let Way {
        place,
        upload,
        answer,
        download,
    } = way;
    let origin = match answer {
        ConnectAnswer::Accepted(origin) => origin,
        ConnectAnswer::Failed(failure) => {
            record.fail_with(failure.message);
            return Err(ManagementRefusal::Broke);
        }
    };
    if let Some(flaw) = response::flaw(&origin, websocket) {
        record.fail_with(flaw.to_owned());
        return Err(ManagementRefusal::Broke);
    }
    Ok(Answered {
        origin,
        download,
        upload: websocket.then_some(upload),
        pump: None,
        place,
    })
}
