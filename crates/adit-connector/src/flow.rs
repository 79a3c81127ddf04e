//! One stream of the edge's, on whichever transport it came: what is asked, and where the answer goes.

mod http2;
mod limited;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use adit_net::h2::{H2Error, H2RecvBody, H2Reply};
use adit_net::quic::{ReadError, RecvStream};
use adit_wire::{ConnectAnswer, encode_body_end, encode_body_frame};
use bytes::Bytes;
use http::HeaderMap;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub(crate) use http2::request_head;
use limited::LimitedError;
pub(crate) use limited::LimitedSend;

/// What the edge sends on a stream, after the head.
pub(crate) enum Asking {
    /// On a QUIC stream.
    Quic(RecvStream),
    /// On an HTTP/2 stream.
    Http2(H2RecvBody),
}

/// Where the answer to a stream goes. Dropping it unfinished resets the stream.
pub(crate) enum Answering {
    /// On a QUIC stream.
    Quic {
        /// The stream.
        send: LimitedSend,
        /// The edge wants the body in frames, and trailers behind it.
        framed: bool,
    },
    /// On an HTTP/2 stream.
    Http2 {
        /// The stream.
        reply: H2Reply,
        /// A WebSocket was asked for.
        websocket: bool,
    },
}

/// Why a stream failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FlowError {
    /// The edge wants no more of it, or takes nothing.
    #[error(transparent)]
    Write(#[from] LimitedError),
    /// What came broke off.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Either, over HTTP/2.
    #[error(transparent)]
    Http2(#[from] H2Error),
}

impl From<FlowError> for io::Error {
    fn from(error: FlowError) -> Self {
        match error {
            FlowError::Write(error) => error.into(),
            FlowError::Read(error) => error.into(),
            FlowError::Http2(error) => error.into(),
        }
    }
}

impl Asking {
    /// The next bytes, at most `max_bytes` of them on QUIC and a frame on HTTP/2; `None` at the end.
    pub(crate) fn poll_chunk(
        &mut self,
        cx: &mut Context<'_>,
        max_bytes: usize,
    ) -> Poll<Result<Option<Bytes>, FlowError>> {
        match self {
            Self::Quic(recv) => recv.poll_chunk(cx, max_bytes).map_err(FlowError::from),
            Self::Http2(body) => body.poll_chunk(cx).map_err(FlowError::from),
        }
    }

    /// Whether a request has a body, where the transport says so by itself; on QUIC its headers do.
    pub(crate) fn has_body(&self) -> Option<bool> {
        match self {
            Self::Quic(_) => None,
            Self::Http2(body) => Some(!body.is_at_end()),
        }
    }
}

impl Answering {
    /// Sends the head of the answer, and the first bytes of its body if some are there already.
    pub(crate) async fn answer(&mut self, answer: ConnectAnswer, first: Bytes) -> Result<(), FlowError> {
        match self {
            Self::Quic { send, framed } => {
                // A failure has no body.
                *framed &= matches!(answer, ConnectAnswer::Accepted(_));
                let head = Bytes::from(answer.encode());
                let frame = frame(*framed, &first);
                Ok(send.write_chunks(&mut [head, frame, first]).await?)
            }
            Self::Http2 { reply, websocket } => {
                reply.answer(http2::response_head(answer, *websocket))?;
                Ok(reply.write_chunk(first).await?)
            }
        }
    }

    /// Sends all of `chunk` of the answer's body. Not cancel safe: a prefix may have been sent.
    pub(crate) async fn write_chunk(&mut self, chunk: Bytes) -> Result<(), FlowError> {
        match self {
            Self::Quic { send, framed: false } => Ok(send.write_chunk(chunk).await?),
            Self::Quic { send, framed: true } => {
                let frame = frame(true, &chunk);
                Ok(send.write_chunks(&mut [frame, chunk]).await?)
            }
            Self::Http2 { reply, .. } => Ok(reply.write_chunk(chunk).await?),
        }
    }

    /// Sends both pieces of a flow of bytes, as one where they fit. Not cancel safe.
    pub(crate) async fn write_both(&mut self, pieces: [Bytes; 2]) -> Result<(), FlowError> {
        match self {
            Self::Quic { send, .. } => {
                let mut pieces = pieces;
                Ok(send.write_chunks(&mut pieces).await?)
            }
            Self::Http2 { reply, .. } => {
                for piece in pieces {
                    reply.write_chunk(piece).await?;
                }
                Ok(())
            }
        }
    }

    /// The answer is complete.
    pub(crate) fn finish(&mut self) {
        match self {
            Self::Quic { send, .. } => send.finish(),
            Self::Http2 { reply, .. } => reply.finish(),
        }
    }

    /// The body of an origin's answer is complete and ends with these trailers, where there is a place for them: on HTTP/2,
    /// and in a body in frames. [`Answering::finish`] follows.
    pub(crate) async fn end_body(&mut self, trailers: Option<HeaderMap>) -> Result<(), FlowError> {
        match self {
            Self::Quic { framed: false, .. } => {}
            Self::Quic { send, framed: true } => {
                let end = encode_body_end(&trailers.unwrap_or_default());
                send.write_chunk(Bytes::from(end)).await?;
            }
            Self::Http2 { reply, .. } => {
                if let Some(trailers) = trailers {
                    reply.finish_with_trailers(trailers);
                }
            }
        }
        Ok(())
    }

    /// Waits until the edge wants no answer any more, is gone, or (once it is finished) has the answer as far as the
    /// transport tells. The future borrows nothing, so it can be watched, in the same task, while the answer is written.
    pub(crate) fn stopped(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match self {
            Self::Quic { send, .. } => Box::pin(send.stopped()),
            Self::Http2 { reply, .. } => Box::pin(reply.stopped()),
        }
    }
}

/// What stands before a piece of a body in frames; nothing where there are none.
fn frame(framed: bool, piece: &Bytes) -> Bytes {
    let frame = framed.then(|| encode_body_frame(piece.len())).flatten();
    frame.map_or(Bytes::new(), |frame| Bytes::copy_from_slice(&frame))
}

impl AsyncRead for Asking {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Quic(recv) => Pin::new(recv).poll_read(cx, buf),
            Self::Http2(body) => Pin::new(body).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Answering {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Quic { send, .. } => Pin::new(send).poll_write(cx, buf),
            Self::Http2 { reply, .. } => Pin::new(reply).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Quic { send, .. } => Pin::new(send).poll_flush(cx),
            Self::Http2 { reply, .. } => Pin::new(reply).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Quic { send, .. } => Pin::new(send).poll_shutdown(cx),
            Self::Http2 { reply, .. } => Pin::new(reply).poll_shutdown(cx),
        }
    }
}
