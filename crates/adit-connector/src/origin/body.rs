//! A request's body on its way from the edge to the origin.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use adit_net::quic::RecvStream;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// The most bytes taken from the edge at once.
const CHUNK: usize = 64 * 1024;

/// Nothing, or what follows the request head on its stream. The origin's pace is the edge's.
///
/// A stream that the edge resets makes the body fail, which aborts the request to the origin.
pub(crate) enum RequestBody {
    /// No body.
    Empty,
    /// The rest of the stream.
    Stream {
        /// Bytes that came with the head.
        first: Bytes,
        /// What follows them.
        recv: RecvStream,
        /// The length, where the head tells.
        length: Option<u64>,
    },
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Stream { first, recv, .. } => {
                if !first.is_empty() {
                    return Poll::Ready(Some(Ok(Frame::data(std::mem::take(first)))));
                }
                match ready!(recv.poll_chunk(cx, CHUNK)) {
                    Ok(chunk) => Poll::Ready(chunk.map(|bytes| Ok(Frame::data(bytes)))),
                    Err(error) => Poll::Ready(Some(Err(error.into()))),
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Empty)
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Stream {
                length: Some(length), ..
            } => SizeHint::with_exact(*length),
            Self::Stream { length: None, .. } => SizeHint::default(),
        }
    }
}
