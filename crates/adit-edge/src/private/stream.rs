//! The byte stream of a TCP flow.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::FlowPlace;
use crate::{
    connection::Place,
    replies::{Replies, Reply},
    upstream::Upload,
};

/// A TCP flow on a connection of a connector. Dropped before both sides have ended, it resets both.
pub(super) struct FlowStream {
    upload: Upload,
    replies: Replies,
    rest: Bytes,
    ended: bool,
    _place: Place,
    _held: FlowPlace,
}

impl FlowStream {
    pub(super) fn new(upload: Upload, replies: Replies, place: Place, held: FlowPlace) -> Self {
        Self {
            upload,
            replies,
            rest: Bytes::new(),
            ended: false,
            _place: place,
            _held: held,
        }
    }
}

impl AsyncRead for FlowStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ended {
            return Poll::Ready(Ok(()));
        }
        if self.rest.is_empty() {
            match ready!(self.replies.poll_next(cx))? {
                Reply::Bytes(bytes) => self.rest = bytes,
                Reply::End | Reply::Silence => {
                    // Nothing more comes that an end of the sending side could cut off.
                    self.upload.finish();
                    self.ended = true;
                    return Poll::Ready(Ok(()));
                }
            }
        }
        let copied = self.rest.len().min(buffer.remaining());
        buffer.put_slice(self.rest.get(..copied).unwrap_or_default());
        self.rest.advance(copied);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for FlowStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.ended || self.replies.is_half_closed() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        self.upload.poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.replies.half_close();
        Poll::Ready(Ok(()))
    }
}
