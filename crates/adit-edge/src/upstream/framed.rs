//! The answer's body on QUIC from a connector that was asked for trailers.

use std::task::{Context, Poll, ready};

use adit_net::quic::RecvStream;
use adit_wire::{FramedBody, Piece};
use bytes::Bytes;
use http::HeaderMap;

use super::{CHUNK_BYTES, UpstreamError};

/// A body in frames, and the trailers behind it.
#[derive(Debug)]
pub(crate) struct Framed {
    stream: RecvStream,
    /// What came and was not looked at yet.
    input: Bytes,
    body: FramedBody,
    trailers: Option<HeaderMap>,
}

impl Framed {
    pub(super) fn new(stream: RecvStream, input: Bytes) -> Self {
        Self {
            stream,
            input,
            body: FramedBody::default(),
            trailers: None,
        }
    }

    /// The next bytes; `None` once the trailers are there. An end of the stream before them is a body cut short.
    pub(super) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, UpstreamError>> {
        loop {
            match self.body.next(&mut self.input) {
                Ok(Some(Piece::Data(data))) => return Poll::Ready(Ok(Some(data))),
                Ok(Some(Piece::End(trailers))) => {
                    self.trailers = Some(trailers).filter(|trailers| !trailers.is_empty());
                }
                Ok(None) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
            if self.body.is_over() {
                return Poll::Ready(Ok(None));
            }
            match ready!(self.stream.poll_chunk(cx, CHUNK_BYTES))? {
                Some(chunk) => self.input = chunk,
                None => {
                    let text = "the answer's body ended within a frame".to_owned();
                    return Poll::Ready(Err(UpstreamError::Broken(text)));
                }
            }
        }
    }

    /// The trailers, once.
    pub(super) const fn trailers(&mut self) -> Option<HeaderMap> {
        self.trailers.take()
    }
}
