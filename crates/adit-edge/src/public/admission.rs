//! Whether a host name's limits let a request in.

use std::time::{Duration, Instant};

use http::{Version, header, request::Parts};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::{access_log::AccessRecord, page::Page, request::BodyLength};
use crate::{
    context::Context,
    limiter::{Exceeded, Limiter},
};

/// How long a refused client may go on sending what it had begun to send.
pub(super) const LINGER: Duration = Duration::from_secs(10);

/// Lets a request in, which then counts as in flight until its line is written, or says which limit it ran into.
pub(super) fn admit(limiter: &Limiter, length: BodyLength, record: &mut AccessRecord) -> Result<(), Page> {
    if let (Some(most), BodyLength::Exact(length)) = (limiter.limits().max_request_body_bytes(), length)
        && length > most
    {
        return Err(too_large(record));
    }
    match limiter.enter(Instant::now()) {
        Ok(place) => record.occupies(place),
        Err(exceeded) => {
            record.limited_by(match exceeded {
                Exceeded::Rate(_) => "requests_per_second",
                Exceeded::Concurrency => "concurrent_requests",
            });
            return Err(Page::TooManyRequests(exceeded));
        }
    }
    Ok(())
}

/// A body is larger than the host name takes.
pub(super) fn too_large(record: &mut AccessRecord) -> Page {
    record.limited_by("max_request_body_bytes");
    Page::BodyTooLarge
}

/// Reads for a while what the client of a refused request still sends. To stop reading it would reset an HTTP/1
/// connection, and with it the answer. A client that waits to be told to go on is not told.
pub(super) fn read_the_rest(context: &Context, parts: &Parts, body: Incoming) {
    let waits = parts.headers.contains_key(header::EXPECT);
    if parts.version != Version::HTTP_2 && !waits && !body.is_end_stream() {
        context
            .requests
            .spawn(async move { drop(tokio::time::timeout(LINGER, throw_away(body)).await) });
    }
}

/// Reads a body to its end.
pub(super) async fn throw_away(mut body: Incoming) {
    while let Some(Ok(_)) = body.frame().await {}
}
