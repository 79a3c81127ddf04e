//! Which path answers what.

use std::{
    convert::Infallible,
    error::Error,
    fmt, io,
    sync::{Arc, atomic::Ordering},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Shared, body, websocket::Upgrades};

pub(super) type Answer = Response<UnsyncBoxBody<Bytes, io::Error>>;

/// Tells hyper to close the connection without an answer.
#[derive(Debug)]
pub(super) struct HangUp;

impl fmt::Display for HangUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the origin hangs up")
    }
}

impl Error for HangUp {}

/// A request that the origin works on.
struct Live(Arc<Shared>);

impl Live {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.requests.fetch_add(1, Ordering::Relaxed);
        shared.live.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(shared))
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.live.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(super) async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
    upgrades: Upgrades,
) -> Result<Answer, HangUp> {
    let live = Live::new(&shared);
    let answer = match &shared.saying {
        Some(text) => with_length(text),
        None => by_path(request, &shared, &upgrades).await?,
    };
    // The request lives as long as the body of its answer.
    Ok(answer.map(|body| {
        body.map_frame(move |frame| {
            let _ = &live;
            frame
        })
        .boxed_unsync()
    }))
}

/// Whoever has read so many bytes has the whole answer, whatever becomes of the connection after them.
fn with_length(text: &str) -> Answer {
    let mut answer = plain(StatusCode::OK, text.to_owned());
    answer
        .headers_mut()
        .insert(header::CONTENT_LENGTH, text.len().into());
    answer
}

async fn by_path(request: Request<Incoming>, shared: &Shared, upgrades: &Upgrades) -> Result<Answer, HangUp> {
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let chunked = query == "chunked";
    let mut segments = path.trim_start_matches('/').split('/');
    let (name, argument) = (
        segments.next().unwrap_or_default(),
        segments.next().unwrap_or_default(),
    );
    let number = argument.parse::<u64>().unwrap_or_default();

    Ok(match name {
        "bytes" => body::sized(number, number, chunked),
        "reset" => body::sized(number, number.saturating_mul(2), chunked),
        "drip" => body::drip(number),
        "upload" => upload(request).await?,
        "early" => {
            upgrades.throw_away(request.into_body());
            plain(StatusCode::PAYLOAD_TOO_LARGE, "too large, unread\n")
        }
        "status" => status(number),
        "cookies" => cookies(),
        "events" => match query.strip_prefix("count=").and_then(|count| count.parse().ok()) {
            Some(count) => body::counted_events(count),
            None => body::events(shared.events.subscribe()),
        },
        "held" => {
            let mut released = shared.released.subscribe();
            let _ = released.wait_for(|released| *released).await;
            plain(StatusCode::OK, "released\n")
        }
        "hangup" => return Err(HangUp),
        "websocket" => upgrades.accept(request, argument == "raw"),
        _ => echo(request).await?,
    })
}

/// The request as the origin saw it.
async fn echo(request: Request<Incoming>) -> Result<Answer, HangUp> {
    let (head, body) = request.into_parts();
    let headers: Vec<Value> = head
        .headers
        .iter()
        .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
        .collect();
    let (body_bytes, _) = drain(body).await?;
    Ok(json_answer(&json!({
        "method": head.method.as_str(),
        "target": head.uri.to_string(),
        "version": format!("{:?}", head.version),
        "headers": headers,
        "body_bytes": body_bytes,
    })))
}

async fn upload(request: Request<Incoming>) -> Result<Answer, HangUp> {
    let (bytes, sha256) = drain(request.into_body()).await?;
    Ok(json_answer(&json!({ "bytes": bytes, "sha256": sha256 })))
}

/// How many bytes came, and their SHA-256 in hexadecimal digits.
async fn drain(mut body: Incoming) -> Result<(u64, String), HangUp> {
    let (mut bytes, mut hash) = (0, Sha256::new());
    while let Some(frame) = body.frame().await {
        // The client went away in the middle: there is nobody to answer.
        if let Some(data) = frame.map_err(|_| HangUp)?.data_ref() {
            bytes += data.len() as u64;
            hash.update(data);
        }
    }
    Ok((bytes, hex::encode(hash.finalize())))
}

fn status(code: u64) -> Answer {
    let status = u16::try_from(code)
        .ok()
        .and_then(|code| StatusCode::from_u16(code).ok());
    match status {
        Some(status @ (StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)) => plain(status, ""),
        Some(status) => plain(status, format!("status {code}\n")),
        None => plain(StatusCode::BAD_REQUEST, "no such status\n"),
    }
}

fn cookies() -> Answer {
    let mut answer = plain(StatusCode::OK, "two cookies\n");
    for cookie in ["a=1; Path=/", "b=2; Path=/; HttpOnly"] {
        answer
            .headers_mut()
            .append(header::SET_COOKIE, HeaderValue::from_static(cookie));
    }
    answer
}

fn json_answer(value: &Value) -> Answer {
    let mut answer = plain(StatusCode::OK, value.to_string());
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

pub(super) fn plain(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    let body = Full::new(text.into())
        .map_err(|never: Infallible| match never {})
        .boxed_unsync();
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer
}
