//! One exchange with an origin, over whatever carries the connection.

mod framed;
mod http2;
mod quic;

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use adit_net::{
    h2::{H2Error, H2RecvBody, H2Response, H2SendBody},
    quic::{ReadError, RecvStream, SendStream, WriteError},
};
use adit_wire::{ConnectAnswer, Extras, FlowKind, MessageError, RequestHead, features};
use bytes::Bytes;
use http::{HeaderMap, header};
use tokio::io::AsyncWrite;

use crate::connection::{Connection, Transport};
use framed::Framed;

/// The largest piece of a body that is handed on at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// Why an exchange failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpstreamError {
    /// The connector never saw the request: it may go to another one.
    #[error("the connection to the connector is gone")]
    NotSent,
    /// The connector takes no further stream on this connection for now, and never saw the request.
    #[error("the connection is full")]
    Full,
    /// The connection to the connector broke; how far the request came is unknown.
    #[error("the connection to the connector broke: {0}")]
    Lost(String),
    /// The connector gave the exchange up.
    #[error("the connector broke off: {0}")]
    Broken(String),
    /// What the connector sent is not an answer.
    #[error("the connector answered garbage: {0}")]
    Malformed(String),
}

impl From<WriteError> for UpstreamError {
    fn from(error: WriteError) -> Self {
        Self::Broken(error.to_string())
    }
}

impl From<ReadError> for UpstreamError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::ConnectionLost(cause) => Self::Lost(cause.to_string()),
            ReadError::Reset(_) | ReadError::Ended => Self::Broken(error.to_string()),
        }
    }
}

impl From<H2Error> for UpstreamError {
    fn from(error: H2Error) -> Self {
        match error {
            H2Error::Refused => Self::NotSent,
            H2Error::Io(_) | H2Error::Session(_) | H2Error::Ended => Self::Lost(error.to_string()),
            H2Error::Reset(_) => Self::Broken(error.to_string()),
        }
    }
}

impl From<MessageError> for UpstreamError {
    fn from(error: MessageError) -> Self {
        Self::Malformed(error.to_string())
    }
}

/// Opens an exchange. With `has_body` false nothing can be sent after the head.
pub(crate) async fn open(
    connection: &Connection,
    head: &RequestHead,
    has_body: bool,
) -> Result<(Upload, Answer), UpstreamError> {
    match &connection.transport {
        Transport::Quic(quic) => quic::open(quic, head, extras(connection, head), has_body).await,
        Transport::Http2(session) => http2::open(session, head, has_body).await,
    }
}

/// What the connector is told beyond what a stock one knows: only what it announced.
fn extras(connection: &Connection, head: &RequestHead) -> Extras {
    let announced = &connection.connector.features;
    if !announced.iter().any(|name| name.starts_with(features::PREFIX)) {
        return Extras::default();
    }
    // Frames cost a little, so only who wants trailers gets them.
    let wanted = head.kind == FlowKind::Http && head.headers.contains_key(header::TE);
    Extras {
        trailers: wanted && announced.iter().any(|name| name == features::TRAILERS),
        client: head.extras.client,
    }
}

/// The way to the origin. Dropped unfinished, it tells the connector that the request was cut short.
#[derive(Debug)]
pub(crate) enum Upload {
    Quic(SendStream),
    Http2(H2SendBody),
}

impl Upload {
    /// Sends a piece; waits while the way is full. Not cancel safe.
    pub(crate) async fn write(&mut self, chunk: Bytes) -> Result<(), UpstreamError> {
        match self {
            Self::Quic(stream) => Ok(stream.write_chunk(chunk).await?),
            Self::Http2(body) => Ok(body.write_chunk(chunk).await?),
        }
    }

    /// Sends some bytes of a piece; how many.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, piece: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Quic(stream) => Pin::new(stream).poll_write(cx, piece),
            Self::Http2(body) => Pin::new(body).poll_write(cx, piece),
        }
    }

    /// The request is complete.
    pub(crate) fn finish(&mut self) {
        match self {
            Self::Quic(stream) => stream.finish(),
            Self::Http2(body) => body.finish(),
        }
    }

    /// The request is complete and ends with trailers, which QUIC does not carry.
    pub(crate) fn finish_with_trailers(&mut self, trailers: HeaderMap) -> Result<(), UpstreamError> {
        match self {
            Self::Quic(stream) => stream.finish(),
            Self::Http2(body) => body.finish_with_trailers(trailers)?,
        }
        Ok(())
    }
}

impl From<UpstreamError> for io::Error {
    fn from(error: UpstreamError) -> Self {
        let kind = match &error {
            UpstreamError::Lost(_) | UpstreamError::NotSent | UpstreamError::Full => {
                io::ErrorKind::ConnectionAborted
            }
            UpstreamError::Broken(_) => io::ErrorKind::ConnectionReset,
            UpstreamError::Malformed(_) => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}

/// The answer that has not come yet.
pub(crate) enum Answer {
    Quic { stream: RecvStream, framed: bool },
    Http2 { response: H2Response, websocket: bool },
}

impl Answer {
    /// Waits for the answer's head.
    pub(crate) async fn head(self) -> Result<(ConnectAnswer, Download), UpstreamError> {
        match self {
            Self::Quic { stream, framed } => quic::read_head(stream, framed).await,
            Self::Http2 { response, websocket } => http2::read_head(response, websocket).await,
        }
    }
}

/// The way from the origin.
#[derive(Debug)]
pub(crate) enum Download {
    Quic {
        stream: RecvStream,
        leftover: Bytes,
    },
    /// The same with trailers.
    Framed(Box<Framed>),
    Http2(H2RecvBody),
}

impl Download {
    /// The next piece; `None` at the end.
    pub(crate) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, UpstreamError>> {
        match self {
            Self::Quic { leftover, .. } if !leftover.is_empty() => {
                Poll::Ready(Ok(Some(std::mem::take(leftover))))
            }
            Self::Quic { stream, .. } => stream.poll_chunk(cx, CHUNK_BYTES).map_err(UpstreamError::from),
            Self::Framed(body) => body.poll_chunk(cx),
            Self::Http2(body) => body.poll_chunk(cx).map_err(UpstreamError::from),
        }
    }

    /// The trailers after the last piece, which QUIC carries only from a connector that can frame them.
    pub(crate) fn poll_trailers(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<HeaderMap>, UpstreamError>> {
        match self {
            Self::Quic { .. } => Poll::Ready(Ok(None)),
            Self::Framed(body) => Poll::Ready(Ok(body.trailers())),
            Self::Http2(body) => Poll::Ready(Ok(ready!(body.poll_trailers(cx))?)),
        }
    }

    /// [`Download::poll_chunk`] to be awaited. Cancel safe.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, UpstreamError> {
        std::future::poll_fn(|cx| self.poll_chunk(cx)).await
    }
}
