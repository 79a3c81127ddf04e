//! Bodies of a given size, speed or end.

use std::{io, time::Duration};

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt};
use http::{HeaderValue, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::{sync::broadcast, task::yield_now, time::interval};

use super::answer::{Answer, plain};

/// A prime, so that a shift by any power of two shows.
const PERIOD: usize = 251;
/// About 64 KiB, and whole periods: every chunk starts like the first one.
const CHUNK: usize = PERIOD * 261;

/// What `/bytes/N` sends: byte number i is i modulo 251.
#[must_use]
pub fn pattern(bytes: usize) -> Vec<u8> {
    (0..=250).cycle().take(bytes).collect()
}

/// Sends `sent` bytes. `announced` is their number unless the body is to break off after them.
pub(super) fn sized(sent: u64, announced: u64, chunked: bool) -> Answer {
    let chunk = Bytes::from(pattern(CHUNK));
    let pieces = stream::unfold(sent, move |left| {
        let chunk = chunk.clone();
        async move {
            let size = usize::try_from(left).unwrap_or(usize::MAX).min(CHUNK);
            (size > 0).then(|| (Ok(chunk.slice(..size)), left - size as u64))
        }
    });
    let end = (announced != sent).then_some(async {
        // While the body has nothing to give, hyper flushes the head and what there was.
        yield_now().await;
        Err(io::Error::other("the origin breaks off"))
    });
    let mut answer = streaming(
        "application/octet-stream",
        pieces.chain(stream::iter(end).then(|end| end)),
    );
    if !chunked {
        answer
            .headers_mut()
            .insert(header::CONTENT_LENGTH, HeaderValue::from(announced));
    }
    answer
}

/// One byte each 10 ms.
pub(super) fn drip(bytes: u64) -> Answer {
    let pieces = stream::unfold(
        (interval(Duration::from_millis(10)), bytes),
        |(mut ticks, left)| async move {
            if left == 0 {
                return None;
            }
            ticks.tick().await;
            Some((Ok(Bytes::from_static(b".")), (ticks, left - 1)))
        },
    );
    let mut answer = streaming("application/octet-stream", pieces);
    answer
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
    answer
}

/// Events as they are emitted; never ends by itself.
pub(super) fn events(receiver: broadcast::Receiver<String>) -> Answer {
    let pieces = stream::unfold(receiver, |mut receiver| async move {
        loop {
            match receiver.recv().await {
                Ok(text) => return Some((Ok(event(&text)), receiver)),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    });
    streaming("text/event-stream", pieces)
}

/// The events `1` to `count`, at once.
pub(super) fn counted_events(count: u64) -> Answer {
    streaming(
        "text/event-stream",
        stream::iter((1..=count).map(|number| Ok(event(&number.to_string())))),
    )
}

fn event(text: &str) -> Bytes {
    Bytes::from(format!("data: {text}\n\n"))
}

fn streaming(
    content_type: &'static str,
    pieces: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
) -> Answer {
    let body = StreamBody::new(pieces.map(|piece| piece.map(Frame::data))).boxed_unsync();
    let (mut head, _) = plain(StatusCode::OK, "").into_parts();
    head.headers
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    Response::from_parts(head, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_is_the_same_wherever_it_is_cut() {
        let long = pattern(CHUNK + 7);
        assert_eq!(long[..7], long[CHUNK..]);
        assert_eq!(pattern(252)[249..], [249, 250, 0]);
    }
}
